//! `envclone branch PARENT NAME`: the life of a branch as a list of steps ("The life of a branch" in ARCHITECTURE.md).

mod checkpoint;
mod clone;
mod inspect;
#[cfg(test)]
mod proofs;
mod prove;
mod publish;
mod quiesce;
mod request;
mod reserve;
mod run;
mod sanitize;
mod seal;
mod snapshot;
mod start;
mod unclaimed;
mod undo;

use serde_json::Value;

use crate::ops::OpsError;
use crate::saga::{Step, StepError};

pub use inspect::{Look, inspect};
pub(super) use request::side_by_side;
pub use request::{BranchPlan, BranchRequest, branch, plan};
pub use run::{Parent, Run};
pub use undo::BranchUndo;

/// One line of the list: what is written down before it acts, what it does, and when it need not.
struct Line {
    name: &'static str,
    intent: fn(&Run<'_>) -> Value,
    apply: fn(&mut Run<'_>) -> Result<Value, StepError>,
    skip: fn(&Run<'_>) -> Option<String>,
}

/// The steps in their order. What each made is undone by [`BranchUndo`].
const STEPS: [Line; 10] = [
    Line {
        name: "reserve",
        intent: reserve::intent,
        apply: reserve::apply,
        skip: never,
    },
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
        name: "sanitize",
        intent: nothing,
        apply: sanitize::apply,
        skip: sanitize::skip,
    },
    Line {
        name: "prove",
        intent: nothing,
        apply: prove::apply,
        skip: sanitize::skip,
    },
    Line {
        name: "checkpoint",
        intent: checkpoint::intent,
        apply: checkpoint::apply,
        skip: sanitize::skip,
    },
    Line {
        name: "start",
        intent: nothing,
        apply: start::apply,
        skip: never,
    },
    Line {
        name: "publish",
        intent: publish::intent,
        apply: publish::apply,
        skip: never,
    },
];

fn nothing(_: &Run<'_>) -> Value {
    Value::Null
}

fn never(_: &Run<'_>) -> Option<String> {
    None
}

impl<'a> Step<Run<'a>> for &'static Line {
    fn name(&self) -> &'static str {
        self.name
    }

    fn intent(&self, run: &Run<'a>) -> Value {
        (self.intent)(run)
    }

    fn apply(&self, run: &mut Run<'a>) -> Result<Value, StepError> {
        // Whatever failed then, failed since the supervisor stopped the branch.
        (self.apply)(run).map_err(|cause| match run.app.runtime.stopped_for_room(&run.branch) {
            Ok(Some(why)) => OpsError::StoppedForRoom { why }.into(),
            _ => cause,
        })
    }

    fn skip(&self, run: &Run<'a>) -> Option<String> {
        (self.skip)(run)
    }
}

/// The list as the saga runs it.
fn steps<'a>() -> Vec<Box<dyn Step<Run<'a>>>> {
    const LINES: &[Line; 10] = &STEPS;
    LINES
        .iter()
        .map(|line| Box::new(line) as Box<dyn Step<Run<'a>>>)
        .collect()
}

/// The names of the steps, in their order.
pub fn step_names() -> Vec<&'static str> {
    STEPS.iter().map(|line| line.name).collect()
}
