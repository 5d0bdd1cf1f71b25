//! Everything on the host that a run of envclone may make: what a test compares before and after.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::pool::{LONG, before_another_look};
use crate::production::Production;

/// Subvolumes or datasets, mounts, processes, control groups, listening sockets and files of envclone's own; lock files may
/// stay.
pub fn list(production: &Production) -> Vec<String> {
    let base = production.base();
    let mut world = production.ground().objects();
    world.extend(mounts(base));
    let servers = production.server_pid();
    let foreign = |one: &Process| servers.is_none_or(|server| one.pid != server && one.parent != server);
    let branches = production.branches();
    let mut processes: Vec<Process> = processes_of(base).into_iter().filter(foreign).collect();
    let marked = processes_of_branches(&branches).into_iter();
    let known: Vec<u32> = processes.iter().map(|one| one.pid).collect();
    processes.extend(marked.filter(|one| !known.contains(&one.pid)));
    world.extend(processes.iter().map(|one| format!("process {}", one.command)));
    world.extend(cgroups(&branches));
    world.extend(listening(production));
    world.extend(unix_sockets(base));
    for dir in [
        production.state_dir(),
        production.run_dir(),
        production.pool().join(".envclone"),
    ] {
        world.extend(files(&dir));
    }
    world.sort();
    world
}

fn mounts(base: &Path) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let place = |line: &str| line.split(' ').nth(4).unwrap().to_owned();
    let below = |place: &String| Path::new(place).starts_with(base);
    mounts
        .lines()
        .map(place)
        .filter(below)
        .map(|place| format!("mount {place}"))
        .collect()
}

/// A process that has to do with a test.
pub struct Process {
    pub pid: u32,
    pub parent: u32,
    pub command: String,
}

/// Processes whose command line, environment or working directory names `base`, but for this one.
pub fn processes_of(base: &Path) -> Vec<Process> {
    let base = base.as_os_str().as_encoded_bytes();
    let names = |text: &[u8]| memchr::memmem::find(text, base).is_some();
    processes(|command, environment, cwd| [command, environment, cwd].iter().any(|text| names(text)))
}

/// Processes that carry the mark of one of these branches, as do those that say nothing else of whose they are: sandboxes and
/// gateways, and what enters them.
pub fn processes_of_branches(branches: &BTreeSet<String>) -> Vec<Process> {
    processes(|_, environment, _| {
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|variable| {
            let branch = variable.strip_prefix(b"ENVCLONE_BRANCH=");
            branch.is_some_and(|branch| branches.contains(&*String::from_utf8_lossy(branch)))
        })
    })
}

/// The control groups that branches have, where the host has such.
fn cgroups(branches: &BTreeSet<String>) -> Vec<String> {
    let there = directories_of_groups(branches);
    let name = |path: PathBuf| path.file_name().unwrap().display().to_string();
    there
        .into_iter()
        .map(|path| format!("cgroup {}", name(path)))
        .collect()
}

/// Takes away the control groups of branches of which nothing runs, as a boot does.
pub fn remove_cgroups(branches: &BTreeSet<String>) {
    let began = Instant::now();
    for group in directories_of_groups(branches) {
        // What was killed is in it until it is buried.
        while let Err(error) = fs::remove_dir(&group) {
            assert!(began.elapsed() < LONG, "{}: {error}", group.display());
            before_another_look();
        }
    }
}

fn directories_of_groups(branches: &BTreeSet<String>) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let second = mounts.lines().find(|line| line.contains(" - cgroup2 "));
    let Some(root) = second.and_then(|line| line.split(' ').nth(4)) else {
        return Vec::new();
    };
    let of = |branch: &String| Path::new(root).join("envclone").join(branch);
    branches.iter().map(of).filter(|path| path.exists()).collect()
}

/// Processes that `wanted` finds by command line, environment and working directory, but for this one.
fn processes(wanted: impl Fn(&[u8], &[u8], &[u8]) -> bool) -> Vec<Process> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
        let link = |name: &str| fs::read_link(entry.path().join(name)).unwrap_or_default();
        let command = read("cmdline");
        let cwd = link("cwd").into_os_string().into_encoded_bytes();
        let status = String::from_utf8_lossy(&read("status")).into_owned();
        let after = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
        // A zombie waits for nothing but its parent.
        let zombie = after("State:").is_none_or(|state| state.trim().starts_with('Z'));
        if pid == std::process::id() || zombie || !wanted(&command, &read("environ"), &cwd) {
            continue;
        }
        // `envclone init` of another test asks every server of the host which databases it has.
        if memchr::memmem::find(&command, b"pg_get_userbyid(datdba)").is_some() {
            continue;
        }
        found.push(Process {
            pid,
            parent: after("PPid:")
                .and_then(|parent| parent.trim().parse().ok())
                .unwrap_or(0),
            command: String::from_utf8_lossy(&command).replace('\0', " "),
        });
    }
    found
}

fn listening(production: &Production) -> Vec<String> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let address = u32::from_ne_bytes(production.address().octets());
    let prefix = format!("{address:08X}:");
    let port = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let port = fields[1].strip_prefix(&prefix)?;
        (fields[3] == "0A").then(|| format!("port {}", u16::from_str_radix(port, 16).unwrap()))
    };
    table.lines().skip(1).filter_map(port).collect()
}

fn unix_sockets(base: &Path) -> Vec<String> {
    let table = fs::read_to_string("/proc/net/unix").unwrap();
    let path = |line: &str| line.split_ascii_whitespace().nth(7).map(PathBuf::from);
    let mut paths: Vec<PathBuf> = table.lines().skip(1).filter_map(path).collect();
    paths.retain(|path| path.starts_with(base));
    paths.sort();
    paths.dedup();
    paths
        .iter()
        .map(|path| format!("socket {}", path.display()))
        .collect()
}

/// Every file below a directory of envclone's own but for locks, not going into subvolumes and datasets.
fn files(dir: &Path) -> Vec<String> {
    let device = |path: &Path| fs::symlink_metadata(path).map(|metadata| metadata.dev()).ok();
    let own = device(dir);
    let (mut found, mut waiting) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if directory {
                if device(&path) == own {
                    waiting.push(path);
                }
            } else if path.extension().is_none_or(|extension| extension != "lock") {
                found.push(format!("file {}", path.display()));
            }
        }
    }
    found
}

/// Kills what is left of a test, and waits until it has ended.
pub fn end_processes(base: &Path) {
    end(processes_of(base));
}

/// Kills processes, and waits until they have ended.
pub fn end(processes: Vec<Process>) {
    for one in processes {
        let Some(pid) = Pid::from_raw(one.pid.cast_signed()) else {
            continue;
        };
        if let Ok(held) = pidfd_open(pid, PidfdFlags::empty()) {
            // It may end by itself, or with the one before.
            let _ = kill_process(pid, Signal::KILL);
            ended(&held, LONG);
        }
    }
}

/// Kills one process.
pub fn kill_9(pid: u32) {
    end_by(pid, Signal::KILL);
}

/// Sends a process a signal that ends it, and waits until it has.
pub fn end_by(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    let held = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    kill_process(pid, signal).unwrap();
    assert!(ended(&held, LONG), "it does not end");
}

fn ended(held: &OwnedFd, within: Duration) -> bool {
    let until = Instant::now() + within;
    let left = until.saturating_duration_since(Instant::now());
    let left = Timespec {
        tv_sec: left.as_secs().cast_signed(),
        tv_nsec: i64::from(left.subsec_nanos()),
    };
    poll(&mut [PollFd::new(held, PollFlags::IN)], Some(&left)).is_ok_and(|ready| ready == 1)
}

/// Removes what is in a directory of a test's own, as a reboot does with `/run`.
pub fn empty(dir: &Path) {
    #[allow(clippy::disallowed_methods, reason = "a directory that the test made")]
    fs::remove_dir_all(dir).unwrap();
}
