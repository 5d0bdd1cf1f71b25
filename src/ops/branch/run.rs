//! What a run that makes a branch knows and has made so far.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::request::side_by_side;
use crate::engine::ServiceSetup;
use crate::model::{
    BranchId, Check, EnvName, EnvType, Environment, RunId, SanitizationReport, SnapshotReport, Timings,
};
use crate::ops::{App, OpsError};
use crate::saga::{Interrupted, StepError};
use crate::sanitize::proof::Proof;
use crate::sanitize::receipt::Receipt;
use crate::sanitize::service::{Service, ServiceError, Site};
use crate::storage::{Object, ObjectId, Place, Role};

/// The environment that is branched.
#[derive(Debug, Clone)]
pub struct Parent {
    /// Its name.
    pub name: EnvName,
    /// Its root on the host.
    pub root: PathBuf,
    /// Its branch, where envclone made it; production has none.
    pub branch: Option<BranchId>,
}

/// A run that makes a branch.
pub struct Run<'a> {
    /// What the process was started with.
    pub app: &'a App,
    /// The run.
    pub id: RunId,
    /// The branch that is made.
    pub branch: BranchId,
    /// Its name.
    pub name: EnvName,
    /// Its type.
    pub kind: EnvType,
    /// The parent.
    pub parent: Parent,
    /// When it began.
    pub began: jiff::Timestamp,
    /// For the total.
    pub clock: Instant,
    /// The services.
    pub services: Vec<Box<dyn Service>>,
    /// Their setups, in the same order.
    pub setups: Vec<ServiceSetup>,
    /// Why steps 6 to 8 are not needed, if they are not: decided once, when everything is sealed and nothing is changed yet.
    pub unchanged: Option<String>,
    /// The snapshot, once taken.
    pub snapshot: Option<Object>,
    /// What is told of it.
    pub snapshot_report: Option<SnapshotReport>,
    /// The clone, once made.
    pub clone: Option<Object>,
    /// The clean snapshot, once taken.
    pub checkpoint: Option<Object>,
    /// The proof, once there is one.
    pub proof: Option<Proof>,
    /// What was read back.
    pub checks: Vec<Check>,
    /// The receipt, from its making to its use.
    pub receipt: Option<Receipt>,
    /// What sanitizing came to.
    pub sanitization: SanitizationReport,
    /// What is told about the environment at the end.
    pub environment: Option<Environment>,
    /// How long the steps took; filled in by the caller.
    pub timings: Timings,
    /// Tells the person what is being done.
    pub detail: &'a (dyn Fn(&str) + Sync),
    /// Whether Ctrl-C, or a signal, is to end it.
    pub interrupted: &'a AtomicBool,
}

/// How often is looked whether the run is to end within a step.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A failure with less free than one part in so many is taken for one of a full pool.
const FULL: u64 = 20;

impl<'a> Run<'a> {
    /// What a failure of a service is where the pool is full: a server that finds no room may end, and its clients only see that
    /// it has gone.
    fn for_want_of_room(&self, source: ServiceError) -> StepError {
        match self.app.storage.usage() {
            Ok(usage) if usage.free < usage.total / FULL && source.is_of_host() => {
                let pool = self.app.pool().to_owned();
                OpsError::Full { pool, source }.into()
            }
            _ => source.into(),
        }
    }

    /// Does one thing with every service at the same time; the first error counts, after all have ended. On Ctrl-C whatever runs of
    /// the branch is ended, so that nobody waits for a server any longer.
    ///
    /// # Errors
    /// [`Interrupted`], else the service's.
    pub(super) fn each_service<T: Send>(
        &mut self,
        act: impl Fn(&mut dyn Service, &Site<'_>) -> Result<T, ServiceError> + Sync,
    ) -> Result<Vec<T>, StepError> {
        let site = self.site()?;
        let (app, branch, interrupted) = (self.app, &self.branch, self.interrupted);
        let services = &mut self.services;
        let done = std::thread::scope(|scope| {
            let (ended, waits) = mpsc::channel::<()>();
            scope.spawn(move || {
                while waits.recv_timeout(LOOK_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                    if interrupted.load(Ordering::SeqCst) {
                        // Undoing does it again, and says so where it cannot.
                        let _ = app.runtime.close(branch);
                        return;
                    }
                }
            });
            let done = side_by_side(services, |service| act(service, &site));
            drop(ended);
            done
        });
        done.map_err(|source| {
            if interrupted.load(Ordering::SeqCst) {
                Interrupted.into()
            } else {
                self.for_want_of_room(source)
            }
        })
    }

    /// Where an object of this run is born.
    pub fn incoming(&self, role: Role) -> Place {
        Place::Incoming {
            run: self.id.clone(),
            role,
        }
    }

    /// Where an object of the environment lives.
    pub fn home(&self, role: Role) -> Place {
        Place::Environment {
            project: self.app.project().clone(),
            name: self.name.clone(),
            role,
        }
    }

    /// The site on which services are worked on.
    ///
    /// # Errors
    /// [`OpsError::OutOfOrder`] before there is a clone.
    pub fn site(&self) -> Result<Site<'a>, OpsError> {
        let root = self
            .clone
            .as_ref()
            .map(|clone| clone.path.clone())
            .ok_or(OpsError::OutOfOrder)?;
        let spool = root.parent().map(PathBuf::from).ok_or(OpsError::OutOfOrder)?;
        Ok(self
            .app
            .site(self.branch.clone(), root, spool, self.detail, self.interrupted))
    }

    /// Identity of the clone.
    pub fn object(&self) -> ObjectId {
        self.clone
            .as_ref()
            .map_or_else(|| ObjectId(String::new()), |clone| clone.id.clone())
    }

    /// Why nothing has to be rewritten, if every service says so.
    pub(super) fn nothing_to_rewrite(&self) -> Option<String> {
        let reasons: Option<Vec<String>> = self
            .services
            .iter()
            .map(|service| {
                service
                    .nothing_to_rewrite()
                    .map(|why| format!("{}: {why}", service.setup().name))
            })
            .collect();
        reasons.map(|reasons| reasons.join("; "))
    }
}
