//! Where the programs are that envclone uses.

use std::path::{Path, PathBuf};

/// Directories that are searched, in this order. They are root's on every supported host.
const DIRECTORIES: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Programs and the Debian packages that hold them.
const PACKAGES: [(&str, &str); 15] = [
    ("bwrap", "bubblewrap"),
    ("btrfs", "btrfs-progs"),
    ("mkfs.btrfs", "btrfs-progs"),
    ("ip", "iproute2"),
    ("setpriv", "util-linux"),
    ("setsid", "util-linux"),
    ("mount", "mount"),
    ("umount", "mount"),
    ("losetup", "mount"),
    ("findmnt", "util-linux"),
    ("ionice", "util-linux"),
    ("psql", "postgresql-client"),
    ("postgres", "postgresql"),
    ("zfs", "zfsutils-linux"),
    ("zpool", "zfsutils-linux"),
];

/// A program that envclone needs is not on this host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the program `{program}` is not installed")]
pub struct ToolMissing {
    /// The program's name.
    pub program: String,
}

/// A program with its absolute path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    path: PathBuf,
}

impl Tool {
    /// Finds `program` in the system directories.
    ///
    /// # Errors
    /// [`ToolMissing`] where none of them holds it.
    pub fn find(program: &str) -> Result<Self, ToolMissing> {
        DIRECTORIES
            .iter()
            .map(|directory| Path::new(directory).join(program))
            .find(|path| path.is_file())
            .map(|path| Self { path })
            .ok_or_else(|| ToolMissing {
                program: program.to_owned(),
            })
    }

    /// A program at a known absolute path, such as a server binary of a given version.
    ///
    /// # Errors
    /// [`ToolMissing`] where the path is relative or no file.
    pub fn at(path: &Path) -> Result<Self, ToolMissing> {
        if path.is_absolute() && path.is_file() {
            Ok(Self {
                path: path.to_owned(),
            })
        } else {
            Err(ToolMissing {
                program: path.display().to_string(),
            })
        }
    }

    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The Debian package that holds `program`, for hints.
pub fn package_of(program: &str) -> Option<&'static str> {
    PACKAGES
        .iter()
        .find(|(name, _)| *name == program)
        .map(|(_, package)| *package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_named() {
        let error = Tool::find("no-such-program").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the program `no-such-program` is not installed"
        );
        assert!(Tool::at(Path::new("bin/sh")).is_err());
        assert_eq!(package_of("bwrap"), Some("bubblewrap"));
    }
}
