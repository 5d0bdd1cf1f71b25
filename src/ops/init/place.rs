//! On which filesystem a server's data lies.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// `BTRFS_SUPER_MAGIC` of linux/magic.h.
const BTRFS: rustix::fs::FsWord = 0x9123_683E;
/// The inode number of every subvolume's root.
const SUBVOLUME_INO: u64 = 256;

/// The subvolume that holds a path; `None` where it is on no Btrfs.
pub(super) fn subvolume_of(path: &Path) -> Option<PathBuf> {
    let on_btrfs = rustix::fs::statfs(path).is_ok_and(|stat| stat.f_type == BTRFS);
    let is_root = |path: &&Path| fs::metadata(path).is_ok_and(|metadata| metadata.ino() == SUBVOLUME_INO);
    let root = path.ancestors().find(is_root).filter(|_| on_btrfs)?;
    Some(root.to_owned())
}

/// Where the Btrfs that holds a path is mounted: the longest mount point above it. A pool cannot be `/` itself.
pub(super) fn mount_of(path: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").ok()?;
    mount_point(&text, path)
}

fn mount_point(mountinfo: &str, path: &Path) -> Option<PathBuf> {
    let mounted = |line: &str| {
        let (mount, filesystem) = line.split_once(" - ")?;
        Some((
            PathBuf::from(mount.split(' ').nth(4)?),
            filesystem.starts_with("btrfs "),
        ))
    };
    let above = mountinfo
        .lines()
        .filter_map(mounted)
        .filter(|(point, _)| path.starts_with(point));
    let (point, btrfs) = above.max_by_key(|(point, _)| point.components().count())?;
    // Blanks and the like are written as octal numbers; such a place is named by hand.
    let usable = btrfs && point.parent().is_some() && !point.to_string_lossy().contains('\\');
    usable.then_some(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_point_is_the_nearest_one_above() {
        let text = "22 1 0:20 / / rw - ext4 /dev/a rw\n23 22 0:21 / /srv/pool rw - btrfs /dev/b rw\n\
                    24 22 0:22 / /srv/po rw - btrfs /dev/c rw\n";
        assert_eq!(
            mount_point(text, Path::new("/srv/pool/shop")),
            Some(PathBuf::from("/srv/pool"))
        );
        assert_eq!(
            mount_point(text, Path::new("/srv/pools")),
            None,
            "the nearest one above it is no Btrfs"
        );
    }
}
