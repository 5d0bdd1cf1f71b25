//! Which datasets a root consists of, and whether branches of it can be made here.

use std::path::Path;

use super::super::home::from_volume;
use super::super::mountinfo::Mount;
use super::super::{Filesystem, StorageError, Volume, VolumeError};
use super::host::key_not_loaded;
use super::mounting::{self, dataset_at};
use super::parse::Table;
use super::plan::{self, OF_ROOT, Tree, is_within, zpool_of};
use super::{Zfs, ZfsError, is_zfs, own};

impl Zfs {
    /// The datasets of a root that is mounted at `point`.
    pub(super) fn tree_of(&self, root: &Path) -> Result<(Tree, Table), StorageError> {
        let mounts = mounting::table()?;
        let name = self.dataset_of_root(root, &mounts)?;
        let table = self.get_below(&name, "filesystem,volume", &OF_ROOT)?;
        let tree = plan::tree_of(&name, root, &table, &mounts).map_err(|error| match error {
            ZfsError::KeyNotLoaded { dataset } => key_not_loaded(&dataset),
            other => other,
        });
        Ok((tree?, table))
    }

    /// The dataset that is mounted at `root`, which is no link, in this zpool, and does not hold our pool.
    pub(super) fn dataset_of_root(&self, root: &Path, mounts: &[Mount]) -> Result<String, StorageError> {
        // A name of the configuration for which no mount was found.
        if let Some(name) = root.to_str().filter(|_| root.is_relative()) {
            return Err(Self::why_not_mounted(name));
        }
        let not_a_root = || StorageError::NotARoot {
            path: root.to_owned(),
        };
        let volume = Volume::open(root).map_err(|error| match error {
            VolumeError::NotADirectory { .. } => not_a_root(),
            other => from_volume("opening", root, other),
        })?;
        if !is_zfs(&volume)? {
            return Err(StorageError::Mixed {
                root: root.to_owned(),
                found: Filesystem::of(root).map_or("another filesystem", Filesystem::name),
                pool: self.pool.clone(),
                driver: "ZFS",
            });
        }
        let Some(name) = dataset_at(root, mounts) else {
            return Err(not_a_root());
        };
        if zpool_of(name) != zpool_of(&self.dataset) {
            return Err(self.other_filesystem(root));
        }
        if is_within(&self.dataset, name) {
            return Err(StorageError::HoldsPool {
                root: root.to_owned(),
                pool: self.pool.clone(),
            });
        }
        Ok(name.to_owned())
    }

    pub(super) fn other_filesystem(&self, root: &Path) -> StorageError {
        StorageError::OtherFilesystem {
            root: root.to_owned(),
            pool: self.pool.clone(),
        }
    }

    /// What is written in the pool itself on behalf of a branch must be no less secret than in the root.
    pub(super) fn check_encryption(&self, tree: &Tree, table: &Table) -> Result<(), StorageError> {
        let encrypted = table
            .values()
            .any(|facts| !matches!(facts.value("encryption"), "off" | "-"));
        if !encrypted {
            return Ok(());
        }
        let pool = self.get(&[&self.dataset], &["encryption"])?;
        if pool[&self.dataset].value("encryption") != "off" {
            return Ok(());
        }
        Err(ZfsError::InTheClear {
            root: tree.root().to_owned(),
            pool: self.dataset.clone(),
        }
        .into())
    }

    /// The names that a branch of a root would need.
    pub(super) fn check_names(&self, tree: &Tree) -> Result<(), ZfsError> {
        let longest = tree.snapshots(&own::snapshot_name("0123456789abcdef", "0123"))?;
        let home = self.home_dataset();
        longest.clones(&own::clone_name(&home, "0123456789abcdef", "0123"))?;
        Ok(())
    }

    /// Whether clones of a root would hold more than they may from the beginning.
    pub(super) fn check_size(&self, table: &Table) -> Result<(), ZfsError> {
        let Some(limit) = self.branch_size else {
            return Ok(());
        };
        for (dataset, facts) in table {
            let holds = facts.number("referenced")?;
            if holds > limit {
                let dataset = dataset.clone();
                return Err(ZfsError::LargerThanBranch {
                    dataset,
                    holds,
                    limit,
                });
            }
        }
        Ok(())
    }
}
