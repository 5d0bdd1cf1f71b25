//! Where a server's programs, and the root file system that it runs from, may lie.

use std::io;
use std::path::{Path, PathBuf};

use super::check::overlap;
use super::parts::Parts;
use super::trust::{Trust, TrustError};

/// Programs of a server that commands run, each without root's rights.
const RUN: [&str; 3] = ["postgres", "pg_resetwal", "psql"];

/// Directories of a root file system that a sandbox shows.
const SYSTEM: [&str; 4] = ["usr", "usr/bin", "etc", "etc/alternatives"];
/// Files of a root file system that root itself runs or reads as it builds a sandbox.
const READ_BY_ROOT: [&str; 7] = [
    "usr/bin/setpriv",
    "usr/bin/setsid",
    "usr/bin/ionice",
    "etc/passwd",
    "etc/group",
    "etc/nsswitch.conf",
    "etc/ld.so.cache",
];
/// Directories of a root file system from which its programs are loaded.
const LIBRARIES: [&str; 4] = ["usr/lib", "usr/lib64", "lib", "lib64"];

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

/// Why a root file system must not be there: a branch sees its `usr`, and it must be nobody's but root's.
pub(super) fn in_the_way(parts: &Parts, rootfs: &Path) -> Option<String> {
    let storage = &parts.storage;
    let own = [
        (storage.state.as_path(), "envclone's own state"),
        (&storage.run, "envclone's own sockets"),
        (Path::new("/run"), "the sockets of this host"),
        (Path::new("/usr"), "the system of this host"),
        (Path::new("/etc"), "the system of this host"),
    ];
    let originals = parts.environments.values();
    let originals = originals.map(|one| (one.root.as_path(), "a root, which is snapshotted"));
    let overlaps = own
        .into_iter()
        .chain(originals)
        .find(|(path, _)| overlap(path, rootfs));
    let branches = storage.pool.join(".envclone");
    let of_pool =
        overlap(&branches, rootfs).then_some((storage.pool.as_path(), "envclone's part of the pool"));
    let (_, what) = overlaps.or(of_pool)?;
    Some(format!(
        "it overlaps with {what}; keep a root file system in a directory of its own, such as /srv/images/trixie"
    ))
}

/// Why a server's programs cannot be there inside of a root file system.
pub(super) fn unseen(programs: &Path) -> Option<String> {
    let seen = programs.starts_with("/usr");
    (!seen).then(|| {
        "with `rootfs` this is where the programs are inside of it, and of that only /usr is seen; write for example \
         /usr/pgsql-17/bin, or leave the line out for Debian's place"
            .to_owned()
    })
}

/// Where a root file system really is, if it is there; judged with what is run of it, and what that is loaded from.
pub(super) fn judged_rootfs(
    rootfs: &Path,
    programs: Option<&Path>,
    trust: &Trust,
) -> Result<Option<PathBuf>, TrustError> {
    let Some(real) = if_there(trust.directory(rootfs))? else {
        return Ok(None);
    };
    for directory in SYSTEM {
        if_there(trust.directory_in(&real, Path::new(directory)))?;
    }
    for file in READ_BY_ROOT {
        if_there(trust.open_in(&real, Path::new(file)))?;
    }
    for directory in LIBRARIES {
        judge_libraries(&real, Path::new(directory), trust)?;
    }
    if let Some(beside) = programs.and_then(Path::parent) {
        judge_libraries(&real, &beside.join("lib"), trust)?;
    }
    let versions = Path::new("usr/lib/postgresql");
    let installed = if_there(trust.contents_in(&real, versions))?.unwrap_or_default();
    let usual = installed.iter().map(|version| versions.join(version).join("bin"));
    for directory in usual.chain(programs.map(Path::to_owned)) {
        for name in RUN {
            if_there(trust.open_in(&real, &directory.join(name)))?;
        }
    }
    Ok(Some(real))
}

/// A directory of libraries, those for one kind of machine below it, and what its links lead to.
fn judge_libraries(rootfs: &Path, directory: &Path, trust: &Trust) -> Result<(), TrustError> {
    for name in if_there(trust.contents_in(rootfs, directory))?.unwrap_or_default() {
        let (path, text) = (directory.join(&name), name.to_string_lossy());
        let levels = text == "glibc-hwcaps" || directory.ends_with("glibc-hwcaps");
        if levels || text.contains("-linux-") && !text.contains(".so") {
            judge_libraries(rootfs, &path, trust)?;
        } else if text.ends_with(".so") || text.contains(".so.") {
            if_there(trust.open_in(rootfs, &path))?;
        }
    }
    Ok(())
}

fn if_there<T>(found: Result<T, TrustError>) -> Result<Option<T>, TrustError> {
    match found {
        Err(TrustError::Io { source, .. }) if is_absence(&source) => Ok(None),
        found => found.map(Some),
    }
}

/// Nothing, a file where a directory should be, or links in a circle.
fn is_absence(error: &io::Error) -> bool {
    let in_a_circle = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    in_a_circle || [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind())
}
