//! `envclone doctor`: what is missing, unsafe, left over, and the command that mends it. It changes nothing; `--fix` undoes
//! dead runs and removes what dead supervisors left, and nothing else.

mod host;
mod objects;
mod project;
mod running;

use std::collections::BTreeSet;
use std::fmt::Display;

use serde::Serialize;

use super::{App, OpsError, clean_up};
use crate::model::{BranchId, RunId};
use crate::state::{Layout, Store};

pub use host::check_host;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind of thing: `tool-missing`, `dead-run` and so on.
    pub kind: &'static str,
    /// What it is about: a file, a program, an environment.
    pub object: String,
    /// What is wrong with it.
    pub message: String,
    /// The command that mends it, or what to do in words.
    pub fix: String,
}

impl Problem {
    #[allow(
        clippy::needless_pass_by_value,
        reason = "callers hand in paths as they display, which are made on the spot"
    )]
    fn new(
        kind: &'static str,
        object: impl Display,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            object: object.to_string(),
            message: message.into(),
            fix: fix.into(),
        }
    }
}

/// What keeps the project from being looked at: its configuration, or its state.
pub fn unusable(error: &OpsError) -> Problem {
    let kind = match error {
        OpsError::Config(_) => "configuration",
        _ => "state",
    };
    Problem::new(kind, "envclone", chain(error), "mend what the message names")
}

/// Everything that is wrong with the project, its pool and its branches. Only reads.
///
/// # Errors
/// [`OpsError::State`] where the state itself cannot be read.
pub fn check_project(app: &App) -> Result<Vec<Problem>, OpsError> {
    let known = Known::read(app)?;
    let mut problems = project::check(app);
    problems.extend(objects::check(app, &known));
    problems.extend(running::check(app, &known)?);
    Ok(problems)
}

/// Undoes dead runs and removes what dead supervisors left; what was done, and what could not be.
///
/// # Errors
/// [`OpsError`] where a dead run cannot even be read.
pub fn fix(app: &App) -> Result<(Vec<String>, Vec<Problem>), OpsError> {
    let (mut done, mut left) = (Vec::new(), Vec::new());
    for cleaned in clean_up(app)? {
        let what = format!("the run that was making {}", cleaned.environment);
        if cleaned.left.is_empty() {
            done.push(format!("undone: {what}"));
        } else {
            let message = format!("{what} could not be undone whole: {}", cleaned.left.join("; "));
            left.push(Problem::new(
                "left-behind",
                &cleaned.environment,
                message,
                "envclone doctor --fix",
            ));
        }
    }
    done.extend(running::remove_stale(app, &Known::read(app)?)?);
    Ok((done, left))
}

/// What the records and journals of every project below this state directory know.
struct Known {
    /// Branches that have a record.
    branches: BTreeSet<BranchId>,
    /// Runs that have a journal, dead or alive.
    runs: BTreeSet<RunId>,
    /// Whether any run goes on.
    busy: bool,
}

impl Known {
    fn read(app: &App) -> Result<Self, OpsError> {
        let ours = app.store.layout();
        let mut known = Self {
            branches: BTreeSet::new(),
            runs: BTreeSet::new(),
            busy: false,
        };
        for project in projects(ours) {
            let store = Store::open(Layout {
                project,
                ..ours.clone()
            })?;
            known
                .branches
                .extend(store.records()?.into_iter().map(|record| record.branch));
            known
                .runs
                .extend(store.dead_runs()?.into_iter().map(|(_, run)| run.run));
            let live = store.live_runs()?;
            known.busy |= !live.is_empty();
            known.runs.extend(live.into_iter().map(|(_, run)| run.run));
        }
        Ok(known)
    }
}

/// The projects below a state directory: those that have runs of their own.
fn projects(layout: &Layout) -> Vec<crate::model::ProjectName> {
    let entries = std::fs::read_dir(&layout.state_dir)
        .into_iter()
        .flatten()
        .flatten();
    let names = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    names
        .filter(|project| {
            let layout = Layout {
                project: crate::model::ProjectName::clone(project),
                ..layout.clone()
            };
            layout.runs_dir().is_dir()
        })
        .collect()
}

/// An error and its causes on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}
