//! How a path below a volume becomes an open file.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// How every path below a volume is resolved.
pub(super) const BENEATH: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_XDEV)
    .union(ResolveFlags::NO_MAGICLINKS);
/// How the path of a volume itself is resolved: mounts are crossed on the way to it, links are not followed.
pub(super) const WITHOUT_LINKS: ResolveFlags = ResolveFlags::NO_SYMLINKS.union(ResolveFlags::NO_MAGICLINKS);
pub(super) const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// Reading a regular file: not blocking, so that a FIFO swapped in or a lease held by the branch cannot hang us.
pub(super) const REGULAR: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// The device numbers of the filesystems, beside its own, that a volume consists of.
pub(super) type Devices = [u64];

/// Opens beneath `dir`: on the same mount, or on one of the filesystems that the volume consists of.
pub(super) fn open_at(
    dir: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    devices: &Devices,
) -> Result<OwnedFd, Errno> {
    let opened = rustix::fs::openat2(dir, path, flags, Mode::empty(), BENEATH);
    if devices.is_empty() || !matches!(opened, Err(Errno::XDEV)) {
        return opened;
    }
    // Looked at first: nothing of another filesystem is opened.
    let across = BENEATH.difference(ResolveFlags::NO_XDEV);
    let look = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = rustix::fs::openat2(dir, path, look, Mode::empty(), across)?;
    if !devices.contains(&rustix::fs::fstat(&found)?.st_dev) {
        return Err(Errno::XDEV);
    }
    if flags.contains(OFlags::PATH) {
        return Ok(found);
    }
    let opened = rustix::fs::openat2(dir, path, flags, Mode::empty(), across)?;
    if devices.contains(&rustix::fs::fstat(&opened)?.st_dev) {
        Ok(opened)
    } else {
        Err(Errno::XDEV)
    }
}
