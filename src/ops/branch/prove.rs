//! Step 7: search every byte of the stopped tree for originals, and see that what was written anew shares nothing with what
//! was there before.

use serde_json::{Value, json};

use super::run::Run;
use crate::ops::OpsError;
use crate::saga::StepError;
use crate::sanitize::proof::Proof;
use crate::sanitize::stored::Stored;

pub(super) fn apply(run: &mut Run<'_>) -> Result<Value, StepError> {
    let clone = run.clone.clone().ok_or(OpsError::OutOfOrder)?;
    let needles: Vec<_> = run
        .services
        .iter()
        .filter_map(|service| service.needles())
        .collect();
    let stored: Vec<_> = run
        .services
        .iter()
        .filter_map(|service| service.stored())
        .collect();
    let stored: Vec<&dyn Stored> = stored.iter().map(AsRef::as_ref).collect();
    let proof = Proof::search(
        &clone.path,
        clone.id.clone(),
        run.app.policy(),
        &needles,
        &stored,
        run.interrupted,
    )?;
    let anew: Vec<_> = run
        .services
        .iter()
        .flat_map(|service| service.written_anew().to_vec())
        .collect();
    let shared = run.app.storage.shared(&clone, &anew)?;
    let proof = proof.sharing(anew.len(), shared)?;
    let output = json!({ "needles": proof.needles(), "bytes": proof.bytes_scanned(), "written_anew": proof.written_anew() });
    run.proof = Some(proof);
    Ok(output)
}
