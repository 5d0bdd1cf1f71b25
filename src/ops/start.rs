//! `envclone start ENV|--all`: a stopped branch comes back under the same URL, also after the host was booted.

use std::time::Duration;

use super::{App, OpsError, boot_id, clean_up, list, object_of, object_ref};
use crate::model::{EnvName, EnvState, RunId};
use crate::sanitize::service::Service;
use crate::state::EnvRecord;
use crate::storage::{Mark, Place, Role, StorageError};

/// What a start came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The environment.
    pub name: EnvName,
    /// Whether it ran already.
    pub ran: bool,
    /// Whether it went back to its checkpoint, since the host crashed while it ran without syncing its writes.
    pub went_back: bool,
}

/// Starts a branch that has its receipt.
///
/// # Errors
/// [`OpsError`]; then nothing of it runs.
pub fn start(app: &App, name: &EnvName, lock_timeout: Duration) -> Result<Started, OpsError> {
    list::published(app, name, "start")?;
    let _lock = app.store.lock(name, lock_timeout)?;
    clean_up(app)?;
    let record = list::published(app, name, "start")?;
    let name = name.clone();
    if app
        .runtime
        .status(&record.branch)?
        .is_some_and(|status| status.published)
    {
        return Ok(Started {
            name,
            ran: true,
            went_back: false,
        });
    }
    // What a supervisor that was killed may have left.
    app.runtime.close(&record.branch)?;
    let (record, went_back) = after_crash(app, record)?;
    let started = bring_up(app, record.clone());
    if started.is_err() {
        app.runtime.close(&record.branch)?;
    }
    started.map(|()| Started {
        name,
        ran: false,
        went_back,
    })
}

/// How the start of one branch went.
pub(super) type Outcome = (EnvName, Result<Started, OpsError>);

/// Starts every branch that was running when the host went down; others stay stopped. One failure does not stop the rest.
///
/// # Errors
/// [`OpsError::State`]; those of single branches are in the result.
pub fn start_all(app: &App, lock_timeout: Duration) -> Result<Vec<Outcome>, OpsError> {
    let names: Vec<EnvName> = app
        .store
        .records()?
        .into_iter()
        .filter(|record| record.environment.state == EnvState::Ready && record.receipt.is_some())
        .map(|record| record.environment.name)
        .collect();
    Ok(names
        .into_iter()
        .map(|name| (name.clone(), start(app, &name, lock_timeout)))
        .collect())
}

/// A branch that ran without syncing its writes when the host went down goes back to its checkpoint.
fn after_crash(app: &App, record: EnvRecord) -> Result<(EnvRecord, bool), OpsError> {
    let booted_since = record.boot_id.is_some() && record.boot_id != boot_id();
    let whole = record.stopped_cleanly || !booted_since;
    if whole {
        return Ok((record, false));
    }
    let Some(checkpoint) = record.checkpoint.clone() else {
        return Ok((record, false));
    };
    Ok((go_back(app, record, &checkpoint)?, true))
}

/// Puts a fresh clone of the checkpoint in the place of the clone. The record names the new one before the old one goes.
fn go_back(
    app: &App,
    mut record: EnvRecord,
    checkpoint: &crate::state::ObjectRef,
) -> Result<EnvRecord, OpsError> {
    let run = RunId::random().map_err(OpsError::Random)?;
    if let Some(old) = &record.clone {
        match app.storage.destroy(&object_of(old)) {
            Ok(()) | Err(StorageError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let fresh = app.storage.clone_of(
        &object_of(checkpoint),
        &Place::Incoming {
            run: run.clone(),
            role: Role::Clone,
        },
    )?;
    let mark = Mark {
        schema: 1,
        id: fresh.id.clone(),
        project: app.project().clone(),
        environment: record.environment.name.clone(),
        parent: record
            .environment
            .parent
            .clone()
            .unwrap_or_else(|| record.environment.name.clone()),
        role: Role::Clone,
        run: record.run.clone(),
    };
    let home = Place::Environment {
        project: app.project().clone(),
        name: record.environment.name.clone(),
        role: Role::Clone,
    };
    let settled = app.storage.settle(&fresh, &home, &mark)?;
    app.storage.discard_incoming(&run)?;
    record.clone = Some(object_ref(&settled));
    record.stopped_cleanly = true;
    app.store.save(&record)?;
    Ok(record)
}

fn bring_up(app: &App, mut record: EnvRecord) -> Result<(), OpsError> {
    let parent = record.environment.parent.clone().ok_or(OpsError::OutOfOrder)?;
    let root = record
        .clone
        .as_ref()
        .map(|clone| clone.path.clone())
        .ok_or(OpsError::OutOfOrder)?;
    let silent = |_: &str| {};
    let site = app.site(record.branch.clone(), root.clone(), root, &silent);
    let mut services: Vec<Box<dyn Service>> = Vec::new();
    for setup in app.setups(&parent)? {
        let Some(known) = record.services.get(&setup.name) else {
            continue;
        };
        services.push(app.known_service(&setup, known)?);
    }
    app.runtime.open(&record.branch)?;
    super::branch::side_by_side(&mut services, |service| service.resume(&site))?;
    // From here on the branch's files may be other than those of its last clean stop.
    record.boot_id = boot_id();
    record.stopped_cleanly = false;
    record.environment.state = EnvState::Ready;
    app.store.save(&record)?;
    app.runtime.keep(&record.branch)?;
    let exposures: Vec<_> = services
        .iter()
        .filter_map(|service| service.exposure(&site))
        .collect();
    Ok(app.runtime.expose(&record.branch, &exposures)?)
}
