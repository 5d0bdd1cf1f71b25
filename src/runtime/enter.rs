//! A user's command in the sandbox of a running instance, on the user's own terminal.
//!
//! `__enter` is a process of ours between the two: single-threaded, it goes into the namespaces of the sandbox's
//! init process, takes on the same system call filter, and starts the command as the service's account. What it
//! is to do comes in memory, never by argument: it holds secrets.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::sched::{CloneFlags, setns};
use signal_hook::consts::{SIGINT, SIGQUIT};

use super::descriptors::{in_memory, pipe};
use super::process::{self, Held};
use super::protocol::{EnterOrder, Failure, ORDER_FD, SECOND_FD, receive, send};
use super::sandboxed::io_error;
use super::{EnterSpec, RuntimeError, bwrap, seccomp};
use crate::exec::{Invocation, Streams, Tool, spawn};
use crate::model::BranchId;

/// The caller's side: runs `__enter` and returns the command's exit code.
pub(super) fn enter(
    branch: &BranchId,
    program: &Path,
    supervisor: u32,
    init: u32,
    spec: &EnterSpec,
) -> Result<i32, RuntimeError> {
    let order = EnterOrder {
        caller: std::process::id(),
        supervisor,
        init,
        account: spec.account.clone(),
        env: spec.env.clone(),
        command: spec.command.clone(),
    };
    let mut bytes = Vec::new();
    let failed = |source| io_error("preparing to enter the sandbox", source);
    send(&mut bytes, &order).map_err(failed)?;
    let order = in_memory(&bytes).map_err(failed)?;
    let (failure_read, failure_write) = pipe().map_err(failed)?;
    let mut streams = own_terminal().map_err(failed)?;
    streams
        .descriptors
        .extend([(order.into(), ORDER_FD), (failure_write, SECOND_FD)]);
    let program = Tool::at(program).map_err(|missing| RuntimeError::Exec(missing.into()))?;
    let _ignored = IgnoreInterrupts::begin().map_err(failed)?;
    let mut child = spawn(&Invocation::new(&program).arg("__enter"), streams).map_err(RuntimeError::Exec)?;
    // Closes when `__enter` ends: the command itself does not have it.
    let failure = receive::<Failure>(File::from(failure_read)).map_err(failed)?;
    let status = child
        .wait()
        .map_err(|source| io_error("waiting for the command", source))?;
    match failure {
        Some(failure) => Err(failure.into_error(branch)),
        None => Ok(code(status)),
    }
}

/// Ctrl-C is for the command, not for those who wait for it. The command itself gets the default behaviour back.
struct IgnoreInterrupts(Vec<signal_hook::SigId>);

impl IgnoreInterrupts {
    fn begin() -> io::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        let register = |signal| signal_hook::flag::register(signal, Arc::clone(&flag));
        Ok(Self(vec![register(SIGINT)?, register(SIGQUIT)?]))
    }
}

impl Drop for IgnoreInterrupts {
    fn drop(&mut self) {
        for id in self.0.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

/// The process `__enter`, to its end. Returns the exit code to end with.
pub fn enter_and_run() -> i32 {
    let failure_to = File::options()
        .write(true)
        .open(format!("/proc/self/fd/{SECOND_FD}"));
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
    use std::os::fd::AsRawFd;
    let own = failure_to.as_ref().ok().map(AsRawFd::as_raw_fd);
    own.into_iter().chain([ORDER_FD]).collect()
}

fn run() -> Result<i32, Failure> {
    let order = File::open(format!("/proc/self/fd/{ORDER_FD}")).map_err(Failure::io("opening the order"))?;
    let order = receive::<EnterOrder>(order).map_err(Failure::io("reading the order"))?;
    let order = order.ok_or_else(|| Failure::other("no order"))?;
    nix::unistd::close(ORDER_FD).map_err(|error| Failure::io("closing the order")(error.into()))?;
    if order.account.uid == 0 || order.account.gid == 0 {
        return Err(Failure::other("a command in a sandbox cannot run as root"));
    }
    process::end_with_parent(order.caller).map_err(Failure::io("binding to the caller"))?;
    process::no_core_dumps().map_err(Failure::io("forbidding core dumps"))?;
    let _ignored = IgnoreInterrupts::begin().map_err(Failure::io("ignoring interrupts"))?;
    let command = command(&order)?;
    let filter = seccomp::program().map_err(Failure::io("compiling the filter"))?;
    let streams = own_terminal().map_err(Failure::io("copying the terminal"))?;
    go_inside(&order).map_err(Failure::io("entering the sandbox"))?;
    seccompiler::apply_filter(&filter).map_err(|error| Failure::other(error.to_string()))?;
    let mut child = spawn(&command, streams)?;
    let status = child.wait().map_err(Failure::io("waiting for the command"))?;
    Ok(code(status))
}

/// Checks that `init` is the init process of a sandbox of that supervisor, and goes into its namespaces.
fn go_inside(order: &EnterOrder) -> io::Result<()> {
    let init = Held::open(order.init)?;
    let place = process::place(order.init)?;
    let outer = process::place(place.parent)?;
    let is_init = place.numbers.last() == Some(&1) && outer.parent == order.supervisor;
    // Looked at while it was held and lives: the number was not another one's in between.
    if !is_init || init.has_ended()? {
        return Err(io::Error::other("the instance has ended"));
    }
    let namespaces = CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS;
    setns(init.pidfd(), namespaces)?;
    std::env::set_current_dir("/")
}

fn command(order: &EnterOrder) -> Result<Invocation, Failure> {
    let mut invocation = Invocation::of("setpriv")?
        .args(["--pdeathsig", "KILL"])
        .args(bwrap::drop_privileges(&order.account))
        .args(&order.command);
    for (name, value) in &order.env {
        invocation = invocation.env(name, value);
    }
    Ok(invocation)
}

/// Our own three standard streams for a child, which is given no environment of ours.
fn own_terminal() -> io::Result<Streams> {
    let copies: [(OwnedFd, i32); 3] = [
        (io::stdin().as_fd().try_clone_to_owned()?, 0),
        (io::stdout().as_fd().try_clone_to_owned()?, 1),
        (io::stderr().as_fd().try_clone_to_owned()?, 2),
    ];
    Ok(Streams {
        descriptors: copies.into(),
        ..Streams::default()
    })
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(128 + status.signal().unwrap_or(0))
}
