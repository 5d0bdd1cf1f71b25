//! What clients and the supervisor of a branch say to each other: one JSON line each way for a connection.
//!
//! The lease is another socket, the supervisor's standard input: on it the supervisor says once whether it is up,
//! and hears [`KEEP`]; when it closes before that, the branch ends.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{
    Account, BranchStatus, Exposure, InstanceSpec, JobOutcome, JobSpec, RuntimeError, StoppedForRoom, Watch,
};
use crate::exec::{ExecError, ToolMissing};
use crate::model::{BranchId, ServiceName};

/// The longest message: a job's input and output are in it.
const LONGEST: u64 = 64 << 20;

/// Descriptor number at which a child of ours finds its order. High, so that it cannot collide with the descriptor
/// through which the standard library learns of a failed exec.
pub(crate) const ORDER_FD: i32 = 100;
/// Descriptor number of the host's network namespace (gateway), or of the pipe for failures (enter).
pub(crate) const SECOND_FD: i32 = 101;

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    Start(InstanceSpec),
    Stop {
        service: ServiceName,
        within: Duration,
    },
    Job(JobSpec),
    Expose(Vec<Exposure>),
    Status,
    /// The init process of a running instance's sandbox.
    Sandbox(ServiceName),
    ForgetSealedLogs,
    /// Hold every process still. The connection stays open for as long as that is to last.
    Freeze,
    /// Watch a pool's reserve.
    Watch(Watch),
    /// How much the branch wrote lately; of one supervisor to another.
    Load,
    /// Hold every process still and hear a [`Verdict`] on the same connection; of one supervisor to another.
    AwaitVerdict,
    Close,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    Done,
    Status(BranchStatus),
    Job(JobOutcome),
    Sandbox { init: u32 },
    Load(Option<Load>),
    Failed(Failure),
}

/// On the connection of [`Request::Freeze`], to let go.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Thaw;

/// What a branch takes of a filesystem.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Load {
    /// Which one, by a name that is the same for all who watch it.
    pub(super) filesystem: String,
    /// Bytes that it wrote within the last minute.
    pub(super) written: u64,
}

/// What becomes of a branch that was held still for the sake of the pool's reserve. No word means that it goes on.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Verdict {
    GoOn,
    /// It is stopped; answered when that is done.
    GiveWay(StoppedForRoom),
}

/// On the lease.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Keep;

/// [`RuntimeError`] as it crosses a socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Failure {
    DidNotStart {
        service: ServiceName,
        status: String,
        fatal: Vec<String>,
    },
    NotReady {
        service: ServiceName,
        seconds: u64,
        fatal: Vec<String>,
    },
    Killed {
        service: ServiceName,
        seconds: u64,
    },
    JobTimeout {
        service: ServiceName,
        seconds: u64,
    },
    AddressTaken {
        address: SocketAddr,
    },
    ToolMissing {
        program: String,
    },
    Held,
    Other {
        message: String,
    },
}

impl Failure {
    /// A failure of the kernel's, with what was tried.
    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Other {
            message: format!("{action}: {error}"),
        }
    }

    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::Other {
            message: message.into(),
        }
    }

    pub(super) fn into_error(self, branch: &BranchId) -> RuntimeError {
        match self {
            Self::DidNotStart {
                service,
                status,
                fatal,
            } => RuntimeError::DidNotStart {
                service,
                status,
                fatal,
            },
            Self::NotReady {
                service,
                seconds,
                fatal,
            } => RuntimeError::NotReady {
                service,
                seconds,
                fatal,
            },
            Self::Killed { service, seconds } => RuntimeError::Killed { service, seconds },
            Self::JobTimeout { service, seconds } => RuntimeError::JobTimeout { service, seconds },
            Self::AddressTaken { address } => RuntimeError::AddressTaken { address },
            Self::ToolMissing { program } => RuntimeError::Exec(ExecError::Missing(ToolMissing { program })),
            Self::Held => RuntimeError::Held {
                branch: branch.clone(),
            },
            Self::Other { message } => RuntimeError::Supervisor {
                branch: branch.clone(),
                message,
            },
        }
    }
}

impl From<ExecError> for Failure {
    fn from(error: ExecError) -> Self {
        match error {
            ExecError::Missing(ToolMissing { program }) => Self::ToolMissing { program },
            ExecError::Start { program, source } => {
                Self::other(format!("`{program}` could not be started: {source}"))
            }
            other => Self::other(other.to_string()),
        }
    }
}

impl From<ToolMissing> for Failure {
    fn from(missing: ToolMissing) -> Self {
        Self::ToolMissing {
            program: missing.program,
        }
    }
}

/// What the gateway is to do; it comes on its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GatewayOrder {
    /// The supervisor's process id: when that is not the gateway's parent, the gateway ends.
    pub(crate) supervisor: u32,
    pub(crate) exposures: Vec<Exposure>,
}

/// What the gateway answers once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum GatewayReply {
    Open,
    Failed(Failure),
}

/// What `__enter` is to do; it comes in memory at [`ORDER_FD`], since it holds secrets.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EnterOrder {
    pub(super) account: Account,
    pub(super) env: Vec<(String, String)>,
    pub(super) command: Vec<OsString>,
    pub(super) wiring: Wiring,
}

/// What a command has for its standard streams. Never what the caller has for its own.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Wiring {
    /// A pipe each.
    Pipes,
    /// A terminal.
    Terminal {
        /// Also for standard error; otherwise that is a pipe.
        stderr: bool,
    },
}

/// Sends one message.
pub(crate) fn send(mut to: impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)
}

/// Receives one message; `None` when the other side closed without one.
pub(crate) fn receive<T: DeserializeOwned>(from: impl Read) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    BufReader::new(from.take(LONGEST)).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Ok(None);
    }
    serde_json::from_slice(&line).map(Some).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_was_cut_off_is_none() {
        let mut sent = Vec::new();
        let request = Request::Stop {
            service: "db".parse().unwrap(),
            within: Duration::from_millis(1500),
        };
        send(&mut sent, &request).unwrap();
        let back: Option<Request> = receive(sent.as_slice()).unwrap();
        assert!(matches!(back, Some(Request::Stop { within, .. }) if within == Duration::from_millis(1500)));
        sent.pop();
        assert!(receive::<Request>(sent.as_slice()).unwrap().is_none());
        assert!(receive::<Request>(&b"{}\n"[..]).is_err());
    }

    #[test]
    fn failures_become_the_errors_that_the_trait_promises() {
        let branch: BranchId = "1f3a9c20".parse().unwrap();
        let missing = Failure::from(ToolMissing {
            program: "bwrap".to_owned(),
        });
        let error = missing.into_error(&branch);
        assert!(matches!(error, RuntimeError::Exec(ExecError::Missing(tool)) if tool.program == "bwrap"));
        assert!(matches!(
            Failure::Held.into_error(&branch),
            RuntimeError::Held { .. }
        ));
    }
}
