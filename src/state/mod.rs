//! What envclone remembers: environments, runs, locks, ports, the masking key.
//!
//! Small files below `/var/lib/envclone` (root's, 0700), one per environment, each written to a temporary name,
//! synced and renamed; locks below `/run/envclone`. `ops` and `saga` call it through [`Store`]. It decides
//! nothing, starts nothing, and knows neither the storage nor the runtime.

pub(crate) mod durable;
mod error;
mod key;
mod layout;
mod lock;
mod ports;
mod record;
mod run_header;
mod store;

pub use error::StateError;
pub use key::{Key, KeyError};
pub use layout::Layout;
pub(crate) use lock::pause;
pub use lock::{EnvLock, LockError};
pub use ports::{PORTS, PortsLock};
pub use record::{EnvRecord, ObjectRef, SCHEMA, ServiceRecord};
pub use run_header::Header;
pub use store::Store;
