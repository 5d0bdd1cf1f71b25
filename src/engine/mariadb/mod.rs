//! MariaDB 10.11: recognised by its files, sealed offline and by its system tables, started from a file of settings of envclone's
//! own and nothing else, and read back.
//!
//! Facts behind each seal: the MariaDB documentation (system variables, replication, system tables), and what was measured on
//! clones of running servers. Its first start keeps the binary log of the data, which is the coordinator of transactions that were
//! under way: without it the server refuses to recover. From the second start on there is none.

mod accounts;
mod catalog;
pub mod find;
mod frm;
mod identify;
mod layout;
mod native_password;
mod neutrality;
mod offline;
mod option_files;
mod quiesce;
mod session;
mod settings;

pub use accounts::{Credentials, OWN_ACCOUNT};
pub use catalog::{SealedCatalogs, publish_accounts, seal_catalogs};
pub use identify::{CLIENT, Identity, identify};
pub use neutrality::{prove_published, read_back, try_login_after_recovery};
pub use offline::{purge_after_seal, seal_offline};
pub use quiesce::quiesce;
pub use session::Session;
pub use settings::{Phase, conf_files, instance};
