//! The Btrfs driver: an environment's root is one subvolume, a snapshot of it is one instant.
//!
//! It drives the `btrfs` program, whose exit code alone is believed (it prints "Create a snapshot of …" also when
//! it fails), and reads back what was made: a snapshot's parent must be the UUID that was meant. Objects lie in
//! directories of root's that no user of a branch can reach, so their paths hold still.

mod advice;
mod change;
mod extents;
mod filesystem;
mod nested;
mod nocow;
mod parse;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::home::{Home, from_volume};
use super::working::Working;
use super::{
    Advice, Capabilities, Filesystem, Mark, Object, ObjectId, Owned, Place, Role, RootFacts, Storage,
    StorageError, Usage, Volume, VolumeError,
};
use crate::exec::{Captured, Invocation, Tool};
use crate::model::RunId;
use filesystem::{filesystem, is_btrfs, is_readonly, statvfs};
use parse::{Shown, Unreadable};

/// `BTRFS_FIRST_FREE_OBJECTID`: the inode number of every subvolume's root.
const ROOT_INO: u64 = 256;
/// A failure with less than this free is taken for a full pool.
const FULL_BELOW: u64 = 16 << 20;
const DRIVER: &str = "btrfs";

/// One pool on Btrfs.
#[derive(Debug)]
pub struct Btrfs {
    pool: PathBuf,
    home: Home,
    tool: Tool,
    /// The root that was inspected last, and its UUID. A snapshot of it need not ask again: what comes of it names its
    /// parent, and is held against that.
    inspected: Mutex<Option<(PathBuf, String)>>,
}

impl Btrfs {
    /// What Btrfs can do, whatever the pool.
    pub const CAPABILITIES: Capabilities = Capabilities {
        driver: DRIVER,
        atomic: true,
        snapshot_may_go: true,
    };

    /// Opens the pool, a directory on a Btrfs filesystem; makes `<pool>/.envclone` where it is not there.
    ///
    /// # Errors
    /// [`StorageError::NotAPool`] on another filesystem; [`StorageError::NotOurs`] where the directories are not
    /// root's or others could write in them.
    pub fn open(pool: &Path) -> Result<Self, StorageError> {
        let volume = Volume::open(pool).map_err(|error| from_volume("opening", pool, error))?;
        if !is_btrfs(&volume)? {
            return Err(StorageError::NotAPool {
                pool: pool.to_owned(),
                driver: DRIVER,
            });
        }
        let tool = Tool::find("btrfs").map_err(|error| StorageError::Tool {
            action: "opening",
            path: pool.to_owned(),
            source: error.into(),
        })?;
        Ok(Self {
            pool: pool.to_owned(),
            home: Home::open(pool)?,
            tool,
            inspected: Mutex::default(),
        })
    }

    fn call(&self, words: &[&str]) -> Invocation {
        Invocation::new(&self.tool).args(words)
    }

    /// Runs `btrfs`. A failure on a full pool is [`StorageError::NoSpace`].
    fn run(
        &self,
        action: &'static str,
        path: &Path,
        invocation: &Invocation,
    ) -> Result<Captured, StorageError> {
        invocation.run().map_err(|source| {
            if self.usage().is_ok_and(|usage| usage.free < FULL_BELOW) {
                StorageError::NoSpace {
                    pool: self.pool.clone(),
                }
            } else {
                StorageError::Tool {
                    action,
                    path: path.to_owned(),
                    source,
                }
            }
        })
    }

    /// The kernel's ENOSPC as what it means to the user.
    fn full(&self, error: StorageError) -> StorageError {
        match error {
            StorageError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                StorageError::NoSpace {
                    pool: self.pool.clone(),
                }
            }
            other => other,
        }
    }

    fn show(&self, path: &Path) -> Result<Shown, StorageError> {
        let invocation = self.call(&["subvolume", "show", "--"]).arg(path);
        let text = self.run("looking at", path, &invocation)?.text();
        parse::show(&text).map_err(|error| unreadable(path, error))
    }

    /// The subvolume at a place of ours; `None` where there is nothing.
    fn look(&self, place: &Place) -> Result<Option<Shown>, StorageError> {
        if !self.is_there(place)? {
            return Ok(None);
        }
        self.show(&self.home.path_of(place)).map(Some)
    }

    /// Whether there is a subvolume at a place of ours.
    fn is_there(&self, place: &Place) -> Result<bool, StorageError> {
        if !self.home.is_taken(place)? {
            return Ok(false);
        }
        let path = self.home.path_of(place);
        let metadata = self.home.volume().metadata(place.relative());
        if metadata
            .map_err(|error| from_volume("looking at", &path, error))?
            .ino
            != ROOT_INO
        {
            return Err(not_ours(&path, "it is no subvolume"));
        }
        Ok(true)
    }

    /// The subvolume at a path of ours, which must be the one that is meant.
    fn exact(&self, object: &Object) -> Result<(Place, Shown), StorageError> {
        let place = self.home.place_of(&object.path)?;
        let shown = self.look(&place)?.ok_or_else(|| StorageError::NotFound {
            path: object.path.clone(),
        })?;
        if shown.uuid != object.id.0 {
            return Err(not_ours(
                &object.path,
                "it is another subvolume than the one that was made there",
            ));
        }
        Ok((place, shown))
    }

    /// Snapshots `source`, whose UUID is `parent`, to `place`, and checks what came out of it.
    fn make(
        &self,
        source: &Path,
        parent: &str,
        place: &Place,
        readonly: bool,
    ) -> Result<Object, StorageError> {
        let path = self.home.prepare(place)?;
        let work = self.work_in(place)?;
        let mut invocation = self.change(&work, &["subvolume", "snapshot"]);
        if readonly {
            invocation = invocation.arg("-r");
        }
        let invocation = invocation.arg("--").arg(source).arg(&path);
        let action = if readonly {
            "taking a snapshot of"
        } else {
            "cloning"
        };
        let made = self
            .run(action, source, &invocation)
            .and_then(|_| self.show(&path));
        match made {
            Ok(shown) if shown.parent.as_deref() == Some(parent) && shown.readonly == readonly => {
                Ok(Object {
                    id: ObjectId(shown.uuid),
                    path,
                })
            }
            Ok(_) => {
                self.delete(&work, place, &path)?;
                Err(not_ours(source, "it was exchanged while it was snapshotted"))
            }
            Err(error) => {
                // After a time-out it may have been made nevertheless.
                if matches!(self.look(place), Ok(Some(_))) {
                    self.delete(&work, place, &path)?;
                }
                self.home.tidy(place)?;
                Err(error)
            }
        }
    }

    /// Deletes the subvolume at a place of ours, whatever its users have made in it.
    fn delete(&self, work: &Working, place: &Place, path: &Path) -> Result<(), StorageError> {
        let invocation = self.change(work, &["subvolume", "delete", "-c", "--"]).arg(path);
        if let Err(first) = self.run("deleting", path, &invocation) {
            // What blocks it is a subvolume inside. Where there is none, the first failure is the reason.
            if !self.home.is_taken(place)? || !self.remove_nested(work, place, path)? {
                return Err(first);
            }
            self.run("deleting", path, &invocation)?;
        }
        self.home.tidy(place)
    }

    /// Checks the ownership of what is at a place and deletes it with its mark.
    fn destroy_at(&self, work: &Working, place: &Place, shown: &Shown) -> Result<(), StorageError> {
        let id = ObjectId(shown.uuid.clone());
        self.home.claim(place, &id)?;
        self.delete(work, place, &self.home.path_of(place))?;
        self.home.remove_mark(&id)
    }

    fn pool_filesystem(&self) -> Result<u64, StorageError> {
        let invocation = self.call(&["inspect-internal", "rootid", "--"]).arg(&self.pool);
        let text = self.run("looking at", &self.pool, &invocation)?.text();
        let number = parse::rootid(&text).map_err(|error| unreadable(&self.pool, error))?;
        let pool = Volume::open(&self.pool).map_err(|error| from_volume("opening", &self.pool, error))?;
        filesystem(&pool, number)
    }

    /// `root` open: a subvolume on Btrfs that does not hold the pool.
    fn root(&self, root: &Path) -> Result<Volume, StorageError> {
        let volume = Volume::open(root).map_err(|error| match error {
            VolumeError::NotADirectory { .. } => StorageError::NotARoot {
                path: root.to_owned(),
            },
            other => from_volume("opening", root, other),
        })?;
        if !is_btrfs(&volume)? {
            return Err(StorageError::Mixed {
                root: root.to_owned(),
                found: Filesystem::of(root).map_or("another filesystem", Filesystem::name),
                pool: self.pool.clone(),
                driver: "Btrfs",
            });
        }
        let metadata = volume
            .metadata("")
            .map_err(|error| from_volume("looking at", root, error))?;
        if metadata.ino != ROOT_INO {
            return Err(StorageError::NotARoot {
                path: root.to_owned(),
            });
        }
        let home = self.home.volume().metadata("");
        if home
            .map_err(|error| from_volume("looking at", &self.pool, error))?
            .dev
            == metadata.dev
        {
            return Err(StorageError::HoldsPool {
                root: root.to_owned(),
                pool: self.pool.clone(),
            });
        }
        Ok(volume)
    }

    fn inspected(&self) -> MutexGuard<'_, Option<(PathBuf, String)>> {
        self.inspected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn other_filesystem(&self, root: &Path) -> StorageError {
        StorageError::OtherFilesystem {
            root: root.to_owned(),
            pool: self.pool.clone(),
        }
    }

    /// Removes the mark of an object that is gone, but not that of one that was moved to where its mark says.
    fn forget(&self, id: &ObjectId) -> Result<(), StorageError> {
        let Some(mark) = self.home.mark(id)? else {
            return Ok(());
        };
        match self.look(&mark.place()) {
            Ok(Some(shown)) if shown.uuid == id.0 => Ok(()),
            _ => self.home.remove_mark(id),
        }
    }

    fn owned_at(&self, place: Place) -> Result<Option<Owned>, StorageError> {
        let shown = match self.look(&place) {
            Ok(Some(shown)) => shown,
            Ok(None) | Err(StorageError::NotOurs { .. }) => return Ok(None),
            // Destroyed by another run while we looked.
            Err(_) if matches!(self.home.is_taken(&place), Ok(false)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let object = Object {
            id: ObjectId(shown.uuid),
            path: self.home.path_of(&place),
        };
        if let Place::Incoming { run, .. } = place {
            return Ok(Some(Owned {
                object,
                mark: None,
                incoming: Some(run),
            }));
        }
        let mark = self.home.mark(&object.id)?.filter(|mark| mark.place() == place);
        Ok(mark.map(|mark| Owned {
            object,
            mark: Some(mark),
            incoming: None,
        }))
    }
}

impl Storage for Btrfs {
    fn capabilities(&self) -> Capabilities {
        Self::CAPABILITIES
    }

    fn advice(&self) -> &'static dyn Advice {
        Self::ADVICE
    }

    fn inspect(&self, root: &Path) -> Result<RootFacts, StorageError> {
        let volume = self.root(root)?;
        let shown = self.show(root)?;
        if filesystem(&volume, shown.number)? != self.pool_filesystem()? {
            return Err(self.other_filesystem(root));
        }
        let nested = self.children(root, &shown)?;
        if !nested.is_empty() {
            return Err(StorageError::Nested {
                path: root.to_owned(),
                nested,
            });
        }
        let warnings = nocow::look(&volume).map_err(|error| from_volume("looking at", root, error))?;
        *self.inspected() = Some((root.to_owned(), shown.uuid.clone()));
        Ok(RootFacts {
            id: ObjectId(shown.uuid),
            warnings,
        })
    }

    fn snapshot(&self, root: &Path, place: &Place) -> Result<Object, StorageError> {
        let _open = self.root(root)?;
        let known = self.inspected().take().filter(|(path, _)| path == root);
        let uuid = match known {
            Some((_, uuid)) => uuid,
            None => self.show(root)?.uuid,
        };
        self.make(root, &uuid, place, true)
            .map_err(|error| self.full(error))
    }

    fn clone_of(&self, snapshot: &Object, place: &Place) -> Result<Object, StorageError> {
        if !self.is_there(&self.home.place_of(&snapshot.path)?)? {
            return Err(StorageError::NotFound {
                path: snapshot.path.clone(),
            });
        }
        if !is_readonly(&snapshot.path) {
            return Err(not_ours(&snapshot.path, "it is writable, so it is no snapshot"));
        }
        // That it is the one that is meant shows in the clone, which names its parent.
        self.make(&snapshot.path, &snapshot.id.0, place, false)
            .map_err(|error| self.full(error))
    }

    fn settle(&self, object: &Object, place: &Place, mark: &Mark) -> Result<Object, StorageError> {
        self.home.check_settle(&object.id, place, mark)?;
        let settled = Object {
            id: object.id.clone(),
            path: self.home.path_of(place),
        };
        let readonly = mark.role != Role::Clone;
        if let Some(there) = self.look(place)? {
            // Repeated after it was done.
            if there.uuid == object.id.0 && self.home.mark(&object.id)?.as_ref() == Some(mark) {
                if there.readonly != readonly {
                    self.set_readonly(&self.work_in(place)?, &settled.path, readonly)?;
                }
                return Ok(settled);
            }
            return Err(StorageError::Exists { path: settled.path });
        }
        let (from, shown) = self.exact(object)?;
        self.home.claim(&from, &object.id)?;
        self.home.prepare(place).map_err(|error| self.full(error))?;
        self.home.write_mark(mark).map_err(|error| self.full(error))?;
        // The kernel moves no read-only subvolume to another directory. Nobody else can write where it lies.
        if shown.readonly {
            self.set_readonly(&self.work_in(&from)?, &object.path, false)?;
        }
        self.home.rename(&from, place)?;
        if readonly {
            self.set_readonly(&self.work_in(place)?, &settled.path, true)?;
        }
        self.home.tidy(&from)?;
        Ok(settled)
    }

    fn destroy(&self, object: &Object) -> Result<(), StorageError> {
        let work = self.work_at(&self.home.place_of(&object.path)?)?;
        match (self.exact(object), work) {
            (Ok((place, shown)), Some(work)) => self.destroy_at(&work, &place, &shown),
            (Err(StorageError::NotFound { path }), _) => {
                self.forget(&object.id)?;
                Err(StorageError::NotFound { path })
            }
            (Ok(_), None) => Err(StorageError::NotFound {
                path: object.path.clone(),
            }),
            (Err(error), _) => Err(error),
        }
    }

    fn discard_incoming(&self, run: &RunId) -> Result<(), StorageError> {
        let any = Place::Incoming {
            run: run.clone(),
            role: Role::Snapshot,
        };
        let (Some(work), Some(paths)) = (self.work_at(&any)?, self.home.incoming(run)?) else {
            return Ok(());
        };
        for path in paths {
            let Some(place) = Place::from_relative(&path) else {
                continue;
            };
            match self.look(&place) {
                Ok(Some(shown)) => self.destroy_at(&work, &place, &shown)?,
                // No subvolume: goes with the directory.
                Ok(None) | Err(StorageError::NotOurs { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.home.remove_incoming(run)
    }

    fn owned(&self) -> Result<Vec<Owned>, StorageError> {
        let places = self.home.places()?.into_iter();
        places
            .filter_map(|place| self.owned_at(place).transpose())
            .collect()
    }

    fn usage(&self) -> Result<Usage, StorageError> {
        let stat = statvfs(self.home.volume())?;
        // Btrfs reports nothing free when its metadata is about to run out.
        Ok(Usage {
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
        })
    }

    fn exclusive(&self, object: &Object) -> Result<Option<u64>, StorageError> {
        self.bytes_alone(object).map(Some)
    }

    fn shared(&self, object: &Object, files: &[PathBuf]) -> Result<Option<Vec<PathBuf>>, StorageError> {
        self.files_shared(object, files).map(Some)
    }
}

fn not_ours(path: &Path, reason: &str) -> StorageError {
    StorageError::NotOurs {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

fn unreadable(path: &Path, error: Unreadable) -> StorageError {
    StorageError::Io {
        action: "looking at",
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, error),
    }
}
