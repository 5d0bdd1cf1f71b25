//! The time to URL on ZFS, in the guest of `make test-vm`: a chapter of its own, since the machine is another one and emulated.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::figures::{Series, Target, at_most, ratio, table};
use crate::production::{Place, Production};
use crate::{Sizes, host, pgbench, url};

/// The word by which the bench is told to measure this alone, and print it.
pub const MEASURE: &str = "zfs";
/// The word by which it is told to put a printed chapter, a file, into the page.
pub const KEEP: &str = "keep-zfs";
const BEGIN: &str = "<!-- zfs: written by `make bench-vm` -->\n";
const END: &str = "<!-- end of zfs -->\n";
/// The serial number of a disk that is blank when the guest is made.
const DISK: &str = "blank2";
/// Megabytes of files beside the database.
const SWEEP: [u64; 3] = [50, 200, 800];
/// In emulation one takes half a minute.
const PAIRS: usize = 3;
const MOST: f64 = 1.5;
const FLAT: f64 = 0.2;

/// Measures, and prints the chapter.
pub fn measure() -> Result<()> {
    let programs = host::server_programs()?;
    let place = Place::on_zfs(Path::new("/var/lib"), &disk()?, programs.clone())?;
    let fill = |production: &Production<'_>| pgbench::fill(production, 1);
    let production = Production::new(&place, "swept", pgbench::RULES, fill)?;
    let mut rows = Vec::new();
    let ballast = production.root().join("ballast");
    let quick = crate::variable("ENVCLONE_BENCH_QUICK").is_some();
    for megabytes in SWEEP.into_iter().take(if quick { 1 } else { SWEEP.len() }) {
        eprintln!("time to URL on ZFS: {megabytes} MB of files");
        // Not compressible, so that as much is stored.
        io::copy(
            &mut io::Read::take(fs::File::open("/dev/urandom")?, megabytes << 20),
            &mut fs::File::create(&ballast)?,
        )?;
        host::run(host::program("zpool").arg("sync"))?;
        let pairs = if quick { 1 } else { PAIRS };
        rows.push((megabytes, url::pairs(&production, pairs, false)?));
    }
    println!("{BEGIN}{}{END}", chapter(&host::facts_on_zfs(&programs)?, &rows));
    Ok(())
}

fn disk() -> Result<PathBuf> {
    for disk in fs::read_dir("/sys/block")? {
        let disk = disk?;
        if fs::read_to_string(disk.path().join("serial")).is_ok_and(|serial| serial.trim() == DISK) {
            return Ok(Path::new("/dev").join(disk.file_name()));
        }
    }
    anyhow::bail!("there is no disk {DISK}: this runs in the guest, by `make bench-vm`")
}

fn chapter(facts: &[(&'static str, String)], rows: &[(u64, url::Row)]) -> String {
    let facts: Vec<Vec<String>> = facts
        .iter()
        .map(|(what, value)| vec![(*what).to_owned(), value.clone()])
        .collect();
    let mut lines = Vec::new();
    let mut targets = Vec::new();
    for (megabytes, row) in rows {
        let ratios = row.ours.over(&row.floor);
        lines.push(vec![
            format!("{megabytes} MB and a database"),
            ratio(&ratios),
            format!("<sub>{}</sub>", row.ours.spread()),
            format!("<sub>{}</sub>", row.floor.spread()),
        ]);
        targets.push(at_most(
            &format!("time to URL on ZFS, {megabytes} MB of files"),
            &ratios,
            MOST,
        ));
    }
    targets.extend(flatness(rows.iter().map(|(_, row)| &row.ours)));
    let targets: Vec<Vec<String>> = targets.iter().map(crate::report::line).collect();
    format!(
        "## Time to URL on ZFS\n\nIn the emulated guest of `make test-vm`, where everything takes many times as long: only the ratios \
         mean something. A production of pgbench data (scale 1) with files beside it, on a zpool on a virtual disk. Measured as on Btrfs; floor: `zfs \
         snapshot`, `zfs clone`, the same server binary on it with the source's own settings, `SELECT 1`. Both alternate, {} pairs after \
         one that is not counted.\n\n{}\n{}\n{}",
        rows.first().map_or(0, |(_, row)| row.ours.len()),
        table(&["Machine", ""], &facts),
        table(&["What", "Target", "Measured", ""], &targets),
        table(
            &[
                "Data",
                "Ratio to the floor",
                "<sub>envclone, s</sub>",
                "<sub>floor, s</sub>"
            ],
            &lines
        ),
    )
}

/// The slowest size beside the fastest.
fn flatness<'a>(series: impl Iterator<Item = &'a Series>) -> Option<Target> {
    let medians: Vec<f64> = series.map(Series::median).collect();
    let fastest = medians.iter().copied().reduce(f64::min)?;
    let slowest = medians.iter().copied().reduce(f64::max)?;
    let apart = slowest / fastest - 1.0;
    Some(Target {
        what: "time to URL on ZFS, the slowest size beside the fastest".to_owned(),
        wanted: format!("within {:.0} %", FLAT * 100.0),
        measured: format!("{:.0} %", apart * 100.0),
        held: apart <= FLAT,
    })
}

/// The chapter in a text, with its marks.
pub fn chapter_in(text: &str) -> Option<&str> {
    let begin = text.find(BEGIN)?;
    let end = begin + text[begin..].find(END)? + END.len();
    Some(&text[begin..end])
}

/// Puts the chapter that a run in the guest printed into the page, in place of the one before.
pub fn keep(printed: &Path) -> Result<()> {
    let printed = fs::read_to_string(printed)?;
    let new = chapter_in(&printed).context("the guest printed no chapter")?;
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(crate::PAGE);
    let text = fs::read_to_string(&page)?;
    let text = if let Some(old) = chapter_in(&text) {
        text.replacen(old, new, 1)
    } else {
        let notes = crate::report::NOTES.trim_start();
        let at = text.find(notes).unwrap_or(text.len());
        format!("{}{new}\n{}", &text[..at], &text[at..])
    };
    ensure!(chapter_in(&text) == Some(new));
    fs::write(&page, text)?;
    println!("{new}\nwritten to {}", crate::PAGE);
    Ok(())
}

impl Sizes {
    /// Whether the chapter of an earlier run is kept in the page that is written.
    pub fn keeps_zfs(&self) -> bool {
        self.output() == crate::PAGE
    }
}
