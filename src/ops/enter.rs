//! `envclone connect`, `exec`, `logs`: into a running instance, as its own account and within its walls.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{App, OpsError, list};
use crate::engine::postgres::Identity;
use crate::model::{EngineKind, EnvName, ServiceName};
use crate::runtime::EnterSpec;
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
    let (record, service, known) = running(app, name, service)?;
    let mut command = vec![identity(&known)?.client().into_os_string()];
    command.extend(args.iter().cloned());
    enter(app, &record, &service, &known, command, terminal)
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
    let (record, service, known) = running(app, name, service)?;
    enter(app, &record, &service, &known, command, terminal)
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

fn running(
    app: &App,
    name: &EnvName,
    service: &str,
) -> Result<(EnvRecord, ServiceName, ServiceRecord), OpsError> {
    let record = list::published(app, name, "enter")?;
    let (service, known) = known_service(&record, name, service)?;
    if known.engine == EngineKind::Files {
        return Err(OpsError::NoServer {
            name: name.clone(),
            service: service.to_string(),
        });
    }
    let status = app.runtime.status(&record.branch)?;
    if !status.is_some_and(|status| status.published && status.running.contains(&service)) {
        return Err(OpsError::NotRunning {
            name: name.clone(),
            state: "stopped".to_owned(),
        });
    }
    Ok((record, service, known))
}

/// The server as it was recognised when the branch was made.
fn identity(known: &ServiceRecord) -> Result<Identity, OpsError> {
    serde_json::from_value(known.facts.clone()).map_err(|_| OpsError::OutOfOrder)
}

fn enter(
    app: &App,
    record: &EnvRecord,
    service: &ServiceName,
    known: &ServiceRecord,
    command: Vec<OsString>,
    terminal: Option<String>,
) -> Result<Entered, OpsError> {
    let identity = identity(known)?;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let password = known
        .password
        .as_ref()
        .map(|password| password.reveal().to_owned())
        .unwrap_or_default();
    // Nobody inside but the command sees its environment: it has a process space of its own (see `runtime/enter`).
    let env = [
        ("PGHOST", "127.0.0.1".to_owned()),
        ("PGPORT", identity.port.to_string()),
        ("PGUSER", text(&known.user)),
        ("PGDATABASE", text(&known.database)),
        ("PGPASSWORD", password),
        // A home may lie in the volume, where people of the branch can put what a client does as it starts.
        ("PSQLRC", "/dev/null".to_owned()),
        ("INPUTRC", "/dev/null".to_owned()),
        ("PSQL_HISTORY", "/dev/null".to_owned()),
    ];
    let env = env.into_iter().chain(terminal.map(|kind| ("TERM", kind)));
    let spec = EnterSpec {
        account: identity.account.clone(),
        env: env.map(|(name, value)| (name.to_owned(), value)).collect(),
        command,
    };
    Ok(app.runtime.enter(&record.branch, service, &spec)?)
}
