//! Why a use case failed, and which exit code that is (docs/json-output.md).

use std::path::PathBuf;

use crate::config::{ConfigError, ConfigErrorKind};
use crate::engine::EngineError;
use crate::model::{EnvName, EnvType, NameError, ServiceName};
use crate::runtime::{RuntimeError, StoppedForRoom};
use crate::saga::{JournalError, SagaError};
use crate::sanitize::ledger::LedgerError;
use crate::sanitize::proof::ProofError;
use crate::sanitize::rules::RulesError;
use crate::sanitize::service::ServiceError;
use crate::state::{KeyError, LockError, StateError};
use crate::storage::{PoolError, StorageError};

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// A name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The rules.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The masking key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What is remembered.
    #[error(transparent)]
    State(#[from] StateError),
    /// Another run.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A pool in a file.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The runtime.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A service.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The list of steps.
    #[error(transparent)]
    Saga(#[from] SagaError),
    /// The kernel gave no random numbers.
    #[error("the kernel gave no random numbers")]
    Random(#[source] getrandom::Error),
    /// No such environment.
    #[error("there is no environment {name}; `envclone list` shows those that there are")]
    Unknown {
        /// The name.
        name: EnvName,
    },
    /// The name is taken.
    #[error("there is an environment {name} already; destroy it first, or take another name")]
    Taken {
        /// The name.
        name: EnvName,
    },
    /// envclone makes no production.
    #[error("envclone makes no environment of type production; use staging or development")]
    MakesNoProduction,
    /// The environment is not one that envclone made.
    #[error("{name} is the original; envclone does not {action} what it did not make")]
    NotOurs {
        /// The name.
        name: EnvName,
        /// What was asked for.
        action: &'static str,
    },
    /// Nobody gets in before there is a receipt.
    #[error(
        "{name} is {state}; nobody gets in without a receipt: wait for the run that makes it, or remove it by `envclone destroy {name}`"
    )]
    Sealed {
        /// The name.
        name: EnvName,
        /// Its state.
        state: String,
    },
    /// It does not run.
    #[error("{name} is {state}; `envclone start {name}` starts it")]
    NotRunning {
        /// The name.
        name: EnvName,
        /// Its state.
        state: String,
    },
    /// No such service.
    #[error("{name} has no service {service}; `envclone show {name}` lists those it has")]
    UnknownService {
        /// The environment.
        name: EnvName,
        /// The service.
        service: String,
    },
    /// The service has no server.
    #[error(
        "{service} of {name} is a directory of files; it has no server to enter: `envclone url {name} {service}` says where it is"
    )]
    NoServer {
        /// The environment.
        name: EnvName,
        /// The service.
        service: String,
    },
    /// What was clean by the rules of its time is not by today's.
    #[error(
        "service {service} of the branch would have to be sanitized by the rules of today; destroy it and branch again"
    )]
    MustBeSanitized {
        /// The service.
        service: ServiceName,
    },
    /// It is raw, and its type may not be any more.
    #[error(
        "{name} is raw, and the configuration does not let a {kind} branch stay raw any more; destroy it and branch again"
    )]
    NoLongerRaw {
        /// The branch.
        name: EnvName,
        /// Its type.
        kind: EnvType,
    },
    /// A service that the branch has is not configured any more.
    #[error(
        "{name} has a service {service}, which the configuration does not name any more; put it back, or destroy {name}"
    )]
    ServiceGone {
        /// The branch.
        name: EnvName,
        /// The service.
        service: ServiceName,
    },
    /// Branches hang on it.
    #[error("{name} has branches: {}; destroy them first", children.join(", "))]
    HasBranches {
        /// The environment.
        name: EnvName,
        /// Its branches.
        children: Vec<String>,
    },
    /// The reserve of the pool.
    #[error("the pool {} has {free} bytes free, less than its reserve of {reserve}", pool.display())]
    NoRoom {
        /// The pool.
        pool: PathBuf,
        /// Free bytes.
        free: u64,
        /// Bytes that must stay free.
        reserve: u64,
    },
    /// A service failed while the pool was full.
    #[error("the pool {} has no room left", pool.display())]
    Full {
        /// The pool.
        pool: PathBuf,
        /// How it failed.
        #[source]
        source: ServiceError,
    },
    /// The supervisor stopped the branch for production's sake.
    #[error("the branch was stopped: {why}")]
    StoppedForRoom {
        /// What was measured.
        why: StoppedForRoom,
    },
    /// No environment was named, and it is not clear which one is meant.
    #[error("name the environment: the configuration has not exactly one of type production")]
    WhichEnvironment,
    /// Nothing is overwritten.
    #[error("{} exists already; it was left alone", path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// A pool that still holds something.
    #[error("the pool {} was not removed: {why}", path.display())]
    PoolInUse {
        /// The pool.
        path: PathBuf,
        /// What is in it.
        why: String,
        /// Whether that is branches, which have to go first.
        branches: bool,
    },
    /// Somebody other than root could change what would lie there.
    #[error("{} is not a safe place: {why}", path.display())]
    UnsafePlace {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The masking key would enter every branch.
    #[error("envclone's own state, {}, lies in the root {}: the masking key would enter every branch", state.display(), root.display())]
    HoldsState {
        /// Where envclone remembers.
        state: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// Rules are given twice for one thing.
    #[error("services {0} both need the owner's SQL; `after` is for projects with one database")]
    AmbiguousAfter(String),
    /// No service can run the owner's SQL.
    #[error("`after` in [sanitize] names SQL, and the engine of no service runs it yet; remove it")]
    NobodyForAfter,
    /// A step came before what it needs: a defect of envclone.
    #[error("a step came before what it needs; this is a defect of envclone")]
    OutOfOrder,
    /// A file of envclone's own.
    #[error("{action} {} failed", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The kernel's error.
        #[source]
        source: std::io::Error,
    },
    /// A branch whose end has begun still has something.
    #[error(
        "{name} could not be destroyed whole; `envclone destroy {name}` goes on with it once that is mended"
    )]
    HalfDestroyed {
        /// The branch.
        name: EnvName,
        /// What is left of it.
        left: Vec<String>,
        /// Why.
        #[source]
        source: Box<OpsError>,
    },
    /// What earlier runs that died had made could not be removed.
    #[error("a run that died before could not be undone whole ({}); the command itself did its work", environments.join(", "))]
    Unclean {
        /// What those runs were about.
        environments: Vec<String>,
        /// What is left, each with the reason.
        left: Vec<String>,
    },
}

impl OpsError {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Name(_)
            | Self::Rules(_)
            | Self::Unknown { .. }
            | Self::Taken { .. }
            | Self::MakesNoProduction
            | Self::UnknownService { .. }
            | Self::ServiceGone { .. }
            | Self::NoServer { .. }
            | Self::HoldsState { .. }
            | Self::AmbiguousAfter(_)
            | Self::NobodyForAfter
            | Self::HasBranches { .. }
            | Self::PoolInUse { .. }
            | Self::WhichEnvironment
            | Self::FileExists { .. }
            | Self::NotOurs { .. } => 2,
            Self::Config(error) => match error.kind() {
                ConfigErrorKind::Unsafe => 3,
                ConfigErrorKind::Invalid => 2,
            },
            Self::Key(error) => key_code(error),
            Self::State(StateError::Unsafe(_)) | Self::UnsafePlace { .. } => 3,
            Self::Sealed { .. } | Self::MustBeSanitized { .. } | Self::NoLongerRaw { .. } => 5,
            Self::Lock(LockError::Held { .. }) => 6,
            Self::Lock(LockError::Interrupted { .. }) => 130,
            Self::Pool(error) => pool_code(error),
            Self::Service(error) => service_code(error),
            Self::Storage(error) => storage_code(error),
            Self::Unclean { .. } | Self::HalfDestroyed { .. } => 4,
            Self::Saga(error) => saga_code(error),
            _ => 1,
        }
    }

    /// What is left behind, if anything.
    pub fn left(&self) -> Vec<String> {
        match self {
            Self::Saga(error) => error.left.iter().map(|left| left.what.clone()).collect(),
            Self::Unclean { left, .. } | Self::HalfDestroyed { left, .. } => left.clone(),
            Self::Pool(PoolError::Left { path, .. }) => vec![path.display().to_string()],
            _ => Vec::new(),
        }
    }
}

fn saga_code(error: &SagaError) -> u8 {
    if !error.left.is_empty() {
        return 4;
    }
    if error.interrupted {
        return 130;
    }
    let cause = &error.cause;
    if let Some(error) = cause.find::<ServiceError>() {
        return service_code(error);
    }
    if let Some(error) = cause.find::<OpsError>() {
        return error.exit_code();
    }
    if cause.find::<ProofError>().is_some_and(ProofError::is_refusal) {
        return 5;
    }
    cause.find::<StorageError>().map_or(1, storage_code)
}

fn service_code(error: &ServiceError) -> u8 {
    match error {
        ServiceError::Undecided { .. }
        | ServiceError::Unproved { .. }
        | ServiceError::Ledger(LedgerError::Unclassified(_)) => 5,
        // What is to be branched does not fit, as a root that is none.
        ServiceError::Ledger(_)
        | ServiceError::Mistaken { .. }
        | ServiceError::Engine(EngineError::LeavesVolume { .. } | EngineError::Misconfigured { .. }) => 2,
        _ => 1,
    }
}

fn key_code(error: &KeyError) -> u8 {
    match error {
        KeyError::Unsafe { .. } => 3,
        KeyError::Io { .. } => 1,
        KeyError::Missing { .. } | KeyError::Length { .. } | KeyError::Exists { .. } => 2,
    }
}

fn pool_code(error: &PoolError) -> u8 {
    match error {
        PoolError::Unsafe { .. } => 3,
        PoolError::Left { .. } => 4,
        PoolError::Path { .. }
        | PoolError::TooSmall { .. }
        | PoolError::Exists { .. }
        | PoolError::Unknown { .. }
        | PoolError::Foreign { .. } => 2,
        PoolError::NoRoom { .. } | PoolError::Tool { .. } | PoolError::Io { .. } => 1,
    }
}

/// A root or pool that does not fit is a matter of the configuration.
fn storage_code(error: &StorageError) -> u8 {
    match error {
        StorageError::NotARoot { .. }
        | StorageError::Nested { .. }
        | StorageError::OtherFilesystem { .. }
        | StorageError::HoldsPool { .. }
        | StorageError::Mixed { .. }
        | StorageError::NoDriver { .. }
        | StorageError::NotAPool { .. } => 2,
        StorageError::Zfs(error) if error.is_configuration() => 2,
        _ => 1,
    }
}
