//! PostgreSQL as a [`Service`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::engine::postgres::{
    Credentials, Ident, Identity, Logins, Mode, Session, clear_stale, conf_files, identify, instance,
    prove_published, quiesce, read_back, seal_catalogs, seal_offline, try_login_after_recovery,
};
use crate::engine::{EngineError, ServiceSetup};
use crate::model::{Check, EngineKind, Secret, ServiceReport};
use crate::runtime::Exposure;
use crate::sanitize::inspection::Inspection;
use crate::sanitize::key::MaskingKey;
use crate::sanitize::ledger::Ledger;
use crate::sanitize::needle::NeedleSet;
use crate::sanitize::plan::SanitizePlan;
use crate::sanitize::rules::{Action, ColumnRule, DatabaseRules};
use crate::sanitize::schema::{Schema, TableName};
use crate::sanitize::server::write_conf;
use crate::sanitize::service::{Service, ServiceError, Site, Tally};
use crate::sanitize::stored::Stored;
use crate::storage::Volume;

use super::events::Stilled;
use super::inherited::Staying;
use super::pages::Pages;
use super::planned::Tables;
use super::planner::Hidden;
use super::url::url;
use super::{delete_rows, own_files, read_through, sample};

/// What decides about the data of one service.
pub struct Rules {
    /// The owner's rules.
    pub database: DatabaseRules,
    /// The owner's SQL, run after masking: name of the file, and its text.
    pub after: Vec<(PathBuf, String)>,
    /// The masking key.
    pub key: MaskingKey,
    /// The most bytes a second that rewriting may write.
    pub max_write_rate: Option<u64>,
    /// Whether the data stays raw: for types of environments that the owner lists.
    pub raw: bool,
}

impl Rules {
    /// Whether they replace or delete anything, whatever the database holds.
    fn rewrite(&self) -> bool {
        let masks = |rule: &ColumnRule| matches!(rule.action, Action::Mask(_));
        self.database.values().any(|table| {
            table.delete_rows.is_some()
                || table
                    .columns
                    .values()
                    .any(|column| column.rules.iter().any(masks))
        })
    }

    /// For a branch whose data is decided about already.
    pub fn none() -> Self {
        Self {
            database: DatabaseRules::new(),
            after: Vec::new(),
            key: MaskingKey::from_bytes([0; 32]),
            max_write_rate: None,
            raw: false,
        }
    }
}

/// A PostgreSQL service of a branch.
pub struct PostgresService {
    pub(super) setup: ServiceSetup,
    pub(super) rules: Rules,
    pub(super) port: Option<u16>,
    pub(super) identity: Option<Identity>,
    /// The directory of the WAL in the volume, which may lie elsewhere than in the data; known once it is sealed.
    pub(super) wal: PathBuf,
    pub(super) ident: Option<Ident>,
    pub(super) credentials: Option<Credentials>,
    pub(super) databases: Vec<String>,
    pub(super) version: String,
    pub(super) schema: Schema,
    pub(super) ledger: Option<Ledger>,
    pub(super) needles: Option<NeedleSet>,
    pub(super) written_anew: Vec<PathBuf>,
    /// Tables that stay as they are.
    pub(super) staying: Staying,
    /// Of them those that were written anew all the same.
    pub(super) rebuilt: Vec<TableName>,
    pub(super) secrets: Vec<Secret>,
    pub(super) tally: Tally,
    pub(super) running: Option<Mode>,
    pub(super) sessions: Mutex<BTreeMap<String, Session>>,
    pub(super) password: Option<Secret>,
    /// What the planner may not look at.
    pub(super) hidden: Hidden,
    /// Tables with conditions that call code of the data.
    pub(super) calling: BTreeSet<TableName>,
    /// Event triggers that are switched off.
    pub(super) stilled: Stilled,
    /// The tables of each database, before anything is rewritten.
    pub(super) planned: BTreeMap<String, Tables>,
    /// What roles were before any code of the data ran (see `planned::roles`).
    pub(super) roles: String,
    /// Whether it is only looked at, whatever its rules decide.
    pub(super) for_scan: bool,
}

impl PostgresService {
    /// A service that is to be branched. `port` is the branch's port on the host.
    pub fn new(setup: ServiceSetup, rules: Rules, port: Option<u16>) -> Self {
        let tally = Tally {
            raw: rules.raw,
            ..Tally::default()
        };
        Self {
            wal: PathBuf::new(),
            setup,
            rules,
            port,
            identity: None,
            ident: None,
            credentials: None,
            databases: Vec::new(),
            version: String::new(),
            schema: Schema::default(),
            ledger: None,
            needles: None,
            written_anew: Vec::new(),
            staying: Staying::new(),
            rebuilt: Vec::new(),
            secrets: Vec::new(),
            tally,
            running: None,
            sessions: Mutex::default(),
            password: None,
            hidden: Hidden::default(),
            calling: BTreeSet::new(),
            stilled: Stilled::default(),
            planned: BTreeMap::new(),
            roles: String::new(),
            for_scan: false,
        }
    }

    /// A service of a branch that was published before, to be started again.
    pub fn known(
        setup: ServiceSetup,
        rules: Rules,
        port: Option<u16>,
        identity: Identity,
        credentials: Credentials,
    ) -> Self {
        // Where the image lies is for the configuration to say, and to be trusted in, now.
        let identity = Identity {
            rootfs: setup.rootfs.clone(),
            ..identity
        };
        Self {
            identity: Some(identity),
            credentials: Some(credentials),
            ..Self::new(setup, rules, port)
        }
    }

    /// Gives it the password that its branch had before, instead of a new one.
    #[must_use]
    pub fn with_password(mut self, password: Secret) -> Self {
        self.password = Some(password);
        self
    }

    /// What its database holds, after [`Service::seal`].
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(super) fn identity(&self) -> Result<&Identity, ServiceError> {
        self.identity
            .as_ref()
            .ok_or_else(|| self.unfit("it was not recognised yet"))
    }

    pub(super) fn credentials_of(&self) -> Result<&Credentials, ServiceError> {
        self.credentials
            .as_ref()
            .ok_or_else(|| self.unfit("its catalogs were not sealed yet"))
    }

    pub(super) fn unfit(&self, message: &str) -> ServiceError {
        EngineError::Unfit {
            service: self.setup.name.clone(),
            message: message.to_owned(),
        }
        .into()
    }

    pub(super) fn volume_dir(&self, site: &Site<'_>) -> PathBuf {
        site.root.join(&self.setup.volume)
    }

    /// Stops it without a trace of what was there, and lists what is new.
    pub(super) fn stop_clean(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        let database = self.credentials_of()?.database.clone();
        let relations = self.relations_written(site, &database)?;
        if relations.iter().any(|file| own_files::in_tablespace(file)) {
            let what =
                "whether files of tables in a tablespace share storage with production's was not looked at";
            let what = format!("{}: {what}", self.setup.name);
            if !self.tally.not_covered.contains(&what) {
                self.tally.not_covered.push(what);
            }
        }
        self.stop_and_purge(site)?;
        let volume = Volume::open(&self.volume_dir(site))?;
        self.written_anew = own_files::all_of(&volume, &self.setup, &relations, &self.wal)?;
        Ok(())
    }

    pub(super) fn conf_dir(&self, site: &Site<'_>) -> PathBuf {
        site.conf.join(self.setup.name.as_str())
    }
}

impl Service for PostgresService {
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
        let done = quiesce(&self.setup, &identity, limit, interrupted)?;
        Ok(format!("{done:?}").to_lowercase())
    }

    fn seal(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        let volume = Volume::open(&self.volume_dir(site))?;
        let identity = identify(&volume, &self.setup)?;
        let sealed = seal_offline(&volume, &self.setup, &identity)?;
        let removed = sealed.removed.iter();
        let removed = removed.map(|path| format!("{}: {path}", self.setup.name));
        self.tally.removed.extend(removed);
        self.wal = sealed.wal;
        self.identity = Some(identity);
        let rewrites = !self.rules.raw && self.rules.rewrite();
        self.start_sealed(site, if rewrites { Mode::Sanitize } else { Mode::Serve })?;
        (site.detail)(&format!("{}: sealing catalogs", self.setup.name));
        let password = match self.password.take() {
            Some(password) => password,
            None => Secret::random().map_err(|error| self.unfit(&error.to_string()))?,
        };
        let network = site.runtime.network(&site.branch)?;
        let connect = |database: &str| self.session_in(network.as_ref(), database);
        let keep = |database: &str, session: Session| self.keep_session(database, session);
        let sealed = seal_catalogs(&self.setup, password, &connect, &keep)?;
        self.credentials = Some(sealed.credentials);
        self.databases = sealed.databases;
        self.version = sealed.version;
        self.secrets = sealed.secrets;
        let left_out = sealed.left_out.iter();
        let left_out = left_out.map(|what| format!("{}: {what}", self.setup.name));
        self.tally.removed.extend(left_out);
        if !self.for_scan {
            self.classify(site)?;
            self.tally_ledger();
        }
        Ok(())
    }

    fn inspect(&mut self, site: &Site<'_>) -> Result<Inspection, ServiceError> {
        self.look(site)
    }

    fn nothing_to_rewrite(&self) -> Option<String> {
        if self.rules.raw {
            return Some("environments of this type stay raw by the owner's configuration".to_owned());
        }
        let ledger = self.ledger.as_ref()?;
        let rewrite = SanitizePlan::new(ledger, &self.schema).needs_rewrite();
        (!rewrite && self.rules.after.is_empty()).then(|| "no column holds personal data".to_owned())
    }

    fn sanitize(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        let database = self.credentials_of()?.database.clone();
        // The owner's SQL may want a database for itself.
        self.plan_tables(site)?;
        self.end_sessions();
        if let Some(ledger) = self.ledger.take() {
            let mut session = self.session(site, &database)?;
            self.stilled = Stilled::still(&mut session)?;
            let calling = std::mem::take(&mut self.calling);
            let (schema, key) = (&self.schema, &self.rules.key);
            let builder =
                sample::of_deleted_rows(&mut session, schema, &ledger, &self.secrets, key, &calling)?;
            let deleted = delete_rows::delete(&mut session, schema, &ledger)?;
            let needles = sample::collect(&mut session, schema, &ledger, key, &calling, builder)?;
            drop(session);
            self.tally_deleted(&ledger, &deleted);
            self.ledger = Some(ledger);
            let seen = self.rewrite_tables(site, &needles, &calling)?;
            self.needles = Some(seen.without_seen(needles));
        }
        let service = &self.setup.name;
        self.tally
            .not_covered
            .push(format!("{service}: {}", read_through::BINARY));
        let encoding = read_through::other_encoding(&mut self.session(site, &database)?)?;
        self.tally.not_covered.extend(encoding.map(|encoding| {
            format!(
                "{service}: originals with letters beyond ASCII are not searched for in files as {encoding} writes them, \
                 the database's encoding, but through the server"
            )
        }));
        self.staying = self.staying(site, &database)?;
        self.stop_clean(site)
    }

    fn renew(&mut self, site: &Site<'_>, files: &[PathBuf]) -> Result<bool, ServiceError> {
        self.rebuild_staying(site, files)
    }

    fn stored(&self) -> Option<Box<dyn Stored>> {
        let data = self.setup.volume.join(&self.setup.data);
        Some(Box::new(Pages::of(data)))
    }

    fn written_anew(&self) -> &[PathBuf] {
        &self.written_anew
    }

    fn needles(&self) -> Option<&NeedleSet> {
        self.needles.as_ref()
    }

    fn tally(&self) -> Tally {
        self.tally.clone()
    }

    fn start(&mut self, site: &Site<'_>) -> Result<Vec<Check>, ServiceError> {
        if self.running.is_some_and(|mode| mode != Mode::Serve) {
            self.stop(site)?;
        }
        if self.running.is_none() {
            self.start_sealed(site, Mode::Serve)?;
        }
        if !self.hidden.is_empty() {
            let database = self.credentials_of()?.database.clone();
            let mut session = self.session(site, &database)?;
            std::mem::take(&mut self.hidden).give_back(&mut session)?;
        }
        match self.needles.take() {
            Some(needles) => {
                self.verify_by_query(site, &needles)?;
                self.needles = Some(needles);
            }
            None => self.purge_secrets_running(site)?,
        }
        let credentials = self.credentials_of()?.clone();
        let mut session = self.session(site, &credentials.database)?;
        let roles = credentials.login_roles();
        let checks = read_back(&mut session, &self.setup, self.identity()?, Mode::Serve, &roles)?;
        self.keep_session(&credentials.database, session);
        Ok(checks)
    }

    fn publish(&mut self, site: &Site<'_>) -> Result<Vec<Check>, ServiceError> {
        let credentials = self.credentials_of()?.clone();
        let identity = self.identity()?.clone();
        let roles = credentials.login_roles();
        let mut session = self.session(site, &credentials.database)?;
        write_conf(
            &self.conf_dir(site),
            &conf_files(&identity, Logins::Published(&roles)),
        )?;
        session.execute("taking the new login rules", "SELECT pg_reload_conf()")?;
        // From here on nobody is vouched for: whoever still gets in does so by password.
        self.end_sessions();
        self.ident = None;
        let network = site.runtime.network(&site.branch)?;
        Ok(prove_published(
            network.as_ref(),
            &self.setup,
            &identity,
            &credentials,
            &mut session,
        )?)
    }

    fn exposure(&self, site: &Site<'_>) -> Option<Exposure> {
        let port = self.port?;
        let directory = site.sockets.join(self.setup.name.as_str());
        Some(Exposure {
            service: self.setup.name.clone(),
            listen: (site.listen, port).into(),
            socket: directory.join(format!(".s.PGSQL.{port}")),
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
                    &credentials.role,
                    &credentials.password,
                    site.listen,
                    port,
                    &credentials.database,
                )
            });
        ServiceReport {
            engine: EngineKind::Postgres,
            version: Some(self.version.clone()),
            url,
            socket: Some(site.sockets.join(self.setup.name.as_str()).display().to_string()),
            port: self.port,
        }
    }

    fn credentials(&self) -> Option<(String, String, Secret)> {
        let credentials = self.credentials.as_ref()?;
        Some((
            credentials.role.clone(),
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
        let identity = self.identity()?.clone();
        let credentials = self.credentials_of()?.clone();
        let volume = Volume::open(&self.volume_dir(site))?;
        clear_stale(&volume, &self.setup)?;
        let conf = self.conf_dir(site);
        write_conf(
            &conf,
            &conf_files(&identity, Logins::Published(&credentials.login_roles())),
        )?;
        let spec = instance(
            &self.setup,
            &identity,
            &self.volume_dir(site),
            &conf,
            Mode::Serve,
            false,
        );
        site.runtime.start(&site.branch, &spec)?;
        self.running = Some(Mode::Serve);
        self.lets_in(site)
    }

    fn lets_in(&self, site: &Site<'_>) -> Result<Option<String>, ServiceError> {
        let network = site.runtime.network(&site.branch)?;
        let login = try_login_after_recovery(
            network.as_ref(),
            &self.setup,
            self.identity()?,
            self.credentials_of()?,
        );
        match login {
            Ok(()) => Ok(None),
            Err(error) if error.is_answer() => Ok(Some(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }
}
