//! Step 9: start for use, read every seal back, and make the receipt.

use serde_json::{Value, json};

use super::run::Run;
use super::unclaimed::unclaimed;
use crate::ops::OpsError;
use crate::saga::StepError;
use crate::sanitize::receipt::{Basis, Findings, Receipt};

pub(super) fn apply(run: &mut Run<'_>) -> Result<Value, StepError> {
    let checks = run.each_service(|service, site| service.start(site))?;
    let published = run.each_service(|service, site| service.publish(site))?;
    run.checks = checks.into_iter().chain(published).flatten().collect();
    let basis = match (run.proof.take(), &run.unchanged) {
        (Some(proof), None) => Basis::Proved(proof),
        (None, Some(reason)) => Basis::Skipped(reason.clone()),
        // Neither proved nor known to need none, or both: nothing is published on a doubt.
        _ => return Err(OpsError::OutOfOrder.into()),
    };
    let receipt = Receipt::new(basis, run.object(), run.app.policy(), findings(run)?)?;
    run.sanitization = receipt.sanitization().clone();
    run.receipt = Some(receipt);
    Ok(json!({ "checks": run.checks.len() }))
}

fn findings(run: &Run<'_>) -> Result<Findings, StepError> {
    let clone = run.clone.as_ref().ok_or(OpsError::OutOfOrder)?;
    let volumes: Vec<_> = run.setups.iter().map(|setup| setup.volume.clone()).collect();
    let servers = run.setups.iter().filter(|setup| run.app.has_server(setup));
    Ok(Findings {
        servers: servers.map(|setup| setup.name.clone()).collect(),
        checks: run.checks.clone(),
        tallies: run.services.iter().map(|service| service.tally()).collect(),
        beside: unclaimed(&clone.path, &volumes)?.into_iter().collect(),
    })
}
