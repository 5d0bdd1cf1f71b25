//! What a supervisor leaves for the next boot when the host's shutdown ended it: that its services stopped cleanly.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::model::BranchId;

/// Where it is written down; a service's log ends in `.log`.
pub(super) fn path(log_dir: &Path, branch: &BranchId) -> PathBuf {
    log_dir.join(format!("{branch}.shutdown"))
}

/// Writes everything that the branch wrote to the disk, and then, durably, that it did: its servers do not sync it.
pub(super) fn note(path: &Path) -> io::Result<()> {
    rustix::fs::sync();
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.sync_all()?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

pub(super) fn is_noted(path: &Path) -> io::Result<bool> {
    fs::exists(path)
}

pub(super) fn forget(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_stop_is_noted_once_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path(), &"1f3a9c20".parse().unwrap());
        assert!(!is_noted(&path).unwrap());
        note(&path).unwrap();
        note(&path).unwrap();
        assert!(is_noted(&path).unwrap());
        forget(&path).unwrap();
        forget(&path).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
