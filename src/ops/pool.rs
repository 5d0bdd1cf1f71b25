//! `envclone pool create` and `pool remove`: a Btrfs pool in a file, for hosts that have no Btrfs.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::OpsError;
use crate::config::{Trust, TrustError};
use crate::model::OWN_PART;
use crate::storage::{Btrfs, PoolRecord, Pools, Storage};

/// Makes a pool of `size` bytes at `path`, and its record below `state_dir`, which is made where it is missing.
///
/// # Errors
/// [`OpsError::Pool`]; nothing is left then, unless it says so.
pub fn create_pool(state_dir: &Path, path: &Path, size: u64) -> Result<PoolRecord, OpsError> {
    make_dir(state_dir, 0o700)?;
    Ok(Pools::open(state_dir, Trust::root())?.create(path, size)?)
}

/// Removes a pool with everything in it. Branches in it must be destroyed before, and what else lies there is removed
/// only with `delete_data`.
///
/// # Errors
/// [`OpsError::PoolInUse`], [`OpsError::Pool`].
pub fn remove_pool(state_dir: &Path, path: &Path, delete_data: bool) -> Result<(), OpsError> {
    let pools = Pools::open(state_dir, Trust::root())?;
    if pools.list()?.iter().any(|record| record.path == path) {
        for pool in pools.mount_all()?.into_iter().filter(|pool| pool.path == path) {
            // One that cannot be mounted holds nothing that could be used any more.
            if pool.mounted.is_ok() {
                refuse_in_use(path, delete_data)?;
            } else if !delete_data {
                return Err(in_use(path, "it cannot be mounted to look into it".to_owned()));
            }
        }
    }
    Ok(pools.remove(path)?)
}

fn refuse_in_use(path: &Path, delete_data: bool) -> Result<(), OpsError> {
    let owned = Btrfs::open(path)?.owned()?;
    if !owned.is_empty() {
        return Err(OpsError::PoolInUse {
            path: path.to_owned(),
            why: format!("{} objects of branches are in it", owned.len()),
            branches: true,
        });
    }
    let failed = |source| OpsError::Io {
        action: "reading",
        path: path.to_owned(),
        source,
    };
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if name != OWN_PART && !delete_data {
            return Err(in_use(path, format!("it holds {}", name.display())));
        }
    }
    Ok(())
}

fn in_use(path: &Path, why: String) -> OpsError {
    OpsError::PoolInUse {
        path: path.to_owned(),
        why,
        branches: false,
    }
}

/// Makes a directory of root's, and those above it, below directories that are trusted. One that is there is fine.
pub(super) fn make_dir(path: &Path, mode: u32) -> Result<(), OpsError> {
    let refused = |error| match error {
        TrustError::Unsafe { path, why } => OpsError::UnsafePlace { path, why },
        TrustError::Io { path, source } => OpsError::Io {
            action: "opening",
            path,
            source,
        },
    };
    let there = path.ancestors().find(|above| above.symlink_metadata().is_ok());
    if let Some(there) = there {
        Trust::root().directory(there).map_err(refused)?;
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(mode);
    builder.create(path).map_err(|source| OpsError::Io {
        action: "making",
        path: path.to_owned(),
        source,
    })
}
