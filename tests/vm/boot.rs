//! The host is booted, and the installed unit brings the branches back.

use std::process::Stdio;

use crate::installed::{
    self, ask_production, branch, envclone, journal_of, nothing_is_wrong, property, url_of,
};
use crate::pool::before_another_look;
use crate::production::ask;
use crate::stages::{Reboot, Stages};

const MINE: &str = "SELECT n FROM shop.mine";

/// Installs, and makes a branch in which something was written; remembers its URL.
fn branch_before_a_boot(stages: &Stages) {
    installed::install();
    installed::make_production();
    let url = url_of(&branch("fix-42"));
    ask(&url, "CREATE TABLE shop.mine AS SELECT 4711 AS n").unwrap();
    nothing_is_wrong();
    stages.keep("url", &url);
}

/// The unit has started what ran; the URL with its password is the one of before.
#[track_caller]
fn comes_back_under_its_url(stages: &Stages) -> String {
    let said = journal_of("envclone.service");
    assert_eq!(property("envclone.service", "ActiveState"), "active", "{said}");
    nothing_is_wrong();
    let url = stages.kept("url").unwrap();
    assert_eq!(envclone(&["url", "fix-42", "db"]).ok().trim(), url);
    assert_eq!(ask(&url, "SELECT count(*) FROM shop.customers").unwrap(), "300");
    assert_eq!(ask_production("SELECT count(*) FROM shop.customers"), "300");
    url
}

/// What was written after it was made is gone, and the unit says so.
#[track_caller]
fn went_back_to_its_checkpoint(url: &str) {
    ask(url, MINE).unwrap_err();
    let said = journal_of("envclone.service");
    assert!(said.contains("fix-42 went back to its checkpoint"), "{said}");
}

/// All goes on as before.
fn another_branch_is_made_and_all_are_destroyed() {
    branch("another");
    envclone(&["destroy", "fix-42", "another"]).ok();
    nothing_is_wrong();
}

#[test]
fn after_a_boot_the_unit_brings_a_branch_back_and_after_a_hard_reset_from_its_checkpoint() {
    let stages = Stages::of("back");
    if stages.now() == 0 {
        branch_before_a_boot(&stages);
        stages.reboot(Reboot::Clean);
    }
    let url = comes_back_under_its_url(&stages);
    match stages.now() {
        1 => {
            assert_eq!(ask(&url, MINE).unwrap(), "4711");
            // At the first shutdown the unit had not run yet; at this one it stops the branches itself.
            ask(&url, "ALTER TABLE shop.mine ADD again int").unwrap();
            stages.reboot(Reboot::Clean);
        }
        2 => {
            ask(&url, "SELECT again FROM shop.mine").unwrap();
            stages.reboot(Reboot::Hard);
        }
        _ => {}
    }
    went_back_to_its_checkpoint(&url);
    another_branch_is_made_and_all_are_destroyed();
}

#[test]
fn a_branch_that_goes_down_with_its_host_in_the_middle_is_undone_by_the_unit() {
    let stages = Stages::of("middle");
    if stages.now() == 0 {
        installed::install();
        installed::make_production();
        stages.keep("before", &installed::subvolumes());
    } else {
        let said = journal_of("envclone.service");
        assert_eq!(property("envclone.service", "ActiveState"), "active", "{said}");
        nothing_is_wrong();
        assert_eq!(installed::subvolumes(), stages.kept("before").unwrap(), "{said}");
        let listed = envclone(&["list"]).ok();
        assert!(!listed.contains("fix-42"), "{listed}");
    }
    match stages.now() {
        0 => goes_down_during("clone", &stages, Reboot::Hard),
        1 => goes_down_during("sanitize", &stages, Reboot::Hard),
        2 => goes_down_during("prove", &stages, Reboot::Clean),
        _ => {}
    }
    branch("fix-42");
    envclone(&["destroy", "fix-42"]).ok();
    nothing_is_wrong();
}

#[test]
fn on_zfs_a_branch_is_undone_or_brought_back_whenever_the_host_goes_down() {
    let stages = Stages::of("zfs");
    match stages.now() {
        0 => {
            installed::install();
            installed::make_production_on_zfs();
            // What holds all clones stays.
            nothing_is_wrong();
            stages.keep("before", &installed::datasets());
            goes_down_during("sanitize", &stages, Reboot::Hard);
        }
        1 => {
            let said = journal_of("envclone.service");
            assert_eq!(property("envclone.service", "ActiveState"), "active", "{said}");
            nothing_is_wrong();
            assert_eq!(installed::datasets(), stages.kept("before").unwrap(), "{said}");
            let url = url_of(&branch("fix-42"));
            ask(&url, "CREATE TABLE shop.mine AS SELECT 4711 AS n").unwrap();
            stages.keep("url", &url);
            stages.reboot(Reboot::Hard);
        }
        2 => {
            let url = comes_back_under_its_url(&stages);
            went_back_to_its_checkpoint(&url);
            ask(&url, "CREATE TABLE shop.mine AS SELECT 4711 AS n").unwrap();
            stages.reboot(Reboot::Clean);
        }
        _ => {}
    }
    let url = comes_back_under_its_url(&stages);
    assert_eq!(ask(&url, MINE).unwrap(), "4711");
    another_branch_is_made_and_all_are_destroyed();
    assert_eq!(installed::datasets(), stages.kept("before").unwrap());
}

/// Begins a branch, and boots as soon as its journal names the step.
#[allow(clippy::zombie_processes, reason = "nothing waits for it: the host goes down")]
fn goes_down_during(step: &str, stages: &Stages, how: Reboot) {
    let mut command = installed::command(&["branch", "prod", "fix-42"]);
    let mut run = command.stdout(Stdio::null()).spawn().unwrap();
    while !installed::journals_of_runs().contains(&format!("{step:?}")) {
        let ended = run.try_wait().unwrap();
        assert!(ended.is_none(), "it ended before {step}: {ended:?}");
        before_another_look();
    }
    stages.reboot(how);
}
