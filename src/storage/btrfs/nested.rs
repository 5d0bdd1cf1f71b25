//! Subvolumes inside of others: those of a root are named, and those that a branch's user made inside a clone, which block
//! its deletion, go first.
//!
//! Nothing of what they are called is believed or handed to a program. They are found by their inode number on a
//! walk beneath the clone, emptied descriptor by descriptor, and removed by `rmdir`, which deletes an empty
//! subvolume. So names that imitate a listing, links and paths too long for the kernel do no harm.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

use super::filesystem::is_subvolume;
use super::parse::{self, Shown};
use super::{Btrfs, unreadable};
use crate::storage::home::from_volume;
use crate::storage::working::Working;
use crate::storage::{Descend, Kind, Place, StorageError, VolumeError};

impl Btrfs {
    /// Subvolumes right below a root, relative to it.
    pub(super) fn children(&self, root: &Path, shown: &Shown) -> Result<Vec<String>, StorageError> {
        let invocation = self.call(&["subvolume", "list", "-o", "--"]).arg(root);
        let text = self.run("listing the subvolumes of", root, &invocation)?.text();
        let above = if shown.path.is_empty() {
            String::new()
        } else {
            format!("{}/", shown.path)
        };
        let paths = parse::list(&text).map_err(|error| unreadable(root, error))?;
        Ok(paths
            .into_iter()
            .map(|path| path.strip_prefix(&above).unwrap_or(&path).to_owned())
            .collect())
    }

    /// Removes all subvolumes below the subvolume at a place of ours; whether there were any.
    pub(super) fn remove_nested(
        &self,
        work: &Working,
        place: &Place,
        path: &Path,
    ) -> Result<bool, StorageError> {
        // Its own user may have made it read-only.
        self.set_readonly(work, path, false)?;
        let failed = |error| from_volume("removing a subvolume inside", path, error);
        let clone = self.home.volume().subvolume(place.relative()).map_err(failed)?;
        let mut any = false;
        let walked = clone.walk("", |_, found| -> Result<Descend, VolumeError> {
            if found.entry.kind != Kind::Dir {
                return Ok(Descend::Past);
            }
            if !is_subvolume(found.metadata()?) {
                return Ok(Descend::Into);
            }
            any = true;
            found.remove_tree(&mut |dir| self.make_writable(work, dir))?;
            Ok(Descend::Past)
        });
        walked.map(|()| any).map_err(failed)
    }

    /// Clears the read-only flag of an open subvolume, which its user may have set. A failure shows when
    /// something in it is to be removed.
    fn make_writable(&self, work: &Working, dir: BorrowedFd<'_>) {
        let process = rustix::process::getpid().as_raw_nonzero();
        let path = PathBuf::from(format!("/proc/{process}/fd/{}", dir.as_raw_fd()));
        let _ = self.set_readonly(work, &path, false);
    }
}
