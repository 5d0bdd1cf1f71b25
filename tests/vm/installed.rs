//! envclone as `make install` leaves it on a systemd host, with a production beside it that is a unit of its own: everything at its
//! usual place. It stays when a test ends: the machine does not.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::pool::{make_subvolume, run};
use crate::production::{self, Ended, RULES, ask, program, server_programs};

/// Where the binary is.
pub const ENVCLONE: &str = "/usr/local/bin/envclone";
const POOL: &str = "/srv/pool";
const ROOT: &str = "/srv/pool/shop";
const ZPOOL: &str = "tank";
/// The serial number of a disk that is blank when the machine is made.
const BLANK: &str = "blank1";
/// Where production's server listens.
const SOCKET: &str = "/run/shop";
const UNIT: &str = "shop-db.service";

/// Installs the built binary with all that belongs to it, as an administrator does.
pub fn install() {
    let mut make = program("/usr/bin/make");
    make.current_dir(env!("CARGO_MANIFEST_DIR"));
    make.args(["install", "BINARY=target/debug/envclone"]);
    Ended::of(make.output().unwrap()).ok();
}

/// Makes a pool in a file, and a production in it that runs.
pub fn make_production() {
    envclone(&["pool", "create", POOL, "--size", "2G"]).ok();
    make_subvolume(Path::new(ROOT));
    fs::create_dir(Path::new(ROOT).join("db")).unwrap();
    start(&format!("pool = {POOL:?}"), ROOT);
}

/// Makes a zpool on a disk, which the distribution's units import and mount at boot, and a production in it that runs.
pub fn make_production_on_zfs() {
    let units = ["zfs-load-module", "zfs-import-cache", "zfs-mount"].map(|unit| format!("{unit}.service"));
    let units = units.each_ref().map(String::as_str);
    run("systemctl", &[&["unmask", "--quiet"][..], &units].concat());
    let targets = ["zfs-import.target", "zfs.target"];
    run(
        "systemctl",
        &[&["enable", "--quiet"][..], &units, &targets].concat(),
    );
    run("zpool", &["create", "-m", POOL, ZPOOL, &blank_disk()]);
    for dataset in ["envclone", "shop", "shop/db"] {
        run("zfs", &["create", &format!("{ZPOOL}/{dataset}")]);
    }
    // Which driver fits is seen by the paths.
    start(&format!("pool = \"{POOL}/envclone\""), ROOT);
}

/// The first of the disks that the guest has for tests.
fn blank_disk() -> String {
    let disks = fs::read_dir("/sys/block").unwrap().flatten();
    let is_it = |disk: &fs::DirEntry| {
        fs::read_to_string(disk.path().join("serial")).is_ok_and(|serial| serial.trim() == BLANK)
    };
    let disk = disks.into_iter().find(is_it).unwrap();
    format!("/dev/{}", disk.file_name().to_str().unwrap())
}

/// Fills the root with data, starts its server, and configures envclone with these lines and this root.
fn start(storage: &str, root: &str) {
    let (uid, gid) = production::postgres();
    let volume = Path::new(ROOT).join("db");
    chown(&volume, Some(uid), Some(gid)).unwrap();
    let data = volume.join("data");
    production::copy(&production::template(Path::new(server_programs())), &data);
    let settings = format!(
        "listen_addresses = ''\nunix_socket_directories = '{SOCKET}'\nmax_prepared_transactions = 5\n"
    );
    fs::write(data.join("postgresql.conf"), settings).unwrap();
    fs::write(data.join("pg_hba.conf"), "local all all trust\n").unwrap();
    fs::create_dir_all(Path::new(ROOT).join("uploads/public")).unwrap();
    fs::write(Path::new(ROOT).join("uploads/public/lamp.txt"), "a lamp").unwrap();
    start_production(&data);
    configure(storage, root);
    // All of this was there long ago when the host goes down; what envclone does from here on must last by itself.
    rustix::fs::sync();
}

/// Its server lies in a pool that envclone mounts at boot.
fn start_production(data: &Path) {
    let unit = format!(
        "[Unit]\nAfter=envclone.service\n[Service]\nType=notify\nUser=postgres\nRuntimeDirectory=shop\n\
         ExecStart={}/postgres -D {}\nKillSignal=SIGINT\n[Install]\nWantedBy=multi-user.target\n",
        server_programs(),
        data.display()
    );
    fs::write(Path::new("/etc/systemd/system").join(UNIT), unit).unwrap();
    run("systemctl", &["daemon-reload"]);
    run("systemctl", &["enable", "--quiet", "--now", UNIT]);
}

fn configure(storage: &str, root: &str) {
    let configuration = format!(
        r#"[project]
name = "shop"

[storage]
{storage}

[environments.prod]
type = "production"
root = "{root}"

[services.db]
engine = "postgres"
volume = "db"
data = "data"
database = "shop"
user = "shop"
source = "postgres:///shop?host={SOCKET}&user=postgres"

[services.uploads]
engine = "files"
volume = "uploads"

[sanitize]
rules = ["sanitize/*.toml"]
"#
    );
    fs::create_dir_all("/etc/envclone/sanitize").unwrap();
    fs::write("/etc/envclone/envclone.toml", configuration).unwrap();
    fs::write("/etc/envclone/sanitize/shop.toml", RULES).unwrap();
    let key = Path::new("/var/lib/envclone/shop/key");
    fs::create_dir_all(key.parent().unwrap()).unwrap();
    production::set_mode(key.parent().unwrap(), 0o700);
    fs::write(key, [7; 32]).unwrap();
    production::set_mode(key, 0o600);
}

/// The installed envclone, not started yet.
pub fn command(args: &[&str]) -> Command {
    let mut command = program(ENVCLONE);
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs the installed envclone to its end.
pub fn envclone(args: &[&str]) -> Ended {
    Ended::of(command(args).output().unwrap())
}

/// What the journals of runs say that have not ended.
pub fn journals_of_runs() -> String {
    let runs = fs::read_dir("/var/lib/envclone/shop/runs");
    let text = |run: fs::DirEntry| fs::read_to_string(run.path()).unwrap_or_default();
    runs.into_iter().flatten().flatten().map(text).collect()
}

/// The paths of all subvolumes of the pool.
pub fn subvolumes() -> String {
    let listed = run("btrfs", &["subvolume", "list", POOL]);
    let path = |line: &str| format!("{}\n", line.split(" path ").nth(1).unwrap());
    let paths: BTreeSet<String> = listed.lines().map(path).collect();
    paths.into_iter().collect()
}

/// All datasets and snapshots of the zpool.
pub fn datasets() -> String {
    run("zfs", &["list", "-H", "-r", "-t", "all", "-o", "name", ZPOOL])
}

/// Makes a branch of the production; its document.
#[track_caller]
pub fn branch(name: &str) -> Value {
    envclone(&["--json", "branch", "prod", name]).json()
}

/// The URL in a branch's document.
pub fn url_of(document: &Value) -> String {
    document["url"].as_str().unwrap().to_owned()
}

/// What the production answers.
pub fn ask_production(sql: &str) -> String {
    ask(&format!("host={SOCKET} user=postgres dbname=shop"), sql).unwrap()
}

/// Nothing is wrong, as `doctor` sees it.
#[track_caller]
pub fn nothing_is_wrong() {
    assert_eq!(envclone(&["doctor"]).ok(), "nothing is wrong\n");
}

/// What a unit's processes said since this boot.
pub fn journal_of(unit: &str) -> String {
    run("journalctl", &["--boot", "--output=cat", "--unit", unit])
}

/// What systemd knows of a unit.
pub fn property(unit: &str, name: &str) -> String {
    run("systemctl", &["show", "--value", "--property", name, unit])
        .trim()
        .to_owned()
}
