//! What lies on the pool against what is remembered: each must know the other.

use std::collections::BTreeSet;

use super::{Known, Problem, chain};
use crate::model::{EnvState, RunId};
use crate::ops::App;
use crate::state::EnvRecord;
use crate::storage::{Owned, Stray};

pub(super) fn check(app: &App, known: &Known) -> Vec<Problem> {
    // A pool that cannot be used was told of before.
    if app.storage.usage().is_err() {
        return Vec::new();
    }
    let (owned, records) = match (app.storage.owned(), app.store.records()) {
        (Ok(owned), Ok(records)) => (owned, records),
        (Err(error), _) => {
            let fix = "look at the pool";
            return vec![Problem::new("pool", app.pool().display(), chain(&error), fix)];
        }
        // Told of by the caller.
        (_, Err(_)) => return Vec::new(),
    };
    let mut problems = lost(&records, &owned);
    problems.extend(orphans(app, known, &records, &owned));
    problems.extend(strays(app));
    problems
}

/// What lies outside of all places.
fn strays(app: &App) -> Vec<Problem> {
    match app.storage.strays() {
        Ok(strays) => {
            let message = "a run of envclone made it, and nothing in the pool names it";
            let told = |stray: Stray| Problem::new("orphan", stray.name, message, stray.fix);
            strays.into_iter().map(told).collect()
        }
        Err(error) => vec![Problem::new(
            "pool",
            app.pool().display(),
            chain(&error),
            "look at the pool",
        )],
    }
}

/// Records whose clone is not on the pool.
fn lost(records: &[EnvRecord], owned: &[Owned]) -> Vec<Problem> {
    let there: BTreeSet<&str> = owned.iter().map(|one| one.object.id.0.as_str()).collect();
    let mut problems = Vec::new();
    for record in records {
        let name = &record.environment.name;
        let fix = format!("envclone destroy {name}");
        if let Some(clone) = record
            .clone
            .as_ref()
            .filter(|clone| !there.contains(clone.id.as_str()))
        {
            let message = format!("its data at {} is gone", clone.path.display());
            problems.push(Problem::new("clone-gone", name, message, fix));
        } else if record.environment.state == EnvState::Failed {
            let message = "a command on it failed, and left something of it";
            problems.push(Problem::new("failed", name, message, fix));
        }
    }
    problems
}

/// The branch that a run made which ended well, though something lies where it made it.
fn made_by<'r>(records: &'r [EnvRecord], run: &RunId) -> Option<&'r EnvRecord> {
    records.iter().find(|record| record.run == *run)
}

/// Objects of ours that no record and no journal names.
fn orphans(app: &App, known: &Known, records: &[EnvRecord], owned: &[Owned]) -> Vec<Problem> {
    let named: BTreeSet<&str> = records
        .iter()
        .flat_map(|record| [&record.clone, &record.checkpoint])
        .flatten()
        .map(|object| object.id.as_str())
        .collect();
    let mut problems = Vec::new();
    for one in owned {
        let path = one.object.path.display();
        // Envclone destroys nothing that no record of its own names: that is for a person to look at.
        let fix = app.storage.advice().remove_by_hand(&one.object);
        match (&one.mark, &one.incoming) {
            (Some(mark), _) => {
                let ours = mark.project == *app.project();
                if ours && !named.contains(one.object.id.0.as_str()) && !known.runs.contains(&mark.run) {
                    let message = format!("it belongs to {}, and no record names it", mark.environment);
                    problems.push(Problem::new("orphan", path, message, fix));
                }
            }
            (None, Some(run)) if !known.runs.contains(run) => {
                problems.push(if let Some(record) = made_by(records, run) {
                    // The host went down before it had got its place, or was removed.
                    let name = &record.environment.name;
                    let message = format!("it belongs to {name}, and is where it was made");
                    Problem::new("displaced", path, message, format!("envclone start {name}"))
                } else {
                    let message =
                        "a run was making it, and no journal of this host's projects knows that run";
                    Problem::new("orphan", path, message, fix)
                });
            }
            _ => {}
        }
    }
    problems
}
