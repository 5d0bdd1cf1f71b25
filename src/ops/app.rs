//! The composition root: the configuration, the state, and the drivers that a command works with.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::config::{Config, KeyScope, ServiceConfig};
use crate::engine::ServiceSetup;
use crate::model::{BranchId, EnvName, EnvType, ProjectName, ServiceName};
use crate::runtime::{Frozen, Runtime};
use crate::sanitize::engines::{Policy, engine};
use crate::sanitize::key::MaskingKey;
use crate::sanitize::rules::RuleSet;
use crate::sanitize::service::{Service, Site};
use crate::state::{EnvLock, EnvRecord, ServiceRecord, Store};
use crate::storage::{Storage, StorageError, Zfs};

use super::OpsError;
use super::branch::Parent;
use super::cleanup::Cleaned;
use super::deferred::Deferred;
use super::driver::Wanted;

/// What a command works with.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// What is remembered.
    pub store: Store,
    /// The storage.
    pub storage: Box<dyn Storage>,
    /// The runtime.
    pub runtime: Box<dyn Runtime>,
    /// What dead runs have left that could not be undone; see [`App::left_behind`].
    pub left: Mutex<Vec<Cleaned>>,
}

/// How long to wait for another command on the parent.
const PARENT_LOCKED: Duration = Duration::from_secs(30);

/// A parent that is held still for its snapshot. It goes on when this is dropped.
pub struct Hold {
    frozen: Option<Box<dyn Frozen>>,
    since: Instant,
    _lock: Option<EnvLock>,
}

impl Hold {
    /// Lets it go on; how long it was held.
    ///
    /// # Errors
    /// When it did not stand still until now.
    pub fn release(self) -> Result<Duration, OpsError> {
        let Some(frozen) = self.frozen else {
            return Ok(Duration::ZERO);
        };
        frozen.thaw()?;
        Ok(self.since.elapsed())
    }
}

impl App {
    /// Opens the storage that the configuration names.
    ///
    /// # Errors
    /// [`OpsError::Storage`].
    pub fn open_storage(config: &Config) -> Result<Box<dyn Storage>, OpsError> {
        Ok(Wanted::of(config).open()?)
    }

    /// As [`App::open_storage`], but the pool is opened when it is first needed.
    pub fn defer_storage(config: &Config) -> Box<dyn Storage> {
        Box::new(Deferred::new(config))
    }

    /// The configuration with the paths at which the datasets that it names are mounted. Those that are not mounted stay
    /// names, for the driver to say why.
    ///
    /// # Errors
    /// [`OpsError::HoldsState`], [`StorageError::HoldsPool`].
    pub fn located(config: Config) -> Result<Config, OpsError> {
        let config = config.with_datasets(Zfs::mount_point);
        let (state, pool) = (&config.storage().state, &config.storage().pool);
        let roots = || {
            config
                .environments()
                .values()
                .map(|environment| &environment.root)
        };
        if let Some(root) = roots().find(|root| state.starts_with(root)) {
            return Err(OpsError::HoldsState {
                state: state.clone(),
                root: root.clone(),
            });
        }
        if let Some(root) = roots().find(|root| pool.starts_with(root)) {
            return Err(OpsError::Storage(StorageError::HoldsPool {
                pool: pool.clone(),
                root: root.clone(),
            }));
        }
        Ok(config)
    }

    /// The project.
    pub fn project(&self) -> &ProjectName {
        self.config.project()
    }

    /// The pool.
    pub fn pool(&self) -> &Path {
        &self.config.storage().pool
    }

    /// How much of the pool must stay free, in percent.
    pub fn reserve_percent(&self) -> u8 {
        self.config.storage().reserve
    }

    /// Where gateways listen.
    pub fn listen(&self) -> IpAddr {
        self.config.gateway().listen
    }

    /// The hash of everything that decides about data.
    pub fn policy(&self) -> String {
        self.config.policy_hash()
    }

    /// Whether a service has a server, and so a port.
    pub fn has_server(&self, setup: &ServiceSetup) -> bool {
        engine(setup.engine).has_server()
    }

    /// The record of an environment that envclone made.
    ///
    /// # Errors
    /// [`OpsError::NotOurs`] for a declared one, [`OpsError::Unknown`].
    pub fn own(&self, name: &EnvName, action: &'static str) -> Result<EnvRecord, OpsError> {
        if self.config.environments().contains_key(name) {
            return Err(OpsError::NotOurs {
                name: name.clone(),
                action,
            });
        }
        self.store
            .record(name)?
            .ok_or_else(|| OpsError::Unknown { name: name.clone() })
    }

    /// The environment to branch from: declared, or a branch.
    ///
    /// # Errors
    /// [`OpsError::Unknown`], [`OpsError::Sealed`] for a branch that was never published.
    pub fn parent(&self, name: &EnvName) -> Result<Parent, OpsError> {
        if let Some(declared) = self.config.environments().get(name) {
            return Ok(Parent {
                name: name.clone(),
                root: declared.root.clone(),
                branch: None,
            });
        }
        let record = self
            .store
            .record(name)?
            .ok_or_else(|| OpsError::Unknown { name: name.clone() })?;
        let sealed = || OpsError::Sealed {
            name: name.clone(),
            state: record.environment.state.to_string(),
        };
        if record.receipt.is_none() {
            return Err(sealed());
        }
        let root = record
            .clone
            .as_ref()
            .map(|clone| clone.path.clone())
            .ok_or_else(sealed)?;
        Ok(Parent {
            name: name.clone(),
            root,
            branch: Some(record.branch),
        })
    }

    /// The root of the declared environment that `name` descends from: services see their volumes there.
    fn original_root(&self, name: &EnvName) -> Result<PathBuf, OpsError> {
        let mut next = name.clone();
        for _ in 0..1000 {
            if let Some(declared) = self.config.environments().get(&next) {
                return Ok(declared.root.clone());
            }
            let record = self
                .store
                .record(&next)?
                .ok_or_else(|| OpsError::Unknown { name: next.clone() })?;
            match record.environment.parent {
                Some(parent) => next = parent,
                None => break,
            }
        }
        Err(OpsError::Unknown { name: name.clone() })
    }

    /// The services of an environment that descends from `parent`, as engines need to know them.
    ///
    /// # Errors
    /// [`OpsError::Unknown`].
    pub fn setups(&self, parent: &EnvName) -> Result<Vec<ServiceSetup>, OpsError> {
        let root = self.original_root(parent)?;
        let declared = self.config.services().iter();
        Ok(declared
            .map(|(name, service)| setup(name, service, &root))
            .collect())
    }

    /// The rules of the project.
    ///
    /// # Errors
    /// [`OpsError::Rules`].
    pub fn rules(&self) -> Result<RuleSet, OpsError> {
        let (texts, lists) = (self.config.rule_texts(), self.config.lists());
        Ok(RuleSet::parse_with(texts, lists, &self.config.engines())?)
    }

    /// The masking key of a branch.
    fn masking_key(&self, branch: &BranchId) -> Result<MaskingKey, OpsError> {
        let key = MaskingKey::from_bytes(*self.store.key()?.reveal());
        Ok(match self.config.sanitize().key_scope {
            KeyScope::Project => key,
            KeyScope::Branch => key.for_branch(branch),
        })
    }

    /// Refuses services that an environment of this type cannot have, before anything is made.
    ///
    /// # Errors
    /// [`OpsError::Service`].
    pub fn may_branch<'a>(
        &self,
        setups: impl IntoIterator<Item = &'a ServiceSetup>,
        kind: EnvType,
    ) -> Result<(), OpsError> {
        let raw = self.stays_raw(kind);
        for setup in setups {
            engine(setup.engine).may_branch(setup, kind, raw)?;
        }
        Ok(())
    }

    /// Whether the owner lets environments of a type stay raw.
    fn stays_raw(&self, kind: EnvType) -> bool {
        self.config.sanitize().raw_types.contains(&kind)
    }

    /// A service that is to be branched.
    ///
    /// # Errors
    /// [`OpsError::Rules`], [`OpsError::Key`], [`OpsError::AmbiguousAfter`].
    pub fn service(
        &self,
        setup: &ServiceSetup,
        kind: EnvType,
        branch: &BranchId,
        port: Option<u16>,
    ) -> Result<Box<dyn Service>, OpsError> {
        let policy = self.policy_of(setup, kind, branch)?;
        Ok(engine(setup.engine).service(setup, policy, port, None))
    }

    /// A service of a branch that is sealed once more from its raw snapshot, under the password that it had.
    ///
    /// # Errors
    /// As [`App::service`].
    pub fn service_again(
        &self,
        setup: &ServiceSetup,
        record: &EnvRecord,
        known: &ServiceRecord,
    ) -> Result<Box<dyn Service>, OpsError> {
        let policy = self.policy_of(setup, record.environment.kind, &record.branch)?;
        Ok(engine(setup.engine).service(setup, policy, known.port, known.password.clone()))
    }

    /// What decides about the data of a service.
    fn policy_of(&self, setup: &ServiceSetup, kind: EnvType, branch: &BranchId) -> Result<Policy, OpsError> {
        let rules = self.rules()?.of(&setup.name).cloned();
        Ok(Policy {
            rules: rules.ok_or(OpsError::OutOfOrder)?,
            after: self.after()?,
            key: self.masking_key(branch)?,
            max_write_rate: self.config.sanitize().max_write_rate,
            raw: self.stays_raw(kind),
        })
    }

    /// A service of a branch that was published before.
    ///
    /// # Errors
    /// [`OpsError::Service`] where the record lacks what a start needs.
    pub fn known_service(
        &self,
        setup: &ServiceSetup,
        known: &ServiceRecord,
    ) -> Result<Box<dyn Service>, OpsError> {
        Ok(engine(setup.engine).known_service(setup, known)?)
    }

    /// The owner's SQL, for the project's one database.
    fn after(&self) -> Result<Vec<(PathBuf, String)>, OpsError> {
        let texts = self.config.after_texts().to_vec();
        let services = self.config.services().iter();
        let servers: Vec<_> = services
            .map(|(name, service)| (name, engine(service.engine)))
            .filter(|(_, engine)| engine.has_server())
            .collect();
        let databases: Vec<_> = servers.iter().filter(|(_, engine)| engine.runs_sql()).collect();
        match databases.as_slice() {
            _ if texts.is_empty() => {}
            [] if !servers.is_empty() => return Err(OpsError::NobodyForAfter),
            [] | [_] => {}
            several => {
                let names: Vec<String> = several.iter().map(|(name, _)| name.to_string()).collect();
                return Err(OpsError::AmbiguousAfter(names.join(" and ")));
            }
        }
        Ok(texts)
    }

    /// The site of a branch whose clone is at `root`; what takes long there ends once `interrupted` is set.
    pub fn site<'a>(
        &'a self,
        branch: BranchId,
        root: PathBuf,
        spool: PathBuf,
        detail: &'a (dyn Fn(&str) + Sync),
        interrupted: &'a AtomicBool,
    ) -> Site<'a> {
        let layout = self.store.layout();
        Site {
            runtime: self.runtime.as_ref(),
            conf: layout.conf_dir(&branch),
            sockets: layout.branch_dir(&branch),
            branch,
            root,
            spool,
            listen: self.listen(),
            detail,
            interrupted,
        }
    }

    /// A service as it is remembered.
    pub fn remember(&self, service: &dyn Service, site: &Site<'_>) -> (ServiceName, ServiceRecord) {
        let report = service.report(site);
        let (user, database, password) = match service.credentials() {
            Some((user, database, password)) => (Some(user), Some(database), Some(password)),
            None => (None, None, None),
        };
        let record = ServiceRecord {
            engine: report.engine,
            version: report.version,
            port: report.port,
            user,
            database,
            password,
            facts: service.facts(),
            durable: service.setup().durable,
        };
        (service.setup().name.clone(), record)
    }

    /// Holds a parent still for the instant of its snapshot. Production syncs its writes, so its storage is always whole,
    /// and it is left alone; the processes of a branch, which does not sync, are stopped, and no other command
    /// changes that branch meanwhile.
    ///
    /// # Errors
    /// [`OpsError::Lock`], [`OpsError::Runtime`], [`OpsError::Unknown`] for a parent that was destroyed in the meantime.
    pub fn hold_still(&self, parent: &Parent) -> Result<Hold, OpsError> {
        let Some(branch) = &parent.branch else {
            return Ok(Hold {
                frozen: None,
                since: Instant::now(),
                _lock: None,
            });
        };
        let lock = self.store.lock(&parent.name, PARENT_LOCKED)?;
        // From here on its record says that it has a branch, so that nobody destroys it any more.
        if self.parent(&parent.name)?.branch.as_ref() != Some(branch) {
            return Err(OpsError::Unknown {
                name: parent.name.clone(),
            });
        }
        let runs = self.runtime.status(branch)?.is_some();
        let since = Instant::now();
        Ok(Hold {
            since,
            frozen: runs.then(|| self.runtime.freeze(branch)).transpose()?,
            _lock: Some(lock),
        })
    }

    /// Removes what a branch has beside its volumes: the configuration and the logs of its instances.
    ///
    /// # Errors
    /// [`OpsError::Io`], [`OpsError::Runtime`].
    pub fn remove_traces(&self, branch: &BranchId) -> Result<(), OpsError> {
        self.runtime.forget_stop(branch)?;
        let conf = self.store.layout().conf_dir(branch);
        remove_two_levels(&conf)?;
        Ok(self.runtime.forget_logs(branch)?)
    }
}

fn setup(name: &ServiceName, service: &ServiceConfig, root: &Path) -> ServiceSetup {
    ServiceSetup {
        name: name.clone(),
        engine: service.engine,
        volume: service.volume.clone(),
        path: service.path_in(root),
        data: service.data.clone(),
        database: service.database.clone(),
        user: service.user.clone(),
        source: service.source.clone(),
        keep_login: service.keep_login.clone(),
        durable: service.durable,
        programs: service.programs.clone(),
        rootfs: service.rootfs.clone(),
        superuser: service.superuser.clone(),
    }
}

/// Removes a directory of directories of files, of envclone's own making and in a place that is root's.
fn remove_two_levels(directory: &Path) -> Result<(), OpsError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpsError::Io {
            action: "removing",
            path,
            source,
        }
    };
    let Ok(services) = std::fs::read_dir(directory) else {
        return Ok(());
    };
    for service in services.flatten() {
        for file in std::fs::read_dir(service.path())
            .map_err(failed(&service.path()))?
            .flatten()
        {
            remove_if_there(&file.path())?;
        }
        std::fs::remove_dir(service.path()).map_err(failed(&service.path()))?;
    }
    std::fs::remove_dir(directory).map_err(failed(directory))
}

fn remove_if_there(path: &Path) -> Result<(), OpsError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(OpsError::Io {
            action: "removing",
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}
