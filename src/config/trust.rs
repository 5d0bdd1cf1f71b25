//! Whose word root obeys: only files that nobody but root could have written.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};

/// As the kernel's own limit.
const MAX_LINKS: usize = 40;

/// Why a path is not obeyed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Somebody other than root could have written it, or can replace it.
    #[error("{} is not safe to obey: {why}", path.display())]
    Unsafe {
        /// The file, or the directory above it, that is not safe.
        path: PathBuf,
        /// What is wrong with it, and what mends it.
        why: String,
    },
    /// The kernel refused.
    #[error("{} cannot be opened", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
}

/// The rule: a file and every directory on the way to it belong to root and can be written by nobody else.
///
/// A sticky directory such as `/tmp` is not safe: anybody may make the name that is looked for. Symbolic
/// links are followed, and the way to their target is checked as well. The walk holds descriptors, so what
/// was checked is what is read.
#[derive(Debug, Clone)]
pub struct Trust {
    owner: u32,
    anchor: Option<PathBuf>,
}

/// The last component of a path, found by a walk through directories that are all trusted.
struct Found {
    parent: OwnedFd,
    name: Option<OsString>,
    path: PathBuf,
}

impl Trust {
    /// The rule as it holds for every command.
    pub const fn root() -> Self {
        Self {
            owner: 0,
            anchor: None,
        }
    }

    /// For tests only: the caller's own files count as root's, and `anchor` and what is above it as safe.
    #[doc(hidden)]
    pub fn below(anchor: &Path) -> io::Result<Self> {
        Ok(Self {
            owner: rustix::process::geteuid().as_raw(),
            anchor: Some(anchor.canonicalize()?),
        })
    }

    /// Opens a trusted regular file for reading, and says where it really is.
    pub fn open(&self, path: &Path) -> Result<(File, PathBuf), TrustError> {
        self.opened(path, self.walk(path, None)?)
    }

    /// As [`Trust::open`] of a path in a root file system, as one who runs in it would write it: links lead to what is inside.
    pub(super) fn open_in(&self, rootfs: &Path, inside: &Path) -> Result<(File, PathBuf), TrustError> {
        self.opened(&in_rootfs(rootfs, inside), self.walk(rootfs, Some(inside))?)
    }

    /// As [`Trust::directory`], in a root file system.
    pub(super) fn directory_in(&self, rootfs: &Path, inside: &Path) -> Result<PathBuf, TrustError> {
        is_directory(&in_rootfs(rootfs, inside), self.walk(rootfs, Some(inside))?)
    }

    /// The names in a directory of a root file system, each of which is trusted like the directory itself.
    pub(super) fn contents_in(&self, rootfs: &Path, inside: &Path) -> Result<Vec<OsString>, TrustError> {
        let path = in_rootfs(rootfs, inside);
        let fail = |source: rustix::io::Errno| TrustError::Io {
            path: path.clone(),
            source: source.into(),
        };
        let found = self.walk(rootfs, Some(inside))?;
        if found.name.is_some() {
            return Err(fail(rustix::io::Errno::NOTDIR));
        }
        let mut names = Vec::new();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(&found.parent, ".", flags, Mode::empty()).map_err(fail)?;
        for entry in rustix::fs::Dir::read_from(&directory).map_err(fail)? {
            let name = OsString::from_vec(entry.map_err(fail)?.file_name().to_bytes().to_vec());
            if name == "." || name == ".." {
                continue;
            }
            let stat = rustix::fs::statat(&directory, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(fail)?;
            let at = found.path.join(&name);
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Symlink => self.check_link(&stat, &at)?,
                _ => self.check(&stat, &at)?,
            }
            names.push(name);
        }
        Ok(names)
    }

    fn opened(&self, path: &Path, found: Found) -> Result<(File, PathBuf), TrustError> {
        let fail = |source: rustix::io::Errno| TrustError::Io {
            path: path.to_owned(),
            source: source.into(),
        };
        let Some(name) = &found.name else {
            return Err(fail(rustix::io::Errno::ISDIR));
        };
        // NONBLOCK: a FIFO must not make us wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&found.parent, name, flags, Mode::empty()).map_err(fail)?;
        let stat = rustix::fs::fstat(&file).map_err(fail)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(unsafe_path(&found.path, "it is no regular file".to_owned()));
        }
        self.check(&stat, &found.path)?;
        Ok((File::from(file), found.path))
    }

    /// Checks that a directory and everything above it is trusted, and says where it really is.
    pub fn directory(&self, path: &Path) -> Result<PathBuf, TrustError> {
        is_directory(path, self.walk(path, None)?)
    }

    /// Whether a user's files may be obeyed.
    pub(crate) fn trusts_owner(&self, uid: u32) -> bool {
        uid == 0 || uid == self.owner
    }

    /// Whether a path that was looked at is the owner's and not writable by anybody else.
    pub(crate) fn check(&self, stat: &Stat, path: &Path) -> Result<(), TrustError> {
        if self
            .anchor
            .as_ref()
            .is_some_and(|anchor| anchor.starts_with(path))
        {
            return Ok(());
        }
        if !self.trusts_owner(stat.st_uid) {
            let why = format!("it belongs to uid {}, not to root", stat.st_uid);
            return Err(unsafe_path(path, why));
        }
        let whose = match (stat.st_mode & 0o020 != 0, stat.st_mode & 0o002 != 0) {
            (_, true) => "everybody",
            (true, false) => "its group",
            (false, false) => return Ok(()),
        };
        let mode = stat.st_mode & 0o7777;
        Err(unsafe_path(
            path,
            format!("it is writable by {whose} (mode {mode:04o})"),
        ))
    }

    /// Walks `path`, and from there on, as in a root file system that begins there, `inside`.
    fn walk(&self, path: &Path, mut inside: Option<&Path>) -> Result<Found, TrustError> {
        let fail = |source: io::Error| TrustError::Io {
            path: path.to_owned(),
            source,
        };
        let path_only = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let absolute = std::path::absolute(path).map_err(fail)?;
        let mut pending = components(&absolute);
        let root = rustix::fs::open("/", path_only, Mode::empty()).map_err(|e| fail(e.into()))?;
        self.check(
            &rustix::fs::fstat(&root).map_err(|e| fail(e.into()))?,
            Path::new("/"),
        )?;
        let mut stack: Vec<OwnedFd> = Vec::new();
        let mut here = PathBuf::from("/");
        let mut links = 0;
        // Where a root file system begins.
        let (mut floor, mut base) = (0, here.clone());
        loop {
            let Some(name) = pending.pop_front() else {
                let Some(inside) = inside.take() else { break };
                (floor, base) = (stack.len(), here.clone());
                pending = components(inside);
                continue;
            };
            if name == OsStr::new("..") {
                if stack.len() > floor {
                    stack.pop();
                    here.pop();
                }
                continue;
            }
            let parent = stack.last().unwrap_or(&root);
            let entry =
                rustix::fs::openat(parent, &name, path_only, Mode::empty()).map_err(|e| fail(e.into()))?;
            let stat = rustix::fs::fstat(&entry).map_err(|e| fail(e.into()))?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Symlink => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(fail(rustix::io::Errno::LOOP.into()));
                    }
                    self.check_link(&stat, &here.join(&name))?;
                    let target =
                        rustix::fs::readlinkat(parent, &name, Vec::new()).map_err(|e| fail(e.into()))?;
                    let target = PathBuf::from(OsStr::from_bytes(target.as_bytes()));
                    if target.is_absolute() {
                        stack.truncate(floor);
                        here.clone_from(&base);
                    }
                    let mut ahead = components(&target);
                    ahead.append(&mut pending);
                    pending = ahead;
                }
                FileType::Directory => {
                    here.push(&name);
                    self.check(&stat, &here)?;
                    stack.push(entry);
                }
                _ if pending.is_empty() && inside.is_none() => {
                    let parent = stack.pop().unwrap_or(root);
                    here.push(&name);
                    return Ok(Found {
                        parent,
                        name: Some(name),
                        path: here,
                    });
                }
                _ => return Err(fail(rustix::io::Errno::NOTDIR.into())),
            }
        }
        Ok(Found {
            parent: stack.pop().unwrap_or(root),
            name: None,
            path: here,
        })
    }

    /// A link has no mode of its own, but an owner.
    fn check_link(&self, stat: &Stat, path: &Path) -> Result<(), TrustError> {
        let mut modeless = *stat;
        modeless.st_mode = 0;
        self.check(&modeless, path)
    }
}

fn is_directory(path: &Path, found: Found) -> Result<PathBuf, TrustError> {
    match found.name {
        None => Ok(found.path),
        Some(_) => Err(TrustError::Io {
            path: path.to_owned(),
            source: rustix::io::Errno::NOTDIR.into(),
        }),
    }
}

/// Where a path of a root file system is, for messages.
fn in_rootfs(rootfs: &Path, inside: &Path) -> PathBuf {
    rootfs.join(inside.strip_prefix("/").unwrap_or(inside))
}

fn components(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            _ => None,
        })
        .collect()
}

fn unsafe_path(path: &Path, why: String) -> TrustError {
    TrustError::Unsafe {
        path: path.to_owned(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn world() -> (tempfile::TempDir, Trust) {
        let dir = tempfile::tempdir().unwrap();
        let trust = Trust::below(dir.path()).unwrap();
        (dir, trust)
    }

    fn file(path: &Path, mode: u32) {
        fs::write(path, "text").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn directory(path: &Path, mode: u32) {
        fs::create_dir(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn refusal(trust: &Trust, path: &Path) -> (PathBuf, String) {
        match trust.open(path).unwrap_err() {
            TrustError::Unsafe { path, why } => (path, why),
            other @ TrustError::Io { .. } => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_below_safe_directories_is_opened() {
        let (dir, trust) = world();
        directory(&dir.path().join("safe"), 0o755);
        file(&dir.path().join("safe/file"), 0o644);
        let (_, real) = trust.open(&dir.path().join("safe/../safe/./file")).unwrap();
        assert!(real.ends_with("safe/file"));
    }

    #[test]
    fn a_file_that_others_can_write_is_refused() {
        let (dir, trust) = world();
        file(&dir.path().join("group"), 0o664);
        file(&dir.path().join("all"), 0o646);
        assert_eq!(
            refusal(&trust, &dir.path().join("group")).1,
            "it is writable by its group (mode 0664)"
        );
        assert_eq!(
            refusal(&trust, &dir.path().join("all")).1,
            "it is writable by everybody (mode 0646)"
        );
    }

    #[test]
    fn a_sticky_directory_above_is_named() {
        let (dir, trust) = world();
        let sticky = dir.path().join("sticky");
        directory(&sticky, 0o1777);
        directory(&sticky.join("mine"), 0o700);
        file(&sticky.join("mine/file"), 0o600);
        let (path, why) = refusal(&trust, &sticky.join("mine/file"));
        assert_eq!(path, sticky.canonicalize().unwrap());
        assert_eq!(why, "it is writable by everybody (mode 1777)");
    }

    #[test]
    fn the_way_to_the_target_of_a_link_is_checked() {
        let (dir, trust) = world();
        directory(&dir.path().join("open"), 0o777);
        directory(&dir.path().join("open/inner"), 0o755);
        file(&dir.path().join("open/inner/file"), 0o644);
        symlink("open/inner", dir.path().join("hop")).unwrap();
        symlink("hop/file", dir.path().join("link")).unwrap();
        assert!(refusal(&trust, &dir.path().join("link")).0.ends_with("open"));
        symlink(dir.path().join("safe"), dir.path().join("absolute")).unwrap();
        file(&dir.path().join("safe"), 0o644);
        assert!(trust.open(&dir.path().join("absolute")).is_ok());
    }

    #[test]
    fn a_foreign_owner_is_named() {
        let trust = Trust {
            owner: 0,
            anchor: None,
        };
        let mut stat = rustix::fs::stat("/").unwrap();
        stat.st_uid = 1000;
        stat.st_mode = 0o755;
        let error = trust.check(&stat, Path::new("/x")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/x is not safe to obey: it belongs to uid 1000, not to root"
        );
    }

    #[test]
    fn neither_a_fifo_nor_a_loop_of_links_makes_it_hang() {
        let (dir, trust) = world();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        assert_eq!(refusal(&trust, &fifo).1, "it is no regular file");
        symlink("loop", dir.path().join("loop")).unwrap();
        assert!(trust.open(&dir.path().join("loop")).is_err());
        assert!(trust.open(dir.path()).is_err(), "a directory is no configuration");
    }
}
