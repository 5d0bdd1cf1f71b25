//! The reserve of a pool as branches know it: how much must stay free for production, and why a branch was stopped for it.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::BranchId;

/// What the supervisor of a branch watches, since production shares the pool and must never see it full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// A directory of the pool's filesystem, by which free room is measured.
    pub pool: PathBuf,
    /// How much of it must stay free, in bytes.
    pub reserve: u64,
}

/// Why a branch was stopped: what was measured then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedForRoom {
    /// When.
    pub at: jiff::Timestamp,
    /// The pool.
    pub pool: PathBuf,
    /// Bytes that were free.
    pub free: u64,
    /// Bytes that must stay free.
    pub reserve: u64,
    /// Bytes that the branch had written within the last minute.
    pub written: u64,
    /// Whether its services ended cleanly, and all that they wrote is on the disk.
    pub cleanly: bool,
}

impl fmt::Display for StoppedForRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the reserve of the pool {} was reached ({} of {} MiB were free), and of all branches this one had written most ({} MiB within a minute)",
            self.pool.display(),
            self.free >> 20,
            self.reserve >> 20,
            self.written >> 20
        )
    }
}

impl StoppedForRoom {
    /// Where it is written down; a service's log ends in `.log`.
    pub(super) fn path(log_dir: &Path, branch: &BranchId) -> PathBuf {
        log_dir.join(format!("{branch}.stopped"))
    }

    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => serde_json::from_slice(&read?).map(Some).map_err(io::Error::from),
        }
    }

    /// Writes it down, durably: the host may go down next.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let temporary = path.with_extension("stopped-new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&temporary)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
    }

    pub(super) fn forget(path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_back_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = StoppedForRoom::path(dir.path(), &"1f3a9c20".parse().unwrap());
        assert_eq!(StoppedForRoom::read(&path).unwrap(), None);
        let mut why = StoppedForRoom {
            at: jiff::Timestamp::now(),
            pool: "/srv/pool".into(),
            free: 90 << 20,
            reserve: 100 << 20,
            written: 700 << 20,
            cleanly: false,
        };
        why.write(&path).unwrap();
        why.cleanly = true;
        why.write(&path).unwrap();
        assert_eq!(StoppedForRoom::read(&path).unwrap().unwrap(), why);
        assert!(
            why.to_string().contains("/srv/pool was reached (90 of 100 MiB"),
            "{why}"
        );
        StoppedForRoom::forget(&path).unwrap();
        StoppedForRoom::forget(&path).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
