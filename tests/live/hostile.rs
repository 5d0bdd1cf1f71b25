//! A branch whose users turn its files against root's next command on it.

use std::fs;
use std::path::PathBuf;

use crate::branch::url_of;
use crate::production::{Ended, Production, ask, program, set_mode};

/// Things of the host that nobody in the branch may have read, written, emptied or removed.
struct Victims {
    file: PathBuf,
    directory: PathBuf,
}

impl Victims {
    fn of(production: &Production) -> Self {
        let file = production.base().join("victim");
        fs::write(&file, "kanari of the host").unwrap();
        set_mode(&file, 0o600);
        let directory = production.base().join("victims");
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("one"), "kanari of the host").unwrap();
        Self { file, directory }
    }

    #[track_caller]
    fn are_unharmed(&self) {
        for file in [&self.file, &self.directory.join("one")] {
            assert_eq!(fs::read_to_string(file).unwrap(), "kanari of the host");
        }
        assert_eq!(fs::read_dir(&self.directory).unwrap().count(), 1);
    }
}

/// Runs envclone; one that hangs is a failure.
fn within_time(production: &Production, args: &[&str]) -> Ended {
    let command = production.command(args);
    let mut timed = program("/usr/bin/timeout");
    timed
        .args(["--kill-after=5", "100"])
        .arg(command.get_program())
        .args(command.get_args());
    let ended = Ended::of(timed.output().unwrap());
    assert!(
        ![124, 137].contains(&ended.code),
        "{args:?} hangs: {}",
        ended.stderr
    );
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!said.contains("kanari of the host"), "{args:?} tells: {said}");
    ended
}

/// Runs a script as the service's account in the sandbox of the branch, in the data directory.
fn inside(production: &Production, script: &str) {
    let script = format!("set -e; cd {}; {script}", production.data().display());
    within_time(production, &["exec", "fix-42", "db", "--", "sh", "-c", &script]).ok();
}

#[test]
fn files_that_became_links_fifos_and_endless_holes_harm_and_hang_no_command() {
    let production = Production::new();
    let before = production.world();
    let document = production.branch("fix-42");
    let victims = Victims::of(&production);
    let (file, directory) = (victims.file.display(), victims.directory.display());
    inside(
        &production,
        &format!(
            "for name in pg_hba.conf pg_ident.conf postgresql.conf postgresql.auto.conf; do ln -sf {file} $name; done; \
             mkfifo base/fifo standby.signal recovery.signal; truncate -s 7E base/1/99999; ln -s {directory} base/1/99998; \
             rm -f postmaster.pid; ln -s {file} postmaster.pid; rm -f /run/postgresql/.s.PGSQL.*; \
             ln -s {}/.s.PGSQL.5432 /run/postgresql/.s.PGSQL.5432",
            production.base().join("sock").display()
        ),
    );
    for command in [
        ["list"].as_slice(),
        &["show", "fix-42", "--receipt"],
        &["url", "fix-42"],
        &["logs", "fix-42", "db"],
        &["stop", "fix-42"],
        &["logs", "fix-42", "db"],
        &["start", "fix-42"],
    ] {
        within_time(&production, command).ok();
        victims.are_unharmed();
    }
    assert_eq!(
        ask(&url_of(&document), "SELECT count(*) FROM shop.customers").unwrap(),
        "300"
    );

    // A branch of it: it is made from what belongs there, or refused; never from what is not the branch's.
    within_time(&production, &["stop", "fix-42"]).ok();
    let child = within_time(&production, &["branch", "fix-42", "child"]);
    assert!([0, 1, 2].contains(&child.code), "{}", child.stderr);
    if child.code == 0 {
        within_time(&production, &["destroy", "child"]).ok();
    }
    victims.are_unharmed();
    assert_eq!(production.sql("SELECT count(*) FROM shop.customers"), "300");

    within_time(&production, &["destroy", "fix-42"]).ok();
    victims.are_unharmed();
    assert_eq!(production.world(), before);
}

#[test]
fn directories_that_became_links_are_neither_emptied_nor_entered() {
    let production = Production::new();
    let before = production.world();
    production.branch("fix-42");
    let victims = Victims::of(&production);
    inside(
        &production,
        &format!(
            "for name in pg_replslot pg_stat pg_stat_tmp pg_logical pg_notify pg_snapshots; do rm -rf $name; ln -s {} $name; done",
            victims.directory.display()
        ),
    );
    within_time(&production, &["stop", "fix-42"]);
    victims.are_unharmed();
    // The server misses what is gone; that is its users' doing, and told.
    let started = within_time(&production, &["start", "fix-42"]);
    assert!([0, 1].contains(&started.code), "{}", started.stderr);
    let child = within_time(&production, &["branch", "fix-42", "child"]);
    assert_ne!(child.code, 0, "a branch came to be from links that leave it");
    victims.are_unharmed();
    within_time(&production, &["destroy", "fix-42"]).ok();
    victims.are_unharmed();
    assert_eq!(production.world(), before);
}

#[test]
fn a_branch_reaches_neither_the_network_nor_production_nor_its_siblings() {
    let production = Production::new();
    let one = production.branch("fix-42");
    let two = production.branch("other");
    let before: u64 = out_no_routes(&production);
    let socket = production.base().join("sock");
    for place in [
        production.state_dir(),
        production.run_dir(),
        production.etc(),
        production.pool().join(".envclone"),
        production.root().join("uploads"),
        socket.clone(),
    ] {
        let script = format!(
            "ls {0} 2>/dev/null && exit 1; cat {0}/* 2>/dev/null && exit 1; exit 0",
            place.display()
        );
        within_time(&production, &["exec", "fix-42", "db", "--", "sh", "-c", &script]).ok();
    }
    let port = two["services"]["db"]["port"].to_string();
    for (host, port) in [
        (production.address().to_string(), "5432"),
        (production.address().to_string(), &port),
        ("192.0.2.1".to_owned(), "5432"),
        (socket.display().to_string(), "5432"),
    ] {
        let conninfo = format!("host={host} port={port} user=postgres dbname=shop connect_timeout=3");
        let client = format!("{}/psql", crate::production::server_programs());
        let ended = within_time(
            &production,
            &["exec", "fix-42", "db", "--", &client, &conninfo, "-c", "SELECT 1"],
        );
        assert_eq!(ended.code, 2, "{host}:{port} {}{}", ended.stdout, ended.stderr);
    }
    assert!(
        out_no_routes(&production) > before,
        "nobody counted what tried to leave"
    );
    assert_eq!(ask(&url_of(&one), "SELECT 1").unwrap(), "1");
}

fn out_no_routes(production: &Production) -> u64 {
    let shown = production.envclone(&["show", "fix-42", "--json"]).json();
    shown["out_no_routes"].as_u64().unwrap()
}
