//! `envclone sanitize check` and `scan`: rules against what an environment really holds, and what in it looks personal. Both
//! work on a sealed clone of a snapshot, which is removed afterwards: the source is only read.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use super::branch::BranchRequest;
use super::{App, OpsError};
use crate::model::{EnvName, EnvType, RunId};
use crate::sanitize::first_rules;
use crate::sanitize::inspection::Inspection;

/// The environment that is looked at unless one is named: the production.
///
/// # Errors
/// [`OpsError::WhichEnvironment`] where there is none, or more than one.
pub fn default_environment(app: &App) -> Result<EnvName, OpsError> {
    let declared = app.config.environments().iter();
    let mut productions = declared.filter(|(_, environment)| environment.kind == EnvType::Production);
    match (productions.next(), productions.next()) {
        (Some((name, _)), None) => Ok(name.clone()),
        _ => Err(OpsError::WhichEnvironment),
    }
}

/// A request for a clone that is looked at and removed. Its name is no environment's, since it holds the run's own id.
///
/// # Errors
/// [`OpsError::Random`].
pub fn inspection_of(
    parent: EnvName,
    lock_timeout: Duration,
    command: String,
) -> Result<BranchRequest, OpsError> {
    let id = RunId::random().map_err(OpsError::Random)?;
    Ok(BranchRequest {
        parent,
        name: format!("look-{id}").parse()?,
        kind: EnvType::Development,
        lock_timeout,
        fault: None,
        command,
    })
}

/// Refuses to write first rules where something is.
///
/// # Errors
/// [`OpsError::FileExists`].
pub fn check_free(path: &Path) -> Result<(), OpsError> {
    match path.symlink_metadata() {
        Ok(_) => Err(OpsError::FileExists {
            path: path.to_owned(),
        }),
        Err(_) => Ok(()),
    }
}

/// Writes a first rule file from what a scan found; it replaces nothing.
///
/// # Errors
/// [`OpsError::FileExists`], [`OpsError::Io`].
pub fn write_first_rules(app: &App, found: &[Inspection], path: &Path) -> Result<(), OpsError> {
    let surveys: Vec<_> = found.iter().filter_map(|one| one.survey.clone()).collect();
    write_new(path, &first_rules::render(&surveys, &app.config.engines()), 0o644)
}

/// Writes a file that was not there.
pub(super) fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), OpsError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => OpsError::FileExists {
            path: path.to_owned(),
        },
        _ => OpsError::Io {
            action: "writing",
            path: path.to_owned(),
            source,
        },
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)
}
