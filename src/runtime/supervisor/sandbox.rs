//! One running sandbox: from the spec to a process that runs.
//!
//! bwrap reads its system call filter last, when every mount is made and just before it starts the service. The
//! filter comes through a pipe that shows when bwrap reads it, and whose end bwrap waits for. In between the
//! supervisor gives the private directories to the account. A supervisor that dies before it has written all of the
//! filter leaves an incomplete one, at which bwrap gives up.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::lchown;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use super::super::bwrap;
use super::super::descriptors::{gate, in_memory, pipe};
use super::super::leftovers::MARK;
use super::super::process::{self, Held};
use super::super::protocol::Failure;
use super::super::rootfs::TEXTS_FD;
use super::super::system::System;
use super::super::{SandboxSpec, seccomp};
use super::Supervisor;
use super::spawner::Started;
use crate::exec::{Invocation, Streams};
use crate::model::BranchId;

// Descriptor numbers inside of bwrap; high, as in `protocol`.
const OPTIONS_FD: i32 = 100;
const FILTER_FD: i32 = 101;
const INFO_FD: i32 = 102;

/// How long the processes of a killed sandbox may take to go.
const DEATH: Duration = Duration::from_secs(30);

/// A sandbox that runs.
pub(super) struct Sandbox {
    child: Child,
    pub(super) processes: Arc<Processes>,
}

/// What can be signalled while another thread waits.
pub(super) struct Processes {
    outer: Arc<Held>,
    pub(super) init: Held,
}

impl Processes {
    /// Ends everything in the sandbox at once.
    pub(super) fn kill(&self) {
        // Both end with each other; that either has ended already is fine.
        let _ = self.outer.kill();
        let _ = self.init.kill();
    }
}

impl Sandbox {
    /// Starts `program` in a new sandbox. `streams` says where its output goes.
    pub(super) fn start(
        supervisor: &Supervisor,
        spec: &SandboxSpec,
        program: &Path,
        args: &[OsString],
        mut streams: Streams,
    ) -> Result<Self, Failure> {
        bwrap::check(spec).map_err(Failure::other)?;
        let (filter_read, filter_write) = gate().map_err(Failure::io("making a pipe"))?;
        let (info_read, info_write) = pipe().map_err(Failure::io("making a pipe"))?;
        let system = System::of(spec).map_err(|error| no_system(spec, &error))?;
        let (options, texts) = bwrap::options(spec, &system);
        let options = in_memory(&bwrap::nul_terminated(&options));
        let options = options.map_err(Failure::io("writing bwrap's options"))?;
        for (text, number) in texts.iter().zip(TEXTS_FD..) {
            let text = in_memory(text.as_bytes()).map_err(Failure::io("writing files of the sandbox"))?;
            streams.descriptors.push((text.into(), number));
        }
        streams.descriptors.extend([
            (options.into(), OPTIONS_FD),
            (filter_read, FILTER_FD),
            (info_write, INFO_FD),
        ]);
        let invocation = invocation(&supervisor.branch, spec, program, args)?;
        let started = supervisor.spawner.start(invocation, streams)?;
        handshake(supervisor, started, spec, (info_read.into(), filter_write.into()))
    }

    /// Waits until nothing of it is left.
    pub(super) fn wait(mut self, supervisor: &Supervisor) -> io::Result<ExitStatus> {
        let status = self.child.wait();
        // bwrap ends with the service; whatever the service began ends with the sandbox's init.
        self.processes.kill();
        let gone = self.processes.init.wait(DEATH).unwrap_or(false);
        if gone {
            self.processes.init.reap();
            supervisor.spawner.has_gone(self.child.id());
        }
        status
    }
}

/// Learns who the init process is, and opens the gate.
fn handshake(
    supervisor: &Supervisor,
    started: Started,
    spec: &SandboxSpec,
    (info, filter): (File, File),
) -> Result<Sandbox, Failure> {
    let Started { mut child, held } = started;
    let init = init_of(&held, info);
    let opened = match &init {
        Ok(init) => open_gate(&filter, || give_private_dirs(init, spec)),
        Err(_) => Ok(()),
    };
    match (init, opened) {
        (Ok(init), Ok(())) => Ok(Sandbox {
            child,
            processes: Arc::new(Processes { outer: held, init }),
        }),
        (Ok(init), Err(error)) => {
            // It waits at the gate, which closes only after it has ended: nothing of the service ever runs.
            let _ = init.kill();
            let _ = init.wait(DEATH);
            give_up(supervisor, &mut child, &held);
            Err(Failure::io("building the sandbox")(error))
        }
        (Err(error), _) => {
            give_up(supervisor, &mut child, &held);
            Err(Failure::io("building the sandbox")(error))
        }
    }
}

fn give_up(supervisor: &Supervisor, child: &mut Child, held: &Held) {
    let _ = held.kill();
    let _ = child.wait();
    supervisor.spawner.has_gone(held.pid());
}

fn init_of(outer: &Held, info: File) -> io::Result<Held> {
    let init = Held::open(init_pid(info)?)?;
    if process::place(init.pid())?.parent != outer.pid() || init.has_ended()? {
        return Err(io::Error::other("bwrap ended"));
    }
    Ok(init)
}

/// Hands over the filter. bwrap begins to read it when the sandbox is complete, and goes on when it has it to the end:
/// in between, `prepare` is done.
fn open_gate(mut filter: &File, prepare: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    const PIECE: usize = 4;
    let program = seccomp::bytes(&seccomp::program()?);
    // Pieces of half an instruction: bwrap refuses a filter that ends in the middle of one.
    let (first, rest) = program.split_at(PIECE);
    let (middle, last) = rest.split_at(rest.len() - PIECE);
    filter.write_all(first)?;
    filter.write_all(middle)?;
    prepare()?;
    filter.write_all(last)
}

fn invocation(
    branch: &BranchId,
    spec: &SandboxSpec,
    program: &Path,
    args: &[OsString],
) -> Result<Invocation, Failure> {
    let mut invocation = Invocation::of("bwrap")?
        .args(["--args".to_owned(), OPTIONS_FD.to_string()])
        .args(["--seccomp".to_owned(), FILTER_FD.to_string()])
        .args(["--info-fd".to_owned(), INFO_FD.to_string()])
        .args(["--", bwrap::SETPRIV])
        .args(bwrap::drop_privileges(&spec.account))
        .arg(program)
        .args(args);
    for (name, value) in &spec.env {
        invocation = invocation.env(name, value);
    }
    Ok(invocation.env(MARK, branch.as_str()))
}

/// `{"child-pid": N}`, from bwrap itself before it runs anything.
fn init_pid(mut info: File) -> io::Result<u32> {
    #[derive(serde::Deserialize)]
    struct Info {
        #[serde(rename = "child-pid")]
        child_pid: u32,
    }
    let mut text = String::new();
    info.read_to_string(&mut text)?;
    if text.is_empty() {
        return Err(io::Error::other("bwrap ended; see the log of the service"));
    }
    let info: Info = serde_json::from_str(&text)?;
    Ok(info.child_pid)
}

/// Gives the private directories to the account. Nothing has run inside yet, and they lie in no volume, so these
/// paths lead through directories that bwrap has just made.
fn give_private_dirs(init: &Held, spec: &SandboxSpec) -> io::Result<()> {
    let root = PathBuf::from(format!("/proc/{}/root", init.pid()));
    for dir in &spec.private_dirs {
        let inside = dir.strip_prefix("/").map_err(io::Error::other)?;
        lchown(root.join(inside), Some(spec.account.uid), Some(spec.account.gid))?;
    }
    Ok(())
}

fn no_system(spec: &SandboxSpec, error: &io::Error) -> Failure {
    let shown = spec.rootfs.as_deref().unwrap_or(Path::new("/")).display();
    Failure::other(format!(
        "the root file system {shown} of service {} cannot be used: {error}; put it back, or name another one as its `rootfs`",
        spec.service
    ))
}
