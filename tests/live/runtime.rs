//! Real PostgreSQL servers in real sandboxes.

use std::fs::{self, File};
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use envclone::exec::{Invocation, Streams, Tool, spawn};
use envclone::model::{BranchId, ServiceName};
use envclone::runtime::{
    Account, Bind, EnterSpec, Exposure, InstanceSpec, JobSpec, Runtime, RuntimeError, SandboxSpec, Sandboxed,
    Severities,
};

use crate::pool::TestPool;
use crate::production::server_programs;

const PASSWORD: &str = "only-in-this-test";
const MINUTE: Duration = Duration::from_secs(60);

/// A branch with a place of its own; gone at the end, whatever happens.
struct Scene {
    dir: tempfile::TempDir,
    branch: BranchId,
    runtime: Sandboxed,
    /// The data directory on the host.
    data: PathBuf,
    template: OnceLock<Arc<tempfile::TempDir>>,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("ecr").tempdir().unwrap();
        Self {
            branch: BranchId::random().unwrap(),
            runtime: sandboxed(dir.path()),
            data: dir.path().join("pool/shop/db"),
            template: OnceLock::new(),
            dir,
        }
    }

    /// With a server that runs, kept or not.
    fn with_server() -> Self {
        let scene = Self::new();
        scene.copy_data();
        scene.runtime.open(&scene.branch).unwrap();
        scene.runtime.start(&scene.branch, &scene.postgres()).unwrap();
        scene
    }

    fn copy_data(&self) {
        fs::create_dir_all(self.data.parent().unwrap()).unwrap();
        let template = template();
        let copy = Invocation::of("cp").unwrap().arg("-a");
        copy.arg(template.path().join("db"))
            .arg(&self.data)
            .run()
            .unwrap();
        self.template.set(template).unwrap();
    }

    fn sandbox(&self) -> SandboxSpec {
        SandboxSpec {
            service: db(),
            account: postgres_account(),
            hostname: "shop".to_owned(),
            binds: vec![Bind {
                source: self.data.clone(),
                target: "/srv/pool/shop/db".into(),
                writable: true,
            }],
            private_dirs: vec!["/run/postgresql".into()],
            env: vec![("LANG".to_owned(), "C.UTF-8".to_owned())],
            rootfs: None,
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
            program: Path::new(server_programs()).join("postgres"),
            args: args.map(Into::into).into(),
            stop_signal: 2,
            ready_line: "database system is ready to accept connections".to_owned(),
            severities: Severities {
                shown: vec!["FATAL:  ".to_owned()],
                hidden: vec!["LOG:  ".to_owned()],
            },
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

    /// Exit code and output of a user's command.
    fn enter(&self, command: &[&str]) -> (i32, String) {
        let command = [&["sh", "-c", "exec \"$@\" >/tmp/said 2>&1", "sh"], command].concat();
        let code = self
            .runtime
            .enter(&self.branch, &db(), &enter_spec(&command))
            .unwrap();
        let said = self.as_superuser("cat /tmp/said");
        (code, said)
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
        for hierarchy in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
            let group = Path::new(hierarchy).join("envclone").join(self.branch.as_str());
            assert!(!group.exists());
        }
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

fn enter_spec(command: &[&str]) -> EnterSpec {
    EnterSpec {
        account: postgres_account(),
        env: vec![("PGPASSWORD".to_owned(), PASSWORD.to_owned())],
        command: command.iter().map(Into::into).collect(),
    }
}

/// What psql says on the host.
fn psql(conninfo: &str, password: &str) -> Result<String, String> {
    let invocation =
        Invocation::of("psql")
            .unwrap()
            .args(["-X", "-At", "-d", conninfo, "-c", "select 6 * 7"]);
    let captured = invocation.env("PGPASSWORD", password).run();
    captured
        .map(|captured| captured.text())
        .map_err(|error| error.to_string())
}

fn parent(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    line.unwrap().trim().parse().unwrap()
}

/// Waits until a file is there.
fn wait_for(path: &Path) {
    let until = std::time::Instant::now() + MINUTE;
    while !path.exists() {
        assert!(
            std::time::Instant::now() < until,
            "{} did not appear",
            path.display()
        );
        std::thread::yield_now();
    }
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
    as_postgres(&Path::new(server_programs()).join("initdb"))
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
        let ended = loop {
            match poll(&mut fds, Some(&limit)) {
                // A signal of another test's children.
                Err(rustix::io::Errno::INTR) => {}
                other => break other.unwrap(),
            }
        };
        assert_eq!(ended, 1, "a process did not end");
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

#[test]
fn users_get_in_by_both_doors_once_they_are_open_and_never_before() {
    let scene = Scene::with_server();
    let exposure = scene.exposure();
    assert!(TcpStream::connect(exposure.listen).is_err());
    assert!(!exposure.socket.exists());
    scene
        .runtime
        .expose(&scene.branch, std::slice::from_ref(&exposure))
        .unwrap();
    assert!(scene.runtime.status(&scene.branch).unwrap().unwrap().published);
    let by_tcp = format!("host=127.0.0.1 port={} user=postgres", exposure.listen.port());
    let by_socket = format!(
        "host={} user=postgres",
        exposure.socket.parent().unwrap().display()
    );
    for door in [&by_tcp, &by_socket] {
        assert_eq!(psql(door, PASSWORD).unwrap(), "42\n");
        let refused = psql(door, "wrong").unwrap_err();
        assert!(refused.contains("password authentication failed"), "{refused}");
    }
    let taken = scene
        .runtime
        .expose(&scene.branch, &[exposure.clone(), exposure.clone()]);
    assert!(
        matches!(taken, Err(RuntimeError::AddressTaken { address }) if address == exposure.listen),
        "{taken:?}"
    );
    assert!(!scene.runtime.status(&scene.branch).unwrap().unwrap().published);
    scene
        .runtime
        .expose(&scene.branch, std::slice::from_ref(&exposure))
        .unwrap();
    assert_eq!(psql(&by_tcp, PASSWORD).unwrap(), "42\n");
    scene.runtime.close(&scene.branch).unwrap();
    assert!(TcpStream::connect(exposure.listen).is_err());
    TcpListener::bind(exposure.listen).unwrap();
}

#[test]
fn the_gateway_is_nobody_and_has_no_way_back() {
    let scene = Scene::with_server();
    let supervisor = scene.supervisor();
    let before = in_network_of(supervisor);
    scene.runtime.expose(&scene.branch, &[scene.exposure()]).unwrap();
    let gateway = in_network_of(supervisor)
        .into_iter()
        .find(|pid| !before.contains(pid) && parent(*pid) == supervisor)
        .unwrap();
    let status = fs::read_to_string(format!("/proc/{gateway}/status")).unwrap();
    for line in [
        "Uid:\t65534\t65534\t65534\t65534",
        "Gid:\t65534\t65534\t65534\t65534",
        "Groups:\t \n",
        "CapEff:\t0000000000000000",
        "CapPrm:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.contains(line), "{line} in {status}");
    }
    let command_line = fs::read_to_string(format!("/proc/{gateway}/cmdline")).unwrap();
    assert_eq!(command_line, "/proc/self/exe\0__gateway\0");
    // It ends with its supervisor, although it changed its identity.
    let held = hold(&[gateway]);
    kill_9(supervisor);
    all_end(&held);
}

#[test]
fn a_superuser_inside_sees_nothing_of_the_host() {
    let scene = Scene::with_server();
    let secret = scene.dir.path().join("pool/secret");
    fs::write(&secret, "of the host").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    // Processes: only its own, all of one account but for the sandbox's init.
    let processes = scene.as_superuser("cat /proc/[0-9]*/comm | sort -u");
    assert!(processes.contains("postgres"));
    for foreign in ["cargo", "live-", "bash", "envclone"] {
        assert!(!processes.contains(foreign), "{processes}");
    }
    // Files.
    let top = scene.as_superuser("ls -A /");
    assert_eq!(
        top,
        "bin\ndev\netc\nlib\nlib64\nproc\nrun\nsbin\nsrv\ntmp\nusr\nvar\n"
    );
    assert_eq!(
        scene.as_superuser("ls -A /srv /srv/pool /srv/pool/shop"),
        "/srv:\npool\n\n/srv/pool:\nshop\n\n/srv/pool/shop:\ndb\n"
    );
    assert_eq!(
        scene.as_superuser("ls -A /run /var"),
        "/run:\npostgresql\n\n/var:\ntmp\n"
    );
    let etc = scene.as_superuser("ls -A /etc");
    for absent in ["shadow", "ssl", "postgresql", "envclone", "hostname"] {
        assert!(!etc.lines().any(|name| name == absent), "{etc}");
    }
    let host_path = secret.display();
    assert!(
        scene
            .as_superuser(&format!("cat {host_path}"))
            .contains("No such file")
    );
    // What is readable of the sandbox's making names no path of the host, but for that below the file system's root.
    let making = scene.as_superuser("cat /proc/1/cmdline | tr '\\000' ' '");
    assert!(making.starts_with("/usr/bin/bwrap --args"), "{making}");
    assert!(!making.contains("ecr"), "{making}");
    // Descriptors: none but its own.
    let foreign = "for p in /proc/[0-9]*; do ls -l $p/fd 2>/dev/null; done | grep -c -e memfd -e /oldroot -e envclone || true";
    assert_eq!(scene.as_superuser(foreign), "0\n");
    // Identity.
    let account = postgres_account();
    let status =
        scene.as_superuser("grep -E '^(Uid|Groups|Cap|NoNewPrivs|Seccomp):?' /proc/self/status; ulimit -c");
    assert!(
        status.contains(&format!("Uid:\t{0}\t{0}\t{0}\t{0}", account.uid)),
        "{status}"
    );
    assert!(status.contains("Groups:\t \n"), "{status}");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(
            status.contains(&format!("{set}:\t0000000000000000\n")),
            "{status}"
        );
    }
    assert!(
        status.contains("NoNewPrivs:\t1\n") && status.contains("Seccomp:\t2\n"),
        "{status}"
    );
    assert!(status.ends_with("0\n"), "{status}");
    // pg_read_file as well.
    let read = format!("select pg_read_file('{host_path}', 0, 9, true) is null");
    assert_eq!(scene.sql(&read), "t\n");
}

/// The numbers of system calls are those of this architecture.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_superuser_inside_can_make_no_walls_of_its_own() {
    let scene = Scene::with_server();
    for (attempt, answer) in [
        ("unshare -Ur true", "Operation not permitted"),
        ("unshare -m true", "Operation not permitted"),
        ("mount -t tmpfs none /tmp", "failed"),
        (
            "perl -e '@a = (\"none\", \"/tmp\", \"tmpfs\"); syscall(165, @a, 0, 0) == 0 or print \"no: $!\"'",
            "no: Operation not permitted",
        ),
        (
            "perl -e 'syscall(101, 16, 1, 0, 0) == 0 or print \"no: $!\"'",
            "no: Operation not permitted",
        ),
        (
            "perl -e 'syscall(250, 0, -1, 0, 0, 0) >= 0 or print \"no: $!\"'",
            "no: Operation not permitted",
        ),
        (
            "perl -e 'syscall(435, 0, 0) >= 0 or print \"no: $!\"'",
            "no: Function not implemented",
        ),
        (
            "perl -e 'syscall(425, 8, 0) >= 0 or print \"no: $!\"'",
            "no: Operation not permitted",
        ),
        (
            "perl -e 'syscall(0x40000000 + 39) >= 0 or print \"no: $!\"'",
            "no: Function not implemented",
        ),
        (
            "perl -MSocket -e 'socket(my $s, 40, SOCK_STREAM, 0) or print \"no: $!\"'",
            "no: Operation not permitted",
        ),
        (
            "perl -MSocket -e 'socket(my $s, AF_UNIX, SOCK_STREAM, 0) and print \"yes\"'",
            "yes",
        ),
    ] {
        let said = scene.as_superuser(attempt);
        assert!(said.contains(answer), "{attempt}: {said}");
    }
    // By the numbers of the kernel's own table. To one of them the kernel itself would say something else: the control.
    for (name, number, arguments) in [
        ("bpf", 321, "0, 0, 0"),
        ("perf_event_open", 298, "0, 0, -1, -1, 0"),
        ("setns", 308, "-1, 0"),
        ("fsopen", 430, "0, 0"),
        ("fsmount", 432, "-1, 0, 0"),
        ("move_mount", 429, "-1, 0, -1, 0, 0"),
        ("open_tree", 428, "-1, 0, 0"),
        ("mount_setattr", 442, "-1, 0, 0, 0, 0"),
        ("io_uring_enter", 426, "-1, 0, 0, 0, 0, 0"),
        ("io_uring_register", 427, "-1, 0, 0, 0"),
    ] {
        let call = format!("perl -e 'syscall({number}, {arguments}) >= 0 or print \"no: $!\"'");
        let said = scene.as_superuser(&call);
        assert!(said.contains("no: Operation not permitted"), "{name}: {said}");
        if name == "setns" {
            let said = as_postgres(Path::new("/bin/sh"))
                .args(["-c", &call])
                .run()
                .unwrap()
                .text();
            assert!(
                said.contains("no: Bad file descriptor"),
                "the control of {name}: {said}"
            );
        }
    }
    // The names of hosts are looked up as ever.
    assert!(scene.as_superuser("getent hosts localhost").contains("localhost"));
}

#[test]
fn a_superuser_inside_can_make_no_subvolume() {
    let pool = TestPool::new(512);
    let mut scene = Scene::new();
    scene.data = pool.path().join("db");
    scene.copy_data();
    // The control: outside, the same account can, in the same directory.
    let outside = scene.data.join("outside");
    as_postgres(Path::new("/usr/bin/btrfs"))
        .args(["subvolume", "create"])
        .arg(&outside)
        .run()
        .unwrap();
    scene.runtime.open(&scene.branch).unwrap();
    scene.runtime.start(&scene.branch, &scene.postgres()).unwrap();
    for attempt in [
        "btrfs subvolume create /srv/pool/shop/db/inside",
        "btrfs subvolume snapshot /srv/pool/shop/db/outside /srv/pool/shop/db/inside",
    ] {
        let said = scene.as_superuser(attempt);
        assert!(said.contains("Operation not permitted"), "{said}");
    }
    assert!(!scene.data.join("inside").exists());
    let reflink = "cp --reflink=always /srv/pool/shop/db/PG_VERSION /srv/pool/shop/db/copy && echo copied";
    assert_eq!(scene.as_superuser(reflink), "copied\n");
    drop(scene);
}

#[test]
fn nothing_leads_out_and_every_attempt_is_counted() {
    let scene = Scene::with_server();
    let on_host = TcpListener::bind("127.0.0.1:0").unwrap();
    let attempts = || {
        scene
            .runtime
            .status(&scene.branch)
            .unwrap()
            .unwrap()
            .out_no_routes
    };
    assert_eq!(attempts(), 0);
    let connect = |address: SocketAddr| {
        let (host, port) = (address.ip(), address.port());
        scene.as_superuser(&format!(
            "bash -c 'exec 3<>/dev/tcp/{host}/{port}' && echo connected"
        ))
    };
    assert!(connect(on_host.local_addr().unwrap()).contains("Connection refused"));
    assert_eq!(attempts(), 0);
    assert!(connect("192.0.2.9:80".parse().unwrap()).contains("Network is unreachable"));
    assert_eq!(attempts(), 1);
    // The control: what it does reach is the server itself.
    assert_eq!(connect("127.0.0.1:5432".parse().unwrap()), "connected\n");
}

#[test]
fn kill_9_of_the_supervisor_ends_everything_and_close_tidies_up() {
    let scene = Scene::with_server();
    let exposure = scene.exposure();
    scene
        .runtime
        .expose(&scene.branch, std::slice::from_ref(&exposure))
        .unwrap();
    scene.runtime.keep(&scene.branch).unwrap();
    let supervisor = scene.supervisor();
    let processes = hold(&in_network_of(supervisor));
    kill_9(supervisor);
    scene.runtime.close(&scene.branch).unwrap();
    // No waiting here: close has waited.
    assert!(!scene.branch_dir().exists());
    assert!(TcpStream::connect(exposure.listen).is_err());
    all_end(&processes);
    // And it can be made again at once.
    scene.runtime.open(&scene.branch).unwrap();
    scene.runtime.start(&scene.branch, &scene.postgres()).unwrap();
    assert_eq!(scene.sql("select 42"), "42\n");
}

#[test]
fn a_start_over_a_dead_supervisor_needs_no_close() {
    let scene = Scene::with_server();
    kill_9(scene.supervisor());
    let other = sandboxed(scene.dir.path());
    other.open(&scene.branch).unwrap();
    other.start(&scene.branch, &scene.postgres()).unwrap();
    assert_eq!(scene.sql("select 42"), "42\n");
    other.close(&scene.branch).unwrap();
}

/// Names, for the process below, where the branch is; without it that process is an ordinary empty test.
const OPEN_THERE: &str = "ENVCLONE_TEST_OPEN_THERE";

#[test]
fn a_caller_that_opens_a_branch_and_waits_to_be_killed() {
    let Some(place) = std::env::var_os(OPEN_THERE) else {
        return;
    };
    let place = place.into_string().unwrap();
    let (dir, branch) = place.split_once(':').unwrap();
    let runtime = sandboxed(Path::new(dir));
    runtime.open(&branch.parse().unwrap()).unwrap();
    fs::write(Path::new(dir).join("opened"), "").unwrap();
    // Until it is killed: the other end of this pipe is the parent's.
    let _ = std::io::stdin().read(&mut [0]);
    panic!("the parent ended first");
}

#[test]
fn kill_9_of_the_caller_before_keep_ends_everything() {
    let scene = Scene::new();
    scene.copy_data();
    let (stdin, _ours) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let (output, said) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let itself = Tool::at(&std::env::current_exe().unwrap()).unwrap();
    let place = format!("{}:{}", scene.dir.path().display(), scene.branch);
    let invocation = Invocation::new(&itself)
        .args([
            "--exact",
            "runtime::a_caller_that_opens_a_branch_and_waits_to_be_killed",
        ])
        .env(OPEN_THERE, place);
    let streams = Streams {
        descriptors: vec![(stdin, 0)],
        output: Some(File::from(said)),
        ..Streams::default()
    };
    let mut caller = spawn(&invocation, streams).unwrap();
    wait_for(&scene.dir.path().join("opened"));
    // Another process of root's may use it meanwhile; it ends all the same.
    scene.runtime.start(&scene.branch, &scene.postgres()).unwrap();
    let supervisor = scene.supervisor();
    let processes = hold(&in_network_of(supervisor));
    assert!(processes.len() > 5);
    caller.kill().unwrap();
    caller.wait().unwrap();
    all_end(&processes);
    assert!(!scene.branch_dir().exists());
    drop(output);
}

#[test]
fn a_kept_branch_outlives_its_caller_and_is_found_by_the_next() {
    let scene = Scene::with_server();
    let first = sandboxed(scene.dir.path());
    assert!(matches!(
        first.open(&scene.branch),
        Err(RuntimeError::Held { .. })
    ));
    scene.runtime.keep(&scene.branch).unwrap();
    scene.runtime.keep(&scene.branch).unwrap();
    drop(first);
    let next = sandboxed(scene.dir.path());
    next.keep(&scene.branch).unwrap();
    assert_eq!(next.status(&scene.branch).unwrap().unwrap().running, [db()]);
    next.close(&scene.branch).unwrap();
    next.close(&scene.branch).unwrap();
    assert!(matches!(
        next.keep(&scene.branch),
        Err(RuntimeError::NotRunning { .. })
    ));
}

#[test]
fn a_branch_that_was_not_kept_ends_with_the_value_that_opened_it() {
    let scene = Scene::new();
    let caller = sandboxed(scene.dir.path());
    caller.open(&scene.branch).unwrap();
    let held = hold(&[caller.status(&scene.branch).unwrap().unwrap().supervisor]);
    drop(caller);
    all_end(&held);
    assert!(!scene.branch_dir().exists());
}

#[test]
fn a_users_command_runs_inside_as_the_service_and_with_no_more_than_it() {
    let scene = Scene::with_server();
    let (code, said) = scene.enter(&[
        "psql",
        "-h",
        "127.0.0.1",
        "-U",
        "postgres",
        "-Atc",
        "select 6 * 7",
    ]);
    assert_eq!((code, said.as_str()), (0, "42\n"));
    let script = "id -u; pwd; hostname; echo $$; ls /; grep -E '^(Groups|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status; \
                  ls /proc/self/fd; env | sort; unshare -Ur true";
    let (_, said) = scene.enter(&["sh", "-c", script]);
    let account = postgres_account();
    assert!(said.starts_with(&format!("{}\n/\nshop\n", account.uid)), "{said}");
    let own_pid: u32 = said.lines().nth(3).unwrap().parse().unwrap();
    assert!(own_pid < 1000, "{said}");
    assert!(said.contains("\nsrv\n") && !said.contains("\nhome\n"), "{said}");
    assert!(
        said.contains("Groups:\t \nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"),
        "{said}"
    );
    assert!(
        said.contains("\n0\n1\n2\n3\nHOME="),
        "only the listing's own descriptor beside the three: {said}"
    );
    assert!(
        !said.contains("CARGO") && said.contains("PGPASSWORD=only-in-this-test"),
        "{said}"
    );
    assert!(said.contains("Operation not permitted"), "{said}");
    assert_eq!(scene.enter(&["sh", "-c", "exit 7"]).0, 7);
    assert_eq!(scene.enter(&["sh", "-c", "kill -9 $$"]).0, 128 + 9);
    scene.runtime.stop(&scene.branch, &db(), MINUTE).unwrap();
    let refused = scene.runtime.enter(&scene.branch, &db(), &enter_spec(&["true"]));
    assert!(refused.unwrap_err().to_string().contains("is not running"));
}

#[test]
fn a_job_runs_behind_the_same_walls_and_ends_at_its_limit() {
    let scene = Scene::new();
    scene.copy_data();
    scene.runtime.open(&scene.branch).unwrap();
    let mut job = scene
        .shell_job("cat; echo why >&2; ls /srv/pool/shop; umask; stat -c '%a %u' /run/postgresql; exit 3");
    job.stdin = b"in\n".to_vec();
    let outcome = scene.runtime.job(&scene.branch, &job).unwrap();
    assert_eq!((outcome.code, outcome.stderr.as_slice()), (3, &b"why\n"[..]));
    let expected = format!("in\ndb\n0022\n700 {}\n", postgres_account().uid);
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), expected);
    let flood = scene.shell_job("yes | head -c 9000000; yes | head -c 9000000 >&2");
    let outcome = scene.runtime.job(&scene.branch, &flood).unwrap();
    assert_eq!((outcome.stdout.len(), outcome.stderr.len()), (1 << 20, 64 << 10));
    let mut hangs = scene.shell_job("trap '' TERM INT; tail -f /dev/null");
    hangs.timeout = Duration::from_millis(300);
    let late = scene.runtime.job(&scene.branch, &hangs);
    assert!(matches!(late, Err(RuntimeError::JobTimeout { .. })), "{late:?}");
    assert_eq!(in_network_of(scene.supervisor()), [scene.supervisor()]);
}

#[test]
fn a_server_that_does_not_start_says_why_without_details() {
    let scene = Scene::new();
    scene.copy_data();
    scene.runtime.open(&scene.branch).unwrap();
    let mut spec = scene.postgres();
    spec.sealed = true;
    spec.args.extend(["-c".into(), "no_such_setting_at_all=1".into()]);
    let failed = scene.runtime.start(&scene.branch, &spec).unwrap_err();
    let RuntimeError::DidNotStart { status, fatal, .. } = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(status, "exit code 1");
    assert_eq!(
        fatal,
        ["FATAL:  unrecognized configuration parameter \"no_such_setting_at_all\""]
    );
    assert!(!scene.runtime.log_path(&scene.branch, &db()).exists());
    let sealed = scene.branch_dir().join(".sealed/db.log");
    assert_eq!(fs::metadata(&sealed).unwrap().permissions().mode() & 0o777, 0o600);
    scene.runtime.forget_sealed_logs(&scene.branch).unwrap();
    assert!(!sealed.exists());
    spec.sandbox.binds[0].source = scene.dir.path().join("absent");
    let failed = scene.runtime.start(&scene.branch, &spec).unwrap_err();
    assert!(matches!(failed, RuntimeError::Supervisor { .. }), "{failed:?}");
    // Nothing of the failures is in the way of a good start.
    scene.runtime.start(&scene.branch, &scene.postgres()).unwrap();
}

#[test]
fn a_server_that_is_never_ready_or_never_stops_is_killed_at_its_limit() {
    let scene = Scene::with_server();
    let again = scene.runtime.start(&scene.branch, &scene.postgres()).unwrap_err();
    assert!(again.to_string().contains("runs already"), "{again}");
    let mut spec = scene.postgres();
    spec.sandbox.service = "other".parse().unwrap();
    spec.program = "/bin/sh".into();
    spec.args = vec![
        "-c".into(),
        "trap '' INT; echo started; while :; do tail -f /dev/null; done".into(),
    ];
    spec.ready_within = Duration::from_millis(300);
    let late = scene.runtime.start(&scene.branch, &spec).unwrap_err();
    assert!(matches!(late, RuntimeError::NotReady { .. }), "{late:?}");
    spec.ready_line = "started".to_owned();
    spec.ready_within = MINUTE;
    scene.runtime.start(&scene.branch, &spec).unwrap();
    let other = spec.sandbox.service;
    let killed = scene
        .runtime
        .stop(&scene.branch, &other, Duration::from_millis(300))
        .unwrap_err();
    assert!(matches!(killed, RuntimeError::Killed { .. }), "{killed:?}");
    assert_eq!(
        scene.runtime.status(&scene.branch).unwrap().unwrap().running,
        [db()]
    );
}

#[test]
fn a_client_that_panics_in_the_branch_is_an_error_and_the_host_stays_the_host() {
    let scene = Scene::new();
    scene.runtime.open(&scene.branch).unwrap();
    let network = scene.runtime.network(&scene.branch).unwrap();
    assert!(network.run(Box::new(|| panic!("in there"))).is_err());
    let on_host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut refused = false;
    network
        .run(Box::new(|| refused = TcpStream::connect(on_host).is_err()))
        .unwrap();
    assert!(refused);
}

#[test]
fn a_symbolic_link_is_not_bound() {
    let scene = Scene::new();
    fs::create_dir_all(scene.data.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/var/lib", &scene.data).unwrap();
    scene.runtime.open(&scene.branch).unwrap();
    let refused = scene
        .runtime
        .job(&scene.branch, &scene.shell_job("true"))
        .unwrap_err();
    assert!(refused.to_string().contains("is a symbolic link"), "{refused}");
}

#[test]
fn a_filter_that_is_not_there_or_is_cut_off_keeps_a_sandbox_from_running_anything() {
    let marker = tempfile::tempdir().unwrap();
    // The control: a filter that allows everything (one instruction).
    let allow: [u8; 8] = [0x06, 0, 0, 0, 0, 0, 0xff, 0x7f];
    for (filter, runs) in [(&allow[..], true), (&allow[..4], false), (&[], false)] {
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        rustix::io::write(&write, filter).unwrap();
        drop(write);
        let made = marker.path().join(filter.len().to_string());
        let sandbox = Invocation::of("bwrap").unwrap();
        let sandbox = sandbox.args([
            "--unshare-pid",
            "--dev-bind",
            "/",
            "/",
            "--seccomp",
            "100",
            "--",
            "touch",
        ]);
        let streams = Streams {
            descriptors: vec![(read, 100)],
            ..Streams::default()
        };
        let status = spawn(&sandbox.arg(&made), streams).unwrap().wait().unwrap();
        assert_eq!(
            (status.success(), made.exists()),
            (runs, runs),
            "{} bytes",
            filter.len()
        );
    }
}

#[test]
fn when_the_host_shuts_down_servers_are_stopped_cleanly() {
    let scene = Scene::with_server();
    scene.runtime.keep(&scene.branch).unwrap();
    let supervisor = scene.supervisor();
    let held = hold(&in_network_of(supervisor));
    let pid = rustix::process::Pid::from_raw(i32::try_from(supervisor).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    all_end(&held);
    let log = fs::read_to_string(scene.runtime.log_path(&scene.branch, &db())).unwrap();
    assert!(log.contains("database system is shut down"), "{log}");
    assert!(!scene.branch_dir().exists());
}

#[test]
fn descriptors_that_a_careless_caller_leaks_reach_nothing_inside() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    // Without close-on-exec, unlike whatever the standard library opens.
    let leaked = rustix::io::dup(secret.as_file()).unwrap();
    let scene = Scene::with_server();
    scene.runtime.expose(&scene.branch, &[scene.exposure()]).unwrap();
    let supervisor = scene.supervisor();
    for pid in in_network_of(supervisor) {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
            let target = fs::read_link(entry.unwrap().path()).unwrap_or_default();
            assert_ne!(target, secret.path(), "process {pid}");
        }
    }
    let (_, said) = scene.enter(&["ls", "-l", "/proc/self/fd"]);
    let name = secret.path().file_name().unwrap().to_str().unwrap();
    assert!(said.contains(" 2 -> ") && !said.contains(name), "{said}");
    drop(leaked);
}

#[test]
fn a_request_that_waits_keeps_none_from_asking_how_things_are() {
    let scene = Scene::with_server();
    let mut spec = scene.postgres();
    spec.sandbox.service = "other".parse().unwrap();
    spec.program = "/bin/sh".into();
    spec.args = vec!["-c".into(), "exec tail -f /dev/null".into()];
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| scene.runtime.start(&scene.branch, &spec));
        let log = scene.runtime.log_path(&scene.branch, &spec.sandbox.service);
        wait_for(&log);
        assert_eq!(
            scene.runtime.status(&scene.branch).unwrap().unwrap().running,
            [db()]
        );
        assert!(!starting.is_finished());
        scene.runtime.close(&scene.branch).unwrap();
        assert!(starting.join().unwrap().is_err());
    });
}

/// Processes that carry the branch in their environment, whatever they are.
fn marked(branch: &BranchId) -> Vec<String> {
    let mark = format!("ENVCLONE_BRANCH={branch}");
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path = entry.unwrap().path();
        let environment = fs::read(path.join("environ")).ok()?;
        let marked = environment
            .split(|byte| *byte == 0)
            .any(|one| one == mark.as_bytes());
        marked.then(|| fs::read_to_string(path.join("cmdline")).unwrap_or_default())
    });
    processes.collect()
}

#[test]
fn a_start_that_is_killed_at_any_moment_leaves_no_process() {
    const ROUNDS: u32 = 30;
    let scene = Scene::new();
    scene.copy_data();
    // The control: how long a start takes that nobody kills.
    scene.runtime.open(&scene.branch).unwrap();
    let began = std::time::Instant::now();
    scene.runtime.start(&scene.branch, &scene.postgres()).unwrap();
    let whole = began.elapsed();
    scene.runtime.close(&scene.branch).unwrap();
    for round in 0..ROUNDS {
        scene.runtime.open(&scene.branch).unwrap();
        let supervisor = scene.supervisor();
        std::thread::scope(|scope| {
            scope.spawn(|| scene.runtime.start(&scene.branch, &scene.postgres()));
            // Spread over the time that a start takes.
            let (_never, nothing) = rustix::pipe::pipe().map(|(read, write)| (write, read)).unwrap();
            let mut fds = [rustix::event::PollFd::new(&nothing, rustix::event::PollFlags::IN)];
            let wait = whole * round / ROUNDS;
            let wait = rustix::event::Timespec::try_from(wait).unwrap();
            // A signal only makes this shorter.
            let _ = rustix::event::poll(&mut fds, Some(&wait));
            if round % 3 == 0 {
                scene.runtime.close(&scene.branch).unwrap();
            } else {
                kill_9(supervisor);
            }
        });
        scene.runtime.close(&scene.branch).unwrap();
        assert_eq!(marked(&scene.branch), Vec::<String>::new(), "round {round}");
    }
}

#[test]
fn what_a_sealed_server_said_is_forgotten_and_what_it_says_later_is_in_its_log() {
    let scene = Scene::new();
    scene.copy_data();
    scene.runtime.open(&scene.branch).unwrap();
    let mut spec = scene.postgres();
    spec.sealed = true;
    scene.runtime.start(&scene.branch, &spec).unwrap();
    scene.sql("do $$ begin raise warning 'an original'; end $$");
    let sealed = scene.branch_dir().join(".sealed/db.log");
    let log = scene.runtime.log_path(&scene.branch, &db());
    scene.runtime.forget_sealed_logs(&scene.branch).unwrap();
    assert!(!sealed.exists());
    scene.sql("do $$ begin raise warning 'a fake'; end $$");
    scene.runtime.stop(&scene.branch, &db(), MINUTE).unwrap();
    let said = fs::read_to_string(log).unwrap();
    assert!(said.contains("a fake") && !said.contains("an original"), "{said}");
}
