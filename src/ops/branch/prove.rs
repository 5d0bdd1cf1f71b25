//! Step 7: search every byte of the stopped tree for originals, and see that what was written anew shares nothing with what
//! was there before.

use serde_json::{Value, json};

use super::run::Run;
use crate::ops::OpsError;
use crate::saga::StepError;
use crate::sanitize::proof::{Proof, ProofError};
use crate::sanitize::stored::Stored;
use crate::storage::Object;

pub(super) fn apply(run: &mut Run<'_>) -> Result<Value, StepError> {
    let clone = run.clone.clone().ok_or(OpsError::OutOfOrder)?;
    let proof = match search(run, &clone) {
        Err(ProofError::Found { found, places, files }) => {
            let renewed = run.each_service(|service, site| service.renew(site, &files))?;
            if !renewed.contains(&true) {
                return Err(ProofError::Found { found, places, files }.into());
            }
            search(run, &clone)?
        }
        searched => searched?,
    };
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

fn search(run: &Run<'_>, clone: &Object) -> Result<Proof, ProofError> {
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
    Proof::search(
        &clone.path,
        clone.id.clone(),
        run.app.policy(),
        &needles,
        &stored,
        run.interrupted,
    )
}
