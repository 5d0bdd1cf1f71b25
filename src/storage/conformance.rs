//! What every driver must do, as checks that run on any [`Ground`].
//!
//! Called by tests only: on `memory` with every build, on a real Btrfs pool in `tests/live`, on a real ZFS pool in `tests/vm`. Each check gets a ground
//! of its own and says in words what is broken.

mod copies;
mod instant;
mod many;
mod ownership;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Mark, Object, ObjectId, Place, Role, Storage, StorageError};
use crate::model::{EnvName, ProjectName, RunId};

/// What a check stands on: an empty pool, and the means to make what only the storage's own tools can make.
pub trait Ground {
    /// The driver.
    fn storage(&self) -> &dyn Storage;
    /// The pool's directory.
    fn pool(&self) -> &Path;
    /// Makes a root (subvolume, dataset) at `path`, as a person would by hand.
    fn make_root(&self, path: &Path) -> io::Result<()>;
    /// Whether the storage keeps root from writing to a snapshot.
    fn enforces_read_only(&self) -> bool;
    /// Makes a root whose volumes are as separate as the storage can have them in one root: on ZFS datasets.
    fn make_root_of(&self, path: &Path, volumes: &[&str]) -> io::Result<()> {
        self.make_root(path)?;
        volumes
            .iter()
            .try_for_each(|volume| fs::create_dir(path.join(volume)))
    }
    /// Where the object at a settled place is expected.
    fn path_at(&self, place: &Place) -> PathBuf {
        self.pool().join(".envclone").join(place.relative())
    }
    /// Whether an object bears a mark.
    fn is_marked(&self, object: &Object) -> bool {
        mark_file(self.pool(), &object.id).exists()
    }
    /// Takes the mark off an object, as a mistake by hand would.
    fn unmark(&self, object: &Object) -> io::Result<()> {
        fs::remove_file(mark_file(self.pool(), &object.id))
    }
    /// Puts a mark on an object, as a run that was killed before it moved the object has done.
    fn put_mark(&self, object: &Object, mark: &Mark) -> io::Result<()> {
        fs::write(mark_file(self.pool(), &object.id), serde_json::to_vec(mark)?)
    }
    /// Whether a nested root in a clone is one that its users can have made, so that it goes with the clone: on Btrfs. On ZFS
    /// only a person can have made it, and it is left alone.
    fn users_nest(&self) -> bool {
        true
    }
    /// Whether an object may have a root nested in it whose name holds a line break.
    fn odd_nested(&self) -> &'static [&'static str] {
        &[
            "nested",
            "deep/line\nID 5 gen 1 top level 5 path x",
            "nested/inner",
        ]
    }
    /// Removes a root that was made by hand.
    fn remove_root(&self, path: &Path) -> io::Result<()>;
    /// The bytes that the storage's own tool says belong to an object alone; `None` where there is no such tool.
    fn own_bytes(&self, object: &Object) -> io::Result<Option<u64>>;
    /// Whether one snapshot is one instant for writers that run meanwhile: not where it is a plain copy.
    fn is_atomic(&self) -> bool {
        true
    }
    /// Whether the order of writes that were never synced is kept in a snapshot: on ZFS.
    fn orders_unsynced(&self) -> bool;
    /// How many snapshots are taken while a writer writes, all of which must be right. The control fails at the first.
    fn snapshots_under_load(&self) -> u64 {
        20
    }
    /// A snapshot of one volume of a root by itself, and where its files are: for the control.
    fn snapshot_of_one(&self, root: &Path, volume: &str, name: &str) -> io::Result<PathBuf>;
}

/// A driver does not do what it must.
#[derive(Debug, thiserror::Error)]
pub enum Breach {
    /// What is broken.
    #[error("{0}")]
    Broken(String),
    /// The driver failed where it should not.
    #[error("the driver failed")]
    Storage(#[from] StorageError),
    /// The files could not be worked on.
    #[error("the files could not be worked on")]
    Io(#[from] io::Error),
    /// A name of the suite is wrong.
    #[error("a name of the suite is wrong: {0}")]
    Name(String),
}

/// The outcome of a check.
pub type Outcome = Result<(), Breach>;
/// A check and its name, which says what is promised.
pub type Check = (&'static str, fn(&dyn Ground) -> Outcome);

/// All checks.
pub const CHECKS: &[Check] = &[
    (
        "a snapshot holds what the root held at that instant",
        copies::snapshot_is_of_one_instant,
    ),
    ("a snapshot is read-only", copies::snapshot_is_read_only),
    (
        "a clone and its origin do not see each other's writes",
        copies::clone_is_isolated,
    ),
    (
        "a branch of a branch stands on its own",
        copies::clone_of_a_clone_in_any_order,
    ),
    (
        "what is settled is owned, with its mark",
        ownership::settle_marks_and_moves,
    ),
    ("settling twice changes nothing", ownership::settle_is_idempotent),
    (
        "settling refuses a taken place and a foreign mark",
        ownership::settle_refuses,
    ),
    (
        "an interrupted settle leaves what its run can discard",
        ownership::marked_but_not_moved_is_discarded,
    ),
    (
        "destroying removes object and mark",
        ownership::destroy_removes_all,
    ),
    (
        "destroy refuses what was made by hand",
        ownership::destroy_refuses_handmade,
    ),
    (
        "destroy refuses another identity",
        ownership::destroy_refuses_wrong_id,
    ),
    (
        "destroy refuses what lost its mark",
        ownership::destroy_refuses_unmarked,
    ),
    (
        "a mark inside the volume counts for nothing",
        ownership::forged_mark_counts_for_nothing,
    ),
    (
        "destroy refuses paths that are no places",
        ownership::destroy_refuses_other_paths,
    ),
    (
        "a late destroy of the incoming path spares the settled object",
        ownership::stale_destroy_spares_the_settled,
    ),
    (
        "a root nested in a clone goes with it where users can make one, and is left alone where a person did",
        ownership::nested_root_in_a_clone,
    ),
    (
        "a root with a nested one, a directory, a link and nothing are refused as roots",
        copies::odd_roots_are_refused,
    ),
    (
        "a taken place is not snapshotted into",
        copies::taken_place_is_refused,
    ),
    (
        "a writable object is not cloned from",
        copies::writable_is_no_snapshot,
    ),
    ("names at their limits work", copies::names_at_their_limits),
    ("100 clones stand side by side", many::hundred_clones),
    (
        "20 generations stand on each other and go in any order",
        many::twenty_generations,
    ),
    (
        "a clone of several volumes is one tree, in which each can be written",
        many::volumes_are_one_tree,
    ),
    ("odd but legal names work", many::odd_names),
    (
        "the bytes of an object are what its own tool says",
        many::bytes_are_accounted_for,
    ),
    (
        "a snapshot of several volumes is one instant of all that was synced",
        instant::of_all_that_was_synced,
    ),
    (
        "the control: snapshots one by one are not one instant",
        instant::one_by_one_is_none,
    ),
    (
        "without syncing the order of writes is kept where the storage says so, and lost where not",
        instant::of_what_was_not_synced,
    ),
    (
        "discarding a run is repeatable and spares other runs",
        ownership::discard_is_idempotent,
    ),
    (
        "discarding an unknown run does nothing",
        ownership::discard_of_unknown_run,
    ),
    (
        "links in a root are copied, not followed",
        copies::links_are_not_followed,
    ),
    ("usage says something", copies::usage_is_told),
    (
        "files that share storage are told from those written anew",
        copies::shared_files_are_told,
    ),
];

fn hold(condition: bool, broken: &str) -> Outcome {
    if condition {
        Ok(())
    } else {
        Err(Breach::Broken(broken.to_owned()))
    }
}

fn name<T: std::str::FromStr>(text: &str) -> Result<T, Breach> {
    text.parse().map_err(|_| Breach::Name(text.to_owned()))
}

fn run(number: u64) -> Result<RunId, Breach> {
    name(&format!("{number:016x}"))
}

fn incoming(number: u64, role: Role) -> Result<Place, Breach> {
    Ok(Place::Incoming {
        run: run(number)?,
        role,
    })
}

fn environment(env: &str, role: Role) -> Result<Place, Breach> {
    Ok(Place::Environment {
        project: name::<ProjectName>("shop")?,
        name: name::<EnvName>(env)?,
        role,
    })
}

fn mark_for(object: &Object, place: &Place, number: u64) -> Result<Mark, Breach> {
    let Place::Environment {
        project,
        name: environment,
        role,
    } = place
    else {
        return Err(Breach::Name("an incoming place has no mark".to_owned()));
    };
    Ok(Mark {
        schema: 1,
        id: object.id.clone(),
        project: project.clone(),
        environment: environment.clone(),
        parent: name("prod")?,
        role: *role,
        run: run(number)?,
    })
}

/// A production root with a file in a directory.
fn production(ground: &dyn Ground) -> Result<PathBuf, Breach> {
    let root = ground.pool().join("production");
    ground.make_root(&root)?;
    fs::create_dir(root.join("db"))?;
    fs::write(root.join("db/file"), "one")?;
    Ok(root)
}

fn content(object: &Object) -> io::Result<String> {
    fs::read_to_string(object.path.join("db/file"))
}

/// [`content`] of a snapshot.
fn content_of(ground: &dyn Ground, snapshot: &Object) -> Result<String, Breach> {
    ground.storage().mount(snapshot)?;
    Ok(content(snapshot)?)
}

/// A snapshot and a clone of it in the `incoming/` of one run.
fn branch(ground: &dyn Ground, root: &Path, number: u64) -> Result<(Object, Object), Breach> {
    let storage = ground.storage();
    let snapshot = storage.snapshot(root, &incoming(number, Role::Snapshot)?)?;
    let clone = storage.clone_of(&snapshot, &incoming(number, Role::Clone)?)?;
    Ok((snapshot, clone))
}

fn settled(ground: &dyn Ground, object: &Object, env: &str, role: Role) -> Result<Object, Breach> {
    let place = environment(env, role)?;
    Ok(ground
        .storage()
        .settle(object, &place, &mark_for(object, &place, 1)?)?)
}

/// A production root and a settled clone of it; the snapshot is gone.
fn one_branch(ground: &dyn Ground) -> Result<(PathBuf, Object), Breach> {
    let root = production(ground)?;
    let (snapshot, clone) = branch(ground, &root, 1)?;
    let clone = settled(ground, &clone, "fix-42", Role::Clone)?;
    ground.storage().destroy(&snapshot)?;
    Ok((root, clone))
}

fn mark_file(pool: &Path, id: &ObjectId) -> PathBuf {
    pool.join(".envclone/marks").join(format!("{}.json", id.0))
}

fn refused<T>(result: &Result<T, StorageError>, broken: &str) -> Outcome {
    hold(matches!(result, Err(StorageError::NotOurs { .. })), broken)
}
