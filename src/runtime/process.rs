//! Processes, held by descriptors: a number alone may name another process a moment later.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process that can be waited for and signalled without a race, whoever its parent is.
#[derive(Debug)]
pub(crate) struct Held {
    pid: u32,
    pidfd: OwnedFd,
}

impl Held {
    /// Takes hold of the process that has this number now.
    ///
    /// # Errors
    /// `ESRCH` where there is none.
    pub(crate) fn open(pid: u32) -> io::Result<Self> {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let number = number.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let pidfd = pidfd_open(number, PidfdFlags::empty())?;
        Ok(Self { pid, pidfd })
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Its descriptor.
    pub(crate) fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&self) -> io::Result<bool> {
        self.wait(Duration::ZERO)
    }

    /// Waits for its end. The first process of a PID namespace has ended when every process of that namespace has.
    pub(crate) fn wait(&self, within: Duration) -> io::Result<bool> {
        wait_readable(&self.pidfd, within)
    }

    /// Takes a child that has ended off the process table. One that is not this process's child is left alone.
    pub(crate) fn reap(&self) {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), options);
    }

    /// Sends a signal; one that has ended already is fine.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(&self.pidfd, signal) {
            Err(rustix::io::Errno::SRCH) => Ok(()),
            other => other.map_err(io::Error::from),
        }
    }

    /// Ends it at once.
    pub(crate) fn kill(&self) -> io::Result<()> {
        self.signal(Signal::KILL)
    }
}

/// Waits until `descriptor` can be read (or has ended); `false` when time is up.
pub(crate) fn wait_readable(descriptor: impl AsFd, within: Duration) -> io::Result<bool> {
    let until = Instant::now() + within;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let limit = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut fds = [PollFd::new(&descriptor, PollFlags::IN)];
        match poll(&mut fds, Some(&limit)) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

/// What `/proc/<pid>/status` says of a process's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its parent.
    pub parent: u32,
    /// Its numbers, from the outermost PID namespace to its own.
    pub numbers: Vec<u32>,
}

/// Where a process stands now.
pub(crate) fn place(pid: u32) -> io::Result<Place> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    parse_place(&status).ok_or_else(|| io::Error::other("/proc/<pid>/status has no PPid or NSpid"))
}

fn parse_place(status: &str) -> Option<Place> {
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let numbers: Result<Vec<u32>, _> = line("NSpid:")?.split_ascii_whitespace().map(str::parse).collect();
    let numbers = numbers.ok().filter(|numbers| !numbers.is_empty())?;
    let parent = line("PPid:")?.trim().parse().ok()?;
    Some(Place { parent, numbers })
}

/// The first process of a sandbox: the child of its PID namespace's init that has number 2 in there.
///
/// # Errors
/// When there is none (any more).
pub(crate) fn first_of(init: &Held) -> io::Result<Held> {
    let is_first = |place: &Place| place.parent == init.pid() && place.numbers.last() == Some(&2);
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if !place(pid).is_ok_and(|place| is_first(&place)) {
            continue;
        }
        let held = Held::open(pid)?;
        // Looked at again while it is held: the number may have gone to another one in between.
        if place(pid).is_ok_and(|place| is_first(&place)) && !held.has_ended()? {
            return Ok(held);
        }
    }
    Err(io::Error::from(io::ErrorKind::NotFound))
}

/// Closes what was inherited beyond the three standard streams, but for `keep`. Only to be called at the very start,
/// while this process has opened nothing itself.
pub(crate) fn close_inherited(keep: &[i32]) -> io::Result<()> {
    let mut numbers: Vec<i32> = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    for number in numbers
        .into_iter()
        .filter(|number| *number > 2 && !keep.contains(number))
    {
        // The listing's own descriptor is among them and closed already.
        match nix::unistd::close(number) {
            Ok(()) | Err(nix::errno::Errno::EBADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// No core dumps. A limit of 0 keeps the kernel from writing files but not from feeding a crash handler of the host;
/// a limit of 1 keeps it from both (Linux, `fs/coredump.c`).
pub(crate) fn no_core_dumps() -> io::Result<()> {
    use nix::sys::resource::{Resource, setrlimit};
    setrlimit(Resource::RLIMIT_CORE, 1, 1).map_err(io::Error::from)
}

/// What a branch adds to its part of the host's memory when one is chosen to be ended, of 1000.
const FIRST: &str = "500";
/// How far a branch stands back behind production where both want the processor, as `nice` counts.
const BEHIND: i32 = 5;

/// From now on this thread, and whatever it starts, takes the processor after production. Never more eager than before.
///
/// # Errors
/// The kernel's.
pub fn stand_back() -> io::Result<()> {
    if rustix::process::getpriority_process(None)? < BEHIND {
        rustix::process::setpriority_process(None, BEHIND)?;
    }
    Ok(())
}

/// From now on the kernel ends this process and what it starts before production when the host's memory runs out.
///
/// # Errors
/// The kernel's.
pub(crate) fn go_first() -> io::Result<()> {
    std::fs::write("/proc/self/oom_score_adj", FIRST)
}

/// Ends this process when its parent ends, and checks that this was still `parent` when that took effect.
pub(crate) fn end_with_parent(parent: u32) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    if now.and_then(|pid| u32::try_from(pid).ok()) == Some(parent) {
        Ok(())
    } else {
        Err(io::Error::other("the parent process has ended"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_in_two_namespaces_has_two_numbers() {
        let status = "Name:\tpostgres\nPid:\t4242\nPPid:\t4241\nNSpid:\t4242\t2\nUid:\t101\t101\t101\t101\n";
        let place = parse_place(status).unwrap();
        assert_eq!((place.parent, place.numbers), (4241, vec![4242, 2]));
        assert_eq!(parse_place("PPid:\t1\n"), None);
        assert_eq!(parse_place("PPid:\tx\nNSpid:\t1\n"), None);
    }

    #[test]
    fn the_end_of_a_process_is_an_event() {
        let mut child = crate::exec::spawn(
            &crate::exec::Invocation::of("tail")
                .unwrap()
                .args(["-f", "/dev/null"]),
            crate::exec::Streams::default(),
        )
        .unwrap();
        let held = Held::open(child.id()).unwrap();
        assert!(!held.has_ended().unwrap());
        held.kill().unwrap();
        assert!(held.wait(Duration::from_secs(10)).unwrap());
        child.wait().unwrap();
        held.kill().unwrap();
    }
}
