//! The host goes down: with a run in its middle, and with branches that run.

use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use crate::branch::{clone_of, login, url_of};
use crate::bytes::find;
use crate::kill::{has_begun, until};
use crate::pool::run;
use crate::production::{Ended, Production, RULES, ask};
use crate::walls::{shell, with_superuser};
use crate::world::{self, processes_of};

#[test]
fn a_run_that_goes_down_with_its_host_is_undone_by_the_next_command() {
    let mut production = Production::new();
    production.stop();
    let before = production.world();
    for step in ["clone", "seal", "sanitize", "prove", "publish"] {
        let run = production.spawn(&["branch", "prod", "fix-42"]);
        until(step, || has_begun(&production, step));
        world::kill_9(run.id());
        Ended::of(run.wait_with_output().unwrap());
        production.reboot();
        production
            .envclone(&["destroy", "nosuch"])
            .refused(2, &["no environment nosuch"]);
        // One that was published before it died is there.
        if production.envclone(&["list"]).ok().contains("fix-42") {
            production.envclone(&["start", "fix-42"]).ok();
            production.envclone(&["destroy", "fix-42"]).ok();
        }
        assert_eq!(production.world(), before, "down during {step}");
    }
}

/// The run that made a branch, as its record names it.
fn run_of(production: &Production, name: &str) -> String {
    let record = production
        .state_dir()
        .join(format!("shop/environments/{name}.json"));
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    record["run"].as_str().unwrap().to_owned()
}

#[test]
fn a_branch_whose_start_died_after_a_crash_of_the_host_is_destroyed_whole() {
    let mut production = Production::new();
    production.stop();
    let before = production.world();
    production.branch("fix-42");
    production.reboot();
    let incoming = production.pool().join(".envclone/incoming");
    let fresh = incoming.join(run_of(&production, "fix-42")).join("clone");
    let start = production.spawn(&["start", "fix-42"]);
    until("a clone of the checkpoint", || fresh.exists());
    world::kill_9(start.id());
    Ended::of(start.wait_with_output().unwrap());
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
}

#[test]
fn a_branch_that_the_host_went_down_with_as_it_got_its_place_is_started() {
    let mut production = Production::new();
    production.stop();
    let before = production.world();
    let url = url_of(&production.branch("fix-42"));
    production.reboot();
    // The record was written out, what it names was not moved yet.
    let own = production.pool().join(".envclone");
    let incoming = own.join("incoming").join(run_of(&production, "fix-42"));
    std::fs::create_dir_all(&incoming).unwrap();
    for (object, readonly) in [("clone", "false"), ("checkpoint", "true")] {
        let (from, to) = (own.join("env/shop/fix-42").join(object), incoming.join(object));
        run(
            "btrfs",
            &["property", "set", from.to_str().unwrap(), "ro", "false"],
        );
        std::fs::rename(from, &to).unwrap();
        run(
            "btrfs",
            &["property", "set", to.to_str().unwrap(), "ro", readonly],
        );
    }
    let wrong = production.envclone(&["doctor"]);
    assert!(wrong.stdout.contains("envclone start fix-42"), "{}", wrong.stdout);
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(ask(&url, "SELECT count(*) FROM shop.customers").unwrap(), "300");
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
}

#[test]
fn branches_come_back_after_a_boot_under_their_url() {
    let mut production = Production::new();
    production.stop();
    let before = production.world();
    let documents = ["one", "two", "three"].map(|name| production.branch(name));
    let mine = |url: &str| ask(url, "SELECT n FROM shop.mine");
    for document in &documents {
        ask(&url_of(document), "CREATE TABLE shop.mine AS SELECT 4711 AS n").unwrap();
    }
    // One that was stopped before, one in good order with the host, one that went down as it ran.
    production.envclone(&["stop", "one"]).ok();
    production.envclone(&["stop", "two"]).ok();
    let record = production.state_dir().join("shop/environments/two.json");
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(
        &record,
        text.replace("\"state\": \"stopped\"", "\"state\": \"ready\""),
    )
    .unwrap();
    production.reboot();
    let listed = production.envclone(&["list"]).ok();
    assert_eq!(listed.matches("stopped").count(), 3, "{listed}");

    let started = production.envclone(&["start", "--all"]);
    assert!(
        started.stderr.contains("three went back to its checkpoint"),
        "{}",
        started.stderr
    );
    assert!(!started.stderr.contains("two went back"), "{}", started.stderr);
    started.ok();
    let [one, two, three] = documents.map(|document| url_of(&document));
    ask(&one, "SELECT 1").unwrap_err();
    assert_eq!(mine(&two).unwrap(), "4711");
    mine(&three).unwrap_err();
    assert_eq!(ask(&three, "SELECT count(*) FROM shop.customers").unwrap(), "300");
    for (name, url) in [("two", &two), ("three", &three)] {
        assert_eq!(production.envclone(&["url", name, "db"]).ok().trim(), url);
    }
    production.envclone(&["start", "one"]).ok();
    assert_eq!(mine(&one).unwrap(), "4711");
    production.envclone(&["destroy", "one", "two", "three"]).ok();
    assert_eq!(production.world(), before);
}

#[test]
fn a_branch_that_a_shutdown_of_the_host_stopped_comes_back_as_it_was_once() {
    let mut production = Production::new();
    production.stop();
    let url = url_of(&production.branch("fix-42"));
    ask(&url, "CREATE TABLE shop.mine AS SELECT 4711 AS n").unwrap();
    // What is asked to end at a shutdown, by whatever runs the host.
    let mine = world::processes_of(production.base());
    let supervisor = mine
        .iter()
        .find(|one| one.command.contains("__supervise"))
        .unwrap();
    world::end_by(supervisor.pid, Signal::TERM);
    production.reboot();
    let started = production.envclone(&["start", "--all"]);
    assert!(!started.stderr.contains("went back"), "{}", started.stderr);
    started.ok();
    assert_eq!(ask(&url, "SELECT n FROM shop.mine").unwrap(), "4711");
    // The next time nobody asks.
    production.reboot();
    let started = production.envclone(&["start", "--all"]);
    assert!(started.stderr.contains("fix-42 went back"), "{}", started.stderr);
    started.ok();
    ask(&url, "SELECT n FROM shop.mine").unwrap_err();
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn a_branch_that_went_back_to_a_raw_snapshot_runs_again_only_sealed() {
    let production = Production::new();
    let raw_types = production.configuration() + "raw-types = [\"staging\"]\n";
    production.configure(&raw_types, RULES);
    let raw = ["branch", "prod", "raw", "--type", "staging", "--json"];
    let raw = production.envclone(&raw).json();
    let verifiers = production.sql("SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL");
    let verifiers: Vec<String> = verifiers.lines().map(str::to_owned).collect();
    assert!(!verifiers.is_empty());
    production.reboot();
    // It goes back, and then cannot be sealed.
    let unsealable = raw_types.replace("[services.db]\n", "[services.db]\nkeep-login = [\"nosuch\"]\n");
    assert_ne!(unsealable, raw_types);
    production.configure(&unsealable, RULES);
    production
        .envclone(&["start", "raw"])
        .refused(1, &["there is no role \"nosuch\""]);
    // Nothing that is said of it meanwhile makes the raw clone one that was sealed.
    production.envclone(&["stop", "raw"]).ok();
    let durable = raw_types.replace("[services.db]\n", "[services.db]\ndurable = true\n");
    production.configure(&durable, RULES);
    production.envclone(&["start", "raw"]).ok();
    assert_eq!(ask(&url_of(&raw), "SELECT 1").as_deref(), Ok("1"));
    assert!(ask(&login(&raw, "shop", "kanari-password-of-shop"), "SELECT 1").is_err());
    production.envclone(&["stop", "raw"]).ok();
    let found = find(&[&clone_of(&production, "raw")], &verifiers);
    assert!(found.is_empty(), "{} verifiers", found.len());
    production.envclone(&["destroy", "raw"]).ok();
}

#[test]
fn a_branch_whose_service_is_no_longer_configured_says_so() {
    let production = Production::new();
    production.branch("fix-42");
    production.envclone(&["stop", "fix-42"]).ok();
    let configuration = production.configuration();
    let renamed = configuration.replace("[services.uploads]", "[services.pictures]");
    assert_ne!(renamed, configuration);
    production.configure(&renamed, &RULES.replace("[uploads]", "[pictures]"));
    production
        .envclone(&["start", "fix-42"])
        .refused(2, &["a service uploads", "destroy fix-42"]);
    production.configure(&configuration, RULES);
    production.envclone(&["start", "fix-42"]).ok();
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn a_branch_that_takes_its_time_to_stop_keeps_no_other_from_being_stopped() {
    let production = with_superuser();
    let documents = ["one", "two"].map(|name| production.branch(name));
    let [one, two] = documents.each_ref().map(url_of);
    let pid = ask(
        &one,
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'",
    )
    .unwrap();
    shell(&one, &format!("kill -STOP {pid}"));
    let mut stops = production.spawn(&["stop", "--all"]);
    until("the stop of the other one", || ask(&two, "SELECT 1").is_err());
    until("its supervisor's end", || {
        production.envclone(&["show", "two", "--json"]).json()["environment"]["state"] == "stopped"
    });
    assert!(stops.try_wait().unwrap().is_none(), "the first has stopped, too");
    let held = processes_of(production.base())
        .into_iter()
        .find(|process| process.command.contains("checkpointer") && stands(process.pid))
        .unwrap();
    kill_process(Pid::from_raw(held.pid.cast_signed()).unwrap(), Signal::CONT).unwrap();
    Ended::of(stops.wait_with_output().unwrap()).ok();
    production.envclone(&["start", "--all"]).ok();
    for url in [one, two] {
        assert_eq!(ask(&url, "SELECT count(*) FROM shop.customers").unwrap(), "300");
    }
    production.envclone(&["destroy", "one", "two"]).ok();
}

fn stands(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| rest.starts_with('T'))
}

/// A mounted filesystem at another place; back at its own when dropped.
struct Moved {
    from: PathBuf,
    to: PathBuf,
}

impl Moved {
    fn new(from: &Path, to: PathBuf) -> Self {
        std::fs::create_dir(&to).unwrap();
        let moved = Self {
            from: from.to_owned(),
            to,
        };
        mounted_anew(&moved.from, &moved.to);
        moved
    }
}

fn mounted_anew(from: &Path, to: &Path) {
    let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
    run("mount", &["--bind", "--", from, to]);
    run("umount", &["--", from]);
}

impl Drop for Moved {
    fn drop(&mut self) {
        mounted_anew(&self.to, &self.from);
    }
}

#[test]
fn branches_of_a_pool_that_is_mounted_elsewhere_than_before_are_started_and_destroyed_there() {
    let mut production = Production::new();
    let before = production.ground().objects();
    let url = url_of(&production.branch("fix-42"));
    ask(&url, "CREATE TABLE shop.mine AS SELECT 4711 AS n").unwrap();
    production.envclone(&["stop", "fix-42"]).ok();
    production.stop();

    let moved = Moved::new(production.pool(), production.base().join("elsewhere"));
    let text = production.configuration();
    let (from, to) = (moved.from.to_str().unwrap(), moved.to.to_str().unwrap());
    production.configure(
        &text
            .replace(&format!("{from}\""), &format!("{to}\""))
            .replace(&format!("{from}/"), &format!("{to}/")),
        RULES,
    );
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(ask(&url, "SELECT n FROM shop.mine").unwrap(), "4711");
    let child = production
        .envclone(&["branch", "fix-42", "child", "--json"])
        .json();
    assert_eq!(ask(&url_of(&child), "SELECT n FROM shop.mine").unwrap(), "4711");
    production.envclone(&["destroy", "child", "fix-42"]).ok();
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
    drop(moved);
    production.configure(&text, RULES);
    assert_eq!(production.ground().objects(), before);
}
