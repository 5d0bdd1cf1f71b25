//! A storage that is opened when it is first needed: commands that only read work also while the pool is not mounted,
//! and pay nothing for it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::model::RunId;
use crate::storage::{
    Btrfs, Capabilities, Mark, Object, Owned, Place, RootFacts, Storage, StorageError, Usage,
};

/// A Btrfs pool that may not have been opened yet.
#[derive(Debug)]
pub(super) struct Deferred {
    pool: PathBuf,
    opened: OnceLock<Btrfs>,
}

impl Deferred {
    /// The pool at `pool`, not looked at yet.
    pub(super) fn new(pool: &Path) -> Self {
        Self {
            pool: pool.to_owned(),
            opened: OnceLock::new(),
        }
    }

    fn open(&self) -> Result<&Btrfs, StorageError> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = Btrfs::open(&self.pool)?;
        Ok(self.opened.get_or_init(|| opened))
    }
}

impl Storage for Deferred {
    fn capabilities(&self) -> Capabilities {
        Btrfs::CAPABILITIES
    }

    fn inspect(&self, root: &Path) -> Result<RootFacts, StorageError> {
        self.open()?.inspect(root)
    }

    fn snapshot(&self, root: &Path, place: &Place) -> Result<Object, StorageError> {
        self.open()?.snapshot(root, place)
    }

    fn clone_of(&self, snapshot: &Object, place: &Place) -> Result<Object, StorageError> {
        self.open()?.clone_of(snapshot, place)
    }

    fn settle(&self, object: &Object, place: &Place, mark: &Mark) -> Result<Object, StorageError> {
        self.open()?.settle(object, place, mark)
    }

    fn destroy(&self, object: &Object) -> Result<(), StorageError> {
        self.open()?.destroy(object)
    }

    fn discard_incoming(&self, run: &RunId) -> Result<(), StorageError> {
        self.open()?.discard_incoming(run)
    }

    fn owned(&self) -> Result<Vec<Owned>, StorageError> {
        self.open()?.owned()
    }

    fn usage(&self) -> Result<Usage, StorageError> {
        self.open()?.usage()
    }

    fn exclusive(&self, object: &Object) -> Result<Option<u64>, StorageError> {
        self.open()?.exclusive(object)
    }
}
