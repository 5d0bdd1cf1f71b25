//! The configuration and the trust in it.
//!
//! `cli` loads one [`Config`] per command and hands it to `ops`. What it holds has been checked: names, paths,
//! numbers, and that nobody but root could have written the file, its rules, its SQL, or a directory above any of
//! them ([`Trust`]). Nothing else changes what leaves production: no flag, no variable. What the rules themselves
//! mean is read by `sanitize`.

mod check;
mod error;
mod file;
mod lists;
mod load;
mod matches;
mod parts;
mod place;
mod policy;
mod programs;
mod setting;
mod source;
mod trust;

pub use error::{ConfigError, ConfigErrorKind};
pub use lists::List;
pub use load::Config;
pub use parts::{
    EnvironmentConfig, GatewayConfig, KeyScope, SanitizeConfig, ServiceConfig, StorageConfig, StorageDriver,
};
pub use place::{Place, Problem};
pub use setting::{Origin, Setting};
pub use source::SocketSource;
pub use trust::{Trust, TrustError};
