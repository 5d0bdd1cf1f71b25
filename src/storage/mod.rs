//! Copy-on-write storage: roots, snapshots and clones, in our words.
//!
//! `ops` calls it through [`Storage`]; drivers are `btrfs`, `zfs` and, for tests, `memory`. A driver acts on what it
//! is told and decides nothing: no policy, no names of environments invented here. It knows nothing of
//! processes or namespaces. [`Volume`] is the one way by which any room touches files below a branch's
//! volume: beneath it, without following links.

mod advice;
mod beneath;
mod btrfs;
pub mod conformance;
mod filesystem;
mod home;
pub mod memory;
mod mountinfo;
mod pool;
mod working;
mod zfs;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::exec::ExecError;
use crate::model::{EnvName, ProjectName, RunId};

pub use advice::Advice;
pub use beneath::{
    DataSegments, Descend, Entry, Found, Kind, Metadata, Segment, Volume, VolumeError, data_segments,
};
pub use btrfs::Btrfs;
pub use filesystem::{Filesystem, sync_tree};
pub use memory::Memory;
pub use pool::{PoolError, PoolRecord, Pools, Remount, SMALLEST as SMALLEST_POOL};
pub use zfs::{Zfs, ZfsError};

/// The identity that the storage itself gives an object: on Btrfs the subvolume's UUID, on ZFS the guid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectId(pub String);

/// A snapshot or clone that envclone made: where it is and which one it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// The storage's identity of it, checked before it is destroyed.
    pub id: ObjectId,
    /// Where its files are; those of a snapshot after [`Storage::mount`].
    pub path: PathBuf,
}

/// Where an object of ours lives, below `<pool>/.envclone`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// `incoming/<run>/<role>`: being made by a run, known by that run's journal only.
    Incoming {
        /// The run.
        run: RunId,
        /// `snapshot`, `clone` or `checkpoint`.
        role: Role,
    },
    /// `env/<project>/<environment>/<role>`: belongs to an environment.
    Environment {
        /// The project.
        project: ProjectName,
        /// The environment.
        name: EnvName,
        /// `clone` or `checkpoint`.
        role: Role,
    },
}

/// What an object is in the life of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The read-only image of the parent's root; raw when the parent is production.
    Snapshot,
    /// The branch's writable root.
    Clone,
    /// The clean read-only snapshot to reset to.
    Checkpoint,
}

/// What says that an object is ours and whose: kept where no service's user can write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Version of this record; 1.
    pub schema: u32,
    /// The object's identity.
    pub id: ObjectId,
    /// The project that it belongs to.
    pub project: ProjectName,
    /// The environment that it belongs to.
    pub environment: EnvName,
    /// The environment's parent.
    pub parent: EnvName,
    /// What it is.
    pub role: Role,
    /// The run that made it.
    pub run: RunId,
}

/// An object of ours found on the storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The object.
    pub object: Object,
    /// Its mark; `None` for one that is still in `incoming/` (its run's journal knows it).
    pub mark: Option<Mark>,
    /// The run in whose `incoming/` directory it is.
    pub incoming: Option<RunId>,
}

/// Something that a run of envclone made and that nothing names any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// Its name, as the storage's own tool knows it.
    pub name: String,
    /// What a person does about it.
    pub fix: String,
}

/// What the storage found out about the root of an environment that it is asked to snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootFacts {
    /// The root's identity.
    pub id: ObjectId,
    /// Files that copy-on-write does not hold for (NOCOW), relative to the root: named to the user. At
    /// most a few; a full list is `doctor`'s.
    pub warnings: Vec<String>,
}

/// Room on the storage, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The whole.
    pub total: u64,
    /// What can still be written.
    pub free: u64,
}

/// What a driver can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The driver's name: `btrfs`, `zfs`, `memory`.
    pub driver: &'static str,
    /// Whether one snapshot holds all volumes at one instant.
    pub atomic: bool,
    /// Whether the raw snapshot can go while its clone lives.
    pub snapshot_may_go: bool,
}

/// Why the storage did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The root of an environment is no subvolume or dataset.
    #[error("{} is not the root of a subvolume or dataset", path.display())]
    NotARoot {
        /// The path.
        path: PathBuf,
    },
    /// The root holds nested subvolumes, which a snapshot would leave out.
    #[error("{} holds nested subvolumes, which a snapshot leaves out: {}", path.display(), nested.join(", "))]
    Nested {
        /// The root.
        path: PathBuf,
        /// Paths of the nested ones, relative to the root.
        nested: Vec<String>,
    },
    /// Root and pool are not on the same filesystem.
    #[error("{} and the pool {} are not on the same filesystem", root.display(), pool.display())]
    OtherFilesystem {
        /// The root.
        root: PathBuf,
        /// The pool.
        pool: PathBuf,
    },
    /// Root and pool are on different kinds of storage.
    #[error("{} is on {found}, and the pool {} is on {driver}: a branch is made by copy-on-write, within one pool", root.display(), pool.display())]
    Mixed {
        /// The root.
        root: PathBuf,
        /// What it is on.
        found: &'static str,
        /// The pool.
        pool: PathBuf,
        /// What that is on.
        driver: &'static str,
    },
    /// No driver fits the pool.
    #[error("no storage driver fits the pool {}, which is on {found}: {why}", pool.display())]
    NoDriver {
        /// The pool.
        pool: PathBuf,
        /// What it is on.
        found: &'static str,
        /// Why each driver does not.
        why: String,
    },
    /// The pool lies in the root itself, so that a snapshot of it would hold the pool.
    #[error("the pool {} lies in the root {} itself; make the root a subvolume or dataset of its own", pool.display(), root.display())]
    HoldsPool {
        /// The root.
        root: PathBuf,
        /// The pool.
        pool: PathBuf,
    },
    /// The pool is not what the driver works on.
    #[error("the pool {} is not a {driver} filesystem", pool.display())]
    NotAPool {
        /// The pool.
        pool: PathBuf,
        /// The driver.
        driver: &'static str,
    },
    /// Where the pool should be is a directory that could hold one, and nothing of what was made in it.
    #[error(
        "in {} is nothing of what is remembered as made there: mount the pool; if it was made anew, \
         make its directory .envclone, root's and with mode 0700, and destroy the branches that are gone",
        pool.display()
    )]
    Bare {
        /// The directory.
        pool: PathBuf,
    },
    /// There is nothing at that path.
    #[error("{} does not exist", path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// Something is already at that path.
    #[error("{} exists already", path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// It is not ours, or not the one that was meant.
    #[error("{} is not what envclone made ({reason}); it was left alone", path.display())]
    NotOurs {
        /// The path.
        path: PathBuf,
        /// What did not fit.
        reason: String,
    },
    /// The pool is full.
    #[error("no room is left on the pool {}", pool.display())]
    NoSpace {
        /// The pool.
        pool: PathBuf,
    },
    /// ZFS.
    #[error(transparent)]
    Zfs(#[from] ZfsError),
    /// A tool failed.
    #[error("storage: {action} {} failed", path.display())]
    Tool {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The tool's error.
        #[source]
        source: ExecError,
    },
    /// The kernel refused.
    #[error("storage: {action} {} failed", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The kernel's error.
        #[source]
        source: std::io::Error,
    },
}

/// A copy-on-write storage that holds one pool.
pub trait Storage: Send + Sync {
    /// What this driver can do.
    fn capabilities(&self) -> Capabilities;

    /// What this driver needs of the host, and how people mend what it cannot.
    fn advice(&self) -> &'static dyn Advice;

    /// Checks that `root` can be snapshotted whole and atomically into this pool.
    fn inspect(&self, root: &Path) -> Result<RootFacts, StorageError>;

    /// Takes one read-only, atomic snapshot of `root`.
    fn snapshot(&self, root: &Path, place: &Place) -> Result<Object, StorageError>;

    /// Makes a writable copy-on-write clone of a snapshot.
    fn clone_of(&self, snapshot: &Object, place: &Place) -> Result<Object, StorageError>;

    /// Makes sure that the files of an object are at its path: those of a clone after a boot, those of a snapshot for who
    /// wants to look at them. Where they always are, nothing is to be done.
    fn mount(&self, _object: &Object) -> Result<(), StorageError> {
        Ok(())
    }

    /// Moves an object to its place and marks it as owned; the mark is durable before the move.
    fn settle(&self, object: &Object, place: &Place, mark: &Mark) -> Result<Object, StorageError>;

    /// Destroys an object after checking that what is at its path has its id, and that it is in an
    /// `incoming/` directory or bears our mark. Subvolumes nested inside (made by a branch's user) go first. Where
    /// clones keep a snapshot alive ([`Capabilities::snapshot_may_go`] is false) it goes with the last of them.
    /// [`StorageError::NotFound`] when nothing is there; a left-over mark of it goes in that case too.
    fn destroy(&self, object: &Object) -> Result<(), StorageError>;

    /// Destroys whatever is in the `incoming/` directory of a run, and the directory. Nothing there is fine.
    fn discard_incoming(&self, run: &RunId) -> Result<(), StorageError>;

    /// Everything of ours on the pool, with marks.
    fn owned(&self) -> Result<Vec<Owned>, StorageError>;

    /// What envclone made on the storage and no place of the pool names, so that nothing else tells of it. Where all that there
    /// is lies at its place there is nothing.
    fn strays(&self) -> Result<Vec<Stray>, StorageError> {
        Ok(Vec::new())
    }

    /// Room on the pool.
    fn usage(&self) -> Result<Usage, StorageError>;

    /// Bytes that belong to this object alone, where the storage can tell.
    fn exclusive(&self, object: &Object) -> Result<Option<u64>, StorageError>;

    /// Which of `files`, regular ones that nobody can exchange for others meanwhile, relative to the object, share storage
    /// with another object or file. [`None`] where the storage cannot tell.
    fn shared(&self, object: &Object, files: &[PathBuf]) -> Result<Option<Vec<PathBuf>>, StorageError>;
}
