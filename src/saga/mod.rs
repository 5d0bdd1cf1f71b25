//! Sagas: a straight list of steps, each with its undo, and the journal that makes them survive `kill -9`.
//!
//! `ops` writes a [`Step`] per line of "The life of a branch" in ARCHITECTURE.md and one [`Undo`] per kind of saga, and calls [`run`]; a
//! changing command calls [`unwind`] for each run that it finds dead. The rules:
//!
//! * A step's intent is durable before it acts, its output after. Undo has these two and nothing else, so both
//!   together must name all that the step made, without secrets.
//! * A failed step is undone as well: it may have half succeeded. Undo finds nothing, a half, or the whole, and
//!   is fine with each, also the second time.
//! * An undo that fails is named and stays in the journal; the undos after it still run.
//! * The journal is locked by its run for life. A free lock is a dead run.
//!
//! Nothing here knows what steps do.

mod journal;
pub mod proof;
mod run;
mod step;

pub use crate::state::Header;
pub use journal::{Fault, Journal, JournalError};
pub use run::{Interrupted, Left, SagaError, run, unwind};
pub use step::{Observer, Silent, Step, StepError, Undo};
