//! The request, what it is held against before anything is made, and the run of the list.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::run::{Parent, Run};
use super::undo::BranchUndo;
use super::{step_names, steps};
use crate::model::{BranchId, BranchReport, EnvName, EnvType, RunId, SanitizationReport, Timings};
use crate::ops::fit::refuse_misfits;
use crate::ops::{App, OpsError, clean_up};
use crate::saga::{self, Fault, Header, Journal, Observer};
use crate::sanitize::service::{Service, ServiceError};

/// What is asked for.
pub struct BranchRequest {
    /// The environment to branch.
    pub parent: EnvName,
    /// The name of the branch.
    pub name: EnvName,
    /// Its type.
    pub kind: EnvType,
    /// How long to wait for another run's lock.
    pub lock_timeout: Duration,
    /// Stop dead at a line of the journal; for tests of what is left then.
    pub fault: Option<Fault>,
    /// How the command was called, for the journal; without secrets.
    pub command: String,
}

/// What a branch would be, without making it.
#[derive(Debug, Clone, Serialize)]
pub struct BranchPlan {
    /// Version of this document; 1.
    pub schema: u32,
    /// The parent.
    pub parent: EnvName,
    /// The name.
    pub name: EnvName,
    /// The type.
    #[serde(rename = "type")]
    pub kind: EnvType,
    /// The root that would be snapshotted.
    pub root: PathBuf,
    /// The pool that the branch would live in.
    pub pool: PathBuf,
    /// Its services, by name and engine.
    pub services: Vec<String>,
    /// The steps.
    pub steps: Vec<&'static str>,
    /// What the storage warns of.
    pub warnings: Vec<String>,
}

/// Checks a request and says what it would do. Nothing is made or changed.
///
/// # Errors
/// [`OpsError`] of everything that can be known beforehand.
pub fn plan(app: &App, request: &BranchRequest) -> Result<BranchPlan, OpsError> {
    let parent = check(app, request)?;
    let facts = app.storage.inspect(&parent.root)?;
    let setups = app.setups(&request.parent)?;
    app.may_branch(&setups, request.kind)?;
    refuse_misfits(&parent.root, &setups)?;
    Ok(BranchPlan {
        schema: 1,
        parent: request.parent.clone(),
        name: request.name.clone(),
        kind: request.kind,
        root: parent.root,
        pool: app.pool().to_owned(),
        services: setups
            .iter()
            .map(|setup| format!("{} ({})", setup.name, setup.engine))
            .collect(),
        steps: step_names(),
        warnings: facts.warnings,
    })
}

fn check(app: &App, request: &BranchRequest) -> Result<Parent, OpsError> {
    if request.kind == EnvType::Production {
        return Err(OpsError::MakesNoProduction);
    }
    let parent = app.parent(&request.parent)?;
    let declared = app.config.environments().contains_key(&request.name);
    if declared || app.store.record(&request.name)?.is_some() {
        return Err(OpsError::Taken {
            name: request.name.clone(),
        });
    }
    app.rules()?;
    app.store.key()?;
    Ok(parent)
}

/// Makes a branch: everything, or nothing.
///
/// # Errors
/// [`OpsError`]; what is left, if anything, is named by [`OpsError::left`].
pub fn branch(
    app: &App,
    request: &BranchRequest,
    observer: &mut dyn Observer,
    detail: &(dyn Fn(&str) + Sync),
    interrupted: &AtomicBool,
) -> Result<BranchReport, OpsError> {
    let clock = Instant::now();
    // Without it the branch is made all the same.
    let _ = crate::runtime::stand_back();
    let _lock = app
        .store
        .lock_unless(&request.name, request.lock_timeout, interrupted)?;
    clean_up(app)?;
    let parent = check(app, request)?;
    app.storage.inspect(&parent.root)?;
    let mut run = new_run(app, request, parent, clock, detail, interrupted)?;
    app.may_branch(&run.setups, request.kind)?;
    refuse_misfits(&run.parent.root, &run.setups)?;
    let mut journal = Journal::create_with(
        &app.store.layout().journal(&run.id),
        &header(app, &run, request, "branch"),
        request.fault,
    )?;
    let undo = BranchUndo {
        app,
        run: run.id.clone(),
    };
    let timings = saga::run(&steps(), &mut run, &mut journal, &undo, observer, interrupted)?;
    run.timings = by_step(&timings, millis(clock.elapsed()));
    remember_timings(&run);
    report(&run)
}

/// The branch is made: that its record lacks these numbers is no failure of it.
fn remember_timings(run: &Run<'_>) {
    if let Ok(Some(mut record)) = run.app.store.record(&run.name) {
        record.timings = Some(run.timings.clone());
        let _ = run.app.store.save(&record);
    }
}

pub(super) fn new_run<'a>(
    app: &'a App,
    request: &BranchRequest,
    parent: Parent,
    clock: Instant,
    detail: &'a (dyn Fn(&str) + Sync),
    interrupted: &'a AtomicBool,
) -> Result<Run<'a>, OpsError> {
    Ok(Run {
        app,
        id: RunId::random().map_err(OpsError::Random)?,
        branch: BranchId::random().map_err(OpsError::Random)?,
        name: request.name.clone(),
        kind: request.kind,
        setups: app.setups(&request.parent)?,
        parent,
        began: jiff::Timestamp::now(),
        clock,
        services: Vec::new(),
        unchanged: None,
        snapshot: None,
        snapshot_report: None,
        clone: None,
        checkpoint: None,
        proof: None,
        checks: Vec::new(),
        receipt: None,
        sanitization: SanitizationReport::default(),
        environment: None,
        timings: Timings::default(),
        detail,
        interrupted,
    })
}

pub(super) fn header(app: &App, run: &Run<'_>, request: &BranchRequest, saga: &str) -> Header {
    Header {
        schema: 1,
        run: run.id.clone(),
        saga: saga.to_owned(),
        project: app.project().clone(),
        environment: run.name.clone(),
        pid: std::process::id(),
        started_at: run.began,
        command: request.command.clone(),
    }
}

fn report(run: &Run<'_>) -> Result<BranchReport, OpsError> {
    let site = run.site()?;
    let services = run
        .services
        .iter()
        .map(|service| (service.setup().name.clone(), service.report(&site)));
    let services: std::collections::BTreeMap<_, _> = services.collect();
    let url = services
        .values()
        .filter(|service| service.port.is_some())
        .find_map(|service| service.url.clone());
    Ok(BranchReport {
        schema: 1,
        environment: run.environment.clone().ok_or(OpsError::OutOfOrder)?,
        url,
        services,
        snapshot: run.snapshot_report.clone(),
        sanitization: Some(run.sanitization.clone()),
        timings_ms: Some(run.timings.clone()),
        branch_size: run.app.config.storage().branch_size,
        out_no_routes: run
            .app
            .runtime
            .status(&run.branch)?
            .map(|status| status.out_no_routes),
    })
}

/// Milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn by_step(timings: &[(&'static str, u64)], total: u64) -> Timings {
    let of = |name: &str| {
        timings
            .iter()
            .find(|(step, _)| *step == name)
            .map_or(0, |(_, ms)| *ms)
    };
    Timings {
        reserve: of("reserve"),
        quiesce: of("quiesce"),
        snapshot: of("snapshot"),
        clone: of("clone"),
        seal: of("seal"),
        sanitize: of("sanitize"),
        prove: of("prove"),
        checkpoint: of("checkpoint"),
        start: of("start"),
        publish: of("publish"),
        total,
    }
}

/// Does one thing with every service at the same time; the first error counts, after all have ended.
pub(in crate::ops) fn side_by_side<T: Send>(
    services: &mut [Box<dyn Service>],
    act: impl Fn(&mut dyn Service) -> Result<T, ServiceError> + Sync,
) -> Result<Vec<T>, ServiceError> {
    let act = &act;
    std::thread::scope(|scope| {
        let threads: Vec<_> = services
            .iter_mut()
            .map(|service| scope.spawn(move || act(service.as_mut())))
            .collect();
        let ended: Vec<_> = threads
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect();
        ended
            .into_iter()
            .map(|ended| ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}
