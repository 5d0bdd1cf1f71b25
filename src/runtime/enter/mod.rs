//! A user's command beside a running instance, on the user's own terminal, which it never gets hold of.
//!
//! `__enter` is a process of ours, the first of a PID namespace of its own, which goes into the other namespaces of the
//! sandbox (`walls`), takes on the same system call filter, starts the command as the service's account, and ends with
//! it (`first`). With it the kernel ends whatever else the command began. What it is to do comes in memory, never by
//! argument: it holds secrets.
//!
//! Nothing of the caller's goes in: not its terminal, which a process left behind could read on, and not its files. The
//! command has a terminal that was made for it, or pipes, and the caller's process hands on what goes through them
//! (`relay`, `screen`).
//!
//! The branch's processes have the uid of the command, and are hostile. Each other's memory, environment and descriptors
//! are reached by process number only (`ptrace`, `process_vm_readv`, `/proc/<pid>`), and the two are in PID namespaces
//! neither of which is above the other: for the one the other has no number. So the password of the URL's role, which is
//! in the environment of the command, is seen by nobody inside but the command itself.

mod first;
mod relay;
mod screen;
mod signals;
mod walls;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use nix::sched::{CloneFlags, unshare};
use rustix::stdio::{stderr, stdin, stdout};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};

pub use self::first::enter_and_run;
use self::relay::{Ended, Relay};
use self::screen::Screen;
use self::signals::Signals;
use super::descriptors::{hand_over, in_memory, pipe, take_over};
use super::leftovers::MARK;
use super::process::Held;
use super::protocol::{EnterOrder, Failure, ORDER_FD, SECOND_FD, Wiring, receive, send};
use super::sandboxed::io_error;
use super::{EnterSpec, RuntimeError};
use crate::exec::{Invocation, Streams, Tool, spawn};
use crate::model::BranchId;

/// Where `__enter` finds the pipes that become the command's standard streams.
const PIPES: [i32; 3] = [102, 103, 104];
/// What is said to `__enter` on its standard input to let the command begin. Any other byte is the number of a signal.
const BEGIN: u8 = 0;
/// The exit code of a command that was killed, as shells have it.
const KILLED: i32 = 128 + 9;

/// The caller's side: runs `__enter`, stands between the command and the caller's standard streams, and returns the
/// command's exit code.
pub(super) fn enter(
    branch: &BranchId,
    program: &Path,
    supervisor: u32,
    init: u32,
    spec: &EnterSpec,
) -> Result<i32, RuntimeError> {
    let failed = |source| io_error("preparing to enter the sandbox", source);
    let screen = Screen::of_caller().map_err(failed)?;
    let wiring = match &screen {
        None => Wiring::Pipes,
        Some(_) => Wiring::Terminal {
            stderr: rustix::termios::isatty(stderr()),
        },
    };
    // Its number means nothing in a PID namespace of one's own, so the process itself is handed over.
    let init = walls::hold_init(init, supervisor).map_err(failed)?;
    let order = EnterOrder {
        account: spec.account.clone(),
        env: spec.env.clone(),
        command: spec.command.clone(),
        wiring,
    };
    let (talk, failure, streams, relay) = connect(&order).map_err(failed)?;
    hand_over(&talk, init.pidfd()).map_err(failed)?;
    let program = Tool::at(program).map_err(|missing| RuntimeError::Exec(missing.into()))?;
    let invocation = Invocation::new(&program)
        .arg("__enter")
        .env(MARK, branch.as_str());
    let line = Line {
        instance: init,
        talk,
        screen,
        relay,
        signals: Signals::begin(&[SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT]).map_err(failed)?,
    };
    let ended = thread::scope(|scope| {
        let (to_us, child) = channel();
        // Dropped at the end of this, on every way out: lets the parent go.
        let (_stay, until) = channel::<()>();
        scope.spawn(move || be_parent(&invocation, streams, &to_us, &until));
        let child = child
            .recv()
            .map_err(|_| failed(io::Error::other("no thread")))??;
        line.attend(child)
            .map_err(|source| io_error("standing between the terminal and the sandbox", source))
    });
    // Whoever could write to it has ended.
    match receive::<Failure>(File::from(failure)).map_err(failed)? {
        Some(failure) => Err(failure.into_error(branch)),
        None => ended,
    }
}

/// Everything that leads from here to the command.
fn connect(order: &EnterOrder) -> io::Result<(UnixStream, OwnedFd, Streams, Relay)> {
    let mut bytes = Vec::new();
    send(&mut bytes, order)?;
    let (talk, theirs) = UnixStream::pair()?;
    let (failure, failure_write) = pipe()?;
    let mut streams = Streams::default();
    streams.descriptors.extend([
        (theirs.into(), 0),
        (in_memory(&bytes)?.into(), ORDER_FD),
        (failure_write, SECOND_FD),
    ]);
    let mut relay = Relay::default();
    let mut give = |theirs: OwnedFd, number: i32| streams.descriptors.push((theirs, number));
    // What goes to one place, as with `2>&1`, goes there by one pipe, in the order in which it was written.
    let together = order.wiring == Wiring::Pipes && lead_to_one_place(stdout(), stderr())?;
    if order.wiring == Wiring::Pipes {
        let (read, write) = pipe()?;
        give(read, PIPES[0]);
        relay.inwards(stdin(), write)?;
        let (read, write) = pipe()?;
        if together {
            give(write.try_clone()?, PIPES[2]);
        }
        give(write, PIPES[1]);
        relay.outwards(read, stdout())?;
    }
    if !together && order.wiring != (Wiring::Terminal { stderr: true }) {
        let (read, write) = pipe()?;
        give(write, PIPES[2]);
        relay.outwards(read, stderr())?;
    }
    Ok((talk, failure, streams, relay))
}

fn lead_to_one_place(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> io::Result<bool> {
    let (one, other) = (rustix::fs::fstat(one)?, rustix::fs::fstat(other)?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

/// Starts the process as the first one of a new PID namespace. It is killed when this thread ends, so this waits.
fn be_parent(
    invocation: &Invocation,
    streams: Streams,
    child: &Sender<Result<Child, RuntimeError>>,
    until: &Receiver<()>,
) {
    // Of this thread only, and no longer than it lives.
    let apart = unshare(CloneFlags::CLONE_NEWPID)
        .map_err(|error| io_error("making a process space for the command", error.into()));
    let started = apart.and_then(|()| spawn(invocation, streams).map_err(RuntimeError::Exec));
    if child.send(started).is_ok() {
        // Ends when the other side is dropped.
        let _ = until.recv();
    }
}

/// A command that was begun, and what the caller has to do with it.
struct Line {
    instance: Held,
    talk: UnixStream,
    screen: Option<Screen>,
    relay: Relay,
    signals: Signals,
}

impl Line {
    fn attend(self, mut child: Child) -> io::Result<i32> {
        let held = Held::open(child.id());
        let relayed = held.and_then(|held| self.hand_on(&held));
        if relayed.as_ref().map_or(true, |ended| *ended != Ended::Itself) {
            // One that has ended already is fine.
            let _ = child.kill();
        }
        let status = child.wait()?;
        Ok(match relayed? {
            Ended::Itself => code(status),
            Ended::WithInstance => KILLED,
            Ended::BySignal(signal) => 128 + signal,
        })
    }

    fn hand_on(self, child: &Held) -> io::Result<Ended> {
        let Self {
            instance,
            mut talk,
            mut screen,
            mut relay,
            signals,
        } = self;
        if let Some(screen) = &mut screen {
            // Without one it has ended, and said why.
            if let Some(terminal) = take_over(&talk)? {
                let ours = terminal.try_clone()?;
                relay.inwards(stdin(), terminal.try_clone()?)?;
                relay.outwards(terminal, stdout())?;
                screen.begin(ours)?;
            }
        }
        // One that has ended cannot be told.
        let _ = talk.write_all(&[BEGIN]);
        relay.run(child, &instance, &signals, |signal| {
            match &screen {
                Some(screen) if [SIGWINCH, SIGCONT].contains(&signal) => screen.follow(signal == SIGCONT)?,
                // What is typed goes in as it is, so these come from somebody else and are for us.
                Some(_) => return Ok(Some(Ended::BySignal(signal))),
                None if [SIGWINCH, SIGCONT].contains(&signal) => {}
                None => {
                    let _ = u8::try_from(signal).map(|signal| talk.write_all(&[signal]));
                }
            }
            Ok(None)
        })
    }
}

/// One byte of the caller's; `None` when it has gone.
fn heard(mut talk: &UnixStream) -> io::Result<Option<u8>> {
    let mut byte = [0];
    Ok((talk.read(&mut byte)? == 1).then_some(byte[0]))
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(128 + status.signal().unwrap_or(0))
}
