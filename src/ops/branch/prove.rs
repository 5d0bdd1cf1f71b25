//! Step 7: search every byte of the stopped tree for originals.

use serde_json::{Value, json};

use super::run::Run;
use crate::ops::OpsError;
use crate::saga::StepError;
use crate::sanitize::proof::Proof;

pub(super) fn apply(run: &mut Run<'_>) -> Result<Value, StepError> {
    let clone = run.clone.clone().ok_or(OpsError::OutOfOrder)?;
    let needles: Vec<_> = run
        .services
        .iter()
        .filter_map(|service| service.needles())
        .collect();
    let proof = Proof::search(&clone.path, clone.id.clone(), run.app.policy(), &needles)?;
    let output = json!({ "needles": proof.needles(), "bytes": proof.bytes_scanned() });
    run.proof = Some(proof);
    Ok(output)
}
