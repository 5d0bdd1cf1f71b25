//! Speed of `envclone branch` beside the bare floor: the same storage commands, the same server binary, the same query,
//! measured in the same run, in turns. As root; writes `docs/benchmarks.md`. What it says of ZFS is measured in the guest, by
//! `make bench-vm`, and stays when the rest is written anew.
//!
//! `make bench`, or quickly `ENVCLONE_BENCH_QUICK=1 make bench`, which writes to `target/benchmarks-quick.md`.
//!
//! | variable | means |
//! |---|---|
//! | `ENVCLONE_BENCH_QUICK` | 0.1 GB, 3 pairs, 100,000 rows |
//! | `ENVCLONE_BENCH_SCALES` | scales of pgbench, `7,70,700`; 7 is 0.1 GB |
//! | `ENVCLONE_BENCH_PAIRS`, `ENVCLONE_BENCH_ROWS` | pairs of runs, rows of the masked table |
//! | `ENVCLONE_BENCH_DIR` | where the pool's file lies; root's, and not below `/tmp`; `/var/lib` |
//! | `ENVCLONE_BENCH_GREENMASK` | the program of Greenmask 0.2.22, installed as its authors say, to be measured beside the masking; `make bench GREENMASK=PROGRAM` |
//! | `ENVCLONE_BENCH_ONLY` | of `url,masking,search,writes,commands,scan` |
#![allow(
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench starts what a person would type, reads its settings, and prints its result"
)]

#[path = "branch/commands.rs"]
mod commands;
#[path = "branch/figures.rs"]
mod figures;
#[path = "branch/greenmask.rs"]
mod greenmask;
#[path = "branch/host.rs"]
mod host;
#[path = "branch/masking.rs"]
mod masking;
#[path = "branch/pgbench.rs"]
mod pgbench;
#[path = "branch/piped.rs"]
mod piped;
#[path = "branch/production.rs"]
mod production;
#[path = "branch/report.rs"]
mod report;
#[path = "branch/scan.rs"]
mod scan;
#[path = "branch/search.rs"]
mod search;
#[path = "branch/storage.rs"]
mod storage;
#[path = "branch/url.rs"]
mod url;
#[path = "branch/writes.rs"]
mod writes;
#[path = "branch/zfs.rs"]
mod zfs;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, bail, ensure};
use figures::Chapter;
use production::Place;

/// How much is measured.
pub struct Sizes {
    quick: bool,
    /// Scales of pgbench.
    scales: Vec<u32>,
    /// Pairs of runs for the time to URL.
    pairs: usize,
    /// Rows of the masked table.
    rows: u32,
    masking_pairs: usize,
    /// Branches made while production writes.
    branches: usize,
    /// Runs of each command that only reads.
    commands: usize,
    /// Scans of many tables.
    scans: usize,
    only: Vec<String>,
}

/// Where the results of whole runs are.
const PAGE: &str = "docs/benchmarks.md";

type Measure = fn(&Place, &Sizes) -> Result<Chapter>;

const MEASURES: [(&str, Measure); 6] = [
    ("url", url::measure),
    ("masking", masking::measure),
    ("search", |_, _| search::chapter()),
    ("writes", writes::measure),
    ("commands", commands::measure),
    ("scan", scan::measure),
];

fn main() -> Result<ExitCode> {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some(masking::MEASURE) => return masking::measure_memory(words),
        Some(zfs::KEEP) => {
            zfs::keep(Path::new(
                &words.next().context("the file that the guest printed")?,
            ))?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(zfs::MEASURE) => {
            listen_for_signals()?;
            zfs::measure()?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    ensure!(
        rustix::process::geteuid().is_root(),
        "the bench of branches needs root"
    );
    listen_for_signals()?;
    let sizes = Sizes::from_environment()?;
    let directory = PathBuf::from(variable("ENVCLONE_BENCH_DIR").unwrap_or_else(|| "/var/lib".to_owned()));
    let programs = host::server_programs()?;
    let (load, size) = (host::load(), sizes.pool());
    ensure_room(&directory, size)?;
    let place = Place::new(&directory, size, programs.clone())?;
    let mut chapters = Vec::new();
    for (name, measure) in MEASURES {
        if sizes.only.is_empty() || sizes.only.iter().any(|only| only == name) {
            chapters.push(measure(&place, &sizes).with_context(|| format!("measuring {name}"))?);
        }
    }
    drop(place);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(sizes.output());
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let kept = zfs::chapter_in(&before).filter(|_| sizes.keeps_zfs());
    let text = report::write(&host::facts(&programs)?, &load, &sizes, (&chapters, kept));
    std::fs::write(&path, &text)?;
    println!("{text}\nwritten to {}", sizes.output());
    Ok(ExitCode::SUCCESS)
}

impl Sizes {
    fn from_environment() -> Result<Self> {
        let quick = variable("ENVCLONE_BENCH_QUICK").is_some_and(|value| value != "0");
        let mut sizes = Self {
            quick,
            scales: if quick { vec![7] } else { vec![7, 70, 700] },
            pairs: if quick { 3 } else { 9 },
            rows: if quick { 100_000 } else { 1_000_000 },
            masking_pairs: if quick { 1 } else { 3 },
            branches: 10,
            commands: 20,
            scans: if quick { 1 } else { 3 },
            only: Vec::new(),
        };
        if let Some(scales) = variable("ENVCLONE_BENCH_SCALES") {
            let scales: Result<Vec<u32>, _> = scales.split(',').map(str::parse).collect();
            sizes.scales = scales.context("ENVCLONE_BENCH_SCALES is a list like 7,70")?;
        }
        if let Some(pairs) = variable("ENVCLONE_BENCH_PAIRS") {
            sizes.pairs = pairs.parse().context("ENVCLONE_BENCH_PAIRS is a number")?;
        }
        if let Some(rows) = variable("ENVCLONE_BENCH_ROWS") {
            sizes.rows = rows.parse().context("ENVCLONE_BENCH_ROWS is a number")?;
        }
        if let Some(only) = variable("ENVCLONE_BENCH_ONLY") {
            sizes.only = only.split(',').map(str::to_owned).collect();
        }
        Ok(sizes)
    }

    /// The pool's size in bytes: the largest data three times over, and some for the rest and the reserve.
    fn pool(&self) -> u64 {
        let largest = u64::from(self.scales.iter().copied().max().unwrap_or(0)) * 16_000_000;
        let table = u64::from(self.rows) * 600;
        (8 << 30) + 2 * largest.max(4 * table)
    }

    /// Where the result goes: only a whole run is worth keeping.
    fn output(&self) -> &'static str {
        let whole = !self.quick && self.only.is_empty();
        if whole { PAGE } else { "target/benchmarks-quick.md" }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn ensure_room(directory: &Path, wanted: u64) -> Result<()> {
    let found =
        rustix::fs::statvfs(directory).with_context(|| format!("looking at {}", directory.display()))?;
    let free = found.f_bavail * found.f_frsize;
    ensure!(
        free > wanted,
        "the pool may grow to {} GB and {} has {} GB; name another place by ENVCLONE_BENCH_DIR, or measure less by ENVCLONE_BENCH_SCALES",
        wanted / 1_000_000_000,
        directory.display(),
        free / 1_000_000_000
    );
    Ok(())
}

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Ctrl-C ends the programs that run, and with them the bench, which cleans up then.
fn listen_for_signals() -> Result<()> {
    let flag = Arc::clone(INTERRUPTED.get_or_init(Arc::default));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(())
}

/// An error once a signal has come.
fn interrupted() -> Result<()> {
    if INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::SeqCst)) {
        bail!("interrupted");
    }
    Ok(())
}
