//! pgbench: data without anything personal in it, a light load, and the log of its transactions.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, bail};

use crate::host::run;
use crate::production::Production;

/// Transactions each second: enough that something is always being written, little for two cores.
const RATE: &str = "100";

/// Nothing of it is personal, so nothing is rewritten.
pub const RULES: &str = r#"
[db."public.pgbench_accounts"]
aid = { keep = "pgbench" }
bid = { keep = "pgbench" }
abalance = { keep = "pgbench" }
filler = { keep = "pgbench" }

[db."public.pgbench_branches"]
bid = { keep = "pgbench" }
bbalance = { keep = "pgbench" }
filler = { keep = "pgbench" }

[db."public.pgbench_tellers"]
tid = { keep = "pgbench" }
bid = { keep = "pgbench" }
tbalance = { keep = "pgbench" }
filler = { keep = "pgbench" }

[db."public.pgbench_history"]
tid = { keep = "pgbench" }
bid = { keep = "pgbench" }
aid = { keep = "pgbench" }
delta = { keep = "pgbench" }
mtime = { keep = "pgbench" }
filler = { keep = "pgbench" }
"#;

/// Fills the production; a scale of 7 is about 0.1 GB.
pub fn fill(production: &Production<'_>, scale: u32) -> Result<()> {
    let mut pgbench = production.client("pgbench");
    run(pgbench.args(["-i", "-I", "dtgp", "-q", "-s", &scale.to_string()]))?;
    production.sql("ANALYZE; CHECKPOINT").map(drop)
}

/// The data's size in bytes.
pub fn size(production: &Production<'_>) -> Result<u64> {
    let size = production.sql("SELECT pg_database_size(current_database())")?;
    Ok(size.trim().parse()?)
}

/// A light load that runs until it is dropped.
pub struct Load {
    child: Child,
    progress: std::io::Lines<BufReader<std::process::ChildStderr>>,
    logs: tempfile::TempDir,
}

impl Load {
    /// Starts it, and returns when it has begun to write.
    pub fn start(production: &Production<'_>) -> Result<Self> {
        let logs = tempfile::tempdir_in(production.place.path())?;
        let mut pgbench = production.client("pgbench");
        pgbench
            .args([
                "-n", "-c", "2", "-j", "1", "-T", "100000", "-P", "1", "-l", "-R", RATE,
            ])
            .current_dir(logs.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = pgbench.spawn()?;
        let progress = child.stderr.take().context("pgbench's progress")?;
        let mut load = Self {
            child,
            progress: BufReader::new(progress).lines(),
            logs,
        };
        load.tick()?;
        Ok(load)
    }

    /// Waits for pgbench's next report, which comes every second.
    pub fn tick(&mut self) -> Result<()> {
        for line in self.progress.by_ref() {
            if line?.starts_with("progress:") {
                return Ok(());
            }
        }
        bail!("pgbench ended")
    }

    /// Ends it; when each transaction ended (seconds since 1970), and how long it took from when it was due (seconds).
    pub fn end(mut self) -> Result<Vec<(f64, f64)>> {
        // Its log is written in pieces; what is worth reading must be behind us by some seconds.
        for _ in 0..3 {
            self.tick()?;
        }
        self.child.kill()?;
        self.child.wait()?;
        let mut log = PathBuf::new();
        for entry in fs::read_dir(self.logs.path())? {
            log = entry?.path();
        }
        let text = fs::read_to_string(log)?;
        Ok(text.lines().filter_map(transaction).collect())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `client transaction time script second microsecond lag`, times in microseconds (PostgreSQL manual, pgbench).
fn transaction(line: &str) -> Option<(f64, f64)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, _, took, _, second, microsecond, _lag] = fields[..] else {
        return None;
    };
    let number = |text: &str| text.parse::<f64>().ok();
    Some((number(second)? + number(microsecond)? / 1e6, number(took)? / 1e6))
}
