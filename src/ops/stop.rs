//! `envclone stop ENV`: releases memory, keeps data, port and password.

use std::path::Path;
use std::time::Duration;

use super::each::side_by_side;
use super::{App, OpsError, clean_up, cleaning_up, list};
use crate::model::{EnvName, EnvState};
use crate::state::EnvRecord;
use crate::storage::sync_tree;

/// How long a clean stop of one service may take.
const WITHIN: Duration = Duration::from_secs(5 * 60);
/// How many branches are stopped at a time: each writes what it has in memory, and all to the same disks.
const AT_A_TIME: usize = 8;

/// Stops a branch. One that is stopped already is fine.
///
/// # Errors
/// [`OpsError`]; a service that had to be killed is one, and the branch is stopped all the same.
pub fn stop(app: &App, name: &EnvName, lock_timeout: Duration) -> Result<(), OpsError> {
    cleaning_up(app, list::published(app, name, "stop"))?;
    let _lock = app.store.lock(name, lock_timeout)?;
    clean_up(app)?;
    halt(app, name, EnvState::Stopped)
}

/// How the stop of one branch went.
pub(super) type Outcome = (EnvName, Result<(), OpsError>);

/// Stops every branch that runs, for a shutdown of the host: `start_all` brings them back. One failure does not stop the rest,
/// nor does one that takes its time.
///
/// # Errors
/// [`OpsError::State`]; those of single branches are in the result.
pub fn stop_all(app: &App, lock_timeout: Duration) -> Result<Vec<Outcome>, OpsError> {
    clean_up(app)?;
    let ready = |record: &EnvRecord| record.environment.state == EnvState::Ready && record.receipt.is_some();
    let names = app
        .store
        .records()?
        .into_iter()
        .filter(ready)
        .map(|record| record.environment.name)
        .collect();
    let stop_one = |name: &EnvName| {
        let _lock = app.store.lock(name, lock_timeout)?;
        halt(app, name, EnvState::Ready)
    };
    Ok(side_by_side(names, AT_A_TIME, stop_one))
}

/// Stops the services and lets everything written reach the disk, since the servers did not sync it.
fn halt(app: &App, name: &EnvName, state: EnvState) -> Result<(), OpsError> {
    let mut record = list::published(app, name, "stop")?;
    let mut killed = None;
    if let Some(status) = app.runtime.status(&record.branch)? {
        for service in &status.running {
            if let Err(error) = app.runtime.stop(&record.branch, service, WITHIN) {
                killed = Some(error);
            }
        }
        record.stopped_cleanly = killed.is_none();
        if let Some(clone) = &record.clone {
            sync(&clone.path)?;
        }
    }
    app.runtime.close(&record.branch)?;
    record.environment.state = state;
    app.store.save(&record)?;
    killed.map_or(Ok(()), |error| Err(error.into()))
}

/// Everything that a clone consists of.
fn sync(root: &Path) -> Result<(), OpsError> {
    sync_tree(root).map_err(|source| OpsError::Io {
        action: "syncing",
        path: root.to_owned(),
        source,
    })
}
