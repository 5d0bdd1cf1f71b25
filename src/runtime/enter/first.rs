//! The first process of a command's PID namespace: starts the command, and ends when that, the instance or the caller does.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait};
use signal_hook::consts::SIGCHLD;

use super::signals::Signals;
use super::{BEGIN, KILLED, PIPES, heard, walls};
use crate::exec::{Invocation, Streams, Tool, spawn};
use crate::runtime::descriptors::{hand_over, take_over};
use crate::runtime::process;
use crate::runtime::protocol::{EnterOrder, Failure, ORDER_FD, SECOND_FD, Wiring, receive, send};
use crate::runtime::{bwrap, seccomp};

/// Begins a session with a terminal of its own (util-linux).
const SETSID: &str = "/usr/bin/setsid";

/// The process `__enter`, to its end. Returns the exit code to end with.
pub fn enter_and_run() -> i32 {
    let failure_to = opened(SECOND_FD, true);
    let result = process::close_inherited(&kept(&failure_to))
        .map_err(Failure::io("closing inherited descriptors"))
        .and_then(|()| run());
    match result {
        Ok(code) => code,
        Err(failure) => {
            if let Ok(failure_to) = failure_to {
                // The exit code says it, too.
                let _ = send(failure_to, &failure);
            }
            1
        }
    }
}

fn kept(failure_to: &io::Result<File>) -> Vec<i32> {
    let own = failure_to.as_ref().ok().map(AsRawFd::as_raw_fd);
    own.into_iter().chain([ORDER_FD]).chain(PIPES).collect()
}

/// What was inherited at this number.
fn opened(number: i32, for_writing: bool) -> io::Result<File> {
    let mut how = File::options();
    how.read(!for_writing).write(for_writing);
    how.open(format!("/proc/self/fd/{number}"))
}

fn run() -> Result<i32, Failure> {
    // Out of the caller's session: otherwise `/dev/tty` would be the caller's terminal.
    rustix::process::setsid().map_err(|error| Failure::io("leaving the caller's session")(error.into()))?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| Failure::io("binding to the caller")(error.into()))?;
    let order = opened(ORDER_FD, false).map_err(Failure::io("opening the order"))?;
    let order = receive::<EnterOrder>(order).map_err(Failure::io("reading the order"))?;
    let order = order.ok_or_else(|| Failure::other("no order"))?;
    if order.account.uid == 0 || order.account.gid == 0 {
        return Err(Failure::other("a command in a sandbox cannot run as root"));
    }
    let (talk, mut streams) = inherited(&order.wiring).map_err(Failure::io("taking what was inherited"))?;
    process::no_core_dumps().map_err(Failure::io("forbidding core dumps"))?;
    let children = Signals::begin(&[SIGCHLD]).map_err(Failure::io("waiting for children"))?;
    let filter = seccomp::program().map_err(Failure::io("compiling the filter"))?;
    let init = take_over(&talk).map_err(Failure::io("taking hold of the instance"))?;
    let init = init.ok_or_else(|| Failure::other("no instance"))?;
    walls::go_inside(&init).map_err(Failure::io("entering the sandbox"))?;
    // By the programs that are inside, which need not be this host's.
    let command = command(&order)?;
    // Held to the end, so that it is not gone when every process of the command has closed it.
    let _terminal = match &order.wiring {
        Wiring::Pipes => None,
        Wiring::Terminal { stderr } => {
            let made = walls::terminal(&order.account).and_then(|(outer, inner)| {
                let numbers = if *stderr { &[0, 1, 2][..] } else { &[0, 1] };
                for number in numbers {
                    streams.descriptors.push((inner.try_clone()?, *number));
                }
                hand_over(&talk, &outer)?;
                Ok(inner)
            });
            Some(made.map_err(Failure::io("making a terminal"))?)
        }
    };
    walls::give_up_capabilities().map_err(Failure::io("giving up capabilities"))?;
    seccompiler::apply_filter(&filter).map_err(|error| Failure::other(error.to_string()))?;
    if heard(&talk).map_err(Failure::io("listening to the caller"))? != Some(BEGIN) {
        return Ok(KILLED);
    }
    let child = spawn(&command, streams)?.id();
    attend(child, &talk, &init, &children).map_err(Failure::io("waiting for the command"))
}

/// The caller's line, and the pipes that become the command's standard streams. Nothing else that was inherited stays open.
fn inherited(wiring: &Wiring) -> io::Result<(UnixStream, Streams)> {
    let talk = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut streams = Streams {
        // What the caller sends on goes to all of a command, as a terminal's Ctrl-C would.
        own_group: *wiring == Wiring::Pipes,
        ..Streams::default()
    };
    for (stream, number) in (0..).zip(PIPES) {
        let is_there = match wiring {
            Wiring::Pipes => true,
            Wiring::Terminal { stderr } => stream == 2 && !stderr,
        };
        if is_there {
            let pipe = OwnedFd::from(opened(number, stream != 0)?);
            streams.descriptors.push((pipe, stream));
        }
    }
    for number in PIPES.into_iter().chain([ORDER_FD]) {
        match nix::unistd::close(number) {
            Ok(()) | Err(nix::errno::Errno::EBADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok((talk, streams))
}

fn command(order: &EnterOrder) -> Result<Invocation, Failure> {
    let drop = bwrap::drop_privileges(&order.account);
    let mut invocation = match order.wiring {
        Wiring::Pipes => Invocation::new(&Tool::at(Path::new(bwrap::SETPRIV))?),
        // In a session of its own, whose terminal its standard input is.
        Wiring::Terminal { .. } => {
            Invocation::new(&Tool::at(Path::new(SETSID))?).args(["--ctty", bwrap::SETPRIV])
        }
    };
    invocation = invocation.args(drop).args(&order.command);
    for (name, value) in &order.env {
        invocation = invocation.env(name, value);
    }
    Ok(invocation)
}

/// Waits for the command, takes the ended children of others off the table, and passes signals on.
fn attend(child: u32, talk: &UnixStream, init: &OwnedFd, children: &Signals) -> io::Result<i32> {
    let child = i32::try_from(child).ok().and_then(Pid::from_raw);
    let child = child.ok_or_else(|| io::Error::other("no process"))?;
    loop {
        let mut fds = [
            PollFd::new(children, PollFlags::IN),
            PollFd::new(talk, PollFlags::IN),
            PollFd::new(init, PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [_, said, instance_ended] = fds.map(|fd| !fd.revents().is_empty());
        children.take();
        while let Ok(Some((ended, status))) = wait(WaitOptions::NOHANG) {
            if ended == child {
                let signal = || 128 + status.terminating_signal().unwrap_or(0);
                return Ok(status.exit_status().unwrap_or_else(signal));
            }
        }
        if instance_ended {
            return Ok(KILLED);
        }
        if said {
            let Some(signal) = heard(talk)? else {
                return Ok(KILLED);
            };
            // One whose number means nothing, or that comes too late, does nothing.
            if let Some(signal) = Signal::from_named_raw(i32::from(signal)) {
                let _ = kill_process_group(child, signal);
            }
        }
    }
}
