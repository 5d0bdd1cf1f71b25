//! Which image is behind a mount: `/proc/self/mountinfo` (proc(5)) and `/sys/block/loop*/loop/backing_file`.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::PoolError;
use super::error::io_error;

const MOUNTINFO: &str = "/proc/self/mountinfo";

/// A mount: where, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    point: PathBuf,
    source: PathBuf,
}

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

/// The mounts in the text of `/proc/self/mountinfo`; the line that is not understood as an error.
fn parse(text: &[u8]) -> Result<Vec<Mount>, String> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| parse_line(line).ok_or_else(|| String::from_utf8_lossy(line).into_owned()))
        .collect()
}

/// `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [OPTIONAL…] - TYPE SOURCE SUPER-OPTIONS`
fn parse_line(line: &[u8]) -> Option<Mount> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let dash = words.iter().skip(6).position(|word| *word == b"-")? + 6;
    let [_kind, source, _super_options] = words.get(dash + 1..)? else {
        return None;
    };
    Some(Mount {
        point: unescape(words.get(4)?)?,
        source: unescape(source)?,
    })
}

/// Undoes the octal escapes of blank, tab, line break, backslash and `#`.
fn unescape(word: &[u8]) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, tail @ ..] = rest {
        if *first != b'\\' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let digits = tail.get(..3)?;
        let value = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()?;
        bytes.push(u8::try_from(value).ok()?);
        rest = &tail[3..];
    }
    Some(PathBuf::from(OsString::from_vec(bytes)))
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
