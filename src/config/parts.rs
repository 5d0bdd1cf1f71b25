//! The configuration as the rest of envclone sees it: checked, with defaults filled in.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::{EngineKind, EnvName, EnvType, ProjectName, ServiceName};

/// Which storage the pool is on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageDriver {
    /// Whatever the pool turns out to be.
    #[default]
    Auto,
    /// Btrfs.
    Btrfs,
    /// ZFS.
    Zfs,
}

/// Among which branches the same original gets the same fake.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyScope {
    /// All branches of the project.
    #[default]
    Project,
    /// No two branches.
    Branch,
}

/// `[storage]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StorageConfig {
    /// Which storage the pool is on.
    pub driver: StorageDriver,
    /// Where branches live: a directory on Btrfs; on ZFS a dataset.
    pub pool: PathBuf,
    /// Percent of the pool that branches leave free.
    pub reserve: u8,
    /// The most that each dataset of a branch may hold, in bytes; on ZFS only.
    pub branch_size: Option<u64>,
    /// Where envclone remembers.
    pub state: PathBuf,
    /// Where sockets and locks are.
    pub run: PathBuf,
}

/// `[gateway]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GatewayConfig {
    /// The address on which branches are reached.
    pub listen: IpAddr,
}

/// `[environments.<name>]`: an original, which envclone did not make and does not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EnvironmentConfig {
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: EnvType,
    /// The subvolume that holds every volume; on ZFS a dataset.
    pub root: PathBuf,
}

/// `[services.<name>]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServiceConfig {
    /// What it is.
    pub engine: EngineKind,
    /// Its directory, relative to an environment's root.
    pub volume: PathBuf,
    /// The server's data directory, relative to the volume; empty for the volume itself.
    pub data: PathBuf,
    /// Where the service sees its volume; see [`ServiceConfig::path_in`].
    pub path: Option<PathBuf>,
    /// What the URL points at.
    pub database: Option<String>,
    /// Whose URL it is.
    pub user: Option<String>,
    /// The running original, without a password; for quiescing it only.
    pub source: Option<String>,
    /// Whether branches sync what they write.
    pub durable: bool,
    /// Roles that may log in beside the URL's.
    pub keep_login: Vec<String>,
    /// The directory of the server's programs, where it is not the distribution's; with `rootfs`, inside of that.
    pub programs: Option<PathBuf>,
    /// An unpacked root file system from which the server runs, instead of from this host.
    pub rootfs: Option<PathBuf>,
    /// The role that made the cluster, where it is not named like the account that owns its files.
    pub superuser: Option<String>,
}

impl ServiceConfig {
    /// Where the service sees its volume: `path`, or the volume's place below the root of the original.
    pub fn path_in(&self, root: &Path) -> PathBuf {
        self.path.clone().unwrap_or_else(|| root.join(&self.volume))
    }
}

/// `[sanitize]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SanitizeConfig {
    /// Names of rule packs.
    pub packs: Vec<String>,
    /// Patterns of rule files, relative to the configuration.
    pub rules: Vec<String>,
    /// Patterns of the owner's SQL files, relative to the configuration.
    pub after: Vec<String>,
    /// Types of environments that may stay raw.
    pub raw_types: Vec<EnvType>,
    /// How fast it may write, in bytes per second.
    pub max_write_rate: Option<u64>,
    /// Among which branches the same original gets the same fake.
    pub key_scope: KeyScope,
}

/// Everything that the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Parts {
    pub(super) project: ProjectPart,
    pub(super) storage: StorageConfig,
    pub(super) gateway: GatewayConfig,
    pub(super) environments: BTreeMap<EnvName, EnvironmentConfig>,
    pub(super) services: BTreeMap<ServiceName, ServiceConfig>,
    pub(super) sanitize: SanitizeConfig,
}

/// `[project]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ProjectPart {
    pub(super) name: ProjectName,
}
