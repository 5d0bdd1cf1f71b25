//! Locks: `flock`, which the kernel releases when their holder dies, however it dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a waiting run looks whether the lock became free.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The longest that is waited.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
/// How much of the holder's text is read.
const TEXT_LIMIT: u64 = 1000;

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run holds it.
    #[error("{name} is locked by another run ({holder}); wait for it, or give --lock-timeout")]
    Held {
        /// What is locked: an environment's name, or `the choice of ports`.
        name: String,
        /// What the holder wrote about itself; advisory.
        holder: String,
    },
    /// A signal came while waiting.
    #[error("interrupted while waiting for the lock of {name}")]
    Interrupted {
        /// What is locked.
        name: String,
    },
    /// The kernel refused.
    #[error("the lock file {} cannot be used", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
}

/// A lock that is held until it is dropped or its process ends.
///
/// Its file stays: removing it would let two runs hold "the" lock by two files of one name. `/run` is emptied at
/// boot.
#[derive(Debug)]
pub struct EnvLock {
    file: File,
}

impl EnvLock {
    /// Takes the lock at `path`, waiting up to `timeout` for a holder to let go, or until `interrupted` is set.
    pub(super) fn take(
        path: &Path,
        name: &str,
        command: &str,
        timeout: Duration,
        interrupted: &AtomicBool,
    ) -> Result<Self, LockError> {
        let fail = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let mut file = options.open(path).map_err(fail)?;
        let now = Instant::now();
        // One that no clock reaches is the same as a year.
        let deadline = now.checked_add(timeout).unwrap_or(now + LONGEST);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(fail(error)),
            }
            if interrupted.load(Ordering::SeqCst) {
                return Err(LockError::Interrupted {
                    name: name.to_owned(),
                });
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(LockError::Held {
                    name: name.to_owned(),
                    holder: holder(&mut file),
                });
            }
            pause(left.min(LOOK_EVERY));
        }
        // Advisory: a lock without its text is still the lock.
        let _ = describe(&mut file, command);
        Ok(Self { file })
    }

    /// The locked file, for a process that goes on holding it.
    pub fn file(&self) -> &File {
        &self.file
    }
}

/// A wait that a signal ends early, so that Ctrl-C is seen at once.
pub(crate) fn pause(time: Duration) {
    let time = rustix::fs::Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    };
    let _ = rustix::event::poll(&mut [], Some(&time));
}

fn describe(file: &mut File, command: &str) -> io::Result<()> {
    let since = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    let text = format!("process {}, `{command}`, since {since}\n", std::process::id());
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text.as_bytes())
}

fn holder(file: &mut File) -> String {
    let mut text = Vec::new();
    let read = file
        .rewind()
        .and_then(|()| file.take(TEXT_LIMIT).read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text);
    match (read, text.trim()) {
        (Err(_), _) | (_, "") => "unknown".to_owned(),
        (Ok(_), text) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static QUIET: AtomicBool = AtomicBool::new(false);

    fn take(path: &Path, timeout: Duration) -> Result<EnvLock, LockError> {
        EnvLock::take(path, "fix-42", "envclone stop fix-42", timeout, &QUIET)
    }

    #[test]
    fn a_held_lock_names_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = take(&path, Duration::ZERO).unwrap();
        let error = take(&path, Duration::ZERO).unwrap_err().to_string();
        let pid = std::process::id();
        assert!(
            error.starts_with(&format!(
                "fix-42 is locked by another run (process {pid}, `envclone stop fix-42`, since 2"
            )),
            "{error}"
        );
        drop(held);
        assert!(take(&path, Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn one_that_waits_gets_the_lock_when_it_is_let_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = take(&path, Duration::ZERO).unwrap();
        let (started, start) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                started.send(()).unwrap();
                take(&path, Duration::from_secs(60)).map(|_| ())
            });
            start.recv().unwrap();
            drop(held);
            waiter.join().unwrap().unwrap();
        });
    }

    #[test]
    fn ctrl_c_ends_the_wait() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let _held = take(&path, Duration::ZERO).unwrap();
        let pressed = AtomicBool::new(true);
        let error = EnvLock::take(&path, "fix-42", "", Duration::from_secs(60), &pressed).unwrap_err();
        assert!(matches!(error, LockError::Interrupted { .. }));
    }
}
