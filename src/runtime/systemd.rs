//! A transient unit for each branch's supervisor, where systemd runs the host.
//!
//! In there it outlives the session or the service that the command ran in, `systemctl status` shows what belongs to the
//! branch, its resources can be limited (all branches together in `envclone.slice`), and a shutdown of the host asks the
//! supervisor to stop its services before file systems go, and nobody else in the unit before it.
//!
//! `systemd-run` passes the lease on and stays as long as the unit does; it stands for the supervisor as a child, until
//! the branch is kept. Who ends it does not end the unit (systemd 252 and 257).

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::exec::{ExecError, Invocation, Tool};
use crate::model::BranchId;

/// Where systemd says that it runs the host: `sd_booted(3)`.
const BOOTED: &str = "/run/systemd/system";
/// `systemd-run` passes descriptors on by way of the bus only.
const BUS: &str = "/run/dbus/system_bus_socket";
/// Where systemd keeps transient units for as long as it knows them.
const TRANSIENT: &str = "/run/systemd/transient";
/// How long a unit that is ending may take: as long as its supervisor.
const ENDING: Duration = Duration::from_secs(150);
const PROPERTIES: [&str; 8] = [
    "Description=Branch of envclone",
    // Asked to stop is the supervisor, which knows how each service stops; the rest is killed when it has ended.
    "KillMode=mixed",
    "TimeoutStopSec=120",
    // A session of a server that runs out of memory is that server's affair.
    "OOMPolicy=continue",
    "TasksMax=8192",
    // Stopped after it: its `stop --all` comes first, where it is active.
    "Before=envclone.service",
    "StandardOutput=null",
    "StandardError=null",
];

/// The unit of a branch.
pub(super) struct Unit {
    name: String,
    systemd_run: Tool,
}

impl Unit {
    /// The one of `branch`; `None` where systemd does not run this host, or cannot be asked.
    pub(super) fn of(branch: &BranchId) -> Option<Self> {
        if !Path::new(BOOTED).is_dir() || fs::symlink_metadata(BUS).is_err() {
            return None;
        }
        Some(Self {
            name: name_of(branch),
            systemd_run: Tool::find("systemd-run").ok()?,
        })
    }

    /// Runs `program` with `args` in the unit, which ends with it. Standard input is passed on.
    pub(super) fn running(&self, program: &Tool, args: &[OsString]) -> Invocation {
        let properties = PROPERTIES.map(|property| format!("--property={property}"));
        Invocation::new(&self.systemd_run)
            .args([
                "--quiet",
                "--no-ask-password",
                "--collect",
                "--pipe",
                "--slice=envclone.slice",
            ])
            .arg(format!("--unit={}", self.name))
            .args(properties)
            .arg("--")
            .arg(program.path())
            .args(args)
    }

    /// Waits until the unit is gone that an earlier supervisor of the branch, which has ended, ran in.
    pub(super) fn wait_until_gone(&self) -> Result<(), ExecError> {
        if fs::symlink_metadata(Path::new(TRANSIENT).join(&self.name)).is_err() {
            return Ok(());
        }
        let stop = Invocation::of("systemctl")?.args(["stop", "--quiet", "--"]);
        match stop.arg(&self.name).timeout(ENDING).run() {
            // It went in between.
            Err(ExecError::Failed { .. }) if !self.is_known() => Ok(()),
            other => other.map(drop),
        }
    }

    fn is_known(&self) -> bool {
        fs::symlink_metadata(Path::new(TRANSIENT).join(&self.name)).is_ok()
    }
}

/// Whether this process runs in the unit of `branch`, which then is its control group.
pub(super) fn runs_in_unit_of(branch: &BranchId) -> bool {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    groups
        .lines()
        .any(|line| line.ends_with(&format!("/{}", name_of(branch))))
}

fn name_of(branch: &BranchId) -> String {
    format!("envclone-{branch}.service")
}
