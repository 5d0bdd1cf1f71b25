//! MariaDB as a [`Service`].

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::engine::mariadb::{
    Credentials, Identity, OWN_ACCOUNT, Phase, Session, conf_files, identify, instance, prove_published,
    publish_accounts, purge_after_seal, quiesce, read_back, seal_catalogs, seal_offline,
    try_login_after_recovery,
};
use crate::engine::{EngineError, ServiceSetup};
use crate::model::{Check, EngineKind, EnvType, Secret, ServiceName, ServiceReport};
use crate::runtime::Exposure;
use crate::sanitize::needle::NeedleSet;
use crate::sanitize::server::{connect_in, write_conf};
use crate::sanitize::service::{Service, ServiceError, Site, Tally};
use crate::storage::Volume;

use super::url::url;

/// How long a clean stop may take.
const STOP_WITHIN: Duration = Duration::from_secs(10 * 60);
/// The name of the socket among those of the branch.
const SOCKET: &str = "mysqld.sock";

/// A MariaDB service of a branch.
pub(super) struct MariadbService {
    setup: ServiceSetup,
    raw: bool,
    port: Option<u16>,
    identity: Option<Identity>,
    /// The password of envclone's own account, while there is one.
    own: Option<Secret>,
    /// The one that its branch had before.
    password: Option<Secret>,
    credentials: Option<Credentials>,
    version: String,
    tally: Tally,
    session: Option<Session>,
    runs: bool,
}

/// That such a service cannot be sanitized.
pub(super) fn unsanitizable(service: &ServiceName, kind: Option<EnvType>) -> ServiceError {
    let of_type = kind.map_or(String::new(), |kind| format!(", and {kind} is none of them"));
    ServiceError::Undecided {
        service: service.clone(),
        what: format!(
            "envclone cannot sanitize MariaDB yet, so that only branches of a type that the owner lists under `raw-types` in [sanitize] \
             can have it{of_type}; its data stays as it is in them"
        ),
    }
}

impl MariadbService {
    /// A service that is to be branched; `raw` where the owner lets this type of environment stay raw. `port` is the branch's port
    /// on the host.
    pub(super) fn new(setup: ServiceSetup, raw: bool, port: Option<u16>) -> Self {
        let tally = Tally {
            raw,
            ..Tally::default()
        };
        Self {
            setup,
            raw,
            port,
            identity: None,
            own: None,
            password: None,
            credentials: None,
            version: String::new(),
            tally,
            session: None,
            runs: false,
        }
    }

    /// A service of a branch that was published before, to be started again.
    pub(super) fn known(
        setup: ServiceSetup,
        port: Option<u16>,
        identity: Identity,
        credentials: Credentials,
    ) -> Self {
        Self {
            identity: Some(identity),
            credentials: Some(credentials),
            ..Self::new(setup, true, port)
        }
    }

    /// Gives it the password that its branch had before, if it had one, instead of a new one.
    pub(super) fn with_password(self, password: Option<Secret>) -> Self {
        Self { password, ..self }
    }

    fn unfit(&self, message: &str) -> ServiceError {
        EngineError::Unfit {
            service: self.setup.name.clone(),
            message: message.to_owned(),
        }
        .into()
    }

    fn identity(&self) -> Result<&Identity, ServiceError> {
        self.identity
            .as_ref()
            .ok_or_else(|| self.unfit("it was not recognised yet"))
    }

    fn credentials_of(&self) -> Result<&Credentials, ServiceError> {
        self.credentials
            .as_ref()
            .ok_or_else(|| self.unfit("its accounts were not sealed yet"))
    }

    fn volume_dir(&self, site: &Site<'_>) -> PathBuf {
        site.root.join(&self.setup.volume)
    }

    fn random(&self) -> Result<Secret, ServiceError> {
        Secret::random().map_err(|error| self.unfit(&error.to_string()))
    }

    fn start_as(&mut self, site: &Site<'_>, phase: Phase<'_>, sealed: bool) -> Result<(), ServiceError> {
        let identity = self.identity()?;
        let conf = site.conf.join(self.setup.name.as_str());
        write_conf(&conf, &conf_files(identity, &self.setup, phase))?;
        let spec = instance(&self.setup, identity, &self.volume_dir(site), &conf, sealed);
        site.runtime.start(&site.branch, &spec)?;
        self.runs = true;
        Ok(())
    }

    fn stop(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        self.session = None;
        site.runtime.stop(&site.branch, &self.setup.name, STOP_WITHIN)?;
        self.runs = false;
        Ok(())
    }

    /// A session of envclone's own; only while sealed.
    fn session(&self, site: &Site<'_>, own: &Secret) -> Result<Session, ServiceError> {
        let network = site.runtime.network(&site.branch)?;
        let identity = self.identity()?;
        Ok(connect_in(network.as_ref(), &self.setup, || {
            let mut session = Session::connect(&self.setup.name, identity, OWN_ACCOUNT, own, None)?;
            session.set_up()?;
            Ok(session)
        })?)
    }
}

impl Service for MariadbService {
    fn setup(&self) -> &ServiceSetup {
        &self.setup
    }

    fn quiesce(
        &mut self,
        root: &Path,
        limit: Duration,
        interrupted: &AtomicBool,
    ) -> Result<String, ServiceError> {
        let volume = Volume::open(&root.join(&self.setup.volume))?;
        let identity = identify(&volume, &self.setup)?;
        Ok(quiesce(&self.setup, &identity, limit, interrupted)?)
    }

    fn seal(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        // Refused before anything was made, too; nothing of it is to be started on a doubt.
        if !self.raw {
            return Err(unsanitizable(&self.setup.name, None));
        }
        let name = self.setup.name.clone();
        let volume = Volume::open(&self.volume_dir(site))?;
        let identity = identify(&volume, &self.setup)?;
        let removed = seal_offline(&volume, &self.setup, &identity)?;
        self.tally
            .removed
            .extend(removed.iter().map(|path| format!("{name}: {path}")));
        self.identity = Some(identity.clone());
        let own = self.random()?;
        self.start_as(site, Phase::Seal { password: &own }, true)?;
        site.go_on()?;
        (site.detail)(&format!("{name}: sealing accounts"));
        let password = self.password.take().map_or_else(|| self.random(), Ok)?;
        let mut session = self.session(site, &own)?;
        let sealed = seal_catalogs(&self.setup, &mut session, password)?;
        drop(session);
        self.credentials = Some(sealed.credentials);
        self.version = sealed.version;
        let left_out = sealed.left_out.iter();
        self.tally
            .removed
            .extend(left_out.map(|what| format!("{name}: {what}")));
        self.own = Some(own);
        // The binary log is of no more use, and the log of Aria holds the accounts as they were.
        self.stop(site)?;
        purge_after_seal(&volume, &self.setup, &identity)?;
        Ok(())
    }

    fn nothing_to_rewrite(&self) -> Option<String> {
        self.raw
            .then(|| "environments of this type stay raw by the owner's configuration".to_owned())
    }

    fn sanitize(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        if !self.raw {
            return Err(unsanitizable(&self.setup.name, None));
        }
        // Another service of the branch is.
        if self.runs {
            self.stop(site)?;
        }
        Ok(())
    }

    fn needles(&self) -> Option<&NeedleSet> {
        None
    }

    fn tally(&self) -> Tally {
        self.tally.clone()
    }

    fn start(&mut self, site: &Site<'_>) -> Result<Vec<Check>, ServiceError> {
        let own = self
            .own
            .clone()
            .ok_or_else(|| self.unfit("it was not sealed yet"))?;
        if !self.runs {
            self.start_as(site, Phase::Serve, true)?;
        }
        let mut session = self.session(site, &own)?;
        let checks = read_back(&mut session, &self.setup, self.identity()?)?;
        self.session = Some(session);
        Ok(checks)
    }

    fn publish(&mut self, site: &Site<'_>) -> Result<Vec<Check>, ServiceError> {
        let (Some(own), Some(mut session)) = (self.own.take(), self.session.take()) else {
            return Err(self.unfit("it was not read back yet"));
        };
        let credentials = self.credentials_of()?;
        publish_accounts(&mut session, credentials)?;
        let network = site.runtime.network(&site.branch)?;
        Ok(prove_published(
            network.as_ref(),
            &self.setup,
            self.identity()?,
            credentials,
            &own,
            &mut session,
        )?)
    }

    fn exposure(&self, site: &Site<'_>) -> Option<Exposure> {
        Some(Exposure {
            service: self.setup.name.clone(),
            listen: (site.listen, self.port?).into(),
            socket: site.sockets.join(self.setup.name.as_str()).join(SOCKET),
            inner_port: self.identity.as_ref()?.port,
        })
    }

    fn report(&self, site: &Site<'_>) -> ServiceReport {
        let url = self
            .credentials
            .as_ref()
            .zip(self.port)
            .map(|(credentials, port)| {
                url(
                    &credentials.user,
                    &credentials.password,
                    site.listen,
                    port,
                    &credentials.database,
                )
            });
        ServiceReport {
            engine: EngineKind::Mariadb,
            version: Some(self.version.clone()),
            url,
            socket: Some(site.sockets.join(self.setup.name.as_str()).display().to_string()),
            port: self.port,
        }
    }

    fn credentials(&self) -> Option<(String, String, Secret)> {
        let credentials = self.credentials.as_ref()?;
        Some((
            credentials.user.clone(),
            credentials.database.clone(),
            credentials.password.clone(),
        ))
    }

    fn facts(&self) -> serde_json::Value {
        self.identity
            .as_ref()
            .and_then(|identity| serde_json::to_value(identity).ok())
            .unwrap_or_default()
    }

    fn resume(&mut self, site: &Site<'_>) -> Result<Option<String>, ServiceError> {
        self.start_as(site, Phase::Serve, false)?;
        self.lets_in(site)
    }

    fn lets_in(&self, site: &Site<'_>) -> Result<Option<String>, ServiceError> {
        let network = site.runtime.network(&site.branch)?;
        let (identity, credentials) = (self.identity()?, self.credentials_of()?);
        match try_login_after_recovery(network.as_ref(), &self.setup, identity, credentials) {
            Ok(()) => Ok(None),
            Err(error) if error.is_answer() => Ok(Some(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }
}
