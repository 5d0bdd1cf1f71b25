//! Step 2: what each engine can do cheaply on the running source, within a limit; meanwhile the branch's supervisor starts,
//! with nothing to hold yet. A source that is down or silent does not stop a branch: its files are enough.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::run::Run;
use crate::ops::OpsError;
use crate::saga::StepError;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(20);

pub(super) fn intent(run: &Run<'_>) -> Value {
    json!({ "branch": run.branch })
}

pub(super) fn apply(run: &mut Run<'_>) -> Result<Value, StepError> {
    let (app, branch) = (run.app, run.branch.clone());
    std::thread::scope(|scope| {
        let opened = scope.spawn(|| app.open_branch(&branch));
        let notes = ask(run);
        let opened: Result<(), OpsError> = opened
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        opened?;
        Ok(Value::Object(notes))
    })
}

/// What became of each service's part. A branch's own services are not asked: they are held still for the snapshot instead.
fn ask(run: &mut Run<'_>) -> Map<String, Value> {
    let mut notes = Map::new();
    if run.parent.branch.is_some() {
        return notes;
    }
    let (root, detail, interrupted) = (run.parent.root.clone(), run.detail, run.interrupted);
    // Side by side: those that are silent cost the same limit, and what is written between the first and the last is little.
    std::thread::scope(|scope| {
        let services = run.services.iter_mut();
        let asked: Vec<_> = services
            .map(|service| {
                let name = service.setup().name.to_string();
                let root = root.as_path();
                (
                    name,
                    scope.spawn(move || service.quiesce(root, LIMIT, interrupted)),
                )
            })
            .collect();
        for (name, asked) in asked {
            let done = asked
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let note = done.unwrap_or_else(|error| format!("went on without: {error}"));
            detail(&format!("{name}: {note}"));
            notes.insert(name, json!(note));
        }
    });
    notes
}
