//! Step 8: the clean snapshot of the stopped tree, to which `reset` returns.

use serde_json::{Value, json};

use super::run::Run;
use crate::ops::OpsError;
use crate::saga::StepError;
use crate::storage::Role;

pub(super) fn intent(run: &Run<'_>) -> Value {
    json!({ "place": run.incoming(Role::Checkpoint) })
}

pub(super) fn apply(run: &mut Run<'_>) -> Result<Value, StepError> {
    let clone = run.clone.clone().ok_or(OpsError::OutOfOrder)?;
    let checkpoint = run
        .app
        .storage
        .snapshot(&clone.path, &run.incoming(Role::Checkpoint))?;
    run.checkpoint = Some(checkpoint.clone());
    Ok(json!({ "object": checkpoint }))
}
