//! Marks, places and destruction: only what is ours goes, and all of it.

use std::fs;
use std::io;

use super::{
    Ground, Outcome, branch, content, content_of, environment, hold, incoming, mark_for, one_branch,
    production, refused, run, settled,
};
use crate::storage::{Object, ObjectId, Role, StorageError, ZfsError};

pub(super) fn settle_marks_and_moves(ground: &dyn Ground) -> Outcome {
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
    hold(settled.path == ground.path_at(&place), "it is at another path")?;
    hold(
        !clone.path.exists() && content(&settled)? == "one",
        "the files were not moved",
    )?;
    fs::write(settled.path.join("db/file"), "written")?;
    let checkpoint = storage.snapshot(&settled.path, &incoming(2, Role::Checkpoint)?)?;
    let checkpoint = super::settled(ground, &checkpoint, "fix-42", Role::Checkpoint)?;
    hold(
        content_of(ground, &checkpoint)? == "written",
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

pub(super) fn settle_is_idempotent(ground: &dyn Ground) -> Outcome {
    let root = production(ground)?;
    let (snapshot, clone) = branch(ground, &root, 1)?;
    for (object, role) in [(clone, Role::Clone), (snapshot, Role::Checkpoint)] {
        let place = environment("fix-42", role)?;
        let mark = mark_for(&object, &place, 1)?;
        let first = ground.storage().settle(&object, &place, &mark)?;
        let second = ground.storage().settle(&object, &place, &mark)?;
        hold(
            first == second && content_of(ground, &second)? == "one",
            "the second time differs",
        )?;
    }
    Ok(())
}

pub(super) fn settle_refuses(ground: &dyn Ground) -> Outcome {
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
    hold(!ground.is_marked(&second), "a refused settle left a mark")?;
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

pub(super) fn marked_but_not_moved_is_discarded(ground: &dyn Ground) -> Outcome {
    let root = production(ground)?;
    let (_, clone) = branch(ground, &root, 1)?;
    let mark = mark_for(&clone, &environment("fix-42", Role::Clone)?, 1)?;
    ground.put_mark(&clone, &mark)?;
    ground.storage().discard_incoming(&run(1)?)?;
    hold(
        !clone.path.exists() && !ground.is_marked(&clone),
        "something is left",
    )
}

pub(super) fn destroy_removes_all(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let (root, clone) = one_branch(ground)?;
    hold(ground.is_marked(&clone), "there was no mark")?;
    storage.destroy(&clone)?;
    hold(
        !clone.path.exists() && !ground.is_marked(&clone),
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

pub(super) fn destroy_refuses_handmade(ground: &dyn Ground) -> Outcome {
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
    )?;
    Ok(ground.remove_root(&clone.path)?)
}

pub(super) fn destroy_refuses_wrong_id(ground: &dyn Ground) -> Outcome {
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

pub(super) fn destroy_refuses_unmarked(ground: &dyn Ground) -> Outcome {
    let (_, clone) = one_branch(ground)?;
    ground.unmark(&clone)?;
    refused(
        &ground.storage().destroy(&clone),
        "an object without a mark was destroyed",
    )?;
    hold(content(&clone)? == "one", "the object is gone")
}

pub(super) fn forged_mark_counts_for_nothing(ground: &dyn Ground) -> Outcome {
    let (_, clone) = one_branch(ground)?;
    let inside = clone.path.join(".envclone/marks");
    fs::create_dir_all(&inside)?;
    let mark = mark_for(&clone, &environment("fix-42", Role::Clone)?, 1)?;
    let bytes = serde_json::to_vec(&mark).map_err(io::Error::from)?;
    fs::write(inside.join(format!("{}.json", clone.id.0)), bytes)?;
    ground.unmark(&clone)?;
    refused(
        &ground.storage().destroy(&clone),
        "a mark inside the volume was believed",
    )
}

pub(super) fn destroy_refuses_other_paths(ground: &dyn Ground) -> Outcome {
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

pub(super) fn stale_destroy_spares_the_settled(ground: &dyn Ground) -> Outcome {
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

pub(super) fn nested_root_in_a_clone(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let (_, clone) = one_branch(ground)?;
    fs::create_dir(clone.path.join("deep"))?;
    for inner in ground.odd_nested() {
        ground.make_root(&clone.path.join(inner))?;
        fs::write(clone.path.join(inner).join("file"), "kept")?;
    }
    if ground.users_nest() {
        storage.destroy(&clone)?;
        return hold(!clone.path.exists(), "the clone is left");
    }
    let refused = storage.destroy(&clone);
    hold(
        matches!(refused, Err(StorageError::Zfs(ZfsError::Dependents { .. }))),
        "what a person made inside of a clone was not named",
    )?;
    for inner in ground.odd_nested() {
        let kept = fs::read_to_string(clone.path.join(inner).join("file"))?;
        hold(kept == "kept", "what a person made inside of a clone was harmed")?;
    }
    hold(content(&clone)? == "one", "a refused clone was harmed")?;
    for inner in ground.odd_nested().iter().rev() {
        ground.remove_root(&clone.path.join(inner))?;
    }
    storage.destroy(&clone)?;
    hold(!clone.path.exists(), "the clone is left")
}

pub(super) fn discard_is_idempotent(ground: &dyn Ground) -> Outcome {
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
    hold(content_of(ground, &other)? == "one", "another run was harmed")?;
    hold(
        fs::read_to_string(root.join("db/file"))? == "one",
        "the root was harmed",
    )
}

pub(super) fn discard_of_unknown_run(ground: &dyn Ground) -> Outcome {
    let (_, clone) = one_branch(ground)?;
    ground.storage().discard_incoming(&run(99)?)?;
    hold(content(&clone)? == "one", "an environment was harmed")
}
