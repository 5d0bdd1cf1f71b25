//! What a sandbox consists of, as arguments of bubblewrap and setpriv. Pure: a spec in, argument lists out.
//!
//! Every option but the command goes in through a descriptor: bwrap's own command line is readable inside.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::rootfs::{Sees, TEXTS_FD};
use super::system::{Place, System};
use super::{Account, SandboxSpec};

/// Where nothing may be bound: the system's own paths.
const SYSTEM: [&str; 10] = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/dev", "/sys",
];

const MIB: u64 = 1 << 20;

/// Becomes another account (util-linux).
pub(super) const SETPRIV: &str = "/usr/bin/setpriv";

/// Refuses what would make root write into a volume, run as root, or cover the system's paths.
pub(super) fn check(spec: &SandboxSpec) -> Result<(), String> {
    if spec.account.uid == 0 || spec.account.gid == 0 {
        return Err(format!("service {} would run as root", spec.service));
    }
    if spec.hostname.is_empty() || spec.hostname.len() > 64 {
        return Err(format!("{:?} is no hostname", spec.hostname));
    }
    let targets: Vec<&Path> = targets(spec).collect();
    for target in &targets {
        check_target(target)?;
        // A mount point inside of another bind would be made in there, by root, along the service's own links.
        let nested = targets.iter().filter(|other| target.starts_with(other)).count();
        if nested > 1 {
            return Err(format!("{} lies inside of another bind", target.display()));
        }
    }
    for bind in &spec.binds {
        let kind = std::fs::symlink_metadata(&bind.source);
        let kind = kind.map_err(|error| format!("{}: {error}", bind.source.display()))?;
        if kind.is_symlink() {
            return Err(format!("{} is a symbolic link", bind.source.display()));
        }
    }
    Ok(())
}

fn targets(spec: &SandboxSpec) -> impl Iterator<Item = &Path> {
    let binds = spec.binds.iter().map(|bind| bind.target.as_path());
    binds.chain(spec.private_dirs.iter().map(PathBuf::as_path))
}

fn check_target(target: &Path) -> Result<(), String> {
    let mut components = target.components();
    let absolute = components.next() == Some(Component::RootDir);
    let plain = components.all(|one| matches!(one, Component::Normal(_)));
    let system = SYSTEM.iter().any(|system| target.starts_with(system));
    let top = target == Path::new("/");
    if !absolute || !plain || system || top {
        return Err(format!("nothing can be bound at {}", target.display()));
    }
    Ok(())
}

/// The options, for `--args`, and the texts that bwrap reads from the descriptors from [`TEXTS_FD`] on.
pub(super) fn options(spec: &SandboxSpec, system: &System) -> (Vec<OsString>, Vec<String>) {
    let mut list = Options::default();
    list.words(&[
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
    ]);
    list.words(&["--hostname", &spec.hostname, "--die-with-parent"]);
    list.system(system);
    for bind in &spec.binds {
        list.parents_of(&bind.target);
        let option = if bind.writable { "--bind" } else { "--ro-bind" };
        list.paths(option, &[&bind.source, &bind.target]);
    }
    // bwrap makes them root's; the supervisor gives them to the account before anything runs.
    for dir in &spec.private_dirs {
        list.parents_of(dir);
        list.tmpfs(dir, "0700", 64 * MIB);
    }
    list.end()
}

/// The same for a program of a root file system that is run once, for envclone itself.
pub(super) fn once(system: &System, sees: &Sees) -> (Vec<OsString>, Vec<String>) {
    let mut list = Options::default();
    list.words(&[
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
    ]);
    if !sees.network {
        list.words(&["--unshare-net"]);
    }
    // Out of the person's terminal.
    list.words(&["--die-with-parent", "--new-session"]);
    list.system(system);
    for directory in &sees.directories {
        list.parents_of(directory);
        list.paths("--ro-bind-try", &[directory, directory]);
    }
    list.end()
}

#[derive(Default)]
struct Options {
    words: Vec<OsString>,
    texts: Vec<String>,
    made: BTreeSet<PathBuf>,
}

impl Options {
    fn words(&mut self, words: &[&str]) {
        self.words.extend(words.iter().map(OsString::from));
    }

    fn paths(&mut self, option: &str, paths: &[&Path]) {
        self.words.push(option.into());
        self.words
            .extend(paths.iter().map(|path| path.as_os_str().to_owned()));
    }

    fn end(mut self) -> (Vec<OsString>, Vec<String>) {
        // Only what setpriv needs to become somebody else; it gives these up, too.
        self.words(&["--cap-drop", "ALL", "--cap-add", "CAP_SETUID"]);
        self.words(&["--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]);
        self.words(&["--chdir", "/"]);
        (self.words, self.texts)
    }

    fn place(&mut self, path: &Path, place: &Place) {
        match place {
            Place::Bound(source) => self.paths("--ro-bind", &[source, path]),
            Place::BoundIfThere(source) => self.paths("--ro-bind-try", &[source, path]),
            Place::Link(target) => self.paths("--symlink", &[target, path]),
            Place::Text(text) => {
                let number = (TEXTS_FD..).nth(self.texts.len()).unwrap_or(TEXTS_FD);
                self.words(&["--perms", "0644", "--ro-bind-data", &number.to_string()]);
                self.words.push(path.as_os_str().to_owned());
                self.texts.push(text.clone());
            }
        }
    }

    fn system(&mut self, system: &System) {
        for (path, place) in &system.top {
            self.place(path, place);
        }
        self.directory(Path::new("/etc"));
        for (path, place) in &system.etc {
            self.place(path, place);
        }
        self.words(&["--proc", "/proc", "--dev", "/dev"]);
        // Limits, since a tmpfs would take half of the host's memory otherwise. PostgreSQL's parallel queries use
        // /dev/shm.
        self.tmpfs("/dev/shm", "1777", 1024 * MIB);
        self.tmpfs("/tmp", "1777", 512 * MIB);
        self.tmpfs("/run", "0755", 64 * MIB);
        self.tmpfs("/var", "0755", 64 * MIB);
        self.words(&["--perms", "1777", "--dir", "/var/tmp"]);
    }

    fn tmpfs(&mut self, path: impl AsRef<Path>, mode: &str, size: u64) {
        self.words(&["--perms", mode, "--size", &size.to_string()]);
        self.paths("--tmpfs", &[path.as_ref()]);
        self.made.insert(path.as_ref().to_owned());
    }

    /// bwrap makes missing parents with mode 0700, which keeps the service from its own data.
    fn parents_of(&mut self, target: &Path) {
        let mut parents: Vec<&Path> = target.ancestors().skip(1).collect();
        parents.pop();
        for parent in parents.into_iter().rev() {
            self.directory(parent);
        }
    }

    fn directory(&mut self, path: &Path) {
        if self.made.insert(path.to_owned()) {
            self.words(&["--perms", "0755"]);
            self.paths("--dir", &[path]);
        }
    }
}

/// Becomes the account, without groups and for good, and runs what follows.
pub(super) fn drop_privileges(account: &Account) -> Vec<OsString> {
    let mut words = vec!["--reuid".to_owned(), account.uid.to_string()];
    words.extend(["--regid".to_owned(), account.gid.to_string()]);
    // Not --init-groups: a group of the host, such as ssl-cert or disk, has no business inside.
    words.extend(
        [
            "--clear-groups",
            "--inh-caps=-all",
            "--ambient-caps=-all",
            "--bounding-set=-all",
            "--no-new-privs",
        ]
        .map(str::to_owned),
    );
    words.push("--".to_owned());
    words.into_iter().map(OsString::from).collect()
}

/// As `--args` wants them.
pub(super) fn nul_terminated(words: &[OsString]) -> Vec<u8> {
    let word = |word: &OsString| [word.as_bytes(), b"\0"].concat();
    words.iter().flat_map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Bind;
    use super::*;

    fn spec() -> SandboxSpec {
        SandboxSpec {
            service: "db".parse().unwrap(),
            account: Account { uid: 101, gid: 104 },
            hostname: "shop".to_owned(),
            binds: vec![Bind {
                source: "/usr".into(),
                target: "/srv/pool/shop/db".into(),
                writable: true,
            }],
            private_dirs: vec!["/run/postgresql".into()],
            env: Vec::new(),
            rootfs: None,
        }
    }

    fn system(top: &[(&str, Place)], etc: &[(&str, Place)]) -> System {
        let owned = |places: &[(&str, Place)]| {
            let places = places.iter();
            places.map(|(path, place)| (path.into(), place.clone())).collect()
        };
        System {
            top: owned(top),
            etc: owned(etc),
        }
    }

    fn text(words: &[OsString]) -> String {
        let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap()).collect();
        words.join(" ")
    }

    #[test]
    fn parents_of_a_bind_are_made_readable_and_only_once() {
        let mut spec = spec();
        let mut second = spec.binds[0].clone();
        second.target = "/srv/pool/shop/uploads".into();
        second.writable = false;
        spec.binds.push(second);
        let text = text(&options(&spec, &System::default()).0);
        let expected = "--perms 0755 --dir /srv --perms 0755 --dir /srv/pool --perms 0755 --dir /srv/pool/shop \
                        --bind /usr /srv/pool/shop/db --ro-bind /usr /srv/pool/shop/uploads \
                        --perms 0700 --size 67108864 --tmpfs /run/postgresql --cap-drop ALL";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn the_system_is_read_only_and_secrets_of_etc_are_left_out() {
        let top = [
            ("/usr", Place::Bound("/usr".into())),
            ("/bin", Place::Link("usr/bin".into())),
            ("/lib", Place::Bound("/lib".into())),
        ];
        let text = text(&options(&spec(), &system(&top, &[])).0);
        let host = System::of_host();
        assert_eq!(host.top[0], ("/usr".into(), Place::Bound("/usr".into())));
        assert!(
            host.etc
                .iter()
                .all(|(_, place)| matches!(place, Place::BoundIfThere(_)))
        );
        assert!(text.contains(
            "--ro-bind /usr /usr --symlink usr/bin /bin --ro-bind /lib /lib --perms 0755 --dir /etc"
        ));
        for absent in ["shadow", "/etc/ssl", "/sys", "/home", "/root", "--share"] {
            assert!(!text.contains(absent), "{absent}");
        }
    }

    #[test]
    fn a_root_file_system_is_seen_at_its_places_and_texts_come_by_descriptors() {
        let top = [("/usr", Place::Bound("/srv/images/trixie/usr".into()))];
        let etc = [
            ("/etc/passwd", Place::Text("who".to_owned())),
            ("/etc/localtime", Place::Link("/usr/share/zoneinfo/UTC".into())),
            ("/etc/hosts", Place::Text("where".to_owned())),
        ];
        let system = system(&top, &etc);
        let (words, texts) = options(&spec(), &system);
        let said = text(&words);
        let expected = "--ro-bind /srv/images/trixie/usr /usr --perms 0755 --dir /etc --perms 0644 --ro-bind-data 110 /etc/passwd \
                        --symlink /usr/share/zoneinfo/UTC /etc/localtime --perms 0644 --ro-bind-data 111 /etc/hosts";
        assert!(said.contains(expected), "{said}");
        assert_eq!(texts, ["who", "where"]);
        let mut sees = Sees {
            directories: vec!["/run/postgresql".into()],
            network: false,
        };
        let said = text(&once(&system, &sees).0);
        assert!(said.contains("--unshare-net"), "{said}");
        assert!(
            said.contains("--perms 0755 --dir /run/postgresql")
                || said.contains("--ro-bind-try /run/postgresql /run/postgresql")
        );
        sees.network = true;
        assert!(!text(&once(&system, &sees).0).contains("--unshare-net"));
    }

    #[test]
    fn a_sandbox_of_root_or_with_a_bind_that_root_would_make_inside_a_volume_is_refused() {
        assert_eq!(check(&spec()), Ok(()));
        let mut of_root = spec();
        of_root.account.gid = 0;
        assert!(check(&of_root).is_err());
        for target in [
            "/srv/pool/shop/db/sub",
            "/srv/pool/shop/db",
            "/srv/pool",
            "/usr/lib/x",
            "/proc/x",
            "/",
            "rel",
            "/a/../b",
        ] {
            let mut nested = spec();
            nested.private_dirs = vec![target.into()];
            assert!(check(&nested).is_err(), "{target}");
        }
    }

    #[test]
    fn privileges_go_for_good() {
        let text = text(&drop_privileges(&Account { uid: 101, gid: 104 }));
        assert_eq!(
            text,
            "--reuid 101 --regid 104 --clear-groups --inh-caps=-all --ambient-caps=-all --bounding-set=-all \
             --no-new-privs --"
        );
    }
}
