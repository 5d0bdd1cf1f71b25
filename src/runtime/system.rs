//! The system's part of a sandbox: where `/usr`, `/lib` and what programs look for in `/etc` come from, which is this host or
//! an unpacked root file system, never a mixture of the two.

use std::io;
use std::path::{Path, PathBuf};

use super::rootfs::Rootfs;
use super::{Account, SandboxSpec};

/// Single files of `/etc` that are harmless and that programs look for. Not among them: `shadow`, `ssl`, and the
/// configuration of services.
const ETC: [&str; 10] = [
    "alternatives",
    "group",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "nsswitch.conf",
    "passwd",
    "timezone",
];
const TOP: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/// What every sandbox knows of the network, which is itself; those of an image name the machine that it was made on.
const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";

/// How one path of the system comes into a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A directory or file of this host, bound read-only.
    Bound(PathBuf),
    /// The same, unless it is not there.
    BoundIfThere(PathBuf),
    /// A link, which leads to what is inside.
    Link(PathBuf),
    /// A file with this text.
    Text(String),
}

/// The paths of the system inside, and what they are; `/usr` and what leads into it first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct System {
    pub(super) top: Vec<(PathBuf, Place)>,
    pub(super) etc: Vec<(PathBuf, Place)>,
}

impl System {
    /// That of a sandbox.
    ///
    /// # Errors
    /// Where its root file system is none.
    pub(super) fn of(spec: &SandboxSpec) -> io::Result<Self> {
        match &spec.rootfs {
            None => Ok(Self::of_host()),
            Some(path) => Self::of_rootfs(&Rootfs::open(path)?, &spec.account),
        }
    }

    /// This host's: `/bin`, `/lib` and the like are links into `/usr`, or directories.
    pub(super) fn of_host() -> Self {
        let mut top = vec![("/usr".into(), Place::Bound("/usr".into()))];
        let there = TOP.iter().map(|name| Path::new("/").join(name));
        top.extend(there.filter(|path| path.exists()).map(|path| {
            let link = std::fs::read_link(&path).ok();
            let place = link.map_or_else(|| Place::Bound(path.clone()), Place::Link);
            (path, place)
        }));
        let etc = ETC.iter().map(|name| Path::new("/etc").join(name));
        Self {
            top,
            etc: etc
                .map(|path| (path.clone(), Place::BoundIfThere(path)))
                .collect(),
        }
    }

    /// That of a root file system. Its links stay links, which lead nowhere but inside; who is who is as it says, and the
    /// account is somebody.
    pub(super) fn of_rootfs(rootfs: &Rootfs, account: &Account) -> io::Result<Self> {
        let mut top = vec![("/usr".into(), Place::Bound(rootfs.directory("usr")?))];
        for name in TOP {
            top.extend(
                rootfs
                    .entry(name)?
                    .map(|place| (Path::new("/").join(name), place)),
            );
        }
        let (passwd, group) = rootfs.accounts(account);
        let mut etc = Vec::new();
        for name in ETC {
            let place = match name {
                "passwd" => Some(Place::Text(passwd.clone())),
                "group" => Some(Place::Text(group.clone())),
                "hosts" => Some(Place::Text(HOSTS.to_owned())),
                other => rootfs.entry(&format!("etc/{other}"))?,
            };
            etc.extend(place.map(|place| (Path::new("/etc").join(name), place)));
        }
        Ok(Self { top, etc })
    }
}
