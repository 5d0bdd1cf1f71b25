//! What every driver must do, as checks that run on any [`Ground`].
//!
//! Called by tests only: on `memory` with every build, on a real Btrfs pool in `tests/live`. Each check gets a ground
//! of its own and says in words what is broken.

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
        snapshot_is_of_one_instant,
    ),
    ("a snapshot is read-only", snapshot_is_read_only),
    (
        "a clone and its origin do not see each other's writes",
        clone_is_isolated,
    ),
    (
        "a branch of a branch stands on its own",
        clone_of_a_clone_in_any_order,
    ),
    ("what is settled is owned, with its mark", settle_marks_and_moves),
    ("settling twice changes nothing", settle_is_idempotent),
    (
        "settling refuses a taken place and a foreign mark",
        settle_refuses,
    ),
    (
        "an interrupted settle leaves what its run can discard",
        marked_but_not_moved_is_discarded,
    ),
    ("destroying removes object and mark", destroy_removes_all),
    ("destroy refuses what was made by hand", destroy_refuses_handmade),
    ("destroy refuses another identity", destroy_refuses_wrong_id),
    ("destroy refuses what lost its mark", destroy_refuses_unmarked),
    (
        "a mark inside the volume counts for nothing",
        forged_mark_counts_for_nothing,
    ),
    (
        "destroy refuses paths that are no places",
        destroy_refuses_other_paths,
    ),
    (
        "a late destroy of the incoming path spares the settled object",
        stale_destroy_spares_the_settled,
    ),
    (
        "a root nested in a clone does not block its destruction",
        nested_does_not_block,
    ),
    (
        "a root with a nested one, a directory, a link and nothing are refused as roots",
        odd_roots_are_refused,
    ),
    ("a taken place is not snapshotted into", taken_place_is_refused),
    ("a writable object is not cloned from", writable_is_no_snapshot),
    ("names at their limits work", names_at_their_limits),
    ("20 clones stand side by side", twenty_clones),
    (
        "discarding a run is repeatable and spares other runs",
        discard_is_idempotent,
    ),
    ("discarding an unknown run does nothing", discard_of_unknown_run),
    ("links in a root are copied, not followed", links_are_not_followed),
    ("usage says something", usage_is_told),
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

fn mark_file(ground: &dyn Ground, id: &ObjectId) -> PathBuf {
    ground
        .pool()
        .join(".envclone/marks")
        .join(format!("{}.json", id.0))
}

fn refused<T>(result: &Result<T, StorageError>, broken: &str) -> Outcome {
    hold(matches!(result, Err(StorageError::NotOurs { .. })), broken)
}

fn snapshot_is_of_one_instant(ground: &dyn Ground) -> Outcome {
    let root = production(ground)?;
    let facts = ground.storage().inspect(&root)?;
    hold(facts.warnings.is_empty(), "a plain root has warnings")?;
    let snapshot = ground.storage().snapshot(&root, &incoming(1, Role::Snapshot)?)?;
    hold(
        snapshot.id != facts.id,
        "the snapshot has the identity of its root",
    )?;
    fs::write(root.join("db/file"), "two")?;
    fs::write(root.join("later"), "")?;
    hold(content(&snapshot)? == "one", "a later write is in the snapshot")?;
    hold(
        !snapshot.path.join("later").exists(),
        "a later file is in the snapshot",
    )
}

fn snapshot_is_read_only(ground: &dyn Ground) -> Outcome {
    let root = production(ground)?;
    let snapshot = ground.storage().snapshot(&root, &incoming(1, Role::Snapshot)?)?;
    if ground.enforces_read_only() {
        hold(
            fs::write(snapshot.path.join("db/file"), "x").is_err(),
            "a snapshot was written to",
        )?;
        let settled = settled(ground, &snapshot, "fix-42", Role::Checkpoint)?;
        let written = fs::write(settled.path.join("db/file"), "x");
        hold(written.is_err(), "a settled checkpoint was written to")?;
    }
    Ok(())
}

fn clone_is_isolated(ground: &dyn Ground) -> Outcome {
    let root = production(ground)?;
    let (snapshot, clone) = branch(ground, &root, 1)?;
    fs::write(clone.path.join("db/file"), "clone")?;
    hold(
        fs::read_to_string(root.join("db/file"))? == "one",
        "the root sees a write of the clone",
    )?;
    hold(
        content(&snapshot)? == "one",
        "the snapshot sees a write of the clone",
    )?;
    fs::write(root.join("db/file"), "root")?;
    hold(content(&clone)? == "clone", "the clone sees a write of the root")?;
    ground.storage().destroy(&snapshot)?;
    hold(content(&clone)? == "clone", "the clone died with its snapshot")
}

fn clone_of_a_clone_in_any_order(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let (root, first) = one_branch(ground)?;
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let checkpoint = storage.snapshot(&first.path, &incoming(2, Role::Checkpoint)?)?;
        let second = storage.clone_of(&checkpoint, &incoming(2, Role::Clone)?)?;
        let third = storage.snapshot(&second.path, &incoming(3, Role::Snapshot)?)?;
        let objects = [checkpoint, second, third];
        for at in order {
            storage.destroy(&objects[at])?;
        }
        hold(content(&first)? == "one", "the first clone was harmed")?;
    }
    hold(
        fs::read_to_string(root.join("db/file"))? == "one",
        "the root was harmed",
    )
}

fn settle_marks_and_moves(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let root = production(ground)?;
    let (snapshot, clone) = branch(ground, &root, 1)?;
    let place = environment("fix-42", Role::Clone)?;
    let mark = mark_for(&clone, &place, 1)?;
    let settled = storage.settle(&clone, &place, &mark)?;
    hold(
        settled.id == clone.id && settled.path != clone.path,
        "it was not moved under its identity",
    )?;
    hold(
        settled.path == ground.pool().join(".envclone/env/shop/fix-42/clone"),
        "it is at another path",
    )?;
    hold(
        !clone.path.exists() && content(&settled)? == "one",
        "the files were not moved",
    )?;
    fs::write(settled.path.join("db/file"), "written")?;
    let checkpoint = storage.snapshot(&settled.path, &incoming(2, Role::Checkpoint)?)?;
    let checkpoint = self::settled(ground, &checkpoint, "fix-42", Role::Checkpoint)?;
    hold(
        content(&checkpoint)? == "written",
        "the checkpoint holds something else",
    )?;
    let owned = storage.owned()?;
    hold(owned.len() == 3, "owned() does not list what there is")?;
    let found = |id: &ObjectId| owned.iter().find(|owned| owned.object.id == *id);
    let listed = found(&settled.id).is_some_and(|o| o.mark.as_ref() == Some(&mark) && o.object == settled);
    hold(listed, "the clone is not listed with its mark")?;
    let listed =
        found(&snapshot.id).is_some_and(|o| o.mark.is_none() && o.incoming.as_ref() == run(1).ok().as_ref());
    hold(listed, "the snapshot is not listed with its run")
}

fn settle_is_idempotent(ground: &dyn Ground) -> Outcome {
    let root = production(ground)?;
    let (snapshot, clone) = branch(ground, &root, 1)?;
    for (object, role) in [(clone, Role::Clone), (snapshot, Role::Checkpoint)] {
        let place = environment("fix-42", role)?;
        let mark = mark_for(&object, &place, 1)?;
        let first = ground.storage().settle(&object, &place, &mark)?;
        let second = ground.storage().settle(&object, &place, &mark)?;
        hold(
            first == second && content(&second)? == "one",
            "the second time differs",
        )?;
    }
    Ok(())
}

fn settle_refuses(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let root = production(ground)?;
    let (_, first) = branch(ground, &root, 1)?;
    let (_, second) = branch(ground, &root, 2)?;
    settled(ground, &first, "fix-42", Role::Clone)?;
    let place = environment("fix-42", Role::Clone)?;
    let taken = storage.settle(&second, &place, &mark_for(&second, &place, 2)?);
    hold(
        matches!(taken, Err(StorageError::Exists { .. })),
        "a taken place was given away",
    )?;
    hold(
        !mark_file(ground, &second.id).exists(),
        "a refused settle left a mark",
    )?;
    let other = environment("other", Role::Clone)?;
    refused(
        &storage.settle(&second, &other, &mark_for(&second, &place, 2)?),
        "the mark names another place",
    )?;
    refused(
        &storage.settle(&second, &other, &mark_for(&first, &other, 2)?),
        "the mark is of another object",
    )?;
    hold(content(&second)? == "one", "the refused object was moved")
}

fn marked_but_not_moved_is_discarded(ground: &dyn Ground) -> Outcome {
    let root = production(ground)?;
    let (_, clone) = branch(ground, &root, 1)?;
    let mark = mark_for(&clone, &environment("fix-42", Role::Clone)?, 1)?;
    let bytes = serde_json::to_vec(&mark).map_err(io::Error::from)?;
    fs::write(mark_file(ground, &clone.id), bytes)?;
    ground.storage().discard_incoming(&run(1)?)?;
    hold(
        !clone.path.exists() && !mark_file(ground, &clone.id).exists(),
        "something is left",
    )
}

fn destroy_removes_all(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let (root, clone) = one_branch(ground)?;
    hold(mark_file(ground, &clone.id).exists(), "there was no mark")?;
    storage.destroy(&clone)?;
    hold(
        !clone.path.exists() && !mark_file(ground, &clone.id).exists(),
        "object or mark is left",
    )?;
    hold(storage.owned()?.is_empty(), "owned() still lists it")?;
    let again = storage.destroy(&clone);
    hold(
        matches!(again, Err(StorageError::NotFound { .. })),
        "a second destroy found something",
    )?;
    hold(
        fs::read_to_string(root.join("db/file"))? == "one",
        "the root was harmed",
    )
}

fn destroy_refuses_handmade(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let (_, clone) = one_branch(ground)?;
    storage.destroy(&clone)?;
    fs::create_dir_all(clone.path.parent().unwrap_or(&clone.path))?;
    ground.make_root(&clone.path)?;
    fs::write(clone.path.join("precious"), "")?;
    let id = storage.inspect(&clone.path)?.id;
    refused(
        &storage.destroy(&clone),
        "what was made by hand at the same path was destroyed",
    )?;
    let known = Object {
        id,
        path: clone.path.clone(),
    };
    refused(
        &storage.destroy(&known),
        "what bears no mark was destroyed by its identity",
    )?;
    hold(
        clone.path.join("precious").exists(),
        "a file made by hand is gone",
    )?;
    hold(
        storage.owned()?.is_empty(),
        "what was made by hand is listed as owned",
    )
}

fn destroy_refuses_wrong_id(ground: &dyn Ground) -> Outcome {
    let (root, clone) = one_branch(ground)?;
    let id = ground.storage().inspect(&root)?.id;
    let wrong = Object {
        id,
        path: clone.path.clone(),
    };
    refused(
        &ground.storage().destroy(&wrong),
        "an object was destroyed under another identity",
    )?;
    hold(content(&clone)? == "one", "the object is gone")
}

fn destroy_refuses_unmarked(ground: &dyn Ground) -> Outcome {
    let (_, clone) = one_branch(ground)?;
    fs::remove_file(mark_file(ground, &clone.id))?;
    refused(
        &ground.storage().destroy(&clone),
        "an object without a mark was destroyed",
    )?;
    hold(content(&clone)? == "one", "the object is gone")
}

fn forged_mark_counts_for_nothing(ground: &dyn Ground) -> Outcome {
    let (_, clone) = one_branch(ground)?;
    let inside = clone.path.join(".envclone/marks");
    fs::create_dir_all(&inside)?;
    let mark = mark_file(ground, &clone.id);
    fs::copy(&mark, inside.join(mark.file_name().unwrap_or_default()))?;
    fs::remove_file(&mark)?;
    refused(
        &ground.storage().destroy(&clone),
        "a mark inside the volume was believed",
    )
}

fn destroy_refuses_other_paths(ground: &dyn Ground) -> Outcome {
    let (root, clone) = one_branch(ground)?;
    let id = ground.storage().inspect(&root)?.id;
    let inside = clone.path.join("db");
    let roundabout = clone.path.join("../clone");
    for path in [root.clone(), ground.pool().to_owned(), inside, roundabout] {
        let destroyed = ground.storage().destroy(&Object {
            id: id.clone(),
            path: path.clone(),
        });
        refused(&destroyed, "a path that is no place was accepted")?;
    }
    hold(
        fs::read_to_string(root.join("db/file"))? == "one",
        "the root was harmed",
    )
}

fn stale_destroy_spares_the_settled(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let root = production(ground)?;
    let (_, clone) = branch(ground, &root, 1)?;
    let settled = settled(ground, &clone, "fix-42", Role::Clone)?;
    let stale = storage.destroy(&clone);
    hold(
        matches!(stale, Err(StorageError::NotFound { .. })),
        "the incoming path was still there",
    )?;
    hold(content(&settled)? == "one", "the settled object is gone")?;
    storage.destroy(&settled)?;
    Ok(())
}

fn nested_does_not_block(ground: &dyn Ground) -> Outcome {
    let (_, clone) = one_branch(ground)?;
    fs::create_dir(clone.path.join("deep"))?;
    for inner in [
        "nested",
        "deep/line\nID 5 gen 1 top level 5 path x",
        "nested/inner",
    ] {
        ground.make_root(&clone.path.join(inner))?;
        fs::write(clone.path.join(inner).join("file"), "")?;
    }
    ground.storage().destroy(&clone)?;
    hold(!clone.path.exists(), "the clone is left")
}

fn odd_roots_are_refused(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let root = production(ground)?;
    let not_a_root = storage.inspect(&root.join("db"));
    hold(
        matches!(not_a_root, Err(StorageError::NotARoot { .. })),
        "a directory was taken for a root",
    )?;
    let file = storage.inspect(&root.join("db/file"));
    hold(
        matches!(file, Err(StorageError::NotARoot { .. })),
        "a file was taken for a root",
    )?;
    let nothing = storage.inspect(&root.join("nothing"));
    hold(
        matches!(nothing, Err(StorageError::NotFound { .. })),
        "nothing was taken for a root",
    )?;
    let link = ground.pool().join("link");
    std::os::unix::fs::symlink(&root, &link)?;
    hold(storage.inspect(&link).is_err(), "a link was taken for a root")?;
    let at = storage.snapshot(&root.join("db"), &incoming(1, Role::Snapshot)?);
    hold(
        matches!(at, Err(StorageError::NotARoot { .. })),
        "a directory was snapshotted",
    )?;
    ground.make_root(&root.join("db/nested one"))?;
    match storage.inspect(&root) {
        Err(StorageError::Nested { nested, .. }) => hold(
            nested == ["db/nested one"],
            "the nested root is not named by its path in the root",
        ),
        _ => hold(false, "a nested root was overlooked"),
    }
}

fn taken_place_is_refused(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let root = production(ground)?;
    let place = incoming(1, Role::Snapshot)?;
    let snapshot = storage.snapshot(&root, &place)?;
    let again = storage.snapshot(&root, &place);
    hold(
        matches!(again, Err(StorageError::Exists { .. })),
        "a taken place was snapshotted into",
    )?;
    let again = storage.clone_of(&snapshot, &place);
    hold(
        matches!(again, Err(StorageError::Exists { .. })),
        "a taken place was cloned into",
    )?;
    hold(
        fs::read_dir(&snapshot.path)?.count() == 1,
        "something was put into the snapshot",
    )
}

fn writable_is_no_snapshot(ground: &dyn Ground) -> Outcome {
    let (_, clone) = one_branch(ground)?;
    let place = incoming(2, Role::Clone)?;
    refused(
        &ground.storage().clone_of(&clone, &place),
        "a writable object was cloned from",
    )
}

fn names_at_their_limits(ground: &dyn Ground) -> Outcome {
    let root = production(ground)?;
    let long = "x".repeat(40);
    let (_, clone) = branch(ground, &root, u64::MAX)?;
    let place = Place::Environment {
        project: name(&long)?,
        name: name(&long)?,
        role: Role::Clone,
    };
    let mark = mark_for(&clone, &place, u64::MAX)?;
    let settled = ground.storage().settle(&clone, &place, &mark)?;
    ground.storage().destroy(&settled)?;
    let (_, clone) = branch(ground, &root, 0)?;
    let settled = self::settled(ground, &clone, "7", Role::Clone)?;
    ground.storage().destroy(&settled)?;
    Ok(())
}

fn twenty_clones(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let root = production(ground)?;
    let mut clones = Vec::new();
    for number in 0..20 {
        let (snapshot, clone) = branch(ground, &root, number)?;
        fs::write(clone.path.join("db/file"), number.to_string())?;
        clones.push(settled(ground, &clone, &format!("b{number}"), Role::Clone)?);
        storage.destroy(&snapshot)?;
    }
    for (number, clone) in clones.iter().enumerate() {
        hold(
            content(clone)? == number.to_string(),
            "a clone holds what another wrote",
        )?;
    }
    hold(storage.owned()?.len() == 20, "owned() does not list 20")?;
    clones.iter().try_for_each(|clone| storage.destroy(clone))?;
    hold(storage.owned()?.is_empty(), "something is left")
}

fn discard_is_idempotent(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let root = production(ground)?;
    let (snapshot, clone) = branch(ground, &root, 1)?;
    let (other, _) = branch(ground, &root, 2)?;
    for _ in 0..2 {
        storage.discard_incoming(&run(1)?)?;
        hold(
            !snapshot.path.exists() && !clone.path.exists(),
            "something of the run is left",
        )?;
    }
    hold(
        !ground
            .pool()
            .join(".envclone/incoming")
            .join(run(1)?.as_str())
            .exists(),
        "its directory is left",
    )?;
    hold(content(&other)? == "one", "another run was harmed")?;
    hold(
        fs::read_to_string(root.join("db/file"))? == "one",
        "the root was harmed",
    )
}

fn discard_of_unknown_run(ground: &dyn Ground) -> Outcome {
    let (_, clone) = one_branch(ground)?;
    ground.storage().discard_incoming(&run(99)?)?;
    hold(content(&clone)? == "one", "an environment was harmed")
}

fn links_are_not_followed(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let root = production(ground)?;
    let outside = ground.pool().join("outside");
    fs::create_dir(&outside)?;
    fs::write(outside.join("file"), "kept")?;
    std::os::unix::fs::symlink(&outside, root.join("db/link"))?;
    let (snapshot, clone) = branch(ground, &root, 1)?;
    hold(
        fs::read_link(clone.path.join("db/link"))? == outside,
        "the link was changed",
    )?;
    storage.destroy(&clone)?;
    storage.destroy(&snapshot)?;
    hold(
        fs::read_to_string(outside.join("file"))? == "kept",
        "what a link points to was harmed",
    )
}

fn usage_is_told(ground: &dyn Ground) -> Outcome {
    let usage = ground.storage().usage()?;
    hold(
        usage.total > 0 && usage.free <= usage.total,
        "usage makes no sense",
    )?;
    let (_, clone) = one_branch(ground)?;
    let exclusive = ground.storage().exclusive(&clone)?;
    hold(
        exclusive.is_none_or(|bytes| bytes <= usage.total),
        "exclusive bytes make no sense",
    )
}
