//! A storage that is opened when it is first needed: commands that only read work also while the pool is not mounted,
//! and pay nothing for it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::driver::{self, Wanted};
use crate::config::Config;
use crate::model::RunId;
use crate::storage::{
    Advice, Capabilities, Mark, Object, Owned, Place, RootFacts, Storage, StorageError, Stray, Usage,
};

/// A pool that may not have been opened yet.
pub(super) struct Deferred {
    wanted: Wanted,
    opened: OnceLock<Box<dyn Storage>>,
}

impl Deferred {
    /// The pool of a configuration, not looked at yet.
    pub(super) fn new(config: &Config) -> Self {
        Self {
            wanted: Wanted::of(config),
            opened: OnceLock::new(),
        }
    }

    fn open(&self) -> Result<&dyn Storage, StorageError> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened.as_ref());
        }
        let opened = self.wanted.open()?;
        Ok(self.opened.get_or_init(|| opened).as_ref())
    }
}

impl Storage for Deferred {
    fn capabilities(&self) -> Capabilities {
        match self.opened.get() {
            Some(opened) => opened.capabilities(),
            None => driver::capabilities(self.wanted.driver, &self.wanted.pool),
        }
    }

    fn advice(&self) -> &'static dyn Advice {
        match self.opened.get() {
            Some(opened) => opened.advice(),
            None => driver::advice(self.wanted.driver, &self.wanted.pool),
        }
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

    fn mount(&self, object: &Object) -> Result<(), StorageError> {
        self.open()?.mount(object)
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

    fn strays(&self) -> Result<Vec<Stray>, StorageError> {
        self.open()?.strays()
    }

    fn shared(&self, object: &Object, files: &[PathBuf]) -> Result<Option<Vec<PathBuf>>, StorageError> {
        self.open()?.shared(object, files)
    }

    fn usage(&self) -> Result<Usage, StorageError> {
        self.open()?.usage()
    }

    fn exclusive(&self, object: &Object) -> Result<Option<u64>, StorageError> {
        self.open()?.exclusive(object)
    }
}
