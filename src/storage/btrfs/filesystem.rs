//! What the kernel says of the filesystem under a directory.

use std::path::Path;

use rustix::fs::StatVfs;

use crate::storage::{Kind, Metadata, StorageError, Volume};

/// `BTRFS_SUPER_MAGIC` of linux/magic.h.
const MAGIC: rustix::fs::FsWord = 0x9123_683E;

/// The number that all subvolumes of one filesystem share: `statfs` gives the filesystem's id with the
/// number of the subvolume mixed in (`btrfs_statfs` in fs/btrfs/super.c: high half first).
pub(super) fn filesystem(volume: &Volume, number: u64) -> Result<u64, StorageError> {
    Ok(statvfs(volume)?.f_fsid ^ number.rotate_left(32))
}

pub(super) fn statvfs(volume: &Volume) -> Result<StatVfs, StorageError> {
    rustix::fs::fstatvfs(volume.as_fd()).map_err(|errno| kernel("looking at", volume.path(), errno))
}

pub(super) fn is_btrfs(volume: &Volume) -> Result<bool, StorageError> {
    let stat = rustix::fs::fstatfs(volume.as_fd());
    let stat = stat.map_err(|errno| kernel("looking at", volume.path(), errno))?;
    Ok(stat.f_type == MAGIC)
}

/// Whether the kernel refuses to write in a subvolume since it is read-only.
pub(super) fn is_readonly(path: &Path) -> bool {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    accessat(CWD, path, Access::WRITE_OK, AtFlags::empty()) == Err(rustix::io::Errno::ROFS)
}

fn kernel(action: &'static str, path: &Path, errno: rustix::io::Errno) -> StorageError {
    StorageError::Io {
        action,
        path: path.to_owned(),
        source: errno.into(),
    }
}

/// Whether a directory entry is the root of a subvolume.
pub(super) fn is_subvolume(metadata: Metadata) -> bool {
    metadata.kind == Kind::Dir && metadata.ino == super::ROOT_INO
}
