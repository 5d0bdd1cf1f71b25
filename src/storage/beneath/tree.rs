//! Going through trees of any depth: an own stack, a bounded number of open directories, no links.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode};
use rustix::io::Errno;

use super::{DIRECTORY, Devices, Entry, Kind, Metadata, VolumeError, WITHOUT_LINKS};

/// How many directories on the way down are kept open. Those above are opened again by `..`, and must then be
/// the very directories that they were.
const KEPT_OPEN: usize = 64;
/// How many entries are read at a time from a directory that is to be removed.
const BATCH: usize = 1024;
/// The same, further down than [`KEPT_OPEN`]: it bounds the memory that a hostile tree can cost.
const DEEP_BATCH: usize = 16;

/// `BTRFS_FIRST_FREE_OBJECTID`: the inode number of the root of a Btrfs subvolume.
const SUBVOLUME_INO: u64 = 256;

/// What the visitor of [`super::Volume::walk`] wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Descend {
    /// Go on, into it if it is a directory.
    Into,
    /// Go on, but not into it.
    Past,
    /// Stop the walk; it succeeds.
    Stop,
}

/// Something met on a walk. Its methods work at any depth, where a path would be too long for the kernel.
#[derive(Debug)]
pub struct Found<'a> {
    /// The directory entry.
    pub entry: &'a Entry,
    dir: BorrowedFd<'a>,
    path: &'a Path,
    devices: &'a Devices,
}

impl Found<'_> {
    /// Opens it, if it is a regular file. Never blocks.
    pub fn open_file(&self) -> Result<File, VolumeError> {
        super::open_regular(self.dir, Path::new(&self.entry.name), self.path, self.devices)
    }

    /// What the filesystem says of it.
    pub fn metadata(&self) -> Result<Metadata, VolumeError> {
        super::metadata_at(self.dir, Path::new(&self.entry.name), self.path, self.devices)
    }

    /// Opens it, if it is a directory.
    pub fn open_dir(&self) -> Result<OwnedFd, VolumeError> {
        enter(self.dir, &self.entry.name, self.path, self.devices)
    }

    /// Removes it with everything below it. `enter` is shown the root of each subvolume before it is emptied.
    pub(crate) fn remove_tree(&self, enter: Enter<'_>) -> Result<(), VolumeError> {
        if self.entry.kind != Kind::Dir {
            return self.remove_file();
        }
        remove_below(self.open_dir()?, self.path, self.devices, enter)?;
        gone(
            rustix::fs::unlinkat(self.dir, &self.entry.name, AtFlags::REMOVEDIR),
            self.path,
        )
    }

    /// Removes it, unless it is a directory. A link goes, not what it points to.
    pub fn remove_file(&self) -> Result<(), VolumeError> {
        rustix::fs::unlinkat(self.dir, &self.entry.name, AtFlags::empty())
            .map_err(|errno| VolumeError::from_errno("removing", self.path, errno))
    }
}

/// What is done with a directory before something in it is removed; it sees the roots of Btrfs subvolumes.
pub(crate) type Enter<'a> = &'a mut dyn FnMut(BorrowedFd<'_>);

/// A directory on the way from the top to where we are.
struct Level<T> {
    fd: Option<OwnedFd>,
    /// Device and inode number.
    id: (u64, u64),
    todo: T,
}

/// The way from the top to where we are; only the last [`KEPT_OPEN`] directories on it are open.
struct Way<T> {
    levels: Vec<Level<T>>,
}

impl<T> Way<T> {
    fn push(&mut self, fd: OwnedFd, todo: T, path: &Path) -> Result<(), VolumeError> {
        let id = identity(fd.as_fd()).map_err(|errno| VolumeError::from_errno("looking at", path, errno))?;
        self.levels.push(Level {
            fd: Some(fd),
            id,
            todo,
        });
        if let Some(far) = self.levels.len().checked_sub(KEPT_OPEN + 1) {
            self.levels[far].fd = None;
        }
        Ok(())
    }

    /// Shows the directory that was entered last to `enter`, if it is the root of a Btrfs subvolume.
    fn show_subvolume(&self, enter: Enter<'_>) {
        if let Some(Level {
            fd: Some(fd),
            id: (_, SUBVOLUME_INO),
            ..
        }) = self.levels.last()
        {
            enter(fd.as_fd());
        }
    }

    /// Leaves the last directory. Its parent is open afterwards.
    fn pop(&mut self, path: &Path) -> Result<(), VolumeError> {
        let left = self.levels.pop();
        let (Some(left), Some(parent)) = (left, self.levels.last_mut()) else {
            return Ok(());
        };
        if parent.fd.is_some() {
            return Ok(());
        }
        let fail = |errno| VolumeError::from_errno("going back from", path, errno);
        let changed = || VolumeError::Changed {
            path: path.to_owned(),
        };
        let child = left.fd.ok_or_else(changed)?;
        let fd = rustix::fs::openat2(&child, "..", DIRECTORY, Mode::empty(), WITHOUT_LINKS).map_err(fail)?;
        if identity(fd.as_fd()).map_err(fail)? != parent.id {
            return Err(changed());
        }
        parent.fd = Some(fd);
        Ok(())
    }
}

fn identity(fd: BorrowedFd<'_>) -> Result<(u64, u64), Errno> {
    rustix::fs::fstat(fd).map(|stat| (stat.st_dev, stat.st_ino))
}

fn enter(
    dir: BorrowedFd<'_>,
    name: &std::ffi::OsStr,
    path: &Path,
    devices: &Devices,
) -> Result<OwnedFd, VolumeError> {
    super::open_at(dir, Path::new(name), DIRECTORY, devices)
        .map_err(|errno| VolumeError::from_errno("opening the directory", path, errno))
}

/// At most `limit` entries of a directory, in the filesystem's order.
fn entries(dir: BorrowedFd<'_>, path: &Path, limit: usize) -> Result<Vec<Entry>, VolumeError> {
    let fail = |errno| VolumeError::from_errno("reading the directory", path, errno);
    let mut found = Vec::new();
    for entry in Dir::read_from(dir).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                match rustix::fs::statat(dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => Kind::of(FileType::from_raw_mode(stat.st_mode)),
                    Err(Errno::NOENT) => continue,
                    Err(errno) => return Err(fail(errno)),
                }
            }
            known => Kind::of(known),
        };
        found.push(Entry {
            name: std::ffi::OsStr::from_bytes(name).to_owned(),
            kind,
            ino: entry.ino(),
        });
        if found.len() == limit {
            break;
        }
    }
    Ok(found)
}

/// All entries of a directory, sorted by the bytes of their names.
pub(super) fn sorted_entries(dir: BorrowedFd<'_>, path: &Path) -> Result<Vec<Entry>, VolumeError> {
    let mut found = entries(dir, path, usize::MAX)?;
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// See [`super::Volume::walk`].
pub(super) fn walk<E, F>(top: OwnedFd, rel: &Path, devices: &Devices, mut visit: F) -> Result<(), E>
where
    E: From<VolumeError>,
    F: FnMut(&Path, &Found<'_>) -> Result<Descend, E>,
{
    let mut path: PathBuf = rel.to_owned();
    let mut way = Way { levels: Vec::new() };
    let first = sorted_entries(top.as_fd(), rel)?.into_iter();
    way.push(top, first, rel)?;
    while let Some(level) = way.levels.last_mut() {
        let Some(entry) = level.todo.next() else {
            way.pop(&path)?;
            path.pop();
            continue;
        };
        let Some(fd) = &level.fd else {
            return Err(VolumeError::Changed { path }.into());
        };
        path.push(&entry.name);
        let found = Found {
            entry: &entry,
            dir: fd.as_fd(),
            path: &path,
            devices,
        };
        match visit(&path, &found)? {
            Descend::Stop => return Ok(()),
            Descend::Into if entry.kind == Kind::Dir => {
                let dir = found.open_dir()?;
                let todo = sorted_entries(dir.as_fd(), &path)?.into_iter();
                way.push(dir, todo, &path)?;
            }
            Descend::Into | Descend::Past => {
                path.pop();
            }
        }
    }
    Ok(())
}

/// Removes everything in the directory `top`. Nobody should be writing there any more: this goes on for as long as
/// there is something to remove.
pub(super) fn remove_below(
    top: OwnedFd,
    rel: &Path,
    devices: &Devices,
    enter: Enter<'_>,
) -> Result<(), VolumeError> {
    let mut path: PathBuf = rel.to_owned();
    let mut way: Way<Vec<Entry>> = Way { levels: Vec::new() };
    way.push(top, Vec::new(), rel)?;
    way.show_subvolume(enter);
    loop {
        let limit = if way.levels.len() > KEPT_OPEN {
            DEEP_BATCH
        } else {
            BATCH
        };
        let Some(Level {
            fd: Some(fd), todo, ..
        }) = way.levels.last_mut()
        else {
            return Err(VolumeError::Changed { path });
        };
        if todo.is_empty() {
            *todo = entries(fd.as_fd(), &path, limit)?;
        }
        if let Some(entry) = todo.pop() {
            path.push(&entry.name);
            if let Some(dir) = remove_or_enter(fd.as_fd(), &entry, &path, devices)? {
                way.push(dir, Vec::new(), &path)?;
                way.show_subvolume(enter);
            } else {
                path.pop();
            }
            continue;
        }
        if way.levels.len() == 1 {
            return Ok(());
        }
        way.pop(&path)?;
        let name = path
            .file_name()
            .map(std::ffi::OsStr::to_owned)
            .unwrap_or_default();
        if let Some(Level { fd: Some(parent), .. }) = way.levels.last() {
            gone(rustix::fs::unlinkat(parent, &name, AtFlags::REMOVEDIR), &path)?;
        }
        path.pop();
    }
}

/// Removes an entry, or opens it where it is a directory that is not empty.
fn remove_or_enter(
    dir: BorrowedFd<'_>,
    entry: &Entry,
    path: &Path,
    devices: &Devices,
) -> Result<Option<OwnedFd>, VolumeError> {
    let flags = if entry.kind == Kind::Dir {
        AtFlags::REMOVEDIR
    } else {
        AtFlags::empty()
    };
    match rustix::fs::unlinkat(dir, &entry.name, flags) {
        Err(Errno::NOTEMPTY | Errno::EXIST) => enter(dir, &entry.name, path, devices).map(Some),
        removed => gone(removed, path).map(|()| None),
    }
}

/// What somebody else removed is removed as well.
fn gone(removed: Result<(), Errno>, path: &Path) -> Result<(), VolumeError> {
    match removed {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(VolumeError::from_errno("removing", path, errno)),
    }
}
