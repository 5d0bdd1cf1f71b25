//! Forward, and back.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::journal::{Journal, JournalError};
use super::step::{Observer, Silent, Step, StepError, Undo};

/// The cause of a run that was told to stop between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Something that could not be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The step that made it.
    pub step: String,
    /// What it is, in words.
    pub what: String,
    /// Why it is still there.
    pub error: String,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.error)
    }
}

/// Why a run did not come to its end, and what could not be undone.
#[derive(Debug)]
pub struct SagaError {
    /// The step that failed, or that was next when the run was interrupted.
    pub step: String,
    /// Why.
    pub cause: StepError,
    /// What is left; empty when all was undone.
    pub left: Vec<Left>,
    /// Whether Ctrl-C or a signal ended it.
    pub interrupted: bool,
}

impl fmt::Display for SagaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.interrupted {
            "interrupted at"
        } else {
            "failed at"
        };
        write!(f, "{how} step {}", self.step)?;
        if self.left.is_empty() {
            return f.write_str("; everything was undone");
        }
        f.write_str("; left behind: ")?;
        for (at, left) in self.left.iter().enumerate() {
            write!(f, "{}{left}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Error for SagaError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.cause.as_error())
    }
}

/// Applies the steps in order; undoes all of them in reverse when one fails or `interrupted` is set.
///
/// # Errors
/// [`SagaError`]; its `left` names what could not be undone, and then the journal stays for [`unwind`].
pub fn run<C>(
    steps: &[Box<dyn Step<C> + '_>],
    c: &mut C,
    journal: &mut Journal,
    undo: &dyn Undo,
    observer: &mut dyn Observer,
    interrupted: &AtomicBool,
) -> Result<Vec<(&'static str, u64)>, SagaError> {
    let mut timings = Vec::with_capacity(steps.len());
    for step in steps {
        if interrupted.load(Ordering::SeqCst) {
            return Err(give_up(
                step.name(),
                Interrupted.into(),
                journal,
                undo,
                observer,
                true,
            ));
        }
        match attempt(step.as_ref(), c, journal, observer) {
            Ok(ms) => timings.push((step.name(), ms)),
            Err(cause) => {
                // A step that sees the signal itself fails because of it.
                let signal = interrupted.load(Ordering::SeqCst);
                return Err(give_up(step.name(), cause, journal, undo, observer, signal));
            }
        }
    }
    match journal.finish() {
        Ok(()) => Ok(timings),
        Err(error) => Err(give_up("finish", error.into(), journal, undo, observer, false)),
    }
}

/// Undoes a dead run from its journal, and removes the journal when nothing is left of it.
///
/// A run that finished and only kept its journal is not undone.
pub fn unwind(journal: &mut Journal, undo: &dyn Undo) -> Vec<Left> {
    undo_all(journal, undo, &mut Silent)
}

/// One step: intent, act, output. Milliseconds.
fn attempt<C>(
    step: &dyn Step<C>,
    c: &mut C,
    journal: &mut Journal,
    observer: &mut dyn Observer,
) -> Result<u64, StepError> {
    let began = Instant::now();
    if let Some(reason) = step.skip(c) {
        journal.skipped(step.name(), &reason)?;
        observer.step_skipped(step.name(), &reason);
        return Ok(0);
    }
    observer.step_started(step.name());
    let number = journal.intent(step.name(), step.intent(c))?;
    match step.apply(c) {
        Ok(output) => journal.output(number, output)?,
        Err(cause) => {
            // For whoever reads the journal; the undo that follows does not need it.
            if let Err(crashed @ JournalError::Crashed { .. }) = journal.failed(number, cause.chain()) {
                return Err(crashed.into());
            }
            return Err(cause);
        }
    }
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    observer.step_ended(step.name(), ms);
    Ok(ms)
}

fn give_up(
    step: &str,
    cause: StepError,
    journal: &mut Journal,
    undo: &dyn Undo,
    observer: &mut dyn Observer,
    interrupted: bool,
) -> SagaError {
    // A simulated kill -9: a dead process undoes nothing.
    let left = if is_crash(&cause) {
        Vec::new()
    } else {
        undo_all(journal, undo, observer)
    };
    SagaError {
        step: step.to_owned(),
        cause,
        left,
        interrupted,
    }
}

fn is_crash(cause: &StepError) -> bool {
    matches!(cause.find(), Some(JournalError::Crashed { .. }))
}

fn undo_all(journal: &mut Journal, undo: &dyn Undo, observer: &mut dyn Observer) -> Vec<Left> {
    let mut left = Vec::new();
    let steps = if journal.finished() {
        Vec::new()
    } else {
        journal.to_undo()
    };
    for (number, step) in steps {
        observer.undoing(&step.name);
        let recorded = match undo.undo(&step.name, &step.intent, step.output.as_ref()) {
            Ok(()) => journal.undone(number),
            Err(cause) => {
                let error = cause.chain();
                observer.detail(&format!("undoing {} failed: {error}", step.name));
                let what = undo.what(&step.name, &step.intent, step.output.as_ref());
                left.push(Left {
                    step: step.name,
                    what,
                    error: error.clone(),
                });
                journal.undo_failed(number, error)
            }
        };
        match recorded {
            Ok(()) => {}
            Err(JournalError::Crashed { line }) => return vec![crashed(journal, line)],
            // Not recorded means undone once more by the next command, which is fine.
            Err(error) => observer.detail(&StepError::from(error).chain()),
        }
    }
    if left.is_empty()
        && let Err(error) = journal.remove()
    {
        let what = format!("the journal {}", journal.path().display());
        left.push(Left {
            step: "finish".to_owned(),
            what,
            error: StepError::from(error).chain(),
        });
    }
    left
}

/// A simulated kill -9 while undoing.
fn crashed(journal: &Journal, line: u64) -> Left {
    Left {
        step: "finish".to_owned(),
        what: format!("the journal {}", journal.path().display()),
        error: JournalError::Crashed { line }.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::{Value, json};

    use super::*;
    use crate::model::RunId;
    use crate::state::Header;

    /// What happened, in order.
    type Log = RefCell<Vec<String>>;

    struct Do(&'static str, Result<(), &'static str>);

    impl<'a> Step<&'a Log> for Do {
        fn name(&self) -> &'static str {
            self.0
        }
        fn intent(&self, _: &&'a Log) -> Value {
            json!(self.0)
        }
        fn apply(&self, log: &mut &'a Log) -> Result<Value, StepError> {
            log.borrow_mut().push(format!("do {}", self.0));
            self.1.map(|()| json!(null)).map_err(StepError::new)
        }
    }

    struct Back<'a>(&'a Log, &'static str);

    impl Undo for Back<'_> {
        fn undo(&self, step: &str, _: &Value, _: Option<&Value>) -> Result<(), StepError> {
            self.0.borrow_mut().push(format!("undo {step}"));
            if step == self.1 {
                Err(StepError::new("it is busy"))
            } else {
                Ok(())
            }
        }
    }

    fn journal(dir: &std::path::Path) -> Journal {
        let header = Header {
            schema: 1,
            run: RunId::random().unwrap(),
            saga: "branch".to_owned(),
            project: "shop".parse().unwrap(),
            environment: "fix-42".parse().unwrap(),
            pid: 1,
            started_at: jiff::Timestamp::now(),
            command: String::new(),
        };
        Journal::create(&dir.join("run.jsonl"), &header).unwrap()
    }

    fn steps<'a>(last: Result<(), &'static str>) -> Vec<Box<dyn Step<&'a Log>>> {
        vec![
            Box::new(Do("one", Ok(()))),
            Box::new(Do("two", Ok(()))),
            Box::new(Do("three", last)),
        ]
    }

    fn go(
        stuck: &'static str,
        last: Result<(), &'static str>,
        signal: bool,
    ) -> (Vec<String>, SagaError, bool) {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::default();
        let mut journal = journal(dir.path());
        let signal = AtomicBool::new(signal);
        let error = run(
            &steps(last),
            &mut &log,
            &mut journal,
            &Back(&log, stuck),
            &mut Silent,
            &signal,
        )
        .unwrap_err();
        let stays = dir.path().join("run.jsonl").exists();
        (log.into_inner(), error, stays)
    }

    #[test]
    fn a_success_reports_its_steps_and_removes_its_journal() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::default();
        let mut journal = journal(dir.path());
        let quiet = AtomicBool::new(false);
        let timings = run(
            &steps(Ok(())),
            &mut &log,
            &mut journal,
            &Back(&log, ""),
            &mut Silent,
            &quiet,
        )
        .unwrap();
        assert_eq!(
            timings.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ["one", "two", "three"]
        );
        assert_eq!(log.into_inner(), ["do one", "do two", "do three"]);
        assert!(!dir.path().join("run.jsonl").exists());
    }

    #[test]
    fn a_failed_step_is_undone_too_and_all_before_it_in_reverse() {
        let (log, error, stays) = go("", Err("no room"), false);
        assert_eq!(
            log,
            [
                "do one",
                "do two",
                "do three",
                "undo three",
                "undo two",
                "undo one"
            ]
        );
        assert_eq!(error.to_string(), "failed at step three; everything was undone");
        assert_eq!(error.source().unwrap().to_string(), "no room");
        assert!(!stays);
    }

    #[test]
    fn an_undo_that_fails_is_named_and_the_others_still_run() {
        let (log, error, stays) = go("two", Err("no room"), false);
        assert_eq!(log[3..], ["undo three", "undo two", "undo one"]);
        let said = error.to_string();
        assert_eq!(
            said,
            "failed at step three; left behind: what step two made: \"two\" (it is busy)"
        );
        assert!(stays, "the next command tries again");
    }

    #[test]
    fn a_signal_before_a_step_unwinds() {
        let (log, error, stays) = go("", Ok(()), true);
        assert_eq!(log, Vec::<String>::new());
        assert!(error.interrupted && !stays);
        assert!(error.cause.find::<Interrupted>().is_some());
    }

    #[test]
    fn only_what_is_left_is_undone_by_the_next_command() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::default();
        let mut broken = journal(dir.path());
        let quiet = AtomicBool::new(false);
        let stuck = Back(&log, "two");
        run(
            &steps(Err("no")),
            &mut &log,
            &mut broken,
            &stuck,
            &mut Silent,
            &quiet,
        )
        .unwrap_err();
        drop(broken);
        log.borrow_mut().clear();
        let path = dir.path().join("run.jsonl");
        let left = unwind(&mut Journal::open(&path).unwrap(), &Back(&log, ""));
        assert_eq!(left, []);
        assert_eq!(log.into_inner(), ["undo two"]);
        assert!(!path.exists());
    }
}
