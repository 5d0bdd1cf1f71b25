//! What makes each data service different: how it is recognised, quiesced, sealed, started and read back.
//!
//! `ops` and `sanitize` call it. It acts on a clone's volume only through `storage::Volume` and on a server
//! only through what the runtime gives; it never touches the source's files, and decides nothing about which
//! data is personal.

mod account;
mod fault;
mod found;
pub mod mariadb;
pub mod postgres;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use crate::model::{EngineKind, ServiceName};
use crate::runtime::RuntimeError;
use crate::storage::VolumeError;

pub use fault::Fault;
pub use found::FoundServer;

/// A service as its engine needs to know it: from the configuration, for one environment.
#[derive(Debug, Clone)]
pub struct ServiceSetup {
    /// Its name.
    pub name: ServiceName,
    /// Its engine.
    pub engine: EngineKind,
    /// The volume, relative to the environment's root.
    pub volume: PathBuf,
    /// Where the service sees its volume.
    pub path: PathBuf,
    /// The server's data directory inside the volume; empty: the volume itself.
    pub data: PathBuf,
    /// The database that the URL points at.
    pub database: Option<String>,
    /// The role of the URL; default: the database's owner.
    pub user: Option<String>,
    /// How the running source is reached, for quiesce only.
    pub source: Option<String>,
    /// Roles beside the URL's that may log in, by the same new password.
    pub keep_login: Vec<String>,
    /// Whether the branch survives a crash of the host as it is.
    pub durable: bool,
    /// The server's programs, where they are not in the distribution's place; with `rootfs`, inside of that.
    pub programs: Option<PathBuf>,
    /// The unpacked root file system from which the server runs, instead of from this host.
    pub rootfs: Option<PathBuf>,
    /// The role that made the cluster, where it is not named like the account that owns its files.
    pub superuser: Option<String>,
}

impl ServiceSetup {
    /// The data directory as the service sees it.
    pub fn inner_data(&self) -> PathBuf {
        if self.data.as_os_str().is_empty() {
            self.path.clone()
        } else {
            self.path.join(&self.data)
        }
    }
}

impl EngineError {
    /// Whether a server said so itself, by a code.
    pub fn is_answer(&self) -> bool {
        self.code().is_some()
    }

    /// The code by which a server said so.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Server { fault, .. } => fault.code(),
            _ => None,
        }
    }
}

/// Why an engine could not do its part.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The volume does not hold what the engine expects.
    #[error("service {service}: {message}")]
    Unfit {
        /// The service.
        service: ServiceName,
        /// What is wrong and what to do about it.
        message: String,
    },
    /// What the configuration names for it does not serve.
    #[error("service {service}: {message}")]
    Misconfigured {
        /// The service.
        service: ServiceName,
        /// What is wrong with it, and which key to correct.
        message: String,
    },
    /// A link, a tablespace's or another, leads out of the volume, so that a snapshot does not hold what it leads to.
    #[error("service {service}: {message}")]
    LeavesVolume {
        /// The service.
        service: ServiceName,
        /// Which link, where it leads, and what to do about it.
        message: String,
    },
    /// A file of the volume could not be handled.
    #[error("service {service}: {action} failed")]
    Volume {
        /// The service.
        service: ServiceName,
        /// What was tried.
        action: &'static str,
        /// The volume's error.
        #[source]
        source: VolumeError,
    },
    /// The instance could not be run.
    #[error("service {service}: {action} failed")]
    Runtime {
        /// The service.
        service: ServiceName,
        /// What was tried.
        action: &'static str,
        /// The runtime's error.
        #[source]
        source: RuntimeError,
    },
    /// The server answered with an error. Only its code and its object are kept: its other fields may hold
    /// row values.
    #[error("service {service}: {action} failed: {fault}")]
    Server {
        /// The service.
        service: ServiceName,
        /// What was tried.
        action: String,
        /// Code and object.
        fault: Fault,
    },
    /// A seal does not hold.
    #[error("service {service}: {what} is {found}, not {wanted}; nothing was published")]
    NotSealed {
        /// The service.
        service: ServiceName,
        /// What was read back.
        what: String,
        /// What it is.
        found: String,
        /// What it must be.
        wanted: String,
    },
    /// The source did not answer in time; the branch goes on without (its files are enough).
    #[error("service {service}: the source did not answer within {} s", limit.as_secs())]
    SourceSilent {
        /// The service.
        service: ServiceName,
        /// The limit.
        limit: Duration,
    },
}
