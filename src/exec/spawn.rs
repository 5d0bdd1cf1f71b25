//! A program that goes on running: sandboxes, gateways, supervisors, clients on a terminal.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use command_fds::{CommandFdExt, FdMapping};

use super::invocation::{ExecError, Invocation};

/// Where the standard streams of a spawned program go, and which other descriptors it gets.
#[derive(Debug, Default)]
pub struct Streams {
    /// Pass the caller's own standard streams on (for a client on a terminal).
    pub inherit: bool,
    /// A pipe or file for stdout and stderr; `/dev/null` without it. Ignored with `inherit`.
    pub output: Option<File>,
    /// Further descriptors and the numbers that they get in the program.
    pub descriptors: Vec<(OwnedFd, i32)>,
    /// Make the program the leader of a new process group, so that a terminal's Ctrl-C does not reach it.
    pub own_group: bool,
}

/// A running program. Dropping it neither ends nor waits for it.
pub type Spawned = Child;

/// Starts a program without waiting for it.
///
/// # Errors
/// [`ExecError::Start`].
pub fn spawn(invocation: &Invocation, streams: Streams) -> Result<Spawned, ExecError> {
    let (tool, args, environment) = invocation.parts();
    let start = |source| ExecError::Start {
        program: tool.path().display().to_string(),
        source,
    };
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    let mut command = Command::new(tool.path());
    command.args(args);
    if streams.inherit {
        command.envs(environment);
    } else {
        command.env_clear().envs(environment).stdin(Stdio::null());
        let (stdout, stderr) = outputs(streams.output.as_ref()).map_err(start)?;
        command.stdout(stdout).stderr(stderr);
    }
    if streams.own_group {
        use std::os::unix::process::CommandExt;
        command.process_group(0);
    }
    let mappings = streams
        .descriptors
        .into_iter()
        .map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd });
    command
        .fd_mappings(mappings.collect())
        .map_err(|error| start(io::Error::other(error)))?;
    command.spawn().map_err(start)
}

fn outputs(output: Option<&File>) -> io::Result<(Stdio, Stdio)> {
    match output {
        Some(file) => Ok((file.try_clone()?.into(), file.try_clone()?.into())),
        None => Ok((Stdio::null(), Stdio::null())),
    }
}
