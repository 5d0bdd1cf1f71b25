//! Which driver works on a pool.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::{Config, StorageDriver};
use crate::exec::Tool;
use crate::model::OWN_PART;
use crate::storage::{Advice, Btrfs, Capabilities, Filesystem, Storage, StorageError, Zfs};

/// Which pool is to be opened, and how.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) driver: StorageDriver,
    pub(super) pool: PathBuf,
    /// What each dataset of a branch may hold, which the configuration allows for the driver `zfs` only.
    branch_size: Option<u64>,
    /// Where all projects remember what was made in pools.
    state: PathBuf,
}

impl Wanted {
    /// That of a configuration.
    pub(super) fn of(config: &Config) -> Self {
        let storage = config.storage();
        Self {
            driver: storage.driver,
            pool: storage.pool.clone(),
            branch_size: storage.branch_size,
            state: storage.state.clone(),
        }
    }

    /// Opens it with the driver that is asked for, or with the one for what it is on.
    ///
    /// # Errors
    /// Those of the driver; [`StorageError::NoDriver`] where none fits; [`StorageError::Bare`] where what was made in it is not
    /// there: the directory that a pool is mounted on may be taken for another pool.
    pub(super) fn open(&self) -> Result<Box<dyn Storage>, StorageError> {
        let pool = &self.pool;
        if pool.is_absolute() && self.is_bare() {
            return Err(StorageError::Bare { pool: pool.clone() });
        }
        match self.driver {
            StorageDriver::Btrfs => Ok(Box::new(Btrfs::open(pool)?)),
            StorageDriver::Zfs => Ok(Box::new(Zfs::open(pool)?.limiting_branches(self.branch_size))),
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

    /// Whether it is a directory that could hold a pool, with nothing of what is remembered of it.
    fn is_bare(&self) -> bool {
        let fits = matches!(
            Filesystem::of(&self.pool),
            Ok(Filesystem::Btrfs | Filesystem::Zfs)
        );
        let own = self.pool.join(OWN_PART);
        let missing = own
            .symlink_metadata()
            .is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        fits && missing && self.is_remembered(&own)
    }

    /// Whether a record or a journal of any project names something in envclone's part of it.
    fn is_remembered(&self, own: &Path) -> bool {
        let entries = |directory: PathBuf| fs::read_dir(directory).into_iter().flatten().flatten();
        let Ok(own) = serde_json::to_string(&own.join("")) else {
            return false;
        };
        let own = own.trim_end_matches('"');
        let projects = entries(self.state.clone()).map(|project| project.path());
        let texts = projects.flat_map(|project| {
            ["environments", "runs"]
                .into_iter()
                .flat_map(move |kind| entries(project.join(kind)))
        });
        let mut texts = texts.filter_map(|file| fs::read_to_string(file.path()).ok());
        texts.any(|text| text.contains(own))
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

    fn wanted(driver: StorageDriver, pool: &Path) -> Wanted {
        Wanted {
            driver,
            pool: pool.to_owned(),
            branch_size: None,
            state: PathBuf::from("/proc/none"),
        }
    }

    #[test]
    fn a_pool_that_no_driver_fits_is_refused_with_the_reasons() {
        let opened = wanted(StorageDriver::Auto, Path::new("/proc")).open();
        let said = opened.err().unwrap().to_string();
        assert!(
            said.contains("btrfs needs") && said.contains("zfs the mount point"),
            "{said}"
        );
    }

    #[test]
    fn a_dataset_that_is_not_mounted_is_explained_by_what_is_missing_on_this_host() {
        let opened = wanted(StorageDriver::Zfs, Path::new("no-such-pool/x")).open();
        let error = opened.err().unwrap();
        assert!(
            matches!(error, StorageError::Zfs(_) | StorageError::Tool { .. }),
            "{error}"
        );
    }
}
