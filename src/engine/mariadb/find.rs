//! Which MariaDB servers this host has, and where their data lies. Nobody asks them anything.

use std::fs;
use std::path::{Path, PathBuf};

use crate::engine::FoundServer;
use crate::model::EngineKind;

use super::identify::SERVER;

/// Whether a directory holds a server's data.
pub fn is_data(directory: &Path) -> bool {
    ["ibdata1", "aria_log_control"]
        .iter()
        .all(|name| directory.join(name).is_file())
}

/// The servers of this host, running ones first.
pub fn servers() -> Vec<FoundServer> {
    let running = running().into_iter().filter_map(|data| data.canonicalize().ok());
    running
        .filter(|data| is_data(data))
        .map(|data| FoundServer {
            runs: true,
            ..server(data)
        })
        .collect()
}

/// What is known of the server of a data directory.
pub fn server(data: PathBuf) -> FoundServer {
    let lacks = if Path::new(SERVER).is_file() {
        Vec::new()
    } else {
        vec!["This host has no MariaDB: install mariadb-server-core and mariadb-client-core".to_owned()]
    };
    FoundServer {
        engine: EngineKind::Mariadb,
        data,
        runs: false,
        databases: Vec::new(),
        programs: None,
        rootfs: None,
        lacks,
        source: None,
    }
}

/// Data directories of the servers that run on this host, not in a container or branch: a server works in its own.
fn running() -> Vec<PathBuf> {
    let link = |path: &Path, name: &str| fs::read_link(path.join(name)).ok();
    let ours = link(Path::new("/proc/self"), "ns/mnt");
    let is_server = |process: &Path| {
        link(process, "exe").is_some_and(|exe| exe.file_name().is_some_and(|name| name == "mariadbd"))
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
