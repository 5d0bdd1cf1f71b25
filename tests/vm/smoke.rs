//! The guest is what the tests take it for.

use std::fs;
use std::path::Path;

use crate::pool::run;
use crate::production::{server_programs, template};
use crate::zfs_pool::ZfsPool;

#[test]
fn the_system_runs_under_systemd_with_cgroup_2() {
    assert_eq!(fs::read_to_string("/proc/1/comm").unwrap().trim(), "systemd");
    assert_eq!(run("systemctl", &["is-system-running"]).trim(), "running");
    let mounted = run(
        "findmnt",
        &["--noheadings", "--output", "FSTYPE", "/sys/fs/cgroup"],
    );
    assert_eq!(mounted.trim(), "cgroup2");
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    assert!(own.starts_with("0::/system.slice/"), "{own}");
}

#[test]
fn the_system_has_what_is_tested_and_no_network() {
    let module = fs::read_to_string("/sys/module/zfs/version").unwrap();
    assert!(module.starts_with("2.3."), "{module}");
    let version = run("/usr/sbin/mariadbd", &["--version"]);
    assert!(version.contains(" 11.8."), "{version}");
    let mut devices: Vec<_> = fs::read_dir("/sys/class/net").unwrap().flatten().collect();
    devices.retain(|device| device.file_name() != "lo");
    assert!(devices.is_empty(), "{devices:?}");
}

#[test]
fn a_recursive_snapshot_of_zfs_is_one_transaction_and_a_clone_has_its_bytes() {
    let pool = ZfsPool::new();
    let (shop, db) = (pool.dataset("shop"), pool.dataset("shop/db"));
    run("zfs", &["create", &shop]);
    run("zfs", &["create", &db]);
    let file = |dataset: &str| pool.path().join(dataset).join("file");
    fs::write(file("shop/db"), "before").unwrap();

    run("zfs", &["snapshot", "-r", &format!("{shop}@now")]);
    fs::write(file("shop/db"), "after").unwrap();
    run("zfs", &["clone", &format!("{db}@now"), &pool.dataset("clone")]);

    let born = |dataset: &str| {
        run(
            "zfs",
            &["get", "-Hpo", "value", "createtxg", &format!("{dataset}@now")],
        )
    };
    assert_eq!(born(&shop), born(&db));
    assert_eq!(fs::read_to_string(file("clone")).unwrap(), "before");
    pool.reimport();
    assert_eq!(fs::read_to_string(file("clone")).unwrap(), "before");
}

/// `scripts/vm/test.sh` runs this one on the host too, with the guest's files in place of the host's, and carries what it makes into
/// each machine.
#[test]
fn the_productions_of_the_tests_begin_with_a_cluster_of_the_guests_own_server() {
    let template = template(Path::new(server_programs()));
    assert_eq!(fs::read_to_string(template.join("PG_VERSION")).unwrap(), "17\n");
    assert!(!template.join("postmaster.pid").exists(), "it was not stopped");
}
