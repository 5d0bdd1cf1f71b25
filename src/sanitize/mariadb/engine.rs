//! MariaDB as an [`Engine`].

use std::path::Path;

use serde_json::Value;

use crate::engine::mariadb::{CLIENT, Credentials, Identity, find, identify};
use crate::engine::{FoundServer, ServiceSetup};
use crate::model::{EngineKind, EnvType, Secret, ServiceName};
use crate::sanitize::engines::{Engine, Policy, WayIn, Whereabouts};
use crate::sanitize::service::{Service, ServiceError};
use crate::state::ServiceRecord;
use crate::storage::Volume;

use super::service::MariadbService;
use super::url::url;

/// MariaDB.
pub struct MariadbEngine;

fn forgotten(service: &ServiceName) -> ServiceError {
    ServiceError::Forgotten {
        service: service.clone(),
    }
}

/// The server as it was recognised when the branch was made.
fn remembered(service: &ServiceName, facts: Value) -> Result<Identity, ServiceError> {
    serde_json::from_value(facts).map_err(|_| forgotten(service))
}

fn credentials(service: &ServiceName, known: &ServiceRecord) -> Result<Credentials, ServiceError> {
    match (&known.user, &known.database, &known.password) {
        (Some(user), Some(database), Some(password)) => Ok(Credentials {
            database: database.clone(),
            user: user.clone(),
            password: password.clone(),
        }),
        _ => Err(forgotten(service)),
    }
}

impl Engine for MariadbEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Mariadb
    }

    fn title(&self) -> &'static str {
        "MariaDB"
    }

    fn has_server(&self) -> bool {
        true
    }

    fn may_branch(&self, setup: &ServiceSetup, kind: EnvType, raw: bool) -> Result<(), ServiceError> {
        if raw {
            return Ok(());
        }
        Err(super::service::unsanitizable(&setup.name, Some(kind)))
    }

    fn service(
        &self,
        setup: &ServiceSetup,
        policy: Policy,
        port: Option<u16>,
        password: Option<Secret>,
    ) -> Box<dyn Service> {
        let service = MariadbService::new(setup.clone(), policy.raw, port);
        Box::new(service.with_password(password))
    }

    fn known_service(
        &self,
        setup: &ServiceSetup,
        known: &ServiceRecord,
    ) -> Result<Box<dyn Service>, ServiceError> {
        let identity = remembered(&setup.name, known.facts.clone())?;
        let credentials = credentials(&setup.name, known)?;
        let service = MariadbService::known(setup.clone(), known.port, identity, credentials);
        Ok(Box::new(service))
    }

    fn fits(&self, volume: &Volume, setup: &ServiceSetup) -> Result<(), ServiceError> {
        identify(volume, setup)?;
        Ok(())
    }

    fn url(&self, known: &ServiceRecord, whereabouts: &Whereabouts<'_>) -> Option<Secret> {
        Some(url(
            known.user.as_deref()?,
            known.password.as_ref()?,
            whereabouts.listen,
            known.port?,
            known.database.as_deref()?,
        ))
    }

    fn way_in(&self, service: &ServiceName, known: &ServiceRecord) -> Result<Option<WayIn>, ServiceError> {
        let identity = remembered(service, known.facts.clone())?;
        let credentials = credentials(service, known)?;
        let port = identity.port.to_string();
        // A home may lie in the volume, where people of the branch can put what a client does as it starts.
        let client = [
            CLIENT.to_owned(),
            "--no-defaults".to_owned(),
            "--protocol=tcp".to_owned(),
            "--host=127.0.0.1".to_owned(),
            format!("--port={port}"),
            format!("--user={}", credentials.user),
            format!("--database={}", credentials.database),
        ];
        let env = [
            ("MYSQL_HOST", "127.0.0.1".to_owned()),
            ("MYSQL_TCP_PORT", port),
            ("MYSQL_PWD", credentials.password.reveal().to_owned()),
            ("MYSQL_HISTFILE", "/dev/null".to_owned()),
            ("INPUTRC", "/dev/null".to_owned()),
        ];
        Ok(Some(WayIn {
            account: identity.account,
            client: client.map(Into::into).into(),
            env: env.map(|(name, value)| (name.to_owned(), value)).into(),
        }))
    }

    fn servers_of_host(&self) -> Vec<FoundServer> {
        find::servers()
    }

    fn server_of(&self, directory: &Path) -> Option<FoundServer> {
        find::is_data(directory).then(|| find::server(directory.to_owned()))
    }

    fn example_rules(&self, service: &str) -> Vec<String> {
        vec![format!(
            "[{service}]  # MariaDB is not sanitized yet: only branches of a type in `raw-types` can have it"
        )]
    }
}
