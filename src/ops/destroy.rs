//! `envclone destroy ENV`: ends a branch and removes all that it has. It goes forward: the record is the last to go, so that
//! after a crash the same command, or the next that changes something, ends the work.

use std::time::Duration;

use super::{App, OpsError, clean_up, object_of};
use crate::model::{EnvName, EnvState};
use crate::state::EnvRecord;
use crate::storage::StorageError;

/// Destroys an environment that envclone made.
///
/// # Errors
/// [`OpsError::HasBranches`], [`OpsError::NotOurs`], [`OpsError::Unknown`], and those of the drivers; then the record stays.
pub fn destroy(app: &App, name: &EnvName, lock_timeout: Duration) -> Result<(), OpsError> {
    let record = app.own(name, "destroy")?;
    let _lock = app.store.lock(name, lock_timeout)?;
    clean_up(app)?;
    // The record may be gone with the dead run that was making it.
    let Some(record) = app
        .store
        .record(name)?
        .filter(|current| current.branch == record.branch)
    else {
        return Ok(());
    };
    refuse_with_branches(app, name)?;
    remove(app, record)
}

fn refuse_with_branches(app: &App, name: &EnvName) -> Result<(), OpsError> {
    let records = app.store.records()?;
    let children: Vec<String> = records
        .iter()
        .filter(|record| record.environment.parent.as_ref() == Some(name))
        .map(|record| record.environment.name.to_string())
        .collect();
    if children.is_empty() {
        Ok(())
    } else {
        Err(OpsError::HasBranches {
            name: name.clone(),
            children,
        })
    }
}

fn remove(app: &App, mut record: EnvRecord) -> Result<(), OpsError> {
    record.environment.state = EnvState::Failed;
    app.store.save(&record)?;
    app.runtime.close(&record.branch)?;
    for object in [&record.clone, &record.checkpoint].into_iter().flatten() {
        match app.storage.destroy(&object_of(object)) {
            Ok(()) | Err(StorageError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    app.remove_traces(&record.branch)?;
    Ok(app.store.remove(&record.environment.name)?)
}
