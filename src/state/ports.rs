//! Ports of the host: chosen once per service, then kept for the life of the branch.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::StateError;
use super::lock::EnvLock;

/// Ports that envclone gives to branches: below the range that the kernel gives to clients (32768).
pub const PORTS: RangeInclusive<u16> = 20001..=29999;

/// The lock under which ports are chosen. Hold it until the record that names them is saved.
#[derive(Debug)]
pub struct PortsLock {
    pub(super) _lock: EnvLock,
    pub(super) state_dir: PathBuf,
}

/// Of a record of any project, what matters here.
#[derive(Deserialize)]
struct PortsOf {
    services: std::collections::BTreeMap<String, PortOf>,
}

#[derive(Deserialize)]
struct PortOf {
    port: Option<u16>,
}

impl PortsLock {
    /// The `count` lowest ports that no environment of any project has, and that can be bound on `listen` now.
    pub fn choose(&self, count: usize, listen: IpAddr) -> Result<Vec<u16>, StateError> {
        let taken = taken(&self.state_dir)?;
        let ports: Vec<u16> = PORTS
            .filter(|port| !taken.contains(port) && TcpListener::bind((listen, *port)).is_ok())
            .take(count)
            .collect();
        if ports.len() == count {
            return Ok(ports);
        }
        Err(StateError::NoPort {
            first: *PORTS.start(),
            last: *PORTS.end(),
        })
    }
}

/// Ports in the records of all projects, also of stopped environments.
fn taken(state_dir: &Path) -> Result<BTreeSet<u16>, StateError> {
    let mut ports = BTreeSet::new();
    for project in entries(state_dir)? {
        for record in entries(&project.join("environments"))? {
            if record.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = match fs::read(&record) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(StateError::io("read", &record))?,
            };
            let record: PortsOf = serde_json::from_slice(&text)
                .map_err(|source| StateError::Damaged { path: record, source })?;
            ports.extend(record.services.values().filter_map(|service| service.port));
        }
    }
    Ok(ports)
}

/// What is in a directory; nothing where there is none.
pub(super) fn entries(dir: &Path) -> Result<Vec<PathBuf>, StateError> {
    let listing = match fs::read_dir(dir) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        other => other.map_err(StateError::io("list", dir))?,
    };
    let mut paths = Vec::new();
    for entry in listing {
        paths.push(entry.map_err(StateError::io("list", dir))?.path());
    }
    paths.sort();
    Ok(paths)
}
