//! The journal of a run: append-only JSON lines, each durable before what follows it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::state::durable::{name, nameless, sync_directory_of};
use crate::state::{Header, pause};

/// The version of the journal that this envclone writes and reads.
const SCHEMA: u32 = 1;
/// How often [`Journal::open`] looks at a held lock: one that only looks holds it for microseconds.
const LOOKS: u32 = 5;
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Why a journal could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Its run still lives, or another command is cleaning up after it.
    #[error("the run of {} goes on", path.display())]
    Held {
        /// The journal.
        path: PathBuf,
    },
    /// It is not there (any more).
    #[error("the journal {} is gone", path.display())]
    Gone {
        /// The journal.
        path: PathBuf,
    },
    /// It holds something that envclone did not write.
    #[error("the journal {} is damaged in line {line}; look at it, clean up by hand and remove it", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong in it.
        #[source]
        source: serde_json::Error,
    },
    /// Its lines are well-formed but do not follow from each other.
    #[error("the journal {} is damaged in line {line} ({why}); look at it, clean up by hand and remove it", path.display())]
    Impossible {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What does not fit.
        why: &'static str,
    },
    /// A fault asked for by a test: as if the process had died here.
    #[error("stopped at line {line} of the journal")]
    Crashed {
        /// The line, from 1.
        line: u64,
    },
    /// The kernel refused.
    #[error("the journal {} cannot be {action}", path.display())]
    Io {
        /// `made`, `locked`, `read`, `written` or `removed`.
        action: &'static str,
        /// The journal.
        path: PathBuf,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
}

/// Where a test wants the run to end, as if killed: lines are counted from 1, the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `SIGKILL` to the own process when this line is durable.
    KillAfter(u64),
    /// `SIGKILL` to the own process before this line is written: what it tells of was done, but is not recorded.
    KillBefore(u64),
    /// [`JournalError::Crashed`] when this line is durable.
    CrashAfter(u64),
    /// [`JournalError::Crashed`] in place of this line.
    CrashBefore(u64),
    /// [`JournalError::Crashed`] when half of this line is written.
    CrashWithin(u64),
}

/// A line after the header. `step` counts from 0, in the order in which steps began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    Intent {
        step: usize,
        name: String,
        intent: Value,
    },
    Output {
        step: usize,
        output: Value,
    },
    Skipped {
        name: String,
        reason: String,
    },
    Failed {
        step: usize,
        error: String,
    },
    Undone {
        step: usize,
    },
    UndoFailed {
        step: usize,
        error: String,
    },
    Finished,
}

/// A step that began, as the journal knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Begun {
    pub(super) name: String,
    pub(super) intent: Value,
    pub(super) output: Option<Value>,
    pub(super) undone: bool,
}

/// The journal of a run, locked for as long as this value lives.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    header: Header,
    begun: Vec<Begun>,
    finished: bool,
    /// Length of what is durable, in bytes.
    durable: u64,
    /// Lines that are durable.
    lines: u64,
    fault: Option<Fault>,
}

impl Journal {
    /// Begins a journal. It gets its name when its header is durable and its lock is held, so nobody ever sees
    /// one without.
    pub fn create(path: &Path, header: &Header) -> Result<Self, JournalError> {
        Self::create_with(path, header, None)
    }

    /// As [`Journal::create`], with a fault for a test.
    pub fn create_with(path: &Path, header: &Header, fault: Option<Fault>) -> Result<Self, JournalError> {
        let file = nameless(path).map_err(io_error("made", path))?;
        file.lock().map_err(io_error("locked", path))?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            header: header.clone(),
            begun: Vec::new(),
            finished: false,
            durable: 0,
            lines: 0,
            fault,
        };
        journal.write(header, |journal| name(&journal.file, &journal.path))?;
        Ok(journal)
    }

    /// Opens the journal of a dead run to undo it.
    ///
    /// # Errors
    /// [`JournalError::Held`] where the run lives, [`JournalError::Gone`] where another command was faster.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Self::open_with(path, None)
    }

    /// As [`Journal::open`], with a fault for a test; its lines are counted from those that are there.
    pub fn open_with(path: &Path, fault: Option<Fault>) -> Result<Self, JournalError> {
        let gone = || JournalError::Gone {
            path: path.to_owned(),
        };
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(gone()),
            other => other.map_err(io_error("read", path))?,
        };
        lock(&file, path)?;
        // Whoever removes a journal holds its lock: one without a name was removed before we had it.
        let stat = rustix::fs::fstat(&file).map_err(|error| io_error("read", path)(error.into()))?;
        if stat.st_nlink == 0 {
            return Err(gone());
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(io_error("read", path))?;
        let mut journal = Self::replay(path, file, &text)?;
        journal.fault = fault;
        journal.cut_torn_line().map_err(io_error("written", path))?;
        Ok(journal)
    }

    /// Rebuilds what the run did from its lines. What follows the last line feed was torn by the end of the run:
    /// it was not durable, so what it announces was not done.
    fn replay(path: &Path, file: File, text: &[u8]) -> Result<Self, JournalError> {
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let mut lines = text[..whole].split_inclusive(|byte| *byte == b'\n');
        let first = lines.next().unwrap_or_default();
        let header: Header = serde_json::from_slice(first).map_err(damaged(path, 1))?;
        if header.schema != SCHEMA {
            return Err(impossible(path, 1, "its schema is not known to this envclone"));
        }
        let mut journal = Self {
            path: path.to_owned(),
            file,
            header,
            begun: Vec::new(),
            finished: false,
            durable: u64::try_from(whole).unwrap_or(u64::MAX),
            lines: 1,
            fault: None,
        };
        for line in lines {
            let number = journal.lines + 1;
            let line = serde_json::from_slice(line).map_err(damaged(path, number))?;
            journal.learn(line).map_err(|why| impossible(path, number, why))?;
            journal.lines = number;
        }
        Ok(journal)
    }

    /// What the run is.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lines that are durable, the header included.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Whether the run came to its end, so that nothing of it is to be undone.
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// Steps that began and are not undone, the last one first.
    pub(super) fn to_undo(&self) -> Vec<(usize, Begun)> {
        let begun = self.begun.iter().cloned().enumerate();
        begun.filter(|(_, step)| !step.undone).rev().collect()
    }

    pub(super) fn intent(&mut self, name: &str, intent: Value) -> Result<usize, JournalError> {
        let step = self.begun.len();
        let name = name.to_owned();
        self.append(Line::Intent { step, name, intent })?;
        Ok(step)
    }

    pub(super) fn output(&mut self, step: usize, output: Value) -> Result<(), JournalError> {
        // Known here even if it cannot be written: an undo in this process should have it.
        if let Some(begun) = self.begun.get_mut(step) {
            begun.output = Some(output.clone());
        }
        self.append(Line::Output { step, output })
    }

    pub(super) fn skipped(&mut self, name: &str, reason: &str) -> Result<(), JournalError> {
        let (name, reason) = (name.to_owned(), reason.to_owned());
        self.append(Line::Skipped { name, reason })
    }

    pub(super) fn failed(&mut self, step: usize, error: String) -> Result<(), JournalError> {
        self.append(Line::Failed { step, error })
    }

    pub(super) fn undone(&mut self, step: usize) -> Result<(), JournalError> {
        self.append(Line::Undone { step })
    }

    pub(super) fn undo_failed(&mut self, step: usize, error: String) -> Result<(), JournalError> {
        self.append(Line::UndoFailed { step, error })
    }

    /// Records that all went well, then removes the file.
    ///
    /// Either of the two is enough to keep anybody from undoing the run; the error is that of the removal.
    pub(super) fn finish(&mut self) -> Result<(), JournalError> {
        match self.append(Line::Finished) {
            Err(crashed @ JournalError::Crashed { .. }) => return Err(crashed),
            Err(_) => return self.remove(),
            Ok(()) => {}
        }
        // A finished journal that stays is removed by the next command that changes something.
        let _ = self.remove();
        Ok(())
    }

    /// Removes the file; its lock is held until this value is dropped.
    pub(super) fn remove(&mut self) -> Result<(), JournalError> {
        fs::remove_file(&self.path)
            .and_then(|()| sync_directory_of(&self.path))
            .map_err(io_error("removed", &self.path))
    }

    fn append(&mut self, line: Line) -> Result<(), JournalError> {
        self.write(&line, |_| Ok(()))?;
        let number = self.lines;
        self.learn(line)
            .map_err(|why| impossible(&self.path, number, why))
    }

    /// Takes a durable line into account.
    fn learn(&mut self, line: Line) -> Result<(), &'static str> {
        if self.finished {
            return Err("it follows the end");
        }
        let begun = self.begun.len();
        match line {
            Line::Intent { step, name, intent } => {
                if step != begun {
                    return Err("a step is missing before it");
                }
                self.begun.push(Begun {
                    name,
                    intent,
                    output: None,
                    undone: false,
                });
            }
            Line::Output { step, output } => self.known(step)?.output = Some(output),
            Line::Undone { step } => self.known(step)?.undone = true,
            Line::Failed { step, .. } | Line::UndoFailed { step, .. } => {
                self.known(step)?;
            }
            Line::Skipped { .. } => {}
            Line::Finished => self.finished = true,
        }
        Ok(())
    }

    fn known(&mut self, step: usize) -> Result<&mut Begun, &'static str> {
        self.begun.get_mut(step).ok_or("its step did not begin")
    }

    /// Writes a line and makes it durable; `name` follows, and counts as part of it.
    fn write(
        &mut self,
        line: &impl Serialize,
        name: impl FnOnce(&Self) -> io::Result<()>,
    ) -> Result<(), JournalError> {
        let number = self.lines + 1;
        let io = |source| JournalError::Io {
            action: "written",
            path: self.path.clone(),
            source,
        };
        let mut text = serde_json::to_vec(line).map_err(|error| io(error.into()))?;
        text.push(b'\n');
        self.strike(|fault| fault == Fault::KillBefore(number), number, false)?;
        self.strike(|fault| fault == Fault::CrashBefore(number), number, true)?;
        if self.fault == Some(Fault::CrashWithin(number)) {
            text.truncate(text.len() / 2);
        }
        let written = self
            .file
            .seek(SeekFrom::Start(self.durable))
            .and_then(|_| self.file.write_all(&text))
            .and_then(|()| self.file.sync_data());
        self.strike(|fault| fault == Fault::CrashWithin(number), number, true)?;
        if let Err(source) = written.and_then(|()| name(self)) {
            // Nothing may follow half a line. If this fails too, the next line is written over it.
            let _ = self.cut_torn_line();
            return Err(JournalError::Io {
                action: "written",
                path: self.path.clone(),
                source,
            });
        }
        self.durable += u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.lines = number;
        self.strike(|fault| fault == Fault::KillAfter(number), number, false)?;
        self.strike(|fault| fault == Fault::CrashAfter(number), number, true)
    }

    /// Ends the run here if its fault is the one that is meant.
    fn strike(
        &self,
        meant: impl FnOnce(Fault) -> bool,
        line: u64,
        simulated: bool,
    ) -> Result<(), JournalError> {
        if !self.fault.is_some_and(meant) {
            return Ok(());
        }
        if !simulated {
            let _ = kill_process(getpid(), Signal::KILL);
        }
        Err(JournalError::Crashed { line })
    }

    fn cut_torn_line(&self) -> io::Result<()> {
        self.file.set_len(self.durable)
    }
}

fn lock(file: &File, path: &Path) -> Result<(), JournalError> {
    for _ in 0..LOOKS {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => pause(LOOK_EVERY),
            Err(TryLockError::Error(error)) => return Err(io_error("locked", path)(error)),
        }
    }
    Err(JournalError::Held {
        path: path.to_owned(),
    })
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    move |source| JournalError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

fn damaged(path: &Path, line: u64) -> impl FnOnce(serde_json::Error) -> JournalError {
    move |source| JournalError::Damaged {
        path: path.to_owned(),
        line,
        source,
    }
}

fn impossible(path: &Path, line: u64, why: &'static str) -> JournalError {
    JournalError::Impossible {
        path: path.to_owned(),
        line,
        why,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::exec::{Invocation, Tool};
    use crate::model::RunId;

    fn header() -> Header {
        Header {
            schema: 1,
            run: RunId::random().unwrap(),
            saga: "branch".to_owned(),
            project: "shop".parse().unwrap(),
            environment: "fix-42".parse().unwrap(),
            pid: std::process::id(),
            started_at: jiff::Timestamp::now(),
            command: "envclone branch prod fix-42".to_owned(),
        }
    }

    /// A journal of two steps, the second of which is being undone, as its bytes.
    fn sample(dir: &Path) -> (PathBuf, Vec<u8>) {
        let path = dir.join("run.jsonl");
        let mut journal = Journal::create(&path, &header()).unwrap();
        let step = journal.intent("snapshot", json!({"place": "a"})).unwrap();
        journal.output(step, json!({"id": 1})).unwrap();
        journal.skipped("sanitize", "nothing to rewrite").unwrap();
        let step = journal.intent("clone", json!({"place": "b"})).unwrap();
        journal.failed(step, "no room".to_owned()).unwrap();
        journal.undone(step).unwrap();
        drop(journal);
        let text = fs::read(&path).unwrap();
        (path, text)
    }

    fn open_error(path: &Path, text: &[u8]) -> String {
        fs::write(path, text).unwrap();
        Journal::open(path).unwrap_err().to_string()
    }

    #[test]
    fn what_a_dead_run_did_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let (path, _) = sample(dir.path());
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.header().saga, "branch");
        assert_eq!(journal.lines(), 7);
        let snapshot = Begun {
            name: "snapshot".to_owned(),
            intent: json!({"place": "a"}),
            output: Some(json!({"id": 1})),
            undone: false,
        };
        assert_eq!(journal.to_undo(), vec![(0, snapshot)]);
    }

    #[test]
    fn a_torn_last_line_counts_as_never_written_at_every_byte() {
        let dir = tempfile::tempdir().unwrap();
        let (path, text) = sample(dir.path());
        let first = text.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for length in first..text.len() {
            fs::write(&path, &text[..length]).unwrap();
            let mut journal = Journal::open(&path).unwrap();
            let whole = text[..length].split(|byte| *byte == b'\n').count() - 1;
            assert_eq!(journal.lines(), u64::try_from(whole).unwrap());
            journal.skipped("more", "can follow").unwrap();
            drop(journal);
            assert_eq!(
                Journal::open(&path).unwrap().lines(),
                u64::try_from(whole + 1).unwrap()
            );
        }
    }

    #[test]
    fn garbage_elsewhere_names_file_and_line() {
        let dir = tempfile::tempdir().unwrap();
        let (path, text) = sample(dir.path());
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let with = |at: usize, line: &str| {
            let mut lines = lines.clone();
            lines[at] = line;
            format!("{}\n", lines.join("\n"))
        };
        let said = open_error(&path, with(2, "\0\0\0").as_bytes());
        assert!(
            said.contains(&format!("{} is damaged in line 3;", path.display())),
            "{said}"
        );
        assert!(open_error(&path, with(0, "{}").as_bytes()).contains("line 1"));
        let unknown = open_error(
            &path,
            with(2, r#"{"event":"output","step":7,"output":null}"#).as_bytes(),
        );
        assert!(unknown.contains("line 3 (its step did not begin)"), "{unknown}");
        let missing = open_error(&path, with(1, r#"{"event":"finished"}"#).as_bytes());
        assert!(missing.contains("line 3 (it follows the end)"), "{missing}");
        assert!(
            open_error(&path, b"").contains("line 1"),
            "no run leaves an empty journal"
        );
    }

    #[test]
    fn a_live_run_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.jsonl");
        let mut journal = Journal::create(&path, &header()).unwrap();
        assert!(matches!(
            Journal::open(&path).unwrap_err(),
            JournalError::Held { .. }
        ));
        assert!(
            Journal::create(&path, &header()).is_err(),
            "nor is it written over"
        );
        journal.finish().unwrap();
        assert!(matches!(
            Journal::open(&path).unwrap_err(),
            JournalError::Gone { .. }
        ));
    }

    #[test]
    fn a_full_disk_leaves_no_half_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.jsonl");
        let mut journal = Journal::create(&path, &header()).unwrap();
        // A descriptor that cannot be written stands in for the full disk.
        let good = std::mem::replace(&mut journal.file, File::open("/dev/full").unwrap());
        assert!(journal.intent("snapshot", json!(null)).is_err());
        assert_eq!(
            journal.to_undo(),
            Vec::new(),
            "what was not recorded was not done"
        );
        journal.file = good;
        journal.skipped("quiesce", "the source is down").unwrap();
        drop(journal);
        assert_eq!(Journal::open(&path).unwrap().lines(), 2);
    }

    /// The test runs itself as the process that dies.
    #[test]
    fn kill_dash_nine_at_a_line_leaves_just_the_lines_before() {
        const DIES: &str = "ENVCLONE_TEST_JOURNAL_THAT_DIES";
        if let Some(path) = std::env::var_os(DIES) {
            let mut journal =
                Journal::create_with(Path::new(&path), &header(), Some(Fault::KillAfter(2))).unwrap();
            let step = journal.intent("snapshot", json!({"place": "a"})).unwrap();
            journal.output(step, json!(null)).unwrap();
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.jsonl");
        let error = Invocation::new(&Tool::at(&std::env::current_exe().unwrap()).unwrap())
            .args([
                "--exact",
                "saga::journal::tests::kill_dash_nine_at_a_line_leaves_just_the_lines_before",
            ])
            .env(DIES, &path)
            .run()
            .unwrap_err()
            .to_string();
        assert!(error.contains("signal 9"), "{error}");
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.lines(), 2);
        assert_eq!(journal.to_undo().len(), 1);
    }
}
