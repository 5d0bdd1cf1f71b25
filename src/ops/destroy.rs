//! `envclone destroy ENV`: ends a branch and removes all that it has. It goes forward: the record is the last to go, so that
//! after a crash the same command, or the next that changes something, ends the work.

use std::path::PathBuf;
use std::time::Duration;

use super::{App, OpsError, clean_up, cleaning_up, object_of};
use crate::model::{EnvName, EnvState};
use crate::state::EnvRecord;
use crate::storage::StorageError;

/// Destroys an environment that envclone made.
///
/// # Errors
/// [`OpsError::HasBranches`], [`OpsError::NotOurs`], [`OpsError::Unknown`]; [`OpsError::HalfDestroyed`] with the driver's
/// reason, then the record stays.
pub fn destroy(app: &App, name: &EnvName, lock_timeout: Duration) -> Result<(), OpsError> {
    let record = cleaning_up(app, app.own(name, "destroy"))?;
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
    let objects = [&record.clone, &record.checkpoint].into_iter().flatten();
    let paths: Vec<PathBuf> = objects.map(|object| object_of(object).path).collect();
    remove(app, record).map_err(|source| OpsError::HalfDestroyed {
        name: name.clone(),
        left: left_of(&paths),
        source: Box::new(source),
    })
}

/// Those that are still there.
fn left_of(paths: &[PathBuf]) -> Vec<String> {
    let there = paths.iter().filter(|path| path.symlink_metadata().is_ok());
    there.map(|path| path.display().to_string()).collect()
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

/// How the end of one environment went.
type Ended = (EnvName, Result<(), OpsError>);

/// Ends what dead runs of `destroy` had begun, each as far as it can be; those that another run works on are left to it.
pub(super) fn end_dead(app: &App) -> Result<Vec<Ended>, OpsError> {
    let mut ended = Vec::new();
    for record in app.store.records()? {
        let name = record.environment.name.clone();
        if record.environment.state != EnvState::Failed {
            continue;
        }
        let Ok(_lock) = app.store.lock(&name, Duration::ZERO) else {
            continue;
        };
        let begun = app
            .store
            .record(&name)?
            .filter(|now| now.environment.state == EnvState::Failed);
        if let Some(record) = begun {
            ended.push((name, remove(app, record)));
        }
    }
    Ok(ended)
}

fn remove(app: &App, mut record: EnvRecord) -> Result<(), OpsError> {
    record.environment.state = EnvState::Failed;
    app.store.save(&record)?;
    app.runtime.close(&record.branch)?;
    // What a start that died was making: it hangs on the checkpoint.
    app.storage.discard_incoming(&record.run)?;
    for object in [&record.clone, &record.checkpoint].into_iter().flatten() {
        match app.storage.destroy(&object_of(object)) {
            Ok(()) | Err(StorageError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // What a start that died had put in the clone's place.
    for owned in app.storage.owned()? {
        let ours = owned.mark.as_ref().is_some_and(|mark| {
            mark.project == *app.project() && mark.environment == record.environment.name
        });
        if ours && owned.incoming.is_none() {
            app.storage.destroy(&owned.object)?;
        }
    }
    app.remove_traces(&record.branch)?;
    Ok(app.store.remove(&record.environment.name)?)
}
