//! A lock on what is worked at, which each program that changes it holds as well.
//!
//! A run that is killed leaves such a program behind, in a call that the kernel ends all the same: whoever is to clear up after it
//! waits for that, or would find nothing yet.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::StorageError;
use crate::exec::Invocation;
use crate::state::pause;

/// A program waits for the storage to write what it holds in memory, which may be much.
pub(super) const WITHIN: Duration = Duration::from_secs(600);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The lock.
#[derive(Debug)]
pub(super) struct Working(Arc<OwnedFd>);

impl Working {
    /// Locks a file or directory, which lies at `path`, as soon as no program works there any more.
    ///
    /// # Errors
    /// [`StorageError::Io`], also where one still does after [`WITHIN`].
    pub(super) fn at(file: OwnedFd, path: &Path) -> Result<Self, StorageError> {
        let failed = |source| StorageError::Io {
            action: "waiting for what works at",
            path: path.to_owned(),
            source,
        };
        let began = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(Arc::new(file))),
                Err(Errno::WOULDBLOCK | Errno::INTR) if began.elapsed() < WITHIN => pause(LOOK_AGAIN),
                Err(Errno::WOULDBLOCK) => return Err(failed(io::ErrorKind::TimedOut.into())),
                Err(errno) => return Err(failed(errno.into())),
            }
        }
    }

    /// Has a program hold it too, for as long as that runs.
    pub(super) fn held_by(&self, program: Invocation) -> Invocation {
        program.holding(&self.0)
    }
}
