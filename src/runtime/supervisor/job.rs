//! One program in a sandbox of its own, to its end.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};

use super::super::descriptors::{in_memory, pipe};
use super::super::protocol::Failure;
use super::super::{JobOutcome, JobSpec};
use super::sandbox::Sandbox;
use super::{Supervisor, named};
use crate::exec::Streams;

const STDOUT_KEPT: usize = 1 << 20;
const STDERR_KEPT: usize = 64 << 10;

impl Supervisor {
    /// Runs a job and returns how it ended; at its limit it is killed.
    pub(super) fn job(self: &Arc<Self>, spec: &JobSpec) -> Result<JobOutcome, Failure> {
        let piped = || pipe().map_err(Failure::io("making a pipe"));
        let stdin = in_memory(&spec.stdin).map_err(Failure::io("writing a job's input"))?;
        let ((out_read, out_write), (err_read, err_write)) = (piped()?, piped()?);
        let streams = Streams {
            descriptors: vec![(stdin.into(), 0), (out_write, 1), (err_write, 2)],
            ..Streams::default()
        };
        let sandbox = Sandbox::start(self, &spec.sandbox, &spec.program, &spec.args, streams)?;
        let processes = Arc::clone(&sandbox.processes);
        let started = || -> io::Result<_> {
            let stdout = collect(out_read.into(), STDOUT_KEPT)?;
            let stderr = collect(err_read.into(), STDERR_KEPT)?;
            let (sender, receiver) = channel();
            let supervisor = Arc::clone(self);
            named("wait", move || {
                // A job that took too long has nobody waiting for its status.
                let _ = sender.send(sandbox.wait(&supervisor));
            })?;
            Ok((stdout, stderr, receiver))
        };
        let (stdout, stderr, ended) = started().map_err(|error| {
            processes.kill();
            Failure::io("starting a thread")(error)
        })?;
        let Ok(status) = ended.recv_timeout(spec.timeout) else {
            processes.kill();
            let _ = ended.recv();
            return Err(Failure::JobTimeout {
                service: spec.sandbox.service.clone(),
                seconds: spec.timeout.as_secs(),
            });
        };
        let status = status.map_err(Failure::io("waiting for a job"))?;
        Ok(JobOutcome {
            code: code(status),
            stdout: stdout.join().unwrap_or_default(),
            stderr: stderr.join().unwrap_or_default(),
        })
    }
}

fn code(status: ExitStatus) -> i32 {
    let signal = status.signal().unwrap_or(0);
    status.code().unwrap_or(128 + signal)
}

/// Reads to the end; keeps the beginning and drops the rest, so that the job never waits for us.
fn collect(mut from: File, at_most: usize) -> io::Result<JoinHandle<Vec<u8>>> {
    thread::Builder::new().name("output".to_owned()).spawn(move || {
        let mut kept = Vec::new();
        let limit = u64::try_from(at_most).unwrap_or(u64::MAX);
        // A read error ends the output as its end does.
        let _ = (&mut from).take(limit).read_to_end(&mut kept);
        let _ = io::copy(&mut from, &mut io::sink());
        kept
    })
}
