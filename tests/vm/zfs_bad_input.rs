//! What is wrong with pools, roots and what hangs on a branch on ZFS: each is named, and nothing is lost.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use envclone::exec::Invocation;

use crate::pool::{LONG, before_another_look, run};
use crate::production::{Ended, Production, program};
use crate::tank::{of_files, quiet};
use crate::zfs_pool::{ZfsPool, patiently};

const BRANCH: [&str; 3] = ["branch", "prod", "fix-42"];

/// A branch of it is refused with this code, these words, and nothing left.
#[track_caller]
fn refused(production: &Production, code: i32, said: &[&str]) {
    let before = production.world();
    production.envclone(&BRANCH).refused(code, said);
    assert_eq!(production.world(), before);
}

/// The zpool of a production.
fn zpool_of(production: &Production) -> String {
    let (pool, _) = production.ground().names();
    pool.split('/').next().unwrap().to_owned()
}

/// Has `root` or `pool` name another dataset.
pub(crate) fn with(production: &Production, key: &str, dataset: &str) {
    let file = production.etc().join("envclone.toml");
    let text = fs::read_to_string(&file).unwrap();
    let is_it = |line: &&str| line.starts_with(&format!("{key} = "));
    let old = text.lines().find(is_it).unwrap();
    fs::write(file, text.replace(old, &format!("{key} = {dataset:?}"))).unwrap();
}

#[test]
fn a_root_on_zfs_must_be_a_dataset_that_is_mounted_readable_and_not_named_too_long() {
    let production = quiet(&[]);
    let zpool = zpool_of(&production);
    let (pool, root) = production.ground().names();
    let database = format!("{root}/db");
    production.envclone(&["doctor"]);

    run("zfs", &["umount", &database]);
    for (mountpoint, said) in [("none", "its mountpoint is none"), ("legacy", "mount -t zfs")] {
        run("zfs", &["set", &format!("mountpoint={mountpoint}"), &database]);
        refused(&production, 2, &[&database, "is not mounted", said]);
    }
    fs::create_dir_all(production.volume()).unwrap();
    run(
        "mount",
        &["-t", "zfs", &database, production.volume().to_str().unwrap()],
    );
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
    run("umount", &[production.volume().to_str().unwrap()]);
    run("zfs", &["inherit", "mountpoint", &database]);

    // The root itself, and the pool.
    let hidden = format!("{zpool}/hidden");
    run("zfs", &["create", "-o", "mountpoint=none", &hidden]);
    let (own_pool, own_root) = production.ground().names();
    for (key, own) in [("root", &own_root), ("pool", &own_pool)] {
        with(&production, key, &hidden);
        refused(
            &production,
            2,
            &[&hidden, "is not mounted", "its mountpoint is none"],
        );
        with(&production, key, own);
    }
    with(&production, "pool", &format!("{zpool}/nothing"));
    refused(
        &production,
        1,
        &[&format!("{zpool}/nothing"), "does not exist", "zfs create"],
    );
    with(&production, "pool", &own_pool);

    let long = format!("{zpool}/{}", "a".repeat(250 - zpool.len() - 1));
    run("zfs", &["create", &long]);
    with(&production, "root", &long);
    refused(&production, 2, &["ZFS allows 255"]);
    patiently("zfs", &["destroy", &long]).unwrap();

    let key = production.base().join("zfs.key");
    fs::write(&key, [7; 32]).unwrap();
    let secret = format!("{zpool}/secret");
    let location = format!("keylocation=file://{}", key.display());
    let encrypted = ["-o", "encryption=on", "-o", "keyformat=raw", "-o", &location];
    run("zfs", &[&["create"][..], &encrypted, &[&secret]].concat());
    with(&production, "root", &secret);
    refused(&production, 2, &[&secret, "is encrypted", &pool]);
    run("zfs", &["umount", &secret]);
    run("zfs", &["unload-key", &secret]);
    refused(&production, 1, &[&secret, "is not loaded", "zfs load-key"]);
}

#[test]
fn what_lies_in_a_root_and_on_another_zpool_or_elsewhere_than_in_it_is_named() {
    let production = quiet(&[]);
    production.envclone(&["doctor"]);
    let other = ZfsPool::of(64, &[]);
    let inside = production.root().join("uploads/other");
    let at = format!("mountpoint={}", inside.display());
    patiently("zfs", &["set", &at, other.name()]).unwrap();
    let which = format!(
        "{} (zfs), which is mounted at {},",
        other.name(),
        inside.display()
    );
    refused(&production, 2, &[&which, "a snapshot of it leaves that out"]);
    let at = format!("mountpoint={}", other.path().display());
    patiently("zfs", &["set", &at, other.name()]).unwrap();
    fs::remove_dir(&inside).unwrap();

    let (_, root) = production.ground().names();
    let child = format!("{root}/child");
    let elsewhere = format!("mountpoint={}", production.base().join("elsewhere").display());
    run("zfs", &["create", "-o", &elsewhere, &child]);
    let at = format!("is mounted at {}", production.base().join("elsewhere").display());
    refused(&production, 2, &[&child, &at, "does not lie in"]);
    patiently("zfs", &["destroy", &child]).unwrap();

    let volume = format!("{root}/volume");
    run("zfs", &["create", "-s", "-V", "8M", &volume]);
    refused(
        &production,
        2,
        &[&format!("the volume {volume} is in the root {root}")],
    );
}

/// Runs envclone in a mount namespace of its own, in which this was done before.
pub(crate) fn where_first(production: &Production, done: &str, args: &[&str]) -> Ended {
    let command = production.command(args);
    let mut hidden = program("/usr/bin/unshare");
    let script = format!("{done}; exec \"$@\"");
    hidden.args([
        "--mount",
        "--propagation",
        "slave",
        "--",
        "sh",
        "-euc",
        &script,
        "-",
    ]);
    hidden.arg(command.get_program()).args(command.get_args());
    Ended::of(hidden.output().unwrap())
}

#[test]
fn a_host_whose_zfs_is_not_installed_not_loaded_or_too_old_is_told_what_to_do() {
    let production = quiet(&[]);
    production.envclone(&["doctor"]);
    let before = production.world();
    let version = production.base().join("version");
    fs::write(&version, "2.0.7-1\n").unwrap();
    let too_old = format!("mount --bind {} /sys/module/zfs/version", version.display());
    let not_installed = "mount --bind /dev/null /usr/sbin/zfs; mount --bind /dev/null /usr/sbin/zpool";
    for (done, said, fix) in [
        (not_installed, "zfs", "apt-get install zfsutils-linux"),
        (
            "mount -t tmpfs none /sys/module/zfs",
            "the ZFS module is not loaded",
            "modprobe zfs",
        ),
        (
            &too_old,
            "ZFS 2.0 is loaded; envclone needs 2.1 or later",
            "install ZFS 2.1 or later",
        ),
    ] {
        let ended = where_first(&production, done, &BRANCH);
        ended.refused(1, &[said]);
        let told = where_first(&production, done, &["doctor"]);
        assert_eq!(told.code, 1, "{told:?}");
        assert!(told.stdout.contains(&format!("fix: {fix}")), "{told:?}");
        assert_eq!(production.world(), before);
    }
}

#[test]
fn a_zpool_that_is_gone_or_read_only_takes_no_branch_and_comes_back_whole() {
    let production = quiet(&[]);
    let zpool = zpool_of(&production);
    production.envclone(&["doctor"]);
    let before = production.world();
    patiently("zpool", &["export", &zpool]).unwrap();
    let pool = production.ground().names().0;
    production
        .envclone(&BRANCH)
        .refused(1, &[&pool, "does not exist"]);
    let place = production.base().to_str().unwrap();
    let import = ["import", "-o", "cachefile=none", "-d", place];
    run("zpool", &[&import[..], &["-o", "readonly=on", &zpool]].concat());
    refused(&production, 1, &[&zpool, "imported read-only", "zpool status"]);
    assert_eq!(production.envclone(&["list"]).code, 0);
    production.ground().remount();
    assert_eq!(production.world(), before);
}

/// A zpool on a file in a small filesystem in memory. When dropped it has room again, without which it would hang for ever, and is
/// gone with all that was made for it.
struct SickPool {
    name: String,
    mounted: PathBuf,
    backing: tempfile::TempDir,
    writer: Option<Child>,
}

impl SickPool {
    fn new(name: String, mounted: PathBuf) -> Self {
        let pool = Self {
            name,
            mounted,
            backing: tempfile::tempdir().unwrap(),
            writer: None,
        };
        let place = pool.backing.path().to_str().unwrap();
        run(
            "mount",
            &["-t", "tmpfs", "-o", "size=96m", "envclone-test", place],
        );
        let vdev = pool.backing.path().join("vdev");
        fs::File::create(&vdev).unwrap().set_len(512 << 20).unwrap();
        let mounted = pool.mounted.to_str().unwrap();
        let make = ["create", "-o", "cachefile=none", "-m", mounted, &pool.name];
        run("zpool", &[&make[..], &[vdev.to_str().unwrap()]].concat());
        pool
    }

    fn filler(&self) -> PathBuf {
        self.backing.path().join("full")
    }

    /// Fills what it lies on, and has something write to it until it is suspended.
    fn suspend(&mut self) {
        let written = program("/usr/bin/dd")
            .args(["if=/dev/zero", "bs=1M"])
            .arg(format!("of={}", self.filler().display()))
            .output()
            .unwrap();
        assert!(!written.status.success(), "it is not full");
        let mut writer = program("/usr/bin/dd");
        writer.args(["if=/dev/urandom", "bs=1M", "count=64", "conv=fsync"]);
        writer.arg(format!("of={}", self.mounted.join("file").display()));
        self.writer = Some(writer.stderr(Stdio::null()).spawn().unwrap());
        let began = std::time::Instant::now();
        while run("zpool", &["get", "-Hp", "-o", "value", "health", &self.name]).trim() != "SUSPENDED" {
            assert!(began.elapsed() < LONG, "it is not suspended");
            before_another_look();
        }
    }
}

impl SickPool {
    /// Gives it room, and what waited for that goes on.
    fn recover(&mut self) {
        fs::remove_file(self.filler()).unwrap();
        run("zpool", &["clear", &self.name]);
        if let Some(mut writer) = self.writer.take() {
            writer.wait().unwrap();
        }
    }
}

impl Drop for SickPool {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.filler());
        // Neither was made where making it failed.
        let _ = Invocation::of("zpool").unwrap().args(["clear", &self.name]).run();
        let writer = self.writer.as_mut().map(Child::wait);
        let destroyed = patiently("zpool", &["destroy", &self.name]);
        let place = self.backing.path().to_str().unwrap();
        let unmounted = Invocation::of("umount").unwrap().args([place]).run();
        if !std::thread::panicking() {
            writer.transpose().unwrap();
            destroyed.unwrap();
            unmounted.unwrap();
        }
    }
}

#[test]
fn a_zpool_that_is_suspended_is_named_nothing_waits_for_it_and_its_branches_are_there_again() {
    let production = of_files();
    let zpool = format!("{}s", zpool_of(&production));
    let mut sick = SickPool::new(zpool.clone(), production.base().join("sick"));
    for dataset in ["envclone", "prod"] {
        run("zfs", &["create", &format!("{zpool}/{dataset}")]);
    }
    let uploads = production.base().join("sick/prod/uploads/public");
    fs::create_dir_all(&uploads).unwrap();
    fs::write(uploads.join("lamp.txt"), "a lamp").unwrap();
    with(&production, "pool", &format!("{zpool}/envclone"));
    with(&production, "root", &format!("{zpool}/prod"));
    production.branch("fix-42");
    sick.suspend();
    let said = [zpool.as_str(), "SUSPENDED", "zpool status"];
    production
        .envclone(&["branch", "prod", "other"])
        .refused(1, &said);
    assert_eq!(production.envclone(&["list"]).code, 0);
    let told = production.envclone(&["doctor"]);
    assert!(told.code == 1 && told.stdout.contains("SUSPENDED"), "{told:?}");
    let refused = production.envclone(&["destroy", "fix-42"]);
    assert!(
        refused.code != 0 && refused.stderr.contains("SUSPENDED"),
        "{refused:?}"
    );

    sick.recover();
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
}

/// A unit of systemd's that sleeps; gone when dropped.
struct Unit(String);

impl Unit {
    fn holding(name: &str, property: &str) -> Self {
        let run_it = [
            "--quiet",
            "--collect",
            "--service-type=exec",
            "--unit",
            name,
            "--property",
        ];
        run(
            "systemd-run",
            &[&run_it[..], &[property, "--", "sleep", "600"]].concat(),
        );
        Self(name.to_owned())
    }

    fn pid(&self) -> u32 {
        let shown = run("systemctl", &["show", "--value", "--property=MainPID", &self.0]);
        shown.trim().parse().unwrap()
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        run("systemctl", &["stop", &self.0]);
    }
}

/// The only dataset or snapshot of the storage whose name contains this.
#[track_caller]
fn the_one(production: &Production, part: &str) -> String {
    let mut found = production.ground().objects();
    found.retain(|name| name.contains(part) && !name.contains("/db"));
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].strip_prefix("dataset ").unwrap().to_owned()
}

#[test]
fn things_of_others_that_hang_on_a_branch_keep_it_and_are_named_until_they_are_gone() {
    let production = of_files();
    let before = production.ground().objects();
    production.branch("fix-42");
    let zpool = zpool_of(&production);
    let raw = the_one(&production, "/prod@");
    let destroy = || production.envclone(&["destroy", "fix-42"]);
    let clone = run("zfs", &["get", "-Hp", "-o", "value", "clones", &raw]);

    let theirs = format!("{}@theirs", clone.trim());
    let foreign = format!("{zpool}/foreign");
    run("zfs", &["snapshot", &theirs]);
    run("zfs", &["clone", &theirs, &foreign]);
    destroy().refused(4, &[&theirs, "envclone did not make", "left behind:"]);
    patiently("zfs", &["destroy", &foreign]).unwrap();
    patiently("zfs", &["destroy", &theirs]).unwrap();

    let place = production.pool().join(".envclone/env/shop/fix-42/clone/root");
    let there = format!("WorkingDirectory={}", place.display());
    let unit = Unit::holding(&format!("holder-{zpool}.service"), &there);
    let who = format!(
        "in use by process {} (sleep, unit {}): its working directory",
        unit.pid(),
        unit.0
    );
    destroy().refused(4, &[&who]);
    drop(unit);
    // A namespace in which nobody unmounts anything but itself holds nothing.
    let _unit = Unit::holding(&format!("private-{zpool}.service"), "MountFlags=private");

    // It would keep what the branch was made of: production's originals.
    run("zfs", &["clone", &raw, &foreign]);
    destroy().refused(
        4,
        &[&raw, &format!("its clone {foreign}"), "envclone did not make"],
    );
    patiently("zfs", &["destroy", &foreign]).unwrap();

    // A tool of others holds production's snapshot, which would stay with all that it holds of production.
    run("zfs", &["hold", "backup", &raw]);
    destroy().refused(4, &[&raw, "is held (backup)", "zfs release"]);
    run("zfs", &["release", "backup", &raw]);

    // And the branch's own checkpoint.
    let objects = production.ground().objects();
    let mut own = objects.iter().filter_map(|name| name.strip_prefix("dataset "));
    let own = own.find(|name| name.contains("/.envclone/") && name.contains('@') && !name.contains("/db"));
    let own = own.unwrap();
    run("zfs", &["hold", "backup", own]);
    destroy().refused(4, &[own, "is held (backup)", "zfs release"]);
    // It is half gone by then, which is told, and how to end it.
    let told = production.envclone(&["doctor"]);
    assert!(
        told.code == 1 && told.stdout.contains("fix: envclone destroy fix-42"),
        "{told:?}"
    );
    run("zfs", &["release", "backup", own]);

    destroy().ok();
    assert_eq!(production.ground().objects(), before);
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
}

#[test]
fn a_branch_is_destroyed_when_the_pool_is_full_since_that_makes_room() {
    let production = of_files();
    production.envclone(&["doctor"]);
    let before = production.ground().objects();
    production.branch("fix-42");
    let zpool = zpool_of(&production);
    let free = run("zfs", &["get", "-Hp", "-o", "value", "available", &zpool]);
    let free: u64 = free.trim().parse().unwrap();
    let taken = format!("{zpool}/taken");
    let reservation = format!("reservation={}", free - (64 << 10));
    run(
        "zfs",
        &["create", "-o", "canmount=off", "-o", &reservation, &taken],
    );
    // The control: nobody can write there any more.
    let mut more = program("/usr/bin/dd");
    more.args(["if=/dev/urandom", "bs=1M", "count=8", "conv=fsync"]);
    more.arg(format!("of={}", production.root().join("more").display()));
    assert!(!more.output().unwrap().status.success(), "it is not full");
    production.envclone(&["destroy", "fix-42"]).ok();
    patiently("zfs", &["destroy", &taken]).unwrap();
    assert_eq!(production.ground().objects(), before);
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
}
