//! Step 6: replace personal data, stop, purge what is left of it.

use serde_json::{Value, json};

use super::run::Run;
use crate::saga::StepError;

/// One start is enough where nothing must be rewritten: steps 6 to 8 fall away.
pub(super) fn skip(run: &Run<'_>) -> Option<String> {
    run.unchanged.clone()
}

pub(super) fn apply(run: &mut Run<'_>) -> Result<Value, StepError> {
    let site = run.site()?;
    let sanitized = super::request::side_by_side(&mut run.services, |service| service.sanitize(&site));
    sanitized.map_err(|source| run.for_want_of_room(source))?;
    let rows: u64 = run.services.iter().map(|service| service.tally().rows).sum();
    Ok(json!({ "rows": rows }))
}
