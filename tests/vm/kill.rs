//! Runs on ZFS that are killed, at every step of their journal and in the middle of what they do: the next command that changes
//! anything leaves nothing of them.

use std::collections::BTreeSet;
use std::fs;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::pool::{LONG, before_another_look};
use crate::production::{Ended, Production};
use crate::tank::{of_files, production_on_zfs};

/// Without a server. At the others, and at the first moment of the last of these, runs with one are killed.
const STEPS: [&str; 5] = ["reserve", "quiesce", "snapshot", "clone", "seal"];

/// The journal of the run that died.
fn journal(production: &Production) -> String {
    let runs = fs::read_dir(production.state_dir().join("shop/runs"))
        .into_iter()
        .flatten();
    let text = |run: fs::DirEntry| fs::read_to_string(run.path()).unwrap_or_default();
    runs.flatten().map(text).collect()
}

/// After a run of "fix-42" died: a command that changes something leaves the world as it was, but for a branch that was
/// published before its run died, which is whole.
#[track_caller]
fn cleaned_up(production: &Production, before: &[String], when: &str) {
    production
        .envclone(&["destroy", "nosuch"])
        .refused(2, &["no environment nosuch"]);
    if production
        .state_dir()
        .join("shop/environments/fix-42.json")
        .exists()
    {
        let shown = production.envclone(&["show", "fix-42", "--json"]).json();
        assert_eq!(shown["environment"]["state"], "ready", "{when}");
        production.envclone(&["destroy", "fix-42"]).ok();
    }
    assert_eq!(production.world(), before, "{when}");
}

/// The steps until there is a server to seal, which has no part in what lies where. A step has two lines, and nothing is done between
/// its last one and the first of the next; so every second line is one of each step. On Btrfs it is every line of all steps
/// (`tests/live/kill.rs`).
#[test]
fn a_run_killed_at_any_step_before_its_servers_start_leaves_nothing_on_zfs() {
    let production = of_files();
    // What holds all clones is made by the first command that changes anything, and stays.
    production.envclone(&["destroy", "nosuch"]);
    let before = production.world();
    let mut steps: BTreeSet<&str> = BTreeSet::new();
    for line in (2..).step_by(2) {
        let ended = production.envclone(&["branch", "prod", "fix-42", "--die-after-line", &line.to_string()]);
        assert_eq!(ended.code, 128 + 9, "line {line}: {}", ended.stderr);
        let journal = journal(&production);
        assert_eq!(journal.lines().count(), line, "{journal}");
        let begun = |step: &&&str| {
            let name = format!("\"name\":{step:?}");
            let mut intents = journal
                .lines()
                .filter(|line| line.contains("\"event\":\"intent\""));
            intents.any(|line| line.contains(&name))
        };
        steps.extend(STEPS.iter().filter(begun).copied());
        cleaned_up(&production, &before, &format!("after line {line}: {journal}"));
        if steps.contains("seal") {
            break;
        }
    }
    assert_eq!(steps.len(), STEPS.len(), "only {steps:?} began");
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
}

#[test]
fn a_run_killed_in_the_middle_of_what_its_servers_do_leaves_nothing_on_zfs() {
    let production = production_on_zfs();
    let before = production.world();
    for step in ["seal", "sanitize", "prove", "checkpoint", "start", "publish"] {
        let run = production.spawn(&["branch", "prod", "fix-42"]);
        until(step, || {
            journal(&production)
                .contains(&format!("\"name\":{step:?}"))
                .then_some(())
        });
        signal(run.id(), Signal::KILL);
        Ended::of(run.wait_with_output().unwrap());
        cleaned_up(&production, &before, &format!("killed in {step}"));
    }
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
    assert_eq!(production.sql("SELECT count(*) FROM shop.customers"), "300");
}

/// Waits, looking again and again, until there is what is looked for.
fn until<T>(what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(found) = seen() {
            return found;
        }
        assert!(began.elapsed() < LONG, "{what} did not happen");
        before_another_look();
    }
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

/// A program that this process runs, of whose arguments these are the first.
fn program_of(parent: &Child, args: &str) -> Option<u32> {
    let tasks = fs::read_dir(format!("/proc/{}/task", parent.id())).ok()?;
    let children = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let pids: Vec<u32> = tasks
        .flatten()
        .flat_map(|task| {
            let listed = children(task);
            listed
                .split_ascii_whitespace()
                .map(|pid| pid.parse().unwrap())
                .collect::<Vec<u32>>()
        })
        .collect();
    pids.into_iter().find(|pid| {
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.replace('\0', " ").contains(args)
    })
}

/// How often a process has slept until now.
fn times_asleep(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let count = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.map_or(0, |count| count.trim().parse().unwrap())
}

/// How often a process has slept, while it has open what says of what an object consists.
fn waits_at_an_object(pid: u32) -> Option<u64> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let names = open
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok());
    let at_one = names.into_iter().any(|path| path.ends_with("names.json"));
    at_one.then(|| times_asleep(pid))
}

/// Stops what a run has called, kills the run, and begins another command; then what was called goes on.
#[track_caller]
fn killed_while_it_calls(production: &Production, args: &[&str], call: &str, before: &[String]) {
    let run = production.spawn(args);
    let called = until(call, || program_of(&run, call));
    signal(called, Signal::STOP);
    signal(run.id(), Signal::KILL);
    Ended::of(run.wait_with_output().unwrap());
    let mut next = production.spawn(&["destroy", "nosuch"]);
    // Until it waits, unless it does not.
    let mut seen: Option<u64> = None;
    until("the next command cleans up", || {
        seen = waits_at_an_object(next.id()).map(|now| seen.unwrap_or(now));
        let waits = seen.is_some_and(|since| times_asleep(next.id()) > since + 5);
        (waits || next.try_wait().unwrap().is_some()).then_some(())
    });
    signal(called, Signal::CONT);
    Ended::of(next.wait_with_output().unwrap()).refused(2, &["no environment nosuch"]);
    until("what was called ends", || {
        fs::read_link(format!("/proc/{called}/exe")).err()
    });
    assert_eq!(production.world(), before, "killed while it called {call}");
}

#[test]
fn what_a_killed_run_had_called_is_waited_for_and_leaves_nothing_on_zfs() {
    let production = of_files();
    production.envclone(&["destroy", "nosuch"]);
    let before = production.world();
    for call in ["zfs snapshot", "zfs clone"] {
        killed_while_it_calls(&production, &["branch", "prod", "fix-42"], call, &before);
    }
    // First the clone, of which there is a snapshot, then that snapshot, then what was kept for it.
    let husk = format!("zfs destroy {}", production.ground().names().0);
    for call in ["zfs set envclone:husk", "zfs destroy -d", &husk] {
        production.branch("fix-42");
        killed_while_it_calls(&production, &["destroy", "fix-42"], call, &before);
    }
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
}
