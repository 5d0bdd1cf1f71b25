//! Why the state could not be read or written.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::TrustError;

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A directory of the state could have been written by somebody else.
    #[error("the state directory cannot be used")]
    Unsafe(#[source] TrustError),
    /// A file of the state does not hold what envclone writes.
    #[error("the state file {} is damaged; look at it and restore or remove it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        #[source]
        source: serde_json::Error,
    },
    /// A record lies under another environment's name.
    #[error("the state file {} holds the record of {found}", path.display())]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// The name in it.
        found: String,
    },
    /// Written by a version of envclone that this one does not know.
    #[error("the state file {} has schema {found}, and this envclone knows {known} only; use the version that wrote it", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: u64,
        /// The one that is known.
        known: u32,
    },
    /// Every port of the range is taken.
    #[error("no free port is left between {first} and {last}; destroy environments that are not needed")]
    NoPort {
        /// First of the range.
        first: u16,
        /// Last of the range.
        last: u16,
    },
    /// The kernel refused.
    #[error("state: {action} {} failed", path.display())]
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

impl StateError {
    /// For `map_err`: the kernel refused `action` on `path`.
    pub(super) fn io<E: Into<io::Error>>(action: &'static str, path: &Path) -> impl FnOnce(E) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source: source.into(),
        }
    }
}
