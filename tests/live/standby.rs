//! What would make a branch follow another server, left in production's files before it is branched; and a production that
//! is itself a standby.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use crate::branch::{clone_of, url_of};
use crate::kill::until;
use crate::network::Network;
use crate::production::{
    Ended, KEEP, KEEP_RULES, Production, RULES, as_postgres, ask, postgres, server_programs,
};
use crate::world;

/// Files that a server obeys when it starts.
const SIGNALS: [&str; 4] = [
    "standby.signal",
    "recovery.signal",
    "backup_label",
    "tablespace_map",
];

/// A label of a backup that was taken long ago, as the server writes it.
const STALE_LABEL: &str = "START WAL LOCATION: 0/1000028 (file 000000010000000000000001)\n\
    CHECKPOINT LOCATION: 0/1000060\nBACKUP METHOD: streamed\nBACKUP FROM: primary\nSTART TIME: 2020-01-01 00:00:00 UTC\n\
    LABEL: long ago\nSTART TIMELINE: 1\n";

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    chown(path, Some(postgres().0), Some(postgres().1)).unwrap();
}

/// What a server says of whether it follows another.
const FOLLOWS: &str = "SELECT pg_is_in_recovery(), count(*) FROM pg_stat_wal_receiver WHERE pid IS NOT NULL";

#[test]
fn signals_and_labels_in_productions_files_make_no_branch_follow_anybody() {
    let mut production = Production::new();
    production.keep_all();
    let masked = KEEP_RULES.replace("{ keep = \"made up\" }", "\"email\"");
    production.crash();
    let mut network = Network::new(production.address(), production.base());
    let primary = network.port("primary_conninfo");
    let restore = network.command("restore_command").replace('\'', "''");
    let settings = format!(
        "primary_conninfo = 'host={} port={primary} user=repl'\nrestore_command = '{restore}'\nrecovery_target_timeline = 'latest'\n",
        production.address()
    );
    write(&production.data().join("postgresql.auto.conf"), &settings);
    for signals in [&SIGNALS[..2], &SIGNALS[2..], &SIGNALS[..]] {
        for name in signals {
            let text = if *name == "backup_label" { STALE_LABEL } else { "" };
            write(&production.data().join(name), text);
        }
        for rules in [&*masked, KEEP_RULES] {
            production.configure(&production.configuration(), rules);
            let document = production.branch("fix-42");
            assert_eq!(
                document["sanitization"]["skipped"].is_string(),
                rules == KEEP_RULES
            );
            let url = url_of(&document);
            assert_eq!(ask(&url, FOLLOWS).unwrap(), "f|0", "{signals:?}");
            let customers = "SELECT count(*) FROM shop.customers";
            assert_eq!(ask(&url, customers).unwrap(), "300", "{signals:?}");
            for name in SIGNALS {
                let left = clone_of(&production, "fix-42").join("db/data").join(name);
                assert!(!left.exists(), "{name} came along");
            }
            production.envclone(&["destroy", "fix-42"]).ok();
        }
        for name in signals {
            let path = production.data().join(name);
            assert!(path.exists(), "production lost {name}");
            fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(network.visitors(), Vec::<&str>::new());

    // The control: they are what a server obeys.
    write(&production.data().join("standby.signal"), "");
    let mut server = as_postgres(&Path::new(server_programs()).join("postgres"));
    let mut server = server.arg("-D").arg(production.data()).spawn().unwrap();
    network.all_come(
        &["primary_conninfo", "restore_command"],
        crate::production::MINUTE,
    );
    server.kill().unwrap();
    server.wait().unwrap();
    world::end_processes(production.base());
}

const WRITE: &str = "INSERT INTO shop.orders (customer_id, status) VALUES (1, 'written on the primary')";

#[test]
fn a_production_that_is_a_standby_is_branched_while_it_follows() {
    let primary = Production::new();
    let hba = primary.data().join("pg_hba.conf");
    let text = fs::read_to_string(&hba).unwrap();
    fs::write(&hba, format!("{text}local replication all trust\n")).unwrap();
    primary.sql("SELECT pg_reload_conf()");

    let mut standby = Production::stopped(2048);
    let (data, own) = (
        standby.data(),
        fs::read_to_string(standby.data().join("postgresql.conf")).unwrap(),
    );
    world::empty(&data);
    fs::create_dir(&data).unwrap();
    chown(&data, Some(postgres().0), Some(postgres().1)).unwrap();
    crate::production::set_mode(&data, 0o700);
    let mut backup = as_postgres(&Path::new(server_programs()).join("pg_basebackup"));
    backup.args([
        "--write-recovery-conf",
        "--checkpoint=fast",
        "--no-sync",
        "--username=postgres",
        "-h",
    ]);
    backup.arg(primary.base().join("sock")).arg("-D").arg(&data);
    Ended::of(backup.output().unwrap()).ok();
    fs::write(data.join("postgresql.conf"), own).unwrap();
    standby.start();
    let follows = |production: &Production| production.sql(FOLLOWS);
    until("the standby follows", || follows(&standby) == "t|1");
    primary.sql(WRITE);
    let written = "SELECT count(*) FROM shop.orders WHERE status = 'written on the primary'";
    until("the standby has it", || standby.sql(written) == "1");

    let before = standby.world();
    for rules in [RULES, KEEP_RULES] {
        if rules == KEEP_RULES {
            primary.sql("ROLLBACK PREPARED 'stale'");
            primary.sql(KEEP);
            primary.sql(WRITE);
            until("the standby has other data", || {
                standby.sql("SELECT max(id) FROM shop.orders") == "401"
            });
        }
        standby.configure(&standby.configuration(), rules);
        let document = standby.branch("fix-42");
        let url = url_of(&document);
        assert_eq!(ask(&url, FOLLOWS).unwrap(), "f|0");
        assert_eq!(ask(&url, written).unwrap(), "1");
        assert_eq!(ask(&url, "SELECT count(*) FROM shop.customers").unwrap(), "300");
        assert_eq!(
            ask(&url, "UPDATE shop.orders SET status = 'of the branch'").unwrap(),
            ""
        );
        assert!(
            !clone_of(&standby, "fix-42")
                .join("db/data/standby.signal")
                .exists()
        );
        standby.envclone(&["destroy", "fix-42"]).ok();
        assert_eq!(standby.world(), before);
    }
    // Both are what they were: one follows the other, and nobody else does.
    assert_eq!(follows(&standby), "t|1");
    assert_eq!(primary.sql("SELECT count(*) FROM pg_stat_replication"), "1");
    assert_eq!(primary.sql(written), "1");
}
