//! Runs and supervisors: who died, and what runs that nobody knows.

use std::path::Path;
use std::time::Duration;

use super::{Known, Problem};
use crate::model::{BranchId, EnvState};
use crate::ops::{App, OpsError, boot_id};

pub(super) fn check(app: &App, known: &Known) -> Result<Vec<Problem>, OpsError> {
    let mut problems = Vec::new();
    for (_, run) in app.store.dead_runs()? {
        let message = format!("the run `{}` died and was not undone", run.command);
        problems.push(Problem::new(
            "dead-run",
            run.environment,
            message,
            "envclone doctor --fix",
        ));
    }
    for record in app.store.records()? {
        let (name, state) = (&record.environment.name, record.environment.state);
        if state == EnvState::Ready && app.runtime.status(&record.branch)?.is_none() {
            let message = if let Some(why) = app.runtime.stopped_for_room(&record.branch)? {
                format!("it was stopped: {why}")
            } else if record.boot_id == boot_id() {
                "it was running, and its supervisor is gone".to_owned()
            } else {
                "it was running before the host was booted".to_owned()
            };
            problems.push(Problem::new(
                "not-running",
                name,
                message,
                format!("envclone start {name}"),
            ));
        }
        let making = matches!(state, EnvState::Creating | EnvState::Sealed);
        if making && !known.runs.contains(&record.run) {
            let message = "nobody is making it any more";
            problems.push(Problem::new(
                "unfinished",
                name,
                message,
                format!("envclone destroy {name}"),
            ));
        }
    }
    for branch in directories(&app.store.layout().run_dir) {
        let path = app.store.layout().branch_dir(&branch);
        match app.runtime.status(&branch)? {
            None if is_stale(known, &branch) => {
                let message = "a supervisor left it when it died";
                let fix = "envclone doctor --fix";
                problems.push(Problem::new("run-directory", path.display(), message, fix));
            }
            Some(status) if !known.branches.contains(&branch) && !known.busy => {
                let message = format!(
                    "the supervisor {} runs a branch that no record knows",
                    status.supervisor
                );
                let fix = format!("look at it, then: kill {}", status.supervisor);
                problems.push(Problem::new("supervisor", path.display(), message, fix));
            }
            _ => {}
        }
    }
    Ok(problems)
}

/// A directory that no record knows may be that of a run which only looks, so it counts only while none goes on.
fn is_stale(known: &Known, branch: &BranchId) -> bool {
    known.branches.contains(branch) || !known.busy
}

/// Removes directories of dead supervisors; what was done.
pub(super) fn remove_stale(app: &App, known: &Known) -> Result<Vec<String>, OpsError> {
    let mut done = Vec::new();
    for branch in directories(&app.store.layout().run_dir) {
        if app.runtime.status(&branch)?.is_some() || !is_stale(known, &branch) {
            continue;
        }
        let records = app.store.records()?;
        let record = records.iter().find(|record| record.branch == branch);
        if record.is_none() && known.branches.contains(&branch) {
            // Another project's: its own doctor knows whether it is being started right now.
            continue;
        }
        let lock = record.map(|record| app.store.lock(&record.environment.name, Duration::ZERO));
        let Some(_lock) = lock.transpose().ok() else {
            continue;
        };
        // It may have been started until the lock was had.
        if app.runtime.status(&branch)?.is_none() {
            app.runtime.close(&branch)?;
            let path = app.store.layout().branch_dir(&branch);
            done.push(format!("removed: {}", path.display()));
        }
    }
    Ok(done)
}

/// The branches that have a directory below `run_dir`.
fn directories(run_dir: &Path) -> Vec<BranchId> {
    let entries = std::fs::read_dir(run_dir).into_iter().flatten().flatten();
    let mut branches: Vec<BranchId> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    branches.sort();
    branches
}
