//! A runtime without processes, for proofs of the saga: it keeps state, and fails where it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{
    BranchStatus, EnterSpec, Exposure, Frozen, InstanceSpec, JobOutcome, JobSpec, Network, Runtime,
    RuntimeError, StoppedForRoom, Watch,
};
use crate::model::{BranchId, ServiceName};

/// A method of the trait, for injecting failures and for reading what was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// [`Runtime::open`]
    Open,
    /// [`Runtime::watch`]
    Watch,
    /// [`Runtime::stopped_for_room`]
    StoppedForRoom,
    /// [`Runtime::forget_stop`]
    ForgetStop,
    /// [`Runtime::keep`]
    Keep,
    /// [`Runtime::start`]
    Start,
    /// [`Runtime::stop`]
    Stop,
    /// [`Runtime::job`]
    Job,
    /// [`Runtime::network`]
    Network,
    /// [`Runtime::freeze`]
    Freeze,
    /// [`Runtime::expose`]
    Expose,
    /// [`Runtime::enter`]
    Enter,
    /// [`Runtime::status`]
    Status,
    /// [`Runtime::close`]
    Close,
    /// [`Runtime::forget_sealed_logs`]
    ForgetSealedLogs,
}

/// Branches in memory. What runs has a name and nothing else; a job does nothing and ends with 0. Copies show the same
/// branches.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    branches: BTreeMap<BranchId, Branch>,
    ports: BTreeSet<u16>,
    stopped: BTreeMap<BranchId, StoppedForRoom>,
    calls: Vec<(Operation, BranchId)>,
    /// How many calls go well before one fails.
    failures: BTreeMap<Operation, usize>,
}

#[derive(Debug, Default)]
struct Branch {
    kept: bool,
    running: BTreeSet<ServiceName>,
    published: bool,
    sealed_logs: BTreeSet<ServiceName>,
    holders: usize,
}

impl Memory {
    /// Nothing runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// The call of `operation` after `good` good ones fails, before it does anything; once.
    pub fn fail_after(&self, operation: Operation, good: usize) {
        self.state().failures.insert(operation, good);
    }

    /// What the end of the calling process does: branches that were not kept are gone.
    pub fn caller_dies(&self) {
        self.state().branches.retain(|_, branch| branch.kept);
    }

    /// What a reboot of the host does: everything is gone.
    pub fn host_restarts(&self) {
        self.state().branches.clear();
    }

    /// What a supervisor does with a branch that wrote most when the reserve was reached.
    pub fn stop_for_room(&self, branch: &BranchId, why: StoppedForRoom) {
        let mut state = self.state();
        state.branches.remove(branch);
        state.stopped.insert(branch.clone(), why);
    }

    /// A port that another program of the host has.
    pub fn take_port(&self, port: u16) {
        self.state().ports.insert(port);
    }

    /// Branches that have a supervisor.
    pub fn branches(&self) -> Vec<BranchId> {
        self.state().branches.keys().cloned().collect()
    }

    /// Whether output of sealed instances is still there.
    pub fn has_sealed_logs(&self, branch: &BranchId) -> bool {
        let state = self.state();
        state
            .branches
            .get(branch)
            .is_some_and(|branch| !branch.sealed_logs.is_empty())
    }

    /// Whether a branch is held still.
    pub fn is_frozen(&self, branch: &BranchId) -> bool {
        let state = self.state();
        state.branches.get(branch).is_some_and(|of| of.holders > 0)
    }

    /// What was called so far, in order, failed calls included.
    pub fn calls(&self) -> Vec<(Operation, BranchId)> {
        self.state().calls.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, operation: Operation, branch: &BranchId) -> Result<MutexGuard<'_, State>, RuntimeError> {
        let mut state = self.state();
        state.calls.push((operation, branch.clone()));
        match state.failures.get(&operation).copied() {
            Some(0) => {
                state.failures.remove(&operation);
                Err(RuntimeError::Supervisor {
                    branch: branch.clone(),
                    message: format!("injected failure of {operation:?}"),
                })
            }
            Some(good) => {
                state.failures.insert(operation, good - 1);
                Ok(state)
            }
            None => Ok(state),
        }
    }
}

impl State {
    fn branch(&mut self, branch: &BranchId) -> Result<&mut Branch, RuntimeError> {
        let not_running = || RuntimeError::NotRunning {
            branch: branch.clone(),
        };
        self.branches.get_mut(branch).ok_or_else(not_running)
    }
}

struct Still {
    state: Arc<Mutex<State>>,
    branch: BranchId,
}

impl Frozen for Still {
    fn thaw(self: Box<Self>) -> Result<(), RuntimeError> {
        Ok(())
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of) = state.branches.get_mut(&self.branch) {
            of.holders -= 1;
        }
    }
}

struct ThisNetwork;

impl Network for ThisNetwork {
    fn run(&self, client: Box<dyn FnOnce() + Send + '_>) -> Result<(), RuntimeError> {
        catch_unwind(AssertUnwindSafe(client)).map_err(|_| RuntimeError::Io {
            action: "running a client",
            source: std::io::Error::other("it panicked"),
        })
    }
}

impl Runtime for Memory {
    fn open(&self, branch: &BranchId) -> Result<(), RuntimeError> {
        let mut state = self.begin(Operation::Open, branch)?;
        if state.branches.contains_key(branch) {
            return Err(RuntimeError::Held {
                branch: branch.clone(),
            });
        }
        state.branches.insert(branch.clone(), Branch::default());
        Ok(())
    }

    fn watch(&self, branch: &BranchId, _watch: &Watch) -> Result<(), RuntimeError> {
        self.begin(Operation::Watch, branch)?.branch(branch).map(|_| ())
    }

    fn stopped_for_room(&self, branch: &BranchId) -> Result<Option<StoppedForRoom>, RuntimeError> {
        let state = self.begin(Operation::StoppedForRoom, branch)?;
        Ok(state.stopped.get(branch).cloned())
    }

    /// Nothing ends it from outside.
    fn stopped_with_host(&self, _branch: &BranchId) -> Result<bool, RuntimeError> {
        Ok(false)
    }

    fn forget_stop(&self, branch: &BranchId) -> Result<(), RuntimeError> {
        self.begin(Operation::ForgetStop, branch)?.stopped.remove(branch);
        Ok(())
    }

    fn keep(&self, branch: &BranchId) -> Result<(), RuntimeError> {
        let mut state = self.begin(Operation::Keep, branch)?;
        state.branch(branch)?.kept = true;
        Ok(())
    }

    fn start(&self, branch: &BranchId, spec: &InstanceSpec) -> Result<(), RuntimeError> {
        let mut state = self.begin(Operation::Start, branch)?;
        let of = state.branch(branch)?;
        let service = &spec.sandbox.service;
        if spec.sealed {
            of.sealed_logs.insert(service.clone());
        }
        if of.running.insert(service.clone()) {
            return Ok(());
        }
        Err(RuntimeError::Supervisor {
            branch: branch.clone(),
            message: format!("service {service} runs already"),
        })
    }

    fn stop(&self, branch: &BranchId, service: &ServiceName, _within: Duration) -> Result<(), RuntimeError> {
        let mut state = self.begin(Operation::Stop, branch)?;
        if let Ok(of) = state.branch(branch) {
            of.running.remove(service);
        }
        Ok(())
    }

    fn job(&self, branch: &BranchId, _spec: &JobSpec) -> Result<JobOutcome, RuntimeError> {
        let mut state = self.begin(Operation::Job, branch)?;
        state.branch(branch)?;
        Ok(JobOutcome {
            code: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
        })
    }

    fn network(&self, branch: &BranchId) -> Result<Box<dyn Network>, RuntimeError> {
        let mut state = self.begin(Operation::Network, branch)?;
        state.branch(branch)?;
        Ok(Box::new(ThisNetwork))
    }

    fn freeze(&self, branch: &BranchId) -> Result<Box<dyn Frozen>, RuntimeError> {
        let mut state = self.begin(Operation::Freeze, branch)?;
        state.branch(branch)?.holders += 1;
        drop(state);
        Ok(Box::new(Still {
            state: Arc::clone(&self.state),
            branch: branch.clone(),
        }))
    }

    fn expose(&self, branch: &BranchId, exposures: &[Exposure]) -> Result<(), RuntimeError> {
        let mut state = self.begin(Operation::Expose, branch)?;
        state.branch(branch)?;
        let taken = exposures
            .iter()
            .find(|exposure| state.ports.contains(&exposure.listen.port()));
        if let Some(exposure) = taken {
            return Err(RuntimeError::AddressTaken {
                address: exposure.listen,
            });
        }
        state.branch(branch)?.published = true;
        Ok(())
    }

    fn enter(
        &self,
        branch: &BranchId,
        service: &ServiceName,
        _spec: &EnterSpec,
    ) -> Result<i32, RuntimeError> {
        let mut state = self.begin(Operation::Enter, branch)?;
        if state.branch(branch)?.running.contains(service) {
            return Ok(0);
        }
        Err(RuntimeError::Supervisor {
            branch: branch.clone(),
            message: format!("service {service} is not running"),
        })
    }

    fn status(&self, branch: &BranchId) -> Result<Option<BranchStatus>, RuntimeError> {
        let state = self.begin(Operation::Status, branch)?;
        Ok(state.branches.get(branch).map(|of| BranchStatus {
            supervisor: std::process::id(),
            running: of.running.iter().cloned().collect(),
            published: of.published,
            out_no_routes: 0,
        }))
    }

    fn close(&self, branch: &BranchId) -> Result<(), RuntimeError> {
        let mut state = self.begin(Operation::Close, branch)?;
        state.branches.remove(branch);
        Ok(())
    }

    fn forget_sealed_logs(&self, branch: &BranchId) -> Result<(), RuntimeError> {
        let mut state = self.begin(Operation::ForgetSealedLogs, branch)?;
        if let Ok(of) = state.branch(branch) {
            of.sealed_logs.clear();
        }
        Ok(())
    }

    fn log_path(&self, branch: &BranchId, service: &ServiceName) -> PathBuf {
        PathBuf::from(format!("/nonexistent/{branch}-{service}.log"))
    }

    /// It writes none.
    fn forget_logs(&self, _branch: &BranchId) -> Result<(), RuntimeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch() -> BranchId {
        "1f3a9c20".parse().unwrap()
    }

    #[test]
    fn a_failure_happens_once_and_after_the_good_calls() {
        let runtime = Memory::new();
        runtime.fail_after(Operation::Open, 1);
        let other: BranchId = "00000001".parse().unwrap();
        runtime.open(&branch()).unwrap();
        assert!(runtime.open(&other).is_err());
        runtime.open(&other).unwrap();
        assert!(matches!(runtime.open(&other), Err(RuntimeError::Held { .. })));
        assert_eq!(runtime.calls().len(), 4);
    }

    #[test]
    fn a_branch_that_was_not_kept_goes_with_its_caller() {
        let runtime = Memory::new();
        let kept: BranchId = "00000001".parse().unwrap();
        runtime.open(&branch()).unwrap();
        runtime.open(&kept).unwrap();
        runtime.keep(&kept).unwrap();
        runtime.caller_dies();
        assert_eq!(runtime.branches(), std::slice::from_ref(&kept));
        assert!(runtime.status(&branch()).unwrap().is_none());
        runtime.close(&kept).unwrap();
        runtime.close(&kept).unwrap();
        assert!(runtime.branches().is_empty());
    }
}
