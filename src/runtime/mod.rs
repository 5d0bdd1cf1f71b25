//! Where instances run: sandboxed processes under one supervisor per branch.
//!
//! `ops` and `engine` call it through [`Runtime`]. It starts what an [`InstanceSpec`] describes in the
//! branch's namespaces, keeps it, stops it, and opens the way in (a [`Exposure`] at publish). It decides
//! nothing about data, and never reads or writes a volume.
//!
//! On this host ([`Sandboxed`]): a command asks for a branch's supervisor (`supervisor/`, a process of envclone's
//! own that lives in the branch's network namespace) to be started, in a unit of its own where there is systemd
//! (`systemd`), else in a control group of its own (`cgroup`), and talks to it on a socket (`protocol`). The
//! supervisor starts bubblewrap (`bwrap`, `system`, `seccomp`) and the gateway, and all of it ends with it; what slips through
//! is found by its mark (`leftovers`). [`Memory`] is the same without processes, for tests.

mod branch_dir;
mod bwrap;
mod cgroup;
mod descriptors;
mod enter;
mod leftovers;
mod memory;
mod netstat;
mod network;
pub(crate) mod process;
pub(crate) mod protocol;
mod reserve;
mod rootfs;
mod sandboxed;
pub(crate) mod seccomp;
mod shutdown;
mod supervisor;
mod system;
mod systemd;

pub use enter::enter_and_run;
pub use memory::{Memory, Operation};
pub use process::stand_back;
pub use reserve::{StoppedForRoom, Watch};
pub use rootfs::{NotRun, Rootfs, Sees};
pub use sandboxed::Sandboxed;
pub use supervisor::{SuperviseArgs, supervise};

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::exec::ExecError;
use crate::model::{BranchId, ServiceName};

/// The account that a service runs as: the owner of its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Numeric user id; never 0.
    pub uid: u32,
    /// Numeric primary group id; never 0.
    pub gid: u32,
}

/// A directory or file of the host made visible inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// On the host.
    pub source: PathBuf,
    /// Inside; missing parents are made with mode 0755.
    pub target: PathBuf,
    /// Whether it can be written.
    pub writable: bool,
}

/// What a sandbox consists of: who runs in it, and what it sees beside the system's read-only paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxSpec {
    /// The service.
    pub service: ServiceName,
    /// The account.
    pub account: Account,
    /// The hostname inside.
    pub hostname: String,
    /// The volume and envclone's own configuration.
    pub binds: Vec<Bind>,
    /// Private directories (on tmpfs) owned by the account, mode 0700: socket directories and the like.
    pub private_dirs: Vec<PathBuf>,
    /// Environment variables; nothing else is passed on. Not for secrets.
    pub env: Vec<(String, String)>,
    /// An unpacked root file system whose system is seen, instead of this host's.
    #[serde(default)]
    pub rootfs: Option<PathBuf>,
}

/// How a server marks the lines of its output by their severity. The first mark in a line is the server's own; a later one is
/// part of its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Severities {
    /// Marks of the lines that say why it ends, and hold no values of rows: these may be shown.
    pub shown: Vec<String>,
    /// Those of all others.
    pub hidden: Vec<String>,
}

/// A server to run in a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceSpec {
    /// The sandbox.
    pub sandbox: SandboxSpec,
    /// The program, as it is called inside.
    pub program: PathBuf,
    /// Its arguments; readable inside, so no secrets and no paths of the host.
    pub args: Vec<OsString>,
    /// The signal that stops it cleanly, for example 2 (SIGINT: PostgreSQL's fast shutdown).
    pub stop_signal: i32,
    /// It is ready when a line of its output contains this text.
    pub ready_line: String,
    /// How it marks the lines of its output.
    pub severities: Severities,
    /// How long it may take to become ready.
    pub ready_within: Duration,
    /// Whether its output may be shown to users later. The output of a server that holds originals is kept
    /// in memory-backed, root-only files and goes at [`Runtime::forget_sealed_logs`].
    pub sealed: bool,
}

/// A program that runs in a sandbox of its own to its end, with the same walls as an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// The sandbox.
    pub sandbox: SandboxSpec,
    /// The program, as it is called inside.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Bytes on its standard input.
    pub stdin: Vec<u8>,
    /// How long it may take.
    pub timeout: Duration,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOutcome {
    /// Exit code; 128 + signal where a signal ended it.
    pub code: i32,
    /// At most 1 MiB of standard output.
    pub stdout: Vec<u8>,
    /// At most 64 KiB of standard error. May hold row values: never shown as it is.
    pub stderr: Vec<u8>,
}

/// A way in, opened at publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposure {
    /// The service.
    pub service: ServiceName,
    /// Where the host listens: an address and the branch's stable port.
    pub listen: SocketAddr,
    /// The Unix socket on the host.
    pub socket: PathBuf,
    /// The port of loopback inside.
    pub inner_port: u16,
}

/// What a supervisor says of its branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchStatus {
    /// The supervisor's process id.
    pub supervisor: u32,
    /// Services whose instance runs.
    pub running: Vec<ServiceName>,
    /// Whether the gateway is open.
    pub published: bool,
    /// Packets that had no route out, since the namespace was made (`OutNoRoutes`, IPv4 and IPv6).
    pub out_no_routes: u64,
}

/// A command of a user in a running instance's sandbox, with processes of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnterSpec {
    /// The account that it runs as.
    pub account: Account,
    /// Environment variables, secrets included: the branch's processes, which are the same user's, cannot see the command.
    pub env: Vec<(String, String)>,
    /// Program and arguments.
    pub command: Vec<OsString>,
}

/// Why the runtime did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// No supervisor runs for this branch.
    #[error("no supervisor runs for branch {branch}")]
    NotRunning {
        /// The branch.
        branch: BranchId,
    },
    /// Another supervisor still holds the branch.
    #[error("branch {branch} is held by another supervisor")]
    Held {
        /// The branch.
        branch: BranchId,
    },
    /// The instance ended before it was ready.
    #[error("service {service} did not start ({status}){}", fatal_lines(fatal))]
    DidNotStart {
        /// The service.
        service: ServiceName,
        /// How it ended.
        status: String,
        /// Lines of severity FATAL or PANIC, without details.
        fatal: Vec<String>,
    },
    /// The instance was not ready in time.
    #[error("service {service} was not ready within {seconds} s{}", fatal_lines(fatal))]
    NotReady {
        /// The service.
        service: ServiceName,
        /// The limit.
        seconds: u64,
        /// Lines of severity FATAL or PANIC, without details.
        fatal: Vec<String>,
    },
    /// A clean stop took too long, so the instance was killed.
    #[error("service {service} did not stop within {seconds} s and was killed")]
    Killed {
        /// The service.
        service: ServiceName,
        /// The limit.
        seconds: u64,
    },
    /// A job took too long, and was killed.
    #[error("a job of service {service} did not end within {seconds} s")]
    JobTimeout {
        /// The service.
        service: ServiceName,
        /// The limit.
        seconds: u64,
    },
    /// The port is taken on the host.
    #[error("{address} is taken by another program")]
    AddressTaken {
        /// The address.
        address: SocketAddr,
    },
    /// The supervisor refused or failed.
    #[error("the supervisor of branch {branch} failed: {message}")]
    Supervisor {
        /// The branch.
        branch: BranchId,
        /// What it said.
        message: String,
    },
    /// A tool could not be started.
    #[error("the sandbox could not be built")]
    Exec(#[source] ExecError),
    /// The kernel refused.
    #[error("runtime: {action} failed")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The kernel's error.
        #[source]
        source: std::io::Error,
    },
}

fn fatal_lines(lines: &[String]) -> String {
    lines.iter().flat_map(|line| ["\n  ", line]).collect()
}

/// The network of a branch, for clients of envclone's own.
pub trait Network: Send + Sync {
    /// Runs `client` on a thread inside the branch's network namespace and waits for it: what it connects to on
    /// 127.0.0.1 is the branch. The thread keeps the host's files.
    fn run(&self, client: Box<dyn FnOnce() + Send + '_>) -> Result<(), RuntimeError>;
}

/// A branch whose processes stand still. They go on when this is dropped, and when the process that holds it ends.
pub trait Frozen: Send {
    /// Lets them go on.
    ///
    /// # Errors
    /// When they did not stand still until now: that is limited to a minute.
    fn thaw(self: Box<Self>) -> Result<(), RuntimeError>;
}

/// Runs the instances of branches.
pub trait Runtime: Send + Sync {
    /// Starts the supervisor of a branch. Until [`Runtime::keep`] it is bound to the calling process: when that
    /// ends, for whatever reason, the supervisor ends everything of the branch and itself.
    fn open(&self, branch: &BranchId) -> Result<(), RuntimeError>;

    /// Has the supervisor watch the reserve of a pool: when branches eat into it, it stops the one that wrote most.
    fn watch(&self, branch: &BranchId, watch: &Watch) -> Result<(), RuntimeError>;

    /// Why the supervisor stopped the branch for the sake of the reserve, if it did; also after it ended, and after a boot.
    fn stopped_for_room(&self, branch: &BranchId) -> Result<Option<StoppedForRoom>, RuntimeError>;

    /// Whether a shutdown of the host stopped the branch's services, all of them cleanly, with all that they wrote on the disk.
    fn stopped_with_host(&self, branch: &BranchId) -> Result<bool, RuntimeError>;

    /// Forgets both: the branch runs again, or is gone.
    fn forget_stop(&self, branch: &BranchId) -> Result<(), RuntimeError>;

    /// Lets the supervisor live on without the caller.
    fn keep(&self, branch: &BranchId) -> Result<(), RuntimeError>;

    /// Starts an instance and returns when it is ready.
    fn start(&self, branch: &BranchId, spec: &InstanceSpec) -> Result<(), RuntimeError>;

    /// Stops an instance cleanly; kills it after `within`, which is an error. Not running is fine.
    fn stop(&self, branch: &BranchId, service: &ServiceName, within: Duration) -> Result<(), RuntimeError>;

    /// Runs a program in a sandbox to its end. A non-zero exit is no error here.
    fn job(&self, branch: &BranchId, spec: &JobSpec) -> Result<JobOutcome, RuntimeError>;

    /// The branch's network, for envclone's own clients.
    fn network(&self, branch: &BranchId) -> Result<Box<dyn Network>, RuntimeError>;

    /// Holds every process of a branch still, for the instant of a snapshot. Returns when all stand.
    fn freeze(&self, branch: &BranchId) -> Result<Box<dyn Frozen>, RuntimeError>;

    /// Opens the gateway. The only way in for users.
    fn expose(&self, branch: &BranchId, exposures: &[Exposure]) -> Result<(), RuntimeError>;

    /// Runs a command in the sandbox of a running instance; its exit code, 128 + signal where a signal ended it. Where the
    /// caller's standard input and output are a terminal it gets one of its own, otherwise pipes, and what goes through them
    /// is handed on. Nothing of what it began runs on when this returns, and nothing that the caller has was ever given to it.
    fn enter(&self, branch: &BranchId, service: &ServiceName, spec: &EnterSpec) -> Result<i32, RuntimeError>;

    /// What runs; `None` where no supervisor does.
    fn status(&self, branch: &BranchId) -> Result<Option<BranchStatus>, RuntimeError>;

    /// Ends every instance, the gateway and the supervisor (kills what is still there), and removes what the branch
    /// has below `/run/envclone`. Nothing running is fine.
    fn close(&self, branch: &BranchId) -> Result<(), RuntimeError>;

    /// Removes the output of sealed instances.
    fn forget_sealed_logs(&self, branch: &BranchId) -> Result<(), RuntimeError>;

    /// The log file of a service, root's, outside of the volume. It need not exist yet.
    fn log_path(&self, branch: &BranchId, service: &ServiceName) -> PathBuf;

    /// Removes all log files of a branch, those of services that the configuration does not name any more too.
    fn forget_logs(&self, branch: &BranchId) -> Result<(), RuntimeError>;
}
