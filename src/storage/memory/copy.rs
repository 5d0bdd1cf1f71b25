//! Copies of trees: directories, files, links and FIFOs with their owners and modes.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode};

use crate::storage::{Descend, Kind, Metadata, Volume, VolumeError};

/// Copies everything below `from` to the new directory `to`. Directories for which `nested` is true (by their
/// inode number) become empty ones, as Btrfs leaves nested subvolumes out.
pub(super) fn tree(from: &Volume, to: &Path, nested: impl Fn(u64) -> bool) -> Result<(), VolumeError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| VolumeError::Io {
            action: "copying",
            path: path.clone(),
            source,
        }
    };
    fs::create_dir(to).map_err(fail(to))?;
    from.walk("", |path, found| -> Result<Descend, VolumeError> {
        let target = to.join(path);
        let metadata = found.metadata()?;
        let made = match metadata.kind {
            Kind::Dir => fs::create_dir(&target),
            Kind::File => copy_file(found.open_file()?, &target),
            Kind::Symlink => symlink(from.link_target(path)?, &target),
            Kind::Other => rustix::fs::mknodat(CWD, &target, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
                .map_err(io::Error::from),
        };
        made.and_then(|()| set_access(&target, metadata))
            .map_err(fail(path))?;
        let stub = metadata.kind == Kind::Dir && nested(metadata.ino);
        Ok(if stub { Descend::Past } else { Descend::Into })
    })?;
    set_access(to, from.metadata("")?).map_err(fail(to))
}

fn copy_file(mut from: File, to: &Path) -> io::Result<()> {
    io::copy(&mut from, &mut File::create_new(to)?).map(drop)
}

fn set_access(path: &Path, metadata: Metadata) -> io::Result<()> {
    lchown(path, Some(metadata.uid), Some(metadata.gid))?;
    if metadata.kind == Kind::Symlink {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(metadata.mode))
}
