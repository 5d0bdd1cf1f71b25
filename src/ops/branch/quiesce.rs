//! Step 2: what each engine can do cheaply on the running source, within a limit. A source that is down or silent does
//! not stop a branch: its files are enough.

use std::time::Duration;

use serde_json::{Value, json};

use super::run::Run;
use crate::saga::StepError;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A branch's own services are not asked: they are held still for the snapshot instead.
pub(super) fn skip(run: &Run<'_>) -> Option<String> {
    run.parent
        .branch
        .as_ref()
        .map(|_| "the parent is a branch".to_owned())
}

#[allow(clippy::unnecessary_wraps, reason = "a step has this form")]
pub(super) fn apply(run: &mut Run<'_>) -> Result<Value, StepError> {
    let (root, detail) = (run.parent.root.clone(), run.detail);
    let mut notes = serde_json::Map::new();
    for service in &mut run.services {
        let name = service.setup().name.to_string();
        let note = service
            .quiesce(&root, LIMIT)
            .unwrap_or_else(|error| format!("went on without: {error}"));
        detail(&format!("{name}: {note}"));
        notes.insert(name, json!(note));
    }
    Ok(Value::Object(notes))
}
