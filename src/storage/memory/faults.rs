//! Failures on demand, and the record of calls.

use std::io;
use std::path::{Path, PathBuf};

use crate::storage::{StorageError, Usage};

/// A method of the storage trait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the methods of the trait")]
pub enum Method {
    Inspect,
    Snapshot,
    CloneOf,
    Settle,
    Destroy,
    DiscardIncoming,
    Owned,
    Usage,
    Exclusive,
}

/// When a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before it did anything.
    Before,
    /// Half done: `settle` has written the mark and not moved; `destroy` and `discard_incoming` have removed an
    /// object and not its mark. Other methods have no half and never fail so.
    Within,
    /// After it was done: the caller does not learn what was made.
    After,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// What it was called on: a root, an object, the pool; for `discard_incoming` the run.
    pub path: PathBuf,
}

#[derive(Debug)]
pub(super) struct Faults {
    planned: Vec<(Method, Moment, StorageError)>,
    /// How many more calls succeed.
    lives: Option<usize>,
    calls: Vec<Call>,
    pub(super) usage: Usage,
}

impl Default for Faults {
    fn default() -> Self {
        let usage = Usage {
            total: 1 << 40,
            free: 1 << 39,
        };
        Self {
            planned: Vec::new(),
            lives: None,
            calls: Vec::new(),
            usage,
        }
    }
}

impl Faults {
    pub(super) fn plan(&mut self, method: Method, moment: Moment, error: StorageError) {
        self.planned.push((method, moment, error));
    }

    pub(super) fn die_after(&mut self, calls: usize) {
        self.lives = Some(calls);
    }

    pub(super) fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Records a call; the error that it is to fail with before it acts.
    pub(super) fn begin(&mut self, method: Method, path: &Path, pool: &Path) -> Result<(), StorageError> {
        self.calls.push(Call {
            method,
            path: path.to_owned(),
        });
        if let Some(lives) = &mut self.lives {
            let Some(left) = lives.checked_sub(1) else {
                let source = io::Error::other("the process was killed");
                return Err(StorageError::Io {
                    action: "calling",
                    path: pool.to_owned(),
                    source,
                });
            };
            *lives = left;
        }
        self.strike(method, Moment::Before).map_or(Ok(()), Err)
    }

    /// The error planned for this moment; it is used up.
    pub(super) fn strike(&mut self, method: Method, moment: Moment) -> Option<StorageError> {
        let at = self
            .planned
            .iter()
            .position(|(m, when, _)| (*m, *when) == (method, moment))?;
        Some(self.planned.remove(at).2)
    }
}
