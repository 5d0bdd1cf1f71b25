//! The host is booted, and the installed unit brings the branches back.

use crate::installed::{
    self, ask_production, branch, envclone, journal_of, nothing_is_wrong, property, url_of,
};
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

/// All goes on as before.
fn another_branch_is_made_and_all_are_destroyed() {
    branch("another");
    envclone(&["destroy", "fix-42", "another"]).ok();
    nothing_is_wrong();
}

#[test]
fn after_a_clean_reboot_the_unit_brings_a_branch_back_with_all_that_was_written() {
    let stages = Stages::of("clean");
    if stages.now() == 0 {
        branch_before_a_boot(&stages);
        stages.reboot(Reboot::Clean);
    }
    let url = comes_back_under_its_url(&stages);
    assert_eq!(ask(&url, MINE).unwrap(), "4711");
    if stages.now() == 1 {
        // At the first shutdown the unit had not run yet; at this one it stops the branches itself.
        ask(&url, "ALTER TABLE shop.mine ADD again int").unwrap();
        stages.reboot(Reboot::Clean);
    }
    ask(&url, "SELECT again FROM shop.mine").unwrap();
    another_branch_is_made_and_all_are_destroyed();
}

#[test]
fn after_a_hard_reset_the_unit_brings_a_branch_back_from_its_checkpoint() {
    let stages = Stages::of("hard");
    if stages.now() == 0 {
        branch_before_a_boot(&stages);
        stages.reboot(Reboot::Hard);
    }
    let url = comes_back_under_its_url(&stages);
    ask(&url, MINE).unwrap_err();
    let said = journal_of("envclone.service");
    assert!(said.contains("fix-42 went back to its checkpoint"), "{said}");
    another_branch_is_made_and_all_are_destroyed();
}
