//! Where everything that envclone remembers lies: all paths in one place.

use std::path::PathBuf;

use crate::model::{BranchId, EnvName, ProjectName, RunId};

/// The paths of one project.
///
/// ```text
/// /var/lib/envclone/<project>/key                          the masking key
/// /var/lib/envclone/<project>/environments/<name>.json     one record per environment
/// /var/lib/envclone/<project>/runs/<run id>.jsonl          journals of runs
/// /var/lib/envclone/<project>/conf/<branch id>/            configuration that instances see read-only
/// /var/lib/envclone/<project>/logs/                        what instances print
/// /run/envclone/<branch id>/                               sockets
/// /run/envclone/locks/                                     locks; gone after a boot
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// What outlives a boot: `/var/lib/envclone`.
    pub state_dir: PathBuf,
    /// What does not: `/run/envclone`.
    pub run_dir: PathBuf,
    /// The project.
    pub project: ProjectName,
}

impl Layout {
    /// Everything of the project.
    pub fn project_dir(&self) -> PathBuf {
        self.state_dir.join(self.project.as_str())
    }

    /// The records of environments.
    pub fn environments_dir(&self) -> PathBuf {
        self.project_dir().join("environments")
    }

    /// The record of an environment.
    pub fn env_record(&self, name: &EnvName) -> PathBuf {
        self.environments_dir().join(format!("{name}.json"))
    }

    /// The journals of runs.
    pub fn runs_dir(&self) -> PathBuf {
        self.project_dir().join("runs")
    }

    /// The journal of a run.
    pub fn journal(&self, run: &RunId) -> PathBuf {
        self.runs_dir().join(format!("{run}.jsonl"))
    }

    /// The masking key.
    pub fn key(&self) -> PathBuf {
        self.project_dir().join("key")
    }

    /// What instances print.
    pub fn logs_dir(&self) -> PathBuf {
        self.project_dir().join("logs")
    }

    /// The configuration files of a branch's instances.
    pub fn conf_dir(&self, branch: &BranchId) -> PathBuf {
        self.project_dir().join("conf").join(branch.as_str())
    }

    /// Sockets of a branch; as short as a socket's path must be.
    pub fn branch_dir(&self, branch: &BranchId) -> PathBuf {
        self.run_dir.join(branch.as_str())
    }

    /// The locks of the project.
    pub fn locks_dir(&self) -> PathBuf {
        self.run_dir.join("locks").join(self.project.as_str())
    }

    /// The lock of an environment.
    pub fn lock(&self, name: &EnvName) -> PathBuf {
        self.locks_dir().join(format!("{name}.lock"))
    }

    /// The lock under which ports are chosen, one for all projects. A project's name holds no dot.
    pub fn ports_lock(&self) -> PathBuf {
        self.run_dir.join("locks").join("ports.lock")
    }
}
