//! envclone's own way into a branch's network.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use nix::sched::{CloneFlags, setns};

use super::sandboxed::io_error;
use super::{Network, RuntimeError};

/// A branch's network namespace. Holding it keeps the namespace, but nothing in it, alive.
#[derive(Debug)]
pub(super) struct BranchNetwork {
    namespace: File,
}

impl BranchNetwork {
    pub(super) fn new(namespace: File) -> Self {
        Self { namespace }
    }
}

impl Network for BranchNetwork {
    fn run(&self, client: Box<dyn FnOnce() + Send + '_>) -> Result<(), RuntimeError> {
        let ended = thread::scope(|scope| {
            let enter_and_run = || {
                setns(&self.namespace, CloneFlags::CLONE_NEWNET)
                    .map_err(|error| io_error("entering the branch's network", error.into()))?;
                catch_unwind(AssertUnwindSafe(client))
                    .map_err(|_| io_error("running a client", std::io::Error::other("it panicked")))
            };
            let thread = thread::Builder::new().name("in-branch".to_owned());
            let running = thread.spawn_scoped(scope, enter_and_run);
            running.map(thread::ScopedJoinHandle::join)
        });
        match ended.map_err(|error| io_error("starting a thread", error))? {
            Ok(result) => result,
            Err(_) => Err(io_error("running a client", std::io::Error::other("it panicked"))),
        }
    }
}
