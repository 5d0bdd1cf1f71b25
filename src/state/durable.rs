//! Files that appear whole or not at all.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

/// A file without a name in the directory of `path`, mode 0600: when its process dies, it is gone.
pub(crate) fn nameless(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    let file = rustix::fs::open(directory_of(path), flags, Mode::RUSR | Mode::WUSR)?;
    Ok(File::from(file))
}

/// Gives a nameless file its name, durably; an error where the name is taken.
pub(crate) fn name(file: &File, path: &Path) -> io::Result<()> {
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, nameless.as_str(), CWD, path, AtFlags::SYMLINK_FOLLOW)?;
    sync_directory_of(path)
}

/// Makes a change of names in the directory of `path` durable.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}
