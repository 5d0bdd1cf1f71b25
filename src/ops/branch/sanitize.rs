//! Step 6: replace personal data, stop, purge what is left of it.

use serde_json::{Value, json};

use super::run::Run;
use crate::ops::OpsError;
use crate::saga::StepError;

/// One start is enough where nothing must be rewritten: steps 6 to 8 fall away.
pub(super) fn skip(run: &Run<'_>) -> Option<String> {
    run.unchanged.clone()
}

/// A failure with less free than one part in so many is taken for one of a full pool.
const FULL: u64 = 20;

pub(super) fn apply(run: &mut Run<'_>) -> Result<Value, StepError> {
    let site = run.site()?;
    let sanitized = super::request::side_by_side(&mut run.services, |service| service.sanitize(&site));
    if let Err(source) = sanitized {
        // A server that finds no room for its WAL ends, and its clients only see that it has gone.
        return Err(match run.app.storage.usage() {
            Ok(usage) if usage.free < usage.total / FULL => {
                let pool = run.app.pool().to_owned();
                OpsError::Full { pool, source }.into()
            }
            _ => source.into(),
        });
    }
    let rows: u64 = run.services.iter().map(|service| service.tally().rows).sum();
    Ok(json!({ "rows": rows }))
}
