//! What the host has: the module, pools in a state to work with, datasets that are mounted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::StorageError;
use super::{Zfs, ZfsError, mounting, parse, plan};
use crate::exec::{Invocation, Tool};

const VERSION: &str = "/sys/module/zfs/version";
/// What tells why a dataset is not mounted.
const OF_MOUNTING: [&str; 3] = ["canmount", "mountpoint", "keystatus"];

impl Zfs {
    /// Where a dataset is mounted; `None` where it is not, or there is none of that name.
    pub fn mount_point(dataset: &str) -> Option<PathBuf> {
        let mounts = mounting::table().ok()?;
        let found = mounts.into_iter().find(|mount| mount.is_zfs(dataset));
        found.map(|mount| mount.point)
    }

    /// The dataset that a path lies on, and where it is mounted; `None` where it lies on none.
    pub fn dataset_of(path: &Path) -> Option<(String, PathBuf)> {
        let mounts = mounting::table().ok()?;
        let above = mounts.iter().filter(|mount| path.starts_with(&mount.point));
        // Of two at the same place the later one is seen.
        let nearest = above.max_by_key(|mount| mount.point.components().count())?;
        let dataset = nearest.dataset().filter(|name| !name.contains('@'))?;
        Some((dataset.to_owned(), nearest.point.clone()))
    }

    /// Why [`Zfs::mount_point`] found none.
    pub fn why_not_mounted(dataset: &str) -> StorageError {
        let text = match loaded_version().and_then(|_| ask(dataset, &OF_MOUNTING)) {
            Ok(text) => text,
            // Of one that is not there the one above can be read.
            Err(failed) => {
                return match dataset
                    .rsplit_once('/')
                    .map(|(above, _)| ask(above, &OF_MOUNTING))
                {
                    Some(Ok(_)) => {
                        let dataset = dataset.to_owned();
                        ZfsError::Absent { dataset }.into()
                    }
                    _ => failed,
                };
            }
        };
        match parse::table(&text, &OF_MOUNTING, |name| name == dataset) {
            Err(error) => ZfsError::from(error).into(),
            Ok(table) => {
                let facts = table.get(dataset).cloned().unwrap_or_default();
                if facts.value("keystatus") == plan::LOCKED {
                    return key_not_loaded(dataset).into();
                }
                let (dataset, why) = (dataset.to_owned(), plan::why_not_mounted(&facts));
                ZfsError::NotMounted { dataset, why }.into()
            }
        }
    }
}

/// That a dataset cannot be read without its key. Named is the one that the key was set on: another one where it is inherited, as a
/// clone has that of its origin.
pub(super) fn key_not_loaded(dataset: &str) -> ZfsError {
    const OWNER: &str = "encryptionroot";
    let owner = ask(dataset, &[OWNER]).ok().and_then(|text| {
        let table = parse::table(&text, &[OWNER], |name| name == dataset).ok()?;
        let owner = table.get(dataset)?.value(OWNER);
        (owner != "-").then(|| owner.to_owned())
    });
    ZfsError::KeyNotLoaded {
        dataset: owner.unwrap_or_else(|| dataset.to_owned()),
    }
}

/// What `zfs get` says of one dataset.
fn ask(dataset: &str, properties: &[&str]) -> Result<String, StorageError> {
    let get = Invocation::of("zfs").map(|zfs| {
        zfs.args(["get", "-Hp", "-o", "name,property,value,source"])
            .args([properties.join(",").as_str(), dataset])
    });
    let got = get.map_err(Into::into).and_then(|get| get.run());
    let got = got.map_err(|source| StorageError::Tool {
        action: "looking at",
        path: PathBuf::from(dataset),
        source,
    });
    Ok(got?.text())
}

/// The version of the module that is loaded.
pub(super) fn loaded_version() -> Result<(u32, u32), StorageError> {
    let text = match fs::read_to_string(VERSION) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ZfsError::NoModule.into()),
        Err(source) => {
            let (action, path) = ("reading", PathBuf::from(VERSION));
            return Err(StorageError::Io { action, path, source });
        }
    };
    Ok(parse::version(&text).map_err(ZfsError::from)?)
}

pub(super) fn check_state(zpool: &Tool, pool: &str, path: &Path) -> Result<(), StorageError> {
    let get = Invocation::new(zpool).args(["get", "-Hp", "-o", "property,value", "health,readonly", pool]);
    let text = get.run().map_err(|source| StorageError::Tool {
        action: "looking at",
        path: path.to_owned(),
        source,
    })?;
    let (health, readonly) = parse::pool_state(&text.text()).map_err(ZfsError::from)?;
    let state = match health.as_str() {
        "ONLINE" | "DEGRADED" if !readonly => return Ok(()),
        "ONLINE" | "DEGRADED" => "imported read-only".to_owned(),
        _ => health,
    };
    let pool = pool.to_owned();
    Err(ZfsError::PoolState { pool, state }.into())
}
