//! A small production of MariaDB of a test's own, beside the pool and configuration of [`Production`].

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc;

use mysql::prelude::Queryable;
use mysql::{Conn, Opts, OptsBuilder, Value};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;

use crate::production::{Ended, MINUTE, Production, as_postgres, copy, postgres, set_mode};

const SERVER: &str = "/usr/sbin/mariadbd";
/// What lies in every production of it.
const SCHEMA: &[&str] = &[
    "CREATE DATABASE shop CHARACTER SET utf8mb4",
    "CREATE TABLE shop.customers (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(100) NOT NULL UNIQUE) ENGINE=InnoDB",
    "CREATE TABLE shop.words (id INT PRIMARY KEY, word TEXT) ENGINE=Aria",
    "CREATE TABLE shop.old (id INT PRIMARY KEY, word TEXT, FULLTEXT(word)) ENGINE=MyISAM",
    "INSERT INTO shop.words VALUES (1, 'one'), (2, 'two')",
    "INSERT INTO shop.old VALUES (1, 'kanari in MyISAM')",
    "CREATE TABLE shop.counter (n BIGINT PRIMARY KEY) ENGINE=InnoDB",
    "CREATE USER 'shop'@'%' IDENTIFIED BY 'kanari-password-of-shop'",
    "GRANT ALL ON shop.* TO 'shop'@'%'",
    "CREATE USER 'report'@'10.0.0.%' IDENTIFIED BY 'kanari-password-of-report'",
    "CREATE USER ''@'localhost' IDENTIFIED BY 'kanari-password-of-nobody'",
    "CREATE USER 'postgres'@'localhost' IDENTIFIED VIA unix_socket",
    "GRANT ALL ON *.* TO 'postgres'@'localhost'",
    "CREATE DEFINER='report'@'10.0.0.%' VIEW shop.few AS SELECT id FROM shop.customers WHERE id < 3",
    "GRANT SELECT ON shop.* TO 'report'@'10.0.0.%'",
    "CREATE ROLE reader",
];

/// A production that runs MariaDB. Gone when dropped.
pub struct Maria {
    server: Option<Child>,
    port: u16,
    options: Vec<String>,
    pub production: Production,
}

impl Maria {
    /// One that runs, with its configuration written.
    pub fn new() -> Self {
        let mut maria = Self::stopped();
        maria.start();
        maria
    }

    /// One whose server was never started.
    pub fn stopped() -> Self {
        let production = Production::stopped(2048);
        let maria = Self {
            server: None,
            port: 33_060,
            options: Vec::new(),
            production,
        };
        let (uid, gid) = postgres();
        fs::create_dir(maria.volume()).unwrap();
        chown(maria.volume(), Some(uid), Some(gid)).unwrap();
        copy(&template(), &maria.data());
        maria.configure("raw-types = [\"staging\"]\n");
        maria
    }

    /// Adds options to the next start of its server.
    pub fn with(&mut self, options: &[&str]) {
        self.options = options.iter().map(|option| (*option).to_owned()).collect();
    }

    pub fn volume(&self) -> PathBuf {
        self.production.root().join("maria")
    }

    pub fn data(&self) -> PathBuf {
        self.volume().join("data")
    }

    pub fn socket(&self) -> PathBuf {
        self.production.base().join("sock/maria.sock")
    }

    /// Writes a configuration whose only service it is; `more` goes to `[sanitize]`.
    pub fn configure(&self, more: &str) {
        self.configure_with(more, "", "");
    }

    /// The same with rules, and with lines for the service.
    pub fn configure_with(&self, more: &str, service: &str, rules: &str) {
        let whole = self.production.configuration();
        let (head, _) = whole.split_once("[services.db]").unwrap();
        let text = format!(
            "{head}[services.db]\nengine = \"mariadb\"\nvolume = \"maria\"\ndata = \"data\"\ndatabase = \"shop\"\nuser = \"shop\"\n\
             source = \"mariadb:///?socket={}\"\n{service}\n[sanitize]\nrules = [\"sanitize/*.toml\"]\n{more}",
            self.socket().display()
        );
        self.production.configure(&text, rules);
    }

    pub fn start(&mut self) {
        let mut options = vec![
            format!("--bind-address={}", self.production.address()),
            format!("--port={}", self.port),
            "--log-bin=prod-bin".to_owned(),
            "--server-id=7".to_owned(),
            "--innodb-flush-log-at-trx-commit=1".to_owned(),
            "--sync-binlog=1".to_owned(),
        ];
        options.extend(self.options.iter().cloned());
        self.server = Some(start_server(&self.data(), &self.socket(), &options));
    }

    /// Stops it cleanly.
    pub fn stop(&mut self) {
        end_server(self.server.take(), Signal::TERM);
    }

    /// Ends it without giving it the time for anything.
    pub fn crash(&mut self) {
        end_server(self.server.take(), Signal::KILL);
    }

    pub fn is_running(&mut self) -> bool {
        self.server
            .as_mut()
            .is_some_and(|server| server.try_wait().unwrap().is_none())
    }

    /// What it answers to its superuser, row by row, columns apart by `|`.
    pub fn sql(&self, sql: &str) -> String {
        ask(&self.superuser(), sql).unwrap()
    }

    pub fn superuser(&self) -> Opts {
        by_socket(&self.socket(), "root", "")
    }

    /// Makes a raw branch; its document.
    #[track_caller]
    pub fn branch(&self, name: &str) -> Json {
        self.envclone(&["branch", "prod", name, "--type", "staging", "--json"])
            .json()
    }

    pub fn envclone(&self, args: &[&str]) -> Ended {
        self.production.envclone(args)
    }
}

impl Drop for Maria {
    fn drop(&mut self) {
        end_server(self.server.take(), Signal::KILL);
    }
}

pub fn by_socket(socket: &Path, user: &str, password: &str) -> Opts {
    OptsBuilder::new()
        .socket(Some(socket.to_str().unwrap()))
        .user(Some(user))
        .pass(Some(password))
        .into()
}

/// A URL as envclone printed it.
pub fn by_url(url: &str) -> Opts {
    let options = Opts::from_url(url).unwrap();
    OptsBuilder::from_opts(options).prefer_socket(false).into()
}

/// What a server answers, row by row, columns apart by `|`; or why it did not, by its own words.
pub fn ask(options: &Opts, sql: &str) -> Result<String, String> {
    let mut client = Conn::new(options.clone()).map_err(|error| error.to_string())?;
    rows(&mut client, sql)
}

pub fn rows(client: &mut Conn, sql: &str) -> Result<String, String> {
    let rows: Vec<mysql::Row> = client.query(sql).map_err(|error| error.to_string())?;
    let text = |value: Value| match value {
        Value::NULL => String::new(),
        Value::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
        other => other.as_sql(true),
    };
    let row = |row: mysql::Row| row.unwrap().into_iter().map(text).collect::<Vec<_>>().join("|");
    Ok(rows.into_iter().map(row).collect::<Vec<_>>().join("\n"))
}

fn start_server(data: &Path, socket: &Path, options: &[String]) -> Child {
    let mut command = as_postgres(Path::new(SERVER));
    command
        .arg("--no-defaults")
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--socket={}", socket.display()))
        .arg(format!("--pid-file={}", socket.with_extension("pid").display()))
        .args(["--innodb-buffer-pool-size=32M", "--lc-messages=en_US"])
        .args(options);
    let mut server = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap());
    let (ready, waits) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut line, mut said) = (String::new(), String::new());
        while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
            said.push_str(&line);
            if line.contains("ready for connections") {
                let _ = ready.send(std::mem::take(&mut said));
            }
            line.clear();
        }
        let _ = ready.send(said);
    });
    let said = waits.recv_timeout(MINUTE).unwrap_or_default();
    if !said.contains("ready for connections") {
        end_server(Some(server), Signal::KILL);
        panic!("the production does not start: {said}");
    }
    server
}

fn end_server(server: Option<Child>, signal: Signal) {
    let Some(mut server) = server else { return };
    let pid = Pid::from_raw(i32::try_from(server.id()).unwrap()).unwrap();
    // It may have ended by itself.
    let _ = kill_process(pid, signal);
    server.wait().unwrap();
}

/// The data directory that every production begins with, made once and kept among the built files.
fn template() -> PathBuf {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    SCHEMA.hash(&mut hasher);
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let template = kept.join(format!("mariadb-{:016x}", hasher.finish()));
    fs::create_dir_all(kept).unwrap();
    let lock = fs::File::create(kept.join("mariadb.lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    if !template.exists() {
        let scratch = tempfile::Builder::new()
            .prefix("envclone-test-")
            .tempdir_in("/var/lib")
            .unwrap();
        make_template(scratch.path());
        let whole = tempfile::tempdir_in(kept).unwrap();
        copy(&scratch.path().join("data"), &whole.path().join("data"));
        fs::rename(whole.path().join("data"), &template).unwrap();
    }
    template
}

fn make_template(scratch: &Path) {
    let (uid, gid) = postgres();
    set_mode(scratch, 0o755);
    let (data, sock) = (scratch.join("data"), scratch.join("sock"));
    for dir in [&data, &sock] {
        fs::create_dir(dir).unwrap();
        chown(dir, Some(uid), Some(gid)).unwrap();
    }
    let mut install = as_postgres(Path::new("/usr/bin/mariadb-install-db"));
    install.args([
        "--no-defaults",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]);
    install.arg(format!("--datadir={}", data.display()));
    Ended::of(install.output().unwrap()).ok();
    let socket = sock.join("m.sock");
    let options = [
        "--skip-networking".to_owned(),
        "--innodb-log-file-size=16M".to_owned(),
    ];
    let server = start_server(&data, &socket, &options);
    let mut client = Conn::new(by_socket(&socket, "root", "")).unwrap();
    for sql in SCHEMA {
        client
            .query_drop(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    for number in 1..=300 {
        let sql = format!("INSERT INTO shop.customers (email) VALUES ('kanari.{number}@original-mail.test')");
        client.query_drop(sql).unwrap();
    }
    drop(client);
    end_server(Some(server), Signal::TERM);
}
