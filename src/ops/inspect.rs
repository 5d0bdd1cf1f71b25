//! `envclone sanitize check` and `scan`: rules against what an environment really holds, and what in it looks personal. Both
//! work on a sealed clone of a snapshot, which is removed afterwards: the source is only read.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::branch::{self, BranchRequest};
use super::{App, OpsError};
use crate::model::EnvName;
use crate::sanitize::report::SchemaReport;

/// What was found.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// One for each service.
    pub services: Vec<SchemaReport>,
}

/// Holds the rules against an environment. Unclassified columns and rules that do not apply are its errors.
///
/// # Errors
/// [`OpsError`].
pub fn check(app: &App, request: &BranchRequest, interrupted: &AtomicBool) -> Result<Inspection, OpsError> {
    branch::inspect(app, request, false, interrupted)
}

/// Looks for personal data in an environment, whatever the rules say.
///
/// # Errors
/// [`OpsError`].
pub fn scan(app: &App, request: &BranchRequest, interrupted: &AtomicBool) -> Result<Inspection, OpsError> {
    branch::inspect(app, request, true, interrupted)
}

/// A request for a clone that is looked at and removed. Its name is taken by no environment, since it ends in the run's id.
///
/// # Errors
/// [`OpsError`].
pub fn request(parent: EnvName, lock_timeout: Duration, command: String) -> Result<BranchRequest, OpsError> {
    let id = crate::model::RunId::random().map_err(OpsError::Random)?;
    Ok(BranchRequest {
        parent,
        name: format!("inspect-{id}").parse()?,
        kind: crate::model::EnvType::Development,
        lock_timeout,
        fault: None,
        command,
    })
}
