//! One use case per file: typed requests in, typed results out. Commands call it; it decides, and drivers act.
//!
//! Nothing here prints, reads the environment or a terminal, or starts a program.

mod app;
pub mod branch;
mod cleanup;
mod deferred;
pub mod destroy;
pub mod doctor;
mod driver;
mod each;
mod enter;
mod error;
mod fit;
mod init;
mod inspect;
pub mod list;
mod pool;
mod reserve;
mod start;
mod stop;

use std::path::Path;

use crate::state::ObjectRef;
use crate::storage::{Object, ObjectId};

pub use app::{App, Hold};
use cleanup::cleaning_up;
pub use cleanup::{Cleaned, clean_up, dead_runs};
pub use enter::{Entered, connect, exec, log_path};
pub use error::OpsError;
pub use init::{InitReport, InitRequest, init};
pub use inspect::{check_free, default_environment, inspection_of, write_first_rules};
pub use pool::{create_pool, remove_pool};

pub use start::{Started, start, start_all};
pub use stop::{stop, stop_all};

/// An object of the storage as it is remembered.
pub(crate) fn object_ref(object: &Object) -> ObjectRef {
    ObjectRef {
        id: object.id.0.clone(),
        path: object.path.clone(),
    }
}

/// A remembered object.
pub(crate) fn object_of(reference: &ObjectRef) -> Object {
    Object {
        id: ObjectId(reference.id.clone()),
        path: reference.path.clone(),
    }
}

/// The identity of this boot of the host; `None` where the kernel gives none.
pub(crate) fn boot_id() -> Option<String> {
    let text = std::fs::read_to_string(Path::new("/proc/sys/kernel/random/boot_id")).ok()?;
    Some(text.trim().to_owned())
}
