//! Step 5: seal the clone's files, start what has a server without any way in or out, seal it there, and hold the rules
//! against what it really contains.

use serde_json::{Value, json};

use super::run::Run;
use crate::saga::StepError;

pub(super) fn intent(run: &Run<'_>) -> Value {
    json!({ "branch": run.branch })
}

pub(super) fn apply(run: &mut Run<'_>) -> Result<Value, StepError> {
    run.each_service(|service, site| service.seal(site))?;
    run.unchanged = run.nothing_to_rewrite();
    Ok(Value::Null)
}
