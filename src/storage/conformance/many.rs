//! Many clones, deep ones, trees of several volumes, odd names, and what all of it takes.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Breach, Ground, Outcome, branch, content, hold, incoming, one_branch, production, settled};
use crate::storage::{Descend, Kind, Role, Volume, VolumeError};

const CLONES: u64 = 100;
/// One of so many of them is settled.
const SETTLED: u64 = 10;
const GENERATIONS: usize = 20;
const VOLUMES: [&str; 2] = ["db", "uploads"];

pub(super) fn hundred_clones(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let root = production(ground)?;
    let snapshot = storage.snapshot(&root, &incoming(u64::MAX, Role::Snapshot)?)?;
    let mut clones = Vec::new();
    for number in 0..CLONES {
        let clone = storage.clone_of(&snapshot, &incoming(number, Role::Clone)?)?;
        fs::write(clone.path.join("db/file"), number.to_string())?;
        // The others stay where they were made.
        clones.push(match number % SETTLED {
            0 => settled(ground, &clone, &format!("b{number}"), Role::Clone)?,
            _ => clone,
        });
    }
    storage.destroy(&snapshot)?;
    for (number, clone) in clones.iter().enumerate() {
        hold(
            content(clone)? == number.to_string(),
            "a clone holds what another wrote",
        )?;
    }
    let owned = storage.owned()?.len();
    hold(owned == clones.len(), "owned() does not list all clones")?;
    clones.iter().try_for_each(|clone| storage.destroy(clone))?;
    hold(storage.owned()?.is_empty(), "something is left")?;
    hold(
        fs::read_to_string(root.join("db/file"))? == "one",
        "the root was harmed",
    )
}

/// Each is a clone of a snapshot of the one before. They go from the middle on, both ways.
pub(super) fn twenty_generations(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let (root, first) = one_branch(ground)?;
    let mut generations = vec![first];
    for number in 2..=GENERATIONS {
        let last = generations
            .last()
            .map(|last| last.path.clone())
            .unwrap_or_default();
        let (snapshot, clone) = branch(ground, &last, u64::try_from(number).unwrap_or_default())?;
        fs::write(clone.path.join("db/file"), number.to_string())?;
        generations.push(settled(ground, &clone, &format!("g{number}"), Role::Clone)?);
        storage.destroy(&snapshot)?;
    }
    let middle = GENERATIONS / 2;
    let order = (middle..GENERATIONS).chain((0..middle).rev());
    let mut gone = BTreeSet::new();
    for at in order {
        storage.destroy(&generations[at])?;
        gone.insert(at);
        for (number, one) in generations
            .iter()
            .enumerate()
            .filter(|(at, _)| !gone.contains(at))
        {
            let expected = if number == 0 {
                "one".to_owned()
            } else {
                (number + 1).to_string()
            };
            hold(content(one)? == expected, "a generation died with another")?;
        }
    }
    hold(storage.owned()?.is_empty(), "something is left")?;
    hold(
        fs::read_to_string(root.join("db/file"))? == "one",
        "the root was harmed",
    )
}

/// A root of several volumes with a file in each, and one in the root.
pub(super) fn root_of_volumes(ground: &dyn Ground) -> Result<PathBuf, Breach> {
    let root = ground.pool().join("production");
    ground.make_root_of(&root, &VOLUMES)?;
    fs::write(root.join("top"), "top")?;
    for volume in VOLUMES {
        fs::write(root.join(volume).join("file"), volume)?;
    }
    Ok(root)
}

fn files_of(path: &Path) -> Result<Vec<String>, VolumeError> {
    let mut found = Vec::new();
    Volume::open(path)?.walk("", |path, entry| {
        if entry.entry.kind == Kind::File {
            entry.open_file()?;
            found.push(path.display().to_string());
        }
        Ok::<_, VolumeError>(Descend::Into)
    })?;
    Ok(found)
}

pub(super) fn volumes_are_one_tree(ground: &dyn Ground) -> Outcome {
    let storage = ground.storage();
    let root = root_of_volumes(ground)?;
    storage.inspect(&root)?;
    let (snapshot, clone) = branch(ground, &root, 1)?;
    let clone = settled(ground, &clone, "fix-42", Role::Clone)?;
    let expected = ["db/file", "top", "uploads/file"];
    let seen = files_of(&clone.path).map_err(|error| Breach::Broken(error.to_string()))?;
    hold(
        seen == expected,
        "a volume of the clone is not seen from its root",
    )?;
    for volume in VOLUMES {
        let file = clone.path.join(volume).join("file");
        hold(
            fs::read_to_string(&file)? == volume,
            "a volume of the clone holds something else",
        )?;
        fs::write(&file, "clone")?;
        let original = fs::read_to_string(root.join(volume).join("file"))?;
        hold(original == volume, "the root sees a write of the clone")?;
        let control = clone.path.join(volume).join(".zfs/snapshot");
        hold(!control.exists(), "the way to snapshots is open in a volume")?;
    }
    hold(
        !clone.path.join(".zfs/snapshot").exists(),
        "the way to snapshots is open",
    )?;
    let checkpoint = storage.snapshot(&clone.path, &incoming(2, Role::Checkpoint)?)?;
    let checkpoint = settled(ground, &checkpoint, "fix-42", Role::Checkpoint)?;
    storage.destroy(&snapshot)?;
    // As after a crash of the host: a fresh clone of the checkpoint in the place of the clone.
    fs::write(clone.path.join("db/file"), "broken")?;
    storage.destroy(&clone)?;
    let again = storage.clone_of(&checkpoint, &incoming(1, Role::Clone)?)?;
    let again = settled(ground, &again, "fix-42", Role::Clone)?;
    hold(
        fs::read_to_string(again.path.join("db/file"))? == "clone",
        "the checkpoint does not hold what it was taken of",
    )?;
    storage.destroy(&again)?;
    storage.destroy(&checkpoint)?;
    hold(storage.owned()?.is_empty(), "something is left")
}

pub(super) fn odd_names(ground: &dyn Ground) -> Outcome {
    for (number, name) in ["a b", "x.y:z_-", "-rf", "UPPER", ".hidden"]
        .into_iter()
        .enumerate()
    {
        let root = ground.pool().join(name);
        ground.make_root(&root)?;
        fs::create_dir(root.join("db"))?;
        fs::write(root.join("db/file"), name)?;
        ground.storage().inspect(&root)?;
        let run = u64::try_from(number).unwrap_or_default();
        let (snapshot, clone) = branch(ground, &root, run)?;
        hold(
            content(&clone)? == name,
            "a root with an odd name is branched to something else",
        )?;
        ground.storage().destroy(&snapshot)?;
        ground.storage().destroy(&clone)?;
    }
    hold(ground.storage().owned()?.is_empty(), "something is left")
}

pub(super) fn bytes_are_accounted_for(ground: &dyn Ground) -> Outcome {
    const WRITTEN: usize = 8 << 20;
    let storage = ground.storage();
    let root = root_of_volumes(ground)?;
    // Not compressible, so that as much is stored as is written.
    let mut bytes = vec![0; WRITTEN];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    fs::write(root.join("uploads/shared"), &bytes)?;
    let (_, clone) = branch(ground, &root, 1)?;
    let mut file = File::create(clone.path.join("db/own"))?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    let (said, tools) = (storage.exclusive(&clone)?, ground.own_bytes(&clone)?);
    let (Some(said), Some(tools)) = (said, tools) else {
        return hold(said == tools, "bytes are told where no tool tells any");
    };
    let near = |one: u64, other: u64| one.abs_diff(other) * 20 <= other;
    hold(
        near(said, tools),
        "more than 5 % off from what the storage's own tool says",
    )?;
    let written = WRITTEN as u64;
    hold(
        said >= written / 20 * 19 && said <= written / 20 * 22,
        &format!("{said} bytes are told of a clone into which {written} were written"),
    )
}
