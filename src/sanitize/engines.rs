//! The engines, and all that `ops` asks of one beside [`Service`]. `ops` names none of them: it goes by what the configuration
//! or a record says, through [`engine`].

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::engine::{FoundServer, ServiceSetup};
use crate::model::{EngineKind, EnvType, Secret};
use crate::runtime::Account;
use crate::state::ServiceRecord;
use crate::storage::Volume;

use super::files::FilesEngine;
use super::key::MaskingKey;
use super::mariadb::MariadbEngine;
use super::postgres::PostgresEngine;
use super::rules::ServiceRules;
use super::service::{Service, ServiceError};

/// What decides about the data of one service.
pub struct Policy {
    /// The owner's rules.
    pub rules: ServiceRules,
    /// The owner's SQL, run after masking: name of the file, and its text.
    pub after: Vec<(PathBuf, String)>,
    /// The masking key.
    pub key: MaskingKey,
    /// The most bytes a second that rewriting may write.
    pub max_write_rate: Option<u64>,
    /// Whether the data stays raw: for types of environments that the owner lists.
    pub raw: bool,
}

/// How a command gets in to a running instance as a user of the branch.
pub struct WayIn {
    /// The account that it runs as.
    pub account: Account,
    /// The engine's own client, with what it must be told; a person's arguments follow.
    pub client: Vec<OsString>,
    /// Environment variables by which clients log in by the URL's role.
    pub env: Vec<(String, String)>,
}

/// Where a published service is found.
pub struct Whereabouts<'a> {
    /// Where the gateway listens.
    pub listen: IpAddr,
    /// The volume in the clone, where it is known.
    pub volume: Option<&'a Path>,
}

/// What one engine is to `ops`.
pub trait Engine: Sync {
    /// Which one.
    fn kind(&self) -> EngineKind;

    /// Its name for people.
    fn title(&self) -> &'static str;

    /// Whether its services have a server, and so a port.
    fn has_server(&self) -> bool;

    /// Whether the owner's SQL (`after`) runs on them.
    fn runs_sql(&self) -> bool {
        false
    }

    /// What keeps a branch of these services from being made at all where their data may not stay raw; asked before anything
    /// is made.
    ///
    /// # Errors
    /// [`ServiceError::Undecided`].
    fn may_branch(&self, _setup: &ServiceSetup, _kind: EnvType, _raw: bool) -> Result<(), ServiceError> {
        Ok(())
    }

    /// A service that is to be branched; under `password` where its branch had one before. `port` is the branch's port on the
    /// host.
    fn service(
        &self,
        setup: &ServiceSetup,
        policy: Policy,
        port: Option<u16>,
        password: Option<Secret>,
    ) -> Box<dyn Service>;

    /// A service of a branch that was published before.
    ///
    /// # Errors
    /// [`ServiceError::Forgotten`] where the record lacks what a start needs.
    fn known_service(
        &self,
        setup: &ServiceSetup,
        known: &ServiceRecord,
    ) -> Result<Box<dyn Service>, ServiceError>;

    /// A service that is only looked at for what it holds, whatever rules say; [`None`] where nothing of it can be surveyed.
    fn surveyed(&self, _setup: &ServiceSetup) -> Option<Box<dyn Service>> {
        None
    }

    /// Whether there is a server for a service's data.
    ///
    /// # Errors
    /// That of recognising it.
    fn fits(&self, _volume: &Volume, _setup: &ServiceSetup) -> Result<(), ServiceError> {
        Ok(())
    }

    /// What is remembered of a service, made to fit the server that the configuration names today.
    ///
    /// # Errors
    /// As [`Engine::fits`]; [`ServiceError::Forgotten`].
    fn refit(&self, _volume: &Volume, _setup: &ServiceSetup, facts: Value) -> Result<Value, ServiceError> {
        Ok(facts)
    }

    /// The URL of a published service.
    fn url(&self, known: &ServiceRecord, whereabouts: &Whereabouts<'_>) -> Option<Secret>;

    /// How a command gets in; [`None`] where there is no server.
    ///
    /// # Errors
    /// [`ServiceError::Forgotten`].
    fn way_in(
        &self,
        setup: &crate::model::ServiceName,
        known: &ServiceRecord,
    ) -> Result<Option<WayIn>, ServiceError>;

    /// The servers of it on this host, running ones first.
    fn servers_of_host(&self) -> Vec<FoundServer> {
        Vec::new()
    }

    /// What is known of the server whose data a directory holds, if it does.
    fn server_of(&self, _directory: &Path) -> Option<FoundServer> {
        None
    }

    /// Lines of a rule file that show how rules of such a service look, for the service of this name.
    fn example_rules(&self, service: &str) -> Vec<String>;
}

/// Every engine. The first is the one that examples show.
pub const ENGINES: [&dyn Engine; 3] = [&PostgresEngine, &MariadbEngine, &FilesEngine];

/// The engine of a kind.
pub fn engine(kind: EngineKind) -> &'static dyn Engine {
    match kind {
        EngineKind::Postgres => &PostgresEngine,
        EngineKind::Mariadb => &MariadbEngine,
        EngineKind::Files => &FilesEngine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_is_found_by_its_own_kind() {
        for one in ENGINES {
            assert_eq!(engine(one.kind()).title(), one.title());
        }
    }
}
