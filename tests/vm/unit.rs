//! The supervisor of a branch is a unit of systemd's.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::pool::{LONG, before_another_look, run};
use crate::production::{Ended, Production, ask, program};
use crate::tank::production_on_zfs;
use crate::world;

/// A branch, and the unit that it should have.
struct Branch {
    url: String,
    unit: String,
}

impl Branch {
    fn of(document: &Value) -> Self {
        let socket = Path::new(document["services"]["db"]["socket"].as_str().unwrap());
        let id = socket.parent().unwrap().file_name().unwrap().to_str().unwrap();
        Self {
            url: document["url"].as_str().unwrap().to_owned(),
            unit: format!("envclone-{id}.service"),
        }
    }

    fn property(&self, name: &str) -> String {
        let shown = run("systemctl", &["show", "--value", "--property", name, &self.unit]);
        shown.trim().to_owned()
    }

    #[track_caller]
    fn runs(&self) {
        assert_eq!(self.property("ActiveState"), "active");
        assert_eq!(
            ask(&self.url, "SELECT count(*) FROM shop.customers").unwrap(),
            "300"
        );
    }

    /// Nothing of the unit stays, as soon as systemd has seen that it ended.
    #[track_caller]
    fn is_gone(&self) {
        let began = std::time::Instant::now();
        while self.property("LoadState") != "not-found" {
            assert!(began.elapsed() < LONG, "{} is still there", self.unit);
            before_another_look();
        }
    }
}

/// The group of a process, as the kernel says it.
fn control_group(pid: u32) -> String {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    groups.trim().strip_prefix("0::").unwrap().to_owned()
}

#[test]
fn a_branch_outlives_the_service_that_made_it_in_a_unit_that_holds_all_of_it_and_comes_back_in_it() {
    let production = production_on_zfs();
    let before = production.world();
    let command = production.command(&["branch", "prod", "fix-42", "--json"]);
    // As a timer's job: when it ends, systemd kills what is left in its group.
    let mut service = program("/usr/bin/systemd-run");
    service.args(["--quiet", "--wait", "--collect", "--pipe", "--"]);
    service.arg(command.get_program()).args(command.get_args());
    let document = Ended::of(service.output().unwrap()).json();

    let branch = Branch::of(&document);
    branch.runs();
    assert_eq!(branch.property("Slice"), "envclone.slice");
    let group = branch.property("ControlGroup");
    assert!(group.starts_with("/envclone.slice/"), "{group}");
    let supervisor: u32 = branch.property("MainPID").parse().unwrap();
    let mine = world::processes_of(production.base());
    let of_branch = mine.iter().filter(|one| control_group(one.pid) == group);
    let commands: Vec<&str> = of_branch.map(|one| one.command.as_str()).collect();
    assert!(
        commands.iter().any(|command| command.contains("__supervise")),
        "{commands:?}"
    );
    // The server is in there too: its processes have the supervisor above them.
    let listed = fs::read_to_string(format!("/sys/fs/cgroup{group}/cgroup.procs")).unwrap();
    assert!(listed.lines().any(|pid| pid == supervisor.to_string()));
    let names: Vec<String> = listed
        .lines()
        .map(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default())
        .collect();
    for name in ["bwrap", "postgres"] {
        assert!(names.iter().any(|one| one.trim() == name), "{name}: {names:?}");
    }
    // An administrator sees it, and can limit it, as any other unit.
    let status = run("systemctl", &["status", "--no-pager", "--full", &branch.unit]);
    for shown in [
        "Branch of envclone",
        "active (running)",
        "__supervise",
        "postgres",
    ] {
        assert!(status.contains(shown), "{shown}: {status}");
    }
    let limit = |file: &str| fs::read_to_string(format!("/sys/fs/cgroup{group}/{file}")).unwrap();
    assert_eq!(limit("pids.max").trim(), "8192");
    run(
        "systemctl",
        &[
            "set-property",
            "--runtime",
            &branch.unit,
            "MemoryMax=1G",
            "CPUQuota=150%",
        ],
    );
    assert_eq!(limit("memory.max").trim(), (1u64 << 30).to_string());
    assert_eq!(limit("cpu.max").trim(), "150000 100000");
    branch.runs();
    // Nothing of the command stays.
    assert!(!mine.iter().any(|one| one.command.contains("systemd-run")));

    comes_back(&production, &branch);
    production.envclone(&["destroy", "fix-42"]).ok();
    branch.is_gone();
    assert_eq!(production.world(), before);
}

/// It is stopped by envclone, by a crash of its supervisor and by systemd, and started over and over under the same name.
#[track_caller]
fn comes_back(production: &Production, branch: &Branch) {
    production.envclone(&["stop", "fix-42"]).ok();
    ask(&branch.url, "SELECT 1").unwrap_err();
    branch.is_gone();
    production.envclone(&["start", "fix-42"]).ok();
    branch.runs();
    world::kill_9(branch.property("MainPID").parse().unwrap());
    production.envclone(&["start", "fix-42"]).ok();
    branch.runs();

    // Its servers are ended cleanly then, too.
    ask(&branch.url, "CREATE TABLE shop.mine AS SELECT 4711 AS n").unwrap();
    run("systemctl", &["stop", &branch.unit]);
    ask(&branch.url, "SELECT 1").unwrap_err();
    let logs = production.envclone(&["logs", "fix-42", "db"]).ok();
    assert!(
        logs.trim_end().ends_with("database system is shut down"),
        "{logs}"
    );
    production.envclone(&["start", "fix-42"]).ok();
    branch.runs();
    assert_eq!(ask(&branch.url, "SELECT n FROM shop.mine").unwrap(), "4711");
}
