//! Step 10: the environment gets its place and its record, the gateway opens, and the raw snapshot goes.

use serde_json::{Value, json};

use super::run::Run;
use crate::model::EnvState;
use crate::ops::{OpsError, boot_id, object_ref};
use crate::saga::StepError;
use crate::sanitize::receipt::Receipt;
use crate::state::EnvRecord;
use crate::storage::{Mark, Object, Role};

pub(super) fn intent(run: &Run<'_>) -> Value {
    json!({ "branch": run.branch, "name": run.name, "clone": run.clone, "checkpoint": run.checkpoint, "snapshot": run.snapshot })
}

pub(super) fn apply(run: &mut Run<'_>) -> Result<Value, StepError> {
    let receipt = run.receipt.take().ok_or(OpsError::OutOfOrder)?;
    publish(run, receipt)?;
    Ok(Value::Null)
}

/// Opens the way into a new branch; without a receipt it cannot be called. `ops::start` opens it again, by what is recorded of it.
fn publish(run: &mut Run<'_>, receipt: Receipt) -> Result<(), StepError> {
    let app = run.app;
    let clone = run.clone.clone().ok_or(OpsError::OutOfOrder)?;
    // Where nothing was rewritten, the snapshot itself is what the branch goes back to.
    let (kept, role) = match (&run.checkpoint, &run.snapshot) {
        (Some(checkpoint), _) => (Some(checkpoint.clone()), Role::Checkpoint),
        (None, snapshot) => (snapshot.clone(), Role::Snapshot),
    };
    let (clone, kept) = settle_both(run, &clone, kept.as_ref(), role)?;
    run.clone = Some(clone.clone());
    if role == Role::Checkpoint
        && let Some(snapshot) = &run.snapshot
    {
        // On ZFS it goes with the clone, which hangs on it.
        app.storage.destroy(snapshot)?;
    }
    if let Some(report) = &mut run.snapshot_report {
        report.raw_stays |= role == Role::Snapshot && run.parent.branch.is_none();
    }
    let site = run.site()?;
    let mut environment = run.environment.clone().ok_or(OpsError::OutOfOrder)?;
    environment.state = EnvState::Ready;
    environment.sanitized = receipt.sanitized();
    run.environment = Some(environment.clone());
    let record = EnvRecord {
        schema: crate::state::SCHEMA,
        branch: run.branch.clone(),
        run: run.id.clone(),
        environment,
        services: run
            .services
            .iter()
            .map(|service| app.remember(service.as_ref(), &site))
            .collect(),
        clone: Some(object_ref(&clone)),
        checkpoint: kept.as_ref().map(object_ref),
        snapshot: run.snapshot_report.clone(),
        sanitization: Some(run.sanitization.clone()),
        receipt: Some(receipt.into_record()),
        timings: None,
        boot_id: boot_id(),
        stopped_cleanly: false,
        raw: false,
        branch_size: app.config.storage().branch_size,
    };
    app.store.save(&record)?;
    app.runtime.forget_sealed_logs(&run.branch)?;
    app.runtime.keep(&run.branch)?;
    let exposures: Vec<_> = run
        .services
        .iter()
        .filter_map(|service| service.exposure(&site))
        .collect();
    app.runtime.expose(&run.branch, &exposures)?;
    app.storage.discard_incoming(&run.id)?;
    Ok(())
}

/// Gives the clone and what it goes back to their places, side by side.
fn settle_both(
    run: &Run<'_>,
    clone: &Object,
    kept: Option<&Object>,
    role: Role,
) -> Result<(Object, Option<Object>), StepError> {
    let storage = run.app.storage.as_ref();
    let settle = |object: &Object, role: Role| {
        let (place, mark) = (run.home(role), mark(run, object, role));
        let object = object.clone();
        move || storage.settle(&object, &place, &mark)
    };
    let clone = settle(clone, Role::Clone);
    let kept = kept.map(|kept| settle(kept, role));
    let (clone, kept) = std::thread::scope(|scope| {
        let kept = kept.map(|kept| scope.spawn(kept));
        let clone = clone();
        let kept = kept.map(|kept| {
            kept.join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        (clone, kept)
    });
    Ok((clone?, kept.transpose()?))
}

fn mark(run: &Run<'_>, object: &Object, role: Role) -> Mark {
    Mark {
        schema: 1,
        id: object.id.clone(),
        project: run.app.project().clone(),
        environment: run.name.clone(),
        parent: run.parent.name.clone(),
        role,
        run: run.id.clone(),
    }
}
