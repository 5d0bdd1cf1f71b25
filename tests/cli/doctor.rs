//! `envclone doctor`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::host::{Host, ended};
use crate::pool::run;
use crate::production::{Ended, Production};
use crate::world;

/// Kinds and objects of what is wrong.
#[track_caller]
fn problems(ended: &Ended) -> Vec<(String, String)> {
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let text = |problem: &Value, key: &str| problem[key].as_str().unwrap().to_owned();
    let problems = document["problems"].as_array().unwrap();
    for problem in problems {
        assert!(
            !text(problem, "message").is_empty() && !text(problem, "fix").is_empty(),
            "{problem}"
        );
    }
    problems
        .iter()
        .map(|problem| (text(problem, "kind"), text(problem, "object")))
        .collect()
}

fn found(kind: &str, object: impl AsRef<std::path::Path>) -> (String, String) {
    (kind.to_owned(), object.as_ref().to_str().unwrap().to_owned())
}

/// The record of a branch.
fn record(production: &Production, name: &str) -> (std::path::PathBuf, Value) {
    let path = production
        .state_dir()
        .join(format!("shop/environments/{name}.json"));
    let record = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    (path, record)
}

#[test]
fn a_sound_host_has_no_problem_and_a_dead_run_is_undone_when_asked_to() {
    let production = Production::stopped(512);
    let before = production.world();
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
    production.envclone(&["branch", "prod", "fix-42", "--die-after-line", "6"]);
    let said = production.envclone(&["doctor"]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (
            1,
            "dead-run fix-42: the run `branch prod fix-42` died and was not undone\n  fix: envclone doctor --fix\n"
        )
    );
    let listed = production.envclone(&["list"]);
    assert!(
        listed.stderr.contains(
            "The run `branch prod fix-42` died; the next command that changes something undoes it."
        ),
        "{}",
        listed.stderr
    );
    assert_eq!(
        production.envclone(&["doctor", "--fix"]).ok(),
        "undone: the run that was making fix-42\nnothing is wrong\n"
    );
    assert_eq!(production.world(), before);
}

#[test]
fn a_supervisor_that_was_killed_is_told_and_cleared_away() {
    let production = Production::new();
    let document = production.branch("fix-42");
    let socket = document["services"]["db"]["socket"].as_str().unwrap();
    let directory = Path::new(socket).parent().unwrap().to_owned();
    let supervisor = world::processes_of(production.base())
        .into_iter()
        .find(|one| one.command.contains("__supervise"))
        .unwrap();
    world::kill_9(supervisor.pid);
    assert_eq!(
        problems(&production.envclone(&["doctor", "--json"])),
        [found("not-running", "fix-42"), found("run-directory", &directory)]
    );
    let fixed = production.envclone(&["doctor", "--fix"]);
    assert_eq!(fixed.code, 1, "it is still to be started");
    assert!(
        fixed
            .stdout
            .starts_with(&format!("removed: {}\n", directory.display())),
        "{}",
        fixed.stdout
    );
    assert!(!directory.exists());
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn what_nobody_remembers_and_what_is_gone_is_named_and_left_alone() {
    let production = Production::new();
    let before = production.world();
    production.branch("fix-42");
    let (path, document) = record(&production, "fix-42");
    let clone = document["clone"]["path"].as_str().unwrap();
    let checkpoint = document["checkpoint"]["path"].as_str().unwrap();
    let directory = production.run_dir().join(document["branch"].as_str().unwrap());
    let aside = production.base().join("aside.json");
    fs::rename(&path, &aside).unwrap();
    let mut told = problems(&production.envclone(&["doctor", "--json", "--fix"]));
    told.sort();
    let mut expected = [
        found("orphan", clone),
        found("orphan", checkpoint),
        found("supervisor", &directory),
    ];
    expected.sort();
    assert_eq!(told, expected);

    fs::rename(&aside, &path).unwrap();
    production.envclone(&["stop", "fix-42"]).ok();
    run("btrfs", &["-q", "subvolume", "delete", clone]);
    assert_eq!(
        problems(&production.envclone(&["doctor", "--json"])),
        [found("clone-gone", "fix-42")]
    );
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
}

#[test]
fn a_key_that_others_can_read_a_root_that_is_none_and_a_rule_that_is_wrong_are_named() {
    let production = Production::stopped(512);
    let key = production.state_dir().join("shop/key");
    crate::production::set_mode(&key, 0o644);
    let root = production.root().join("db");
    let text = production.configuration().replace(
        &format!("root = {:?}", production.root()),
        &format!("root = {root:?}"),
    );
    production.configure(&text, "[db.\"shop.customers\"]\nemail = \"emial\"\n");
    let told = problems(&production.envclone(&["doctor", "--json"]));
    assert_eq!(
        told,
        [
            found("rules", production.etc().join("envclone.toml")),
            found("key", &key),
            found("root", &root),
        ]
    );
}

#[test]
fn without_a_configuration_or_a_pool_it_says_what_to_do() {
    let host = Host::new();
    assert_eq!(
        host.run(&["doctor"]),
        ended(
            1,
            "configuration envclone: there is no configuration [DIR]/etc/envclone.toml; `envclone init` writes one\n  \
             fix: mend what the message names\n",
            ""
        )
    );
    host.configure(&host.path("pool"), &host.path("pool/shop"));
    let done = host.run(&["doctor"]);
    assert_eq!(done.code, 1);
    assert!(
        done.stdout
            .contains("  fix: mount it, or: envclone pool create [DIR]/pool --size N\n"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.contains("\n  fix: envclone init\n"),
        "{}",
        done.stdout
    );
}
