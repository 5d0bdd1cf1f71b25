//! Step 1: the name, the ports, the record, and room on the pool.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::run::Run;
use crate::model::{EngineKind, EnvState, Environment};
use crate::saga::StepError;
use crate::state::{EnvRecord, ServiceRecord};

pub(super) fn intent(run: &Run<'_>) -> Value {
    json!({ "name": run.name, "branch": run.branch })
}

pub(super) fn apply(run: &mut Run<'_>) -> Result<Value, StepError> {
    let app = run.app;
    app.refuse_without_room()?;
    let environment = Environment {
        name: run.name.clone(),
        parent: Some(run.parent.name.clone()),
        kind: run.kind,
        state: EnvState::Creating,
        sanitized: false,
        created_at: Some(run.began),
        expires_at: None,
        stopped_because: None,
    };
    // Ports are chosen and written down under one lock, so that no two runs take the same.
    let lock = app.store.lock_ports()?;
    let wanted = run.setups.iter().filter(|setup| app.has_server(setup)).count();
    let mut ports = lock.choose(wanted, app.listen())?.into_iter();
    run.services.clear();
    let mut services = BTreeMap::new();
    for setup in &run.setups {
        let port = if app.has_server(setup) { ports.next() } else { None };
        services.insert(setup.name.clone(), reserved(setup.engine, port));
        run.services
            .push(app.service(setup, run.kind, &run.branch, port)?);
    }
    run.environment = Some(environment.clone());
    let record = EnvRecord {
        schema: crate::state::SCHEMA,
        branch: run.branch.clone(),
        run: run.id.clone(),
        environment,
        services,
        clone: None,
        checkpoint: None,
        snapshot: None,
        sanitization: None,
        receipt: None,
        timings: None,
        boot_id: None,
        stopped_cleanly: false,
        raw: false,
        branch_size: None,
    };
    app.store.save(&record)?;
    Ok(Value::Null)
}

/// A service of which only the port is known yet.
fn reserved(engine: EngineKind, port: Option<u16>) -> ServiceRecord {
    ServiceRecord {
        engine,
        version: None,
        port,
        user: None,
        database: None,
        password: None,
        facts: Value::Null,
        durable: false,
    }
}
