//! What a saga consists of.

use std::error::Error;
use std::fmt;

use serde_json::Value;

/// One step of a saga that acts on a `C`: the context of the run, with the drivers in it.
pub trait Step<C> {
    /// Its name, of "The life of a branch" in ARCHITECTURE.md where it is one of those.
    fn name(&self) -> &'static str;

    /// What undo needs to find everything that this step is about to make. Durable before [`Step::apply`].
    fn intent(&self, c: &C) -> Value;

    /// Acts. The output is recorded, and adds to the intent what was not known before.
    fn apply(&self, c: &mut C) -> Result<Value, StepError>;

    /// Why there is nothing to do here; recorded, then neither applied nor undone.
    fn skip(&self, _c: &C) -> Option<String> {
        None
    }
}

/// The undo of every step of one kind of saga: from the journal alone, and as often as it is asked to.
pub trait Undo {
    /// Removes what a step made, and only that. Nothing there is fine.
    fn undo(&self, step: &str, intent: &Value, output: Option<&Value>) -> Result<(), StepError>;

    /// What a step made, in words that a person can look for; for the list of what is left.
    fn what(&self, step: &str, intent: &Value, output: Option<&Value>) -> String {
        let made = output.filter(|output| !output.is_null()).unwrap_or(intent);
        if made.is_null() {
            return format!("what step {step} did");
        }
        format!("what step {step} made: {made}")
    }
}

/// Why a step failed: any error, with its chain of sources.
///
/// It is no [`Error`] itself, so that `?` takes every error; [`StepError::as_error`] gives the one inside.
pub struct StepError(Box<dyn Error + Send + Sync>);

impl StepError {
    /// From a boxed error or a text.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    /// The error.
    pub fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }

    /// The first error of type `E` in the chain of sources.
    pub fn find<E: Error + 'static>(&self) -> Option<&E> {
        let mut error: Option<&(dyn Error + 'static)> = Some(&*self.0);
        while let Some(current) = error {
            if let Some(found) = current.downcast_ref() {
                return Some(found);
            }
            error = current.source();
        }
        None
    }

    /// The error and its sources on one line.
    pub fn chain(&self) -> String {
        let mut text = self.0.to_string();
        let mut source = self.0.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for StepError {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Debug for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Who watches a run: a progress bar, or nobody. Each call has a default that does nothing.
pub trait Observer {
    /// A step begins.
    fn step_started(&mut self, _name: &'static str) {}
    /// A step is done.
    fn step_ended(&mut self, _name: &'static str, _ms: u64) {}
    /// A step had nothing to do.
    fn step_skipped(&mut self, _name: &'static str, _reason: &str) {}
    /// A step is being undone.
    fn undoing(&mut self, _name: &str) {}
    /// Something else worth a line.
    fn detail(&mut self, _text: &str) {}
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}
