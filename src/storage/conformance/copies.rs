//! Snapshots and clones: what they hold, what they are made of, and that they stand apart.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{
    Ground, Outcome, branch, content, content_of, hold, incoming, mark_for, name, one_branch, production,
    refused, settled,
};
use crate::storage::{Place, Role, StorageError};

pub(super) fn snapshot_is_of_one_instant(ground: &dyn Ground) -> Outcome {
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
    hold(
        content_of(ground, &snapshot)? == "one",
        "a later write is in the snapshot",
    )?;
    hold(
        !snapshot.path.join("later").exists(),
        "a later file is in the snapshot",
    )
}

pub(super) fn snapshot_is_read_only(ground: &dyn Ground) -> Outcome {
    let root = production(ground)?;
    let snapshot = ground.storage().snapshot(&root, &incoming(1, Role::Snapshot)?)?;
    if ground.enforces_read_only() {
        ground.storage().mount(&snapshot)?;
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

pub(super) fn clone_is_isolated(ground: &dyn Ground) -> Outcome {
    let root = production(ground)?;
    let (snapshot, clone) = branch(ground, &root, 1)?;
    fs::write(clone.path.join("db/file"), "clone")?;
    hold(
        fs::read_to_string(root.join("db/file"))? == "one",
        "the root sees a write of the clone",
    )?;
    hold(
        content_of(ground, &snapshot)? == "one",
        "the snapshot sees a write of the clone",
    )?;
    fs::write(root.join("db/file"), "root")?;
    hold(content(&clone)? == "clone", "the clone sees a write of the root")?;
    ground.storage().destroy(&snapshot)?;
    hold(content(&clone)? == "clone", "the clone died with its snapshot")
}

pub(super) fn clone_of_a_clone_in_any_order(ground: &dyn Ground) -> Outcome {
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

pub(super) fn odd_roots_are_refused(ground: &dyn Ground) -> Outcome {
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
        )?,
        Err(StorageError::Zfs(error)) => hold(
            error.to_string().contains("db/nested one"),
            "the nested root is not named by its path",
        )?,
        _ => hold(false, "a nested root was overlooked")?,
    }
    Ok(ground.remove_root(&root.join("db/nested one"))?)
}

pub(super) fn taken_place_is_refused(ground: &dyn Ground) -> Outcome {
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
    storage.mount(&snapshot)?;
    hold(
        fs::read_dir(&snapshot.path)?.count() == 1,
        "something was put into the snapshot",
    )
}

pub(super) fn writable_is_no_snapshot(ground: &dyn Ground) -> Outcome {
    let (_, clone) = one_branch(ground)?;
    let place = incoming(2, Role::Clone)?;
    refused(
        &ground.storage().clone_of(&clone, &place),
        "a writable object was cloned from",
    )
}

pub(super) fn names_at_their_limits(ground: &dyn Ground) -> Outcome {
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
    let settled = super::settled(ground, &clone, "7", Role::Clone)?;
    ground.storage().destroy(&settled)?;
    Ok(())
}

pub(super) fn links_are_not_followed(ground: &dyn Ground) -> Outcome {
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

pub(super) fn usage_is_told(ground: &dyn Ground) -> Outcome {
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

pub(super) fn shared_files_are_told(ground: &dyn Ground) -> Outcome {
    const PAGE: usize = 8192;
    let root = production(ground)?;
    // Too long to lie within the tree's own nodes.
    let pages = vec![7_u8; 64 * PAGE];
    for name in ["untouched", "in-place", "anew"] {
        fs::write(root.join("db").join(name), &pages)?;
        fs::File::open(root.join("db").join(name))?.sync_all()?;
    }
    let (_, clone) = branch(ground, &root, 1)?;
    let db = clone.path.join("db");
    // As an `UPDATE` does it: some pages change, the others are production's still.
    let in_place = fs::OpenOptions::new().write(true).open(db.join("in-place"))?;
    in_place.write_all_at(&[8; PAGE], 0)?;
    in_place.sync_all()?;
    fs::remove_file(db.join("anew"))?;
    fs::write(db.join("anew"), &pages)?;
    fs::File::open(db.join("anew"))?.sync_all()?;
    let files = ["untouched", "in-place", "anew"].map(|name| Path::new("db").join(name));
    let shared = ground.storage().shared(&clone, &files)?;
    hold(
        shared.is_none_or(|shared| shared == files[..2]),
        "what is shared and what is not was not told apart",
    )
}
