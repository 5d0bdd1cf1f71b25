//! Which driver works on a pool.

use std::path::Path;

use crate::config::StorageDriver;
use crate::exec::Tool;
use crate::storage::{Advice, Btrfs, Capabilities, Filesystem, Storage, StorageError, Zfs};

/// Opens the pool with the driver that is asked for, or with the one for what it is on. `branch_size`: what each dataset of
/// a branch may hold, which the configuration allows for the driver `zfs` only.
///
/// # Errors
/// Those of the driver; [`StorageError::NoDriver`] where none fits.
pub(super) fn open(
    driver: StorageDriver,
    pool: &Path,
    branch_size: Option<u64>,
) -> Result<Box<dyn Storage>, StorageError> {
    match driver {
        StorageDriver::Btrfs => Ok(Box::new(Btrfs::open(pool)?)),
        StorageDriver::Zfs => Ok(Box::new(Zfs::open(pool)?.limiting_branches(branch_size))),
        StorageDriver::Auto => match Filesystem::of(pool) {
            Ok(Filesystem::Zfs) => Ok(Box::new(Zfs::open(pool)?)),
            Ok(Filesystem::Other(found)) => Err(StorageError::NoDriver {
                pool: pool.to_owned(),
                found,
                why: "btrfs needs a directory on a mounted Btrfs, zfs the mount point of a dataset"
                    .to_owned(),
            }),
            // The driver says what is wrong with a path that cannot be looked at.
            Ok(Filesystem::Btrfs) | Err(_) => Ok(Box::new(Btrfs::open(pool)?)),
        },
    }
}

/// What the driver of a pool that was not opened can do, as far as it can be known.
pub(super) fn capabilities(driver: StorageDriver, pool: &Path) -> Capabilities {
    match (driver, Filesystem::of(pool)) {
        (StorageDriver::Zfs, _) | (StorageDriver::Auto, Ok(Filesystem::Zfs)) => Zfs::CAPABILITIES,
        _ => Btrfs::CAPABILITIES,
    }
}

/// What the driver of a pool that was not opened needs, as far as it can be known.
pub(super) fn advice(driver: StorageDriver, pool: &Path) -> &'static dyn Advice {
    match (driver, Filesystem::of(pool)) {
        (StorageDriver::Zfs, _) | (StorageDriver::Auto, Ok(Filesystem::Zfs)) => Zfs::ADVICE,
        (StorageDriver::Btrfs, _) | (StorageDriver::Auto, Ok(Filesystem::Btrfs)) => Btrfs::ADVICE,
        (StorageDriver::Auto, _) => installed().first().copied().unwrap_or(Btrfs::ADVICE),
    }
}

/// The drivers whose programs this host has; where it has none, the one that envclone can make a pool for.
pub(super) fn installed() -> Vec<&'static dyn Advice> {
    let has_programs = |one: &&'static dyn Advice| one.programs().iter().all(|name| Tool::find(name).is_ok());
    let found: Vec<_> = [Btrfs::ADVICE, Zfs::ADVICE]
        .into_iter()
        .filter(has_programs)
        .collect();
    if found.is_empty() {
        vec![Btrfs::ADVICE]
    } else {
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_that_no_driver_fits_is_refused_with_the_reasons() {
        let error = open(StorageDriver::Auto, Path::new("/proc"), None).err().unwrap();
        let said = error.to_string();
        assert!(
            said.contains("btrfs needs") && said.contains("zfs the mount point"),
            "{said}"
        );
    }

    #[test]
    fn a_dataset_that_is_not_mounted_is_explained_by_what_is_missing_on_this_host() {
        let error = open(StorageDriver::Zfs, Path::new("no-such-pool/x"), None)
            .err()
            .unwrap();
        assert!(
            matches!(error, StorageError::Zfs(_) | StorageError::Tool { .. }),
            "{error}"
        );
    }
}
