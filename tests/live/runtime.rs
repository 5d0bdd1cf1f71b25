//! Real PostgreSQL servers in real sandboxes.

use std::fs::{self};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use envclone::exec::Invocation;
use envclone::model::{BranchId, ServiceName};
use envclone::runtime::{Account, Bind, Exposure, InstanceSpec, JobSpec, Runtime, SandboxSpec, Sandboxed};

const PASSWORD: &str = "only-in-this-test";
const SERVER: &str = "/usr/lib/postgresql/15/bin";
const MINUTE: Duration = Duration::from_secs(60);

/// A branch with a place of its own; gone at the end, whatever happens.
struct Scene {
    dir: tempfile::TempDir,
    branch: BranchId,
    runtime: Sandboxed,
    template: OnceLock<Arc<tempfile::TempDir>>,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("ecr").tempdir().unwrap();
        let branch = BranchId::random().unwrap();
        let runtime = sandboxed(dir.path());
        Self {
            dir,
            branch,
            runtime,
            template: OnceLock::new(),
        }
    }

    /// With a server that runs, kept or not.
    fn with_server() -> Self {
        let scene = Self::new();
        scene.copy_data(&scene.data());
        scene.runtime.open(&scene.branch).unwrap();
        scene.runtime.start(&scene.branch, &scene.postgres()).unwrap();
        scene
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("pool/shop/db")
    }

    fn copy_data(&self, to: &Path) {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        let template = template();
        let copied = Invocation::of("cp")
            .unwrap()
            .arg("-a")
            .arg(template.path().join("db"))
            .arg(to);
        copied.run().unwrap();
        self.template.set(template).unwrap();
    }

    fn sandbox(&self) -> SandboxSpec {
        SandboxSpec {
            service: db(),
            account: postgres_account(),
            hostname: "shop".to_owned(),
            binds: vec![Bind {
                source: self.data(),
                target: "/srv/pool/shop/db".into(),
                writable: true,
            }],
            private_dirs: vec!["/run/postgresql".into()],
            env: vec![("LANG".to_owned(), "C.UTF-8".to_owned())],
        }
    }

    fn postgres(&self) -> InstanceSpec {
        let args = [
            "-D",
            "/srv/pool/shop/db",
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=/run/postgresql",
            "-c",
            "fsync=off",
        ];
        InstanceSpec {
            sandbox: self.sandbox(),
            program: Path::new(SERVER).join("postgres"),
            args: args.map(Into::into).into(),
            stop_signal: 2,
            ready_line: "database system is ready to accept connections".to_owned(),
            ready_within: MINUTE,
            sealed: false,
        }
    }

    fn shell_job(&self, script: &str) -> JobSpec {
        JobSpec {
            sandbox: self.sandbox(),
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            stdin: Vec::new(),
            timeout: MINUTE,
        }
    }

    fn exposure(&self) -> Exposure {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        Exposure {
            service: db(),
            listen: free.local_addr().unwrap(),
            socket: self.branch_dir().join("db/.s.PGSQL.5432"),
            inner_port: 5432,
        }
    }

    fn branch_dir(&self) -> PathBuf {
        self.dir.path().join("run").join(self.branch.as_str())
    }

    fn supervisor(&self) -> u32 {
        self.runtime.status(&self.branch).unwrap().unwrap().supervisor
    }

    /// What `sql` gives, from envclone's own connection.
    fn sql(&self, sql: &str) -> String {
        let mut answer = String::new();
        let network = self.runtime.network(&self.branch).unwrap();
        let client = || {
            let config = format!("host=127.0.0.1 user=postgres password={PASSWORD}");
            let mut client = postgres::Client::connect(&config, postgres::NoTls).unwrap();
            for message in client.simple_query(sql).unwrap() {
                if let postgres::SimpleQueryMessage::Row(row) = message {
                    answer.push_str(row.get(0).unwrap_or(""));
                    answer.push('\n');
                }
            }
        };
        network.run(Box::new(client)).unwrap();
        answer
    }

    /// What a command prints that the superuser starts through the server.
    fn as_superuser(&self, command: &str) -> String {
        let quoted = format!("({command}) 2>&1 || echo \"failed: $?\"").replace('\'', "''");
        self.sql(&format!(
            "create temp table out (line text); \
             copy out from program '{quoted}' with (format csv, delimiter e'\\x01', quote e'\\x02'); \
             select line from out"
        ))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.runtime.close(&self.branch).unwrap();
        assert!(!self.branch_dir().exists());
    }
}

fn sandboxed(dir: &Path) -> Sandboxed {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_envclone"));
    Sandboxed::new(dir.join("run"), dir.join("log"), program)
}

fn db() -> ServiceName {
    "db".parse().unwrap()
}

fn postgres_account() -> Account {
    let data = fs::read_to_string("/etc/passwd").unwrap();
    let line = data.lines().find(|line| line.starts_with("postgres:")).unwrap();
    let fields: Vec<&str> = line.split(':').collect();
    Account {
        uid: fields[2].parse().unwrap(),
        gid: fields[3].parse().unwrap(),
    }
}

fn as_postgres(program: &Path) -> Invocation {
    let Account { uid, gid } = postgres_account();
    Invocation::of("setpriv")
        .unwrap()
        .args([
            "--reuid",
            &uid.to_string(),
            "--regid",
            &gid.to_string(),
            "--clear-groups",
        ])
        .arg(program)
}

/// A cluster that is made once for the tests that run side by side, copied by each, and gone after the last.
fn template() -> Arc<tempfile::TempDir> {
    static TEMPLATE: Mutex<Weak<tempfile::TempDir>> = Mutex::new(Weak::new());
    let mut template = TEMPLATE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(made) = template.upgrade() {
        return made;
    }
    let made = Arc::new(tempfile::Builder::new().prefix("ecr-template").tempdir().unwrap());
    init_cluster(made.path());
    *template = Arc::downgrade(&made);
    made
}

fn init_cluster(place: &Path) {
    let Account { uid, gid } = postgres_account();
    let (data, secret) = (place.join("db"), place.join("password"));
    fs::create_dir(&data).unwrap();
    fs::write(&secret, PASSWORD).unwrap();
    for path in [place, &data, &secret] {
        chown(path, Some(uid), Some(gid)).unwrap();
    }
    as_postgres(&Path::new(SERVER).join("initdb"))
        .args(["--no-sync", "-A", "scram-sha-256", "-U", "postgres", "--pwfile"])
        .arg(&secret)
        .arg("-D")
        .arg(&data)
        .run()
        .unwrap();
}

/// Processes whose network namespace is that of `supervisor`, the supervisor included.
fn in_network_of(supervisor: u32) -> Vec<u32> {
    let namespace = fs::read_link(format!("/proc/{supervisor}/ns/net")).unwrap();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: u32 = entry.unwrap().file_name().to_str()?.parse().ok()?;
        let its = fs::read_link(format!("/proc/{pid}/ns/net")).ok()?;
        (its == namespace).then_some(pid)
    });
    processes.collect()
}

/// Takes hold of processes, for waiting until each has ended.
fn hold(pids: &[u32]) -> Vec<std::os::fd::OwnedFd> {
    let pid = |pid: &u32| rustix::process::Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
    let open = |one| rustix::process::pidfd_open(pid(one), rustix::process::PidfdFlags::empty()).unwrap();
    pids.iter().map(open).collect()
}

fn all_end(held: &[std::os::fd::OwnedFd]) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let limit = Timespec {
        tv_sec: 30,
        tv_nsec: 0,
    };
    for one in held {
        let mut fds = [PollFd::new(one, PollFlags::IN)];
        assert_eq!(poll(&mut fds, Some(&limit)).unwrap(), 1, "a process did not end");
    }
}

fn kill_9(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_server_starts_answers_only_inside_and_stops_cleanly() {
    let scene = Scene::with_server();
    let status = scene.runtime.status(&scene.branch).unwrap().unwrap();
    assert_eq!(status.running, [db()]);
    assert!(!status.published);
    assert_eq!(
        scene.sql("select current_setting('data_directory')"),
        "/srv/pool/shop/db\n"
    );
    let log = fs::read_to_string(scene.runtime.log_path(&scene.branch, &db())).unwrap();
    assert!(log.contains("ready to accept connections"));
    scene.runtime.stop(&scene.branch, &db(), MINUTE).unwrap();
    let log = fs::read_to_string(scene.runtime.log_path(&scene.branch, &db())).unwrap();
    assert!(log.contains("database system is shut down"), "{log}");
    assert!(
        scene
            .runtime
            .status(&scene.branch)
            .unwrap()
            .unwrap()
            .running
            .is_empty()
    );
    scene.runtime.stop(&scene.branch, &db(), MINUTE).unwrap();
    scene.runtime.start(&scene.branch, &scene.postgres()).unwrap();
    let processes = hold(&in_network_of(scene.supervisor()));
    assert!(processes.len() > 5);
    scene.runtime.close(&scene.branch).unwrap();
    all_end(&processes);
    assert!(scene.runtime.status(&scene.branch).unwrap().is_none());
}
