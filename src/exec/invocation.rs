//! One run of a program to its end.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt, FdMapping};

use super::tool::{Tool, ToolMissing};

/// How long a program may take unless the caller says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// How often is looked whether a program is to end before its time.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How much of stderr an error keeps, in bytes.
const STDERR_KEPT: usize = 2000;

/// What a program printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Captured {
    /// Standard output as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// Why a program gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// It is not there.
    #[error(transparent)]
    Missing(#[from] ToolMissing),
    /// It could not be started.
    #[error("`{program}` could not be started")]
    Start {
        /// The program.
        program: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// It ran and failed.
    #[error("`{command}` failed with {status}: {stderr}")]
    Failed {
        /// Program and arguments.
        command: String,
        /// `exit code N` or `signal N`.
        status: String,
        /// The end of what it printed to stderr.
        stderr: String,
    },
    /// It was killed, since its caller was interrupted.
    #[error("`{command}` was interrupted")]
    Interrupted {
        /// Program and arguments.
        command: String,
    },
    /// It did not end in time, and was killed.
    #[error("`{command}` did not end within {seconds} s")]
    Timeout {
        /// Program and arguments.
        command: String,
        /// The limit.
        seconds: u64,
    },
}

/// A program, its arguments, and what it may have.
#[derive(Debug, Clone)]
pub struct Invocation {
    tool: Tool,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdin: Option<Vec<u8>>,
    held: Option<Arc<OwnedFd>>,
    given: Vec<(Arc<OwnedFd>, i32)>,
    timeout: Duration,
}

impl Invocation {
    /// `tool` without arguments.
    pub fn new(tool: &Tool) -> Self {
        Self {
            tool: tool.clone(),
            args: Vec::new(),
            env: Vec::new(),
            stdin: None,
            held: None,
            given: Vec::new(),
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Finds `program` in the system directories and invokes it without arguments.
    ///
    /// # Errors
    /// [`ToolMissing`] where it is not installed.
    pub fn of(program: &str) -> Result<Self, ToolMissing> {
        Ok(Self::new(&Tool::find(program)?))
    }

    /// Adds one argument. Never a secret: argument vectors are readable by every user of the host.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Adds an environment variable to the fixed ones.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Gives bytes on standard input; without it standard input is empty.
    #[must_use]
    pub fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = Some(bytes);
        self
    }

    /// Has the program hold an open file for as long as it runs, and with it a lock on that (`flock`), also when the caller is killed.
    #[must_use]
    pub fn holding(mut self, file: &Arc<OwnedFd>) -> Self {
        self.held = Some(Arc::clone(file));
        self
    }

    /// Gives it an open file under a number of its own; for [`Invocation::run`] only. A position in the file is shared, so such an
    /// invocation is run once.
    #[must_use]
    pub fn giving(mut self, file: &Arc<OwnedFd>, number: i32) -> Self {
        self.given.push((Arc::clone(file), number));
        self
    }

    /// Sets the time limit.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Program and arguments, for messages.
    pub fn describe(&self) -> String {
        let mut words = vec![self.tool.path().display().to_string()];
        words.extend(self.args.iter().map(|arg| arg.to_string_lossy().into_owned()));
        words.join(" ")
    }

    /// Program path, arguments and the whole environment, for [`super::spawn`].
    pub(super) fn parts(&self) -> (&Tool, &[OsString], Vec<(OsString, OsString)>) {
        (&self.tool, &self.args, self.environment())
    }

    /// The caller's environment is not passed on: `PATH` is fixed and messages are in English, UTF-8.
    fn environment(&self) -> Vec<(OsString, OsString)> {
        let fixed = [
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            ("LC_ALL", "C.UTF-8"),
            ("HOME", "/"),
        ];
        let fixed = fixed
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        fixed.chain(self.env.iter().cloned()).collect()
    }

    /// Runs it to its end and returns what it printed.
    ///
    /// # Errors
    /// [`ExecError`]; a non-zero exit status is [`ExecError::Failed`].
    pub fn run(&self) -> Result<Captured, ExecError> {
        static NEVER: AtomicBool = AtomicBool::new(false);
        self.run_until(&NEVER)
    }

    /// As [`Invocation::run`]; killed once `interrupted` is set.
    ///
    /// # Errors
    /// [`ExecError`].
    pub fn run_until(&self, interrupted: &AtomicBool) -> Result<Captured, ExecError> {
        let expression = duct::cmd(self.tool.path(), &self.args)
            .full_env(self.environment())
            .stdout_capture()
            .stderr_capture()
            .unchecked();
        let expression = match &self.stdin {
            Some(bytes) => expression.stdin_bytes(bytes.clone()),
            None => expression.stdin_null(),
        };
        let expression = match self.held.clone() {
            Some(file) => expression.before_spawn(move |command| {
                command.preserved_fds(vec![file.try_clone()?]);
                Ok(())
            }),
            None => expression,
        };
        let expression = if self.given.is_empty() {
            expression
        } else {
            let given = self.given.clone();
            expression.before_spawn(move |command| {
                let mapped = given.iter().map(|(file, number)| {
                    let parent_fd = file.try_clone()?;
                    Ok(FdMapping {
                        parent_fd,
                        child_fd: *number,
                    })
                });
                let mapped = mapped.collect::<io::Result<_>>()?;
                command.fd_mappings(mapped).map_err(io::Error::other)?;
                Ok(())
            })
        };
        let start = |source| ExecError::Start {
            program: self.tool.path().display().to_string(),
            source,
        };
        let handle = expression.start().map_err(start)?;
        let deadline = Instant::now() + self.timeout;
        let output = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(output) = handle.wait_timeout(left.min(LOOK_EVERY)).map_err(start)? {
                break output;
            }
            let interrupted = interrupted.load(Ordering::SeqCst);
            if interrupted || left.is_zero() {
                handle.kill().map_err(start)?;
                let command = self.describe();
                return Err(if interrupted {
                    ExecError::Interrupted { command }
                } else {
                    ExecError::Timeout {
                        command,
                        seconds: self.timeout.as_secs(),
                    }
                });
            }
        };
        if output.status.success() {
            return Ok(Captured {
                stdout: output.stdout.clone(),
                stderr: output.stderr.clone(),
            });
        }
        Err(ExecError::Failed {
            command: self.describe(),
            status: describe_status(output.status),
            stderr: end_of(&output.stderr),
        })
    }
}

/// `exit code N` or `signal N`.
fn describe_status(status: std::process::ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".to_owned(),
    }
}

fn end_of(stderr: &[u8]) -> String {
    let start = stderr.len().saturating_sub(STDERR_KEPT);
    String::from_utf8_lossy(&stderr[start..]).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Invocation {
        Invocation::of("sh").unwrap().args(["-c", script])
    }

    #[test]
    fn output_of_a_success_is_captured_and_the_environment_is_fixed() {
        let output = sh("echo $PATH; cat").stdin(b"in".to_vec()).run().unwrap();
        assert_eq!(output.text(), "/usr/sbin:/usr/bin:/sbin:/bin\nin");
    }

    #[test]
    fn exit_status_decides_and_stderr_is_kept() {
        let error = sh("echo fine; echo why >&2; exit 3")
            .run()
            .unwrap_err()
            .to_string();
        assert!(error.ends_with("failed with exit code 3: why"), "{error}");
        assert!(sh("echo warning >&2").run().is_ok());
    }

    #[test]
    fn a_lock_on_a_file_that_is_held_by_a_program_stays_until_that_has_ended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        std::fs::File::create(&path).unwrap();
        let open = || std::fs::File::open(&path).unwrap();
        // What it starts outlives it, as a program does whose caller is killed.
        let left_behind = |invocation: Invocation| {
            let said = invocation.run().unwrap().text();
            rustix::process::Pid::from_raw(said.trim().parse().unwrap()).unwrap()
        };
        let stays = || sh("tail -f /dev/null >/dev/null 2>&1 & echo $!");
        for is_held in [false, true] {
            let file = open();
            file.lock_shared().unwrap();
            let file = Arc::new(OwnedFd::from(file));
            let left = left_behind(if is_held { stays().holding(&file) } else { stays() });
            drop(file);
            assert_eq!(open().try_lock().is_err(), is_held);
            rustix::process::kill_process(left, rustix::process::Signal::KILL).unwrap();
            open().lock().unwrap();
        }
    }

    #[test]
    fn a_program_that_hangs_is_killed_at_its_limit() {
        let error = sh("exec tail -f /dev/null")
            .timeout(Duration::from_millis(100))
            .run()
            .unwrap_err();
        assert!(matches!(error, ExecError::Timeout { .. }), "{error}");
        let interrupted = AtomicBool::new(true);
        let error = sh("exec tail -f /dev/null").run_until(&interrupted).unwrap_err();
        assert!(matches!(error, ExecError::Interrupted { .. }), "{error}");
    }
}
