//! The format of `envclone.toml`: names, types and defaults, and nothing that needs thought.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::parts::{KeyScope, StorageDriver};
use crate::model::{EngineKind, EnvType, ProjectName};

/// A text and where it stands.
pub(super) type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) project: Project,
    pub(super) storage: Storage,
    #[serde(default)]
    pub(super) gateway: Gateway,
    pub(super) environments: Spanned<BTreeMap<Text, Environment>>,
    pub(super) services: Spanned<BTreeMap<Text, Service>>,
    #[serde(default)]
    pub(super) sanitize: Sanitize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Project {
    pub(super) name: ProjectName,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Storage {
    #[serde(default)]
    pub(super) driver: StorageDriver,
    pub(super) pool: Text,
    pub(super) reserve: Option<Spanned<u64>>,
    pub(super) branch_size: Option<Text>,
    pub(super) state: Option<Text>,
    pub(super) run: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Gateway {
    pub(super) listen: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Environment {
    #[serde(rename = "type")]
    pub(super) kind: EnvType,
    pub(super) root: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Service {
    pub(super) engine: EngineKind,
    pub(super) volume: Text,
    pub(super) data: Option<Text>,
    pub(super) path: Option<Text>,
    pub(super) database: Option<Text>,
    pub(super) user: Option<Text>,
    pub(super) source: Option<Text>,
    pub(super) durable: Option<Spanned<bool>>,
    pub(super) keep_login: Option<Spanned<Vec<Text>>>,
    pub(super) programs: Option<Text>,
    pub(super) rootfs: Option<Text>,
    pub(super) superuser: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Sanitize {
    #[serde(default)]
    pub(super) packs: Vec<Text>,
    #[serde(default)]
    pub(super) rules: Vec<Text>,
    #[serde(default)]
    pub(super) after: Vec<Text>,
    #[serde(default)]
    pub(super) raw_types: Vec<Spanned<EnvType>>,
    pub(super) max_write_rate: Option<Text>,
    #[serde(default)]
    pub(super) key_scope: KeyScope,
}
