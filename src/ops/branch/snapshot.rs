//! Step 3: one atomic snapshot of the parent's root.

use serde_json::{Value, json};

use super::run::Run;
use crate::model::SnapshotReport;
use crate::saga::StepError;
use crate::storage::Role;

pub(super) fn intent(run: &Run<'_>) -> Value {
    json!({ "place": run.incoming(Role::Snapshot) })
}

pub(super) fn apply(run: &mut Run<'_>) -> Result<Value, StepError> {
    let app = run.app;
    let still = app.hold_still(&run.parent)?;
    let snapshot = app
        .storage
        .snapshot(&run.parent.root, &run.incoming(Role::Snapshot));
    let paused = still.release()?;
    let snapshot = snapshot?;
    run.snapshot_report = Some(SnapshotReport {
        id: snapshot.id.0.clone(),
        taken_at: jiff::Timestamp::now(),
        atomic: app.storage.capabilities().atomic,
        baseline: false,
        source_pause_ms: super::request::millis(paused),
        // Whether it is needed for more shows when it is known what is to be rewritten.
        raw_stays: run.parent.branch.is_none() && !app.storage.capabilities().snapshot_may_go,
    });
    run.snapshot = Some(snapshot.clone());
    Ok(json!({ "object": snapshot }))
}
