//! What Btrfs needs of the host, and what people do about it.

use std::path::Path;

use crate::exec::ExecError;
use crate::storage::{Advice, Object, StorageError};

/// [`Advice`] on Btrfs.
struct OnBtrfs;

impl super::Btrfs {
    /// What Btrfs needs of the host.
    pub const ADVICE: &dyn Advice = &OnBtrfs;
}

impl Advice for OnBtrfs {
    fn programs(&self) -> &'static [&'static str] {
        &["btrfs", "mkfs.btrfs"]
    }

    fn filesystem(&self) -> &'static str {
        super::DRIVER
    }

    fn mend(&self, _: &Path, error: &StorageError) -> Option<String> {
        match error {
            StorageError::Tool {
                source: ExecError::Missing(_),
                ..
            } => Some("apt-get install btrfs-progs".to_owned()),
            _ => None,
        }
    }

    fn remove_by_hand(&self, object: &Object) -> String {
        format!(
            "look at it, then: btrfs subvolume delete {}",
            object.path.display()
        )
    }
}
