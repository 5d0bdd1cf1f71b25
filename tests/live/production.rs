//! A small production of a test's own: PostgreSQL and uploads on a pool, by default of Btrfs, a configuration, and the built binary.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{LazyLock, Mutex, mpsc};
use std::time::Duration;

use envclone::exec::Invocation;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::pool::{Ground, LONG, TestPool};
use crate::world;

/// How long anything may take that takes a second.
pub const MINUTE: Duration = Duration::from_secs(60);

const SCHEMA: &str = include_str!("production.sql");
/// Rules that decide about every column of the production.
pub const RULES: &str = include_str!("production.toml");

/// Makes the production one in which nothing has to be rewritten; see [`KEEP_RULES`].
#[allow(dead_code, reason = "not every test binary with this module needs it")]
pub const KEEP: &str = "DROP SCHEMA shop CASCADE; CREATE SCHEMA shop; ALTER SCHEMA shop OWNER TO shop; SET ROLE shop; \
    CREATE TABLE shop.customers (id serial PRIMARY KEY, email text NOT NULL); \
    CREATE TABLE shop.orders (id serial PRIMARY KEY, customer_id integer REFERENCES shop.customers, status text); \
    INSERT INTO shop.customers (email) SELECT format('someone.%s@example.com', n) FROM generate_series(1, 300) AS n; \
    INSERT INTO shop.orders (customer_id, status) SELECT 1 + n % 300, 'paid' FROM generate_series(1, 400) AS n";

/// Its rules.
#[allow(dead_code, reason = "not every test binary with this module needs it")]
pub const KEEP_RULES: &str = r#"
[db."shop.customers"]
email = { keep = "made up" }
[db."shop.orders"]
status = { keep = "state of the order" }
[uploads]
keep = { "**" = "pictures" }
"#;

/// A production that runs, with everything that belongs to it below one directory. Gone when dropped.
pub struct Production {
    server: Option<Child>,
    programs: PathBuf,
    ground: Option<Box<dyn Ground>>,
    address: Ipv4Addr,
    /// Every branch that was remembered at some time.
    branches: Mutex<BTreeSet<String>>,
    base: tempfile::TempDir,
}

/// How a run of envclone ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; 128 and more after a signal.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn of(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let signal = || output.status.signal().map_or(-1, |signal| 128 + signal);
        Self {
            code: output.status.code().unwrap_or_else(signal),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It succeeded; what it printed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self.stdout
    }

    /// It failed with this code, and said each of these.
    #[track_caller]
    pub fn refused(&self, code: i32, said: &[&str]) {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        for text in said {
            assert!(self.stderr.contains(text), "{text:?} is not in:\n{}", self.stderr);
        }
        let lower = self.stderr.to_lowercase();
        assert!(
            !lower.contains("kanari"),
            "a row's value is shown:\n{}",
            self.stderr
        );
    }

    /// The JSON document on stdout.
    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }
}

impl Production {
    /// A production that runs, on a sparse pool of 2 GiB, with its configuration and rules written.
    pub fn new() -> Self {
        Self::with_pool(2048)
    }

    /// Like [`Production::new`], on a pool of `size_mb` MiB.
    pub fn with_pool(size_mb: u64) -> Self {
        Self::started(Self::stopped(size_mb))
    }

    /// Like [`Production::new`], with the server whose programs are in `programs`.
    pub fn served_by(programs: &Path) -> Self {
        Self::started(Self::stopped_with(2048, programs))
    }

    /// Like [`Production::new`], with a server that runs from a root file system.
    #[allow(dead_code, reason = "not every test binary with this module needs it")]
    pub fn from_rootfs() -> Self {
        Self::served_by(&rootfs().join("usr/lib/postgresql/17/bin"))
    }

    /// Starts its server, and writes a little.
    pub fn started(mut production: Self) -> Self {
        production.start();
        // Some of what happened is in the WAL only.
        production.sql("UPDATE shop.customers SET notes = 'kanari wal only' WHERE id = 5; DELETE FROM shop.addresses WHERE id = 300");
        production
    }

    /// A production whose server was never started.
    pub fn stopped(size_mb: u64) -> Self {
        Self::stopped_with(size_mb, Path::new(server_programs()))
    }

    fn stopped_with(size_mb: u64, programs: &Path) -> Self {
        Self::stopped_on(|base| Box::new(TestPool::below(base, size_mb)), programs)
    }

    /// A production whose server, of these programs, was never started, on the storage that `make` makes below a directory.
    pub fn stopped_on(make: impl FnOnce(&Path) -> Box<dyn Ground>, programs: &Path) -> Self {
        let production = Self::empty_on(make, programs);
        copy(&template(programs), &production.data());
        production.write_uploads();
        production.write_server_configuration();
        production.configure(&production.configuration(), RULES);
        production
    }

    /// A production that has no server: only its uploads are configured.
    #[allow(dead_code, reason = "not every test binary with this module needs it")]
    pub fn of_files_on(make: impl FnOnce(&Path) -> Box<dyn Ground>) -> Self {
        let production = Self::empty_on(make, Path::new(server_programs()));
        production.write_uploads();
        let text = production.configuration();
        let (from, to) = (
            text.find("[services.db]").unwrap(),
            text.find("[services.uploads]").unwrap(),
        );
        let rules = RULES.find("[uploads]").unwrap();
        production.configure(&format!("{}{}", &text[..from], &text[to..]), &RULES[rules..]);
        production
    }

    fn empty_on(make: impl FnOnce(&Path) -> Box<dyn Ground>, programs: &Path) -> Self {
        // Below /var/lib: the way to a configuration must be writable by root alone.
        let base = tempfile::Builder::new()
            .prefix("envclone-test-")
            .tempdir_in("/var/lib")
            .unwrap();
        set_mode(base.path(), 0o755);
        let ground = make(base.path());
        ground.make_root();
        let production = Self {
            server: None,
            programs: programs.to_owned(),
            ground: Some(ground),
            address: address_of_its_own(),
            branches: Mutex::default(),
            base,
        };
        let (uid, gid) = postgres();
        for (dir, mode) in [("sock", 0o755), ("prod-db", 0o700)] {
            let path = match dir {
                "prod-db" => production.volume(),
                other => production.base().join(other),
            };
            fs::create_dir_all(&path).unwrap();
            set_mode(&path, mode);
            chown(&path, Some(uid), Some(gid)).unwrap();
        }
        production
    }

    fn write_uploads(&self) {
        for (name, text) in [
            ("private/passport.txt", "kanari passport"),
            ("public/lamp.txt", "a lamp"),
        ] {
            let path = self.root().join("uploads").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    fn write_server_configuration(&self) {
        let text = format!(
            "listen_addresses = '{}'\nunix_socket_directories = '{}'\nmax_connections = 50\nmax_prepared_transactions = 5\n\
             autovacuum = off\nfsync = off\nlog_statement = all\nshared_buffers = 32MB\ndynamic_shared_memory_type = posix\n",
            self.address,
            self.base().join("sock").display()
        );
        fs::write(self.data().join("postgresql.conf"), text).unwrap();
        fs::write(
            self.data().join("pg_hba.conf"),
            "local all all trust\nhost all all 127.0.0.0/8 scram-sha-256\n",
        )
        .unwrap();
    }

    /// The directory below which everything of this production and its branches lies.
    pub fn base(&self) -> &Path {
        self.base.path()
    }

    /// The loopback address that nothing but this test listens on.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The mounted pool.
    pub fn pool(&self) -> &Path {
        self.ground().path()
    }

    /// The storage.
    pub fn ground(&self) -> &dyn Ground {
        self.ground.as_deref().unwrap()
    }

    /// What is left of the host's memory after a boot: nothing runs, `/run` is empty, the pool is mounted anew, and the boot
    /// is another one. The server must be stopped.
    pub fn reboot(&self) {
        world::end_processes(self.base());
        let branches = self.branches();
        world::end(world::processes_of_branches(&branches));
        world::remove_cgroups(&branches);
        world::empty(&self.run_dir());
        self.ground().remount();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        for record in fs::read_dir(self.state_dir().join("shop/environments"))
            .unwrap()
            .flatten()
        {
            let text = fs::read_to_string(record.path()).unwrap();
            fs::write(record.path(), text.replace(boot.trim(), "the boot before")).unwrap();
        }
    }

    /// The production's subvolume or dataset.
    pub fn root(&self) -> PathBuf {
        self.ground().root()
    }

    /// The volume of the database.
    pub fn volume(&self) -> PathBuf {
        self.root().join("db")
    }

    /// The server's data directory.
    pub fn data(&self) -> PathBuf {
        self.volume().join("data")
    }

    /// Where envclone remembers.
    pub fn state_dir(&self) -> PathBuf {
        self.base().join("state")
    }

    /// Where envclone's sockets and locks are.
    pub fn run_dir(&self) -> PathBuf {
        self.base().join("run")
    }

    /// Where the configuration lies.
    pub fn etc(&self) -> PathBuf {
        self.base().join("etc")
    }

    /// Where the programs of its server are.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// The server's process.
    pub fn server_pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// Starts the server and waits until it takes connections.
    pub fn start(&mut self) {
        let log = self.data().join("log");
        fs::create_dir_all(&log).unwrap();
        self.server = Some(start_server(
            &self.programs,
            self.base(),
            &self.data(),
            Some(&log.join("server.log")),
        ));
    }

    /// Stops the server cleanly.
    pub fn stop(&mut self) {
        end_server(self.server.take(), Signal::INT);
    }

    /// Ends the server without giving it the time for anything.
    pub fn crash(&mut self) {
        end_server(self.server.take(), Signal::QUIT);
    }

    /// The text of a configuration that fits, for tests to change before [`Production::configure`].
    pub fn configuration(&self) -> String {
        let programs = if self.programs == Path::new(server_programs()) {
            String::new()
        } else if let Some((rootfs, _)) = in_rootfs(&self.programs) {
            format!("rootfs = {:?}\n", rootfs.display().to_string())
        } else {
            format!("programs = {:?}\n", self.programs.display().to_string())
        };
        let (pool, root) = self.ground().names();
        format!(
            r#"[project]
name = "shop"

[storage]
driver = "{driver}"
pool = "{pool}"
state = "{state}"
run = "{run}"

[gateway]
listen = "{address}"

[environments.prod]
type = "production"
root = "{root}"

[services.db]
engine = "postgres"
volume = "db"
data = "data"
database = "shop"
user = "shop"
source = "postgres:///shop?host={sock}&user=postgres"
{programs}
[services.uploads]
engine = "files"
volume = "uploads"

[sanitize]
rules = ["sanitize/*.toml"]
"#,
            driver = self.ground().driver(),
            state = self.state_dir().display(),
            run = self.run_dir().display(),
            address = self.address,
            sock = self.base().join("sock").display(),
        )
    }

    /// Writes a configuration, its rules, and the masking key.
    pub fn configure(&self, configuration: &str, rules: &str) {
        let key = self.state_dir().join("shop/key");
        for dir in [&self.etc().join("sanitize"), key.parent().unwrap()] {
            fs::create_dir_all(dir).unwrap();
        }
        set_mode(key.parent().unwrap(), 0o700);
        fs::write(self.etc().join("envclone.toml"), configuration).unwrap();
        fs::write(self.etc().join("sanitize/shop.toml"), rules).unwrap();
        if !key.exists() {
            fs::write(&key, [7; 32]).unwrap();
            set_mode(&key, 0o600);
        }
    }

    /// The built binary with this production's configuration, not started yet. Whatever started the tests may have had signals
    /// ignored, as `nohup` does: it hears them all the same.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = program("/usr/bin/env");
        command
            .arg("--default-signal=HUP,INT,QUIT,TERM")
            .arg(env!("CARGO_BIN_EXE_envclone"))
            .arg("--config")
            .arg(self.etc().join("envclone.toml"))
            .args(args);
        command.stdin(Stdio::null());
        command
    }

    /// Runs envclone to its end.
    pub fn envclone(&self, args: &[&str]) -> Ended {
        let ended = Ended::of(self.command(args).output().unwrap());
        self.branches();
        ended
    }

    /// The branches that records and journals name, and those that they named whenever this was asked before: what is left of a
    /// branch is known by its number when nothing else speaks of it any more.
    pub fn branches(&self) -> BTreeSet<String> {
        let mut known = self.branches.lock().unwrap();
        for place in ["environments", "runs"] {
            let files = fs::read_dir(self.state_dir().join("shop").join(place));
            for file in files.into_iter().flatten().flatten() {
                let text = fs::read_to_string(file.path()).unwrap_or_default();
                let named = text.split("\"branch\":").skip(1);
                let number = named.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
                known.extend(number.map(str::to_owned));
            }
        }
        known.clone()
    }

    /// Starts envclone.
    pub fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Makes a branch of the production; its document.
    #[track_caller]
    pub fn branch(&self, name: &str) -> Value {
        self.envclone(&["branch", "prod", name, "--json"]).json()
    }

    /// Gives it other data, in which nothing has to be rewritten.
    #[allow(dead_code, reason = "not every test binary with this module needs it")]
    pub fn keep_all(&self) {
        // It holds locks.
        self.sql("ROLLBACK PREPARED 'stale'");
        self.sql(KEEP);
        self.configure(&self.configuration(), KEEP_RULES);
    }

    /// How its superuser connects.
    pub fn superuser(&self) -> String {
        let socket = self.base().join("sock");
        format!("host={} user=postgres dbname=shop", socket.display())
    }

    /// What the production answers to its superuser, row by row, columns apart by `|`.
    pub fn sql(&self, sql: &str) -> String {
        ask(&self.superuser(), sql).unwrap()
    }

    /// Everything that a run may make and must not leave; see [`world::list`].
    pub fn world(&self) -> Vec<String> {
        world::list(self)
    }
}

impl Drop for Production {
    fn drop(&mut self) {
        end_server(self.server.take(), Signal::QUIT);
        world::end_processes(self.base());
        world::end(world::processes_of_branches(&self.branches()));
        self.ground = None;
    }
}

/// What a server answers, row by row, columns apart by `|`; or why it did not, by its own words.
pub fn ask(config: &str, sql: &str) -> Result<String, String> {
    let said = |error: postgres::Error| match error.as_db_error() {
        Some(error) => error.message().to_owned(),
        None => format!("{error:?}"),
    };
    let mut config: postgres::Config = config.parse().unwrap();
    // A test that waits for a lock for ever tells nobody why.
    config.options("-c statement_timeout=600s").connect_timeout(LONG);
    let mut client = config.connect(postgres::NoTls).map_err(said)?;
    let mut rows = Vec::new();
    for message in client.simple_query(sql).map_err(said)? {
        if let postgres::SimpleQueryMessage::Row(row) = message {
            let columns: Vec<&str> = (0..row.len()).map(|at| row.get(at).unwrap_or("")).collect();
            rows.push(columns.join("|"));
        }
    }
    Ok(rows.join("\n"))
}

/// A program, as a person would start it.
pub fn program(path: &str) -> Command {
    #[allow(
        clippy::disallowed_methods,
        reason = "what a person would type is what is tested"
    )]
    Command::new(path)
}

/// Where the programs of the tests' PostgreSQL are, unless a test is about those of another version: the distribution's newest,
/// 15 on Debian 12 and 17 in the guest.
pub fn server_programs() -> &'static str {
    static NEWEST: LazyLock<String> = LazyLock::new(|| {
        let installed = fs::read_dir("/usr/lib/postgresql").unwrap().flatten();
        let majors = installed.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let newest = majors
            .filter(|major| Path::new(&format!("/usr/lib/postgresql/{major}/bin/postgres")).is_file())
            .max();
        format!("/usr/lib/postgresql/{}/bin", newest.unwrap())
    });
    &NEWEST
}

/// The account of the server: user and group.
pub fn postgres() -> (u32, u32) {
    let user = nix::unistd::User::from_name("postgres").unwrap().unwrap();
    (user.uid.as_raw(), user.gid.as_raw())
}

/// A program that runs as the server's account, and dies with this thread.
pub fn as_postgres(path: &Path) -> Command {
    let (uid, gid) = postgres();
    let mut command = program("/usr/bin/setpriv");
    command
        .args(["--reuid", &uid.to_string(), "--regid", &gid.to_string()])
        .args(["--clear-groups", "--pdeathsig", "QUIT", "--"])
        .arg(path)
        .current_dir("/");
    command
}

/// The root file system that `scripts/install-rootfs.sh` unpacks.
pub fn rootfs() -> PathBuf {
    use sha2::{Digest, Sha256};
    let script = include_str!("../../scripts/install-rootfs.sh").lines();
    let steps = script.filter(|line| !line.trim_start_matches(' ').starts_with('#'));
    let steps: String = steps.flat_map(|line| [line, "\n"]).collect();
    let recipe = Sha256::digest(steps.as_bytes());
    let recipe = u64::from_be_bytes(recipe[..8].try_into().unwrap());
    let rootfs = PathBuf::from(format!("{ROOTFS}{recipe:016x}"));
    assert!(
        rootfs.join("usr").is_dir(),
        "{} is not there; scripts/install-rootfs.sh unpacks it (mmdebstrap, from this host's Debian mirror)",
        rootfs.display()
    );
    rootfs
}

/// How the names of root file systems begin.
const ROOTFS: &str = "/var/cache/envclone-tests/rootfs-";

/// The root file system that a path lies in, and the path as it is called in there.
fn in_rootfs(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let rootfs = path
        .ancestors()
        .find(|above| above.parent() == Path::new(ROOTFS).parent())?;
    let is_one = rootfs.to_str()?.starts_with(ROOTFS);
    let inside = Path::new("/").join(path.strip_prefix(rootfs).ok()?);
    is_one.then(|| (rootfs.to_owned(), inside))
}

/// Into a root file system as into a container, in mounts of its own: of the host it has processes, devices, the network, accounts,
/// and what it is about.
const INTO_ROOTFS: &str = r#"root=$1 sees=$2; shift 2
mount --bind "$root" "$root" && cd "$root" && mount -t tmpfs none var && mkdir -p "$root$sees" && mount --rbind "$sees" "$root$sees" &&
mount -t tmpfs none tmp && mount --rbind /dev dev && mount --rbind /sys sys && mount -t proc proc proc && mount --bind /etc/passwd etc/passwd && pivot_root . mnt &&
exec chroot . /usr/bin/perl -e 'my $old = "/mnt"; syscall(166, $old, 2) == 0 or die "umount2: $!"; exec @ARGV' -- "$@""#;

/// A program of a server, as the server's account: in its root file system, where it lies in one.
fn of_server(path: &Path, sees: &Path) -> Command {
    let Some((rootfs, inside)) = in_rootfs(path) else {
        return as_postgres(path);
    };
    let (uid, gid) = postgres();
    let mut command = program("/usr/bin/unshare");
    command.args([
        "--mount",
        "--propagation",
        "private",
        "--",
        "/bin/sh",
        "-c",
        INTO_ROOTFS,
        "sh",
    ]);
    command.arg(rootfs).arg(sees);
    command.args([
        "/usr/bin/setpriv",
        "--reuid",
        &uid.to_string(),
        "--regid",
        &gid.to_string(),
    ]);
    command.args(["--clear-groups", "--pdeathsig", "QUIT", "--"]);
    command.arg(inside).current_dir("/");
    command
}

pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Copies a directory with everything in it.
pub fn copy(from: &Path, to: &Path) {
    let copy = Invocation::of("cp").unwrap().args(["-a", "--reflink=auto", "--"]);
    copy.arg(from).arg(to).run().unwrap();
}

/// Any of 127.0.0.0/8 is this host; so that tests side by side do not compete for ports, each has its own.
fn address_of_its_own() -> Ipv4Addr {
    let mut bytes = [0; 3];
    getrandom::fill(&mut bytes).unwrap();
    Ipv4Addr::new(127, 1 + bytes[0] % 250, bytes[1], 1 + bytes[2] % 250)
}

/// Connections, or those of a standby, which only reads.
const READY: &str = "database system is ready to accept";

fn start_server(programs: &Path, sees: &Path, data: &Path, log: Option<&Path>) -> Child {
    let mut command = of_server(&programs.join("postgres"), sees);
    command.arg("-D").arg(data).env("LC_ALL", "C.UTF-8");
    let mut server = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stderr.take().unwrap());
    let log = log.map(|log| {
        fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(log)
            .unwrap()
    });
    let (ready, waits) = mpsc::channel();
    std::thread::spawn(move || keep_log(lines, log, &ready));
    let said = waits.recv_timeout(LONG).unwrap_or_default();
    if !said.contains(READY) {
        end_server(Some(server), Signal::QUIT);
        panic!("the production does not start: {said}");
    }
    server
}

/// Writes what the server says to its log, and tells when it is ready, or how it ended.
fn keep_log(mut lines: impl BufRead, mut log: Option<fs::File>, ready: &mpsc::Sender<String>) {
    let (mut line, mut said) = (Vec::new(), String::new());
    while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        if let Some(log) = &mut log {
            std::io::Write::write_all(log, &line).unwrap();
        }
        let text = String::from_utf8_lossy(&line);
        said.push_str(&text);
        if text.contains(READY) {
            // Nobody waits for the second time.
            let _ = ready.send(std::mem::take(&mut said));
        }
        line.clear();
    }
    let _ = ready.send(said);
}

fn end_server(server: Option<Child>, signal: Signal) {
    let Some(mut server) = server else { return };
    let pid = Pid::from_raw(i32::try_from(server.id()).unwrap()).unwrap();
    // It may have ended by itself.
    let _ = kill_process(pid, signal);
    server.wait().unwrap();
}

/// The data directory that every production begins with, made once for this schema and kept among the built files.
pub fn template(programs: &Path) -> PathBuf {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (SCHEMA, programs).hash(&mut hasher);
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let template = kept.join(format!("production-{:016x}", hasher.finish()));
    fs::create_dir_all(kept).unwrap();
    let lock = fs::File::create(kept.join("production.lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    if !template.exists() {
        // Not beside the built files: the server's account may be unable to go there.
        let scratch = tempfile::Builder::new()
            .prefix("envclone-test-")
            .tempdir_in("/var/lib")
            .unwrap();
        make_template(scratch.path(), programs);
        let whole = tempfile::tempdir_in(kept).unwrap();
        copy(&scratch.path().join("data"), &whole.path().join("data"));
        fs::rename(whole.path().join("data"), &template).unwrap();
    }
    template
}

fn make_template(scratch: &Path, programs: &Path) {
    let (uid, gid) = postgres();
    set_mode(scratch, 0o755);
    let data = scratch.join("data");
    fs::create_dir(&data).unwrap();
    chown(&data, Some(uid), Some(gid)).unwrap();
    let mut initdb = of_server(&programs.join("initdb"), scratch);
    initdb.args(["--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8"]);
    initdb.args(["--locale=C.UTF-8"]);
    // In the guest, where every byte is dear.
    if let Some(size) = std::env::var_os("ENVCLONE_TEST_WAL_SEGMENT_MIB") {
        initdb.arg("--wal-segsize").arg(size);
    }
    initdb.arg("-D");
    Ended::of(initdb.arg(&data).output().unwrap()).ok();
    let settings = format!(
        "listen_addresses = ''\nunix_socket_directories = '{}'\nmax_prepared_transactions = 5\nautovacuum = off\nfsync = off\n",
        data.display()
    );
    fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
    let server = start_server(programs, scratch, &data, None);
    let schema = scratch.join("schema.sql");
    fs::write(&schema, SCHEMA).unwrap();
    let mut psql = of_server(&programs.join("psql"), scratch);
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h"]);
    let loaded = psql.arg(&data).arg("-f").arg(&schema).output().unwrap();
    end_server(Some(server), Signal::INT);
    Ended::of(loaded).ok();
    fs::write(data.join("postgresql.auto.conf"), "").unwrap();
}
