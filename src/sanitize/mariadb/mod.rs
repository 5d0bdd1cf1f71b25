//! MariaDB as a service of a branch: sealed and read back, and not sanitized yet. So its data has to be allowed to stay raw, by the
//! owner's configuration; a branch that would have to be sanitized is refused before anything is made.
//!
//! Entry point is [`MariadbEngine`]; `ops` reaches it through `sanitize::engines`.

mod engine;
mod service;
mod url;

pub use engine::MariadbEngine;
