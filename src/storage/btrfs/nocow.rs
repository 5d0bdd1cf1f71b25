//! A bounded look for files that copy-on-write does not hold for.

use std::os::fd::OwnedFd;

use rustix::fs::{IFlags, ioctl_getflags};

use crate::storage::{Descend, Kind, Volume, VolumeError};

/// How many directories are looked at. The flag is inherited from the directory, so the upper ones tell.
const DIRECTORIES: usize = 500;
/// How deep below the root.
const DEPTH: usize = 4;
/// How many are named.
const NAMED: usize = 5;

/// Directories with the NOCOW flag near the top of a root, and the first file with it in each of the others (a
/// filesystem mounted with `nodatacow` flags files only). Opens files for reading, and reads nothing.
pub(super) fn look(root: &Volume) -> Result<Vec<String>, VolumeError> {
    let mut found = Vec::new();
    let mut directories = 0;
    let mut looked_in = std::path::PathBuf::from("/");
    root.walk("", |path, entry| {
        let fd: OwnedFd = match entry.entry.kind {
            Kind::Dir => {
                directories += 1;
                entry.open_dir()?
            }
            Kind::File if path.parent() != Some(&looked_in) => {
                path.parent().unwrap_or(path).clone_into(&mut looked_in);
                match entry.open_file() {
                    Ok(file) => file.into(),
                    // It went, or its lease is held: the source is running.
                    Err(_) => return Ok(Descend::Past),
                }
            }
            _ => return Ok(Descend::Past),
        };
        if ioctl_getflags(&fd).is_ok_and(|flags| flags.contains(IFlags::NOCOW)) {
            found.push(path.to_string_lossy().into_owned());
            return Ok(if found.len() < NAMED {
                Descend::Past
            } else {
                Descend::Stop
            });
        }
        Ok(if directories >= DIRECTORIES {
            Descend::Stop
        } else if path.components().count() < DEPTH {
            Descend::Into
        } else {
            Descend::Past
        })
    })
    .map(|()| found)
}
