//! PostgreSQL 14 and newer: recognised by its files, sealed offline and by its catalogs, started with settings
//! that nothing in the volume can override, and read back.
//!
//! Facts behind each seal: the PostgreSQL manual (server configuration, `pg_hba.conf`, `pg_ident.conf`), and what was
//! measured on clones of running servers.

mod access;
mod catalog;
mod control;
pub mod find;
mod identify;
mod layout;
mod neutrality;
mod offline;
mod programs;
mod quiesce;
mod rootfs;
mod session;
mod settings;

pub use access::Ident;
pub use catalog::{Credentials, SealedCatalogs, new_verifier, seal_catalogs, tables_of_cron};
pub use identify::{Identity, identify};
pub use neutrality::{prove_published, read_back, try_login_after_recovery};
pub use offline::{SealedFiles, after_stop, clear_stale, seal_offline};
pub use quiesce::{Quiesced, quiesce};
pub use session::{Session, fault_of, quote_identifier, quote_literal};
pub use settings::{CONF_DIR, Logins, Mode, conf_files, instance, job_sandbox};
