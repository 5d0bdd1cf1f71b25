//! Why an access below a volume was refused or failed.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// Why an access below a volume was refused or failed. Paths are relative to the volume, shown with control
/// characters escaped, since the branch's users choose them.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// The path is absolute or holds `..`.
    #[error("{} is no path below the volume", shown(path))]
    Outside {
        /// The path.
        path: PathBuf,
    },
    /// A link is in the way, or another mount.
    #[error(
        "{} is a link, or lies behind one or on another mount; it was not followed",
        shown(path)
    )]
    Escapes {
        /// The path.
        path: PathBuf,
    },
    /// It is no regular file.
    #[error("{} is no regular file", shown(path))]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// It, or something on the way to it, is no directory.
    #[error("{} is no directory, or does not lie in one", shown(path))]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// It is larger than the caller wants to read.
    #[error("{} holds more than {limit} bytes", shown(path))]
    TooLarge {
        /// The path.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// There is nothing.
    #[error("{} does not exist", shown(path))]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// There is something already.
    #[error("{} exists already", shown(path))]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// It was exchanged for something else between two looks at it.
    #[error("{} changed while it was worked on", shown(path))]
    Changed {
        /// The path.
        path: PathBuf,
    },
    /// The kernel refused.
    #[error("{action} {} failed", shown(path))]
    Io {
        /// What was tried.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
}

impl VolumeError {
    pub(super) fn from_errno(action: &'static str, path: &Path, errno: Errno) -> Self {
        let path = path.to_owned();
        match errno {
            Errno::NOENT => Self::NotFound { path },
            Errno::EXIST => Self::Exists { path },
            Errno::LOOP | Errno::XDEV => Self::Escapes { path },
            Errno::NOTDIR => Self::NotADirectory { path },
            _ => Self::Io {
                action,
                path,
                source: errno.into(),
            },
        }
    }

    pub(super) fn from_io(action: &'static str, path: &Path, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(code) => Self::from_errno(action, path, Errno::from_raw_os_error(code)),
            None => Self::Io {
                action,
                path: path.to_owned(),
                source,
            },
        }
    }
}

/// A path for a message: quotes, and control characters escaped.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.is_empty() {
        "the volume's directory".to_owned()
    } else {
        format!("{text:?}")
    }
}
