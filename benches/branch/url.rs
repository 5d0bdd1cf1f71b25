//! Time from the command to the first answer of a branch in which nothing is rewritten, beside the bare floor.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::Sizes;
use crate::figures::{Chapter, Series, Target, at_most, ratio, table};
use crate::host::timed;
use crate::pgbench::{self, Load};
use crate::production::{Bare, Branches, Place, Production, psql_of, query};

const MOST: f64 = 1.5;
const FLAT: f64 = 0.2;

/// What no branch may keep, as one would type it: passwords, and what statistics, dead rows and the WAL hold of
/// them.
const SEALS: [&str; 6] = [
    "ALTER ROLE postgres PASSWORD 'by-hand'",
    "VACUUM FULL pg_authid",
    "DELETE FROM pg_statistic WHERE starelid = 'pg_authid'::regclass",
    "VACUUM FULL pg_statistic",
    "SELECT pg_switch_wal()",
    "CHECKPOINT",
];

/// One size under one load.
pub struct Row {
    bytes: u64,
    loaded: bool,
    pub ours: Series,
    pub floor: Series,
    by_hand: Series,
    steps: BTreeMap<String, Series>,
}

pub fn measure(place: &Place, sizes: &Sizes) -> Result<Chapter> {
    let mut rows = Vec::new();
    for scale in &sizes.scales {
        eprintln!("time to URL: pgbench, scale {scale}");
        let name = format!("scale-{scale}");
        let fill = |production: &Production<'_>| pgbench::fill(production, *scale);
        let production = Production::new(place, &name, pgbench::RULES, fill)?;
        rows.push(pairs(&production, sizes.pairs, false)?);
        let load = Load::start(&production)?;
        rows.push(pairs(&production, sizes.pairs, true)?);
        drop(load);
    }
    Ok(chapter(&rows))
}

pub fn pairs(production: &Production<'_>, pairs: usize, loaded: bool) -> Result<Row> {
    let mut row = Row {
        bytes: pgbench::size(production)?,
        loaded,
        ours: Series::default(),
        floor: Series::default(),
        by_hand: Series::default(),
        steps: BTreeMap::new(),
    };
    // The first pair warms the caches and is not counted.
    for pair in 0..=pairs {
        crate::interrupted()?;
        let floor = floor(production)?;
        let by_hand = by_hand(production)?;
        let (ours, steps) = ours(production)?;
        if pair == 0 {
            continue;
        }
        row.floor.push(floor);
        row.by_hand.push(by_hand);
        row.ours.push(ours);
        for (step, seconds) in steps {
            row.steps.entry(step).or_default().push(seconds);
        }
    }
    Ok(row)
}

fn floor(production: &Production<'_>) -> Result<f64> {
    let (took, bare) = timed(|| {
        let bare = Bare::start(production, &[])?;
        ensure!(bare.sql("SELECT 1")?.trim() == "1");
        Ok(bare)
    })?;
    drop(bare);
    Ok(took)
}

/// The floor, and what seals the catalogs: no sandbox, nothing read back, no record of what was made.
fn by_hand(production: &Production<'_>) -> Result<f64> {
    let (took, bare) = timed(|| {
        production.sql("CHECKPOINT")?;
        let bare = Bare::start(production, &["fsync=off", "full_page_writes=off"])?;
        for database in ["template1", "postgres"] {
            bare.each_in(database, &SEALS)?;
        }
        ensure!(bare.sql("SELECT 1")?.trim() == "1");
        Ok(bare)
    })?;
    drop(bare);
    Ok(took)
}

fn ours(production: &Production<'_>) -> Result<(f64, Vec<(String, f64)>)> {
    let mut branches = Branches::of(production);
    let (took, document) = timed(|| {
        let document = branches.make("bench")?;
        let url = document["url"].as_str().context("a URL")?;
        ensure!(query(psql_of(production.place, url)?, "SELECT 1")?.trim() == "1");
        Ok(document)
    })?;
    ensure!(
        document["sanitization"]["skipped"].is_string(),
        "something was rewritten"
    );
    branches.destroy_all()?;
    let steps = document["timings_ms"].as_object().context("timings")?;
    let seconds = |ms: &serde_json::Value| ms.as_f64().unwrap_or_default() / 1000.0;
    Ok((
        took,
        steps
            .iter()
            .map(|(step, ms)| (step.clone(), seconds(ms)))
            .collect(),
    ))
}

fn chapter(rows: &[Row]) -> Chapter {
    let mut chapter = Chapter {
        text: format!(
            "## Time to URL\n\npgbench data, every column kept by a rule, so that nothing is rewritten. Measured: from the start of \
             `envclone branch` to the answer of `SELECT 1` by `psql` through the URL. Floor: `btrfs subvolume snapshot -r`, `btrfs \
             subvolume snapshot`, the same server binary on it with the source's own settings (`fsync=on`), `SELECT 1` by `psql` as \
             soon as its log says that it is ready. By hand: the same after a `CHECKPOINT` of the source, with `fsync=off`, and in \
             each of its two databases what makes a copy of production one without its passwords (a new password, `pg_authid` and \
             `pg_statistic` rewritten, the old WAL dropped), by one `psql` each; no sandbox, and nothing is read back. The three \
             alternate, {} rounds after one that is not counted. Ratio: the median of the rounds' ratios, with the middle half in \
             parentheses. Load: pgbench, 2 clients, 100 transactions a second.\n\n",
            rows.first().map_or(0, |row| row.ours.len()),
        ),
        targets: Vec::new(),
    };
    let mut lines = Vec::new();
    for row in rows {
        let ratios = row.ours.over(&row.floor);
        let source = if row.loaded { "under load" } else { "idle" };
        lines.push(vec![
            gigabytes(row.bytes),
            source.to_owned(),
            ratio(&ratios),
            ratio(&row.ours.over(&row.by_hand)),
            small(&row.ours.spread()),
            small(&row.floor.spread()),
            small(&row.by_hand.spread()),
        ]);
        let what = format!("time to URL, {}, source {source}", gigabytes(row.bytes));
        chapter.targets.push(at_most(&what, &ratios, MOST));
    }
    let head = [
        "Data",
        "Source",
        "Ratio to the floor",
        "Ratio to sealing by hand",
        "<sub>envclone, s</sub>",
        "<sub>floor, s</sub>",
        "<sub>by hand, s</sub>",
    ];
    chapter.text += &table(&head, &lines);
    chapter.targets.extend(flatness(rows));
    chapter.text += &steps(rows);
    chapter
}

/// The slowest size beside the fastest, with the source idle.
fn flatness(rows: &[Row]) -> Option<Target> {
    let idle = rows.iter().filter(|row| !row.loaded);
    let medians: Vec<f64> = idle.map(|row| row.ours.median()).collect();
    let fastest = medians.iter().copied().reduce(f64::min)?;
    let slowest = medians.iter().copied().reduce(f64::max)?;
    let apart = slowest / fastest - 1.0;
    (medians.len() > 1).then(|| Target {
        what: "time to URL, largest beside smallest size, source idle".to_owned(),
        wanted: format!("within {:.0} %", FLAT * 100.0),
        measured: format!("{:.0} %", apart * 100.0),
        held: apart <= FLAT,
    })
}

/// Where the time goes, as parts of the whole.
fn steps(rows: &[Row]) -> String {
    let Some(first) = rows.first() else {
        return String::new();
    };
    let order = [
        "reserve", "quiesce", "snapshot", "clone", "seal", "start", "publish",
    ];
    let mut head = vec!["Data", "Source"];
    head.extend(order);
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let mut line = vec![
                gigabytes(row.bytes),
                if row.loaded { "under load" } else { "idle" }.to_owned(),
            ];
            line.extend(order.map(|step| {
                let part = row.steps.get(step).map_or(0.0, Series::median) / row.ours.median();
                format!("{:.0} %", part * 100.0)
            }));
            line
        })
        .collect();
    let named: f64 = order
        .iter()
        .filter_map(|step| first.steps.get(*step))
        .map(Series::median)
        .sum();
    format!(
        "\nWhere it goes, as parts of the whole; the rest (of the first row {:.0} %) is the start of the program, its end, and \
         `psql`:\n\n{}",
        (1.0 - named / first.ours.median()) * 100.0,
        table(&head, &lines)
    )
}

fn small(text: &str) -> String {
    format!("<sub>{text}</sub>")
}

#[allow(clippy::cast_precision_loss, reason = "a size for people")]
fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}
