//! PostgreSQL as a [`Service`].

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::engine::postgres::{
    Credentials, Ident, Identity, Mode, Session, clear_stale, conf_files, hba_published, hba_sealed,
    identify, instance, prove_login, prove_published, quiesce, read_back, seal_catalogs, seal_offline,
};
use crate::engine::{EngineError, ServiceSetup};
use crate::model::{Check, EngineKind, ReplacedColumn, Secret, ServiceReport};
use crate::runtime::{Exposure, Network};
use crate::sanitize::key::MaskingKey;
use crate::sanitize::ledger::{Evidence, Fate, Ledger};
use crate::sanitize::needle::NeedleSet;
use crate::sanitize::rules::DatabaseRules;
use crate::sanitize::schema::{Schema, TableKind, TableName};
use crate::sanitize::service::{Service, ServiceError, Site, Tally};
use crate::storage::Volume;

use super::introspect::introspect;
use super::rewrite::{self, ColumnCount};
use super::work::{TableWork, table_work, transform_names};
use super::{finish, purge, sample};

/// How long a clean stop may take.
const STOP_WITHIN: Duration = Duration::from_secs(10 * 60);

/// What decides about the data of one service.
pub struct Rules {
    /// The owner's rules.
    pub database: DatabaseRules,
    /// The owner's SQL, run after masking: name of the file, and its text.
    pub after: Vec<(PathBuf, String)>,
    /// The masking key.
    pub key: MaskingKey,
    /// Whether the data stays raw: for types of environments that the owner lists.
    pub raw: bool,
}

impl Rules {
    /// For a branch whose data is decided about already.
    pub fn none() -> Self {
        Self {
            database: DatabaseRules::new(),
            after: Vec::new(),
            key: MaskingKey::from_bytes([0; 32]),
            raw: false,
        }
    }
}

/// A PostgreSQL service of a branch.
pub struct PostgresService {
    setup: ServiceSetup,
    rules: Rules,
    port: Option<u16>,
    identity: Option<Identity>,
    ident: Option<Ident>,
    credentials: Option<Credentials>,
    databases: Vec<String>,
    version: String,
    schema: Schema,
    ledger: Option<Ledger>,
    needles: Option<NeedleSet>,
    secrets: Vec<Secret>,
    tally: Tally,
    running: Option<Mode>,
}

impl PostgresService {
    /// A service that is to be branched. `port` is the branch's port on the host.
    pub fn new(setup: ServiceSetup, rules: Rules, port: Option<u16>) -> Self {
        let tally = Tally {
            raw: rules.raw,
            ..Tally::default()
        };
        Self {
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
            secrets: Vec::new(),
            tally,
            running: None,
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
        Self {
            identity: Some(identity),
            credentials: Some(credentials),
            ..Self::new(setup, rules, port)
        }
    }

    /// What its database holds, after [`Service::seal`].
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    fn identity(&self) -> Result<&Identity, ServiceError> {
        self.identity
            .as_ref()
            .ok_or_else(|| self.unfit("it was not recognised yet"))
    }

    fn credentials_of(&self) -> Result<&Credentials, ServiceError> {
        self.credentials
            .as_ref()
            .ok_or_else(|| self.unfit("its catalogs were not sealed yet"))
    }

    fn unfit(&self, message: &str) -> ServiceError {
        EngineError::Unfit {
            service: self.setup.name.clone(),
            message: message.to_owned(),
        }
        .into()
    }

    fn volume_dir(&self, site: &Site<'_>) -> PathBuf {
        site.root.join(&self.setup.volume)
    }

    fn conf_dir(&self, site: &Site<'_>) -> PathBuf {
        site.conf.join(self.setup.name.as_str())
    }

    /// Starts the server sealed, and opens the way in for envclone alone.
    fn start_sealed(&mut self, site: &Site<'_>, mode: Mode) -> Result<(), ServiceError> {
        let identity = self.identity()?.clone();
        let conf = self.conf_dir(site);
        write_conf(&conf, &conf_files(&identity, hba_sealed()))?;
        let spec = instance(&self.setup, &identity, &self.volume_dir(site), &conf, mode, true);
        site.runtime.start(&site.branch, &spec)?;
        self.running = Some(mode);
        let network = site.runtime.network(&site.branch)?;
        self.ident = Some(open_ident(network.as_ref(), &self.setup)?);
        Ok(())
    }

    fn stop(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        self.ident = None;
        site.runtime.stop(&site.branch, &self.setup.name, STOP_WITHIN)?;
        self.running = None;
        Ok(())
    }

    /// A session as the superuser; only while sealed.
    fn session(&self, site: &Site<'_>, database: &str) -> Result<Session, ServiceError> {
        let network = site.runtime.network(&site.branch)?;
        Ok(self.session_in(network.as_ref(), database)?)
    }

    fn session_in(&self, network: &dyn Network, database: &str) -> Result<Session, EngineError> {
        let (Some(identity), Some(ident)) = (&self.identity, &self.ident) else {
            return Err(EngineError::Unfit {
                service: self.setup.name.clone(),
                message: "it is not running sealed".to_owned(),
            });
        };
        connect_in(network, &self.setup, || {
            Session::connect(
                &self.setup.name,
                ident,
                identity.port,
                &identity.superuser,
                database,
            )
        })
    }

    /// Reads the schema, and holds the rules against it.
    fn classify(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        (site.detail)(&format!("{}: other databases", self.setup.name));
        self.refuse_other_databases(site)?;
        (site.detail)(&format!("{}: schema", self.setup.name));
        let database = self.credentials_of()?.database.clone();
        let mut session = self.session(site, &database)?;
        self.schema = introspect(&mut session)?;
        if self.rules.raw {
            return Ok(());
        }
        (site.detail)(&format!("{}: rules", self.setup.name));
        let session = Mutex::new(session);
        let samples = |table: &TableName, column: &str| {
            let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
            sample::few(&mut session, table, column)
        };
        let ledger = Ledger::build(&Evidence {
            service: &self.setup.name,
            schema: &self.schema,
            rules: &self.rules.database,
            key: &self.rules.key,
            samples: &samples,
        })?;
        self.ledger = Some(ledger);
        Ok(())
    }

    /// Rules name tables of the URL's database only, so tables of another one are decided by nothing.
    fn refuse_other_databases(&self, site: &Site<'_>) -> Result<(), ServiceError> {
        if self.rules.raw {
            return Ok(());
        }
        let ours = &self.credentials_of()?.database;
        for database in self.databases.iter().filter(|database| *database != ours) {
            let mut session = self.session(site, database)?;
            let tables = introspect(&mut session)?.tables.len();
            if tables > 0 {
                return Err(ServiceError::Undecided {
                    service: self.setup.name.clone(),
                    what: format!(
                        "the server holds the database {database:?} too, with {tables} tables that no rule can name; \
                         give it a server of its own"
                    ),
                });
            }
        }
        Ok(())
    }

    /// Runs what the tables need, two at a time.
    fn rewrite_tables(&mut self, site: &Site<'_>, needles: &NeedleSet) -> Result<sample::Seen, ServiceError> {
        let Some(ledger) = &self.ledger else {
            return Ok(sample::Seen::default());
        };
        let work = table_work(&self.schema, ledger, &self.rules.key)
            .map_err(|error| self.unfit(&error.to_string()))?;
        let database = self.credentials_of()?.database.clone();
        let queue = Mutex::new(work.iter().collect::<Vec<_>>().into_iter());
        let outcomes = Mutex::new(Vec::new());
        let worker = || -> Result<sample::Seen, ServiceError> {
            let mut session = self.session(site, &database)?;
            let mut seen = sample::Seen::default();
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(next) = next else { return Ok(seen) };
                (site.detail)(&format!("{}: {}", self.setup.name, next.table()));
                let outcome = self.do_table(site, &mut session, next, needles, &mut seen)?;
                outcomes
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((next, outcome));
            }
        };
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(worker);
            (worker(), other.join())
        });
        let other = other.map_err(|_| self.unfit("a worker of the rewrite panicked"))?;
        let (mut seen, other) = (one?, other?);
        seen.merge(other);
        let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
        let changed: Vec<TableName> = work.iter().map(|work| work.table().clone()).collect();
        let mut tally = self.tally.clone();
        for (work, outcome) in outcomes {
            count(&self.setup, ledger, work, outcome, &mut tally);
        }
        let mut session = self.session(site, &database)?;
        sample::note_untouched(&mut session, &self.schema, ledger, &changed, needles, &mut seen)?;
        self.finish(site, session, ledger, &changed)?;
        self.tally = tally;
        Ok(seen)
    }

    fn do_table(
        &self,
        site: &Site<'_>,
        session: &mut Session,
        work: &TableWork,
        needles: &NeedleSet,
        seen: &mut sample::Seen,
    ) -> Result<Option<rewrite::Rewritten>, ServiceError> {
        match work {
            TableWork::Empty(name) if name.schema == "pg_catalog" => finish::remove_large_objects(session)?,
            TableWork::Empty(name) => rewrite::empty(session, name)?,
            TableWork::Rebuild(name) => finish::rebuild(session, name)?,
            TableWork::Rewrite(name, columns) => {
                let Some(table) = self.schema.table(name) else {
                    return Ok(None);
                };
                let done = rewrite::rewrite(session, table, columns, &site.spool, &mut |bytes| {
                    seen.note(needles, bytes);
                })?;
                return Ok(Some(done));
            }
        }
        Ok(None)
    }

    /// Derived data, the owner's SQL, statistics.
    fn finish(
        &self,
        site: &Site<'_>,
        mut session: Session,
        ledger: &Ledger,
        changed: &[TableName],
    ) -> Result<(), ServiceError> {
        let views = finish::refresh_order(&self.schema);
        finish::refresh(&mut session, &views)?;
        for (path, sql) in &self.rules.after {
            (site.detail)(&format!("{}: {}", self.setup.name, path.display()));
            finish::run_owner_sql(&mut session, path, sql)?;
        }
        let tables = ledger
            .tables
            .iter()
            .filter(|table| table.kind == TableKind::Ordinary);
        // The owner's SQL may have changed any table.
        let mut renew: Vec<TableName> = if self.rules.after.is_empty() {
            changed.to_vec()
        } else {
            tables.map(|table| table.name.clone()).collect()
        };
        renew.extend(views);
        renew.retain(|table| table.schema != "pg_catalog");
        Ok(finish::renew_statistics(&mut session, &renew)?)
    }

    /// The files of all relations of all databases, for telling which are left over.
    fn files_in_use(&self, site: &Site<'_>) -> Result<BTreeSet<String>, ServiceError> {
        let mut files = BTreeSet::new();
        for database in &self.databases {
            let mut session = self.session(site, database)?;
            files.extend(finish::files_in_use(&mut session)?);
        }
        Ok(files)
    }

    fn tally_ledger(&mut self) {
        let Some(ledger) = &self.ledger else { return };
        for table in &ledger.tables {
            for column in &table.columns {
                let name = format!("{}.{}.{}", self.setup.name, table.name, column.name);
                match &column.fate {
                    Fate::Keep { reason } => self.tally.kept.push(format!("{name}: {reason}")),
                    Fate::Exempt(why) => self.tally.exempt.push(format!("{name}: {why}")),
                    Fate::Mask(_) | Fate::Deleted => {}
                }
            }
        }
    }
}

/// Adds what became of one table.
fn count(
    setup: &ServiceSetup,
    ledger: &Ledger,
    work: &TableWork,
    outcome: Option<rewrite::Rewritten>,
    tally: &mut Tally,
) {
    tally.tables += 1;
    let (TableWork::Rewrite(name, columns), Some(outcome)) = (work, outcome) else {
        return;
    };
    tally.rows += outcome.rows;
    let entry = ledger.tables.iter().find(|entry| entry.name == *name);
    for (column, ColumnCount { values, unchanged }) in columns.iter().zip(outcome.columns) {
        let known = entry.and_then(|entry| entry.columns.iter().find(|known| known.name == column.name));
        tally.replaced.push(ReplacedColumn {
            column: format!("{}.{name}.{}", setup.name, column.name),
            transform: known.map(transform_names).unwrap_or_default(),
            values,
            unchanged,
        });
    }
}

impl Service for PostgresService {
    fn setup(&self) -> &ServiceSetup {
        &self.setup
    }

    fn quiesce(&mut self, root: &Path, limit: Duration) -> Result<String, ServiceError> {
        let volume = Volume::open(&root.join(&self.setup.volume))?;
        let identity = identify(&volume, &self.setup)?;
        Ok(format!("{:?}", quiesce(&self.setup, &identity, limit)?).to_lowercase())
    }

    fn seal(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        let volume = Volume::open(&self.volume_dir(site))?;
        let identity = identify(&volume, &self.setup)?;
        let removed = seal_offline(&volume, &self.setup, &identity)?;
        self.tally.kept.extend(
            removed
                .iter()
                .map(|path| format!("{}: {path} was left out", self.setup.name)),
        );
        self.identity = Some(identity);
        let rewrites = !self.rules.raw && !self.rules.database.is_empty();
        self.start_sealed(site, if rewrites { Mode::Sanitize } else { Mode::Serve })?;
        (site.detail)(&format!("{}: sealing catalogs", self.setup.name));
        let password = Secret::random().map_err(|error| self.unfit(&error.to_string()))?;
        let network = site.runtime.network(&site.branch)?;
        let connect = |database: &str| self.session_in(network.as_ref(), database);
        let sealed = seal_catalogs(&self.setup, password, &connect)?;
        self.credentials = Some(sealed.credentials);
        self.databases = sealed.databases;
        self.version = sealed.version;
        self.secrets = sealed.secrets;
        self.classify(site)?;
        self.tally_ledger();
        Ok(())
    }

    fn nothing_to_rewrite(&self) -> Option<String> {
        if self.rules.raw {
            return Some("environments of this type stay raw by the owner's configuration".to_owned());
        }
        let ledger = self.ledger.as_ref()?;
        let work = table_work(&self.schema, ledger, &self.rules.key).ok()?;
        (work.is_empty() && self.rules.after.is_empty()).then(|| "no column holds personal data".to_owned())
    }

    fn sanitize(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        let database = self.credentials_of()?.database.clone();
        if let Some(ledger) = self.ledger.take() {
            let mut session = self.session(site, &database)?;
            let needles = sample::collect(
                &mut session,
                &self.setup.name,
                &self.schema,
                &ledger,
                &self.secrets,
                &self.rules.key,
            )?;
            drop(session);
            self.ledger = Some(ledger);
            let seen = self.rewrite_tables(site, &needles)?;
            self.needles = Some(seen.without_seen(needles));
        }
        let in_use = self.files_in_use(site)?;
        self.stop(site)?;
        purge::purge(site, &self.setup, self.identity()?, &in_use)
    }

    fn take_needles(&mut self) -> Option<NeedleSet> {
        let only_secrets = || sample::only_secrets(&self.setup.name, &self.secrets, &self.rules.key);
        Some(self.needles.take().unwrap_or_else(only_secrets))
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
        let credentials = self.credentials_of()?.clone();
        let mut session = self.session(site, &credentials.database)?;
        let roles = credentials.login_roles();
        Ok(read_back(
            &mut session,
            &self.setup,
            self.identity()?,
            Mode::Serve,
            &roles,
        )?)
    }

    fn publish(&mut self, site: &Site<'_>) -> Result<Vec<Check>, ServiceError> {
        let credentials = self.credentials_of()?.clone();
        let identity = self.identity()?.clone();
        let roles = credentials.login_roles();
        let mut session = self.session(site, &credentials.database)?;
        write_conf(
            &self.conf_dir(site),
            &conf_files(&identity, hba_published(&roles)),
        )?;
        session.execute("taking the new login rules", "SELECT pg_reload_conf()")?;
        // From here on nobody is vouched for: whoever still gets in does so by password.
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

    fn resume(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        let identity = self.identity()?.clone();
        let credentials = self.credentials_of()?.clone();
        let volume = Volume::open(&self.volume_dir(site))?;
        clear_stale(&volume, &self.setup)?;
        let conf = self.conf_dir(site);
        write_conf(
            &conf,
            &conf_files(&identity, hba_published(&credentials.login_roles())),
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
        let network = site.runtime.network(&site.branch)?;
        Ok(prove_login(
            network.as_ref(),
            &self.setup,
            &identity,
            &credentials,
        )?)
    }
}

/// A URL as libpq reads it; names are percent-encoded.
pub fn url(role: &str, password: &Secret, host: std::net::IpAddr, port: u16, database: &str) -> Secret {
    let host = std::net::SocketAddr::new(host, port);
    let text = format!(
        "postgres://{}:{}@{host}/{}",
        percent(role),
        percent(password.reveal()),
        percent(database)
    );
    Secret::new(text)
}

fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// Runs `connect` on a thread inside the branch's network.
fn connect_in<T: Send>(
    network: &dyn Network,
    setup: &ServiceSetup,
    connect: impl FnOnce() -> Result<T, EngineError> + Send,
) -> Result<T, EngineError> {
    let mut outcome = None;
    let entered = network.run(Box::new(|| outcome = Some(connect())));
    entered.map_err(|source| EngineError::Runtime {
        service: setup.name.clone(),
        action: "entering the branch's network",
        source,
    })?;
    outcome.unwrap_or_else(|| {
        Err(EngineError::Unfit {
            service: setup.name.clone(),
            message: "its network did not answer".to_owned(),
        })
    })
}

fn open_ident(network: &dyn Network, setup: &ServiceSetup) -> Result<Ident, EngineError> {
    connect_in(network, setup, || {
        Ident::open().map_err(|error| EngineError::Unfit {
            service: setup.name.clone(),
            message: format!("port 113 of the branch's network cannot be had: {error}"),
        })
    })
}

/// Writes configuration files that the service's account may read and nobody may write. Each is replaced whole.
fn write_conf(directory: &Path, files: &[(&'static str, String)]) -> Result<(), ServiceError> {
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| ServiceError::Io { action, path, source }
    };
    fs::create_dir_all(directory).map_err(failed("making", directory))?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))
        .map_err(failed("opening", directory))?;
    for (name, text) in files {
        let (path, fresh) = (directory.join(name), directory.join(format!("{name}.new")));
        fs::write(&fresh, text).map_err(failed("writing", &fresh))?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o644)).map_err(failed("opening", &fresh))?;
        fs::rename(&fresh, &path).map_err(failed("replacing", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_url_are_percent_encoded() {
        let url = url(
            "a b",
            &Secret::new("p@:/".to_owned()),
            "::1".parse().unwrap(),
            20001,
            "x/y",
        );
        assert_eq!(url.reveal(), "postgres://a%20b:p%40%3A%2F@[::1]:20001/x%2Fy");
    }
}
