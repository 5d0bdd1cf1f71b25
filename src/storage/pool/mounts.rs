//! Which image is behind a mount: the table of mounts and `/sys/block/loop*/loop/backing_file`.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::super::mountinfo::{MOUNTINFO, parse};
use super::PoolError;
use super::error::io_error;

/// The file behind the topmost mount at `path`, or the mount's source where it is no loop device; `None` where
/// nothing is mounted.
pub(super) fn backing_of(path: &Path) -> Result<Option<PathBuf>, PoolError> {
    let table = Path::new(MOUNTINFO);
    let bytes = fs::read(table).map_err(|error| io_error("reading", table, error))?;
    let mounts = parse(&bytes).map_err(|line| {
        let error = format!("a line is not understood: {line:?}");
        io_error(
            "reading",
            table,
            io::Error::new(io::ErrorKind::InvalidData, error),
        )
    })?;
    let Some(top) = mounts.into_iter().rfind(|mount| mount.point == path) else {
        return Ok(None);
    };
    match top.source.strip_prefix("/dev") {
        Ok(device) if device.as_os_str().as_bytes().starts_with(b"loop") => {
            let file = Path::new("/sys/block").join(device).join("loop/backing_file");
            let backing = fs::read(&file).map_err(|error| io_error("reading", &file, error))?;
            let name = backing.strip_suffix(b"\n").unwrap_or(&backing);
            Ok(Some(PathBuf::from(OsString::from_vec(name.to_vec()))))
        }
        _ => Ok(Some(top.source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kernel 6.18.
    const TABLE: &str = "\
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
44 27 0:42 / /srv/b\\040c rw,nosuid,nodev,noatime - btrfs /dev/loop1 rw,discard=async,space_cache=v2,subvolid=5,subvol=/
45 27 0:5 / /proc rw,nosuid shared:2 master:1 - proc proc rw
";

    #[test]
    fn mounts_are_read_with_blanks_and_optional_fields() {
        let mounts = parse(TABLE.as_bytes()).unwrap();
        let points: Vec<_> = mounts.iter().map(|mount| mount.point.to_str().unwrap()).collect();
        assert_eq!(points, ["/", "/srv/b c", "/proc"]);
        assert_eq!(mounts[1].source, Path::new("/dev/loop1"));
    }

    #[test]
    fn lines_with_too_few_or_too_many_columns_are_an_error() {
        for line in [
            "44 27 0:42 / /srv rw",
            "44 27 0:42 / /srv rw btrfs /dev/loop1 rw",
            "44 27 0:42 / /srv rw - btrfs /dev/loop1",
            "44 27 0:42 / /srv rw - btrfs /dev/loop1 rw more",
            "44 27 0:42 / /srv\\04 rw - btrfs /dev/loop1 rw",
            "44 27 0:42 / /srv\\999 rw - btrfs /dev/loop1 rw",
        ] {
            assert!(parse(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn nothing_is_mounted_on_an_ordinary_directory() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(backing_of(dir.path()).unwrap(), None);
        assert!(backing_of(Path::new("/proc")).unwrap().is_some());
    }
}
