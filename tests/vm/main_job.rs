//! The whole of `envclone branch` on ZFS, with PostgreSQL 17: the life of a branch, a pool without room.

use std::fs;

use serde_json::Value;

use crate::pool::{LONG, before_another_look, run};
use crate::production::{Production, RULES, ask};
use crate::tank::production_on_zfs;

const CUSTOMERS: &str = "SELECT count(*) FROM shop.customers";

fn url_of(document: &Value) -> String {
    document["url"].as_str().unwrap().to_owned()
}

fn state(production: &Production, name: &str) -> String {
    let shown = production.envclone(&["show", name, "--json"]).json();
    shown["environment"]["state"].as_str().unwrap().to_owned()
}

/// The data is production's, and nobody's name is in it.
#[track_caller]
pub fn is_masked(url: &str) {
    let answer = |sql: &str| ask(url, sql).unwrap();
    assert_eq!(
        answer("SELECT count(*), count(DISTINCT email) FROM shop.customers"),
        "300|300"
    );
    for (table, values) in [
        (
            "customers",
            "email || full_name || coalesce(notes, '') || profile",
        ),
        ("addresses", "recipient || coalesce(line, '')"),
        ("orders", "coalesce(delivery_note, '')"),
        ("events", "contact"),
        ("customer_orders", "email"),
        ("gold_customers", "email"),
    ] {
        let sql = format!("SELECT count(*) FROM shop.{table} WHERE ({values}) ~* 'kanari'");
        assert_eq!(answer(&sql), "0", "{table}");
    }
    assert!(answer("SHOW server_version").starts_with("17."));
}

/// The way to snapshots, where production's original lies, is open in production and not there in the branch.
#[track_caller]
fn has_no_way_to_snapshots(production: &Production, name: &str) {
    let control = production.volume().join(".zfs/snapshot");
    assert!(fs::read_dir(&control).unwrap().count() > 0, "the control fails");
    for way in [control.as_path(), control.parent().unwrap()] {
        let tried = ["exec", name, "db", "--", "ls", way.to_str().unwrap()];
        let ended = production.envclone(&tried);
        assert!(
            ended.code != 0 && ended.stderr.contains("No such file"),
            "{ended:?}"
        );
    }
}

/// A branch is stored as production is, is never mounted by anything but envclone, and gives nobody other rights.
#[track_caller]
fn has_the_properties_of_its_origin(production: &Production) {
    let (pool, _) = production.ground().names();
    let get = |list: &str, name: &str| {
        let words = ["get", "-Hp", "-o", "value", list, name];
        run("zfs", &words).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let all = [
        "list",
        "-H",
        "-r",
        "-t",
        "filesystem",
        "-o",
        "name",
        &format!("{pool}/.envclone"),
    ];
    let found = run("zfs", &all);
    let of_database: Vec<&str> = found.lines().filter(|name| name.ends_with("/db")).collect();
    let [clone] = of_database[..] else {
        panic!("{found}");
    };
    assert_eq!(
        get(
            "recordsize,logbias,atime,canmount,mountpoint,setuid,devices,snapdir",
            clone
        ),
        [
            "16384",
            "throughput",
            "off",
            "noauto",
            "none",
            "off",
            "off",
            "disabled"
        ]
    );
    assert_eq!(
        get("recordsize,logbias", &pool),
        ["131072", "latency"],
        "the control fails"
    );
}

/// The branch is stopped when it writes into what is kept for production, and tells why.
#[track_caller]
fn stops_what_writes(production: &Production) {
    let of = format!("of={}", production.volume().join("ballast").display());
    let dd = [
        "exec",
        "fix-42",
        "db",
        "--",
        "dd",
        "if=/dev/urandom",
        &of,
        "bs=1M",
        "count=16",
    ];
    // It may be ended with the branch.
    production.envclone(&dd);
    let began = std::time::Instant::now();
    let why = loop {
        let listed = production.envclone(&["list", "--json"]).json();
        let environments = listed["environments"].as_array().unwrap();
        let branch = environments.iter().find(|one| one["name"] == "fix-42").unwrap();
        if let (Some("stopped"), Some(why)) = (branch["state"].as_str(), branch["stopped_because"].as_str()) {
            break why.to_owned();
        }
        assert!(began.elapsed() < LONG, "it was not stopped: {branch}");
        before_another_look();
    };
    let pool = production.pool().display();
    assert!(
        why.contains(&format!("the reserve of the pool {pool} was reached")),
        "{why}"
    );
    production.sql("CREATE TABLE shop.later AS SELECT repeat('x', 1000) FROM generate_series(1, 1000); DROP TABLE shop.later");
}

/// A pool without its reserve takes no branch, and one that is full harms none.
#[track_caller]
fn a_pool_without_room_takes_no_other(production: &Production) {
    let before = production.ground().objects();
    let (pool, _) = production.ground().names();
    let zpool = pool.split('/').next().unwrap();
    let taken = format!("{zpool}/taken");
    // A reservation takes room without a byte being written.
    let take_all_but = |left: u64| {
        let free = run("zfs", &["get", "-Hp", "-o", "value", "available", zpool]);
        let free: u64 = free.trim().parse().unwrap();
        let reservation = format!("reservation={}", free - left);
        run(
            "zfs",
            &["create", "-o", "canmount=off", "-o", &reservation, &taken],
        );
    };
    let other = || production.envclone(&["branch", "prod", "other"]);

    take_all_but(40 << 20);
    let refused = other();
    stops_what_writes(production);
    run("zfs", &["destroy", &taken]);
    refused.refused(1, &["reserve", "envclone list"]);
    assert_eq!(production.ground().objects(), before);

    let text = production.configuration();
    production.configure(&text.replace("[gateway]", "reserve = 0\n[gateway]"), RULES);
    take_all_but(512 << 10);
    let refused = other();
    run("zfs", &["destroy", &taken]);
    production.configure(&text, RULES);
    refused.refused(1, &["no room", "undone"]);
    assert_eq!(production.ground().objects(), before);
}

#[test]
fn on_zfs_a_branch_lives_from_its_snapshot_to_its_end_and_leaves_nothing() {
    let production = production_on_zfs();
    let before = production.world();
    let document = production.branch("fix-42");
    let url = url_of(&document);
    assert_eq!(document["snapshot"]["atomic"], true);
    assert_eq!(document["snapshot"]["raw_stays"], true);
    assert_eq!(document["sanitization"]["found"], 0);
    is_masked(&url);
    has_no_way_to_snapshots(&production, "fix-42");
    has_the_properties_of_its_origin(&production);
    assert!(production.envclone(&["list"]).ok().contains("fix-42"));
    assert_eq!(
        production.envclone(&["show", "fix-42", "--json"]).json()["url"],
        document["url"]
    );

    a_pool_without_room_takes_no_other(&production);
    production.envclone(&["start", "fix-42"]).ok();
    ask(&url, "UPDATE shop.orders SET status = 'of the parent'").unwrap();
    let child = production
        .envclone(&["branch", "fix-42", "child", "--json"])
        .json();
    let status = "SELECT DISTINCT status FROM shop.orders";
    assert_eq!(ask(&url_of(&child), status).unwrap(), "of the parent");
    ask(&url_of(&child), "UPDATE shop.orders SET status = 'of the child'").unwrap();
    production
        .envclone(&["destroy", "fix-42"])
        .refused(2, &["fix-42 has branches: child"]);

    production.envclone(&["stop", "fix-42"]).ok();
    ask(&url, "SELECT 1").unwrap_err();
    assert_eq!(state(&production, "fix-42"), "stopped");
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(ask(&url, status).unwrap(), "of the parent");

    // Production has nothing of it.
    assert_eq!(
        production.sql("SELECT count(*) FROM shop.orders WHERE status LIKE 'of the%'"),
        "0"
    );
    production.envclone(&["destroy", "child"]).ok();
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
    ask(&url, "SELECT 1").unwrap_err();
    assert_eq!(production.sql(CUSTOMERS), "300");
}
