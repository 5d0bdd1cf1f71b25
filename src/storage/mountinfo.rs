//! What is mounted where: `/proc/self/mountinfo` (proc(5)), read strictly.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The table of the caller's own mount namespace.
pub(super) const MOUNTINFO: &str = "/proc/self/mountinfo";

/// A mount: where, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// The directory of the filesystem that is seen there; `/` for all of it.
    pub(super) root: PathBuf,
    /// Where it is.
    pub(super) point: PathBuf,
    /// The type of the filesystem.
    pub(super) kind: String,
    /// What is mounted: a device, on ZFS a dataset.
    pub(super) source: PathBuf,
}

impl Mount {
    /// Whether it is the dataset or the snapshot of that name, and all of it.
    pub(super) fn is_zfs(&self, name: &str) -> bool {
        self.kind == "zfs" && self.root == Path::new("/") && self.source == Path::new(name)
    }

    /// The dataset that is mounted, where it is one and all of it is seen.
    pub(super) fn dataset(&self) -> Option<&str> {
        let whole = self.kind == "zfs" && self.root == Path::new("/");
        whole.then(|| self.source.to_str()).flatten()
    }
}

/// The mounts in the text of `mountinfo`, in the order in which they were made; the line that is not understood as an error.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Mount>, String> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| parse_line(line).ok_or_else(|| String::from_utf8_lossy(line).into_owned()))
        .collect()
}

/// `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [OPTIONAL…] - TYPE SOURCE SUPER-OPTIONS`
fn parse_line(line: &[u8]) -> Option<Mount> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let dash = words.iter().skip(6).position(|word| *word == b"-")? + 6;
    let [kind, source, _super_options] = words.get(dash + 1..)? else {
        return None;
    };
    Some(Mount {
        root: unescape(words.get(3)?)?,
        point: unescape(words.get(4)?)?,
        kind: String::from_utf8(kind.to_vec()).ok()?,
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

    #[test]
    fn mounts_are_read_with_optional_fields_and_escapes() {
        let text =
            b"36 35 0:42 / /tank/a\\040b rw,noatime shared:1 master:2 - zfs tank/a\\040b rw,xattr,posixacl\n\
                     37 36 0:42 /sub /bound rw - zfs tank/a\\040b rw\n";
        let mounts = parse(text).unwrap();
        assert!(mounts[0].is_zfs("tank/a b") && mounts[0].point == Path::new("/tank/a b"));
        assert_eq!(mounts[0].dataset(), Some("tank/a b"));
        assert_eq!(
            mounts[1].dataset(),
            None,
            "a part of a dataset is not the dataset"
        );
    }

    #[test]
    fn lines_that_are_not_understood_are_errors() {
        for text in [
            "1 2 0:1 / /x rw ext4 /dev/a rw\n",
            "1 2 0:1 / /x rw - ext4 /dev/a\n",
            "1 2 0:1 / /x\\9 rw - ext4 /dev/a rw\n",
            "x\n",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
