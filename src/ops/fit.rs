//! Whether the servers that the configuration names fit the data, known before anything is made or started.

use std::path::Path;

use super::OpsError;
use crate::engine::ServiceSetup;
use crate::sanitize::engines::engine;
use crate::sanitize::service::ServiceError;
use crate::state::ServiceRecord;
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
    let engine = engine(setup.engine);
    if engine.has_server() {
        engine.fits(&volume_of(root, setup)?, setup)?;
    }
    Ok(())
}

/// Has what is remembered of a service of a branch served by what the configuration names today, whatever it named when
/// the branch was made.
///
/// # Errors
/// [`OpsError::Service`].
pub(super) fn refit(root: &Path, setup: &ServiceSetup, known: &mut ServiceRecord) -> Result<(), OpsError> {
    let engine = engine(setup.engine);
    if engine.has_server() {
        let facts = known.facts.take();
        known.facts = engine.refit(&volume_of(root, setup)?, setup, facts)?;
    }
    Ok(())
}

fn volume_of(root: &Path, setup: &ServiceSetup) -> Result<Volume, OpsError> {
    Ok(Volume::open(&root.join(&setup.volume)).map_err(ServiceError::from)?)
}
