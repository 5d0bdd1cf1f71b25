//! Step 4: a writable copy-on-write clone of the snapshot, in a root-only place.

use serde_json::{Value, json};

use super::run::Run;
use crate::ops::OpsError;
use crate::saga::StepError;
use crate::storage::Role;

pub(super) fn intent(run: &Run<'_>) -> Value {
    json!({ "place": run.incoming(Role::Clone) })
}

pub(super) fn apply(run: &mut Run<'_>) -> Result<Value, StepError> {
    let snapshot = run.snapshot.clone().ok_or(OpsError::OutOfOrder)?;
    let clone = run.app.storage.clone_of(&snapshot, &run.incoming(Role::Clone))?;
    run.clone = Some(clone.clone());
    Ok(json!({ "object": clone }))
}
