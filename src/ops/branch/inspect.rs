//! The first half of a branch for looking at it: snapshot, clone, seal, look. Then everything is undone, by the same
//! journal and the same undo as a branch that failed, so that a killed look leaves nothing either.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use serde_json::Value;

use super::request::{BranchRequest, header, new_run};
use super::run::Run;
use super::undo::BranchUndo;
use super::{Line, clone, never, nothing, quiesce, seal, snapshot};
use crate::model::EnvType;
use crate::ops::fit::refuse_misfits;
use crate::ops::{App, OpsError, clean_up};
use crate::saga::{self, Journal, Observer, Step, StepError};
use crate::sanitize::engines::engine;
use crate::sanitize::inspection::Inspection;
use crate::sanitize::service::Service;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Whether the rules decide about everything.
    Check,
    /// The same, and what would be done.
    Plan,
    /// What looks personal, whatever the rules say.
    Scan,
}

/// How a look ends: undone, with what was seen.
#[derive(Debug, thiserror::Error)]
#[error("it was looked at")]
struct Seen(Vec<Inspection>);

const LOOK: [Line; 5] = [
    Line {
        name: "quiesce",
        intent: quiesce::intent,
        apply: quiesce::apply,
        skip: never,
    },
    Line {
        name: "snapshot",
        intent: snapshot::intent,
        apply: snapshot::apply,
        skip: never,
    },
    Line {
        name: "clone",
        intent: clone::intent,
        apply: clone::apply,
        skip: never,
    },
    Line {
        name: "seal",
        intent: seal::intent,
        apply: seal::apply,
        skip: never,
    },
    Line {
        name: "look",
        intent: nothing,
        apply: look,
        skip: never,
    },
];

/// Looks at a sealed clone of an environment. Nothing of it is left.
///
/// # Errors
/// Those of a branch up to its seal; for [`Look::Check`] and [`Look::Plan`] everything that the rules leave undecided.
pub fn inspect(
    app: &App,
    request: &BranchRequest,
    what: Look,
    observer: &mut dyn Observer,
    detail: &(dyn Fn(&str) + Sync),
    interrupted: &AtomicBool,
) -> Result<Vec<Inspection>, OpsError> {
    const LINES: &[Line; 5] = &LOOK;
    clean_up(app)?;
    let parent = app.parent(&request.parent)?;
    app.storage.inspect(&parent.root)?;
    let mut run = new_run(app, request, parent, Instant::now(), detail, interrupted)?;
    if what != Look::Scan {
        app.may_branch(&run.setups, EnvType::Production)?;
    }
    refuse_misfits(&run.parent.root, &run.setups)?;
    app.refuse_without_room()?;
    run.services = services(app, &run, what)?;
    let steps: Vec<Box<dyn Step<Run<'_>>>> = LINES
        .iter()
        .map(|line| Box::new(line) as Box<dyn Step<Run<'_>>>)
        .collect();
    let mut journal = Journal::create_with(
        &app.store.layout().journal(&run.id),
        &header(app, &run, request, "inspect"),
        request.fault,
    )?;
    let undo = BranchUndo {
        app,
        run: run.id.clone(),
    };
    match saga::run(&steps, &mut run, &mut journal, &undo, observer, interrupted) {
        Ok(_) => Err(OpsError::OutOfOrder),
        Err(ended) => match ended.cause.find::<Seen>() {
            Some(Seen(found)) if ended.left.is_empty() => {
                let unseen = if what == Look::Scan {
                    unseen(&run)
                } else {
                    Vec::new()
                };
                Ok(found.iter().cloned().chain(unseen).collect())
            }
            _ => Err(ended.into()),
        },
    }
}

fn services(app: &App, run: &Run<'_>, what: Look) -> Result<Vec<Box<dyn Service>>, OpsError> {
    let checked = |setup| app.service(setup, EnvType::Production, &run.branch, None);
    match what {
        // Nothing may stay raw in an environment of this type, so every rule is held against it.
        Look::Check | Look::Plan => run.setups.iter().map(checked).collect(),
        Look::Scan => {
            let surveyed = run.setups.iter();
            Ok(surveyed
                .filter_map(|setup| engine(setup.engine).surveyed(setup))
                .collect())
        }
    }
}

/// Servers that a scan does not look into.
fn unseen(run: &Run<'_>) -> Vec<Inspection> {
    let servers = run.setups.iter().filter(|setup| run.app.has_server(setup));
    servers
        .filter(|setup| engine(setup.engine).surveyed(setup).is_none())
        .map(Inspection::unseen)
        .collect()
}

fn look(run: &mut Run<'_>) -> Result<Value, StepError> {
    let found = run.each_service(|service, site| service.inspect(site))?;
    Err(Seen(found).into())
}
