//! Why a pool was not made, mounted or removed.

use std::io;
use std::path::{Path, PathBuf};

use super::SMALLEST;
use crate::config::TrustError;
use crate::exec::ExecError;
use crate::storage::VolumeError;

/// Why a pool was not made, mounted or removed.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The path cannot be a pool's.
    #[error("{} cannot be a pool: {reason}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// Too small.
    #[error("a pool of {size} bytes is too small; it takes at least {SMALLEST}")]
    TooSmall {
        /// The size asked for.
        size: u64,
    },
    /// Someone else could change what lies there.
    #[error("the pool {} would not be safe there", path.display())]
    Unsafe {
        /// The path.
        path: PathBuf,
        /// What is not safe.
        #[source]
        source: TrustError,
    },
    /// There is something already.
    #[error("{} is there already; name another path, or remove it", path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// The host has not that much room.
    #[error("no room for {size} bytes in {}", path.display())]
    NoRoom {
        /// The image.
        path: PathBuf,
        /// The size asked for.
        size: u64,
    },
    /// envclone made no such pool.
    #[error("{} is no pool that envclone made; it was left alone", path.display())]
    Unknown {
        /// The path.
        path: PathBuf,
    },
    /// What is there is not what was made.
    #[error("{} is not what envclone made ({reason}); it was left alone", path.display())]
    Foreign {
        /// The path.
        path: PathBuf,
        /// What does not fit.
        reason: &'static str,
    },
    /// A tool failed.
    #[error("{action} the pool {} failed", path.display())]
    Tool {
        /// What was tried.
        action: &'static str,
        /// The pool.
        path: PathBuf,
        /// The tool's error.
        #[source]
        source: ExecError,
    },
    /// A step failed, and undoing what was done before it failed too.
    #[error("{failed}, and {} could not be removed again; `pool create` of the same path tries again", path.display())]
    Left {
        /// The pool.
        path: PathBuf,
        /// What failed first.
        failed: Box<PoolError>,
        /// Why it could not be undone.
        #[source]
        source: Box<PoolError>,
    },
    /// A file could not be worked on.
    #[error("pool: {action} {} failed", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
}

pub(super) fn io_error(action: &'static str, path: &Path, source: io::Error) -> PoolError {
    PoolError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

pub(super) fn volume_error(action: &'static str, path: &Path, error: VolumeError) -> PoolError {
    match error {
        VolumeError::Exists { .. } => PoolError::Exists {
            path: path.to_owned(),
        },
        VolumeError::Io { source, .. } => io_error(action, path, source),
        other => io_error(action, path, io::Error::other(other)),
    }
}
