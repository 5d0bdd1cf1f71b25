//! An unpacked root file system from which a server runs instead of from this host.
//!
//! It is root's own, which the configuration has judged; but its links are made for whoever runs in it. So root looks into
//! it as one who is in there: a link, also an absolute one, leads to what is inside.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::descriptors::in_memory;
use super::system::{Place, System};
use super::{Account, bwrap, seccomp};
use crate::exec::{Invocation, ToolMissing};

/// Files of it that are read whole are smaller.
const SMALL: u64 = 1 << 20;
/// The name of an account that neither the root file system nor this host has a name for.
const NAMELESS: &str = "service";
/// Where bwrap finds its options, and what it writes into files: the first of them.
const OPTIONS_FD: i32 = 100;
const FILTER_FD: i32 = 101;
pub(super) const TEXTS_FD: i32 = 110;

/// An unpacked root file system.
#[derive(Debug)]
pub struct Rootfs {
    path: PathBuf,
    root: OwnedFd,
}

/// What a program that is run once in a root file system sees beside it.
#[derive(Debug, Clone, Default)]
pub struct Sees {
    /// Directories of this host, at their own places, read-only; those that are not there are left out.
    pub directories: Vec<PathBuf>,
    /// Whether this host's network is its own, with the names that this host knows.
    pub network: bool,
}

/// Why a program cannot be run in a root file system.
#[derive(Debug, thiserror::Error)]
pub enum NotRun {
    /// bubblewrap is not there.
    #[error(transparent)]
    Missing(#[from] ToolMissing),
    /// It could not be prepared.
    #[error("the sandbox could not be prepared")]
    Io(#[from] io::Error),
}

impl Rootfs {
    /// Opens it: a directory that holds `usr` and `etc`, both directories and no links.
    ///
    /// # Errors
    /// The kernel's; [`io::ErrorKind::NotFound`] and [`io::ErrorKind::NotADirectory`] also for `usr` and `etc`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = rustix::fs::open(&path, flags, Mode::empty())?;
        let rootfs = Self { path, root };
        rootfs.directory("usr")?;
        rootfs.directory("etc")?;
        Ok(rootfs)
    }

    /// Where it is, without links on the way.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a regular file that may be executed, at a path as one in there would write it.
    pub fn has_program(&self, inside: &Path) -> bool {
        let found = self.find(inside, OFlags::PATH).and_then(rustix::fs::fstat);
        found.is_ok_and(|stat| {
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_mode & 0o111 != 0
        })
    }

    /// The first `limit` bytes of a regular file in there.
    ///
    /// # Errors
    /// The kernel's.
    pub fn beginning(&self, inside: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let file = File::from(self.find(inside, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The name of an account, as it says itself, else as this host does.
    pub fn account_name(&self, uid: u32) -> Option<String> {
        let text = self.text("etc/passwd");
        let own = text.lines().find(|line| number(line) == Some(uid));
        let own = own.and_then(|line| line.split(':').next()).map(str::to_owned);
        own.or_else(|| Some(nix::unistd::User::from_uid(uid.into()).ok()??.name))
    }

    /// A program of it, to be run once as the account, with nothing of this host but what it is to see; its arguments follow.
    ///
    /// # Errors
    /// [`NotRun`].
    pub fn run(&self, account: &Account, program: &Path, sees: &Sees) -> Result<Invocation, NotRun> {
        let mut system = System::of_rootfs(self, account)?;
        if sees.network {
            for name in ["/etc/hosts", "/etc/resolv.conf"] {
                let path = PathBuf::from(name);
                system.etc.retain(|(known, _)| *known != path);
                system.etc.push((path.clone(), Place::BoundIfThere(path)));
            }
        }
        let (options, texts) = bwrap::once(&system, sees);
        let filter = seccomp::bytes(&seccomp::program()?);
        let mut invocation = Invocation::of("bwrap")?
            .args(["--args".to_owned(), OPTIONS_FD.to_string()])
            .args(["--seccomp".to_owned(), FILTER_FD.to_string()])
            .args(["--", bwrap::SETPRIV])
            .args(bwrap::drop_privileges(account))
            .arg(program)
            .giving(
                &Arc::new(in_memory(&bwrap::nul_terminated(&options))?.into()),
                OPTIONS_FD,
            )
            .giving(&Arc::new(in_memory(&filter)?.into()), FILTER_FD);
        for (text, number) in texts.iter().zip(TEXTS_FD..) {
            invocation = invocation.giving(&Arc::new(in_memory(text.as_bytes())?.into()), number);
        }
        Ok(invocation)
    }

    /// Where on this host a directory of it is.
    pub(super) fn directory(&self, inside: &str) -> io::Result<PathBuf> {
        match self.entry(inside)? {
            Some(Place::Bound(path)) if path.is_dir() => Ok(path),
            Some(_) => Err(io::Error::new(
                io::ErrorKind::NotADirectory,
                format!("its {inside} is no directory"),
            )),
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("there is no {inside} in it"),
            )),
        }
    }

    /// An entry of it, as a sandbox shows it: a link as it is, whatever else bound; `None` where there is none.
    pub(super) fn entry(&self, inside: &str) -> io::Result<Option<Place>> {
        let stat = match rustix::fs::statat(&self.root, inside, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            stat => stat?,
        };
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&self.root, inside, Vec::new())?;
                Some(Place::Link(
                    std::ffi::OsString::from_vec(target.into_bytes()).into(),
                ))
            }
            FileType::Directory | FileType::RegularFile => Some(Place::Bound(self.path.join(inside))),
            _ => None,
        })
    }

    /// Its `passwd` and `group`, with a line for the account where they have none.
    pub(super) fn accounts(&self, account: &Account) -> (String, String) {
        let Account { uid, gid } = *account;
        let person = self.account_name(uid);
        let team = nix::unistd::Group::from_gid(gid.into()).ok().flatten();
        let passwd = with_number(self.text("etc/passwd"), uid, person.as_deref(), |name| {
            format!("{name}:x:{uid}:{gid}::/:/bin/sh")
        });
        let team = team.map(|team| team.name);
        let group = with_number(self.text("etc/group"), gid, team.as_deref(), |name| {
            format!("{name}:x:{gid}:")
        });
        (passwd, group)
    }

    /// A small text of it; empty where there is none.
    fn text(&self, inside: &str) -> String {
        let bytes = self.beginning(Path::new(inside), SMALL).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn find(&self, inside: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let how = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        rustix::fs::openat2(&self.root, inside, flags | OFlags::CLOEXEC, Mode::empty(), how)
    }
}

/// The number of an account or group: the third field of its line.
fn number(line: &str) -> Option<u32> {
    line.split(':').nth(2)?.parse().ok()
}

/// A text of accounts or groups in which `id` has a line: its own, or one under a name, which is then nobody else's.
fn with_number(text: String, id: u32, name: Option<&str>, line: impl Fn(&str) -> String) -> String {
    if text.lines().any(|line| number(line) == Some(id)) {
        return text;
    }
    let name = name.unwrap_or(NAMELESS);
    let others = text.lines().filter(|line| line.split(':').next() != Some(name));
    let lines: String = others.flat_map(|line| [line, "\n"]).collect();
    lines + &line(name) + "\n"
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn image() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in ["usr/bin", "usr/lib", "etc"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        fs::write(
            dir.path().join("etc/passwd"),
            "root:x:0:0::/root:/bin/sh\npostgres:x:4711:4712::/:/bin/sh",
        )
        .unwrap();
        fs::write(dir.path().join("usr/bin/tool"), "text").unwrap();
        fs::set_permissions(dir.path().join("usr/bin/tool"), fs::Permissions::from_mode(0o755)).unwrap();
        dir
    }

    const ACCOUNT: Account = Account { uid: 4711, gid: 4712 };

    #[test]
    fn a_link_leads_to_what_is_inside_and_never_out() {
        let image = image();
        symlink("/usr/bin/tool", image.path().join("usr/bin/absolute")).unwrap();
        symlink(
            "../../../../../../usr/bin/tool",
            image.path().join("usr/bin/upwards"),
        )
        .unwrap();
        symlink("/etc/hostname", image.path().join("etc/outside")).unwrap();
        let rootfs = Rootfs::open(image.path()).unwrap();
        for name in ["tool", "absolute", "upwards"] {
            assert!(rootfs.has_program(&Path::new("/usr/bin").join(name)), "{name}");
        }
        assert!(!rootfs.has_program(Path::new("/usr/bin/setpriv")), "the host's");
        assert!(rootfs.beginning(Path::new("/etc/outside"), 10).is_err());
        assert!(
            rootfs
                .beginning(Path::new("/../../../../etc/hostname"), 10)
                .is_err()
        );
    }

    #[test]
    fn what_is_no_root_file_system_is_refused() {
        let image = image();
        let kind = |path: &Path| Rootfs::open(path).unwrap_err().kind();
        assert_eq!(kind(&image.path().join("nowhere")), io::ErrorKind::NotFound);
        assert_eq!(
            kind(&image.path().join("usr/bin/tool")),
            io::ErrorKind::NotADirectory
        );
        assert_eq!(
            kind(&image.path().join("usr")),
            io::ErrorKind::NotFound,
            "no usr in it"
        );
        fs::rename(image.path().join("usr"), image.path().join("other")).unwrap();
        symlink("/usr", image.path().join("usr")).unwrap();
        assert_eq!(kind(image.path()), io::ErrorKind::NotADirectory, "the host's");
    }

    #[test]
    fn links_of_the_system_stay_links() {
        let image = image();
        symlink("usr/lib", image.path().join("lib")).unwrap();
        symlink("/usr/share/zoneinfo/UTC", image.path().join("etc/localtime")).unwrap();
        fs::create_dir(image.path().join("sbin")).unwrap();
        nix::unistd::mkfifo(
            &image.path().join("etc/timezone"),
            nix::sys::stat::Mode::from_bits_truncate(0o600),
        )
        .unwrap();
        let rootfs = Rootfs::open(image.path()).unwrap();
        let system = System::of_rootfs(&rootfs, &ACCOUNT).unwrap();
        let real = rootfs.path();
        let expected = [
            ("/usr".into(), Place::Bound(real.join("usr"))),
            ("/sbin".into(), Place::Bound(real.join("sbin"))),
            ("/lib".into(), Place::Link("usr/lib".into())),
        ];
        assert_eq!(system.top, expected);
        let of = |name: &str| {
            let found = system.etc.iter().find(|(path, _)| path == Path::new(name));
            found.map(|(_, place)| place.clone())
        };
        let zone = Place::Link("/usr/share/zoneinfo/UTC".into());
        assert_eq!(of("/etc/localtime"), Some(zone));
        assert_eq!(of("/etc/timezone"), None);
        assert!(matches!(of("/etc/hosts"), Some(Place::Text(_))));
    }

    #[test]
    fn the_account_is_somebody_in_there() {
        let image = image();
        let rootfs = Rootfs::open(image.path()).unwrap();
        let (passwd, group) = rootfs.accounts(&ACCOUNT);
        assert_eq!(passwd.lines().filter(|line| line.contains(":4711:")).count(), 1);
        assert_eq!(group.lines().count(), 1);
        assert!(group.ends_with(":x:4712:\n"), "{group}");
        assert_eq!(rootfs.account_name(4711).as_deref(), Some("postgres"));
        let add = |name: Option<&str>| {
            let text = "a:x:1:1::/:\npostgres:x:100:2::/:".to_owned();
            with_number(text, 7, name, |name| format!("{name}:x:7:7"))
        };
        let both = "a:x:1:1::/:\npostgres:x:100:2::/:\n";
        assert_eq!(add(Some("shop")), format!("{both}shop:x:7:7\n"));
        // The name of another one in there: here it is this one's.
        assert_eq!(add(Some("postgres")), "a:x:1:1::/:\npostgres:x:7:7\n");
        assert_eq!(add(None), format!("{both}service:x:7:7\n"));
    }
}
