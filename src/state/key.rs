//! The masking key: 32 random bytes that never enter a branch.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use zeroize::Zeroizing;

use super::durable::{name, nameless};
use crate::config::{Trust, TrustError};

/// The masking key; wiped from memory when dropped, and not shown by `Debug`.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// A key from its bytes, for tests and for keys of one branch only.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves. Never for argv, logs, errors or a branch.
    pub fn reveal(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Why there is no key to mask with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It was never made.
    #[error("the masking key {} does not exist; `envclone init` makes it", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Somebody other than root may know it or may have put it there.
    #[error("the masking key {} is not safe: {why}", path.display())]
    Unsafe {
        /// The file, or the directory above it.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It is not 32 bytes long.
    #[error("the masking key {} has {length} bytes instead of 32; restore it from a backup", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length.
        length: u64,
    },
    /// There is one already: another would give other fakes, so it is never replaced.
    #[error("the masking key {} exists already; it was kept", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The kernel refused.
    #[error("the masking key {} cannot be {action}", path.display())]
    Io {
        /// `read` or `written`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
}

impl From<TrustError> for KeyError {
    fn from(error: TrustError) -> Self {
        match error {
            TrustError::Unsafe { path, why } => Self::Unsafe { path, why },
            TrustError::Io { path, source } => Self::Io {
                action: "read",
                path,
                source,
            },
        }
    }
}

/// Reads the key at `path`, whose directory was checked when the store was opened.
pub(super) fn read(path: &Path, trust: &Trust) -> Result<Key, KeyError> {
    let fail = |source: io::Error| KeyError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let unsafe_key = |why: String| KeyError::Unsafe {
        path: path.to_owned(),
        why,
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) => {
            return Err(KeyError::Missing {
                path: path.to_owned(),
            });
        }
        Err(rustix::io::Errno::LOOP) => return Err(unsafe_key("it is a symbolic link".to_owned())),
        other => other.map_err(|error| fail(error.into()))?,
    };
    let stat = rustix::fs::fstat(&file).map_err(|error| fail(error.into()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(unsafe_key("it is no regular file".to_owned()));
    }
    if !trust.trusts_owner(stat.st_uid) {
        return Err(unsafe_key(format!(
            "it belongs to uid {}, not to root",
            stat.st_uid
        )));
    }
    let mode = stat.st_mode & 0o7777;
    if mode & 0o177 != 0 {
        return Err(unsafe_key(format!(
            "its mode is {mode:04o}; make it 0600, and a new one if others may have read it"
        )));
    }
    if stat.st_nlink != 1 {
        return Err(unsafe_key(format!("it has {} names", stat.st_nlink)));
    }
    if stat.st_size != 32 {
        return Err(KeyError::Length {
            path: path.to_owned(),
            length: stat.st_size.unsigned_abs(),
        });
    }
    let mut bytes = Zeroizing::new([0u8; 32]);
    File::from(file).read_exact(bytes.as_mut_slice()).map_err(fail)?;
    Ok(Key(bytes))
}

/// Makes a key at `path`. It gets its name only when it is whole and durable, and replaces nothing.
pub(super) fn make(path: &Path) -> Result<Key, KeyError> {
    let fail = |source: io::Error| KeyError::Io {
        action: "written",
        path: path.to_owned(),
        source,
    };
    let mut bytes = Zeroizing::new([0u8; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| fail(io::Error::other(error)))?;
    let mut file = nameless(path).map_err(fail)?;
    file.write_all(bytes.as_slice())
        .and_then(|()| file.sync_all())
        .map_err(fail)?;
    match name(&file, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(KeyError::Exists {
            path: path.to_owned(),
        }),
        other => other.map(|()| Key(bytes)).map_err(fail),
    }
}
