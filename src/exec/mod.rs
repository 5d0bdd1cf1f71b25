//! The only door to other programs.
//!
//! A program is named by [`Tool`], found in fixed system directories (never by the caller's `PATH`), given
//! an argument vector, a fixed environment and a time limit. Its exit status decides; its stderr is kept for
//! the message. Secrets go in by standard input, never by argument. Nothing here knows what a tool prints:
//! parsers live beside the drivers.

mod invocation;
mod spawn;
mod tool;

pub use invocation::{Captured, ExecError, Invocation};
pub use spawn::{Spawned, Streams, spawn};
pub use tool::{Tool, ToolMissing, package_of};
