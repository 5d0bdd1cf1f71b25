//! Step 5: seal the clone's files, start what has a server without any way in or out, seal it there, and hold the rules
//! against what it really contains.

use serde_json::{Value, json};

use super::run::Run;
use crate::saga::StepError;

pub(super) fn intent(run: &Run<'_>) -> Value {
    json!({ "branch": run.branch })
}

pub(super) fn apply(run: &mut Run<'_>) -> Result<Value, StepError> {
    let site = run.site()?;
    let sealed = super::request::side_by_side(&mut run.services, |service| service.seal(&site));
    sealed.map_err(|source| run.for_want_of_room(source))?;
    run.unchanged = run.nothing_to_rewrite();
    Ok(Value::Null)
}
