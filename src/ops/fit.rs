//! Whether the servers that the configuration names fit the data, known before anything is made or started.

use std::path::Path;

use super::OpsError;
use crate::engine::ServiceSetup;
use crate::engine::postgres::identify;
use crate::model::EngineKind;
use crate::sanitize::service::ServiceError;
use crate::storage::Volume;

/// Refuses services whose `rootfs` or `programs` do not serve the data below `root`.
///
/// # Errors
/// [`OpsError::Service`].
pub(super) fn refuse_misfits<'a>(
    root: &Path,
    setups: impl IntoIterator<Item = &'a ServiceSetup>,
) -> Result<(), OpsError> {
    let mut named = setups
        .into_iter()
        .filter(|setup| setup.rootfs.is_some() || setup.programs.is_some());
    named.try_for_each(|setup| fits(root, setup))
}

/// Whether there is a server for a service's data.
///
/// # Errors
/// [`OpsError::Service`].
pub(super) fn fits(root: &Path, setup: &ServiceSetup) -> Result<(), OpsError> {
    if setup.engine != EngineKind::Postgres {
        return Ok(());
    }
    let volume = Volume::open(&root.join(&setup.volume)).map_err(ServiceError::from)?;
    identify(&volume, setup).map_err(ServiceError::from)?;
    Ok(())
}
