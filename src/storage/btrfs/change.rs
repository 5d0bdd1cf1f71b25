//! Calls of `btrfs` that change something, and the lock that they hold.

use std::path::Path;

use super::Btrfs;
use crate::exec::Invocation;
use crate::storage::home::from_volume;
use crate::storage::working::{WITHIN, Working};
use crate::storage::{Place, StorageError, VolumeError};

impl Btrfs {
    /// A call that changes what lies at a place.
    pub(super) fn change(&self, work: &Working, words: &[&str]) -> Invocation {
        work.held_by(self.call(words)).timeout(WITHIN)
    }

    /// Waits until no program works any more in the directory that a place lies in, and lets none of another run begin there; `None`
    /// where there is no such directory.
    pub(super) fn work_at(&self, place: &Place) -> Result<Option<Working>, StorageError> {
        let (path, relative) = (self.home.path_of(place), place.relative());
        let above = relative.parent().unwrap_or(&relative);
        let opened = match self.home.volume().subvolume(above) {
            Ok(directory) => directory.as_fd().try_clone_to_owned(),
            Err(VolumeError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(from_volume("opening", &path, error)),
        };
        let directory = opened.map_err(|source| StorageError::Io {
            action: "opening",
            path: path.clone(),
            source,
        })?;
        Working::at(directory, &path).map(Some)
    }

    /// [`Btrfs::work_at`], where the directory was there a moment ago.
    pub(super) fn work_in(&self, place: &Place) -> Result<Working, StorageError> {
        self.work_at(place)?.ok_or_else(|| StorageError::NotFound {
            path: self.home.path_of(place),
        })
    }

    /// Sets or clears the read-only flag of a subvolume.
    pub(super) fn set_readonly(
        &self,
        work: &Working,
        path: &Path,
        readonly: bool,
    ) -> Result<(), StorageError> {
        let value = if readonly { "true" } else { "false" };
        // -f: a snapshot of a subvolume that was once received is refused without it.
        let invocation = self
            .change(work, &["property", "set", "-f", "-t", "subvol", "--"])
            .arg(path)
            .args(["ro", value]);
        self.run("changing the read-only flag of", path, &invocation)
            .map(drop)
    }
}
