//! `envclone list`, `show`, `url`: what there is. Nothing is changed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{App, OpsError};
use crate::model::{
    BranchReport, EngineKind, EnvName, EnvState, EnvType, Environment, ReceiptRecord, Secret, ServiceName,
    ServiceReport,
};
use crate::sanitize::engines::{Whereabouts, engine};
use crate::state::{EnvRecord, ServiceRecord};

/// Every environment: declared ones first, then those that envclone made, by name.
///
/// # Errors
/// [`OpsError::State`].
pub fn list(app: &App) -> Result<Vec<Environment>, OpsError> {
    let mut environments: Vec<Environment> = app
        .config
        .environments()
        .keys()
        .map(|name| declared(app, name))
        .collect();
    for record in app.store.records()? {
        environments.push(current(app, &record)?);
    }
    Ok(environments)
}

/// Everything about one environment.
///
/// # Errors
/// [`OpsError::Unknown`].
pub fn show(app: &App, name: &EnvName) -> Result<(BranchReport, Option<ReceiptRecord>), OpsError> {
    if app.config.environments().contains_key(name) {
        return Ok((declared_report(app, name), None));
    }
    let record = app
        .store
        .record(name)?
        .ok_or_else(|| OpsError::Unknown { name: name.clone() })?;
    let environment = current(app, &record)?;
    let published = record.receipt.is_some();
    let services = services(app, &record, published);
    let out = app
        .runtime
        .status(&record.branch)?
        .map(|status| status.out_no_routes);
    let report = BranchReport {
        schema: 1,
        url: first_url(&services),
        services,
        environment,
        snapshot: record.snapshot,
        sanitization: record.sanitization,
        timings_ms: record.timings,
        branch_size: record.branch_size,
        out_no_routes: out,
    };
    Ok((report, record.receipt))
}

/// The URLs of an environment.
#[derive(Debug, Clone, Serialize)]
pub struct Urls {
    /// Version of this document; 1.
    pub schema: u32,
    /// The first service's that has a port.
    pub url: Option<Secret>,
    /// All of them.
    pub services: BTreeMap<ServiceName, Option<Secret>>,
}

/// The URLs of a published environment.
///
/// # Errors
/// [`OpsError::Sealed`] without a receipt, [`OpsError::NotOurs`] for production, whose passwords envclone does not know.
pub fn urls(app: &App, name: &EnvName) -> Result<Urls, OpsError> {
    let record = published(app, name, "hand out the URL of")?;
    let services = services(app, &record, true);
    Ok(Urls {
        schema: 1,
        url: first_url(&services),
        services: services
            .into_iter()
            .map(|(name, service)| (name, service.url))
            .collect(),
    })
}

/// The record of an environment that has its receipt.
pub(super) fn published(app: &App, name: &EnvName, action: &'static str) -> Result<EnvRecord, OpsError> {
    let record = app.own(name, action)?;
    let open =
        matches!(record.environment.state, EnvState::Ready | EnvState::Stopped) && record.receipt.is_some();
    if open {
        Ok(record)
    } else {
        Err(OpsError::Sealed {
            name: name.clone(),
            state: record.environment.state.to_string(),
        })
    }
}

fn declared(app: &App, name: &EnvName) -> Environment {
    let kind = app
        .config
        .environments()
        .get(name)
        .map_or(EnvType::Production, |declared| declared.kind);
    Environment {
        name: name.clone(),
        parent: None,
        kind,
        state: EnvState::Ready,
        sanitized: false,
        created_at: None,
        expires_at: None,
        stopped_because: None,
    }
}

fn declared_report(app: &App, name: &EnvName) -> BranchReport {
    let service = |engine: EngineKind| ServiceReport {
        engine,
        version: None,
        url: None,
        socket: None,
        port: None,
    };
    BranchReport {
        schema: 1,
        environment: declared(app, name),
        url: None,
        services: app
            .config
            .services()
            .iter()
            .map(|(name, known)| (name.clone(), service(known.engine)))
            .collect(),
        snapshot: None,
        sanitization: None,
        timings_ms: None,
        branch_size: None,
        out_no_routes: None,
    }
}

/// As remembered, but a branch whose supervisor is gone (killed, or the host was booted) is stopped.
fn current(app: &App, record: &EnvRecord) -> Result<Environment, OpsError> {
    let mut environment = record.environment.clone();
    if environment.state == EnvState::Ready && app.runtime.status(&record.branch)?.is_none() {
        environment.state = EnvState::Stopped;
    }
    if environment.state == EnvState::Stopped {
        let why = app.runtime.stopped_for_room(&record.branch)?;
        environment.stopped_because = why.map(|why| why.to_string());
    }
    Ok(environment)
}

fn services(app: &App, record: &EnvRecord, published: bool) -> BTreeMap<ServiceName, ServiceReport> {
    let report = |(name, service): (&ServiceName, &ServiceRecord)| {
        (
            name.clone(),
            service_report(app, record, name, service, published),
        )
    };
    record.services.iter().map(report).collect()
}

fn service_report(
    app: &App,
    record: &EnvRecord,
    name: &ServiceName,
    service: &ServiceRecord,
    published: bool,
) -> ServiceReport {
    let socket = app.store.layout().branch_dir(&record.branch).join(name.as_str());
    ServiceReport {
        engine: service.engine,
        version: service.version.clone(),
        url: published.then(|| url_of(app, record, name, service)).flatten(),
        socket: service.port.map(|_| socket.display().to_string()),
        port: service.port,
    }
}

fn url_of(app: &App, record: &EnvRecord, name: &ServiceName, service: &ServiceRecord) -> Option<Secret> {
    let volume = app
        .config
        .services()
        .get(name)
        .zip(record.clone.as_ref())
        .map(|(declared, clone)| clone.path.join(&declared.volume));
    let whereabouts = Whereabouts {
        listen: app.listen(),
        volume: volume.as_deref(),
    };
    engine(service.engine).url(service, &whereabouts)
}

fn first_url(services: &BTreeMap<ServiceName, ServiceReport>) -> Option<Secret> {
    services
        .values()
        .filter(|service| service.port.is_some())
        .find_map(|service| service.url.clone())
}
