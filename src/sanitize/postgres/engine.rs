//! PostgreSQL as an [`Engine`].

use std::path::Path;

use serde_json::Value;

use crate::engine::postgres::{Credentials, Identity, find, identify};
use crate::engine::{FoundServer, ServiceSetup};
use crate::model::{EngineKind, Secret, ServiceName};
use crate::sanitize::engines::{Engine, Policy, WayIn, Whereabouts};
use crate::sanitize::rules::{DatabaseRules, ServiceRules};
use crate::sanitize::service::{Service, ServiceError};
use crate::state::ServiceRecord;
use crate::storage::Volume;

use super::service::{PostgresService, Rules};
use super::url::url;

/// PostgreSQL.
pub struct PostgresEngine;

impl From<Policy> for Rules {
    fn from(policy: Policy) -> Self {
        Self {
            database: match policy.rules {
                ServiceRules::Database(rules) => rules,
                ServiceRules::Files(_) => DatabaseRules::new(),
            },
            after: policy.after,
            key: policy.key,
            max_write_rate: policy.max_write_rate,
            raw: policy.raw,
        }
    }
}

/// The server as it was recognised when the branch was made.
fn remembered(service: &ServiceName, facts: Value) -> Result<Identity, ServiceError> {
    serde_json::from_value(facts).map_err(|_| forgotten(service))
}

fn forgotten(service: &ServiceName) -> ServiceError {
    ServiceError::Forgotten {
        service: service.clone(),
    }
}

impl Engine for PostgresEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Postgres
    }

    fn title(&self) -> &'static str {
        "PostgreSQL"
    }

    fn has_server(&self) -> bool {
        true
    }

    fn runs_sql(&self) -> bool {
        true
    }

    fn service(
        &self,
        setup: &ServiceSetup,
        policy: Policy,
        port: Option<u16>,
        password: Option<Secret>,
    ) -> Box<dyn Service> {
        let service = PostgresService::new(setup.clone(), policy.into(), port);
        Box::new(match password {
            Some(password) => service.with_password(password),
            None => service,
        })
    }

    fn known_service(
        &self,
        setup: &ServiceSetup,
        known: &ServiceRecord,
    ) -> Result<Box<dyn Service>, ServiceError> {
        let identity = remembered(&setup.name, known.facts.clone())?;
        let (Some(role), Some(database), Some(password)) = (&known.user, &known.database, &known.password)
        else {
            return Err(forgotten(&setup.name));
        };
        let credentials = Credentials {
            database: database.clone(),
            role: role.clone(),
            password: password.clone(),
            keep_login: setup.keep_login.clone(),
        };
        Ok(Box::new(PostgresService::known(
            setup.clone(),
            Rules::none(),
            known.port,
            identity,
            credentials,
        )))
    }

    fn surveyed(&self, setup: &ServiceSetup) -> Option<Box<dyn Service>> {
        let service = PostgresService::new(setup.clone(), Rules::none(), None);
        Some(Box::new(service.for_scan()))
    }

    fn fits(&self, volume: &Volume, setup: &ServiceSetup) -> Result<(), ServiceError> {
        identify(volume, setup)?;
        Ok(())
    }

    fn refit(&self, volume: &Volume, setup: &ServiceSetup, facts: Value) -> Result<Value, ServiceError> {
        let today = identify(volume, setup)?;
        let identity = Identity {
            rootfs: today.rootfs,
            programs: today.programs,
            ..remembered(&setup.name, facts)?
        };
        serde_json::to_value(identity).map_err(|_| forgotten(&setup.name))
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
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let password = known
            .password
            .as_ref()
            .map(|password| password.reveal().to_owned())
            .unwrap_or_default();
        let env = [
            ("PGHOST", "127.0.0.1".to_owned()),
            ("PGPORT", identity.port.to_string()),
            ("PGUSER", text(&known.user)),
            ("PGDATABASE", text(&known.database)),
            ("PGPASSWORD", password),
            // A home may lie in the volume, where people of the branch can put what a client does as it starts.
            ("PSQLRC", "/dev/null".to_owned()),
            ("INPUTRC", "/dev/null".to_owned()),
            ("PSQL_HISTORY", "/dev/null".to_owned()),
        ];
        Ok(Some(WayIn {
            account: identity.account.clone(),
            client: vec![identity.client().into_os_string()],
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
        vec![
            format!("[{service}.\"public.customers\"]"),
            "email = \"email\"".to_owned(),
            "segment = { keep = \"why it may stay\" }".to_owned(),
        ]
    }
}
