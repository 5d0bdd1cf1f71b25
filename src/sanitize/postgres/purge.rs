//! Purging a stopped server's files: WAL, statement texts, and files that no relation uses.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::postgres::{Identity, after_stop, job_sandbox};
use crate::engine::{EngineError, ServiceSetup};
use crate::runtime::JobSpec;
use crate::sanitize::service::{ServiceError, Site};
use crate::storage::{Descend, Kind, Volume, VolumeError};

use super::own_files::relation_of;

/// Removes what a cleanly stopped server keeps of its past. `in_use` holds the files of the relations of every database
/// in `databases` (their numbers), so that others there are left over from crashes; `wal` is the directory of the WAL.
///
/// # Errors
/// [`ServiceError`].
pub(super) fn purge(
    site: &Site<'_>,
    setup: &ServiceSetup,
    identity: &Identity,
    in_use: &BTreeSet<String>,
    wal: &Path,
) -> Result<(), ServiceError> {
    let directory = site.root.join(&setup.volume);
    let volume = Volume::open(&directory)?;
    remove_unused_files(&volume, setup, in_use)?;
    reset_wal(site, setup, identity, &directory)?;
    Ok(after_stop(&volume, setup, wal)?)
}

/// `pg_resetwal` throws the whole WAL away, which a cleanly stopped server does not need, and begins a new one.
fn reset_wal(
    site: &Site<'_>,
    setup: &ServiceSetup,
    identity: &Identity,
    volume: &Path,
) -> Result<(), ServiceError> {
    let job = JobSpec {
        sandbox: job_sandbox(setup, identity, volume),
        program: identity.programs.join("pg_resetwal"),
        args: vec![OsString::from("-D"), setup.inner_data().into_os_string()],
        stdin: Vec::new(),
        timeout: Duration::from_secs(5 * 60),
    };
    let outcome = site.runtime.job(&site.branch, &job)?;
    if outcome.code != 0 {
        return Err(ServiceError::Engine(EngineError::Server {
            service: setup.name.clone(),
            action: "throwing the WAL away".to_owned(),
            fault: format!("pg_resetwal ended with exit code {}", outcome.code).into(),
        }));
    }
    Ok(())
}

/// Files below `base/<database>` and `global` that are named like a relation's but belong to none.
fn remove_unused_files(
    volume: &Volume,
    setup: &ServiceSetup,
    in_use: &BTreeSet<String>,
) -> Result<(), VolumeError> {
    let known: BTreeSet<&str> = in_use
        .iter()
        .filter_map(|path| path.rsplit_once('/').map(|(place, _)| place))
        .collect();
    let mut unused: Vec<PathBuf> = Vec::new();
    for place in ["base", "global"] {
        volume.walk(setup.data.join(place), |path, found| {
            let inside = path.strip_prefix(&setup.data).unwrap_or(path);
            if found.entry.kind == Kind::File && is_unused(inside, &known, in_use) {
                unused.push(path.to_owned());
            }
            Ok::<_, VolumeError>(Descend::Into)
        })?;
    }
    unused.iter().try_for_each(|path| volume.remove_file(path))
}

/// Only names of digits, with a fork (`_fsm`, `_vm`, `_init`) or a segment (`.1`), in a place that was listed.
fn is_unused(path: &Path, known: &BTreeSet<&str>, in_use: &BTreeSet<String>) -> bool {
    let Some((place, name)) = path.to_str().and_then(|path| path.rsplit_once('/')) else {
        return false;
    };
    let number = relation_of(name);
    !number.is_empty() && known.contains(place) && !in_use.contains(&format!("{place}/{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_unused_only_where_its_place_was_listed() {
        let in_use: BTreeSet<String> = ["base/5/16384", "global/1262"].map(str::to_owned).into();
        let known: BTreeSet<&str> = ["base/5", "global"].into();
        let unused = |path: &str| is_unused(Path::new(path), &known, &in_use);
        assert!(unused("base/5/99999"));
        assert!(unused("base/5/99999_fsm"));
        assert!(unused("base/5/99999.1"));
        assert!(!unused("base/5/16384.2"));
        assert!(!unused("base/5/16384_vm"));
        assert!(!unused("base/4/99999"), "template0 cannot be listed");
        assert!(!unused("base/5/PG_VERSION"));
        assert!(!unused("base/5/pg_filenode.map"));
        assert!(!unused("global/pg_control"));
    }
}
