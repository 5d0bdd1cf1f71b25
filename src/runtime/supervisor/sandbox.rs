//! One running sandbox: from the spec to a process that has been recorded before it may run anything.
//!
//! bwrap reads its system call filter last, just before it starts the service. The filter comes through a pipe
//! that the supervisor fills only after it has noted the sandbox's init process on disk. A supervisor that dies
//! in between leaves an empty filter, at which bwrap gives up: nothing ever runs that `close` would not find.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::super::bwrap::{self, PrivateDir};
use super::super::descriptors::{in_memory, pipe};
use super::super::process::{self, Held};
use super::super::protocol::Failure;
use super::super::{Account, SandboxSpec, seccomp};
use super::Supervisor;
use super::spawner::Started;
use crate::exec::{Invocation, Streams};

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
    private: Vec<PrivateDir>,
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
        let private = mount_private_dirs(supervisor, spec)?;
        let start = || -> Result<(Started, File, File), Failure> {
            let (filter_read, filter_write) = pipe().map_err(Failure::io("making a pipe"))?;
            let (info_read, info_write) = pipe().map_err(Failure::io("making a pipe"))?;
            let options = bwrap::options(spec, &private, &bwrap::top_levels());
            let options =
                in_memory(&nul_terminated(&options)).map_err(Failure::io("writing bwrap's options"))?;
            streams.descriptors.extend([
                (options.into(), OPTIONS_FD),
                (filter_read, FILTER_FD),
                (info_write, INFO_FD),
            ]);
            let invocation = invocation(spec, program, args)?;
            let started = supervisor.spawner.start(invocation, streams)?;
            Ok((started, info_read.into(), filter_write.into()))
        };
        match start() {
            Ok((started, info, filter)) => handshake(supervisor, started, info, filter, private),
            Err(failure) => {
                unmount_private_dirs(&private);
                Err(failure)
            }
        }
    }

    /// Waits until nothing of it is left.
    pub(super) fn wait(mut self, supervisor: &Supervisor) -> io::Result<ExitStatus> {
        let status = self.child.wait();
        // bwrap ends with the service; whatever the service began ends with the sandbox's init.
        self.processes.kill();
        let gone = self.processes.init.wait(DEATH).unwrap_or(false);
        unmount_private_dirs(&self.private);
        if gone {
            self.processes.init.reap();
            let _ = supervisor.dir.forget(self.processes.init.pid());
            supervisor.spawner.has_gone(self.child.id());
        }
        status
    }
}

/// Learns who the init process is, notes it, and opens the gate.
fn handshake(
    supervisor: &Supervisor,
    started: Started,
    info: File,
    filter: File,
    private: Vec<PrivateDir>,
) -> Result<Sandbox, Failure> {
    let Started { mut child, held } = started;
    let opened = || -> io::Result<Held> {
        let init = Held::open(init_pid(info)?)?;
        if process::place(init.pid())?.parent != held.pid() || init.has_ended()? {
            return Err(io::Error::other("bwrap ended"));
        }
        supervisor.dir.record(&init)?;
        Ok(init)
    };
    let result = opened().and_then(|init| {
        let program = seccomp::program()?;
        (&filter).write_all(&seccomp::bytes(&program)).map(|()| init)
    });
    drop(filter);
    match result {
        Ok(init) => Ok(Sandbox {
            child,
            processes: Arc::new(Processes { outer: held, init }),
            private,
        }),
        Err(error) => {
            let _ = held.kill();
            let _ = child.wait();
            supervisor.spawner.has_gone(held.pid());
            unmount_private_dirs(&private);
            Err(Failure::io("building the sandbox")(error))
        }
    }
}

fn invocation(spec: &SandboxSpec, program: &Path, args: &[OsString]) -> Result<Invocation, Failure> {
    let mut invocation = Invocation::of("bwrap")?
        .args(["--args".to_owned(), OPTIONS_FD.to_string()])
        .args(["--seccomp".to_owned(), FILTER_FD.to_string()])
        .args(["--info-fd".to_owned(), INFO_FD.to_string()])
        .args(["--", "/usr/bin/setpriv"])
        .args(bwrap::drop_privileges(&spec.account))
        .arg(program)
        .args(args);
    for (name, value) in &spec.env {
        invocation = invocation.env(name, value);
    }
    Ok(invocation)
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

/// bwrap makes directories as root, and the service could not write there. So they are small file systems of the
/// supervisor's own mount namespace, born with the right owner, and bounded in size.
fn mount_private_dirs(supervisor: &Supervisor, spec: &SandboxSpec) -> Result<Vec<PrivateDir>, Failure> {
    let mut mounted = Vec::new();
    for target in &spec.private_dirs {
        let source = supervisor.next_private_dir();
        match mount_private_dir(&source, &spec.account) {
            Ok(()) => mounted.push(PrivateDir {
                source,
                target: target.clone(),
            }),
            Err(error) => {
                unmount_private_dirs(&mounted);
                return Err(Failure::io("making a private directory")(error));
            }
        }
    }
    Ok(mounted)
}

fn mount_private_dir(source: &PathBuf, account: &Account) -> io::Result<()> {
    let options = format!("mode=0700,uid={},gid={},size=64m", account.uid, account.gid);
    let options = std::ffi::CString::new(options)?;
    fs::create_dir(source)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", source, "tmpfs", flags, options.as_c_str()).map_err(io::Error::from)
}

/// Best effort: they are memory, and go with the supervisor's mount namespace in any case.
fn unmount_private_dirs(mounted: &[PrivateDir]) {
    for dir in mounted {
        let _ = unmount(&dir.source, UnmountFlags::DETACH);
        let _ = fs::remove_dir(&dir.source);
    }
}

fn nul_terminated(words: &[OsString]) -> Vec<u8> {
    let word = |word: &OsString| [word.as_bytes(), b"\0"].concat();
    words.iter().flat_map(word).collect()
}
