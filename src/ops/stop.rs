//! `envclone stop ENV`: releases memory, keeps data, port and password.

use std::time::Duration;

use super::{App, OpsError, clean_up, list};
use crate::model::{EnvName, EnvState};

/// How long a clean stop of one service may take.
const WITHIN: Duration = Duration::from_secs(5 * 60);

/// Stops a branch. One that is stopped already is fine.
///
/// # Errors
/// [`OpsError`]; a service that had to be killed is one, and the branch is stopped all the same.
pub fn stop(app: &App, name: &EnvName, lock_timeout: Duration) -> Result<(), OpsError> {
    list::published(app, name, "stop")?;
    let _lock = app.store.lock(name, lock_timeout)?;
    clean_up(app)?;
    let mut record = list::published(app, name, "stop")?;
    let mut killed = None;
    if let Some(status) = app.runtime.status(&record.branch)? {
        for service in &status.running {
            if let Err(error) = app.runtime.stop(&record.branch, service, WITHIN) {
                killed = Some(error);
            }
        }
        record.stopped_cleanly = killed.is_none();
    }
    app.runtime.close(&record.branch)?;
    record.environment.state = EnvState::Stopped;
    app.store.save(&record)?;
    killed.map_or(Ok(()), |error| Err(error.into()))
}
