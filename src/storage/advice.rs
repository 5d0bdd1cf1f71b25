//! What a driver needs of the host, and what it tells people to do: known also where its pool cannot be opened.

use std::path::Path;

use super::{Object, StorageError};

/// A driver's words to people. Nothing of it is run by envclone.
pub trait Advice: Sync {
    /// The programs that it runs.
    fn programs(&self) -> &'static [&'static str];

    /// Its filesystem, as the kernel lists it and its module is called.
    fn filesystem(&self) -> &'static str;

    /// What mends that a pool or root at `path` cannot be used; `None` where the driver knows nothing that does.
    fn mend(&self, path: &Path, error: &StorageError) -> Option<String>;

    /// How a person removes an object of ours that nothing remembers.
    fn remove_by_hand(&self, object: &Object) -> String;
}
