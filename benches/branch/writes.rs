//! How long production's writes wait while it is halfway, beside the same time without.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};

use crate::Sizes;
use crate::figures::{Chapter, Series, Target, seconds, table};
use crate::pgbench::{self, Load};
use crate::production::{Branches, Copies, Place, Production};

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
    let mut copies = Vec::new();
    let began = now();
    for number in 0..sizes.branches {
        crate::interrupted()?;
        copies.push(Copies::of(&production, number)?);
        load.tick()?;
    }
    let quiet = now();
    while now() < quiet + (quiet - began) {
        load.tick()?;
    }
    let branching = now();
    for number in 0..sizes.branches {
        crate::interrupted()?;
        branches.make(&format!("b{number}"))?;
        load.tick()?;
    }
    let ended = now();
    let log = load.end()?;
    drop(copies);
    branches.destroy_all()?;
    let found = Found {
        copies: waits(&log, began, quiet),
        without: waits(&log, quiet, branching),
        branches: waits(&log, branching, ended),
    };
    for series in [&found.copies, &found.without, &found.branches] {
        ensure!(series.len() > 100, "too few transactions: {}", series.len());
    }
    Ok(chapter(sizes, &found))
}

/// What production's writes waited.
struct Found {
    copies: Series,
    without: Series,
    branches: Series,
}

fn chapter(sizes: &Sizes, found: &Found) -> Chapter {
    let more = (found.copies.longest() - found.without.longest()) * 1000.0;
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
            &format!("{} snapshots and clones, one a second", sizes.branches),
            &found.copies,
        ),
        line("the same time without", &found.without),
        line(
            &format!("{} branches, whole, a second apart", sizes.branches),
            &found.branches,
        ),
    ];
    Chapter {
        text: format!(
            "\n## Production's writes\n\npgbench on the source, 2 clients, 100 transactions a second, each from when it was due to its \
             commit, in seconds; one run of pgbench over all three. The target is for the snapshot and the clone. The branches' own work \
             (their servers start, seal and stay up) is more, since it shares cores and disk with production here, although it stands \
             back at the processor.\n\n{}",
            table(&["During", "Transactions", "Longest", "99 %", "Median"], &rows)
        ),
        targets: vec![Target {
            what: "longest wait of a write of production while it is snapshotted and cloned, against the same time without"
                .to_owned(),
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
