//! The host is booted, and the installed unit brings the branches back.

use std::process::Stdio;

use crate::installed::{
    self, ask_production, branch, envclone, journal_of, nothing_is_wrong, property, url_of,
};
use crate::pool::before_another_look;
use crate::production::ask;
use crate::stages::{Reboot, Stages};

const MINE: &str = "SELECT n FROM shop.mine";

/// One boot after the other of a host with a production, a branch that is there, and another that is being made each time
/// the host goes down.
struct Life {
    stages: Stages,
    /// What the pool holds, by name.
    objects: fn() -> String,
}

impl Life {
    fn of(name: &str, make_production: fn(), objects: fn() -> String) -> Self {
        let stages = Stages::of(name);
        let life = Self { stages, objects };
        if life.stages.now() == 0 {
            installed::install();
            make_production();
            // What holds all clones is made now, and stays.
            nothing_is_wrong();
            life.stages.keep("empty", &objects());
            life.stages.keep("url", &url_of(&branch("fix-42")));
            life.stages.keep("before", &objects());
            nothing_is_wrong();
        }
        life
    }

    fn url(&self) -> String {
        self.stages.kept("url").unwrap()
    }

    /// Something that the branch's users wrote.
    fn write(&self) {
        ask(&self.url(), "CREATE TABLE shop.mine AS SELECT 4711 AS n").unwrap();
    }

    /// The unit has started what ran, under the URL and with the password of before, and undone what was being made.
    #[track_caller]
    fn is_as_before(&self) {
        let said = journal_of("envclone.service");
        assert_eq!(property("envclone.service", "ActiveState"), "active", "{said}");
        nothing_is_wrong();
        assert_eq!(installed::journals_of_runs(), "", "{said}");
        let listed = envclone(&["list"]).ok();
        assert!(!listed.contains("other"), "{listed}");
        assert_eq!(envclone(&["url", "fix-42", "db"]).ok().trim(), self.url());
        let customers = "SELECT count(*) FROM shop.customers";
        assert_eq!(ask(&self.url(), customers).unwrap(), "300");
        assert_eq!(ask_production(customers), "300");
    }

    /// What was written after it was made is there; or, after a hard reset, gone, and the unit says so.
    #[track_caller]
    fn came_back(&self, how: Reboot) {
        self.is_as_before();
        let said = journal_of("envclone.service");
        let went_back = said.contains("fix-42 went back to its checkpoint");
        match how {
            Reboot::Clean => {
                assert!(!went_back, "{said}");
                assert_eq!((self.objects)(), self.stages.kept("before").unwrap());
                assert_eq!(ask(&self.url(), MINE).unwrap(), "4711");
            }
            Reboot::Hard => {
                assert!(went_back, "{said}");
                ask(&self.url(), MINE).unwrap_err();
                self.write();
                // On ZFS the clone of before stays, empty of what is its own, for the checkpoint that was taken of it.
                self.stages.keep("before", &(self.objects)());
            }
        }
    }

    /// Begins another branch, and boots as soon as its journal names the step.
    #[allow(clippy::zombie_processes, reason = "nothing waits for it: the host goes down")]
    fn goes_down_during(&self, step: &str, how: Reboot) {
        let mut command = installed::command(&["branch", "prod", "other"]);
        let mut run = command.stdout(Stdio::null()).spawn().unwrap();
        while !installed::journals_of_runs().contains(&format!("{step:?}")) {
            let ended = run.try_wait().unwrap();
            assert!(ended.is_none(), "it ended before {step}: {ended:?}");
            before_another_look();
        }
        self.stages.reboot(how);
    }

    /// All goes on as before.
    fn ends(&self) {
        branch("other");
        envclone(&["destroy", "fix-42", "other"]).ok();
        nothing_is_wrong();
        assert_eq!((self.objects)(), self.stages.kept("empty").unwrap());
    }
}

#[test]
fn on_btrfs_branches_are_brought_back_or_undone_by_the_unit_whenever_the_host_goes_down() {
    let life = Life::of("btrfs", installed::make_production, installed::subvolumes);
    match life.stages.now() {
        0 => {
            life.write();
            // The unit has not run yet: systemd stops the branches.
            life.goes_down_during("prove", Reboot::Clean);
        }
        1 => {
            life.came_back(Reboot::Clean);
            life.goes_down_during("clone", Reboot::Hard);
        }
        _ => {}
    }
    life.came_back(Reboot::Hard);
    life.ends();
}

#[test]
fn on_zfs_branches_are_brought_back_or_undone_by_the_unit_whenever_the_host_goes_down() {
    let life = Life::of("zfs", installed::make_production_on_zfs, installed::datasets);
    match life.stages.now() {
        0 => {
            life.write();
            life.goes_down_during("sanitize", Reboot::Hard);
        }
        1 => {
            life.came_back(Reboot::Hard);
            // Now the unit stops them itself.
            life.goes_down_during("prove", Reboot::Clean);
        }
        _ => {}
    }
    life.came_back(Reboot::Clean);
    life.ends();
}
