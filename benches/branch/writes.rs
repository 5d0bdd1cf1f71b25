//! How long production's writes wait while it is halfway, beside the same time without.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};

use crate::Sizes;
use crate::figures::{Chapter, Series, Target, seconds, table};
use crate::pgbench::{self, Load};
use crate::production::{Branches, Place, Production};

const MOST_MORE_MS: f64 = 100.0;

pub fn measure(place: &Place, sizes: &Sizes) -> Result<Chapter> {
    eprintln!("production's writes: {} branches", sizes.branches);
    let scale = sizes.scales.first().copied().unwrap_or(7);
    let fill = |production: &Production<'_>| pgbench::fill(production, scale);
    let production = Production::new(place, "writes", pgbench::RULES, fill)?;
    let mut branches = Branches::of(&production);
    // What is only paid once is paid before.
    branches.make("first")?;
    let mut load = Load::start(&production)?;
    for _ in 0..3 {
        load.tick()?;
    }
    let began = now();
    for number in 0..sizes.branches {
        crate::interrupted()?;
        branches.make(&format!("b{number}"))?;
    }
    let halfway = now();
    while now() < halfway + (halfway - began) {
        load.tick()?;
    }
    let ended = halfway + (halfway - began);
    let log = load.end()?;
    branches.destroy_all()?;
    let during = waits(&log, began, halfway);
    let without = waits(&log, halfway, ended);
    ensure!(
        during.len() > 100 && without.len() > 100,
        "too few transactions: {} and {}",
        during.len(),
        without.len()
    );
    Ok(chapter(sizes, &during, &without))
}

fn chapter(sizes: &Sizes, during: &Series, without: &Series) -> Chapter {
    let more = (during.longest() - without.longest()) * 1000.0;
    let line = |what: &str, series: &Series| {
        vec![
            what.to_owned(),
            series.len().to_string(),
            seconds(series.longest()),
            seconds(series.quantile(0.99)),
            seconds(series.median()),
        ]
    };
    let rows = [
        line(
            &format!("{} branches, one after the other", sizes.branches),
            during,
        ),
        line("the same time without", without),
    ];
    Chapter {
        text: format!(
            "\n## Production's writes\n\npgbench on the source, 2 clients, 100 transactions a second, each from when it was due to its \
             commit, in seconds; one run of pgbench over both halves. The branches stay up, and their own work is part of what \
             production waits for here: all share the same cores and disk.\n\n{}",
            table(&["During", "Transactions", "Longest", "99 %", "Median"], &rows)
        ),
        targets: vec![Target {
            what: "longest wait of a write of production, against the same time without branching".to_owned(),
            wanted: format!("≤ {MOST_MORE_MS} ms more"),
            measured: format!("{more:+.0} ms"),
            held: more <= MOST_MORE_MS,
        }],
    }
}

fn waits(log: &[(f64, f64)], from: f64, to: f64) -> Series {
    let mut series = Series::default();
    for (ended, took) in log {
        if (from..to).contains(ended) {
            series.push(*took);
        }
    }
    series
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
