//! A sealed server: its start, its stop, and sessions of envclone's own.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::postgres::{Ident, Identity, Logins, Mode, Session, conf_files, instance};
use crate::engine::{EngineError, ServiceSetup};
use crate::runtime::Network;
use crate::sanitize::server::{connect_in, write_conf};
use crate::sanitize::service::{ServiceError, Site};

use super::service::PostgresService;

/// How long a clean stop may take.
const STOP_WITHIN: Duration = Duration::from_secs(10 * 60);
/// How many sessions are kept.
const KEPT: usize = 8;

impl PostgresService {
    /// Starts the server sealed, and opens the way in for envclone alone.
    pub(super) fn start_sealed(&mut self, site: &Site<'_>, mode: Mode) -> Result<(), ServiceError> {
        let identity = self.identity()?.clone();
        let conf = self.conf_dir(site);
        write_conf(&conf, &conf_files(&identity, Logins::Sealed))?;
        let spec = instance(&self.setup, &identity, &self.volume_dir(site), &conf, mode, true);
        site.runtime.start(&site.branch, &spec)?;
        self.running = Some(mode);
        let network = site.runtime.network(&site.branch)?;
        self.ident = Some(open_ident(network.as_ref(), &self.setup)?);
        Ok(())
    }

    pub(super) fn stop(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        self.end_sessions();
        self.ident = None;
        site.runtime.stop(&site.branch, &self.setup.name, STOP_WITHIN)?;
        self.running = None;
        Ok(())
    }

    /// A session as the superuser, one that was kept where there is one; only while sealed.
    pub(super) fn session(&self, site: &Site<'_>, database: &str) -> Result<Session, ServiceError> {
        let network = site.runtime.network(&site.branch)?;
        Ok(self.session_in(network.as_ref(), database)?)
    }

    /// Keeps a session for whoever needs one next: each new one costs the server a process, and the person milliseconds.
    /// Only one that is as it was when it was opened. Of a few databases: the server takes a limited number of clients.
    pub(super) fn keep_session(&self, database: &str, session: Session) {
        let mut kept = self.kept_sessions();
        if kept.len() < KEPT {
            kept.insert(database.to_owned(), session);
        }
    }

    /// Ends the sessions that were kept.
    pub(super) fn end_sessions(&self) {
        self.kept_sessions().clear();
    }

    fn kept_sessions(&self) -> MutexGuard<'_, BTreeMap<String, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn session_in(&self, network: &dyn Network, database: &str) -> Result<Session, EngineError> {
        let kept = self.kept_sessions().remove(database);
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let (ident, identity) = self.way_in()?;
        connect_in(network, &self.setup, || {
            Session::connect(&self.setup.name, ident, identity, database)
        })
    }

    /// A session as another role of the database, with no more rights than it has; only while sealed.
    pub(super) fn session_as(
        &self,
        network: &dyn Network,
        role: &str,
        database: &str,
    ) -> Result<Session, EngineError> {
        let (ident, identity) = self.way_in()?;
        connect_in(network, &self.setup, || {
            Session::connect_as(&self.setup.name, ident, identity, role, database)
        })
    }

    fn way_in(&self) -> Result<(&Ident, &Identity), EngineError> {
        self.ident
            .as_ref()
            .zip(self.identity.as_ref())
            .ok_or_else(|| EngineError::Unfit {
                service: self.setup.name.clone(),
                message: "it is not running sealed".to_owned(),
            })
    }
}

fn open_ident(network: &dyn Network, setup: &ServiceSetup) -> Result<Ident, EngineError> {
    connect_in(network, setup, || {
        Ident::open().map_err(|error| EngineError::Unfit {
            service: setup.name.clone(),
            message: format!("port 113 of the branch's network cannot be had: {error}"),
        })
    })
}
