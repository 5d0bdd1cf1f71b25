//! Whether the servers that the configuration names fit the data, known before anything is made or started.

use std::path::Path;

use super::OpsError;
use crate::engine::ServiceSetup;
use crate::engine::postgres::{Identity, identify};
use crate::model::EngineKind;
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
    server_for(root, setup).map(drop)
}

/// Has what is remembered of a service of a branch served by what the configuration names today, whatever it named when
/// the branch was made.
///
/// # Errors
/// [`OpsError::Service`]; [`OpsError::OutOfOrder`].
pub(super) fn refit(root: &Path, setup: &ServiceSetup, known: &mut ServiceRecord) -> Result<(), OpsError> {
    let Some(today) = server_for(root, setup)? else {
        return Ok(());
    };
    let remembered = serde_json::from_value::<Identity>(known.facts.take());
    let mut identity = remembered.map_err(|_| OpsError::OutOfOrder)?;
    (identity.rootfs, identity.programs) = (today.rootfs, today.programs);
    known.facts = serde_json::to_value(identity).map_err(|_| OpsError::OutOfOrder)?;
    Ok(())
}

fn server_for(root: &Path, setup: &ServiceSetup) -> Result<Option<Identity>, OpsError> {
    if setup.engine != EngineKind::Postgres {
        return Ok(None);
    }
    let volume = Volume::open(&root.join(&setup.volume)).map_err(ServiceError::from)?;
    Ok(Some(identify(&volume, setup).map_err(ServiceError::from)?))
}
