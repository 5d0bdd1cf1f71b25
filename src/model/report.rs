//! What a branch's JSON document says (docs/json-output.md), as it is also remembered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EngineKind, Environment, Secret, ServiceName};

/// A service of a branch as users see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceReport {
    /// What it is.
    pub engine: EngineKind,
    /// The server's version; files have none.
    pub version: Option<String>,
    /// Its URL, with the password; files: `file://` and the directory.
    pub url: Option<Secret>,
    /// The directory of its Unix socket on the host.
    pub socket: Option<String>,
    /// Its TCP port on the host.
    pub port: Option<u16>,
}

/// The snapshot that a branch came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotReport {
    /// The storage's id of it.
    pub id: String,
    /// When it was taken.
    pub taken_at: jiff::Timestamp,
    /// Whether all services were taken at one instant.
    pub atomic: bool,
    /// Whether it was a sanitized baseline.
    pub baseline: bool,
    /// How long the source was held still.
    pub source_pause_ms: u64,
    /// Whether it holds originals and stays on the pool for as long as the branch lives: on ZFS the clone hangs on it;
    /// where nothing had to be rewritten the branch goes back to it after a crash. Nothing in the branch can reach it.
    #[serde(default)]
    pub raw_stays: bool,
}

/// What sanitizing did, and what was checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SanitizationReport {
    /// Hash of the rules and the configuration that decided.
    pub policy: String,
    /// Why nothing had to be rewritten, where that is so.
    pub skipped: Option<String>,
    /// Tables rewritten or emptied.
    pub tables: u64,
    /// Columns replaced.
    pub columns: u64,
    /// Rows rewritten or deleted.
    pub rows: u64,
    /// Originals that were searched for.
    pub needles: u64,
    /// Bytes that were searched.
    pub bytes_scanned: u64,
    /// Originals found; 0, or there is no receipt.
    pub found: u64,
    /// Files that were written anew and share no storage with what was there before, where the storage can tell.
    #[serde(default)]
    pub written_anew: Option<u64>,
    /// What was not checked, in words.
    pub not_covered: Vec<String>,
}

/// A check of the receipt: what was looked at and what the running instance said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The service.
    pub service: ServiceName,
    /// What was checked, for example `setting archive_mode`.
    pub what: String,
    /// What was found, for example `off (command line)`.
    pub found: String,
}

/// The receipt as it is remembered and shown. Only `sanitize` makes one that publishes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptRecord {
    /// When it was made.
    pub made_at: jiff::Timestamp,
    /// Identity of the storage object that was proved.
    pub object: String,
    /// Hash of the policy that it was proved against.
    pub policy: String,
    /// Each override and seal as read back from the running instance.
    pub neutrality: Vec<Check>,
    /// Columns that are exempt by their type, by name.
    pub exempt: Vec<String>,
    /// Columns kept, with the owner's reasons.
    pub kept: Vec<String>,
    /// What the branch does not have, though its parent does. Receipts of older versions tell it among what is kept.
    #[serde(default)]
    pub removed: Vec<String>,
    /// Columns replaced, with how many values stayed equal to the original.
    pub replaced: Vec<ReplacedColumn>,
    /// Tables whose rows were deleted, all or some.
    #[serde(default)]
    pub deleted: Vec<DeletedRows>,
}

/// A table of the receipt whose rows were deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedRows {
    /// `service.schema.table`.
    pub table: String,
    /// The owner's condition under which a row goes; `None`: all went.
    #[serde(rename = "where")]
    pub condition: Option<String>,
    /// How many; `None` where all went, and nobody counted.
    pub rows: Option<u64>,
}

/// One replaced column of the receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplacedColumn {
    /// `service.schema.table.column`.
    pub column: String,
    /// The transform.
    pub transform: String,
    /// Values replaced (NULLs not counted).
    pub values: u64,
    /// Values that came out equal to the original.
    pub unchanged: u64,
}

/// Milliseconds by step, in the order of "The life of a branch" in ARCHITECTURE.md.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// Claiming the name.
    pub reserve: u64,
    /// Preparing the source.
    pub quiesce: u64,
    /// The snapshot.
    pub snapshot: u64,
    /// The clone.
    pub clone: u64,
    /// Sealing, the first start included.
    pub seal: u64,
    /// Sanitizing.
    pub sanitize: u64,
    /// Proving.
    pub prove: u64,
    /// The clean snapshot.
    pub checkpoint: u64,
    /// The start for use, and reading back.
    pub start: u64,
    /// Opening the way in.
    pub publish: u64,
    /// All of it.
    pub total: u64,
}

/// The document of `branch` and `show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchReport {
    /// Version of this document; 1.
    pub schema: u32,
    /// The environment.
    pub environment: Environment,
    /// The URL of its first service that has one.
    pub url: Option<Secret>,
    /// Its services.
    pub services: BTreeMap<ServiceName, ServiceReport>,
    /// Where its data came from; production has none.
    pub snapshot: Option<SnapshotReport>,
    /// What was sanitized.
    pub sanitization: Option<SanitizationReport>,
    /// How long each step took.
    pub timings_ms: Option<Timings>,
    /// The most that each of its datasets may hold, in bytes, where `storage.branch-size` set one.
    #[serde(default)]
    pub branch_size: Option<u64>,
    /// Packets that the branch tried to send out of its network; only while it runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub out_no_routes: Option<u64>,
}
