//! Btrfs pools in a file, for hosts that have no Btrfs: made, mounted again at boot, removed.
//!
//! `ops` calls it for `pool create` and `start --all`. Each pool has a record below the state directory, written
//! before anything is made: what a killed run left is known and cleaned up by the next one. Only what a record
//! names and what still is what was made (inode of the image, image behind the mount) is unmounted or removed.

mod error;
mod mounts;

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FallocateFlags, IFlags, ioctl_getflags, ioctl_setflags};
use serde::{Deserialize, Serialize};

use super::{Volume, VolumeError};
use crate::config::Trust;
use crate::exec::Invocation;
use error::{io_error, volume_error};

pub use error::PoolError;

/// Below this `mkfs.btrfs` makes a filesystem that is full at once.
pub const SMALLEST: u64 = 256 << 20;
const SCHEMA: u32 = 1;
const RECORD_LIMIT: u64 = 64 * 1024;
/// `nodiscard`: the room of the image is reserved on the host; giving parts of it back would let the host run
/// full under the pool.
const OPTIONS: &str = "loop,noatime,nosuid,nodev,nodiscard";
const MKFS_WITHIN: Duration = Duration::from_secs(300);

/// A pool in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolRecord {
    schema: u32,
    /// Where it is mounted.
    pub path: PathBuf,
    /// The file that holds it.
    pub image: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// The inode number of the image, once it was made.
    inode: Option<u64>,
    /// Whether the mount point was made with it.
    made_directory: bool,
    /// Whether it was made to the end.
    complete: bool,
}

/// What became of a pool when all were to be mounted.
#[derive(Debug)]
pub struct Remount {
    /// The pool.
    pub path: PathBuf,
    /// Whether it had to be mounted; or why it could not be.
    pub mounted: Result<bool, PoolError>,
}

/// The pools that envclone made on this host.
#[derive(Debug)]
pub struct Pools {
    records: Volume,
    trust: Trust,
    /// Locked for as long as this lives: one run at a time makes, mounts or removes pools.
    _lock: File,
}

impl Pools {
    /// Opens the records below `state_dir` (`<state_dir>/pools`), waiting for another run that has them open.
    pub fn open(state_dir: &Path, trust: Trust) -> Result<Self, PoolError> {
        let found = trust.directory(state_dir);
        let state_dir = found.map_err(|source| PoolError::Unsafe {
            path: state_dir.to_owned(),
            source,
        })?;
        let fail = |error| volume_error("opening", &state_dir, error);
        let state = Volume::open(&state_dir).map_err(fail)?;
        match state.make_dir("pools", own_uid(), own_gid(), 0o700) {
            Ok(()) | Err(VolumeError::Exists { .. }) => {}
            Err(error) => return Err(fail(error)),
        }
        let records = state.subvolume("pools").map_err(fail)?;
        let lock = File::open(records.path()).map_err(|error| io_error("locking", records.path(), error))?;
        lock.lock()
            .map_err(|error| io_error("locking", records.path(), error))?;
        Ok(Self {
            records,
            trust,
            _lock: lock,
        })
    }

    /// All pools, those that a killed run left half made included.
    pub fn list(&self) -> Result<Vec<PoolRecord>, PoolError> {
        let fail = |error| volume_error("reading", self.records.path(), error);
        let entries = self.records.read_dir("").map_err(fail)?.into_iter();
        let names = entries.map(|entry| PathBuf::from(entry.name));
        let names = names.filter(|name| name.extension().is_some_and(|extension| extension == "json"));
        names.map(|name| self.read(&name)).collect()
    }

    /// Makes a pool of `size` bytes at `path`: the file `<path>.img`, all of it reserved, root's and 0600, with a
    /// Btrfs filesystem, mounted. `path` must not be there, or be an empty directory of root's.
    ///
    /// # Errors
    /// [`PoolError`]; nothing is left then, unless [`PoolError::Left`] says so.
    pub fn create(&self, path: &Path, size: u64) -> Result<PoolRecord, PoolError> {
        let (parent, path) = self.checked(path)?;
        if size < SMALLEST {
            return Err(PoolError::TooSmall { size });
        }
        match self.record_of(&path)? {
            Some(record) if record.complete => return Err(PoolError::Exists { path }),
            Some(half) => self.take_apart(&half)?,
            None => {}
        }
        let image = image_of(&path);
        for taken in [file_name(&image), file_name(&path)] {
            self.check_free(&parent, taken, &path)?;
        }
        let there = parent.exists(file_name(&path));
        let made_directory = !there.map_err(|error| volume_error("looking at", &path, error))?;
        let mut record = PoolRecord {
            schema: SCHEMA,
            path,
            image,
            size,
            inode: None,
            made_directory,
            complete: false,
        };
        self.write(&record)?;
        match self.build(&parent, &mut record) {
            Ok(()) => Ok(record),
            Err(failed) => Err(self.undo(&record, failed)),
        }
    }

    /// Mounts every pool that is not mounted. One that fails does not keep the others from it.
    pub fn mount_all(&self) -> Result<Vec<Remount>, PoolError> {
        let complete = self.list()?.into_iter().filter(|record| record.complete);
        Ok(complete
            .map(|record| Remount {
                mounted: self.mount_again(&record),
                path: record.path,
            })
            .collect())
    }

    /// Unmounts a pool and removes its image with everything in it.
    ///
    /// # Errors
    /// [`PoolError::Unknown`] where no record says that envclone made it; a failure to unmount (something is
    /// still open in it) leaves it as it was.
    pub fn remove(&self, path: &Path) -> Result<(), PoolError> {
        let record = self.record_of(path)?;
        let record = record.ok_or_else(|| PoolError::Unknown {
            path: path.to_owned(),
        })?;
        self.take_apart(&record)
    }

    /// The open, trusted directory that a pool is to lie in, and the pool's path in it without links.
    fn checked(&self, path: &Path) -> Result<(Volume, PathBuf), PoolError> {
        let refuse = |reason| PoolError::Path {
            path: path.to_owned(),
            reason,
        };
        let text = path.to_str().ok_or_else(|| refuse("its path is no text"))?;
        if text.contains(|c: char| c.is_control() || c == '\\' || c == ',') {
            return Err(refuse(
                "its path holds a comma, a backslash or a control character",
            ));
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(refuse("it needs a name"));
        };
        if !path.is_absolute() {
            return Err(refuse("its path is not absolute"));
        }
        let parent = self.trust.directory(parent);
        let parent = parent.map_err(|source| PoolError::Unsafe {
            path: path.to_owned(),
            source,
        })?;
        let volume = Volume::open(&parent).map_err(|error| volume_error("opening", &parent, error))?;
        Ok((volume, parent.join(name)))
    }

    /// Checks that nothing is at `name`, but for an empty directory of ours on the same mount.
    fn check_free(&self, parent: &Volume, name: &Path, path: &Path) -> Result<(), PoolError> {
        let exists = || PoolError::Exists {
            path: path.with_file_name(name),
        };
        let metadata = match parent.metadata(name) {
            Ok(metadata) => metadata,
            Err(VolumeError::NotFound { .. }) => return Ok(()),
            Err(_) => return Err(exists()),
        };
        let empty = name == file_name(path)
            && self.trust.trusts_owner(metadata.uid)
            && metadata.mode & 0o022 == 0
            && parent.read_dir(name).is_ok_and(|entries| entries.is_empty());
        if empty { Ok(()) } else { Err(exists()) }
    }

    fn build(&self, parent: &Volume, record: &mut PoolRecord) -> Result<(), PoolError> {
        let name = file_name(&record.image);
        let fail = |error| volume_error("making", &record.image, error);
        parent
            .write_new(name, b"", own_uid(), own_gid(), 0o600)
            .map_err(fail)?;
        record.inode = Some(parent.metadata(name).map_err(fail)?.ino);
        self.write(record)?;
        reserve(&record.image, record.size)?;
        // --nodiscard: discarding would give the reserved room back.
        let mkfs = tool("mkfs.btrfs", &record.path)?.args(["--quiet", "--nodiscard", "--"]);
        run(
            "making",
            &record.path,
            &mkfs.arg(&record.image).timeout(MKFS_WITHIN),
        )?;
        if record.made_directory {
            let made = parent.make_dir(file_name(&record.path), own_uid(), own_gid(), 0o755);
            made.map_err(|error| volume_error("making", &record.path, error))?;
        }
        mount(record)?;
        record.complete = true;
        self.write(record)
    }

    fn undo(&self, record: &PoolRecord, failed: PoolError) -> PoolError {
        match self.take_apart(record) {
            Ok(()) => failed,
            Err(source) => {
                let path = record.path.clone();
                PoolError::Left {
                    path,
                    failed: Box::new(failed),
                    source: Box::new(source),
                }
            }
        }
    }

    /// Unmounts and removes what a record says, whole or half, and then the record.
    fn take_apart(&self, record: &PoolRecord) -> Result<(), PoolError> {
        if mounts::backing_of(&record.path)?.as_deref() == Some(&*record.image) {
            let umount = tool("umount", &record.path)?.arg("--").arg(&record.path);
            run("unmounting", &record.path, &umount)?;
        }
        let (parent, path) = self.checked(&record.path)?;
        let name = file_name(&record.image);
        match parent.metadata(name) {
            Err(VolumeError::NotFound { .. }) => {}
            Err(error) => return Err(volume_error("looking at", &record.image, error)),
            // Killed between making the file and writing its number down: an empty file is nobody's loss.
            Ok(metadata)
                if record.inode == Some(metadata.ino) || (record.inode, metadata.size) == (None, 0) =>
            {
                let removed = parent.remove_file(name);
                removed.map_err(|error| volume_error("removing", &record.image, error))?;
            }
            Ok(_) => {
                let path = record.image.clone();
                return Err(PoolError::Foreign {
                    path,
                    reason: "it is another file",
                });
            }
        }
        if record.made_directory {
            match parent.remove_dir(file_name(&path)) {
                Ok(()) | Err(VolumeError::NotFound { .. }) => {}
                Err(error) => return Err(volume_error("removing", &path, error)),
            }
        }
        let file = record_name(&record.path);
        self.records
            .remove_file(&file)
            .map_err(|error| volume_error("removing", &file, error))
    }

    fn mount_again(&self, record: &PoolRecord) -> Result<bool, PoolError> {
        match mounts::backing_of(&record.path)? {
            Some(image) if image == record.image => return Ok(false),
            Some(_) => {
                let path = record.path.clone();
                return Err(PoolError::Foreign {
                    path,
                    reason: "something else is mounted there",
                });
            }
            None => {}
        }
        let (parent, _) = self.checked(&record.path)?;
        let metadata = parent.metadata(file_name(&record.image));
        let metadata = metadata.map_err(|error| volume_error("looking at", &record.image, error))?;
        if record.inode != Some(metadata.ino) || metadata.uid != own_uid() || metadata.mode & 0o077 != 0 {
            let path = record.image.clone();
            return Err(PoolError::Foreign {
                path,
                reason: "it is another file, or not root's alone",
            });
        }
        let exists = parent.exists(file_name(&record.path));
        if !exists.map_err(|error| volume_error("looking at", &record.path, error))? {
            let made = parent.make_dir(file_name(&record.path), own_uid(), own_gid(), 0o755);
            made.map_err(|error| volume_error("making", &record.path, error))?;
        }
        mount(record).map(|()| true)
    }

    fn record_of(&self, path: &Path) -> Result<Option<PoolRecord>, PoolError> {
        let name = record_name(path);
        match self.records.exists(&name) {
            Ok(true) => self.read(&name).map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(volume_error("reading", &name, error)),
        }
    }

    fn read(&self, name: &Path) -> Result<PoolRecord, PoolError> {
        let path = self.records.path().join(name);
        let bytes = self.records.read(name, RECORD_LIMIT);
        let bytes = bytes.map_err(|error| volume_error("reading", &path, error))?;
        let record: PoolRecord = serde_json::from_slice(&bytes)
            .map_err(|error| io_error("reading", &path, io::Error::from(error)))?;
        if record.schema != SCHEMA
            || record_name(&record.path) != name
            || record.image != image_of(&record.path)
        {
            return Err(PoolError::Foreign {
                path,
                reason: "it is no record of this version or name",
            });
        }
        Ok(record)
    }

    fn write(&self, record: &PoolRecord) -> Result<(), PoolError> {
        let name = record_name(&record.path);
        let path = self.records.path().join(&name);
        let bytes = serde_json::to_vec(record);
        let bytes = bytes.map_err(|error| io_error("writing", &path, io::Error::from(error)))?;
        let written = self.records.replace_durably(&name, &bytes);
        written.map_err(|error| volume_error("writing", &path, error))
    }
}

/// The file that holds the pool at `path`.
fn image_of(path: &Path) -> PathBuf {
    let mut image = path.as_os_str().to_owned();
    image.push(".img");
    PathBuf::from(image)
}

/// The name of a pool's record: the last component for people, a hash of the whole path to tell pools apart.
fn record_name(path: &Path) -> PathBuf {
    use sha2::{Digest, Sha256};
    let text = path.to_string_lossy();
    let hash = crate::model::hex(&Sha256::digest(text.as_bytes())[..8]);
    let last = path.file_name().unwrap_or_default().to_string_lossy();
    let readable: String = last
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(40)
        .collect();
    PathBuf::from(format!("{readable}-{hash}.json"))
}

fn file_name(path: &Path) -> &Path {
    Path::new(path.file_name().unwrap_or_default())
}

/// Reserves all room of an image that was just made. On Btrfs copy-on-write under copy-on-write is switched off.
fn reserve(image: &Path, size: u64) -> Result<(), PoolError> {
    let file = File::options()
        .write(true)
        .open(image)
        .map_err(|error| io_error("opening", image, error))?;
    if let Ok(flags) = ioctl_getflags(&file) {
        // Filesystems without the flag refuse it.
        let _ = ioctl_setflags(&file, flags | IFlags::NOCOW);
    }
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, size).map_err(|errno| match errno {
        rustix::io::Errno::NOSPC | rustix::io::Errno::FBIG => PoolError::NoRoom {
            path: image.to_owned(),
            size,
        },
        _ => io_error("reserving the room of", image, errno.into()),
    })?;
    let reserved = file
        .metadata()
        .map_err(|error| io_error("looking at", image, error))?
        .blocks();
    if reserved.saturating_mul(512) < size {
        return Err(PoolError::NoRoom {
            path: image.to_owned(),
            size,
        });
    }
    file.sync_all().map_err(|error| io_error("writing", image, error))
}

fn mount(record: &PoolRecord) -> Result<(), PoolError> {
    let mount = tool("mount", &record.path)?.args(["-t", "btrfs", "-o", OPTIONS, "--"]);
    run(
        "mounting",
        &record.path,
        &mount.arg(&record.image).arg(&record.path),
    )
}

fn tool(program: &str, path: &Path) -> Result<Invocation, PoolError> {
    Invocation::of(program).map_err(|missing| PoolError::Tool {
        action: "making or mounting",
        path: path.to_owned(),
        source: missing.into(),
    })
}

fn run(action: &'static str, path: &Path, invocation: &Invocation) -> Result<(), PoolError> {
    match invocation.run() {
        Ok(_) => Ok(()),
        Err(source) => Err(PoolError::Tool {
            action,
            path: path.to_owned(),
            source,
        }),
    }
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn own_gid() -> u32 {
    rustix::process::getegid().as_raw()
}
