//! The process that holds a branch: parent of every sandbox and of the gateway.
//!
//! The main thread makes the network namespace and then starts every child, since a parent's death is noticed by
//! thread (`PR_SET_PDEATHSIG`). Other threads read requests, wait for children, and read their output.
//! Children end with it: a `kill -9` of the supervisor leaves no process, and no namespace.

mod control;
mod doorway;
mod freeze;
mod instance;
mod job;
mod loopback;
mod output;
mod reserve;
mod sandbox;
mod spawner;
mod stall;
mod written;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use signal_hook::consts::SIGTERM;

use self::doorway::Doorway;
use self::instance::Instance;
use self::spawner::Spawner;
use super::branch_dir::{BranchDir, make_dir};
use super::cgroup::Cgroup;
use super::leftovers::end_leftovers;
use super::protocol::{Failure, Keep, Reply, receive, send};
use super::{RuntimeError, process, shutdown, systemd};
use crate::model::{BranchId, ServiceName};

/// How long instances may take to stop when the host shuts down.
const HOST_SHUTDOWN: Duration = Duration::from_secs(30);

/// The arguments of `__supervise`.
#[derive(Debug, Clone)]
pub struct SuperviseArgs {
    /// The branch.
    pub branch: BranchId,
    /// `/run/envclone`.
    pub run_dir: PathBuf,
    /// Where logs go.
    pub log_dir: PathBuf,
}

/// State that the supervisor's threads share.
struct Supervisor {
    branch: BranchId,
    dir: BranchDir,
    log_dir: PathBuf,
    spawner: Spawner,
    host_network: File,
    instances: Mutex<BTreeMap<ServiceName, Arc<Instance>>>,
    doorway: Mutex<Option<Doorway>>,
    cgroup: Option<Cgroup>,
    frozen: Mutex<freeze::Frozen>,
    watched: Mutex<Option<reserve::Watched>>,
    written: Mutex<written::Written>,
    ended: Mutex<bool>,
}

/// Runs the supervisor of a branch to its end. Standard input is the lease.
///
/// # Errors
/// When it could not be set up; the lease has been told, too.
pub fn supervise(args: &SuperviseArgs) -> Result<(), RuntimeError> {
    let action = |action| move |source| RuntimeError::Io { action, source };
    process::close_inherited(&[]).map_err(action("closing inherited descriptors"))?;
    let lease = io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map_err(action("taking the lease"))?;
    let lease = UnixStream::from(lease);
    match set_up(args) {
        Ok((supervisor, listener, main, claim)) => {
            let supervisor = Arc::new(supervisor);
            begin(&supervisor, listener, lease).map_err(action("starting the supervisor's threads"))?;
            main.run();
            drop(claim);
            Ok(())
        }
        Err(failure) => {
            // Without a reader there is nobody to tell.
            let _ = send(&lease, &Reply::Failed(failure.clone()));
            Err(failure.into_error(&args.branch))
        }
    }
}

type Parts = (
    Supervisor,
    UnixListener,
    spawner::MainThread,
    super::branch_dir::Claim,
);

fn set_up(args: &SuperviseArgs) -> Result<Parts, Failure> {
    detach().map_err(Failure::io("detaching from the terminal"))?;
    let dir = BranchDir::new(&args.run_dir, &args.branch);
    let claim = dir
        .claim()
        .map_err(Failure::io("claiming the branch's directory"))?;
    let claim = claim.ok_or(Failure::Held)?;
    let made = make_dir(&args.log_dir, 0o700).map_err(Failure::io("making the log directory"));
    // Refused in most containers, where nothing depends on it. In a unit of its own it has one.
    let cgroup = Cgroup::of(&args.branch)
        .filter(|_| !systemd::runs_in_unit_of(&args.branch))
        .filter(|cgroup| cgroup.enter().is_ok());
    match made.and_then(|()| wall_off()).and_then(|host| {
        let listener = control::listen(&dir).map_err(Failure::io("listening for requests"))?;
        Ok((host, listener))
    }) {
        Ok((host_network, listener)) => {
            let (spawner, main) = spawner::pair();
            let supervisor = Supervisor {
                branch: args.branch.clone(),
                dir,
                log_dir: args.log_dir.clone(),
                spawner,
                host_network,
                instances: Mutex::default(),
                doorway: Mutex::default(),
                cgroup,
                frozen: Mutex::default(),
                watched: Mutex::default(),
                written: Mutex::default(),
                ended: Mutex::new(false),
            };
            Ok((supervisor, listener, main, claim))
        }
        Err(failure) => {
            let _ = cgroup.as_ref().map(Cgroup::leave);
            // What is left then is removed by the next claim or close.
            let _ = dir.remove();
            Err(failure)
        }
    }
}

/// A session of its own, no core dumps, after production at the processor and before it where memory ends, and no directory of
/// the host kept busy.
fn detach() -> io::Result<()> {
    match rustix::process::setsid() {
        Ok(_) | Err(rustix::io::Errno::PERM) => {} // it leads its group already
        Err(error) => return Err(error.into()),
    }
    process::no_core_dumps()?;
    process::stand_back()?;
    process::go_first()?;
    // A sandbox's init process outlives its parent, the outer bwrap, by a moment, and is ours then.
    nix::sys::prctl::set_child_subreaper(true)?;
    // Services inherit it, and expect the usual one; what is ours is made with its mode given.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    std::env::set_current_dir("/")
}

/// Enters a new network namespace with nothing but loopback. Returns the host's, where the gateway will listen.
///
/// Not a mount namespace: it would keep every file system of the host busy that was mounted at this moment.
fn wall_off() -> Result<File, Failure> {
    let host = File::open("/proc/self/ns/net").map_err(Failure::io("opening the host's network"))?;
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(|error| Failure::io("making a network namespace")(error.into()))?;
    loopback::bring_up().map_err(Failure::io("bringing up loopback"))?;
    Ok(host)
}

fn begin(supervisor: &Arc<Supervisor>, listener: UnixListener, lease: UnixStream) -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM])?;
    let for_signals = Arc::clone(supervisor);
    named("signals", move || {
        if signals.forever().next().is_some() {
            for_signals.stop_with_host();
            for_signals.end();
        }
    })?;
    let for_control = Arc::clone(supervisor);
    named("control", move || control::serve(&for_control, &listener))?;
    let for_lease = Arc::clone(supervisor);
    named("lease", move || {
        if !hold_lease(&lease) {
            for_lease.end();
        }
    })
}

/// Says that the branch is up and waits for [`Keep`]. `false`: the caller ended first.
fn hold_lease(lease: &UnixStream) -> bool {
    let kept = send(lease, &Reply::Done).is_ok() && matches!(receive::<Keep>(lease), Ok(Some(Keep)));
    kept && send(lease, &Reply::Done).is_ok()
}

fn named(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map(|_| ())
}

/// A lock whose holder panicked is taken all the same: its data are plain values, never half-written.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Supervisor {
    /// Asks every instance to stop, all at once, and waits; whether all did so cleanly.
    fn stop_all(&self, within: Duration) -> bool {
        let instances: Vec<_> = locked(&self.instances).values().map(Arc::clone).collect();
        thread::scope(|scope| {
            let stops: Vec<_> = instances
                .iter()
                .map(|instance| scope.spawn(|| instance.stop(within).is_ok()))
                .collect();
            stops.into_iter().all(|stop| stop.join().unwrap_or(false))
        })
    }

    /// The host goes down. A branch that is in use is to come back as it was.
    fn stop_with_host(&self) {
        let in_use = locked(&self.doorway).is_some();
        if self.stop_all(HOST_SHUTDOWN) && in_use {
            // Without it the branch goes back to its checkpoint, as after a crash.
            let _ = shutdown::note(&shutdown::path(&self.log_dir, &self.branch));
        }
    }

    /// Ends everything, and lets the main thread go, and with it the process.
    fn end(&self) {
        self.end_but_for_main();
        self.spawner.release_main_thread();
    }

    /// Ends every child and removes the branch's directory.
    fn end_but_for_main(&self) {
        let mut ended = locked(&self.ended);
        if *ended {
            return;
        }
        // Where a process does not end, the directory stays, and with it the next command's reason to look again.
        if self.spawner.end_children() && end_leftovers(&self.branch).is_ok() {
            // A group that is not empty, for whatever reason, is not worth failing for.
            let _ = self.cgroup.as_ref().map(Cgroup::leave);
            let _ = self.dir.remove();
        }
        *ended = true;
    }
}
