//! Sanitizing PostgreSQL: its schema into the ledger, its tables rewritten, its residue purged.
//!
//! Entry points are [`PostgresEngine`] and [`PostgresService`]; `ops` reaches them through `sanitize::engines`. Never an `UPDATE` of
//! personal data, and never a row value in an error.

mod bare;
mod checks;
mod classify;
mod collation;
mod conditions;
mod decompress;
mod defaults;
mod delete_rows;
mod engine;
mod events;
mod execute;
mod finish;
mod indexes;
mod inherited;
mod inspect;
mod introspect;
mod large;
mod linked;
mod masker;
mod old_wal;
mod own_files;
mod pace;
mod pages;
mod parts;
mod pipeline;
mod planned;
mod planner;
mod purge;
mod read_through;
mod rewrite;
mod rights;
mod sample;
mod sealed;
mod seen;
mod service;
mod shown;
mod shuffled;
mod spool;
mod url;
mod verify;
mod work;

pub use engine::PostgresEngine;
pub use introspect::introspect;
pub use pages::Pages;
pub use parts::{Part, parts};
pub use rewrite::RewriteError;
pub use service::{PostgresService, Rules};
pub use url::url;
