//! Medians, spreads and ratios of what was measured, and how they are written.

/// Seconds, one for each run.
#[derive(Debug, Clone, Default)]
pub struct Series(Vec<f64>);

impl Series {
    pub fn push(&mut self, seconds: f64) {
        self.0.push(seconds);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn median(&self) -> f64 {
        quantile(&self.0, 0.5)
    }

    pub fn quantile(&self, q: f64) -> f64 {
        quantile(&self.0, q)
    }

    pub fn longest(&self) -> f64 {
        quantile(&self.0, 1.0)
    }

    /// `0.512 (0.480–0.611)`: median, and the middle half of the runs.
    pub fn spread(&self) -> String {
        let at = |q| quantile(&self.0, q);
        format!(
            "{} ({}–{})",
            seconds(at(0.5)),
            seconds(at(0.25)),
            seconds(at(0.75))
        )
    }

    /// Run by run, how many times `floor` this is.
    pub fn over(&self, floor: &Self) -> Self {
        Self(
            self.0
                .iter()
                .zip(&floor.0)
                .map(|(one, other)| one / other)
                .collect(),
        )
    }
}

/// A ratio with its middle half.
pub fn ratio(series: &Series) -> String {
    let at = |q| quantile(&series.0, q);
    format!("{:.2} ({:.2}–{:.2})", at(0.5), at(0.25), at(0.75))
}

pub fn seconds(value: f64) -> String {
    if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

/// Linear between the two nearest runs.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a short list"
)]
fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = q * last as f64;
    let below = place.floor() as usize;
    let above = place.ceil() as usize;
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}

/// One target, and whether it was held.
pub struct Target {
    pub what: String,
    pub wanted: String,
    pub measured: String,
    pub held: bool,
}

/// Whether `series` is at most `most` in the median.
pub fn at_most(what: &str, series: &Series, most: f64) -> Target {
    Target {
        what: what.to_owned(),
        wanted: format!("≤ {most}"),
        measured: format!("{:.2}", series.median()),
        held: series.median() <= most,
    }
}

/// What one kind of measurement came to.
#[derive(Default)]
pub struct Chapter {
    pub text: String,
    pub targets: Vec<Target>,
}

/// A Markdown table.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head.to_vec());
    text.push_str(&line(head.iter().map(|_| "---").collect()));
    for row in rows {
        text.push_str(&line(row.iter().map(String::as_str).collect()));
    }
    text
}
