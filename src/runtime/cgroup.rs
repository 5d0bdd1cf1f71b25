//! A control group for each branch, where the host has the second version of them and lets us.
//!
//! It takes the supervisor out of whatever started the command (a session that ends at logout, a timer's unit), so
//! that it is not ended with that, and it shows an administrator what a branch uses. Nothing depends on it.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::model::BranchId;

const OURS: &str = "envclone";
/// Processes and threads of a branch at one time.
const PROCESSES: u32 = 8192;
/// How long killed processes may take to go.
const DEATH: Duration = Duration::from_secs(10);

/// A branch's control group.
#[derive(Debug)]
pub(super) struct Cgroup {
    root: PathBuf,
    path: PathBuf,
}

impl Cgroup {
    /// The one of `branch`; `None` where this host has no such hierarchy. It need not exist.
    pub(super) fn of(branch: &BranchId) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let root = mount_point(&mounts)?;
        let path = root.join(OURS).join(branch.as_str());
        Some(Self { root, path })
    }

    /// Makes it, and moves this process into it. What this process starts from then on is born in it.
    pub(super) fn enter(&self) -> io::Result<()> {
        let ours = self.root.join(OURS);
        make(&ours)?;
        // Where the host counts processes at all, a branch cannot take all of its numbers.
        let _ = fs::write(ours.join("cgroup.subtree_control"), "+pids");
        make(&self.path)?;
        let _ = fs::write(self.path.join("pids.max"), PROCESSES.to_string());
        join(&self.path)
    }

    /// Moves this process, the last one in it, back to the top, and removes it.
    pub(super) fn leave(&self) -> io::Result<()> {
        join(&self.root)?;
        self.remove()
    }

    /// Kills what is in it, where the kernel can (Linux 5.14), and removes it. Only for who holds the branch's lock.
    pub(super) fn end(&self) -> io::Result<()> {
        let _ = fs::write(self.path.join("cgroup.kill"), "1");
        self.remove()
    }

    /// Removes it when it has become empty; one that is not there is fine.
    fn remove(&self) -> io::Result<()> {
        match self.wait_until_empty().and_then(|()| fs::remove_dir(&self.path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// A process leaves its group a moment after its files are closed and its locks free.
    fn wait_until_empty(&self) -> io::Result<()> {
        let mut events = File::open(self.path.join("cgroup.events"))?;
        let until = Instant::now() + DEATH;
        loop {
            let mut text = String::new();
            events.rewind()?;
            events.read_to_string(&mut text)?;
            if text.lines().any(|line| line == "populated 0") {
                return Ok(());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::from(io::ErrorKind::ResourceBusy));
            }
            let limit = Timespec::try_from(left).map_err(io::Error::other)?;
            // A change after the last read is an exceptional condition.
            match poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&limit)) {
                // A signal: looked at once more.
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn make(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn join(path: &Path) -> io::Result<()> {
    fs::write(path.join("cgroup.procs"), "0")
}

/// Where the hierarchy is mounted, with its own root: not one that a container sees a part of.
fn mount_point(mountinfo: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let kind = after.split(' ').next()?;
        let fields: Vec<&str> = before.split(' ').collect();
        let (root, mount_point) = (fields.get(3)?, fields.get(4)?);
        // A backslash escapes a character that no system's mount point has.
        (kind == "cgroup2" && *root == "/" && !mount_point.contains('\\')).then(|| PathBuf::from(mount_point))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
30 29 0:26 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu
20 41 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn the_second_version_is_found_wherever_it_is_mounted() {
        assert_eq!(mount_point(HYBRID), Some("/sys/fs/cgroup/unified".into()));
        let only = "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(mount_point(only), Some("/sys/fs/cgroup".into()));
        assert_eq!(mount_point(&only.replace("0:30 / ", "0:30 /docker/7 ")), None);
        assert_eq!(mount_point(&only.replace("cgroup2", "cgroup")), None);
        assert_eq!(mount_point("\n35 - cgroup2\n"), None);
    }
}
