//! Dead runs: those whose lock is free. A command that changes something undoes them first; one that only reads reports
//! them.

use std::path::PathBuf;
use std::sync::PoisonError;

use super::branch::BranchUndo;
use super::{App, OpsError};
use crate::model::EnvName;
use crate::saga::{self, Journal, JournalError, Left, StepError};
use crate::state::Header;

/// What cleaning up came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// The environment that a dead run was about.
    pub environment: EnvName,
    /// What it was doing.
    pub saga: String,
    /// What could not be undone.
    pub left: Vec<String>,
}

/// Runs that died and were not undone yet.
///
/// # Errors
/// [`OpsError::State`].
pub fn dead_runs(app: &App) -> Result<Vec<(PathBuf, Header)>, OpsError> {
    Ok(app.store.dead_runs()?)
}

/// Undoes every dead run. A run whose journal is taken meanwhile is someone else's work by now.
///
/// # Errors
/// [`OpsError`]; what a dead run has left for good is no error here, so that the command that cleans up can do its own
/// work (perhaps make room), but in the result, and in [`App::left_behind`] for who tells of it in the end.
pub fn clean_up(app: &App) -> Result<Vec<Cleaned>, OpsError> {
    let cleaned = clean(app)?;
    app.remember_left(&cleaned);
    Ok(cleaned)
}

fn clean(app: &App) -> Result<Vec<Cleaned>, OpsError> {
    let mut cleaned = Vec::new();
    for (path, header) in dead_runs(app)? {
        let mut journal = match Journal::open(&path) {
            Ok(journal) => journal,
            Err(JournalError::Held { .. } | JournalError::Gone { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let undo = BranchUndo {
            app,
            run: header.run.clone(),
        };
        let left: Vec<Left> = saga::unwind(&mut journal, &undo);
        cleaned.push(Cleaned {
            environment: header.environment,
            saga: header.saga,
            left: left.iter().map(ToString::to_string).collect(),
        });
    }
    for (environment, ended) in super::destroy::end_dead(app)? {
        let left = ended.err().map(|error| {
            let cause = StepError::from(error).chain();
            format!("what is left of {environment} ({cause})")
        });
        cleaned.push(Cleaned {
            environment,
            saga: "destroy".to_owned(),
            left: left.into_iter().collect(),
        });
    }
    Ok(cleaned)
}

impl App {
    /// Of a later attempt, the last word counts.
    fn remember_left(&self, cleaned: &[Cleaned]) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = cleaned
            .iter()
            .filter(|one| !one.left.is_empty())
            .cloned()
            .collect();
    }

    /// What dead runs have left that could not be undone when it was tried last: [`OpsError::Unclean`].
    pub fn left_behind(&self) -> Option<OpsError> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.is_empty() {
            return None;
        }
        Some(OpsError::Unclean {
            environments: left.iter().map(|one| one.environment.to_string()).collect(),
            left: left.iter().flat_map(|one| one.left.clone()).collect(),
        })
    }
}

/// Cleans up also where a command ends before it does anything, since the environment is not what it needs: perhaps that is
/// a dead run's doing.
///
/// # Errors
/// The one given, or [`clean_up`]'s.
pub(super) fn cleaning_up<T>(app: &App, found: Result<T, OpsError>) -> Result<T, OpsError> {
    if found.is_err() {
        clean_up(app)?;
    }
    found
}
