//! The in-memory driver's stand-in: a fake that keeps state and can fail, for proofs of sagas and for conformance.
//!
//! Objects are real directories with real copies of files, so that steps which work on files can. What Btrfs
//! keeps in its trees (identity, parent, read-only flag) is in `<pool>/.envclone/memory.json`, read at every call:
//! dropping a driver and opening another one on the same directory is a kill and a restart. Copies are neither
//! cheap nor of one instant, and nothing keeps root from writing to a snapshot: not for production.

mod copy;
mod faults;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::home::{Home, from_volume};
use super::{
    Advice, Capabilities, Descend, Kind, Mark, Object, ObjectId, Owned, Place, Role, RootFacts, Storage,
    StorageError, Usage, Volume, VolumeError,
};
use crate::model::RunId;
use faults::Faults;
pub use faults::{Call, Method, Moment};

const TABLE: &str = "memory.json";
const TABLE_LIMIT: u64 = 16 << 20;

/// What is known of a root or object.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Known {
    id: ObjectId,
    parent: Option<ObjectId>,
    readonly: bool,
}

/// Roots and objects by the inode number of their directory, which stays when it is moved.
type Table = BTreeMap<u64, Known>;

/// A pool in a directory.
#[derive(Debug)]
pub struct Memory {
    pool: PathBuf,
    home: Home,
    faults: Arc<Mutex<Faults>>,
}

impl Memory {
    /// Opens the pool, a directory; what an earlier driver did in it is there.
    pub fn open(pool: &Path) -> Result<Self, StorageError> {
        Ok(Self {
            pool: pool.to_owned(),
            home: Home::open(pool)?,
            faults: Arc::default(),
        })
    }

    /// Another handle on the same pool: failures planned by one happen to the other.
    pub fn again(&self) -> Result<Self, StorageError> {
        Ok(Self {
            faults: Arc::clone(&self.faults),
            ..Self::open(&self.pool)?
        })
    }

    /// Makes a directory that counts as a root, as `btrfs subvolume create` does.
    pub fn make_root(&self, path: &Path) -> Result<ObjectId, StorageError> {
        std::fs::create_dir(path).map_err(|error| io_error("making", path, error))?;
        self.register(path, None, false)
    }

    /// The next call of `method` fails with `error` and does nothing.
    pub fn fail_next(&self, method: Method, error: StorageError) {
        self.fail_at(method, Moment::Before, error);
    }

    /// The next call of `method` fails with `error` at that moment.
    pub fn fail_at(&self, method: Method, moment: Moment, error: StorageError) {
        self.faults().plan(method, moment, error);
    }

    /// All calls after `calls` more fail and do nothing, as for a process that was killed.
    pub fn fail_after(&self, calls: usize) {
        self.faults().die_after(calls);
    }

    /// What `usage` says from now on.
    pub fn set_usage(&self, usage: Usage) {
        self.faults().usage = usage;
    }

    /// The calls so far, in order, those that failed included.
    pub fn calls(&self) -> Vec<Call> {
        self.faults().calls().to_vec()
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a call and lets it fail where that was asked for.
    fn call<T>(
        &self,
        method: Method,
        path: &Path,
        act: impl FnOnce() -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.faults().begin(method, path, &self.pool)?;
        let done = act()?;
        self.faults().strike(method, Moment::After).map_or(Ok(done), Err)
    }

    fn within(&self, method: Method) -> Result<(), StorageError> {
        self.faults().strike(method, Moment::Within).map_or(Ok(()), Err)
    }

    fn table(&self) -> Result<Table, StorageError> {
        match self.home.volume().read(TABLE, TABLE_LIMIT) {
            Ok(bytes) => {
                let table = serde_json::from_slice(&bytes);
                table.map_err(|error| io_error("reading", &self.pool, io::Error::from(error)))
            }
            Err(VolumeError::NotFound { .. }) => Ok(Table::new()),
            Err(error) => Err(from_volume("reading", &self.pool, error)),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Table)) -> Result<(), StorageError> {
        // Held so that threads do not lose each other's changes.
        let _faults = self.faults();
        let mut table = self.table()?;
        change(&mut table);
        let bytes = serde_json::to_vec(&table)
            .map_err(|error| io_error("writing", &self.pool, io::Error::from(error)))?;
        let (uid, gid) = (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        );
        let written = self.home.volume().replace(TABLE, &bytes, uid, gid, 0o600);
        written.map_err(|error| from_volume("writing", &self.pool, error))
    }

    fn register(
        &self,
        path: &Path,
        parent: Option<ObjectId>,
        readonly: bool,
    ) -> Result<ObjectId, StorageError> {
        let mut random = [0u8; 16];
        getrandom::fill(&mut random).map_err(|error| io_error("making", path, io::Error::other(error)))?;
        let id = ObjectId(crate::model::hex(&random));
        let ino = inode(path)?;
        let known = Known {
            id: id.clone(),
            parent,
            readonly,
        };
        self.change(|table| {
            table.insert(ino, known);
        })?;
        Ok(id)
    }

    /// The root or object at `path`, which is no link.
    fn at(&self, path: &Path) -> Result<Known, StorageError> {
        let ino = inode(path)?;
        self.table()?.remove(&ino).ok_or_else(|| StorageError::NotARoot {
            path: path.to_owned(),
        })
    }

    fn look(&self, place: &Place) -> Result<Option<Known>, StorageError> {
        if !self.home.is_taken(place)? {
            return Ok(None);
        }
        let path = self.home.path_of(place);
        self.at(&path)
            .map(Some)
            .map_err(|_| not_ours(&path, "it is no object"))
    }

    fn exact(&self, object: &Object) -> Result<(Place, Known), StorageError> {
        let place = self.home.place_of(&object.path)?;
        let known = self.look(&place)?.ok_or_else(|| StorageError::NotFound {
            path: object.path.clone(),
        })?;
        if known.id != object.id {
            return Err(not_ours(
                &object.path,
                "it is another object than the one that was made there",
            ));
        }
        Ok((place, known))
    }

    fn make(
        &self,
        source: &Path,
        id: ObjectId,
        place: &Place,
        readonly: bool,
    ) -> Result<Object, StorageError> {
        let from = Volume::open(source).map_err(|error| from_volume("opening", source, error))?;
        let table = self.table()?;
        let path = self.home.prepare(place)?;
        copy::tree(&from, &path, |ino| table.contains_key(&ino))
            .map_err(|error| from_volume("copying", source, error))?;
        let id = self.register(&path, Some(id), readonly)?;
        Ok(Object { id, path })
    }

    fn delete(&self, place: &Place, known: &Known) -> Result<(), StorageError> {
        self.home.claim(place, &known.id)?;
        let path = self.home.path_of(place);
        let fail = |error| from_volume("removing", &path, error);
        let mut gone = vec![inode(&path)?];
        let object = self.home.volume().subvolume(place.relative()).map_err(fail)?;
        let walked = object.walk("", |_, found| -> Result<Descend, VolumeError> {
            gone.push(found.entry.ino);
            Ok(Descend::Into)
        });
        walked
            .and_then(|()| self.home.volume().remove_tree(place.relative()))
            .map_err(fail)?;
        self.change(|table| table.retain(|ino, _| !gone.contains(ino)))?;
        self.within(Method::Destroy)?;
        self.home.remove_mark(&known.id)?;
        self.home.tidy(place)
    }

    fn forget(&self, id: &ObjectId) -> Result<(), StorageError> {
        let Some(mark) = self.home.mark(id)? else {
            return Ok(());
        };
        match self.look(&mark.place()) {
            Ok(Some(known)) if known.id == *id => Ok(()),
            _ => self.home.remove_mark(id),
        }
    }

    fn settle_now(&self, object: &Object, place: &Place, mark: &Mark) -> Result<Object, StorageError> {
        self.home.check_settle(&object.id, place, mark)?;
        let settled = Object {
            id: object.id.clone(),
            path: self.home.path_of(place),
        };
        if let Some(there) = self.look(place)? {
            if there.id == object.id && self.home.mark(&object.id)?.as_ref() == Some(mark) {
                return Ok(settled);
            }
            return Err(StorageError::Exists { path: settled.path });
        }
        let (from, _) = self.exact(object)?;
        self.home.claim(&from, &object.id)?;
        self.home.prepare(place)?;
        self.home.write_mark(mark)?;
        self.within(Method::Settle)?;
        self.home.rename(&from, place)?;
        let ino = inode(&settled.path)?;
        self.change(|table| {
            if let Some(known) = table.get_mut(&ino) {
                known.readonly = mark.role != Role::Clone;
            }
        })?;
        self.home.tidy(&from)?;
        Ok(settled)
    }

    fn destroy_now(&self, object: &Object) -> Result<(), StorageError> {
        match self.exact(object) {
            Ok((place, known)) => self.delete(&place, &known),
            Err(StorageError::NotFound { path }) => {
                self.forget(&object.id)?;
                Err(StorageError::NotFound { path })
            }
            Err(error) => Err(error),
        }
    }

    fn discard_now(&self, run: &RunId) -> Result<(), StorageError> {
        let Some(paths) = self.home.incoming(run)? else {
            return Ok(());
        };
        for place in paths.iter().filter_map(|path| Place::from_relative(path)) {
            match self.look(&place) {
                Ok(Some(known)) => self.delete(&place, &known)?,
                Ok(None) | Err(StorageError::NotOurs { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.home.remove_incoming(run)
    }

    fn owned_now(&self) -> Result<Vec<Owned>, StorageError> {
        let mut owned = Vec::new();
        for place in self.home.places()? {
            let Ok(Some(known)) = self.look(&place) else {
                continue;
            };
            let object = Object {
                id: known.id,
                path: self.home.path_of(&place),
            };
            if let Place::Incoming { run, .. } = place {
                owned.push(Owned {
                    object,
                    mark: None,
                    incoming: Some(run),
                });
            } else if let Some(mark) = self.home.mark(&object.id)?.filter(|mark| mark.place() == place) {
                owned.push(Owned {
                    object,
                    mark: Some(mark),
                    incoming: None,
                });
            }
        }
        Ok(owned)
    }

    fn inspect_now(&self, root: &Path) -> Result<RootFacts, StorageError> {
        let known = self.at(root)?;
        let volume = Volume::open(root).map_err(|error| from_volume("opening", root, error))?;
        let table = self.table()?;
        let mut nested = Vec::new();
        let walked = volume.walk("", |path, found| -> Result<Descend, VolumeError> {
            if found.entry.kind == Kind::Dir && table.contains_key(&found.entry.ino) {
                nested.push(path.display().to_string());
                return Ok(Descend::Past);
            }
            Ok(Descend::Into)
        });
        walked.map_err(|error| from_volume("looking at", root, error))?;
        if nested.is_empty() {
            Ok(RootFacts {
                id: known.id,
                warnings: Vec::new(),
            })
        } else {
            Err(StorageError::Nested {
                path: root.to_owned(),
                nested,
            })
        }
    }
}

/// There is nothing to advise.
struct NoAdvice;

const NONE: NoAdvice = NoAdvice;

impl Advice for NoAdvice {
    fn programs(&self) -> &'static [&'static str] {
        &[]
    }

    fn filesystem(&self) -> &'static str {
        "tmpfs"
    }

    fn mend(&self, _: &Path, _: &StorageError) -> Option<String> {
        None
    }

    fn remove_by_hand(&self, object: &Object) -> String {
        format!("rm -r {}", object.path.display())
    }
}

impl Storage for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            driver: "memory",
            atomic: true,
            snapshot_may_go: true,
        }
    }

    /// Nothing of a host is needed, and nothing of one can be mended.
    fn advice(&self) -> &'static dyn Advice {
        &NONE
    }

    fn inspect(&self, root: &Path) -> Result<RootFacts, StorageError> {
        self.call(Method::Inspect, root, || self.inspect_now(root))
    }

    fn snapshot(&self, root: &Path, place: &Place) -> Result<Object, StorageError> {
        self.call(Method::Snapshot, root, || {
            self.make(root, self.at(root)?.id, place, true)
        })
    }

    fn clone_of(&self, snapshot: &Object, place: &Place) -> Result<Object, StorageError> {
        self.call(Method::CloneOf, &snapshot.path, || {
            let (_, known) = self.exact(snapshot)?;
            if !known.readonly {
                return Err(not_ours(&snapshot.path, "it is writable, so it is no snapshot"));
            }
            self.make(&snapshot.path, known.id, place, false)
        })
    }

    fn settle(&self, object: &Object, place: &Place, mark: &Mark) -> Result<Object, StorageError> {
        self.call(Method::Settle, &object.path, || {
            self.settle_now(object, place, mark)
        })
    }

    fn destroy(&self, object: &Object) -> Result<(), StorageError> {
        self.call(Method::Destroy, &object.path, || self.destroy_now(object))
    }

    fn discard_incoming(&self, run: &RunId) -> Result<(), StorageError> {
        self.call(Method::DiscardIncoming, Path::new(run.as_str()), || {
            self.discard_now(run)
        })
    }

    fn owned(&self) -> Result<Vec<Owned>, StorageError> {
        self.call(Method::Owned, &self.pool, || self.owned_now())
    }

    fn shared(&self, _object: &Object, _files: &[PathBuf]) -> Result<Option<Vec<PathBuf>>, StorageError> {
        Ok(None)
    }

    fn usage(&self) -> Result<Usage, StorageError> {
        self.call(Method::Usage, &self.pool, || Ok(self.faults().usage))
    }

    fn exclusive(&self, object: &Object) -> Result<Option<u64>, StorageError> {
        self.call(Method::Exclusive, &object.path, || {
            self.exact(object).map(|_| None)
        })
    }
}

/// The inode number of the directory at `path`, which is no link.
fn inode(path: &Path) -> Result<u64, StorageError> {
    let volume = Volume::open(path).map_err(|error| match error {
        VolumeError::NotADirectory { .. } => StorageError::NotARoot {
            path: path.to_owned(),
        },
        other => from_volume("opening", path, other),
    })?;
    volume
        .metadata("")
        .map(|metadata| metadata.ino)
        .map_err(|error| from_volume("looking at", path, error))
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> StorageError {
    StorageError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

fn not_ours(path: &Path, reason: &str) -> StorageError {
    StorageError::NotOurs {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests;
