//! Why a configuration is not obeyed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::place::Problem;
use super::trust::TrustError;

/// Which kind of failure it is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigErrorKind {
    /// It is missing or wrong: exit code 2.
    Invalid,
    /// Somebody other than root could have written it: exit code 3.
    Unsafe,
}

/// Why a configuration is not obeyed.
#[derive(Debug)]
pub enum ConfigError {
    /// There is none.
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Somebody other than root could have written it, or something that it names.
    Unsafe {
        /// The file, or the directory above it.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// What it says cannot be done. Every problem found, at least one.
    Invalid {
        /// The problems, with their places.
        problems: Vec<Problem>,
    },
    /// The kernel refused, or it is no text.
    Io {
        /// The file.
        path: PathBuf,
        /// The kernel's error.
        source: io::Error,
    },
}

impl ConfigError {
    /// Which kind of failure it is.
    pub fn kind(&self) -> ConfigErrorKind {
        match self {
            Self::Unsafe { .. } => ConfigErrorKind::Unsafe,
            _ => ConfigErrorKind::Invalid,
        }
    }

    /// For `map_err`: the kernel refused to read `path`.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

impl From<TrustError> for ConfigError {
    fn from(error: TrustError) -> Self {
        match error {
            TrustError::Unsafe { path, why } => Self::Unsafe { path, why },
            TrustError::Io { path, source } if source.kind() == io::ErrorKind::NotFound => {
                Self::Missing { path }
            }
            TrustError::Io { path, source } => Self::Io { path, source },
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => {
                write!(
                    f,
                    "there is no configuration {}; `envclone init` writes one",
                    path.display()
                )
            }
            Self::Unsafe { path, why } => write!(
                f,
                "{} is not safe to obey: {why}; it must be root's and writable by nobody else",
                path.display()
            ),
            Self::Invalid { problems } => {
                for (number, problem) in problems.iter().enumerate() {
                    write!(f, "{}{problem}", if number == 0 { "" } else { "\n" })?;
                }
                Ok(())
            }
            Self::Io { path, .. } => write!(f, "the configuration {} cannot be read", path.display()),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
