//! What is remembered about one environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::StateError;
use crate::model::{
    BranchId, EngineKind, Environment, OWN_PART, ReceiptRecord, RunId, SanitizationReport, Secret,
    ServiceName, SnapshotReport, Timings,
};

/// The version of [`EnvRecord`] that this envclone writes and reads.
pub const SCHEMA: u32 = 1;

/// An object of the storage as it is remembered: what it is by the storage's own identity, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRef {
    /// The storage's identity of it.
    pub id: String,
    /// Where its files are.
    pub path: PathBuf,
}

/// A service of an environment, with what is needed to start it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRecord {
    /// What it is.
    pub engine: EngineKind,
    /// The server's version.
    pub version: Option<String>,
    /// Its port on the host, for the life of the branch.
    pub port: Option<u16>,
    /// The role of its URL.
    pub user: Option<String>,
    /// The database of its URL.
    pub database: Option<String>,
    /// The password of its URL.
    pub password: Option<Secret>,
    /// What the engine wants to find again.
    pub facts: serde_json::Value,
    /// Whether it synced its writes when it was started last.
    #[serde(default)]
    pub durable: bool,
}

/// Everything that is remembered about an environment that envclone made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvRecord {
    /// Version of this record; [`SCHEMA`].
    pub schema: u32,
    /// Identity of the branch for as long as it exists.
    pub branch: BranchId,
    /// The run that made it.
    pub run: RunId,
    /// As users see it.
    pub environment: Environment,
    /// Its services.
    pub services: BTreeMap<ServiceName, ServiceRecord>,
    /// Its writable root.
    pub clone: Option<ObjectRef>,
    /// The clean snapshot that it goes back to.
    pub checkpoint: Option<ObjectRef>,
    /// The snapshot that it came from.
    pub snapshot: Option<SnapshotReport>,
    /// What was sanitized.
    pub sanitization: Option<SanitizationReport>,
    /// What let it be published.
    pub receipt: Option<ReceiptRecord>,
    /// How long each step of its making took.
    pub timings: Option<Timings>,
    /// The boot of the host in which it was started last.
    pub boot_id: Option<String>,
    /// Whether its services were stopped cleanly since.
    pub stopped_cleanly: bool,
    /// Whether its clone is one of a raw snapshot that was not sealed yet: nothing of it may be started but to be sealed.
    #[serde(default)]
    pub raw: bool,
    /// The most that each dataset of its clone may hold, in bytes.
    #[serde(default)]
    pub branch_size: Option<u64>,
}

impl EnvRecord {
    /// Reads a record's text; `path` is for the message.
    pub(super) fn parse(text: &[u8], path: &Path) -> Result<Self, StateError> {
        let damaged = |source| StateError::Damaged {
            path: path.to_owned(),
            source,
        };
        let version: Version = serde_json::from_slice(text).map_err(damaged)?;
        if version.schema != u64::from(SCHEMA) {
            return Err(StateError::Schema {
                path: path.to_owned(),
                found: version.schema,
                known: SCHEMA,
            });
        }
        serde_json::from_slice(text).map_err(damaged)
    }

    /// Names what lies in the pool by where the pool is mounted now, if something is there: in another pool it is not gone. By its
    /// identity the storage knows whether that is it.
    pub(super) fn follow(&mut self, pool: &Path) {
        for object in [&mut self.clone, &mut self.checkpoint].into_iter().flatten() {
            object.follow(pool);
        }
    }
}

impl ObjectRef {
    fn follow(&mut self, pool: &Path) {
        let own = pool.join(OWN_PART);
        let mut above = self.path.ancestors();
        let known = above.find(|path| path.file_name().is_some_and(|name| name == OWN_PART));
        if let Some(Ok(below)) = known.map(|known| self.path.strip_prefix(known)) {
            let now = own.join(below);
            if now.symlink_metadata().is_ok() {
                self.path = now;
            }
        }
    }
}

/// What every version of a record has.
#[derive(Deserialize)]
struct Version {
    schema: u64,
}
