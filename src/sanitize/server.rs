//! What services with a server share: envclone's own configuration of it, and the way to it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::engine::{EngineError, ServiceSetup};
use crate::runtime::Network;

use super::service::ServiceError;

/// Runs `connect` on a thread inside the branch's network.
pub(super) fn connect_in<T: Send>(
    network: &dyn Network,
    setup: &ServiceSetup,
    connect: impl FnOnce() -> Result<T, EngineError> + Send,
) -> Result<T, EngineError> {
    let mut outcome = None;
    let entered = network.run(Box::new(|| outcome = Some(connect())));
    entered.map_err(|source| EngineError::Runtime {
        service: setup.name.clone(),
        action: "entering the branch's network",
        source,
    })?;
    outcome.unwrap_or_else(|| {
        Err(EngineError::Unfit {
            service: setup.name.clone(),
            message: "its network did not answer".to_owned(),
        })
    })
}

/// Writes configuration files that the service's account may read and nobody may write. Each is replaced whole.
pub(super) fn write_conf(directory: &Path, files: &[(&'static str, String)]) -> Result<(), ServiceError> {
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| ServiceError::Io { action, path, source }
    };
    fs::create_dir_all(directory).map_err(failed("making", directory))?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))
        .map_err(failed("opening", directory))?;
    for (name, text) in files {
        let (path, fresh) = (directory.join(name), directory.join(format!("{name}.new")));
        fs::write(&fresh, text).map_err(failed("writing", &fresh))?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o644)).map_err(failed("opening", &fresh))?;
        fs::rename(&fresh, &path).map_err(failed("replacing", &path))?;
    }
    Ok(())
}
