//! The one way to what is remembered.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::durable::sync_directory_of;
use super::error::StateError;
use super::key::{self, Key, KeyError};
use super::layout::Layout;
use super::lock::{EnvLock, LockError};
use super::ports::{PortsLock, entries};
use super::record::EnvRecord;
use super::run_header::{Header, look};
use crate::config::Trust;
use crate::model::EnvName;

/// Choosing ports takes milliseconds: who waits longer has met something broken.
const PORTS_TIMEOUT: Duration = Duration::from_secs(10);

/// The state of one project.
#[derive(Debug, Clone)]
pub struct Store {
    layout: Layout,
    /// Where the pool is mounted, if that is known.
    pool: Option<PathBuf>,
    command: String,
    trust: Trust,
}

impl Store {
    /// Opens the state, making directories that are missing.
    ///
    /// # Errors
    /// [`StateError::Unsafe`] where one of them, or one above, is not root's or can be written by others.
    pub fn open(layout: Layout) -> Result<Self, StateError> {
        Self::open_trusting(layout, Trust::root())
    }

    /// For tests only: [`Store::open`] under another rule of trust.
    #[doc(hidden)]
    pub fn open_trusting(layout: Layout, trust: Trust) -> Result<Self, StateError> {
        // Users reach their sockets through this one.
        make_dir(&layout.run_dir, 0o755, &trust)?;
        let private = [
            layout.environments_dir(),
            layout.runs_dir(),
            layout.logs_dir(),
            layout.project_dir().join("conf"),
            layout.locks_dir(),
        ];
        for dir in &private {
            make_dir(dir, 0o700, &trust)?;
        }
        Ok(Self {
            layout,
            pool: None,
            command: "envclone".to_owned(),
            trust,
        })
    }

    /// Tells where the pool is mounted; what lies in it is found there, wherever it was mounted when that was made. One that is
    /// not mounted, and known by a name only, is none.
    #[must_use]
    pub fn with_pool(mut self, pool: &Path) -> Self {
        self.pool = pool.is_absolute().then(|| pool.to_owned());
        self
    }

    /// Sets the command line that lock files show to those who wait.
    #[must_use]
    pub fn describing(mut self, command: impl Into<String>) -> Self {
        self.command = command.into();
        self
    }

    /// Where everything lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// All records, by name.
    pub fn records(&self) -> Result<Vec<EnvRecord>, StateError> {
        let mut records = Vec::new();
        for path in entries(&self.layout.environments_dir())? {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(|name| name.strip_suffix(".json"));
            // Files that are not ours, such as a temporary one of a run that was killed.
            let Some(Ok(name)) = name.map(str::parse) else {
                continue;
            };
            records.extend(self.record(&name)?);
        }
        Ok(records)
    }

    /// The record of an environment.
    pub fn record(&self, name: &EnvName) -> Result<Option<EnvRecord>, StateError> {
        let path = self.layout.env_record(name);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(StateError::io("read", &path))?,
        };
        let mut record = EnvRecord::parse(&text, &path)?;
        if let Some(pool) = &self.pool {
            record.follow(pool);
        }
        if record.environment.name == *name {
            return Ok(Some(record));
        }
        let found = record.environment.name.to_string();
        Err(StateError::Misplaced { path, found })
    }

    /// Writes a record: what a reader finds is the old one or the new one, whole, also after a crash. The caller
    /// holds the environment's lock.
    pub fn save(&self, record: &EnvRecord) -> Result<(), StateError> {
        let path = self.layout.env_record(&record.environment.name);
        // No environment's name begins with a dot.
        let temporary = path.with_file_name(format!(".{}.tmp", record.environment.name));
        let text = serde_json::to_vec_pretty(record).map_err(|source| StateError::Damaged {
            path: path.clone(),
            source,
        })?;
        write_synced(&temporary, &text).map_err(StateError::io("write", &temporary))?;
        fs::rename(&temporary, &path)
            .and_then(|()| sync_directory_of(&path))
            .map_err(StateError::io("write", &path))
    }

    /// Forgets an environment. Not known is fine.
    pub fn remove(&self, name: &EnvName) -> Result<(), StateError> {
        let path = self.layout.env_record(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other
                .and_then(|()| sync_directory_of(&path))
                .map_err(StateError::io("remove", &path)),
        }
    }

    /// Takes the lock of an environment, waiting up to `timeout`.
    pub fn lock(&self, name: &EnvName, timeout: Duration) -> Result<EnvLock, LockError> {
        self.lock_unless(name, timeout, &AtomicBool::new(false))
    }

    /// As [`Store::lock`], and gives up when `interrupted` is set.
    pub fn lock_unless(
        &self,
        name: &EnvName,
        timeout: Duration,
        interrupted: &AtomicBool,
    ) -> Result<EnvLock, LockError> {
        let path = self.layout.lock(name);
        EnvLock::take(&path, name.as_str(), &self.command, timeout, interrupted)
    }

    /// Takes the lock under which ports are chosen. Hold it until the record that names them is saved.
    pub fn lock_ports(&self) -> Result<PortsLock, LockError> {
        let path = self.layout.ports_lock();
        let quiet = AtomicBool::new(false);
        let lock = EnvLock::take(&path, "the choice of ports", &self.command, PORTS_TIMEOUT, &quiet)?;
        Ok(PortsLock {
            _lock: lock,
            state_dir: self.layout.state_dir.clone(),
        })
    }

    /// Runs that ended without finishing: their journals, whose locks are free.
    pub fn dead_runs(&self) -> Result<Vec<(PathBuf, Header)>, StateError> {
        self.runs(false)
    }

    /// Runs that go on.
    pub fn live_runs(&self) -> Result<Vec<(PathBuf, Header)>, StateError> {
        self.runs(true)
    }

    fn runs(&self, alive: bool) -> Result<Vec<(PathBuf, Header)>, StateError> {
        let mut runs = Vec::new();
        for path in entries(&self.layout.runs_dir())? {
            if path.extension().is_none_or(|extension| extension != "jsonl") {
                continue;
            }
            match look(&path)? {
                Some(run) if run.alive == alive => runs.push((path, run.header)),
                _ => {}
            }
        }
        Ok(runs)
    }

    /// The masking key.
    pub fn key(&self) -> Result<Key, KeyError> {
        self.trust.directory(&self.layout.project_dir())?;
        key::read(&self.layout.key(), &self.trust)
    }

    /// Makes the masking key; [`KeyError::Exists`] where there is one.
    pub fn make_key(&self) -> Result<Key, KeyError> {
        key::make(&self.layout.key())
    }
}

/// Makes a directory, and those above it, below one that is trusted; checks it where it exists.
fn make_dir(path: &Path, mode: u32, trust: &Trust) -> Result<(), StateError> {
    let fail = StateError::io("make", path);
    if let Some(existing) = path.ancestors().find(|dir| dir.symlink_metadata().is_ok()) {
        trust.directory(existing).map_err(StateError::Unsafe)?;
        if existing == path {
            return Ok(());
        }
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
        .create(path)
        // Whatever the caller's umask is.
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)))
        .map_err(fail)
}

fn write_synced(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use serde_json::json;

    use super::*;
    use crate::model::{BranchId, EngineKind, EnvState, EnvType, Environment, RunId, Secret};
    use crate::state::{ObjectRef, PORTS, SCHEMA, ServiceRecord};

    fn layout(dir: &Path, project: &str) -> Layout {
        Layout {
            state_dir: dir.join("state"),
            run_dir: dir.join("run"),
            project: project.parse().unwrap(),
        }
    }

    fn store(dir: &Path, project: &str) -> Store {
        Store::open_trusting(layout(dir, project), Trust::below(dir).unwrap()).unwrap()
    }

    fn record(name: &str, port: u16) -> EnvRecord {
        let db = ServiceRecord {
            engine: EngineKind::Postgres,
            version: Some("15.18".to_owned()),
            port: Some(port),
            user: Some("shop".to_owned()),
            database: Some("shop".to_owned()),
            password: Some(Secret::new("secret".to_owned())),
            facts: json!({"data": "data"}),
            durable: false,
        };
        EnvRecord {
            schema: SCHEMA,
            branch: BranchId::random().unwrap(),
            run: RunId::random().unwrap(),
            environment: Environment {
                name: name.parse().unwrap(),
                parent: Some("prod".parse().unwrap()),
                kind: EnvType::Development,
                state: EnvState::Ready,
                sanitized: true,
                created_at: Some(jiff::Timestamp::now()),
                expires_at: None,
                stopped_because: None,
            },
            services: [("db".parse().unwrap(), db)].into(),
            clone: Some(ObjectRef {
                id: "uuid".to_owned(),
                path: "/pool/x".into(),
            }),
            checkpoint: None,
            snapshot: None,
            sanitization: None,
            receipt: None,
            timings: None,
            boot_id: None,
            stopped_cleanly: false,
            raw: false,
            branch_size: None,
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_record_is_read_back_as_it_was_saved_and_is_nobody_elses() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), "shop");
        let (b, a) = (record("b", 20002), record("a", 20001));
        store.save(&b).unwrap();
        store.save(&a).unwrap();
        store.save(&a).unwrap();
        assert_eq!(store.records().unwrap(), [a.clone(), b]);
        let path = store.layout().env_record(&a.environment.name);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&store.layout().project_dir()), 0o700);
        assert_eq!(mode(&store.layout().run_dir), 0o755);
        store.remove(&a.environment.name).unwrap();
        store.remove(&a.environment.name).unwrap();
        assert_eq!(store.record(&a.environment.name).unwrap(), None);
    }

    #[test]
    fn a_save_that_was_killed_is_not_seen() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), "shop");
        let path = store.layout().environments_dir().join(".a.tmp");
        fs::write(path, "{\"schema\":").unwrap();
        assert_eq!(store.records().unwrap(), []);
        store.save(&record("a", 20001)).unwrap();
        assert_eq!(store.records().unwrap().len(), 1);
    }

    #[test]
    fn a_record_of_another_version_or_name_or_none_is_an_error_that_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), "shop");
        let name = "a".parse().unwrap();
        let path = store.layout().env_record(&name);
        let said = |text: &str| {
            fs::write(&path, text).unwrap();
            store.record(&name).unwrap_err().to_string()
        };
        assert!(said(r#"{"schema":2,"new":1}"#).contains("has schema 2, and this envclone knows 1 only"));
        assert!(said("{").contains("a.json is damaged"));
        let b = serde_json::to_string(&record("b", 20001)).unwrap();
        assert!(said(&b).ends_with("holds the record of b"));
    }

    #[test]
    fn a_state_directory_that_others_can_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("state")).unwrap();
        fs::set_permissions(dir.path().join("state"), Permissions::from_mode(0o1777)).unwrap();
        let trust = Trust::below(dir.path()).unwrap();
        let error = Store::open_trusting(layout(dir.path(), "shop"), trust).unwrap_err();
        assert!(matches!(error, StateError::Unsafe(_)), "{error:?}");
        assert!(!dir.path().join("state/shop").exists(), "nothing is made there");
    }

    #[test]
    fn ports_of_no_project_are_given_twice_also_of_stopped_environments() {
        let dir = tempfile::tempdir().unwrap();
        let (shop, blog) = (store(dir.path(), "shop"), store(dir.path(), "blog"));
        let any = "127.0.0.1".parse().unwrap();
        let free = shop.lock_ports().unwrap().choose(2, any).unwrap();
        assert!(PORTS.contains(&free[0]) && free[0] < free[1]);
        blog.save(&record("a", free[0])).unwrap();
        let ports = shop.lock_ports().unwrap();
        assert!(!ports.choose(2, any).unwrap().contains(&free[0]));
        // Taken on the host by somebody else.
        let listener = std::net::TcpListener::bind((any, free[1]));
        assert!(!ports.choose(1, any).unwrap().contains(&free[1]), "{listener:?}");
        assert!(matches!(ports.choose(9999, any), Err(StateError::NoPort { .. })));
    }

    #[test]
    fn a_run_is_dead_when_its_lock_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), "shop");
        let header = Header {
            schema: 1,
            run: RunId::random().unwrap(),
            saga: "branch".to_owned(),
            project: "shop".parse().unwrap(),
            environment: "fix-42".parse().unwrap(),
            // Of a process that lives, and is not the run: numbers are used again.
            pid: std::process::id(),
            started_at: jiff::Timestamp::now(),
            command: "envclone branch prod fix-42".to_owned(),
        };
        let path = store.layout().journal(&header.run);
        fs::write(&path, format!("{}\n", serde_json::to_string(&header).unwrap())).unwrap();
        let run = fs::File::open(&path).unwrap();
        run.lock().unwrap();
        assert_eq!(store.live_runs().unwrap(), [(path.clone(), header.clone())]);
        assert_eq!(store.dead_runs().unwrap(), []);
        run.unlock().unwrap();
        assert_eq!(store.dead_runs().unwrap(), [(path.clone(), header)]);
        fs::write(&path, "no journal\n").unwrap();
        assert!(store.dead_runs().unwrap_err().to_string().contains("is damaged"));
    }

    #[test]
    fn the_key_is_made_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), "shop");
        assert!(matches!(store.key().unwrap_err(), KeyError::Missing { .. }));
        let made = store.make_key().unwrap();
        assert_eq!(store.key().unwrap().reveal(), made.reveal());
        assert!(matches!(store.make_key().unwrap_err(), KeyError::Exists { .. }));
        assert_eq!(store.key().unwrap().reveal(), made.reveal());
        assert!(!format!("{made:?}").contains(&format!("{:?}", made.reveal())));
    }

    #[test]
    fn an_unsafe_key_is_not_used_and_the_reason_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), "shop");
        store.make_key().unwrap();
        let path = store.layout().key();
        let why = || match store.key().unwrap_err() {
            KeyError::Unsafe { why, .. } => why,
            other => other.to_string(),
        };
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(why().starts_with("its mode is 0640"), "{}", why());
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        fs::hard_link(&path, dir.path().join("second")).unwrap();
        assert_eq!(why(), "it has 2 names");
        fs::remove_file(&path).unwrap();
        symlink(dir.path().join("second"), &path).unwrap();
        assert_eq!(why(), "it is a symbolic link");
        fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        assert_eq!(why(), "it is no regular file");
        fs::remove_file(&path).unwrap();
        write_synced(&path, &[7; 31]).unwrap();
        assert!(why().contains("has 31 bytes instead of 32"), "{}", why());
        fs::set_permissions(store.layout().project_dir(), Permissions::from_mode(0o777)).unwrap();
        assert!(why().starts_with("it is writable by everybody"), "{}", why());
    }

    #[test]
    fn what_lies_in_a_pool_is_known_by_where_that_is_now_but_not_what_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let place = ".envclone/env/shop/fix-42/clone";
        let before = dir.path().join("before").join(place);
        let pool = dir.path().join("pool");
        let store = store(dir.path(), "shop").with_pool(&pool);
        let mut saved = record("fix-42", 20_001);
        saved.clone = Some(ObjectRef {
            id: "uuid".to_owned(),
            path: before.clone(),
        });
        store.save(&saved).unwrap();
        let known = || {
            let record = store.record(&"fix-42".parse().unwrap()).unwrap().unwrap();
            record.clone.unwrap().path
        };
        // Another pool, which has nothing of it.
        fs::create_dir_all(pool.join(".envclone")).unwrap();
        assert_eq!(known(), before);
        fs::create_dir_all(pool.join(place)).unwrap();
        assert_eq!(known(), pool.join(place));
    }
}
