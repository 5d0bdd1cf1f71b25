//! A pool of the bench's own, and productions on it, each with a server and a configuration.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::host::{ENVCLONE, Server, account, program, run};
use crate::storage::{Copy, Storage};

/// Everything that the bench makes, below one directory. Gone when dropped.
pub struct Place {
    base: tempfile::TempDir,
    storage: Option<Storage>,
    pub programs: PathBuf,
}

impl Place {
    /// Makes a pool of `size` bytes below `directory`, which must be root's.
    pub fn new(directory: &Path, size: u64, programs: PathBuf) -> Result<Self> {
        let mut place = Self::empty(directory, programs)?;
        let image = place.path().join("pool.img");
        place.storage = Some(Storage::btrfs(&image, size, &place.pool())?);
        Ok(place)
    }

    /// Makes a zpool of a disk.
    pub fn on_zfs(directory: &Path, disk: &Path, programs: PathBuf) -> Result<Self> {
        let mut place = Self::empty(directory, programs)?;
        place.storage = Some(Storage::zfs(disk, &place.pool())?);
        Ok(place)
    }

    fn empty(directory: &Path, programs: PathBuf) -> Result<Self> {
        let base = tempfile::Builder::new()
            .prefix("envclone-bench-")
            .tempdir_in(directory)?;
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o755))?;
        Ok(Self {
            base,
            storage: None,
            programs,
        })
    }

    /// What the pool is on.
    pub fn storage(&self) -> Result<&Storage> {
        self.storage.as_ref().context("a pool")
    }

    pub fn path(&self) -> &Path {
        self.base.path()
    }

    pub fn pool(&self) -> PathBuf {
        self.path().join("pool")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(storage) = &self.storage {
            storage.end(&self.pool());
        }
    }
}

/// A production that runs.
pub struct Production<'a> {
    pub place: &'a Place,
    name: String,
    server: Option<Server>,
}

impl<'a> Production<'a> {
    /// A new cluster on a subvolume of the pool. `rules` decide about its database `postgres`; `load` fills it, while its
    /// server runs with settings for loading.
    pub fn new(
        place: &'a Place,
        name: &str,
        rules: &str,
        load: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Self> {
        let mut production = Self {
            place,
            name: name.to_owned(),
            server: None,
        };
        place.storage()?.make_root(&place.pool(), name)?;
        let (uid, gid) = account()?;
        fs::create_dir_all(production.sockets())?;
        fs::create_dir(production.data())?;
        for path in [production.sockets(), production.data()] {
            chown(&path, Some(uid), Some(gid))?;
        }
        production.initdb((uid, gid))?;
        production.configure(rules)?;
        let loading = [
            "fsync=off",
            "wal_level=minimal",
            "max_wal_senders=0",
            "max_wal_size=16GB",
        ];
        let server = Server::start(&place.programs, &production.data(), &loading.map(str::to_owned))?;
        production.server = Some(server);
        load(&production)?;
        if let Some(server) = production.server.take() {
            server.stop()?;
        }
        run(program("sync").arg("-f").arg(production.root()))?;
        production.server = Some(Server::start(&place.programs, &production.data(), &[])?);
        Ok(production)
    }

    fn initdb(&self, (uid, gid): (u32, u32)) -> Result<()> {
        use std::os::unix::process::CommandExt;
        let mut initdb = program(self.place.programs.join("initdb"));
        initdb.args([
            "--no-sync",
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-D",
        ]);
        run(initdb.arg(self.data()).current_dir("/").uid(uid).gid(gid))?;
        let path = self.data().join("postgresql.conf");
        let own = format!(
            "\nlisten_addresses = ''\nunix_socket_directories = '{}'\nlogging_collector = off\n",
            self.sockets().display()
        );
        let text = fs::read_to_string(&path)? + &own;
        Ok(fs::write(path, text)?)
    }

    fn configure(&self, rules: &str) -> Result<()> {
        let base = self.place.path();
        let etc = self.etc();
        let state = base.join("state").join(&self.name);
        fs::create_dir_all(&etc)?;
        fs::create_dir_all(&state)?;
        fs::set_permissions(&state, fs::Permissions::from_mode(0o700))?;
        fs::write(state.join("key"), [7; 32])?;
        fs::set_permissions(state.join("key"), fs::Permissions::from_mode(0o600))?;
        fs::write(etc.join("rules.toml"), rules)?;
        let (pool, root) = self
            .place
            .storage()?
            .configuration(&self.place.pool(), &self.name);
        let text = format!(
            "[project]\nname = \"{name}\"\n\n[storage]\n{pool}\nstate = \"{base}/state\"\n\
             run = \"{base}/run\"\n\n[gateway]\nlisten = \"127.77.0.1\"\n\n[environments.prod]\ntype = \"production\"\n\
             root = \"{root}\"\n\n[services.db]\nengine = \"postgres\"\nvolume = \"data\"\ndatabase = \"postgres\"\n\
             source = \"postgres:///postgres?host={sockets}&user=postgres\"\n\n[sanitize]\nrules = [\"rules.toml\"]\n",
            name = self.name,
            base = base.display(),
            sockets = self.sockets().display(),
        );
        Ok(fs::write(etc.join("envclone.toml"), text)?)
    }

    fn etc(&self) -> PathBuf {
        self.place.path().join("etc").join(&self.name)
    }

    /// The subvolume.
    pub fn root(&self) -> PathBuf {
        self.place.pool().join(&self.name)
    }

    fn data(&self) -> PathBuf {
        self.root().join("data")
    }

    pub fn sockets(&self) -> PathBuf {
        self.place.path().join("sockets").join(&self.name)
    }

    /// A client of the production, `psql` or `pgbench`.
    pub fn client(&self, name: &str) -> Command {
        client(self.place, name, &self.sockets())
    }

    /// Runs SQL in the production.
    pub fn sql(&self, sql: &str) -> Result<String> {
        query(self.client("psql"), sql)
    }

    /// `envclone` with this production's configuration.
    pub fn envclone(&self, args: &[&str]) -> Command {
        let mut command = program(ENVCLONE);
        command
            .arg("--config")
            .arg(self.etc().join("envclone.toml"))
            .args(args);
        command
    }

    /// Makes a branch; its document.
    pub fn branch(&self, name: &str) -> Result<Value> {
        let text = run(&mut self.envclone(&["branch", "prod", name, "--json"]))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Destroys a branch.
    pub fn destroy(&self, name: &str) -> Result<()> {
        run(&mut self.envclone(&["destroy", name])).map(drop)
    }
}

impl Drop for Production<'_> {
    fn drop(&mut self) {
        self.server = None;
        // What keeps it from going is told by the unmount of the pool.
        if let Ok(storage) = self.place.storage() {
            let _ = storage.delete(&self.place.pool(), &self.name);
        }
    }
}

/// A client of the server whose socket is in `sockets`.
pub fn client(place: &Place, name: &str, sockets: &Path) -> Command {
    let mut command = program(place.programs.join(name));
    command
        .env("PGHOST", sockets)
        .env("PGUSER", "postgres")
        .env("PGDATABASE", "postgres");
    command
}

/// What `psql` answers.
pub fn query(mut psql: Command, sql: &str) -> Result<String> {
    run(psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]))
}

/// `psql` on a branch's URL, with the password in the environment.
pub fn psql_of(place: &Place, url: &str) -> Result<Command> {
    let config: postgres::Config = url.parse()?;
    let mut command = program(place.programs.join("psql"));
    let password = config.get_password().context("a password")?;
    let Some(postgres::config::Host::Tcp(host)) = config.get_hosts().first() else {
        anyhow::bail!("the URL names no host");
    };
    command
        .env("PGHOST", host)
        .env(
            "PGPORT",
            config.get_ports().first().context("a port")?.to_string(),
        )
        .env("PGUSER", config.get_user().context("a user")?)
        .env("PGDATABASE", config.get_dbname().context("a database")?)
        .env("PGPASSWORD", std::str::from_utf8(password)?);
    Ok(command)
}

/// A clone made by hand with a server on it: what a branch costs without envclone. Gone when dropped.
pub struct Bare<'a> {
    place: &'a Place,
    server: Option<Server>,
    sockets: PathBuf,
    copy: Copy,
}

impl<'a> Bare<'a> {
    /// Snapshot, writable snapshot of it, the same server binary on that with the source's own settings and `settings`.
    pub fn start(production: &Production<'a>, settings: &[&str]) -> Result<Self> {
        let place = production.place;
        let bare = place.storage()?.copy(&place.pool(), &production.name, "bare")?;
        let mut bare = Self {
            place,
            server: None,
            sockets: production.sockets(),
            copy: bare,
        };
        let data = bare.copy.path().join("data");
        // A left-over of the source's server, which runs.
        fs::remove_file(data.join("postmaster.pid"))?;
        let mut all = vec![
            // Beside the source's socket, by the port.
            "port=5433".to_owned(),
        ];
        all.extend(settings.iter().map(|setting| (*setting).to_owned()));
        bare.server = Some(Server::start(&place.programs, &data, &all)?);
        Ok(bare)
    }

    pub fn sql(&self, sql: &str) -> Result<String> {
        self.sql_in("postgres", sql)
    }

    /// The same in another database.
    pub fn sql_in(&self, database: &str, sql: &str) -> Result<String> {
        query(self.psql(database), sql)
    }

    /// Statements, each in a transaction of its own, by one client.
    pub fn each_in(&self, database: &str, statements: &[&str]) -> Result<()> {
        let mut psql = self.psql(database);
        let all = statements.iter().flat_map(|sql| ["-c", sql]);
        run(psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]).args(all)).map(drop)
    }

    /// `psql` in a database of it, with nothing on standard input.
    pub fn psql(&self, database: &str) -> Command {
        let mut psql = client(self.place, "psql", &self.sockets);
        psql.env("PGPORT", "5433").env("PGDATABASE", database);
        psql
    }

    /// How a client connects to a database of it.
    pub fn connection(&self, database: &str) -> String {
        let sockets = self.sockets.display();
        format!("host={sockets} port=5433 user=postgres dbname={database}")
    }
}

impl Drop for Bare<'_> {
    fn drop(&mut self) {
        self.server = None;
        if let Ok(storage) = self.place.storage() {
            self.copy.delete(storage);
        }
    }
}

/// A snapshot of a production's root and a clone of it, and nothing more. Gone when dropped.
pub struct Copies<'a>(&'a Place, Copy);

impl<'a> Copies<'a> {
    pub fn of(production: &Production<'a>, number: usize) -> Result<Self> {
        let place = production.place;
        let name = format!("only-{number}");
        let copy = place.storage()?.copy(&place.pool(), &production.name, &name)?;
        Ok(Self(place, copy))
    }
}

impl Drop for Copies<'_> {
    fn drop(&mut self) {
        if let Ok(storage) = self.0.storage() {
            self.1.delete(storage);
        }
    }
}

/// Every branch goes, also after a failure.
pub struct Branches<'a, 'b> {
    production: &'b Production<'a>,
    names: Vec<String>,
}

impl<'a, 'b> Branches<'a, 'b> {
    pub fn of(production: &'b Production<'a>) -> Self {
        Self {
            production,
            names: Vec::new(),
        }
    }

    pub fn make(&mut self, name: &str) -> Result<Value> {
        self.names.push(name.to_owned());
        self.production.branch(name)
    }

    pub fn destroy_all(&mut self) -> Result<()> {
        let names = std::mem::take(&mut self.names);
        let outcomes: Vec<_> = names.iter().map(|name| self.production.destroy(name)).collect();
        let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
        ensure!(failed == 0, "{failed} branches could not be destroyed");
        Ok(())
    }
}

impl Drop for Branches<'_, '_> {
    fn drop(&mut self) {
        // The first failure is the one that is told.
        let _ = self.destroy_all();
    }
}
