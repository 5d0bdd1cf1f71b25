//! Proves of any saga that it is all or nothing: for tests of `ops`, over its real steps and stateful fakes.
//!
//! [`prove`] runs a fresh [`Case`] again and again: failing at each step before and after it acted, interrupted
//! after each step, undoing everything twice, with each undo failing once, and stopped dead at each line of the
//! journal (after it, in place of it, in the middle of it), also while it is being unwound. After each of these
//! the world must be as it was. That is some thousand journals for ten steps: give it a directory on a tmpfs
//! (`/dev/shm`), where syncing costs nothing.

use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::journal::{Fault, Journal, JournalError};
use super::run::{Left, SagaError, run, unwind};
use super::step::{Silent, Step, StepError, Undo};
use crate::model::RunId;
use crate::state::Header;

/// One saga in one fresh world.
pub struct Case<'a, C> {
    /// Its steps.
    pub steps: Vec<Box<dyn Step<C> + 'a>>,
    /// Their context.
    pub context: C,
    /// Their undo.
    pub undo: Box<dyn Undo + 'a>,
    /// Everything that must be as before, as text.
    pub world: Box<dyn Fn() -> String + 'a>,
    /// Which worlds are fine after an unwinding.
    pub ends: Ends,
}

/// What a saga must leave when it does not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// The world as it was.
    AsBefore,
    /// The world as it was, or as it is after a success: for sagas such as `destroy`, whose unwinding goes on
    /// once something is gone for good.
    AsBeforeOrAfter,
}

/// What was proved, to be looked at by the test: zeros prove nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proved {
    /// Lines that the journal of a success has.
    pub lines: u64,
    /// Runs that were broken off and came out clean.
    pub trials: u64,
}

/// The saga is not all or nothing: which trial, and what came out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{trial}: {what}")]
pub struct Broken {
    /// What was done to the saga.
    pub trial: String,
    /// What was wrong afterwards.
    pub what: String,
}

/// Proves it; `scratch` is an empty directory for journals, `fresh` makes the same case each time.
///
/// # Errors
/// The first trial that did not come out clean.
pub fn prove<'a, C>(scratch: &Path, fresh: &dyn Fn() -> Case<'a, C>) -> Result<Proved, Broken> {
    let mut prover = Prover {
        scratch,
        fresh,
        after: String::new(),
        steps: 0,
        trials: 0,
    };
    let lines = prover.completes()?;
    for step in 0..prover.steps {
        for how in [How::FailBefore, How::FailAfter, How::Interrupt] {
            for undo in [UndoHow::Once, UndoHow::Twice] {
                prover.breaks_off(step, how, undo)?;
            }
            for failing in 0..=step {
                prover.breaks_off(step, how, UndoHow::FailOnce(failing))?;
            }
        }
    }
    for line in 1..=lines {
        // Once the last line is durable, the run has succeeded.
        prover.stops_dead(Fault::CrashAfter(line), line == lines)?;
        prover.stops_dead(Fault::CrashBefore(line), false)?;
        prover.stops_dead(Fault::CrashWithin(line), false)?;
    }
    Ok(Proved {
        lines,
        trials: prover.trials,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    FailBefore,
    FailAfter,
    Interrupt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UndoHow {
    Once,
    Twice,
    /// The undo of this step fails the first time.
    FailOnce(usize),
}

struct Prover<'p, 'a, C> {
    scratch: &'p Path,
    fresh: &'p dyn Fn() -> Case<'a, C>,
    after: String,
    steps: usize,
    trials: u64,
}

/// A run made for the proof.
struct Trial {
    name: String,
    before: String,
    ends: Ends,
    /// Whether it ends as a run that nothing disturbed.
    success: bool,
}

impl<'a, C> Prover<'_, 'a, C> {
    /// A success: the world changes, and no journal stays. The number of its journal's lines.
    fn completes(&mut self) -> Result<u64, Broken> {
        let (mut case, trial) = self.begin("nothing fails".to_owned());
        self.steps = case.steps.len();
        let mut journal = self.journal(&trial, None)?;
        let undo = case.undo.as_ref();
        let quiet = AtomicBool::new(false);
        run(
            &case.steps,
            &mut case.context,
            &mut journal,
            undo,
            &mut Silent,
            &quiet,
        )
        .map_err(|error| trial.broken(said(&error)))?;
        self.after = (case.world)();
        if self.after == trial.before {
            return Err(trial.broken("nothing changed, so nothing can be proved".to_owned()));
        }
        self.no_journal(&trial)?;
        Ok(journal.lines())
    }

    /// Broken off at a step by an error or a signal.
    fn breaks_off(&mut self, step: usize, how: How, undo_how: UndoHow) -> Result<(), Broken> {
        let (mut case, mut trial) = self.begin(format!("{how:?} at step {step}, undo {undo_how:?}"));
        let mut journal = self.journal(&trial, None)?;
        let signal = AtomicBool::new(false);
        let steps = hurt(case.steps, step, how, &signal);
        let names: Vec<&str> = steps.iter().map(|step| step.name()).collect();
        let undo = HurtUndo {
            inner: case.undo.as_ref(),
            how: undo_how,
            names,
            failed: Cell::new(false),
        };
        let outcome = run(
            &steps,
            &mut case.context,
            &mut journal,
            &undo,
            &mut Silent,
            &signal,
        );
        drop(journal);
        let Err(error) = outcome else {
            // A signal during the last step comes too late; a step that is skipped cannot fail.
            trial.success = true;
            return self.clean(&trial, &(case.world)());
        };
        if error.interrupted != (how == How::Interrupt) {
            return Err(trial.broken(format!("interrupted is {}", error.interrupted)));
        }
        if undo.failed.get() {
            if error.left.is_empty() {
                return Err(trial.broken("an undo failed, and nothing is named as left".to_owned()));
            }
            let left = self.clean_up(&trial, case.undo.as_ref(), None)?;
            trial.nothing(&left)?;
        } else {
            trial.nothing(&error.left)?;
        }
        self.clean(&trial, &(case.world)())
    }

    /// Stopped dead at a line, then cleaned up by the next command, which is itself stopped at each of its lines.
    fn stops_dead(&mut self, fault: Fault, success: bool) -> Result<(), Broken> {
        let mut again = None;
        loop {
            let (mut case, mut trial) = self.begin(format!("{fault:?}, then {again:?} while cleaning up"));
            trial.success = success;
            let lines = match self.journal(&trial, Some(fault)) {
                Ok(mut journal) => {
                    let undo = case.undo.as_ref();
                    let quiet = AtomicBool::new(false);
                    let outcome = run(
                        &case.steps,
                        &mut case.context,
                        &mut journal,
                        undo,
                        &mut Silent,
                        &quiet,
                    );
                    if outcome.is_ok() {
                        return Err(trial.broken("it was not stopped".to_owned()));
                    }
                    journal.lines()
                }
                Err(_) => 1,
            };
            let path = self.scratch.join("journal");
            if path.exists() {
                if again.is_some() {
                    self.clean_up(&trial, case.undo.as_ref(), again)?;
                }
                if path.exists() {
                    let left = self.clean_up(&trial, case.undo.as_ref(), None)?;
                    trial.nothing(&left)?;
                }
            }
            let world = (case.world)();
            self.clean(&trial, &world)?;
            // Each undone step adds a line; one more stop than there are lines ends it.
            let steps = u64::try_from(self.steps).unwrap_or(u64::MAX);
            again = match again {
                None => Some(Fault::CrashBefore(lines + 1)),
                Some(Fault::CrashBefore(line)) => Some(Fault::CrashAfter(line)),
                Some(Fault::CrashAfter(line)) if line < lines + steps => Some(Fault::CrashBefore(line + 1)),
                Some(_) => return Ok(()),
            };
        }
    }

    fn begin(&mut self, name: String) -> (Case<'a, C>, Trial) {
        self.trials += 1;
        let case = (self.fresh)();
        let trial = Trial {
            name,
            before: (case.world)(),
            ends: case.ends,
            success: false,
        };
        (case, trial)
    }

    fn journal(&self, trial: &Trial, fault: Option<Fault>) -> Result<Journal, Broken> {
        let say = |error: String| trial.broken(error);
        let header = Header {
            schema: 1,
            run: RunId::random().map_err(|error| say(error.to_string()))?,
            saga: "proof".to_owned(),
            project: "proof".parse().map_err(|_| say("no name".to_owned()))?,
            environment: "proof".parse().map_err(|_| say("no name".to_owned()))?,
            pid: std::process::id(),
            started_at: jiff::Timestamp::now(),
            command: "proof".to_owned(),
        };
        Journal::create_with(&self.scratch.join("journal"), &header, fault)
            .map_err(|error| say(StepError::from(error).chain()))
    }

    /// What the next changing command does with a dead run.
    fn clean_up(&self, trial: &Trial, undo: &dyn Undo, fault: Option<Fault>) -> Result<Vec<Left>, Broken> {
        let mut journal = Journal::open_with(&self.scratch.join("journal"), fault)
            .map_err(|error: JournalError| trial.broken(StepError::from(error).chain()))?;
        Ok(unwind(&mut journal, undo))
    }

    fn clean(&self, trial: &Trial, world: &str) -> Result<(), Broken> {
        self.no_journal(trial)?;
        let fine = match (trial.success, trial.ends) {
            (true, _) => world == self.after,
            (false, Ends::AsBefore) => world == trial.before,
            (false, Ends::AsBeforeOrAfter) => world == trial.before || world == self.after,
        };
        if fine {
            return Ok(());
        }
        let should = if trial.success { &self.after } else { &trial.before };
        Err(trial.broken(format!("the world is\n{world}\nand should be\n{should}")))
    }

    fn no_journal(&self, trial: &Trial) -> Result<(), Broken> {
        if self.scratch.join("journal").exists() {
            return Err(trial.broken("the journal is still there".to_owned()));
        }
        Ok(())
    }
}

impl Trial {
    fn broken(&self, what: String) -> Broken {
        Broken {
            trial: self.name.clone(),
            what,
        }
    }

    fn nothing(&self, left: &[Left]) -> Result<(), Broken> {
        if left.is_empty() {
            return Ok(());
        }
        Err(self.broken(format!("left behind: {left:?}")))
    }
}

fn said(error: &SagaError) -> String {
    format!("{error}: {}", error.cause.chain())
}

/// A step that fails or gets a signal.
struct Hurt<'s, 'a, C> {
    inner: Box<dyn Step<C> + 'a>,
    how: Option<How>,
    signal: &'s AtomicBool,
}

fn hurt<'s, 'a: 's, C: 's>(
    steps: Vec<Box<dyn Step<C> + 'a>>,
    at: usize,
    how: How,
    signal: &'s AtomicBool,
) -> Vec<Box<dyn Step<C> + 's>> {
    let steps = steps.into_iter().enumerate();
    let hurt = steps.map(|(number, inner)| {
        let how = (number == at).then_some(how);
        Box::new(Hurt { inner, how, signal }) as Box<dyn Step<C> + 's>
    });
    hurt.collect()
}

#[derive(Debug, thiserror::Error)]
#[error("failed for a proof")]
struct Failed;

impl<C> Step<C> for Hurt<'_, '_, C> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn intent(&self, c: &C) -> Value {
        self.inner.intent(c)
    }

    fn skip(&self, c: &C) -> Option<String> {
        self.inner.skip(c)
    }

    fn apply(&self, c: &mut C) -> Result<Value, StepError> {
        if self.how == Some(How::FailBefore) {
            return Err(Failed.into());
        }
        let output = self.inner.apply(c)?;
        match self.how {
            Some(How::FailAfter) => return Err(Failed.into()),
            Some(How::Interrupt) => self.signal.store(true, Ordering::SeqCst),
            _ => {}
        }
        Ok(output)
    }
}

/// An undo that is called twice, or fails once.
struct HurtUndo<'a> {
    inner: &'a dyn Undo,
    how: UndoHow,
    names: Vec<&'a str>,
    failed: Cell<bool>,
}

impl Undo for HurtUndo<'_> {
    fn undo(&self, step: &str, intent: &Value, output: Option<&Value>) -> Result<(), StepError> {
        if let UndoHow::FailOnce(number) = self.how
            && self.names.get(number) == Some(&step)
            && !self.failed.replace(true)
        {
            return Err(Failed.into());
        }
        self.inner.undo(step, intent, output)?;
        if self.how == UndoHow::Twice {
            self.inner.undo(step, intent, output)?;
        }
        Ok(())
    }

    fn what(&self, step: &str, intent: &Value, output: Option<&Value>) -> String {
        self.inner.what(step, intent, output)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::rc::Rc;

    use serde_json::json;

    use super::*;

    type World = Rc<RefCell<BTreeSet<String>>>;

    /// Makes a thing of its name, and of a number that only the output tells.
    struct Make(&'static str);

    impl Step<World> for Make {
        fn name(&self) -> &'static str {
            self.0
        }
        fn intent(&self, _: &World) -> Value {
            json!({ "thing": self.0 })
        }
        fn apply(&self, world: &mut World) -> Result<Value, StepError> {
            let fresh = world.borrow_mut().insert(self.0.to_owned());
            if fresh {
                Ok(json!({ "made": true }))
            } else {
                Err(StepError::new("it is there already"))
            }
        }
        fn skip(&self, _: &World) -> Option<String> {
            (self.0 == "idle").then(|| "nothing to do".to_owned())
        }
    }

    /// Removes things; in the ways that are named it does so badly.
    struct Remove {
        world: World,
        forgets: Option<&'static str>,
        only_once: bool,
        needs_output: bool,
    }

    impl Undo for Remove {
        fn undo(&self, step: &str, intent: &Value, output: Option<&Value>) -> Result<(), StepError> {
            if self.forgets == Some(step) || (self.needs_output && output.is_none()) {
                return Ok(());
            }
            let was_there = self.world.borrow_mut().remove(intent["thing"].as_str().unwrap());
            if self.only_once && !was_there {
                return Err(StepError::new("it is not there"));
            }
            Ok(())
        }
    }

    fn case(undo: impl Fn(World) -> Remove) -> Case<'static, World> {
        let world: World = Rc::default();
        world.borrow_mut().insert("production".to_owned());
        let seen = Rc::clone(&world);
        Case {
            steps: ["snapshot", "idle", "clone", "publish"]
                .map(|name| Box::new(Make(name)) as Box<dyn Step<World>>)
                .into(),
            undo: Box::new(undo(Rc::clone(&world))),
            context: world,
            world: Box::new(move || format!("{:?}", seen.borrow())),
            ends: Ends::AsBefore,
        }
    }

    fn good(world: World) -> Remove {
        Remove {
            world,
            forgets: None,
            only_once: false,
            needs_output: false,
        }
    }

    /// In memory, where that is possible: a proof syncs thousands of lines.
    fn scratch() -> tempfile::TempDir {
        tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
    }

    fn broken(undo: impl Fn(World) -> Remove) -> String {
        let scratch = scratch();
        prove(scratch.path(), &|| case(&undo)).unwrap_err().to_string()
    }

    #[test]
    fn a_saga_with_a_good_undo_is_all_or_nothing() {
        let scratch = scratch();
        let proved = prove(scratch.path(), &|| case(good)).unwrap();
        // The header, two lines for each of three steps, one for the skipped one, and the end.
        assert_eq!(proved.lines, 9);
        assert!(proved.trials > 100, "{proved:?}");
    }

    #[test]
    fn an_undo_that_forgets_a_step_is_found() {
        let said = broken(|world| Remove {
            forgets: Some("clone"),
            ..good(world)
        });
        assert!(said.contains("the world is"), "{said}");
        assert!(said.contains("\"clone\""), "{said}");
    }

    #[test]
    fn an_undo_that_works_once_only_is_found() {
        let said = broken(|world| Remove {
            only_once: true,
            ..good(world)
        });
        assert!(said.contains("it is not there"), "{said}");
    }

    #[test]
    fn an_undo_that_needs_what_a_killed_step_could_not_record_is_found() {
        let said = broken(|world| Remove {
            needs_output: true,
            ..good(world)
        });
        assert!(said.contains("FailAfter"), "{said}");
    }
}
