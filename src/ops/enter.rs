//! `envclone connect`, `exec`, `logs`: into a running instance, as its own account and within its walls.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{App, OpsError, list};
use crate::model::{EnvName, ServiceName};
use crate::runtime::EnterSpec;
use crate::sanitize::engines::{WayIn, engine};
use crate::state::{EnvRecord, ServiceRecord};

/// How a command in a sandbox ended: its exit code.
pub type Entered = i32;

/// Runs the engine's own client, logged in as the role of the URL. `terminal`: the kind of the caller's (`TERM`).
///
/// # Errors
/// [`OpsError::Sealed`], [`OpsError::NotRunning`], [`OpsError::UnknownService`], [`OpsError::NoServer`].
pub fn connect(
    app: &App,
    name: &EnvName,
    service: &str,
    args: &[OsString],
    terminal: Option<String>,
) -> Result<Entered, OpsError> {
    let (record, service, way_in) = running(app, name, service)?;
    let mut command = way_in.client.clone();
    command.extend(args.iter().cloned());
    enter(app, &record, &service, way_in, command, terminal)
}

/// Runs a command.
///
/// # Errors
/// As [`connect`].
pub fn exec(
    app: &App,
    name: &EnvName,
    service: &str,
    command: Vec<OsString>,
    terminal: Option<String>,
) -> Result<Entered, OpsError> {
    let (record, service, way_in) = running(app, name, service)?;
    enter(app, &record, &service, way_in, command, terminal)
}

/// The log of a service of a published branch.
///
/// # Errors
/// [`OpsError::Sealed`], [`OpsError::UnknownService`].
pub fn log_path(app: &App, name: &EnvName, service: &str) -> Result<PathBuf, OpsError> {
    let record = list::published(app, name, "show the logs of")?;
    let (service, _) = known_service(&record, name, service)?;
    Ok(app.runtime.log_path(&record.branch, &service))
}

fn known_service(
    record: &EnvRecord,
    name: &EnvName,
    service: &str,
) -> Result<(ServiceName, ServiceRecord), OpsError> {
    let unknown = || OpsError::UnknownService {
        name: name.clone(),
        service: service.to_owned(),
    };
    let parsed: ServiceName = service.parse().map_err(|_| unknown())?;
    let known = record.services.get(&parsed).cloned().ok_or_else(unknown)?;
    Ok((parsed, known))
}

fn running(app: &App, name: &EnvName, service: &str) -> Result<(EnvRecord, ServiceName, WayIn), OpsError> {
    let record = list::published(app, name, "enter")?;
    let (service, known) = known_service(&record, name, service)?;
    let way_in = engine(known.engine).way_in(&service, &known)?;
    let way_in = way_in.ok_or_else(|| OpsError::NoServer {
        name: name.clone(),
        service: service.to_string(),
    })?;
    let status = app.runtime.status(&record.branch)?;
    if !status.is_some_and(|status| status.published && status.running.contains(&service)) {
        return Err(OpsError::NotRunning {
            name: name.clone(),
            state: "stopped".to_owned(),
        });
    }
    Ok((record, service, way_in))
}

fn enter(
    app: &App,
    record: &EnvRecord,
    service: &ServiceName,
    way_in: WayIn,
    command: Vec<OsString>,
    terminal: Option<String>,
) -> Result<Entered, OpsError> {
    // Nobody inside but the command sees its environment: it has a process space of its own (see `runtime/enter`).
    let terminal = terminal.map(|kind| ("TERM".to_owned(), kind));
    let spec = EnterSpec {
        account: way_in.account,
        env: way_in.env.into_iter().chain(terminal).collect(),
        command,
    };
    Ok(app.runtime.enter(&record.branch, service, &spec)?)
}
