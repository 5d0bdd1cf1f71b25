//! What is taken out of a clone's files while no server runs on it.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use crate::engine::{EngineError, ServiceSetup};
use crate::storage::{Descend, Kind, Volume, VolumeError};

use super::identify::Identity;
use super::layout;

/// What belongs to a data directory. Anything else at its top (keys, dumps, logs, passwords of tools) is no part of
/// the database and does not come along.
const BELONGS: [&str; 22] = [
    "PG_VERSION",
    "base",
    "global",
    "pg_commit_ts",
    "pg_dynshmem",
    "pg_logical",
    "pg_multixact",
    "pg_notify",
    "pg_replslot",
    "pg_serial",
    "pg_snapshots",
    "pg_stat",
    "pg_stat_tmp",
    "pg_subtrans",
    "pg_tblspc",
    "pg_twophase",
    "pg_wal",
    "pg_xact",
    "postgresql.auto.conf",
    "postgresql.conf",
    "pg_hba.conf",
    "pg_ident.conf",
];

/// Directories whose contents must go: replication slots, logical decoding's spill, statement texts, leftovers.
const EMPTIED: [&str; 10] = [
    "pg_replslot",
    "pg_stat_tmp",
    "pg_stat",
    "pg_dynshmem",
    "pg_snapshots",
    "pg_notify",
    "pg_logical/mappings",
    "pg_logical/snapshots",
    "pg_wal/archive_status",
    "pg_wal/summaries",
];

/// Configuration inside the data directory: it may hold secrets, and the server reads envclone's own.
const REPLACED: [&str; 4] = [
    "postgresql.conf",
    "postgresql.auto.conf",
    "pg_hba.conf",
    "pg_ident.conf",
];

/// `ALTER SYSTEM` writes much less; a longer file, or what is none, was put there by something else.
const SETTINGS_LIMIT: u64 = 1 << 20;

/// Seals the files of a clone before its first start. Returns what was removed beyond the usual, for the receipt.
///
/// # Errors
/// [`EngineError::LeavesVolume`] names a tablespace or a link that leaves the volume.
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
    let keep = refuse_links_that_leave(volume, setup)?;
    let mut removed =
        remove_strangers(volume, setup, &keep).map_err(files("removing what is no part of the data"))?;
    for directory in EMPTIED {
        let path = setup.data.join(directory);
        if volume.exists(&path).map_err(files("looking for a directory"))? {
            volume.empty_dir(&path).map_err(files("emptying a directory"))?;
        }
    }
    for name in REPLACED {
        let path = setup.data.join(name);
        if volume
            .exists(&path)
            .map_err(files("looking for a configuration file"))?
        {
            volume
                .remove_tree(&path)
                .map_err(files("removing a configuration file"))?;
        }
        let text = b"# envclone keeps the configuration of this server outside of its data.\n";
        volume
            .write_new(&path, text, identity.account.uid, identity.account.gid, 0o600)
            .map_err(files("writing an empty configuration file"))?;
    }
    remove_temporary(volume, setup).map_err(files("removing temporary files"))?;
    removed.sort();
    Ok(removed)
}

/// Removes what a server that was killed leaves behind and what would make it follow another one. For a branch that is
/// started again: its other files are its users' by now, and stay.
///
/// # Errors
/// [`EngineError::Volume`].
pub fn clear_stale(volume: &Volume, setup: &ServiceSetup) -> Result<(), EngineError> {
    let files = |source| EngineError::Volume {
        service: setup.name.clone(),
        action: "removing stale files",
        source,
    };
    for name in [
        "postmaster.pid",
        "standby.signal",
        "recovery.signal",
        "backup_label",
        "tablespace_map",
    ] {
        let path = setup.data.join(name);
        if volume.exists(&path).map_err(files)? {
            volume.remove_tree(&path).map_err(files)?;
        }
    }
    // The server reads it to its end before it does anything else.
    let settings = setup.data.join("postgresql.auto.conf");
    if volume.exists(&settings).map_err(files)? {
        let found = volume.metadata(&settings).map_err(files)?;
        if found.kind != Kind::File || found.size > SETTINGS_LIMIT {
            volume.remove_tree(&settings).map_err(files)?;
        }
    }
    Ok(())
}

/// Removes what a clean stop leaves behind that may hold originals: statement texts and statistics.
///
/// # Errors
/// [`EngineError::Volume`].
pub fn after_stop(volume: &Volume, setup: &ServiceSetup) -> Result<(), EngineError> {
    let files = |action| {
        move |source| EngineError::Volume {
            service: setup.name.clone(),
            action,
            source,
        }
    };
    for directory in ["pg_stat", "pg_stat_tmp", "pg_replslot", "pg_wal/archive_status"] {
        let path = setup.data.join(directory);
        if volume.exists(&path).map_err(files("looking for a directory"))? {
            volume.empty_dir(&path).map_err(files("emptying a directory"))?;
        }
    }
    remove_temporary(volume, setup).map_err(files("removing temporary files"))
}

/// Links inside the volume: a tablespace's and that of `pg_wal` may lead to another place of the volume; every other
/// link, and every one that leaves, is refused by name. Returns the directories that they lead to.
fn refuse_links_that_leave(volume: &Volume, setup: &ServiceSetup) -> Result<Vec<PathBuf>, EngineError> {
    let files = |action| {
        move |source| EngineError::Volume {
            service: setup.name.clone(),
            action,
            source,
        }
    };
    let leaves = |message: String| EngineError::LeavesVolume {
        service: setup.name.clone(),
        message,
    };
    let mut links = Vec::new();
    volume
        .walk(&setup.data, |path, found| {
            if found.entry.kind == Kind::Symlink {
                links.push(path.to_owned());
            }
            Ok::<_, VolumeError>(Descend::Into)
        })
        .map_err(files("looking for symbolic links"))?;
    let mut targets = Vec::new();
    for link in links {
        let target = volume
            .link_target(&link)
            .map_err(files("reading a symbolic link"))?;
        let below_data = link.strip_prefix(&setup.data).unwrap_or(&link);
        let tablespace = below_data.parent() == Some(Path::new("pg_tblspc"));
        if !tablespace && below_data != Path::new("pg_wal") {
            if is_top_level_stranger(below_data) {
                continue;
            }
            return Err(leaves(format!(
                "{} is a symbolic link to {}; envclone follows none in a data directory",
                below_data.display(),
                target.display()
            )));
        }
        let inside = target
            .strip_prefix(&setup.path)
            .ok()
            .filter(|rest| is_plain(rest) && !rest.as_os_str().is_empty());
        let Some(inside) = inside else {
            let what = if tablespace {
                "the tablespace"
            } else {
                "the WAL directory"
            };
            return Err(leaves(format!(
                "{what} {} leads to {}, outside of the volume {}; move it below the volume, then branch again",
                below_data.display(),
                target.display(),
                setup.path.display()
            )));
        };
        targets.push(inside.to_owned());
    }
    Ok(targets)
}

fn is_plain(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

fn is_top_level_stranger(below_data: &Path) -> bool {
    let mut parts = below_data.components();
    let first = parts.next().and_then(|part| part.as_os_str().to_str());
    !first.is_some_and(|name| BELONGS.contains(&name))
}

/// Removes what lies beside or in the data directory without belonging to it.
fn remove_strangers(
    volume: &Volume,
    setup: &ServiceSetup,
    keep: &[PathBuf],
) -> Result<Vec<String>, VolumeError> {
    let mut removed = Vec::new();
    for entry in volume.read_dir(&setup.data)? {
        let known = entry.name.to_str().is_some_and(|name| BELONGS.contains(&name));
        let path = setup.data.join(&entry.name);
        if !known && !leads_to_any(&path, keep) {
            volume.remove_tree(&path)?;
            removed.push(path.display().to_string());
        }
    }
    for directory in layout::NAMED {
        removed.extend(remove_from(volume, setup, directory, keep)?);
    }
    for ancestor in setup.data.ancestors().skip(1) {
        for entry in volume.read_dir(ancestor)? {
            let path = ancestor.join(&entry.name);
            if !setup.data.starts_with(&path) && !leads_to_any(&path, keep) {
                volume.remove_tree(&path)?;
                removed.push(path.display().to_string());
            }
        }
    }
    Ok(removed)
}

/// Removes what no server puts into one of its own directories.
fn remove_from(
    volume: &Volume,
    setup: &ServiceSetup,
    directory: &str,
    keep: &[PathBuf],
) -> Result<Vec<String>, VolumeError> {
    let mut strange = Vec::new();
    let directory = setup.data.join(directory);
    // A link to a directory that comes along, which was looked at as what it leads to.
    if volume.metadata(&directory)?.kind != Kind::Dir {
        return Ok(Vec::new());
    }
    volume.walk(directory, |path, _| {
        let below_data = path.strip_prefix(&setup.data).unwrap_or(path);
        if layout::belongs(below_data) || leads_to_any(path, keep) {
            return Ok::<_, VolumeError>(Descend::Into);
        }
        strange.push(path.to_owned());
        Ok(Descend::Past)
    })?;
    for path in &strange {
        volume.remove_tree(path)?;
    }
    Ok(strange.iter().map(|path| path.display().to_string()).collect())
}

/// Whether `path` is, holds or lies in one of the directories to keep.
fn leads_to_any(path: &Path, keep: &[PathBuf]) -> bool {
    keep.iter()
        .any(|kept| kept.starts_with(path) || path.starts_with(kept))
}

/// Temporary files of queries, and whatever is neither file, directory nor link below `base`.
fn remove_temporary(volume: &Volume, setup: &ServiceSetup) -> Result<(), VolumeError> {
    let mut doomed = Vec::new();
    for place in ["base", "global", "pg_tblspc"] {
        let root = setup.data.join(place);
        if !volume.exists(&root)? {
            continue;
        }
        volume.walk(&root, |path, found| {
            let temporary = path.file_name() == Some(OsStr::new("pgsql_tmp"));
            if temporary || found.entry.kind == Kind::Other {
                doomed.push(path.to_owned());
                return Ok::<_, VolumeError>(Descend::Past);
            }
            Ok(Descend::Into)
        })?;
    }
    for path in doomed {
        if volume.exists(&path)? {
            volume.remove_tree(&path)?;
        }
    }
    Ok(())
}
