//! What the superuser of a branch, with a shell, can see and reach of everything that is not the branch: nothing. Each
//! attempt is made on production first, where it succeeds.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::production::{MINUTE, Production, RULES, as_postgres, ask, set_mode};
use crate::world;

/// The password of production's superuser.
const OF_PRODUCTION: &str = "works-on-production-only";

/// A production whose URLs are those of a superuser.
pub fn with_superuser() -> Production {
    owned_by_superuser(Production::new())
}

fn owned_by_superuser(production: Production) -> Production {
    let configuration = production
        .configuration()
        .replace("user = \"shop\"", "user = \"admin\"");
    production.configure(&configuration, RULES);
    production.sql(&format!("ALTER ROLE admin PASSWORD '{OF_PRODUCTION}'"));
    production
}

/// An SQL string.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The statement by which a superuser runs a command and reads what it says.
fn program(command: &str) -> String {
    let command = quoted(&format!(
        "({command}) 2>&1 | head -c 100000 | tr -d '\\000\\\\\\t\\r'; true"
    ));
    format!(
        "DROP TABLE IF EXISTS pg_temp.said; CREATE TEMP TABLE said (line text); COPY said FROM PROGRAM {command}; SELECT line FROM said"
    )
}

/// What a command says inside of a branch.
pub fn shell(url: &str, command: &str) -> String {
    ask(url, &program(command)).unwrap()
}

/// Everything of the host that a branch could want, planted.
struct Host {
    production: Production,
    listener: TcpListener,
    abstract_name: String,
    _abstract: UnixListener,
    queues: Queues,
    marked: Child,
    one: Value,
    two: Value,
}

impl Host {
    fn new() -> Self {
        Self::of(with_superuser())
    }

    /// The same where production, and so its branches, run from a root file system.
    fn from_rootfs() -> Self {
        Self::of(owned_by_superuser(Production::from_rootfs()))
    }

    fn of(production: Production) -> Self {
        let base = production.base().to_owned();
        for dir in ["open", "open/drop"] {
            fs::create_dir(base.join(dir)).unwrap();
            set_mode(&base.join(dir), 0o777);
        }
        fs::write(base.join("open/secret"), "canary-of-the-host").unwrap();
        fs::copy("/usr/bin/id", base.join("open/id")).unwrap();
        set_mode(&base.join("open/id"), 0o4755);
        let (one, two) = (production.branch("one"), production.branch("two"));
        fs::write(production.data().join("later"), "canary-of-production").unwrap();
        set_mode(&production.data().join("later"), 0o644);
        let abstract_name = base.file_name().unwrap().to_str().unwrap().to_owned();
        let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let mut marked = as_postgres(Path::new("/usr/bin/tail"));
        let marked = marked
            .args(["-f", "/dev/null"])
            .env("CANARY", "canary-of-an-environment");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            queues: Queues::make(listener.local_addr().unwrap().port()),
            listener,
            _abstract: UnixListener::bind_addr(&address).unwrap(),
            marked: marked.stdin(Stdio::null()).spawn().unwrap(),
            abstract_name,
            production,
            one,
            two,
        }
    }

    fn url(&self) -> &str {
        self.one["url"].as_str().unwrap()
    }

    /// Succeeds on production, and not in the branch.
    #[track_caller]
    fn only_outside(&self, command: &str, evidence: &str) {
        let outside = self.production.sql(&program(command));
        assert!(outside.contains(evidence), "the control of {command}: {outside}");
        let inside = shell(self.url(), command);
        assert!(!inside.contains(evidence), "{command}: {inside}");
    }

    fn clone_of(&self, name: &str) -> std::path::PathBuf {
        self.production
            .pool()
            .join(".envclone/env/shop")
            .join(name)
            .join("clone")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.marked.kill().unwrap();
        self.marked.wait().unwrap();
    }
}

/// What processes of the host hand to each other without a file: shared memory, semaphores and queues of System V, and a queue and
/// shared memory of POSIX. All may be used by everybody.
struct Queues {
    key: u32,
}

const MQ_OPEN: u32 = if cfg!(target_arch = "x86_64") { 240 } else { 180 };
const MQ_UNLINK: u32 = MQ_OPEN + 1;

impl Queues {
    /// Under names that nobody else has.
    fn make(port: u16) -> Self {
        let queues = Self {
            key: 0x00ec_0000 + u32::from(port),
        };
        let made = queues.each(
            |[shm, msg, sem, mq]| format!("{shm} && {msg} && {sem} && {mq} && print \"made\""),
            "01666",
            "0102",
        );
        assert_eq!(as_root(&made), "made");
        fs::write(queues.memory(), "canary-of-the-host").unwrap();
        set_mode(&queues.memory(), 0o666);
        queues
    }

    fn memory(&self) -> std::path::PathBuf {
        format!("/dev/shm/envclone-test-{}", self.key).into()
    }

    /// A command in Perl that says what `says` makes of the four ways to get at them. A queue is called by its system call's number.
    fn each(&self, says: impl Fn([String; 4]) -> String, flags: &str, open: &str) -> String {
        let key = self.key;
        let ways = [
            format!("defined shmget({key}, 64, {flags})"),
            format!("defined msgget({key}, {flags})"),
            format!("defined semget({key}, 1, {flags})"),
            format!("syscall({MQ_OPEN}, $name, {open}, 0666, 0) >= 0"),
        ];
        format!("perl -e '$name = \"envclone-test-{key}\"; {}'", says(ways))
    }

    /// Commands that each say that one of them is there.
    fn commands(&self) -> Vec<String> {
        let one = |at: usize| self.each(|ways| format!("{} and print \"is-there\"", ways[at]), "0", "0");
        (0..4)
            .map(one)
            .chain([format!("cat {} && echo is-there", self.memory().display())])
            .collect()
    }
}

impl Drop for Queues {
    fn drop(&mut self) {
        let key = self.key.to_string();
        let mut remove = crate::production::program("/usr/bin/ipcrm");
        remove
            .args(["-M", &key, "-Q", &key, "-S", &key])
            .status()
            .unwrap();
        as_root(&format!(
            "perl -e '$name = \"envclone-test-{key}\"; syscall({MQ_UNLINK}, $name)'"
        ));
        fs::remove_file(self.memory()).unwrap();
    }
}

fn as_root(command: &str) -> String {
    let said = crate::production::program("/bin/sh")
        .args(["-c", command])
        .output()
        .unwrap();
    String::from_utf8_lossy(&said.stdout).into_owned()
}

/// A command that connects and says so.
fn connect(host: &str, port: &str) -> String {
    format!("timeout 5 bash -c 'exec 3<>/dev/tcp/{host}/{port}' && echo got-in")
}

#[test]
fn a_superuser_of_a_branch_reaches_no_file_of_the_host() {
    reaches_no_file(&Host::new());
}

#[test]
fn from_a_root_file_system_a_superuser_reaches_no_file_of_the_host() {
    reaches_no_file(&Host::from_rootfs());
}

fn reaches_no_file(host: &Host) {
    let (production, base) = (&host.production, host.production.base().display());
    host.only_outside(&format!("cat {base}/open/secret"), "canary-of-the-host");
    host.only_outside(
        &format!("cat {}/later", production.data().display()),
        "canary-of-production",
    );
    host.only_outside(&format!("ls {}", production.root().display()), "uploads");
    host.only_outside(&format!("ls -a {}", production.pool().display()), ".envclone");
    host.only_outside(&format!("ls {base}"), "state");
    host.only_outside(&format!("cat {base}/etc/envclone.toml"), "[project]");
    host.only_outside(&format!("ls {}/*", production.run_dir().display()), "db");
    host.only_outside(
        "for d in /home /root /sys/fs/cgroup /etc/ssl /etc/init.d; do test -d $d && echo is-there; done",
        "is-there",
    );
    host.only_outside("ls /sys/block", "loop");
    host.only_outside("cat /proc/self/mountinfo", " /sys ");
    host.only_outside(
        "for d in /dev/loop* /dev/mem /dev/kmsg /dev/sd* /dev/vd*; do test -e $d && echo is-there; done",
        "is-there",
    );
    host.only_outside(&format!("ls -l {base}/sock/.s.PGSQL.5432"), "srwx");
    // Writing, by a program, and by the server itself.
    let drop_box = production.base().join("open/drop");
    let write = |name: &str| {
        [
            format!(
                "COPY (SELECT 1) TO PROGRAM 'cat > {}/{name}-program'",
                drop_box.display()
            ),
            format!("COPY (SELECT 1) TO '{}/{name}-server'", drop_box.display()),
            format!(
                "SELECT lo_from_bytea(4711, 'x'); SELECT lo_export(4711, '{}/{name}-object')",
                drop_box.display()
            ),
        ]
    };
    for sql in write("branch") {
        ask(host.url(), &sql).unwrap_err();
    }
    assert_eq!(fs::read_dir(&drop_box).unwrap().count(), 0);
    for sql in write("control") {
        production.sql(&sql);
    }
    assert_eq!(fs::read_dir(&drop_box).unwrap().count(), 3);
    // Reading by the server itself.
    for sql in [
        format!("SELECT pg_read_file('{base}/open/secret')"),
        format!("SELECT string_agg(f, ' ') FROM pg_ls_dir('{base}/open') f"),
        format!("SELECT lo_import('{base}/open/secret')"),
        format!("CREATE TEMP TABLE t (x text); COPY t FROM '{base}/open/secret'; SELECT x FROM t"),
        format!("SELECT pg_read_binary_file('{base}/etc/envclone.toml')"),
        "SELECT pg_read_file('/proc/1/environ')".to_owned(),
    ] {
        if !sql.contains("/proc/1/") {
            assert!(!production.sql(&sql).is_empty(), "the control of {sql}");
        }
        let said = ask(host.url(), &sql).unwrap_err();
        assert!(said.contains("could not"), "{sql}: {said}");
    }
    // Root's own, which even production's server cannot read: not even there.
    for (path, outside) in [
        (production.state_dir().join("shop/key"), "control"),
        (production.state_dir().join("shop"), "control"),
        (production.pool().join(".envclone/env/shop/one"), "control"),
        (
            production.pool().join(".envclone/env/shop/two/clone/db"),
            "control",
        ),
    ] {
        assert!(path.exists(), "the {outside} of {}", path.display());
        let said = shell(host.url(), &format!("ls -ld {}", path.display()));
        assert!(said.contains("No such file"), "{said}");
    }
    // What tells of mounts names the branch's own clone, and nothing else of the pool.
    let mounts = shell(
        host.url(),
        "cat /proc/self/mountinfo /proc/self/mounts; cat /proc/1/mountinfo",
    );
    assert!(
        mounts.contains("/.envclone/env/shop/one/clone/db") || mounts.contains("/clone/db"),
        "{mounts}"
    );
    // envclone's configuration of this very server, read-only, is the other place that it is told.
    let foreign_mounts: Vec<&str> = mounts
        .lines()
        .filter(|line| !line.contains("/run/envclone-conf"))
        .collect();
    let mounts = foreign_mounts.join("\n");
    for foreign in ["/two", "uploads", "checkpoint", "state", "/etc/envclone"] {
        assert!(!mounts.contains(foreign), "{foreign} in {mounts}");
    }
}

#[test]
fn a_superuser_of_a_branch_reaches_no_process_and_no_network_of_the_host() {
    reaches_no_process_and_no_network(&Host::new());
}

#[test]
fn from_a_root_file_system_a_superuser_reaches_no_process_and_no_network_of_the_host() {
    reaches_no_process_and_no_network(&Host::from_rootfs());
}

fn reaches_no_process_and_no_network(host: &Host) {
    let production = &host.production;
    let port = host.listener.local_addr().unwrap().port().to_string();
    host.only_outside(&connect("127.0.0.1", &port), "got-in");
    host.only_outside(&connect(&production.address().to_string(), "5432"), "got-in");
    let of_two = host.two["services"]["db"]["port"].as_u64().unwrap().to_string();
    host.only_outside(&connect(&production.address().to_string(), &of_two), "got-in");
    let of_one = host.one["services"]["db"]["port"].as_u64().unwrap().to_string();
    host.only_outside(&connect(&production.address().to_string(), &of_one), "got-in");
    let abstract_socket = format!(
        "perl -MSocket -e 'socket(my $s, AF_UNIX, SOCK_STREAM, 0); connect($s, pack_sockaddr_un(\"\\0{}\")) and print \"got-in\"'",
        host.abstract_name
    );
    host.only_outside(&abstract_socket, "got-in");
    for command in host.queues.commands() {
        host.only_outside(&command, "is-there");
    }
    let ask_production = format!(
        "psql -h {}/sock -U postgres -d shop -At -c \"SELECT 6 * 7 || '-answers'\"",
        production.base().display()
    );
    host.only_outside(&ask_production, "42-answers");
    let server = production.server_pid().unwrap();
    host.only_outside(&format!("cat /proc/{server}/comm"), "postgres");
    host.only_outside(&format!("kill -0 {server} && echo is-there"), "is-there");
    host.only_outside("cat /proc/[0-9]*/comm", "envclone");
    host.only_outside(
        "cat /proc/[0-9]*/environ | tr '\\000' '\\n' | grep -a CANARY",
        "canary-of-an-environment",
    );
    host.only_outside("cat /proc/[0-9]*/comm | grep -x tail", "tail");
    assert!(!shell(host.url(), "ls -l /proc/1/root/ /proc/1/cwd/").contains("home"));
    // Credentials of one are none of the other.
    let admin = format!("user=admin dbname=shop password={OF_PRODUCTION}");
    let at_production = format!("host={} port=5432 {admin}", production.address());
    assert_eq!(ask(&at_production, "SELECT 1").unwrap(), "1", "the control");
    let at_branch = at_production.replace("port=5432", &format!("port={of_one}"));
    assert!(
        ask(&at_branch, "SELECT 1")
            .unwrap_err()
            .contains("password authentication failed")
    );
    let (_, rest) = host.url().split_once("://").unwrap();
    let password = rest.split(['@', ':']).nth(1).unwrap();
    let swapped = at_production.replace(OF_PRODUCTION, password);
    assert!(
        ask(&swapped, "SELECT 1")
            .unwrap_err()
            .contains("password authentication failed")
    );
}

#[test]
fn a_superuser_of_a_branch_gains_nothing_by_what_is_installed() {
    gains_nothing(&Host::new());
}

#[test]
fn from_a_root_file_system_a_superuser_gains_nothing_by_what_is_installed() {
    gains_nothing(&Host::from_rootfs());
}

fn gains_nothing(host: &Host) {
    let base = host.production.base();
    // A program of root's with the set-id bit, put into the branch by root itself.
    let inside = host.production.data().join("id");
    let planted = host.clone_of("one").join("db/data/id");
    fs::copy(base.join("open/id"), &planted).unwrap();
    set_mode(&planted, 0o4755);
    let outside = host
        .production
        .sql(&program(&format!("{}/open/id", base.display())));
    assert!(outside.contains("euid=0"), "the control: {outside}");
    let said = shell(host.url(), &inside.display().to_string());
    assert!(said.contains("uid=") && !said.contains("euid=0"), "{said}");
    for program in [
        "su -c id",
        "su -c id root </dev/null",
        "sudo -n id",
        "newuidmap 1 0 0 1",
        "newgrp root -c id",
        "pkexec id",
    ] {
        let said = shell(host.url(), &format!("timeout 10 {program} </dev/null"));
        assert!(
            !said.contains("uid=0") && !said.contains("gid=0"),
            "{program}: {said}"
        );
    }
    // Walls of its own. The server's account may make them outside.
    host.only_outside("unshare -Ur sh -c 'echo walls'", "walls");
    host.only_outside(
        "unshare -Urm sh -c 'mount -t tmpfs none /mnt && echo mounted'",
        "mounted",
    );
    host.only_outside(
        &format!("unshare -Urpfn sh -c 'echo spaces'; cd {} && true", "/"),
        "spaces",
    );
    let subvolume = format!(
        "cd {} && btrfs subvolume create nested >/dev/null 2>&1; test -d nested && echo was-made",
        host.production.data().display()
    );
    host.only_outside(&subvolume, "was-made");
    host.only_outside(
        "perl -e 'print \"keys\" if syscall(250, 0, -3, 1, 0, 0) >= 0'",
        "keys",
    );
    host.only_outside(
        "perl -e '@a = (\"user\", \"a\", \"b\"); print \"keys\" if syscall(248, @a, 1, -2) >= 0'",
        "keys",
    );
    // The system's own files cannot be written even by who owns them: that is not the account's doing.
    let mounts = shell(host.url(), "cat /proc/self/mountinfo");
    let usr = mounts.lines().find(|line| line.contains(" /usr ")).unwrap();
    assert!(usr.contains(" ro,"), "{usr}");
    for command in [
        "touch /usr/x",
        "touch /etc/x",
        "mknod /tmp/disk b 7 0",
        "touch /run/envclone-conf/x",
        "rm /run/envclone-conf/pg_hba.conf",
        "echo 1 > /proc/sys/kernel/hostname",
        "echo 1 > /proc/sysrq-trigger",
        "mkdir /home",
    ] {
        let said = shell(host.url(), &format!("{command} && echo was-done"));
        assert!(!said.contains("was-done"), "{command}: {said}");
    }
    // Nothing of all this has left the branch in a state that it cannot be removed from.
    host.production.envclone(&["destroy", "one", "two"]).ok();
}

#[test]
fn the_branch_of_a_superuser_that_listens_everywhere_is_still_alone() {
    let host = Host::new();
    // One that is free on the host.
    let free = std::net::TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let listen = format!(
        "perl -MSocket -e 'socket(my $s, AF_INET, SOCK_STREAM, 0); bind($s, pack_sockaddr_in({port}, INADDR_ANY)); listen($s, 5); accept(my $c, $s); print $c \"hello\"'"
    );
    let begin = format!(
        "COPY (SELECT 1) TO PROGRAM {}",
        quoted(&format!("({listen}) >/dev/null 2>&1 </dev/null & cat >/dev/null"))
    );
    ask(host.url(), &begin).unwrap();
    let until = std::time::Instant::now() + MINUTE;
    // The control: it listens inside.
    while !shell(host.url(), &format!("grep -c :{port:04X} /proc/net/tcp")).starts_with('1') {
        assert!(std::time::Instant::now() < until, "it does not listen");
    }
    let mut heard = String::new();
    for address in ["127.0.0.1", &host.production.address().to_string()] {
        if let Ok(mut connection) = std::net::TcpStream::connect((address, port)) {
            connection.read_to_string(&mut heard).unwrap();
        }
    }
    assert_eq!(heard, "");
    assert!(
        !world::list(&host.production)
            .iter()
            .any(|line| line == &format!("port {port}"))
    );
}

/// The files of `/etc` that a sandbox has, and no others.
const ETC: [&str; 10] = [
    "alternatives",
    "group",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "nsswitch.conf",
    "passwd",
    "timezone",
];

#[test]
fn a_branch_from_a_root_file_system_has_its_system_and_nothing_of_the_hosts() {
    let host = Host::from_rootfs();
    let rootfs = crate::production::rootfs();
    let url = host.url();
    // The control: this host has what the root file system has not.
    assert!(Path::new("/usr/lib/postgresql/15/bin/postgres").is_file());
    assert_eq!(shell(url, "ls /usr/lib/postgresql"), "17");
    let release = fs::read_to_string(rootfs.join("usr/lib/os-release")).unwrap();
    assert_ne!(fs::read_to_string("/usr/lib/os-release").unwrap(), release);
    assert_eq!(shell(url, "cat /usr/lib/os-release").trim(), release.trim());
    // All that is mounted lies in it, in the clone, in envclone's configuration of the server, or in memory.
    let mounts = shell(url, "cat /proc/self/mountinfo");
    let image = rootfs.to_str().unwrap().to_owned();
    let mut seen = 0;
    for line in mounts.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let (source, target) = (fields[3], fields[4]);
        let of_image = ["/usr", "/etc/"].iter().any(|place| target.starts_with(place));
        let written = ["/etc/passwd", "/etc/group", "/etc/hosts"].contains(&target);
        if of_image && !written {
            seen += 1;
            assert!(source.ends_with(&format!("{image}{target}")), "{line}");
            assert!(
                fields[5].starts_with("ro,") && fields[5].contains("nosuid"),
                "{line}"
            );
        }
    }
    assert!(seen > 3, "{mounts}");
    let listed = shell(url, "ls -A /etc");
    assert!(
        !listed.is_empty() && listed.lines().all(|name| ETC.contains(&name)),
        "{listed}"
    );
    // What the server has loaded is what lies there, byte for byte the same files.
    let libc = rootfs.join("usr/lib/x86_64-linux-gnu/libc.so.6");
    let inode = fs::metadata(&libc).unwrap().ino().to_string();
    let maps = shell(
        url,
        "grep libc.so.6 /proc/self/maps; ls -di /usr/lib/x86_64-linux-gnu/libc.so.6",
    );
    assert!(maps.lines().all(|line| line.contains(&inode)), "{inode}: {maps}");
    // Its accounts, and who the server is; of the host's people and names nobody.
    assert_eq!(shell(url, "id -un"), "postgres");
    let own = fs::read_to_string(rootfs.join("etc/passwd")).unwrap();
    let passwd = shell(url, "cat /etc/passwd");
    let added: Vec<&str> = passwd.lines().filter(|line| !own.contains(line)).collect();
    assert_eq!(added.len(), 1, "{added:?}");
    let hosts = shell(url, "cat /etc/hosts");
    assert!(hosts.lines().all(|line| line.contains("localhost")), "{hosts}");
}
