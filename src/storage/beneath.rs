//! The only way by which any room touches files below a branch's volume.
//!
//! The branch's users may plant links, FIFOs, sparse files and directories of any depth, and may rename while root
//! works. So every access is by a relative path through `openat2` with `RESOLVE_BENEATH`, `NO_SYMLINKS`, `NO_XDEV` and
//! `NO_MAGICLINKS`, and without `NO_XDEV` only onto the datasets that make up one root on ZFS; nothing here follows a link, leaves the volume, opens what is no regular file or directory,
//! or recurses on the stack.

mod error;
mod resolve;
mod segments;
mod tree;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, RenameFlags, Stat, Uid};
use rustix::io::Errno;

pub use error::VolumeError;
use resolve::{BENEATH, DIRECTORY, Devices, REGULAR, WITHOUT_LINKS, open_at};
pub use segments::{DataSegments, Segment, data_segments};
pub use tree::{Descend, Found};

/// What a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link; never followed.
    Symlink,
    /// A FIFO, socket or device; never opened.
    Other,
}

impl Kind {
    fn of(file_type: FileType) -> Self {
        match file_type {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Dir,
            FileType::Symlink => Self::Symlink,
            _ => Self::Other,
        }
    }
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name: any bytes but `/` and NUL, chosen by the branch's users.
    pub name: OsString,
    /// What it is.
    pub kind: Kind,
    /// Its inode number, as the directory gives it.
    pub ino: u64,
}

/// What the filesystem says of a file, directory, link or other node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// Size in bytes; for a sparse file its apparent size, up to 8 EiB.
    pub size: u64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits with set-id and sticky bits (`0o7777`).
    pub mode: u32,
    /// Inode number.
    pub ino: u64,
    /// The device number of the subvolume or filesystem that holds it.
    pub dev: u64,
    /// Number of hard links.
    pub links: u64,
}

impl Metadata {
    #[allow(
        clippy::useless_conversion,
        reason = "the width of st_nlink depends on the architecture"
    )]
    fn of(stat: &Stat) -> Self {
        Self {
            kind: Kind::of(FileType::from_raw_mode(stat.st_mode)),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            uid: stat.st_uid,
            gid: stat.st_gid,
            mode: stat.st_mode & 0o7777,
            ino: stat.st_ino,
            dev: stat.st_dev,
            links: u64::from(stat.st_nlink),
        }
    }
}

/// Opens a regular file beneath `dir`; anything else is looked at by `O_PATH` only, which opens nothing.
fn open_regular(
    dir: BorrowedFd<'_>,
    path: &Path,
    name: &Path,
    devices: &Devices,
) -> Result<File, VolumeError> {
    let fail = |errno| VolumeError::from_errno("opening", name, errno);
    let is_regular = |file: BorrowedFd<'_>| -> Result<bool, VolumeError> {
        let found = rustix::fs::fstat(file).map_err(fail)?;
        Ok(FileType::from_raw_mode(found.st_mode) == FileType::RegularFile)
    };
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let look = open_at(dir, path, flags, devices).map_err(fail)?;
    if !is_regular(look.as_fd())? {
        return Err(VolumeError::NotAFile {
            path: name.to_owned(),
        });
    }
    let file = open_at(dir, path, REGULAR, devices).map_err(fail)?;
    // Another regular file than the one that was looked at is as good: files are replaced by rename, also by envclone.
    if !is_regular(file.as_fd())? {
        return Err(VolumeError::Changed {
            path: name.to_owned(),
        });
    }
    Ok(File::from(file))
}

fn metadata_at(
    dir: BorrowedFd<'_>,
    path: &Path,
    name: &Path,
    devices: &Devices,
) -> Result<Metadata, VolumeError> {
    let fail = |errno| VolumeError::from_errno("looking at", name, errno);
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let look = open_at(dir, path, flags, devices).map_err(fail)?;
    Ok(Metadata::of(&rustix::fs::fstat(&look).map_err(fail)?))
}

/// A directory tree of a branch (or envclone's own part of a pool), held open.
#[derive(Debug)]
pub struct Volume {
    dir: OwnedFd,
    path: PathBuf,
    devices: Arc<Devices>,
}

impl Volume {
    /// Opens the directory `path`; no component of it may be a link. Other mounts are not entered from there, but for
    /// datasets of the same tree on ZFS: all that a root, or a clone of one, consists of.
    ///
    /// # Errors
    /// [`VolumeError`]; the path in it is `path` itself.
    pub fn open(path: &Path) -> Result<Self, VolumeError> {
        let mut volume = Self::open_alone(path)?;
        let devices = super::zfs::devices_of_tree(volume.dir.as_fd(), path)
            .map_err(|error| VolumeError::from_io("opening", path, error))?;
        volume.devices = devices.into();
        Ok(volume)
    }

    /// [`Volume::open`] without any other mount: for envclone's own part of a pool, below which clones are mounted.
    pub(super) fn open_alone(path: &Path) -> Result<Self, VolumeError> {
        let dir = rustix::fs::openat2(CWD, path, DIRECTORY, Mode::empty(), WITHOUT_LINKS)
            .map_err(|errno| VolumeError::from_errno("opening", path, errno))?;
        Ok(Self {
            dir,
            path: path.to_owned(),
            devices: Arc::new([]),
        })
    }

    /// Where it was opened, for messages only: the directory may have been moved since.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory itself, for the calls that take a descriptor.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// A directory below as a volume of its own.
    pub fn subvolume(&self, rel: impl AsRef<Path>) -> Result<Self, VolumeError> {
        let rel = rel.as_ref();
        Ok(Self {
            dir: self.open_dir(rel)?,
            path: self.path.join(rel),
            devices: Arc::clone(&self.devices),
        })
    }

    /// Opens a regular file for reading. Never blocks, whatever is planted there.
    pub fn open_file(&self, rel: impl AsRef<Path>) -> Result<File, VolumeError> {
        let rel = rel.as_ref();
        open_regular(self.dir.as_fd(), below(rel)?, rel, &self.devices)
    }

    /// Reads a whole regular file of at most `limit` bytes.
    pub fn read(&self, rel: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>, VolumeError> {
        let rel = rel.as_ref();
        let file = self.open_file(rel)?;
        let fail = |source| VolumeError::from_io("reading", rel, source);
        let size = file.metadata().map_err(fail)?.len();
        let mut bytes = Vec::with_capacity(usize::try_from(size.min(limit)).unwrap_or(0));
        if size <= limit {
            // It may grow while it is read.
            file.take(limit.saturating_add(1))
                .read_to_end(&mut bytes)
                .map_err(fail)?;
        }
        if size > limit || u64::try_from(bytes.len()).is_ok_and(|length| length > limit) {
            return Err(VolumeError::TooLarge {
                path: rel.to_owned(),
                limit,
            });
        }
        Ok(bytes)
    }

    /// Reads the first bytes of a regular file, at most `length`.
    pub fn beginning(&self, rel: impl AsRef<Path>, length: u64) -> Result<Vec<u8>, VolumeError> {
        let rel = rel.as_ref();
        let mut bytes = Vec::new();
        let read = self.open_file(rel)?.take(length).read_to_end(&mut bytes);
        read.map_err(|source| VolumeError::from_io("reading", rel, source))?;
        Ok(bytes)
    }

    /// The entries of a directory, sorted by the bytes of their names.
    pub fn read_dir(&self, rel: impl AsRef<Path>) -> Result<Vec<Entry>, VolumeError> {
        let rel = rel.as_ref();
        tree::sorted_entries(self.open_dir(rel)?.as_fd(), rel)
    }

    /// What is at `rel`; a link is described, not followed.
    pub fn metadata(&self, rel: impl AsRef<Path>) -> Result<Metadata, VolumeError> {
        let rel = rel.as_ref();
        metadata_at(self.dir.as_fd(), below(rel)?, rel, &self.devices)
    }

    /// User and group that own `rel`.
    pub fn owner(&self, rel: impl AsRef<Path>) -> Result<(u32, u32), VolumeError> {
        self.metadata(rel).map(|metadata| (metadata.uid, metadata.gid))
    }

    /// Whether anything is at `rel`, a link included.
    ///
    /// # Errors
    /// Also where that cannot be told, for example behind a link.
    pub fn exists(&self, rel: impl AsRef<Path>) -> Result<bool, VolumeError> {
        match self.metadata(rel) {
            Ok(_) => Ok(true),
            Err(VolumeError::NotFound { .. } | VolumeError::NotADirectory { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Where a symbolic link points, as text; nothing is said about what is there.
    pub fn link_target(&self, rel: impl AsRef<Path>) -> Result<PathBuf, VolumeError> {
        use std::os::unix::ffi::OsStringExt;
        let rel = rel.as_ref();
        let fail = |errno| VolumeError::from_errno("reading the link", rel, errno);
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let link = open_at(self.dir.as_fd(), below(rel)?, flags, &self.devices).map_err(fail)?;
        let target = rustix::fs::readlinkat(&link, "", Vec::new()).map_err(fail)?;
        Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
    }

    /// Removes what is at `rel` unless it is a directory: a file, a link (not what it points to), a FIFO.
    pub fn remove_file(&self, rel: impl AsRef<Path>) -> Result<(), VolumeError> {
        let rel = rel.as_ref();
        let (parent, name) = self.parent_of(rel)?;
        rustix::fs::unlinkat(&parent, name, AtFlags::empty())
            .map_err(|errno| VolumeError::from_errno("removing", rel, errno))
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, rel: impl AsRef<Path>) -> Result<(), VolumeError> {
        let rel = rel.as_ref();
        let (parent, name) = self.parent_of(rel)?;
        rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR)
            .map_err(|errno| VolumeError::from_errno("removing", rel, errno))
    }

    /// Removes what is at `rel` with everything below it, of any depth, descriptor by descriptor.
    pub fn remove_tree(&self, rel: impl AsRef<Path>) -> Result<(), VolumeError> {
        let rel = rel.as_ref();
        if self.metadata(rel)?.kind != Kind::Dir {
            return self.remove_file(rel);
        }
        self.empty_dir(rel)?;
        self.remove_dir(rel)
    }

    /// Removes everything in a directory, which stays.
    pub fn empty_dir(&self, rel: impl AsRef<Path>) -> Result<(), VolumeError> {
        let rel = rel.as_ref();
        tree::remove_below(self.open_dir(rel)?, rel, &self.devices, &mut |_| ())
    }

    /// Makes a file that was not there. It belongs to root, mode 0600, until all of it is written.
    ///
    /// # Errors
    /// [`VolumeError::Exists`] where anything is there, also a dangling link; no half file is left.
    pub fn write_new(
        &self,
        rel: impl AsRef<Path>,
        bytes: &[u8],
        uid: u32,
        gid: u32,
        mode: u32,
    ) -> Result<(), VolumeError> {
        let rel = rel.as_ref();
        let (parent, name) = self.parent_of(rel)?;
        write_at(parent.as_fd(), name, rel, bytes, (uid, gid, mode)).map(drop)
    }

    /// Puts a new file in the place of whatever file or link is at `rel`, in one step.
    pub fn replace(
        &self,
        rel: impl AsRef<Path>,
        bytes: &[u8],
        uid: u32,
        gid: u32,
        mode: u32,
    ) -> Result<(), VolumeError> {
        self.exchange(rel.as_ref(), bytes, (uid, gid, mode), false)
    }

    /// [`Volume::replace`] for a file of root's, mode 0600, that is on the disk when this returns. Where nothing was at
    /// `rel`, a process that is killed in here leaves nothing.
    pub fn replace_durably(&self, rel: impl AsRef<Path>, bytes: &[u8]) -> Result<(), VolumeError> {
        let rel = rel.as_ref();
        let (parent, name) = self.parent_of(rel)?;
        match link_new(parent.as_fd(), name, bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.exchange(rel, bytes, (0, 0, 0o600), true)
            }
            linked => linked.map_err(|error| VolumeError::from_io("writing", rel, error)),
        }
    }

    fn exchange(
        &self,
        rel: &Path,
        bytes: &[u8],
        access: (u32, u32, u32),
        durable: bool,
    ) -> Result<(), VolumeError> {
        let fail = |errno| VolumeError::from_errno("replacing", rel, errno);
        let (parent, name) = self.parent_of(rel)?;
        let mut random = [0u8; 8];
        getrandom::fill(&mut random)
            .map_err(|error| VolumeError::from_io("replacing", rel, io::Error::other(error)))?;
        let temporary = OsString::from(format!(".envclone-{}", crate::model::hex(&random)));
        let file = write_at(parent.as_fd(), &temporary, rel, bytes, access)?;
        let renamed = (if durable { rustix::fs::fsync(&file) } else { Ok(()) })
            .and_then(|()| rustix::fs::renameat(&parent, &temporary, &parent, name))
            .and_then(|()| {
                if durable {
                    rustix::fs::fsync(&parent)
                } else {
                    Ok(())
                }
            });
        if renamed.is_err() {
            // The error to report is the first one; after a rename this finds nothing.
            let _ = rustix::fs::unlinkat(&parent, &temporary, AtFlags::empty());
        }
        renamed.map_err(fail)
    }

    /// Makes a directory that was not there; its parent must be there.
    pub fn make_dir(&self, rel: impl AsRef<Path>, uid: u32, gid: u32, mode: u32) -> Result<(), VolumeError> {
        let rel = rel.as_ref();
        let fail = |errno| VolumeError::from_errno("making", rel, errno);
        let (parent, name) = self.parent_of(rel)?;
        rustix::fs::mkdirat(&parent, name, Mode::RWXU).map_err(fail)?;
        let dir = open_at(parent.as_fd(), Path::new(name), DIRECTORY, &self.devices).map_err(fail)?;
        // Nobody but us can have made a directory of ours in between; another one is not to be given away.
        if rustix::fs::fstat(&dir).map_err(fail)?.st_uid != rustix::process::geteuid().as_raw() {
            return Err(VolumeError::Changed { path: rel.to_owned() });
        }
        set_access(dir.as_fd(), (uid, gid, mode)).map_err(fail)
    }

    /// Moves what is at `from` to `to`, where nothing may be.
    pub fn rename_new(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), VolumeError> {
        let (from, to) = (from.as_ref(), to.as_ref());
        let (old, old_name) = self.parent_of(from)?;
        let (new, new_name) = self.parent_of(to)?;
        rustix::fs::renameat_with(&old, old_name, &new, new_name, RenameFlags::NOREPLACE).map_err(|errno| {
            let path = if errno == Errno::EXIST { to } else { from };
            VolumeError::from_errno("moving", path, errno)
        })
    }

    /// Visits everything below `rel`, depth first, each directory before what is in it, names sorted by bytes.
    /// The visitor may remove what it is shown. `rel` itself is not shown; links are shown, not followed.
    ///
    /// # Errors
    /// The visitor's, or a [`VolumeError`].
    pub fn walk<E, F>(&self, rel: impl AsRef<Path>, visit: F) -> Result<(), E>
    where
        E: From<VolumeError>,
        F: FnMut(&Path, &Found<'_>) -> Result<Descend, E>,
    {
        let rel = rel.as_ref();
        tree::walk(self.open_dir(rel)?, rel, &self.devices, visit)
    }

    fn open_dir(&self, rel: &Path) -> Result<OwnedFd, VolumeError> {
        open_at(self.dir.as_fd(), below(rel)?, DIRECTORY, &self.devices)
            .map_err(|errno| VolumeError::from_errno("opening the directory", rel, errno))
    }

    /// The open parent directory of `rel`, and its last component.
    fn parent_of<'a>(&self, rel: &'a Path) -> Result<(OwnedFd, &'a OsStr), VolumeError> {
        let outside = || VolumeError::Outside { path: rel.to_owned() };
        let name = below(rel)?.file_name().ok_or_else(outside)?;
        let parent = rel.parent().ok_or_else(outside)?;
        let parent = open_at(self.dir.as_fd(), below(parent)?, DIRECTORY, &self.devices)
            .map_err(|errno| VolumeError::from_errno("opening the directory of", rel, errno))?;
        Ok((parent, name))
    }
}

/// `rel` if it is relative and without `..`; the empty path is the volume itself.
fn below(rel: &Path) -> Result<&Path, VolumeError> {
    let inside = |component| matches!(component, Component::Normal(_) | Component::CurDir);
    if !rel.components().all(inside) {
        return Err(VolumeError::Outside { path: rel.to_owned() });
    }
    Ok(if rel.as_os_str().is_empty() {
        Path::new(".")
    } else {
        rel
    })
}

fn set_access(fd: BorrowedFd<'_>, (uid, gid, mode): (u32, u32, u32)) -> Result<(), Errno> {
    rustix::fs::fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    // After the owner: changing that clears set-id bits.
    rustix::fs::fchmod(fd, Mode::from_raw_mode(mode & 0o7777))
}

/// Writes a new file `name` in `parent`; removes it again where that fails.
fn write_at(
    parent: BorrowedFd<'_>,
    name: &OsStr,
    shown: &Path,
    bytes: &[u8],
    access: (u32, u32, u32),
) -> Result<File, VolumeError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat2(parent, name, flags, Mode::RUSR | Mode::WUSR, BENEATH)
        .map_err(|errno| VolumeError::from_errno("making", shown, errno))?;
    let mut file = File::from(fd);
    let written = file
        .write_all(bytes)
        .and_then(|()| set_access(file.as_fd(), access).map_err(io::Error::from));
    match written {
        Ok(()) => Ok(file),
        Err(source) => {
            let _ = rustix::fs::unlinkat(parent, name, AtFlags::empty());
            Err(VolumeError::from_io("writing", shown, source))
        }
    }
}

/// A file of the caller's, mode 0600, that has no name until all of it is on the disk.
fn link_new(parent: BorrowedFd<'_>, name: &OsStr, bytes: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(parent, ".", flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(bytes)?;
    file.sync_all()?;
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(
        rustix::fs::CWD,
        nameless.as_str(),
        parent,
        name,
        AtFlags::SYMLINK_FOLLOW,
    )?;
    Ok(rustix::fs::fsync(parent)?)
}

#[cfg(test)]
mod tests;
