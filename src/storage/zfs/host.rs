//! What the host has: the module, pools in a state to work with, datasets that are mounted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::StorageError;
use super::{Zfs, ZfsError, mounting, parse, plan};
use crate::exec::{Invocation, Tool};

const VERSION: &str = "/sys/module/zfs/version";

impl Zfs {
    /// Where a dataset is mounted; `None` where it is not, or there is none of that name.
    pub fn mount_point(dataset: &str) -> Option<PathBuf> {
        let mounts = mounting::table().ok()?;
        let found = mounts.into_iter().find(|mount| mount.is_zfs(dataset));
        found.map(|mount| mount.point)
    }

    /// Why [`Zfs::mount_point`] found none.
    pub fn why_not_mounted(dataset: &str) -> StorageError {
        let asked = loaded_version().and_then(|_| {
            let get = Invocation::of("zfs").map(|zfs| {
                zfs.args(["get", "-Hp", "-o", "name,property,value,source"])
                    .args(["canmount,mountpoint,keystatus", dataset])
            });
            let text = get.map_err(Into::into).and_then(|get| get.run());
            text.map_err(|source| StorageError::Tool {
                action: "looking at",
                path: PathBuf::from(dataset),
                source,
            })
        });
        let text = match asked {
            Ok(captured) => captured.text(),
            Err(error) => return error,
        };
        match parse::table(&text, &["canmount", "mountpoint", "keystatus"], |name| {
            name == dataset
        }) {
            Err(error) => ZfsError::from(error).into(),
            Ok(table) => {
                let facts = table.get(dataset).cloned().unwrap_or_default();
                let dataset = dataset.to_owned();
                if facts.value("keystatus") == "unavailable" {
                    return ZfsError::KeyNotLoaded { dataset }.into();
                }
                let why = plan::why_not_mounted(&facts);
                ZfsError::NotMounted { dataset, why }.into()
            }
        }
    }
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
