//! What is ours: the files at its places that name it, its properties, and what is found at a place.

use std::io;
use std::path::{Path, PathBuf};

use super::super::home::from_volume;
use super::super::working::Working;
use super::super::{Mark, Object, ObjectId, Owned, Place, StorageError, VolumeError};
use super::parse::{Facts, Table};
use super::plan::{self, Tree};
use super::{Zfs, mark, mounting, not_ours};
use crate::model::RunId;

/// At a place: which datasets or snapshots the object consists of.
const NAMES: &str = "names.json";
/// A tree of a thousand datasets fits.
const NAMES_LIMIT: u64 = 1 << 20;
/// At a place: where the object is mounted.
const ROOT: &str = "root";
/// What is asked of an object.
pub(super) const OF_OBJECT: [&str; 3] = ["guid", plan::RUN, plan::MARK];

/// The snapshots of a run: unlike all others also when the same run takes another one of the same root later.
pub(super) fn snapshot_name(run: &str, suffix: &str) -> String {
    format!("envclone-{run}-{suffix}")
}

/// A clone of a run.
pub(super) fn clone_name(home: &str, run: &str, suffix: &str) -> String {
    format!("{home}/{run}-{suffix}")
}

/// The run that gave a snapshot, or the root of a clone, its name.
pub(super) fn run_in(name: &str) -> Option<&str> {
    let (of_snapshot, last) = match name.rsplit_once('@') {
        Some((_, snapshot)) => (true, snapshot),
        None => (false, name.rsplit('/').next()?),
    };
    let last = if of_snapshot {
        last.strip_prefix("envclone-")?
    } else {
        last
    };
    let (run, suffix) = last.split_once('-')?;
    let is_suffix = suffix.len() == 4 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_suffix && run.parse::<RunId>().is_ok()).then_some(run)
}

/// Whether an object has a name that this run gave it.
pub(super) fn is_of_run(tree: &Tree, run: &RunId) -> bool {
    run_in(tree.root()) == Some(run.as_str())
}

/// Whether a snapshot, or the root of a clone, has a name that the run gave it which its own property names.
pub(super) fn is_named_by_its_run(name: &str, facts: &Facts) -> bool {
    run_in(name).is_some_and(|run| facts.local(plan::RUN) == Some(run))
}

/// Four hexadecimal digits.
pub(super) fn suffix() -> Result<String, StorageError> {
    let mut random = [0u8; 2];
    getrandom::fill(&mut random).map_err(|error| StorageError::Io {
        action: "naming",
        path: PathBuf::new(),
        source: io::Error::other(error),
    })?;
    Ok(crate::model::hex(&random))
}

/// Objects are born in `incoming/`, by a run.
pub(super) fn run_of(place: &Place) -> Result<&RunId, StorageError> {
    match place {
        Place::Incoming { run, .. } => Ok(run),
        Place::Environment { .. } => Err(not_ours(&place.relative(), "nothing is made there")),
    }
}

pub(super) fn id_of(facts: &Facts) -> ObjectId {
    ObjectId(facts.value("guid").to_owned())
}

/// Whether these are the facts of an object of ours with this identity.
pub(super) fn is_this(facts: &Facts, id: &ObjectId) -> bool {
    facts.local(plan::RUN).is_some() && id_of(facts) == *id
}

/// Checks that what was found at the path of an object is that object.
pub(super) fn check_id(object: &Object, found: &Facts) -> Result<(), StorageError> {
    if id_of(found) == object.id {
        return Ok(());
    }
    Err(not_ours(
        &object.path,
        "it is another dataset than the one that was made there",
    ))
}

/// The mark of an object, if it is its own.
pub(super) fn mark_of(facts: &Facts) -> Option<Mark> {
    let mark = mark::read(facts.local(plan::MARK)?)?;
    (mark.id == id_of(facts)).then_some(mark)
}

impl Zfs {
    /// Where the object at a place is mounted.
    pub(super) fn path_of(&self, place: &Place) -> PathBuf {
        self.home.path_of(place).join(ROOT)
    }

    pub(super) fn place_of(&self, path: &Path) -> Result<Place, StorageError> {
        match (path.parent(), path.file_name()) {
            (Some(above), Some(name)) if name == ROOT => self.home.place_of(above),
            _ => Err(not_ours(path, "it is at no place of envclone's")),
        }
    }

    /// Makes a place for an object that is about to be made: what it will consist of is written down first.
    pub(super) fn prepare(&self, place: &Place, tree: &Tree) -> Result<Working, StorageError> {
        self.sweep(place)?;
        let path = self.home.prepare(place)?;
        let relative = place.relative();
        let volume = self.home.volume();
        let fail = |error| from_volume("making", &path, error);
        let names = serde_json::to_vec(tree).map_err(|error| StorageError::Io {
            action: "writing",
            path: path.clone(),
            source: error.into(),
        })?;
        let made = volume
            .make_dir(&relative, 0, 0, 0o700)
            .and_then(|()| volume.make_dir(relative.join(ROOT), 0, 0, 0o700))
            .and_then(|()| volume.replace_durably(relative.join(NAMES), &names));
        made.map_err(fail)?;
        self.work_at(place)?
            .ok_or_else(|| not_ours(&path, "it went while something was made there"))
    }

    /// Waits until no program works any more at what lies at a place, and lets none of another run begin; `None` where nothing
    /// lies there.
    pub(super) fn work_at(&self, place: &Place) -> Result<Option<Working>, StorageError> {
        let path = self.home.path_of(place).join(NAMES);
        let file = match self.home.volume().open_file(place.relative().join(NAMES)) {
            Ok(file) => file,
            Err(VolumeError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(from_volume("opening", &path, error)),
        };
        Working::at(file.into(), &path).map(Some)
    }

    /// Removes what is at a place beside the object itself, which is gone and not mounted.
    pub(super) fn vacate(&self, place: &Place) -> Result<(), StorageError> {
        let relative = place.relative();
        let volume = self.home.volume();
        self.detach(place)?;
        self.gone(place, volume.remove_file(relative.join(NAMES)))?;
        self.gone(place, volume.remove_dir(&relative))?;
        self.home.tidy(place)
    }

    /// Removes the directory at which an object was mounted. With it the kernel takes away what is still mounted there in other
    /// namespaces, such as those of containers, which would keep the object from being destroyed.
    pub(super) fn detach(&self, place: &Place) -> Result<(), StorageError> {
        let removed = self.home.volume().remove_dir(place.relative().join(ROOT));
        self.gone(place, removed)
    }

    /// Makes that directory again.
    pub(super) fn attach(&self, place: &Place) -> Result<(), StorageError> {
        let made = self
            .home
            .volume()
            .make_dir(place.relative().join(ROOT), 0, 0, 0o700);
        made.map_err(|error| from_volume("making", &self.home.path_of(place), error))
    }

    /// Removes what a run that was killed left at a place before it had written down what it would make there, or after that
    /// was gone: empty directories, which are nobody's. Only they are: nothing that another run put there meanwhile is.
    pub(super) fn sweep(&self, place: &Place) -> Result<(), StorageError> {
        if !matches!(self.home.is_taken(place), Ok(true)) || !self.is_bare(place)? {
            return Ok(());
        }
        self.detach(place)?;
        self.gone(place, self.home.volume().remove_dir(place.relative()))
    }

    /// The same at the place of an environment that another run may be working at: in one step.
    pub(super) fn sweep_empty(&self, place: &Place) {
        // Where it cannot be removed something lies there, which is as it should be.
        let _ = self.home.volume().remove_dir(place.relative());
    }

    /// Whether nothing but empty directories is at a place.
    fn is_bare(&self, place: &Place) -> Result<bool, StorageError> {
        let path = self.home.path_of(place);
        let holds_only = |dir: PathBuf, names: &[&str]| match self.home.volume().read_dir(dir) {
            Ok(entries) => Ok(entries
                .iter()
                .all(|entry| names.iter().any(|name| entry.name == *name))),
            Err(VolumeError::NotFound { .. }) => Ok(true),
            Err(VolumeError::NotADirectory { .. }) => Ok(false),
            Err(error) => Err(from_volume("reading", &path, error)),
        };
        if !holds_only(place.relative(), &[ROOT])? {
            return Ok(false);
        }
        let mounts = mounting::table()?;
        if mounts.iter().any(|mount| mount.point.starts_with(&path)) {
            return Ok(false);
        }
        holds_only(place.relative().join(ROOT), &[])
    }

    fn gone(&self, place: &Place, removed: Result<(), VolumeError>) -> Result<(), StorageError> {
        match removed {
            Ok(()) | Err(VolumeError::NotFound { .. }) => Ok(()),
            Err(error) => Err(from_volume("removing", &self.home.path_of(place), error)),
        }
    }

    /// What the object at a place consists of; `None` where there is nothing.
    pub(super) fn names(&self, place: &Place) -> Result<Option<Tree>, StorageError> {
        if !self.home.is_taken(place)? {
            return Ok(None);
        }
        let path = self.home.path_of(place).join(NAMES);
        let bytes = match self.home.volume().read(place.relative().join(NAMES), NAMES_LIMIT) {
            Ok(bytes) => bytes,
            Err(VolumeError::NotFound { .. }) if self.is_bare(place)? => return Ok(None),
            Err(VolumeError::NotFound { .. }) => return Err(not_ours(&path, "it is not there")),
            Err(error) => return Err(from_volume("reading", &path, error)),
        };
        let tree: Tree = serde_json::from_slice(&bytes).map_err(|error| StorageError::Io {
            action: "reading",
            path: path.clone(),
            source: error.into(),
        })?;
        if tree.schema != Tree::SCHEMA || tree.parts.is_empty() {
            return Err(not_ours(&path, "it is of another version"));
        }
        self.called_now(tree).map(Some)
    }

    /// The object at a place; `None` where there is none.
    pub(super) fn look(&self, place: &Place) -> Result<Option<(Tree, Facts)>, StorageError> {
        let Some((tree, facts)) = self.find(place, &OF_OBJECT)? else {
            return Ok(None);
        };
        if facts.local(plan::RUN).is_none() {
            return Err(not_ours(Path::new(tree.root()), "no run of envclone's made it"));
        }
        Ok(Some((tree, facts)))
    }

    /// The object at a path of ours, which must be the one that is meant.
    pub(super) fn exact(&self, object: &Object) -> Result<(Place, Tree, Facts), StorageError> {
        let place = self.place_of(&object.path)?;
        let (tree, facts) = self.look(&place)?.ok_or_else(|| StorageError::NotFound {
            path: object.path.clone(),
        })?;
        check_id(object, &facts)?;
        Ok((place, tree, facts))
    }

    /// Checks that the object that was found at `place` is ours: in an `incoming/` directory, or marked for there.
    pub(super) fn claim(&self, place: &Place, facts: &Facts) -> Result<(), StorageError> {
        if matches!(place, Place::Incoming { .. }) {
            return Ok(());
        }
        let refuse = |reason| Err(not_ours(&self.home.path_of(place), reason));
        match mark_of(facts) {
            Some(mark) if mark.place() == *place => Ok(()),
            Some(_) => refuse("its mark names another place"),
            None => refuse("it bears no mark"),
        }
    }

    /// What is left at the place of an object that is gone.
    pub(super) fn forget(&self, path: &Path) -> Result<(), StorageError> {
        let place = self.place_of(path)?;
        if matches!(self.names(&place), Ok(Some(_))) && self.find(&place, &["guid"])?.is_none() {
            self.leave(&place)?;
        }
        Ok(())
    }

    /// A root that is a branch of ours may not be mounted, after a boot.
    pub(super) fn mount_own(&self, root: &Path) -> Result<(), StorageError> {
        let Ok(place) = self.place_of(root) else {
            return Ok(());
        };
        if let Ok(Some(tree)) = self.names(&place)
            && mounting::is_mounted(&tree, root)?
        {
            return Ok(());
        }
        match self.look(&place) {
            Ok(Some((tree, _))) => self.mount_tree(&tree, root, mounting::Hidden::Stays),
            // Nothing, or something that a person made there.
            Ok(None) | Err(StorageError::NotOurs { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What is written down at the places.
    pub(super) fn placed(&self) -> Result<Vec<(Place, Tree)>, StorageError> {
        let mut trees = Vec::new();
        for place in self.home.places()? {
            match self.names(&place) {
                Ok(Some(tree)) => trees.push((place, tree)),
                Ok(None) | Err(StorageError::NotOurs { .. }) => {}
                // Destroyed by another run while we looked.
                Err(_) if matches!(self.home.is_taken(&place), Ok(false)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(trees)
    }

    /// Everything of ours, with marks.
    pub(super) fn owned_now(&self) -> Result<Vec<Owned>, StorageError> {
        let mut trees = self.placed()?;
        let names: Vec<&str> = trees.iter().map(|(_, tree)| tree.root()).collect();
        let mut table = self.get_those_there(&names, &OF_OBJECT)?;
        for (_, tree) in &mut trees {
            if !table.contains_key(tree.root())
                && let Some(moved) = self.elsewhere(tree)?
                && let Some(facts) = self.facts(moved.root(), &OF_OBJECT)?
            {
                table.insert(moved.root().to_owned(), facts);
                *tree = moved;
            }
        }
        let owned = trees.iter().filter_map(|(place, tree)| {
            let facts = table.get(tree.root())?;
            facts.local(plan::RUN)?;
            let object = Object {
                id: id_of(facts),
                path: self.path_of(place),
            };
            match place {
                Place::Incoming { run, .. } => Some(Owned {
                    object,
                    mark: None,
                    incoming: Some(run.clone()),
                }),
                Place::Environment { .. } => Some(Owned {
                    object,
                    mark: Some(mark_of(facts).filter(|mark| mark.place() == *place)?),
                    incoming: None,
                }),
            }
        });
        Ok(owned.collect())
    }

    /// The facts of those of the names that are there: in one command, unless one of them is not.
    pub(super) fn get_those_there(&self, names: &[&str], properties: &[&str]) -> Result<Table, StorageError> {
        if names.is_empty() {
            return Ok(Table::new());
        }
        if let Ok(table) = self.get(names, properties) {
            return Ok(table);
        }
        let mut table = Table::new();
        for name in names {
            if let Some(facts) = self.facts(name, properties)? {
                table.insert((*name).to_owned(), facts);
            }
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::run_in;

    #[test]
    fn the_run_is_read_from_names_that_runs_give_and_from_no_others() {
        let run = "0011223344556677";
        for name in [
            "tank/c/.envclone/0011223344556677-0a1b",
            "tank/shop@envclone-0011223344556677-0a1b",
            "tank/c/.envclone/0011223344556677-0a1b/db@envclone-0011223344556677-0a1b",
        ] {
            assert_eq!(run_in(name), Some(run), "{name}");
        }
        for name in [
            "tank",
            "tank/c/.envclone/precious",
            "tank/c/.envclone/0011223344556677-0a1b/db",
            "tank/c/.envclone/envclone-0011223344556677-0a1b",
            "tank/shop@0011223344556677-0a1b",
            "tank/shop@envclone-0011223344556677",
            "tank/shop@envclone-0011223344556677-0a1b2",
            "tank/shop@envclone-0011223344556677-0a1g",
            "tank/shop@envclone-1-0a1b",
        ] {
            assert_eq!(run_in(name), None, "{name}");
        }
    }
}
