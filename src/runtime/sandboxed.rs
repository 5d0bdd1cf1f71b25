//! [`Runtime`] on this host: bubblewrap sandboxes under one supervisor for each branch.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::sockopt::socket_peercred;

use super::branch_dir::BranchDir;
use super::network::BranchNetwork;
use super::process::Held;
use super::protocol::{Failure, Keep, Reply, Request, Thaw, receive, send};
use super::systemd::Unit;
use super::{
    BranchStatus, EnterSpec, Exposure, Frozen, InstanceSpec, JobOutcome, JobSpec, Network, Runtime,
    RuntimeError, StoppedForRoom, Watch, enter, shutdown,
};
use crate::exec::{Invocation, Streams, Tool, spawn};
use crate::model::{BranchId, ServiceName};
use crate::state::pause;

/// What a supervisor may take for itself, beside the time that a request names.
const GRACE: Duration = Duration::from_secs(60);
/// How long a supervisor may take until it can be called, or until it has ended.
const SET_UP: Duration = Duration::from_secs(10);
/// How long a supervisor may fail to say how its branch is, before that is an error.
const ENDING: Duration = Duration::from_secs(2);
/// How often is looked whether it can.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs instances in sandboxes of this host. Needs root.
#[derive(Debug)]
pub struct Sandboxed {
    run_dir: PathBuf,
    log_dir: PathBuf,
    program: PathBuf,
    leases: Mutex<BTreeMap<BranchId, Lease>>,
}

/// A supervisor that this process started. Closing the connection before `keep` ends the branch.
#[derive(Debug)]
struct Lease {
    connection: Option<UnixStream>,
    /// The supervisor, or the `systemd-run` that ends with its unit.
    child: Child,
    in_unit: bool,
}

/// A branch that its supervisor holds still for as long as this connection is open.
struct Still {
    connection: UnixStream,
    branch: BranchId,
}

impl Frozen for Still {
    fn thaw(self: Box<Self>) -> Result<(), RuntimeError> {
        let reply = converse(&self.connection, &self.branch, &Thaw, Duration::ZERO)?;
        done(&self.branch, &reply)
    }
}

/// A connection to a supervisor, and who that is.
struct Caller {
    connection: UnixStream,
    supervisor: Held,
}

impl Sandboxed {
    /// `run_dir`: `/run/envclone`; `log_dir`: where logs go; `program`: envclone's own binary.
    pub fn new(run_dir: PathBuf, log_dir: PathBuf, program: PathBuf) -> Self {
        Self {
            run_dir,
            log_dir,
            program,
            leases: Mutex::default(),
        }
    }

    fn leases(&self) -> MutexGuard<'_, BTreeMap<BranchId, Lease>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dir(&self, branch: &BranchId) -> BranchDir {
        BranchDir::new(&self.run_dir, branch)
    }

    fn call(&self, branch: &BranchId) -> Result<Caller, RuntimeError> {
        let not_running = || RuntimeError::NotRunning {
            branch: branch.clone(),
        };
        let connection = match UnixStream::connect(self.dir(branch).control()) {
            Ok(connection) => connection,
            Err(error) if is_absent(&error) => return Err(not_running()),
            Err(source) => return Err(io_error("connecting to the supervisor", source)),
        };
        let peer = socket_peercred(&connection);
        let peer = peer.map_err(|error| io_error("asking who the supervisor is", error.into()))?;
        let pid = u32::try_from(peer.pid.as_raw_nonzero().get()).unwrap_or(0);
        // It has the connection, so it lives and the number is its own; unless it ends right now.
        let supervisor = Held::open(pid).map_err(|_| not_running())?;
        Ok(Caller {
            connection,
            supervisor,
        })
    }

    fn request(&self, branch: &BranchId, request: &Request, within: Duration) -> Result<Reply, RuntimeError> {
        self.call(branch)?.ask(branch, request, within)
    }

    fn lease_out(&self, branch: &BranchId) -> Result<Lease, RuntimeError> {
        let (ours, theirs) = UnixStream::pair().map_err(|error| io_error("making a socket pair", error))?;
        let program = Tool::at(&self.program).map_err(|missing| RuntimeError::Exec(missing.into()))?;
        let mut args: Vec<OsString> = ["__supervise", "--branch", branch.as_str(), "--run-dir"]
            .map(OsString::from)
            .into();
        args.extend([
            self.run_dir.clone().into(),
            "--log-dir".into(),
            self.log_dir.clone().into(),
        ]);
        let unit = Unit::of(branch);
        let invocation = match &unit {
            Some(unit) => {
                self.free_unit(branch, unit)?;
                unit.running(&program, &args)
            }
            None => Invocation::new(&program).args(args),
        };
        let streams = Streams {
            descriptors: vec![(theirs.into(), 0)],
            // A terminal's Ctrl-C is for the command, which then ends the branch; a supervisor makes a session of its own.
            own_group: unit.is_some(),
            ..Streams::default()
        };
        let child = spawn(&invocation, streams).map_err(RuntimeError::Exec)?;
        Ok(Lease {
            connection: Some(ours),
            child,
            in_unit: unit.is_some(),
        })
    }

    /// The unit has the name of the one before, which may still be going when its supervisor has gone.
    fn free_unit(&self, branch: &BranchId, unit: &Unit) -> Result<(), RuntimeError> {
        let held = || RuntimeError::Held {
            branch: branch.clone(),
        };
        let free = self.dir(branch).remove_dead();
        if !free.map_err(|source| io_error("removing the branch's directory", source))? {
            return Err(held());
        }
        unit.wait_until_gone().map_err(RuntimeError::Exec)
    }
}

impl Caller {
    fn ask(self, branch: &BranchId, request: &Request, within: Duration) -> Result<Reply, RuntimeError> {
        converse(&self.connection, branch, request, within)
    }
}

impl Lease {
    fn hear(&self, branch: &BranchId) -> Result<(), RuntimeError> {
        let Some(connection) = &self.connection else {
            return Ok(());
        };
        let heard = connection
            .set_read_timeout(Some(GRACE))
            .and_then(|()| receive(connection));
        match heard.map_err(|source| io_error("waiting for the supervisor", source))? {
            Some(Reply::Done) => Ok(()),
            Some(Reply::Failed(failure)) => Err(failure.into_error(branch)),
            Some(_) => Err(unexpected(branch)),
            None => Err(Failure::other("it ended before it was up").into_error(branch)),
        }
    }

    /// Closes the connection and waits for the supervisor's end.
    fn end(mut self) {
        drop(self.connection.take());
        let _ = self.child.wait();
    }
}

impl Runtime for Sandboxed {
    fn open(&self, branch: &BranchId) -> Result<(), RuntimeError> {
        // What would only be missed at the first start is missed here.
        for tool in ["bwrap", "setpriv", "ip"] {
            Tool::find(tool).map_err(|missing| RuntimeError::Exec(missing.into()))?;
        }
        let lease = self.lease_out(branch)?;
        match lease.hear(branch) {
            Ok(()) => {
                self.leases().insert(branch.clone(), lease);
                Ok(())
            }
            Err(error) => {
                lease.end();
                Err(error)
            }
        }
    }

    fn watch(&self, branch: &BranchId, watch: &Watch) -> Result<(), RuntimeError> {
        let reply = self.request(branch, &Request::Watch(watch.clone()), Duration::ZERO)?;
        done(branch, &reply)
    }

    fn stopped_for_room(&self, branch: &BranchId) -> Result<Option<StoppedForRoom>, RuntimeError> {
        let read = StoppedForRoom::read(&StoppedForRoom::path(&self.log_dir, branch));
        read.map_err(|source| io_error("reading why the branch was stopped", source))
    }

    fn stopped_with_host(&self, branch: &BranchId) -> Result<bool, RuntimeError> {
        let noted = shutdown::is_noted(&shutdown::path(&self.log_dir, branch));
        noted.map_err(|source| io_error("reading how the branch was stopped", source))
    }

    fn forget_stop(&self, branch: &BranchId) -> Result<(), RuntimeError> {
        let forgotten = StoppedForRoom::forget(&StoppedForRoom::path(&self.log_dir, branch))
            .and_then(|()| shutdown::forget(&shutdown::path(&self.log_dir, branch)));
        forgotten.map_err(|source| io_error("forgetting why the branch was stopped", source))
    }

    fn keep(&self, branch: &BranchId) -> Result<(), RuntimeError> {
        let mut leases = self.leases();
        let Some(lease) = leases.get_mut(branch) else {
            drop(leases);
            // One that an earlier command kept.
            return self.call(branch).map(|_| ());
        };
        let Some(connection) = &lease.connection else {
            return Ok(());
        };
        send(connection, &Keep).map_err(|source| io_error("keeping the supervisor", source))?;
        lease.hear(branch)?;
        lease.connection = None;
        if lease.in_unit {
            // It waits for the end of the unit, which nobody needs any more.
            let ended = lease.child.kill().and_then(|()| lease.child.wait());
            ended.map_err(|source| io_error("letting go of the supervisor", source))?;
        }
        Ok(())
    }

    fn start(&self, branch: &BranchId, spec: &InstanceSpec) -> Result<(), RuntimeError> {
        let reply = self.request(branch, &Request::Start(spec.clone()), spec.ready_within)?;
        done(branch, &reply)
    }

    fn stop(&self, branch: &BranchId, service: &ServiceName, within: Duration) -> Result<(), RuntimeError> {
        let request = Request::Stop {
            service: service.clone(),
            within,
        };
        match self.request(branch, &request, within) {
            Err(RuntimeError::NotRunning { .. }) => Ok(()),
            other => done(branch, &other?),
        }
    }

    fn job(&self, branch: &BranchId, spec: &JobSpec) -> Result<JobOutcome, RuntimeError> {
        match self.request(branch, &Request::Job(spec.clone()), spec.timeout)? {
            Reply::Job(outcome) => Ok(outcome),
            _ => Err(unexpected(branch)),
        }
    }

    fn network(&self, branch: &BranchId) -> Result<Box<dyn Network>, RuntimeError> {
        let caller = self.call(branch)?;
        let path = format!("/proc/{}/ns/net", caller.supervisor.pid());
        let opened = File::open(path).map_err(|source| io_error("opening the branch's network", source))?;
        let ended = caller.supervisor.has_ended();
        if ended.map_err(|source| io_error("looking at the supervisor", source))? {
            return Err(RuntimeError::NotRunning {
                branch: branch.clone(),
            });
        }
        Ok(Box::new(BranchNetwork::new(opened)))
    }

    fn freeze(&self, branch: &BranchId) -> Result<Box<dyn Frozen>, RuntimeError> {
        let connection = self.call(branch)?.connection;
        done(
            branch,
            &converse(&connection, branch, &Request::Freeze, Duration::ZERO)?,
        )?;
        let branch = branch.clone();
        Ok(Box::new(Still { connection, branch }))
    }

    fn expose(&self, branch: &BranchId, exposures: &[Exposure]) -> Result<(), RuntimeError> {
        let reply = self.request(branch, &Request::Expose(exposures.to_vec()), Duration::ZERO)?;
        done(branch, &reply)
    }

    fn enter(&self, branch: &BranchId, service: &ServiceName, spec: &EnterSpec) -> Result<i32, RuntimeError> {
        let caller = self.call(branch)?;
        let supervisor = caller.supervisor.pid();
        match caller.ask(branch, &Request::Sandbox(service.clone()), Duration::ZERO)? {
            Reply::Sandbox { init } => enter::enter(branch, &self.program, supervisor, init, spec),
            _ => Err(unexpected(branch)),
        }
    }

    fn status(&self, branch: &BranchId) -> Result<Option<BranchStatus>, RuntimeError> {
        let until = Instant::now() + ENDING;
        loop {
            match self.request(branch, &Request::Status, Duration::ZERO) {
                Ok(Reply::Status(status)) => return Ok(Some(status)),
                Ok(_) => return Err(unexpected(branch)),
                Err(RuntimeError::NotRunning { .. }) => return Ok(None),
                // One that was asked as it ended is not there when it is asked again.
                Err(_) if Instant::now() < until => pause(LOOK_EVERY),
                Err(error) => return Err(error),
            }
        }
    }

    fn close(&self, branch: &BranchId) -> Result<(), RuntimeError> {
        let until = Instant::now() + SET_UP;
        loop {
            match self.call(branch) {
                Ok(caller) => end(branch, caller)?,
                Err(RuntimeError::NotRunning { .. }) => {}
                Err(error) => return Err(error),
            }
            if let Some(lease) = self.leases().remove(branch) {
                lease.end();
            }
            let removed = self.dir(branch).remove_dead();
            if removed.map_err(|source| io_error("removing the branch's directory", source))? {
                return Ok(());
            }
            // Its holder cannot be called: it is being set up, and will hear of its end when it is; or it is ending.
            if Instant::now() >= until {
                return Err(RuntimeError::Held {
                    branch: branch.clone(),
                });
            }
            pause(LOOK_EVERY);
        }
    }

    fn forget_sealed_logs(&self, branch: &BranchId) -> Result<(), RuntimeError> {
        match self.request(branch, &Request::ForgetSealedLogs, Duration::ZERO) {
            Err(RuntimeError::NotRunning { .. }) => self
                .dir(branch)
                .forget_sealed_of_dead()
                .map_err(|source| io_error("removing sealed logs", source)),
            other => done(branch, &other?),
        }
    }

    fn log_path(&self, branch: &BranchId, service: &ServiceName) -> PathBuf {
        self.log_dir.join(format!("{branch}-{service}.log"))
    }

    fn forget_logs(&self, branch: &BranchId) -> Result<(), RuntimeError> {
        forget_logs(&self.log_dir, branch).map_err(|source| io_error("removing logs", source))
    }
}

impl Drop for Sandboxed {
    /// Branches that were not kept end with this process; here they end with this value, and are waited for.
    fn drop(&mut self) {
        for (_, lease) in std::mem::take(&mut *self.leases()) {
            if lease.connection.is_some() {
                lease.end();
            }
        }
    }
}

/// Ends a supervisor: by asking, and where that fails, by force. Its children end with it.
fn end(branch: &BranchId, caller: Caller) -> Result<(), RuntimeError> {
    let Caller {
        connection,
        supervisor,
    } = caller;
    let waiting = |source| io_error("waiting for the supervisor's end", source);
    let asked = Caller {
        connection,
        supervisor: Held::open(supervisor.pid()).map_err(waiting)?,
    };
    let answered = asked.ask(branch, &Request::Close, Duration::ZERO);
    if answered.is_err() {
        supervisor.kill().map_err(waiting)?;
    }
    if supervisor.wait(GRACE).map_err(waiting)? {
        Ok(())
    } else {
        Err(Failure::other("it does not end").into_error(branch))
    }
}

/// Says one thing to a supervisor and hears its answer.
fn converse(
    connection: &UnixStream,
    branch: &BranchId,
    message: &impl serde::Serialize,
    within: Duration,
) -> Result<Reply, RuntimeError> {
    let asked = connection
        .set_read_timeout(Some(within.saturating_add(GRACE)))
        .and_then(|()| send(connection, message))
        .and_then(|()| receive(connection));
    match asked {
        Ok(Some(Reply::Failed(failure))) => Err(failure.into_error(branch)),
        Ok(Some(reply)) => Ok(reply),
        Ok(None) => Err(Failure::other("it ended before it answered").into_error(branch)),
        Err(source) => Err(io_error("asking the supervisor", source)),
    }
}

fn done(branch: &BranchId, reply: &Reply) -> Result<(), RuntimeError> {
    match reply {
        Reply::Done => Ok(()),
        _ => Err(unexpected(branch)),
    }
}

fn unexpected(branch: &BranchId) -> RuntimeError {
    Failure::other("it gave an answer to another question").into_error(branch)
}

pub(super) fn io_error(action: &'static str, source: io::Error) -> RuntimeError {
    RuntimeError::Io { action, source }
}

/// No socket, or one that nobody listens on.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}
/// Removes what is named `<branch>-…` in the directory of logs, which is root's.
fn forget_logs(log_dir: &Path, branch: &BranchId) -> io::Result<()> {
    let entries = match fs::read_dir(log_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let prefix = format!("{branch}-");
    for entry in entries {
        let entry = entry?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(prefix.as_bytes())
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
