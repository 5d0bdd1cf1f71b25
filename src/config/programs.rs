//! Where a server's programs may lie.

use std::io;
use std::path::{Path, PathBuf};

use super::check::overlap;
use super::parts::Parts;
use super::trust::{Trust, TrustError};

/// Programs of a server that commands run, each without root's rights.
const RUN: [&str; 3] = ["postgres", "pg_resetwal", "psql"];

/// Why a server's programs must not be in this directory: a branch sees the one above it, with the server's libraries,
/// so nothing else may lie in there.
pub(super) fn misplaced(parts: &Parts, programs: &Path) -> Option<String> {
    let bound = |seen: &&Path| seen.is_absolute() && !seen.starts_with("/usr");
    let seen = programs.parent().filter(bound)?;
    if seen.parent().is_none_or(|above| above.parent().is_none()) {
        return Some(format!(
            "branches would see all of {}; keep the server in a directory of its own, such as /opt/postgresql-17/bin",
            seen.display()
        ));
    }
    let own = [
        (parts.storage.pool.as_path(), "the pool"),
        (&parts.storage.state, "envclone's own state"),
        (&parts.storage.run, "envclone's own sockets"),
        (Path::new("/run"), "the sockets of this host"),
    ];
    let roots = parts
        .environments
        .values()
        .map(|one| (one.root.as_path(), "a root"));
    let paths = parts.services.values().filter_map(|one| one.path.as_deref());
    let paths = paths.map(|path| (path, "the `path` of a service"));
    let mut kept = own.into_iter().chain(roots).chain(paths);
    let (_, what) = kept.find(|(path, _)| overlap(path, seen))?;
    Some(format!(
        "branches would see all of {}, which overlaps with {what}; keep the server somewhere else",
        seen.display()
    ))
}

/// Where the directory really is, if it is there; judged with what is run of it.
pub(super) fn judged(programs: &Path, trust: &Trust) -> Result<Option<PathBuf>, TrustError> {
    let Some(real) = if_there(trust.directory(programs))? else {
        return Ok(None);
    };
    for name in RUN {
        if_there(trust.open(&real.join(name)))?;
    }
    Ok(Some(real))
}

fn if_there<T>(found: Result<T, TrustError>) -> Result<Option<T>, TrustError> {
    match found {
        Err(TrustError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}
