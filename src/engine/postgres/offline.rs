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
const EMPTIED: [&str; 8] = [
    "pg_replslot",
    "pg_stat_tmp",
    "pg_stat",
    "pg_dynshmem",
    "pg_snapshots",
    "pg_notify",
    "pg_logical/mappings",
    "pg_logical/snapshots",
];

/// The WAL, below the data directory: a directory, or a link to one.
const WAL: &str = "pg_wal";

/// The same in the directory of the WAL: what is to be archived, and what was changed since when.
const EMPTIED_OF_WAL: [&str; 2] = ["archive_status", "summaries"];

/// Configuration inside the data directory: it may hold secrets, and the server reads envclone's own.
const REPLACED: [&str; 4] = [
    "postgresql.conf",
    "postgresql.auto.conf",
    "pg_hba.conf",
    "pg_ident.conf",
];

/// `ALTER SYSTEM` writes much less; a longer file, or what is none, was put there by something else.
const SETTINGS_LIMIT: u64 = 1 << 20;

/// What sealing found out and did.
#[derive(Debug)]
pub struct SealedFiles {
    /// What was removed beyond the usual, for the receipt.
    pub removed: Vec<String>,
    /// The directory of the WAL in the volume. From here on it goes by this path: the link may be another one later.
    pub wal: PathBuf,
}

/// Links that were accepted, and where they lead in the volume.
#[derive(Debug, Default)]
struct Linked {
    wal: Option<PathBuf>,
    /// All of them, that of the WAL among them.
    targets: Vec<PathBuf>,
}

/// Seals the files of a clone before its first start.
///
/// # Errors
/// [`EngineError::LeavesVolume`] names a tablespace or a link that leaves the volume.
pub fn seal_offline(
    volume: &Volume,
    setup: &ServiceSetup,
    identity: &Identity,
) -> Result<SealedFiles, EngineError> {
    let files = |action| {
        move |source| EngineError::Volume {
            service: setup.name.clone(),
            action,
            source,
        }
    };
    let linked = refuse_links_that_leave(volume, setup)?;
    let mut removed =
        remove_strangers(volume, setup, &linked).map_err(files("removing what is no part of the data"))?;
    let wal = linked.wal.unwrap_or_else(|| setup.data.join(WAL));
    let of_data = EMPTIED.iter().map(|name| setup.data.join(name));
    empty(
        volume,
        of_data.chain(EMPTIED_OF_WAL.iter().map(|name| wal.join(name))),
    )
    .map_err(files("emptying a directory"))?;
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
    Ok(SealedFiles { removed, wal })
}

/// Empties those of the directories that are there.
fn empty(volume: &Volume, directories: impl IntoIterator<Item = PathBuf>) -> Result<(), VolumeError> {
    for directory in directories {
        if volume.exists(&directory)? {
            volume.empty_dir(&directory)?;
        }
    }
    Ok(())
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

/// Removes what a clean stop leaves behind that may hold originals: statement texts and statistics. `wal` is the directory of
/// [`SealedFiles`].
///
/// # Errors
/// [`EngineError::Volume`].
pub fn after_stop(volume: &Volume, setup: &ServiceSetup, wal: &Path) -> Result<(), EngineError> {
    let files = |action| {
        move |source| EngineError::Volume {
            service: setup.name.clone(),
            action,
            source,
        }
    };
    let of_data = ["pg_stat", "pg_stat_tmp", "pg_replslot"].map(|name| setup.data.join(name));
    empty(volume, of_data.into_iter().chain([wal.join("archive_status")]))
        .map_err(files("emptying a directory"))?;
    remove_temporary(volume, setup).map_err(files("removing temporary files"))
}

/// Links inside the volume: a tablespace's and that of `pg_wal` may lead to another place of the volume; every other
/// link, and every one that leaves, is refused by name.
fn refuse_links_that_leave(volume: &Volume, setup: &ServiceSetup) -> Result<Linked, EngineError> {
    let leaves = |message: String| EngineError::LeavesVolume {
        service: setup.name.clone(),
        message,
    };
    let files = |source| EngineError::Volume {
        service: setup.name.clone(),
        action: "looking where a symbolic link leads",
        source,
    };
    let mut linked = Linked::default();
    for (link, target) in links_below(volume, setup, &setup.data)? {
        let below_data = link.strip_prefix(&setup.data).unwrap_or(&link);
        let is_wal = below_data == Path::new(WAL);
        let tablespace = below_data.parent() == Some(Path::new("pg_tblspc"));
        if !tablespace && !is_wal {
            if is_top_level_stranger(below_data) {
                continue;
            }
            return Err(leaves(followed_nowhere(below_data, &target)));
        }
        let what = if tablespace {
            "the tablespace"
        } else {
            "the WAL directory"
        };
        let Some(inside) = inside(setup, &link, &target) else {
            return Err(leaves(format!(
                "{what} {} leads to {}, outside of the volume {}; move it below the volume, then branch again",
                below_data.display(),
                target.display(),
                setup.path.display()
            )));
        };
        if is_wal {
            refuse_wal_in_the_data(setup, &inside).map_err(leaves)?;
            linked.wal = Some(inside.clone());
        }
        linked.targets.push(inside);
    }
    // What they lead to comes along as it is. A tablespace may have lost its place, which servers put up with.
    for target in &linked.targets {
        if !volume.exists(target).map_err(files)? {
            continue;
        }
        if let Some((link, leads_to)) = links_below(volume, setup, target)?.into_iter().next() {
            return Err(leaves(followed_nowhere(&link, &leads_to)));
        }
    }
    Ok(linked)
}

fn followed_nowhere(link: &Path, target: &Path) -> String {
    format!(
        "{} is a symbolic link to {}; envclone follows none in a data directory: put what it leads to in its place, or remove the link, then branch again",
        link.display(),
        target.display()
    )
}

/// The symbolic links below a directory, and what they say.
fn links_below(
    volume: &Volume,
    setup: &ServiceSetup,
    directory: &Path,
) -> Result<Vec<(PathBuf, PathBuf)>, EngineError> {
    let files = |action| {
        move |source| EngineError::Volume {
            service: setup.name.clone(),
            action,
            source,
        }
    };
    let mut links = Vec::new();
    volume
        .walk(directory, |path, found| {
            if found.entry.kind == Kind::Symlink {
                links.push(path.to_owned());
            }
            Ok::<_, VolumeError>(Descend::Into)
        })
        .map_err(files("looking for symbolic links"))?;
    let said = |link: PathBuf| {
        let target = volume
            .link_target(&link)
            .map_err(files("reading a symbolic link"))?;
        Ok((link, target))
    };
    links.into_iter().map(said).collect()
}

/// The place in the volume that a link in it leads to, by its text alone; `None` where that is not below the volume.
fn inside(setup: &ServiceSetup, link: &Path, target: &Path) -> Option<PathBuf> {
    // One that says the way from where it is does so as the service sees it.
    let whole = setup.path.join(link.parent()?).join(target);
    let mut plain = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    let inside = plain.strip_prefix(&setup.path).ok()?;
    (!inside.as_os_str().is_empty()).then(|| inside.to_owned())
}

/// A link of the WAL may not lead to what is another part of the data, as one that a branch's users made could.
fn refuse_wal_in_the_data(setup: &ServiceSetup, wal: &Path) -> Result<(), String> {
    let in_the_data = wal
        .strip_prefix(&setup.data)
        .is_ok_and(|below_data| !is_top_level_stranger(below_data));
    if in_the_data || setup.data.starts_with(wal) {
        return Err(format!(
            "the WAL directory {WAL} leads to {}, which is or holds another part of the data; move it beside the data, then branch again",
            wal.display()
        ));
    }
    Ok(())
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
    linked: &Linked,
) -> Result<Vec<String>, VolumeError> {
    let keep = linked.targets.as_slice();
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
        let path = match &linked.wal {
            Some(wal) if directory == WAL => wal.clone(),
            _ => setup.data.join(directory),
        };
        // Where the WAL lies elsewhere, what is kept of it is what a server puts there.
        let others: Vec<PathBuf> = keep.iter().filter(|kept| **kept != path).cloned().collect();
        removed.extend(remove_from(volume, directory, &path, &others)?);
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

/// Removes what no server puts into one of its own directories, called `name` and lying at `directory`.
fn remove_from(
    volume: &Volume,
    name: &str,
    directory: &Path,
    keep: &[PathBuf],
) -> Result<Vec<String>, VolumeError> {
    let mut strange = Vec::new();
    volume.walk(directory, |path, _| {
        let below = path.strip_prefix(directory).unwrap_or(path);
        if layout::belongs(&Path::new(name).join(below)) || leads_to_any(path, keep) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EngineKind;

    fn setup(data: &str) -> ServiceSetup {
        ServiceSetup {
            name: "db".parse().unwrap(),
            engine: EngineKind::Postgres,
            volume: "db".into(),
            path: "/srv/pool/shop/db".into(),
            data: data.into(),
            database: None,
            user: None,
            source: None,
            keep_login: Vec::new(),
            durable: false,
            programs: None,
            rootfs: None,
            superuser: None,
        }
    }

    #[test]
    fn a_link_leads_inside_by_its_text_as_the_service_sees_it() {
        let setup = setup("15/main");
        let inside = |target: &str| inside(&setup, Path::new("15/main/pg_wal"), Path::new(target));
        for (target, expected) in [
            ("/srv/pool/shop/db/wal", Some("wal")),
            ("/srv/pool/shop/db//wal/./15/", Some("wal/15")),
            ("../../wal", Some("wal")),
            ("../wal", Some("15/wal")),
            ("/srv/pool/shop/db", None),
            ("/srv/pool/shop/db/../uploads", None),
            ("/srv/pool/shop/db2/wal", None),
            ("../../../uploads", None),
            ("../../../db/wal", Some("wal")),
            ("/", None),
            ("", Some("15/main")),
        ] {
            assert_eq!(inside(target), expected.map(PathBuf::from), "{target}");
        }
    }

    #[test]
    fn the_wal_lies_beside_the_data_and_never_where_other_data_is() {
        for (data, wal, fine) in [
            ("data", "wal", true),
            ("data", "data/own-wal", true),
            ("data", "data/base", false),
            ("data", "data/base/5", false),
            ("data", "data", false),
            ("15/main", "15", false),
            ("", "own-wal", true),
            ("", "global", false),
        ] {
            let refused = refuse_wal_in_the_data(&setup(data), Path::new(wal));
            assert_eq!(refused.is_ok(), fine, "{data:?} {wal:?}: {refused:?}");
        }
    }
}
