//! A test that goes on after a boot. `scripts/vm/test.sh` starts it anew after each; what it knows of before is on the disk.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use envclone::exec::Invocation;

/// How the guest goes down.
#[derive(Debug, Clone, Copy)]
pub enum Reboot {
    /// As an administrator asks for it: units are stopped, file systems unmounted.
    Clean,
    /// As by a loss of power: nothing is told, nothing is written.
    Hard,
}

/// Which boot of a test this is, and what it kept from the boots before.
pub struct Stages {
    dir: PathBuf,
    stage: usize,
}

impl Stages {
    /// Of the test of this name.
    pub fn of(test: &str) -> Self {
        let dir = Path::new("/var/lib/envclone-vm").join(test);
        fs::create_dir_all(&dir).unwrap();
        let mut stages = Self { dir, stage: 0 };
        let next = stages.kept("next");
        stages.stage = next.map_or(0, |next| next.parse().unwrap());
        let begun = stages.kept("begun").map(|begun| begun.parse::<usize>().unwrap());
        assert!(
            begun.is_none_or(|begun| begun < stages.stage),
            "the guest went down by itself in stage {}",
            stages.stage
        );
        stages.keep("begun", &stages.stage.to_string());
        stages
    }

    /// How many boots the test has asked for before.
    pub fn now(&self) -> usize {
        self.stage
    }

    /// Keeps a text for the boots to come, on the disk when this returns.
    pub fn keep(&self, name: &str, text: &str) {
        let new = self.dir.join(format!("{name}.new"));
        fs::write(&new, text).unwrap();
        File::open(&new).unwrap().sync_all().unwrap();
        fs::rename(&new, self.dir.join(name)).unwrap();
        File::open(&self.dir).unwrap().sync_all().unwrap();
    }

    /// What was kept.
    pub fn kept(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.dir.join(name)).ok()
    }

    /// Boots the guest; the test begins anew, in its next stage.
    pub fn reboot(&self, how: Reboot) -> ! {
        self.keep("next", &(self.stage + 1).to_string());
        match how {
            Reboot::Clean => {
                let reboot = Invocation::of("systemctl").unwrap().args(["reboot"]);
                reboot.run().unwrap();
            }
            Reboot::Hard => fs::write("/proc/sysrq-trigger", "b").unwrap(),
        }
        loop {
            std::thread::park();
        }
    }
}
