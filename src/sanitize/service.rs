//! A service of a branch on its way from raw clone to published copy, as `ops` drives it. One implementation per
//! engine; `ops` knows none of them.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::engine::{EngineError, ServiceSetup};
use crate::model::{BranchId, Check, DeletedRows, ReplacedColumn, Secret, ServiceReport};
use crate::runtime::{Exposure, Runtime, RuntimeError};
use crate::storage::VolumeError;

use super::inspection::Inspection;
use super::ledger::LedgerError;
use super::needle::NeedleSet;
use super::postgres::RewriteError;
use super::stored::Stored;

/// Where and with what a service of a branch is worked on.
pub struct Site<'a> {
    /// Runs instances.
    pub runtime: &'a dyn Runtime,
    /// The branch.
    pub branch: BranchId,
    /// The clone's root on the host.
    pub root: PathBuf,
    /// Where envclone's own configuration of the branch's instances lies on the host.
    pub conf: PathBuf,
    /// A root-only directory of the pool, for files without a name.
    pub spool: PathBuf,
    /// Where the gateway listens.
    pub listen: IpAddr,
    /// The directory of the branch's Unix sockets.
    pub sockets: PathBuf,
    /// Tells the person what is being done; never a value of a row.
    pub detail: &'a (dyn Fn(&str) + Sync),
    /// Whether Ctrl-C, or a signal, is to end it: what takes long looks at it again and again.
    pub interrupted: &'a AtomicBool,
}

impl Site<'_> {
    /// Fails once Ctrl-C was typed.
    ///
    /// # Errors
    /// [`ServiceError::Interrupted`].
    pub fn go_on(&self) -> Result<(), ServiceError> {
        if self.interrupted.load(Ordering::SeqCst) {
            return Err(ServiceError::Interrupted);
        }
        Ok(())
    }
}

/// Why a service could not be brought one step further.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Its engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The runtime.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// Its files.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// Its rules do not apply, or leave something undecided.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A table could not be rewritten.
    #[error(transparent)]
    Rewrite(#[from] RewriteError),
    /// Personal data that nothing decides about.
    #[error("service {service}: {what}")]
    Undecided {
        /// The service.
        service: crate::model::ServiceName,
        /// What, and what to do about it.
        what: String,
    },
    /// A rule that can only be a mistake.
    #[error("service {service}: {what}")]
    Mistaken {
        /// The service.
        service: crate::model::ServiceName,
        /// Which rule, and what to do about it.
        what: String,
    },
    /// Originals are still there.
    #[error("service {service}: {what}")]
    Unproved {
        /// The service.
        service: crate::model::ServiceName,
        /// Where, without the value.
        what: String,
    },
    /// What is remembered of it does not say what a start needs: a defect of envclone, or a record that was changed.
    #[error("what is remembered of service {service} cannot be used; destroy the branch, and make it again")]
    Forgotten {
        /// The service.
        service: crate::model::ServiceName,
    },
    /// Ctrl-C, or a signal.
    #[error("interrupted")]
    Interrupted,
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
}

impl ServiceError {
    /// Whether the host, a server or a program failed, and not the rules or the data.
    pub fn is_of_host(&self) -> bool {
        match self {
            Self::Engine(error) | Self::Rewrite(RewriteError::Engine(error)) => !matches!(
                error,
                EngineError::Unfit { .. }
                    | EngineError::Misconfigured { .. }
                    | EngineError::LeavesVolume { .. }
                    | EngineError::NotSealed { .. }
            ),
            Self::Rewrite(error) => matches!(error, RewriteError::Reader { .. } | RewriteError::Spool { .. }),
            Self::Runtime(_) | Self::Volume(_) | Self::Io { .. } => true,
            Self::Ledger(_)
            | Self::Undecided { .. }
            | Self::Mistaken { .. }
            | Self::Unproved { .. }
            | Self::Forgotten { .. }
            | Self::Interrupted => false,
        }
    }
}

/// What sanitizing a service came to.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Tables (or file rules) that were applied.
    pub tables: u64,
    /// Rows (or files) rewritten or deleted.
    pub rows: u64,
    /// Columns replaced.
    pub replaced: Vec<ReplacedColumn>,
    /// Tables whose rows were deleted, all or some.
    pub deleted: Vec<DeletedRows>,
    /// Columns exempt by type, and why.
    pub exempt: Vec<String>,
    /// What is kept, with the owner's reasons.
    pub kept: Vec<String>,
    /// What the branch does not have, though its parent does: files by rule, and what would tie it to its parent.
    pub removed: Vec<String>,
    /// What no proof covers.
    pub not_covered: Vec<String>,
    /// Whether personal data was left as it is, by the owner's configuration.
    pub raw: bool,
}

/// One service of a branch being made. The calls come in the order in which they stand here.
pub trait Service: Send {
    /// Its setup.
    fn setup(&self) -> &ServiceSetup;

    /// Makes the running source ready for a snapshot, within `limit` and until `interrupted` is set; what was done, in words.
    /// `root` is the source's root, which is only read. A failure stops nothing.
    fn quiesce(
        &mut self,
        root: &Path,
        limit: Duration,
        interrupted: &AtomicBool,
    ) -> Result<String, ServiceError>;

    /// Seals the clone's files, starts it sealed where it has a server, seals it there, and holds its rules against
    /// what it really contains.
    fn seal(&mut self, site: &Site<'_>) -> Result<(), ServiceError>;

    /// What it was found to hold, after [`Service::seal`].
    fn inspect(&mut self, _site: &Site<'_>) -> Result<Inspection, ServiceError> {
        let (setup, tally) = (self.setup(), self.tally());
        Ok(Inspection {
            service: setup.name.clone(),
            engine: setup.engine,
            ruled: 0,
            kept: tally.kept,
            exempt: tally.exempt,
            plan: None,
            survey: None,
            unseen: false,
        })
    }

    /// Why nothing of it has to be rewritten, if so.
    fn nothing_to_rewrite(&self) -> Option<String>;

    /// Replaces personal data, runs the owner's SQL, stops, and purges what is left of the originals. `needles` takes
    /// originals to search for.
    fn sanitize(&mut self, site: &Site<'_>) -> Result<(), ServiceError>;

    /// After a search that found originals in these `files`, relative to the environment's root: rids them of what production
    /// left there beside what it keeps, where that can be; whether it did, so that another search is worth it.
    ///
    /// # Errors
    /// [`ServiceError`].
    fn renew(&mut self, _site: &Site<'_>, _files: &[PathBuf]) -> Result<bool, ServiceError> {
        Ok(false)
    }

    /// The originals that must be nowhere any more, after [`Service::sanitize`].
    fn needles(&self) -> Option<&NeedleSet>;

    /// What takes values out of its files that are not there as bytes, for the search.
    fn stored(&self) -> Option<Box<dyn Stored>> {
        None
    }

    /// The files that sanitizing wrote from nothing, relative to the environment's root: none shares storage with what
    /// was there before. After [`Service::sanitize`].
    fn written_anew(&self) -> &[PathBuf] {
        &[]
    }

    /// What was done, for report and receipt.
    fn tally(&self) -> Tally;

    /// Starts it for use, unless it runs already, and reads every seal back.
    fn start(&mut self, site: &Site<'_>) -> Result<Vec<Check>, ServiceError>;

    /// Lets its users in by password, envclone itself no longer, and proves both.
    fn publish(&mut self, site: &Site<'_>) -> Result<Vec<Check>, ServiceError>;

    /// The way in, for the gateway.
    fn exposure(&self, site: &Site<'_>) -> Option<Exposure>;

    /// What users are told.
    fn report(&self, site: &Site<'_>) -> ServiceReport;

    /// What is remembered beside the report: user, database, password.
    fn credentials(&self) -> Option<(String, String, Secret)>;

    /// Starts it again under its old credentials, after a stop or a boot of the host: nothing of it is sealed or read
    /// back but that its users get in by password. What its users changed is theirs: where they do not get in by the
    /// URL any more, that is what is returned, in words.
    fn resume(&mut self, site: &Site<'_>) -> Result<Option<String>, ServiceError>;

    /// Whether the users of a running one get in by the URL; in words why not. A server that recovers is waited for.
    fn lets_in(&self, site: &Site<'_>) -> Result<Option<String>, ServiceError>;

    /// What the engine wants to find again when the service is started later.
    fn facts(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}
