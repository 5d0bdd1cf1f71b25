//! Mounting trees of datasets beneath envclone's own part of the pool, and taking them away.
//!
//! Mount points inside of a clone are directories that its users may have exchanged, for a link say, so each is opened
//! beneath the clone and mounted on by its descriptor. ZFS itself is told of no mount point: neither `zfs mount -a`
//! nor a boot mounts a branch where nobody meant it to be.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};

use super::super::home::from_volume;
use super::super::mountinfo::{self, Mount};
use super::super::{StorageError, Volume, VolumeError};
use super::error::ZfsError;
use super::holders;
use super::plan::{Part, Tree};
use crate::state::pause;

/// The control directory of a dataset's root: the way to its snapshots.
const CONTROL: &str = ".zfs";
/// How long a mount may stay in use after the processes that used it ended: the kernel takes namespaces apart later.
const LET_GO: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Each look may start a program and read through `/proc`: after some of them they come this seldom.
const SELDOM: Duration = Duration::from_millis(800);

fn failed(action: &'static str, path: &Path, source: io::Error) -> StorageError {
    StorageError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// What is mounted in the caller's namespace.
pub(super) fn table() -> Result<Vec<Mount>, StorageError> {
    let path = Path::new(mountinfo::MOUNTINFO);
    let text = fs::read(path).map_err(|error| failed("reading", path, error))?;
    mountinfo::parse(&text).map_err(|line| {
        let error = format!("a line is not understood: {line:?}");
        failed("reading", path, io::Error::new(io::ErrorKind::InvalidData, error))
    })
}

/// The dataset that is mounted at `point`, all of it.
pub(super) fn dataset_at<'a>(point: &Path, mounts: &'a [Mount]) -> Option<&'a str> {
    let top = mounts.iter().rfind(|mount| mount.point == point)?;
    top.dataset().filter(|name| !name.contains('@'))
}

/// What becomes of what lies in a directory on which a dataset is mounted, where nobody sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hidden {
    /// It is the branch's own.
    Stays,
    /// In a clone that is new it is production's, who may have forgotten it, and nothing that reads the clone would ever find it.
    Goes,
}

/// Mounts a tree at the directory `path`, which is root's. What is mounted already stays; a run that was killed may not have
/// covered the way to its snapshots.
pub(super) fn mount(tree: &Tree, path: &Path, hidden: Hidden) -> Result<(), StorageError> {
    let mounts = table()?;
    let is_covered = |control: &Path| {
        mounts
            .iter()
            .any(|mount| mount.kind == "tmpfs" && mount.point == control)
    };
    for part in &tree.parts {
        let Some(at) = &part.at else { continue };
        let point = join(path, at);
        let is_mounted = |mount: &Mount| mount.is_zfs(&part.name) && mount.point == point;
        if !mounts.iter().any(is_mounted) {
            mount_part(part, path, at, (tree.is_snapshot(), hidden))?;
        } else if !tree.is_snapshot() && !is_covered(&point.join(CONTROL)) {
            cover_at(&point)?;
        }
    }
    Ok(())
}

/// Whether every part of a tree is mounted at its place below `path`.
pub(super) fn is_mounted(tree: &Tree, path: &Path) -> Result<bool, StorageError> {
    let mounts = table()?;
    let there = |part: &Part| match &part.at {
        None => true,
        Some(at) => dataset_at(&join(path, at), &mounts) == Some(part.name.as_str()),
    };
    Ok(tree.parts.iter().all(there))
}

fn mount_part(
    part: &Part,
    path: &Path,
    at: &Path,
    (readonly, hidden): (bool, Hidden),
) -> Result<(), StorageError> {
    let point = join(path, at);
    let fail = |error| from_volume("mounting", &point, error);
    // Opened anew, with what was mounted in it just now.
    let tree = Volume::open(path).map_err(fail)?;
    let directory = match tree.subvolume(at) {
        // Its users removed what the dataset was mounted on.
        Err(VolumeError::NotFound { .. }) if !readonly => {
            tree.make_dir(at, 0, 0, 0o755).map_err(fail)?;
            tree.subvolume(at).map_err(fail)?
        }
        found => found.map_err(fail)?,
    };
    if hidden == Hidden::Goes && !readonly && !at.as_os_str().is_empty() {
        tree.empty_dir(at).map_err(fail)?;
    }
    let mut flags = MountFlags::NOSUID | MountFlags::NODEV;
    if readonly {
        flags |= MountFlags::RDONLY;
    }
    mount_on(directory.as_fd(), &part.name, "zfs", flags, None)
        .map_err(|errno| failed("mounting", &point, errno.into()))?;
    if readonly {
        return Ok(());
    }
    cover_at(&point)
}

/// Covers the way to the snapshots of what is mounted at `point`.
fn cover_at(point: &Path) -> Result<(), StorageError> {
    let mounted = Volume::open(point).map_err(|error| from_volume("mounting", point, error))?;
    cover(mounted.as_fd()).map_err(|errno| failed("covering .zfs of", point, errno.into()))
}

/// Puts an empty filesystem over the way to the snapshots of a dataset, where there is one: before ZFS 2.3 it can be entered
/// by its name even when it is hidden.
fn cover(root: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let control: OwnedFd = match rustix::fs::openat2(root, CONTROL, flags, Mode::empty(), beneath) {
        Ok(control) => control,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
    mount_on(
        control.as_fd(),
        "envclone",
        "tmpfs",
        flags,
        Some("size=4k,mode=0555"),
    )
}

fn mount_on(
    directory: BorrowedFd<'_>,
    source: &str,
    kind: &str,
    flags: MountFlags,
    options: Option<&str>,
) -> Result<(), Errno> {
    let target = format!("/proc/self/fd/{}", directory.as_raw_fd());
    let options = options.map(CString::new).transpose().map_err(|_| Errno::INVAL)?;
    rustix::mount::mount(source, target.as_str(), kind, flags, options.as_deref())
}

/// Takes away everything that is mounted at or below `path`. Nothing is touched where something of others is among it.
pub(super) fn unmount(tree: &Tree, path: &Path) -> Result<(), StorageError> {
    let mounts = table()?;
    let below: Vec<&Mount> = mounts
        .iter()
        .filter(|mount| mount.point.starts_with(path))
        .collect();
    let names = tree.names();
    let foreign: Vec<String> = below
        .iter()
        .filter(|mount| {
            let part = mount.dataset().is_some_and(|dataset| names.contains(&dataset));
            let covers = mount.kind == "tmpfs" && mount.point.file_name() == Some(CONTROL.as_ref());
            !part && !covers
        })
        .map(|mount| {
            format!(
                "what is mounted at {} ({})",
                mount.point.display(),
                mount.source.display()
            )
        })
        .collect();
    if !foreign.is_empty() {
        return Err(ZfsError::Dependents {
            object: tree.root().to_owned(),
            others: foreign,
        }
        .into());
    }
    below.iter().rev().try_for_each(|mount| unmount_one(mount))
}

/// The device numbers of what is mounted of a tree, by which who has it open is found, also when it is mounted no longer.
pub(super) fn devices(tree: &Tree, path: &Path) -> Result<Vec<u64>, StorageError> {
    let mounts = table()?;
    let names = tree.names();
    let ours = mounts.iter().filter(|mount| {
        let is_part = mount.dataset().is_some_and(|dataset| names.contains(&dataset));
        is_part && mount.point.starts_with(path)
    });
    Ok(ours.filter_map(|mount| device_at(&mount.point)).collect())
}

fn device_at(point: &Path) -> Option<u64> {
    fs::symlink_metadata(point).map(|metadata| metadata.dev()).ok()
}

fn unmount_one(mount: &Mount) -> Result<(), StorageError> {
    let device = device_at(&mount.point);
    // Nothing of the branch runs any more, so nothing on this path is exchanged.
    let gone = patiently(
        || match rustix::mount::unmount(&mount.point, UnmountFlags::NOFOLLOW) {
            Err(Errno::BUSY) => None,
            done => Some(done),
        },
    );
    match gone {
        Some(Ok(())) => Ok(()),
        Some(Err(errno)) => Err(failed("unmounting", &mount.point, errno.into())),
        None => {
            let dataset = mount.source.to_string_lossy().into_owned();
            let holders = holders::of(&dataset, device.as_slice());
            Err(ZfsError::Busy { dataset, holders }.into())
        }
    }
}

/// Tries until there is an answer, for as long as the kernel may need to let go of a namespace.
pub(super) fn patiently<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let began = std::time::Instant::now();
    let mut wait = LOOK_AGAIN;
    loop {
        match attempt() {
            None if began.elapsed() < LET_GO => pause(wait),
            answer => return answer,
        }
        // As long as what was waited for until now, once that is long.
        wait = (began.elapsed() / 4).clamp(LOOK_AGAIN, SELDOM);
    }
}

fn join(path: &Path, at: &Path) -> PathBuf {
    if at.as_os_str().is_empty() {
        path.to_owned()
    } else {
        path.join(at)
    }
}
