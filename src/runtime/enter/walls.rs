//! Into the sandbox of an instance, with processes and terminals of one's own.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::sched::{CloneFlags, setns, unshare};
use rustix::fs::{Gid, Mode, OFlags, Uid, fchown};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, mount_remount, unmount,
};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::thread::{CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities};

use crate::runtime::Account;
use crate::runtime::process::{self, Held};

/// What of `/proc` speaks to the whole kernel: bubblewrap covers the same.
const OF_THE_KERNEL: [&str; 4] = ["sys", "sysrq-trigger", "irq", "bus"];

/// Checks that `init` is the init process of a sandbox of that supervisor.
pub(super) fn hold_init(init: u32, supervisor: u32) -> io::Result<Held> {
    let held = Held::open(init)?;
    let place = process::place(init)?;
    let outer = process::place(place.parent)?;
    let is_init = place.numbers.last() == Some(&1) && outer.parent == supervisor;
    // Looked at while it was held and lives: the number was not another one's in between.
    if !is_init || held.has_ended()? {
        return Err(io::Error::other("the instance has ended"));
    }
    Ok(held)
}

/// Goes into the namespaces of the process `init` but for that of its processes, and shows the own ones instead.
pub(super) fn go_inside(init: &OwnedFd) -> io::Result<()> {
    let namespaces = CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWNS;
    setns(init, namespaces)?;
    std::env::set_current_dir("/")?;
    // A copy: what is mounted from here on is seen by nobody else.
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    own_processes()?;
    own_terminals()
}

/// The `/proc` of this process's PID namespace. Other accounts' processes are hidden, and that is only this one.
fn own_processes() -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    unmount("/proc", UnmountFlags::DETACH)?;
    mount("proc", "/proc", "proc", flags, c"hidepid=2")?;
    for name in OF_THE_KERNEL {
        let path = Path::new("/proc").join(name);
        if path.exists() {
            mount_bind(&path, &path)?;
            mount_remount(&path, flags | MountFlags::BIND | MountFlags::RDONLY, c"")?;
        }
    }
    Ok(())
}

/// The programs that make somebody else of the command are those inside, and may not be this host's: they get what that
/// needs and no more, as in a sandbox. This process keeps what it takes to end the command.
pub(super) fn give_up_capabilities() -> io::Result<()> {
    let of_programs = CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::SETPCAP;
    for one in CapabilitySet::all().difference(of_programs).iter() {
        match remove_capability_from_bounding_set(one) {
            // An older kernel does not know it.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let own = of_programs | CapabilitySet::KILL;
    let sets = CapabilitySets {
        effective: own,
        permitted: own,
        inheritable: CapabilitySet::empty(),
    };
    Ok(set_capabilities(None, sets)?)
}

/// A `/dev/pts` of one's own: a terminal in that of the sandbox could be opened, and read, by the branch's processes.
fn own_terminals() -> io::Result<()> {
    unmount("/dev/pts", UnmountFlags::DETACH)?;
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    let options = c"newinstance,ptmxmode=0666,mode=0600";
    mount("devpts", "/dev/pts", "devpts", flags, options)?;
    Ok(())
}

/// A new terminal, once inside: the side of who sits at it, and that of the program, which is the account's.
pub(super) fn terminal(account: &Account) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let outer = rustix::fs::open("/dev/pts/ptmx", flags, Mode::empty())?;
    unlockpt(&outer)?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let inner = ioctl_tiocgptpeer(&outer, flags)?;
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    fchown(&inner, Some(uid), Some(gid))?;
    Ok((outer, inner))
}
