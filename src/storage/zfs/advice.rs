//! What ZFS needs of the host, and what people do about it.

use std::path::Path;

use crate::exec::ExecError;
use crate::storage::{Advice, Object, StorageError};

use super::ZfsError;

/// [`Advice`] on ZFS.
pub(super) struct OnZfs;

impl Advice for OnZfs {
    fn programs(&self) -> &'static [&'static str] {
        &["zfs", "zpool"]
    }

    fn filesystem(&self) -> &'static str {
        super::DRIVER
    }

    fn mend(&self, path: &Path, error: &StorageError) -> Option<String> {
        match error {
            StorageError::Zfs(error) => Some(mend(error)),
            StorageError::Tool {
                source: ExecError::Missing(_),
                ..
            } => Some("apt-get install zfsutils-linux".to_owned()),
            // The name of a dataset of a zpool that is not there.
            StorageError::Tool { .. } if path.is_relative() => Some("zpool import".to_owned()),
            StorageError::Tool { .. } => Some("zpool status".to_owned()),
            _ => None,
        }
    }

    fn remove_by_hand(&self, object: &Object) -> String {
        format!(
            "look at it, then `zfs destroy`, one by one, what names.json beside {} lists",
            object.path.display()
        )
    }
}

fn mend(error: &ZfsError) -> String {
    match error {
        ZfsError::NoModule => "modprobe zfs".to_owned(),
        ZfsError::TooOld { .. } => "install ZFS 2.1 or later, and boot".to_owned(),
        ZfsError::PoolState { pool, .. } => format!("zpool status {pool}"),
        ZfsError::Absent { dataset } => format!("zfs create {dataset}"),
        ZfsError::NotMounted { dataset, .. } => format!("zfs mount {dataset}"),
        ZfsError::KeyNotLoaded { dataset } => format!("zfs load-key {dataset} && zfs mount -a"),
        ZfsError::Held { snapshot, .. } => format!("zfs holds {snapshot}"),
        // What they say names what to do.
        _ => "mend what the message names".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_with_a_pool_has_its_command() {
        let dataset = || "tank/envclone".to_owned();
        let state = "SUSPENDED".to_owned();
        for (error, command) in [
            (ZfsError::NoModule, "modprobe zfs"),
            (
                ZfsError::Absent { dataset: dataset() },
                "zfs create tank/envclone",
            ),
            (
                ZfsError::PoolState {
                    pool: "tank".to_owned(),
                    state,
                },
                "zpool status tank",
            ),
            (
                ZfsError::NotMounted {
                    dataset: dataset(),
                    why: String::new(),
                },
                "zfs mount tank/envclone",
            ),
        ] {
            let mended = OnZfs.mend(Path::new("tank/envclone"), &error.into());
            assert_eq!(mended.as_deref(), Some(command));
        }
        let missing = StorageError::Tool {
            action: "opening",
            path: "tank/envclone".into(),
            source: crate::exec::Tool::find("no-such-program").unwrap_err().into(),
        };
        let mended = OnZfs.mend(Path::new("tank/envclone"), &missing);
        assert_eq!(mended.as_deref(), Some("apt-get install zfsutils-linux"));
        let gone = StorageError::NotFound { path: "/x".into() };
        assert_eq!(OnZfs.mend(Path::new("/x"), &gone), None);
    }
}
