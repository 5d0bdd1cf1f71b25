//! Which PostgreSQL servers this host has, and where their data lies: from `/proc`, `postmaster.pid` and Debian's
//! configuration.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Trust;
use crate::engine::FoundServer;
use crate::exec::{Invocation, Tool};
use crate::model::{EngineKind, percent_encoded};
use crate::storage::Volume;

/// How long a server may take to list its databases.
const ASK_WITHIN: Duration = Duration::from_secs(5);
/// Files of servers that are read here are smaller.
const SMALL: u64 = 1 << 20;
const DATABASES: &str = "SELECT datname, pg_get_userbyid(datdba) FROM pg_database \
    WHERE datallowconn AND NOT datistemplate AND datname <> 'postgres' ORDER BY pg_database_size(oid) DESC, datname";

/// Whether a directory holds a server's data.
pub fn is_data(directory: &Path) -> bool {
    directory.join("PG_VERSION").is_file()
}

/// The servers of this host, running ones first.
pub fn servers() -> Vec<FoundServer> {
    let mut found: BTreeMap<PathBuf, FoundServer> = BTreeMap::new();
    let directories = running()
        .into_iter()
        .chain(configured(Path::new("/etc/postgresql")));
    for data in directories {
        let Ok(data) = data.canonicalize() else { continue };
        if is_data(&data) {
            found.entry(data.clone()).or_insert_with(|| server(data));
        }
    }
    let mut servers: Vec<FoundServer> = found.into_values().collect();
    servers.sort_by_key(|server| !server.runs);
    servers
}

/// What is known of the server of a data directory.
pub fn server(data: PathBuf) -> FoundServer {
    let running = small_file(&data, "postmaster.pid")
        .and_then(|text| parse_pid_file(&text))
        .filter(|(pid, ..)| Path::new("/proc").join(pid.to_string()).exists());
    let link = |name: &str| {
        let (pid, ..) = running.as_ref()?;
        fs::read_link(format!("/proc/{pid}/{name}")).ok()
    };
    let (exe, root) = (link("exe"), link("root"));
    let version = small_file(&data, "PG_VERSION")
        .unwrap_or_default()
        .trim()
        .to_owned();
    let (rootfs, exe) = exe.map_or((None, None), |exe| seen_from(root.as_deref(), exe));
    let programs = exe.and_then(|exe| elsewhere(&exe, &version));
    let trust = Trust::root();
    let rootfs = rootfs.filter(|rootfs| trust.directory(rootfs).is_ok());
    let programs = programs.filter(|programs| rootfs.is_some() || trust.directory(programs).is_ok());
    let usual = Path::new("/usr/lib/postgresql")
        .join(&version)
        .join("bin/postgres");
    let is_absent = rootfs.is_none() && programs.is_none() && !usual.is_file();
    let socket = running.map(|(_, directory, port)| (directory, port));
    let databases = socket
        .as_ref()
        .and_then(|(directory, port)| databases(&data, directory, *port))
        .unwrap_or_default();
    let database = databases.first().map_or("postgres", |(name, _)| name.as_str());
    let source = socket.as_ref().map(|(directory, port)| {
        format!(
            "postgres:///{}?host={}&port={port}",
            percent_encoded(database),
            directory.display()
        )
    });
    FoundServer {
        engine: EngineKind::Postgres,
        data,
        runs: socket.is_some(),
        databases,
        programs,
        rootfs,
        lacks: if is_absent { lacks(&version) } else { Vec::new() },
        source,
    }
}

/// What a host without programs of a version lacks.
fn lacks(version: &str) -> Vec<String> {
    if !is_number(version) {
        return Vec::new();
    }
    vec![
        format!(
            "This host has no PostgreSQL {version}: install postgresql-{version}, or unpack a root file system that holds it and name it:"
        ),
        format!("rootfs = \"/srv/images/postgresql-{version}\""),
    ]
}

/// What is written into a configuration is none of the data's words.
fn is_number(version: &str) -> bool {
    (1..=3).contains(&version.len()) && version.bytes().all(|byte| byte.is_ascii_digit())
}

/// The root file system of a process, if that is not this host's own, and its program as it is called in there.
fn seen_from(root: Option<&Path>, exe: PathBuf) -> (Option<PathBuf>, Option<PathBuf>) {
    let Some(root) = root.filter(|root| root.parent().is_some()) else {
        return (None, Some(exe));
    };
    let inside = exe.strip_prefix(root).map(|inside| Path::new("/").join(inside));
    inside.map_or((None, None), |inside| (Some(root.to_owned()), Some(inside)))
}

/// A file of a data directory, which may be anybody's: regular, and no longer than such files are.
fn small_file(data: &Path, name: &str) -> Option<String> {
    let bytes = Volume::open(data).ok()?.read(name, SMALL).ok()?;
    String::from_utf8(bytes).ok()
}

/// The directory of a server's program, unless it is where Debian has that version, or has no directory of its own above it.
fn elsewhere(exe: &Path, version: &str) -> Option<PathBuf> {
    let directory = exe.parent().filter(|_| exe.ends_with("postgres"))?;
    let usual = Path::new("/usr/lib/postgresql").join(version).join("bin");
    let apart = directory.starts_with("/usr") || directory.components().count() > 3;
    (directory != usual && apart).then(|| directory.to_owned())
}

/// Data directories of the servers that run on this host, not in a container or branch: a server works in its own.
fn running() -> Vec<PathBuf> {
    let link = |path: &Path, name: &str| fs::read_link(path.join(name)).ok();
    let ours = link(Path::new("/proc/self"), "ns/mnt");
    let is_server = |process: &Path| {
        link(process, "exe").is_some_and(|exe| exe.file_name().is_some_and(|name| name == "postgres"))
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = entries.filter(|entry| {
        let name = entry.file_name();
        name.to_str()
            .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    });
    let mut directories: Vec<PathBuf> = numbered
        .map(|entry| entry.path())
        .filter(|process| is_server(process) && link(process, "ns/mnt") == ours)
        .filter_map(|process| link(&process, "cwd"))
        .collect();
    directories.sort();
    directories.dedup();
    directories
}

/// Data directories that Debian's clusters name.
fn configured(base: &Path) -> Vec<PathBuf> {
    let below = |path: &Path| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let clusters = below(base).into_iter().flat_map(|version| below(&version));
    let text = |cluster: PathBuf| small_file(&cluster, "postgresql.conf");
    clusters
        .filter_map(text)
        .filter_map(|text| data_directory(&text))
        .collect()
}

/// `data_directory = '/var/lib/postgresql/15/main'`
fn data_directory(text: &str) -> Option<PathBuf> {
    let line = text
        .lines()
        .map(str::trim)
        .rfind(|line| line.starts_with("data_directory"))?;
    let quoted = line.split_once('\'')?.1;
    Some(PathBuf::from(quoted.split_once('\'')?.0)).filter(|path| path.is_absolute())
}

/// Process, directory of the socket and port: lines 1, 5 and 4 of `postmaster.pid`.
fn parse_pid_file(text: &str) -> Option<(u32, PathBuf, u16)> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let [pid, _, _, port, directory, ..] = lines.as_slice() else {
        return None;
    };
    let directory = Some(PathBuf::from(directory)).filter(|path| path.is_absolute())?;
    Some((pid.parse().ok()?, directory, port.parse().ok()?))
}

/// Asks a server for its databases, as the owner of its data, who is its superuser by custom.
fn databases(data: &Path, directory: &Path, port: u16) -> Option<Vec<(String, String)>> {
    let owner = fs::metadata(data)
        .ok()
        .filter(|data| data.uid() != 0 && data.gid() != 0)?;
    let psql = Tool::find("psql").ok()?;
    let (uid, gid) = (owner.uid().to_string(), owner.gid().to_string());
    let captured = Invocation::of("setpriv")
        .ok()?
        .args([
            "--reuid",
            &uid,
            "--regid",
            &gid,
            "--clear-groups",
            "--no-new-privs",
            "--",
        ])
        .arg(psql.path())
        .args(["-X", "-w", "-A", "-t", "-q", "-F", "\t", "-d", "postgres", "-h"])
        .arg(directory)
        .args(["-p", &port.to_string(), "-c", DATABASES])
        // No function of the data's is taken for one of the server's.
        .env("PGOPTIONS", "-c search_path=pg_catalog")
        .timeout(ASK_WITHIN)
        .run()
        .ok()?;
    let text = captured.text();
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    Some(
        pairs
            .map(|(name, owner)| (name.to_owned(), owner.to_owned()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_names_socket_and_port() {
        let text = "4711\n/var/lib/postgresql/15/main\n1763834400\n5432\n/var/run/postgresql\nlocalhost\n  5432001    131072\nready   \n";
        let found = parse_pid_file(text).unwrap();
        assert_eq!(found, (4711, PathBuf::from("/var/run/postgresql"), 5432));
        // No socket, or no file of a server.
        assert_eq!(parse_pid_file("4711\n/data\n1\n5432\n\nlocalhost\n"), None);
        assert_eq!(parse_pid_file("4711\n"), None);
        assert_eq!(parse_pid_file(""), None);
    }

    #[test]
    fn the_data_directory_of_a_debian_cluster_is_read() {
        let text =
            "# data_directory = '/no'\n data_directory = '/var/lib/postgresql/15/main'\t\t# use data\n";
        assert_eq!(
            data_directory(text),
            Some(PathBuf::from("/var/lib/postgresql/15/main"))
        );
        assert_eq!(data_directory("data_directory = 'ConfigDir'\n"), None);
        assert_eq!(data_directory(""), None);
    }

    #[test]
    fn programs_are_named_where_they_are_not_the_distributions() {
        let found = |exe: &str| elsewhere(Path::new(exe), "17");
        assert_eq!(found("/usr/lib/postgresql/17/bin/postgres"), None);
        let own = "/opt/postgresql-17/bin";
        assert_eq!(found(&format!("{own}/postgres")), Some(PathBuf::from(own)));
        assert_eq!(
            found("/usr/pgsql-17/bin/postgres"),
            Some(PathBuf::from("/usr/pgsql-17/bin"))
        );
        for exe in [
            "/opt/bin/postgres",
            "/opt/postgresql-17/bin/postgres (deleted)",
            "/bin/sh",
        ] {
            assert_eq!(found(exe), None, "{exe}");
        }
    }

    #[test]
    fn a_server_with_another_root_runs_from_that() {
        let seen = |root: &str, exe: &str| seen_from(Some(Path::new(root)), exe.into());
        let (debian, image) = ("/usr/lib/postgresql/17/bin/postgres", "/srv/images/trixie");
        assert_eq!(seen("/", debian), (None, Some(debian.into())));
        assert_eq!(seen_from(None, debian.into()), (None, Some(debian.into())));
        let inside = format!("{image}{debian}");
        assert_eq!(seen(image, &inside), (Some(image.into()), Some(debian.into())));
        // Bound into it from elsewhere.
        assert_eq!(seen(image, "/opt/server/bin/postgres"), (None, None));
    }
}
