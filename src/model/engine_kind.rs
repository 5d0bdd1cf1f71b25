//! What a service is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The engines that envclone knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// PostgreSQL 14 and newer.
    Postgres,
    /// MariaDB 10.11.
    Mariadb,
    /// A directory of files; no server.
    Files,
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
            Self::Files => "files",
        })
    }
}
