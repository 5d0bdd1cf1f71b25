//! What is taken out of a clone's files while no server runs on it.

use std::path::{Path, PathBuf};

use crate::engine::{EngineError, ServiceSetup};
use crate::storage::{Entry, Kind, Volume, VolumeError};

use super::frm;
use super::identify::{Identity, has_ending};
use super::layout::{belongs, belongs_to_database, is_database};

/// A definition of a table is smaller (`FRM_MAX_SIZE`).
const LARGEST_DEFINITION: u64 = 16 << 20;

/// Seals the files of a clone before its first start. Returns what was removed, for the receipt.
///
/// # Errors
/// [`EngineError::LeavesVolume`] names a link, or a table whose rows are kept elsewhere.
pub fn seal_offline(
    volume: &Volume,
    setup: &ServiceSetup,
    identity: &Identity,
) -> Result<Vec<String>, EngineError> {
    let files = |action| {
        move |source| EngineError::Volume {
            service: setup.name.clone(),
            action,
            source,
        }
    };
    let entries = volume
        .read_dir(&setup.data)
        .map_err(files("reading the data directory"))?;
    let mut databases = Vec::new();
    let mut removed = Vec::new();
    for entry in entries {
        let path = setup.data.join(&entry.name);
        match place_of(&entry, identity) {
            Place::Database => databases.push(path),
            Place::Data => {}
            Place::Strange => {
                volume
                    .remove_tree(&path)
                    .map_err(files("removing what is no part of the data"))?;
                removed.push(path.display().to_string());
            }
            Place::Link => return Err(is_link(volume, setup, &path)),
        }
    }
    for database in databases {
        removed.extend(seal_database(volume, setup, &database)?);
    }
    removed
        .extend(remove_beside(volume, setup).map_err(files("removing what lies beside the data directory"))?);
    removed.sort();
    Ok(removed)
}

/// What an entry of the data directory is.
enum Place {
    Database,
    Data,
    Strange,
    Link,
}

fn place_of(entry: &Entry, identity: &Identity) -> Place {
    let name = entry.name.to_str().unwrap_or_default();
    match entry.kind {
        Kind::Dir if is_database(name) => Place::Database,
        Kind::File if belongs(name) || is_of_log(name, identity) => Place::Data,
        // Where a database or a table space is to be.
        Kind::Symlink if belongs(name) || is_database(name) => Place::Link,
        _ => Place::Strange,
    }
}

/// Whether a file is of the binary log.
fn is_of_log(name: &str, identity: &Identity) -> bool {
    let Some(base) = &identity.binary_log else {
        return false;
    };
    name.strip_prefix(base.as_str())
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(|ending| {
            matches!(ending, "index" | "state") || ending.bytes().all(|byte| byte.is_ascii_digit())
        })
}

fn is_link(volume: &Volume, setup: &ServiceSetup, path: &Path) -> EngineError {
    let target = volume.link_target(path).unwrap_or_default();
    EngineError::LeavesVolume {
        service: setup.name.clone(),
        message: format!(
            "{} is a symbolic link to {}; envclone follows none in a data directory: move what it leads to there, then branch again",
            path.display(),
            target.display()
        ),
    }
}

/// Removes from the directory of a database what no server keeps there, and the definitions of tables whose rows are another
/// server's: how to log in there stands in them in plain text.
fn seal_database(volume: &Volume, setup: &ServiceSetup, database: &Path) -> Result<Vec<String>, EngineError> {
    let files = |action| {
        move |source| EngineError::Volume {
            service: setup.name.clone(),
            action,
            source,
        }
    };
    let (mut removed, mut orphans) = (Vec::new(), Vec::new());
    for entry in volume
        .read_dir(database)
        .map_err(files("reading the directory of a database"))?
    {
        let name = entry.name.to_str().unwrap_or_default();
        let path = database.join(&entry.name);
        if entry.kind == Kind::Symlink && belongs_to_database(name) {
            return Err(is_link(volume, setup, &path));
        }
        if has_ending(name, "isl") {
            return Err(EngineError::LeavesVolume {
                service: setup.name.clone(),
                message: format!(
                    "{} says that a table space lies elsewhere (DATA DIRECTORY); move it into the data directory, then branch again",
                    path.display()
                ),
            });
        }
        let gone = if entry.kind == Kind::File && belongs_to_database(name) {
            has_ending(name, "frm") && is_foreign(volume, &path).map_err(files("reading a definition"))?
        } else {
            true
        };
        if !gone {
            continue;
        }
        volume
            .remove_tree(&path)
            .map_err(files("removing what is no part of the data"))?;
        removed.push(path.display().to_string());
        if has_ending(name, "frm") {
            orphans.push(path.with_extension("TRG"));
        }
    }
    // Its triggers, whichever of the two was met first.
    for path in orphans {
        if volume.exists(&path).map_err(files("looking for triggers"))? {
            volume.remove_tree(&path).map_err(files("removing triggers"))?;
        }
    }
    Ok(removed)
}

fn is_foreign(volume: &Volume, path: &Path) -> Result<bool, VolumeError> {
    let bytes = volume.read(path, LARGEST_DEFINITION)?;
    Ok(frm::read(&bytes).is_some_and(|definition| definition.is_foreign()))
}

/// Removes what lies beside the data directory in its volume.
fn remove_beside(volume: &Volume, setup: &ServiceSetup) -> Result<Vec<String>, VolumeError> {
    let mut removed = Vec::new();
    for ancestor in setup.data.ancestors().skip(1) {
        for entry in volume.read_dir(ancestor)? {
            let path = ancestor.join(&entry.name);
            if !setup.data.starts_with(&path) {
                volume.remove_tree(&path)?;
                removed.push(path.display().to_string());
            }
        }
    }
    Ok(removed)
}

/// Removes what the first start leaves behind when it has ended cleanly: the binary log, which from now on there is none of, and
/// the log of Aria, which holds the accounts as production had them. Its control file stays: the tables refer to it.
///
/// # Errors
/// [`EngineError::Volume`].
pub fn purge_after_seal(
    volume: &Volume,
    setup: &ServiceSetup,
    identity: &Identity,
) -> Result<(), EngineError> {
    let files = |source| EngineError::Volume {
        service: setup.name.clone(),
        action: "removing the logs of the first start",
        source,
    };
    let mut doomed: Vec<PathBuf> = Vec::new();
    for entry in volume.read_dir(&setup.data).map_err(files)? {
        let name = entry.name.to_str().unwrap_or_default();
        let of_aria = name.starts_with("aria_log.") && belongs(name);
        let strange = entry.kind != Kind::Dir && !belongs(name);
        if of_aria || strange || is_of_log(name, identity) || matches!(name, "tc.log" | "ib_buffer_pool") {
            doomed.push(setup.data.join(&entry.name));
        }
    }
    doomed
        .iter()
        .try_for_each(|path| volume.remove_tree(path))
        .map_err(files)
}
