//! What can be wrong with a ZFS pool, a root on it, or an object of ours, as people can mend it.

use std::path::PathBuf;

use super::parse::Unreadable;

/// Why ZFS did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ZfsError {
    /// The kernel has no ZFS, or it is not loaded.
    #[error("the ZFS module is not loaded; `modprobe zfs` loads it, the package zfs-dkms builds it")]
    NoModule,
    /// ZFS is older than what envclone was made for.
    #[error("ZFS {found} is loaded; envclone needs 2.1 or later")]
    TooOld {
        /// Its version.
        found: String,
    },
    /// The pool is not in a state to work with.
    #[error("the ZFS pool {pool} is {state}; `zpool status {pool}` says why")]
    PoolState {
        /// The pool.
        pool: String,
        /// `SUSPENDED`, `FAULTED`, `imported read-only`, …
        state: String,
    },
    /// There is no dataset of that name, and the one above it is there.
    #[error("dataset {dataset} does not exist; `zfs create {dataset}` makes it")]
    Absent {
        /// Its name.
        dataset: String,
    },
    /// Nothing is seen of a dataset.
    #[error("dataset {dataset} is not mounted ({why})")]
    NotMounted {
        /// The dataset.
        dataset: String,
        /// Its properties that explain it.
        why: String,
    },
    /// A dataset is encrypted and locked.
    #[error("the key of dataset {dataset} is not loaded; `zfs load-key {dataset}` loads it")]
    KeyNotLoaded {
        /// The dataset that the key was set on.
        dataset: String,
    },
    /// A dataset of the root does not lie where a branch could have it.
    #[error("dataset {dataset} belongs to the root {root}, but is mounted at {}, which does not lie in {}", at.display(), root_at.display())]
    Outside {
        /// The dataset.
        dataset: String,
        /// Where it is mounted.
        at: PathBuf,
        /// The root's dataset.
        root: String,
        /// Where that is mounted.
        root_at: PathBuf,
    },
    /// Something in the root would be in no snapshot of it.
    #[error("{what} is in the root {root}, and a snapshot of it leaves that out; move it elsewhere")]
    LeftOut {
        /// What it is.
        what: String,
        /// The root's dataset.
        root: String,
    },
    /// The root is encrypted and the pool is not.
    #[error(
        "the root {root} is encrypted and the pool {pool} is not: what envclone writes there would be in the clear; take a pool below an encrypted dataset"
    )]
    InTheClear {
        /// The root's dataset.
        root: String,
        /// The pool's dataset.
        pool: String,
    },
    /// A name would be longer than ZFS allows.
    #[error("the name {name} would have {} bytes; ZFS allows 255", name.len())]
    NameTooLong {
        /// The name.
        name: String,
    },
    /// A dataset of the root holds more than one of a branch may.
    #[error(
        "dataset {dataset} holds {holds} bytes, more than storage.branch-size lets a branch have ({limit} bytes)"
    )]
    LargerThanBranch {
        /// The dataset.
        dataset: String,
        /// What it holds, in bytes.
        holds: u64,
        /// What it may.
        limit: u64,
    },
    /// The datasets were not snapshotted at one instant, or were others than before.
    #[error("the snapshot of {root} is not of one instant: {why}; it was removed")]
    NotOneInstant {
        /// The root's dataset.
        root: String,
        /// What differs.
        why: String,
    },
    /// Somebody else's datasets or snapshots hang on an object of ours.
    #[error("{object} was not destroyed: envclone did not make {}, which would go with it", others.join(", "))]
    Dependents {
        /// The object.
        object: String,
        /// What others made.
        others: Vec<String>,
    },
    /// Somebody holds a snapshot.
    #[error("{snapshot} was not destroyed: it is held ({}); `zfs release TAG {snapshot}` lets go of it", tags.join(", "))]
    Held {
        /// The snapshot.
        snapshot: String,
        /// The tags of the holds.
        tags: Vec<String>,
    },
    /// Somebody has it open or mounted.
    #[error("{dataset} is in use{}", by(holders))]
    Busy {
        /// The dataset.
        dataset: String,
        /// Who: process, unit and what it has of it.
        holders: Vec<String>,
    },
    /// The program printed what is not understood.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl ZfsError {
    /// Whether root or pool do not fit, which is a matter of the configuration.
    pub fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::NotMounted { .. }
                | Self::Outside { .. }
                | Self::LeftOut { .. }
                | Self::InTheClear { .. }
                | Self::NameTooLong { .. }
                | Self::LargerThanBranch { .. }
        )
    }
}

fn by(holders: &[String]) -> String {
    if holders.is_empty() {
        "; who uses it was not found".to_owned()
    } else {
        format!(" by {}", holders.join("; "))
    }
}
