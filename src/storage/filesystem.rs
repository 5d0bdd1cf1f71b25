//! What a path is on, as far as it matters to the choice of a driver, and writing out all that a root consists of.

use std::fs::File;
use std::io;
use std::path::Path;

/// The filesystem under a path. Numbers of linux/magic.h, and of ZFS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filesystem {
    /// Btrfs.
    Btrfs,
    /// ZFS.
    Zfs,
    /// One without a driver, by name.
    Other(&'static str),
}

impl Filesystem {
    /// The filesystem that holds `path`.
    ///
    /// # Errors
    /// Those of statfs(2): nothing is there, for example.
    pub fn of(path: &Path) -> io::Result<Self> {
        let magic = rustix::fs::statfs(path)?.f_type;
        Ok(Self::from_magic(magic))
    }

    fn from_magic(magic: rustix::fs::FsWord) -> Self {
        match magic {
            0x9123_683e => Self::Btrfs,
            0x2fc1_2fc1 => Self::Zfs,
            0xef53 => Self::Other("ext4"),
            0x5846_5342 => Self::Other("XFS"),
            0x0102_1994 => Self::Other("tmpfs"),
            0x794c_7630 => Self::Other("overlayfs"),
            0x6969 => Self::Other("NFS"),
            0x6573_5546 => Self::Other("FUSE"),
            _ => Self::Other("another filesystem"),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Btrfs => "Btrfs",
            Self::Zfs => "ZFS",
            Self::Other(name) => name,
        }
    }
}

/// Writes out everything of the root or clone at `path`, each of its datasets on ZFS.
///
/// # Errors
/// Those of syncfs(2).
pub fn sync_tree(path: &Path) -> io::Result<()> {
    let directory = File::open(path)?;
    rustix::fs::syncfs(&directory)?;
    super::zfs::points_of_tree(path)?
        .iter()
        .try_for_each(|point| Ok(rustix::fs::syncfs(File::open(point)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filesystems_are_told_by_their_numbers() {
        assert_eq!(Filesystem::from_magic(0x2fc1_2fc1), Filesystem::Zfs);
        assert_eq!(Filesystem::from_magic(0xef53).name(), "ext4");
        assert_eq!(Filesystem::from_magic(1).name(), "another filesystem");
        assert!(Filesystem::of(Path::new("/nonexistent")).is_err());
        sync_tree(tempfile::tempdir().unwrap().path()).unwrap();
    }
}
