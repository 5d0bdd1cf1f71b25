//! A branch held still for the instant of its own snapshot: every process of its sandboxes is stopped, and goes on when
//! the last one who asked lets go, dies, or takes too long.
//!
//! By signals from outside, which no process inside can catch or refuse: the supervisor is in the branch's control
//! group itself, so that to freeze the group would be to freeze the one who thaws it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::super::process::Held;
use super::super::protocol::{Failure, Reply, Thaw, receive, send};
use super::{Supervisor, locked};

/// How long it may take until all stand still.
const STANDSTILL: Duration = Duration::from_secs(5);
/// How long a caller may hold a branch.
const AT_MOST: Duration = Duration::from_secs(60);
/// Between two looks at processes that were told to stop; they do so at the end of a system call.
const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// Who holds the branch, and which processes were stopped for it.
#[derive(Default)]
pub(super) struct Frozen {
    holders: usize,
    stopped: Vec<Held>,
}

impl Supervisor {
    /// Answers a request to freeze, and holds the branch for as long as the caller does.
    pub(super) fn hold_frozen(&self, caller: &UnixStream) {
        if let Err(failure) = self.freeze() {
            // A caller that is gone does not want to know.
            let _ = send(caller, &Reply::Failed(failure));
            return;
        }
        let asked = send(caller, &Reply::Done)
            .and_then(|()| caller.set_read_timeout(Some(AT_MOST)))
            .and_then(|()| receive::<Thaw>(caller));
        self.thaw();
        // Only then has it been still all the time; whoever took too long sees the connection close.
        if let Ok(Some(Thaw)) = asked {
            let _ = send(caller, &Reply::Done);
        }
    }

    pub(super) fn freeze(&self) -> Result<(), Failure> {
        let mut frozen = locked(&self.frozen);
        if frozen.holders == 0 {
            let mut stopped = BTreeMap::new();
            let stood = Self::sandboxes().and_then(|inside| stop(&inside, &mut stopped));
            frozen.stopped = stopped.into_values().collect();
            if let Err(error) = stood {
                go_on(&mut frozen);
                return Err(Failure::io("holding the branch still")(error));
            }
        }
        frozen.holders += 1;
        Ok(())
    }

    pub(super) fn thaw(&self) {
        let mut frozen = locked(&self.frozen);
        frozen.holders -= 1;
        if frozen.holders == 0 {
            go_on(&mut frozen);
        }
    }

    /// The PID namespaces in which something of the branch runs: its sandboxes, ready or not, and what users began beside
    /// them. They are those of all processes in the branch's network, but for who is in that of the host's processes, as
    /// the supervisor and the gateway are; no process inside can leave either.
    pub(super) fn sandboxes() -> io::Result<BTreeSet<PathBuf>> {
        let (network, outside) = (
            fs::read_link("/proc/self/ns/net")?,
            fs::read_link("/proc/self/ns/pid")?,
        );
        let mut inside = BTreeSet::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let of_branch = fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|its| its == network);
            if !of_branch {
                continue;
            }
            // One that ended meanwhile is in none.
            inside.extend(namespace(pid).ok().filter(|namespace| *namespace != outside));
        }
        Ok(inside)
    }
}

fn go_on(frozen: &mut Frozen) {
    for process in frozen.stopped.drain(..) {
        // One that was killed meanwhile does not go on.
        let _ = process.signal(Signal::CONT);
    }
}

/// Stops every process of these namespaces. What somebody had stopped before is not among `stopped`.
fn stop(inside: &BTreeSet<PathBuf>, stopped: &mut BTreeMap<u32, Held>) -> io::Result<()> {
    let until = Instant::now() + STANDSTILL;
    let mut quiet = 0;
    // Twice: a process may begin another one behind a look that goes by numbers, and end before it gets there.
    while quiet < 2 {
        if stop_those_that_move(inside, stopped)? == 0 {
            quiet += 1;
            continue;
        }
        quiet = 0;
        if Instant::now() > until {
            let message = format!("its processes do not stop within {} s", STANDSTILL.as_secs());
            return Err(io::Error::other(message));
        }
        thread::park_timeout(LOOK_AGAIN);
    }
    Ok(())
}

/// Looks at all processes once, and stops those that move; how many did.
fn stop_those_that_move(inside: &BTreeSet<PathBuf>, stopped: &mut BTreeMap<u32, Held>) -> io::Result<usize> {
    let mut moving = 0;
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let is_inside = |pid| namespace(pid).is_ok_and(|namespace| inside.contains(&namespace));
        let told = stopped.contains_key(&pid);
        if !is_inside(pid) || stands_still(pid)? || (told && waits_for_its_child(pid)) {
            continue;
        }
        moving += 1;
        // Looked at again while it is held: the number may have gone to another one in between.
        if let Ok(held) = Held::open(pid)
            && is_inside(pid)
            && !held.has_ended()?
        {
            held.signal(Signal::STOP)?;
            stopped.entry(pid).or_insert(held);
        }
    }
    Ok(moving)
}

/// The PID namespace of a process.
pub(super) fn namespace(pid: u32) -> io::Result<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/pid"))
}

/// Whether every thread of a process is stopped or has ended.
fn stands_still(pid: u32) -> io::Result<bool> {
    let threads = match fs::read_dir(format!("/proc/{pid}/task")) {
        Err(error) if is_gone(&error) => return Ok(true),
        threads => threads?,
    };
    for thread in threads {
        let stat = match thread.and_then(|thread| fs::read(thread.path().join("stat"))) {
            Err(error) if is_gone(&error) => continue,
            stat => stat?,
        };
        if !is_still(&stat) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a process is between `vfork` and its child's `exec`: it runs as little as the child, but is not shown as
/// stopped until that goes on.
fn waits_for_its_child(pid: u32) -> bool {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let forks = ["kernel_clone", "wait_for_vfork_done", "_do_fork"].contains(&read("wchan").trim());
    let children = read(&format!("task/{pid}/children"));
    let mut children = children
        .split_ascii_whitespace()
        .filter_map(|child| child.parse().ok());
    forks && children.any(|child| stands_still(child).unwrap_or(false))
}

/// Stopped, traced and stopped, or ended.
fn is_still(stat: &[u8]) -> bool {
    state(stat).is_some_and(|state| b"TtZX".contains(&state))
}

/// Reads the state out of `/proc/<pid>/stat`: it follows the name, which may hold anything.
fn state(stat: &[u8]) -> Option<u8> {
    let name_ends = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(name_ends + 2).copied()
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::{Invocation, Streams, spawn};

    #[test]
    fn the_state_is_read_behind_a_name_that_pretends() {
        assert!(is_still(b"42 (a) S 1) T 1 1"));
        assert!(!is_still(b"42 (a) T 1) S 1 1"));
        assert!(!is_still(b"42 (a)"));
        assert!(!is_still(b""));
    }

    #[test]
    fn processes_are_stopped_and_go_on_but_for_those_that_stood_before() {
        let script = "tail -f /dev/null & kill -STOP $!; until grep -q stopped /proc/$!/status; do :; done; echo $!; while :; do /bin/true; done";
        let bwrap = Invocation::of("bwrap")
            .unwrap()
            .args(["--unshare-pid", "--die-with-parent"]);
        let bwrap = bwrap.args(["--dev-bind", "/", "/", "--proc", "/proc", "sh", "-c", script]);
        let (read, write) = super::super::super::descriptors::pipe().unwrap();
        let streams = Streams {
            descriptors: vec![(write, 1)],
            ..Streams::default()
        };
        let mut child = spawn(&bwrap, streams).unwrap();
        let mut line = String::new();
        io::BufRead::read_line(&mut io::BufReader::new(fs::File::from(read)), &mut line).unwrap();
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        let init: u32 = fs::read_to_string(children).unwrap().trim().parse().unwrap();
        let inside = BTreeSet::from([namespace(init).unwrap()]);
        let mut stopped = BTreeMap::new();
        stop(&inside, &mut stopped).unwrap();
        assert!(stopped.len() >= 2, "init and the shell: {stopped:?}");
        assert_eq!(stop_those_that_move(&inside, &mut stopped).unwrap(), 0);
        let mut frozen = Frozen {
            holders: 0,
            stopped: stopped.into_values().collect(),
        };
        go_on(&mut frozen);
        let stands =
            |pid: &u32| fs::read(format!("/proc/{pid}/stat")).is_ok_and(|stat| state(&stat) == Some(b'T'));
        let of_branch = |pid: &u32| namespace(*pid).is_ok_and(|namespace| inside.contains(&namespace));
        let all = fs::read_dir("/proc").unwrap().flatten();
        let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        assert_eq!(numbers.filter(of_branch).filter(stands).count(), 1);
        assert!(!stands_still(init).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
