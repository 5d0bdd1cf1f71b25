//! The first line of a run's journal: what the run is, for those who find it.

use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::StateError;
use crate::model::{EnvName, ProjectName, RunId};

/// More than any header has: a first line that does not end is not read for ever.
const LIMIT: u64 = 64 * 1024;

/// What a run is: the first line of its journal, durable before the file has a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of the journal; 1.
    pub schema: u32,
    /// The run.
    pub run: RunId,
    /// Which saga it is, and so which undo fits: `branch`, `destroy`.
    pub saga: String,
    /// The project.
    pub project: ProjectName,
    /// The environment that it makes or changes.
    pub environment: EnvName,
    /// Its process; advisory, since numbers are used again.
    pub pid: u32,
    /// When it began.
    pub started_at: jiff::Timestamp,
    /// Its command line, without secrets.
    pub command: String,
}

/// A journal seen from outside.
pub(super) struct Sighting {
    /// Its first line.
    pub(super) header: Header,
    /// Whether its run still holds the lock.
    pub(super) alive: bool,
}

/// Looks at a journal without touching it; `None` where it went away meanwhile.
pub(super) fn look(path: &Path) -> Result<Option<Sighting>, StateError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(StateError::io("open", path))?,
    };
    // Shared: two that look at the same time must not take each other for the run.
    let alive = match file.try_lock_shared() {
        Ok(()) => false,
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(error)) => return Err(StateError::io("lock", path)(error)),
    };
    let mut line = Vec::new();
    BufReader::new(&file)
        .take(LIMIT)
        .read_until(b'\n', &mut line)
        .map_err(StateError::io("read", path))?;
    let header = serde_json::from_slice(&line).map_err(|source| StateError::Damaged {
        path: path.to_owned(),
        source,
    })?;
    Ok(Some(Sighting { header, alive }))
}
