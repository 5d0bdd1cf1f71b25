//! What is to be done, as pure data: which datasets a root consists of, what their snapshots and clones are called, where
//! those are mounted, and the arguments of `zfs`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::mountinfo::Mount;
use super::error::ZfsError;
use super::parse::{Facts, Table};
use crate::model::RunId;

/// On everything that envclone makes, set on the object itself: the run that made it.
pub(super) const RUN: &str = "envclone:run";
/// Whose it is, once it is settled; see `mark.rs`.
pub(super) const MARK: &str = "envclone:mark";
/// On a clone that was destroyed while snapshots of it, or their clones, are still needed: it goes with the last of them. The
/// value is its root's guid.
pub(super) const HUSK: &str = "envclone:husk";
/// On the dataset that holds all of envclone's clones.
pub(super) const HOME: &str = "envclone:home";

/// The `keystatus` of a dataset whose key is not loaded.
pub(super) const LOCKED: &str = "unavailable";

/// The longest name of a dataset or snapshot, in bytes (`ZFS_MAX_DATASET_NAME_LEN` without the NUL).
const LONGEST: usize = 255;

/// What is asked of the datasets of a root.
pub(super) const OF_ROOT: [&str; 8] = [
    "type",
    "guid",
    "canmount",
    "mountpoint",
    "keystatus",
    "encryption",
    "createtxg",
    "referenced",
];

/// Properties that decide how data is stored and what programs see. A clone has those of its place in the tree of datasets,
/// not those of its origin.
const ALWAYS: [&str; 13] = [
    "recordsize",
    "compression",
    "atime",
    "relatime",
    "xattr",
    "acltype",
    "aclinherit",
    "logbias",
    "primarycache",
    "sync",
    "exec",
    "dnodesize",
    "redundant_metadata",
];
/// More of them, which are copied where somebody set them.
const WHERE_SET: [&str; 8] = [
    "checksum",
    "aclmode",
    "secondarycache",
    "special_small_blocks",
    "copies",
    "dedup",
    "nbmand",
    "refquota",
];
/// Those that ZFS 2.3 brought.
const SINCE_2_3: [&str; 3] = ["direct", "prefetch", "longname"];

/// One dataset or snapshot of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// Its name.
    pub(super) name: String,
    /// Where it is mounted, relative to the tree; `None` for one that only holds others.
    pub(super) at: Option<PathBuf>,
}

/// Datasets that are one for their users. The first part is the root of it; each comes after those that it is mounted in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tree {
    /// Version of this record; 1.
    pub(super) schema: u32,
    pub(super) parts: Vec<Part>,
}

impl Tree {
    pub(super) const SCHEMA: u32 = 1;

    /// The name of its root.
    pub(super) fn root(&self) -> &str {
        self.parts.first().map_or("", |part| part.name.as_str())
    }

    /// Whether it consists of snapshots.
    pub(super) fn is_snapshot(&self) -> bool {
        self.root().contains('@')
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.parts.iter().map(|part| part.name.as_str()).collect()
    }

    fn renamed(&self, rename: impl Fn(&str) -> String) -> Result<Self, ZfsError> {
        let parts = self.parts.iter().map(|part| {
            let name = rename(&part.name);
            if name.len() > LONGEST {
                return Err(ZfsError::NameTooLong { name });
            }
            let at = part.at.clone();
            Ok(Part { name, at })
        });
        let parts = parts.collect::<Result<_, _>>()?;
        Ok(Self {
            schema: Self::SCHEMA,
            parts,
        })
    }

    /// The snapshots of these datasets that are called `snapshot`.
    pub(super) fn snapshots(&self, snapshot: &str) -> Result<Self, ZfsError> {
        self.renamed(|name| format!("{name}@{snapshot}"))
    }

    /// The clones of these snapshots, as one tree of datasets at `target`.
    pub(super) fn clones(&self, target: &str) -> Result<Self, ZfsError> {
        let root = dataset_of(self.root()).to_owned();
        self.renamed(|name| {
            let below = dataset_of(name).strip_prefix(&root).unwrap_or_default();
            format!("{target}{below}")
        })
    }
}

/// The dataset of a snapshot; a dataset is its own.
pub(super) fn dataset_of(name: &str) -> &str {
    name.split_once('@').map_or(name, |(dataset, _)| dataset)
}

/// A dataset and all that it lies in, up to its zpool.
pub(super) fn with_ancestors(dataset: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(dataset), |name| Some(name.rsplit_once('/')?.0))
}

/// Whether `name` is `dataset`, or lies below it, or is a snapshot of one of those.
pub(super) fn is_within(name: &str, dataset: &str) -> bool {
    let rest = name.strip_prefix(dataset);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '@']))
}

/// The name of the zpool.
pub(super) fn zpool_of(dataset: &str) -> &str {
    dataset.split_once('/').map_or(dataset, |(pool, _)| pool)
}

/// The datasets that the root `root`, mounted at `point`, consists of. `table`: [`OF_ROOT`] of it and all below it.
pub(super) fn tree_of(root: &str, point: &Path, table: &Table, mounts: &[Mount]) -> Result<Tree, ZfsError> {
    let mut parts = Vec::new();
    for (name, facts) in table {
        if let Some(at) = place_of(root, point, (name, facts), mounts)? {
            let name = name.clone();
            parts.push(Part { name, at });
        }
    }
    foreign_mounts(root, point, table, mounts)?;
    // What only holds others comes last, and among itself by name; a clone is made in the order of the names.
    parts.sort_by(|one, other| {
        let key = |part: &Part| (part.at.is_none(), part.at.clone(), part.name.clone());
        key(one).cmp(&key(other))
    });
    Ok(Tree {
        schema: Tree::SCHEMA,
        parts,
    })
}

/// Where a dataset of a root is mounted, relative to it.
#[allow(
    clippy::option_option,
    reason = "`None` is no part of the tree, `Some(None)` one that is never mounted"
)]
fn place_of(
    root: &str,
    point: &Path,
    (name, facts): (&str, &Facts),
    mounts: &[Mount],
) -> Result<Option<Option<PathBuf>>, ZfsError> {
    if facts.value("type") != "filesystem" {
        return Err(ZfsError::LeftOut {
            what: format!("the {} {name}", facts.value("type")),
            root: root.to_owned(),
        });
    }
    if facts.value("keystatus") == LOCKED {
        return Err(ZfsError::KeyNotLoaded {
            dataset: name.to_owned(),
        });
    }
    let points = || {
        mounts
            .iter()
            .filter(|mount| mount.is_zfs(name))
            .map(|mount| &mount.point)
    };
    if let Some(below) = points().find_map(|at| at.strip_prefix(point).ok()) {
        return Ok(Some(Some(below.to_owned())));
    }
    if facts.value("canmount") == "off" && points().next().is_none() {
        return Ok(Some(None));
    }
    let dataset = name.to_owned();
    match points().next() {
        Some(at) => Err(ZfsError::Outside {
            dataset,
            at: at.clone(),
            root: root.to_owned(),
            root_at: point.to_owned(),
        }),
        None => Err(ZfsError::NotMounted {
            dataset,
            why: why_not_mounted(facts),
        }),
    }
}

/// What keeps a dataset from being mounted.
pub(super) fn why_not_mounted(facts: &Facts) -> String {
    let (canmount, mountpoint) = (facts.value("canmount"), facts.value("mountpoint"));
    match mountpoint {
        "none" => "its mountpoint is none; set one: `zfs set mountpoint=PATH`".to_owned(),
        "legacy" => "its mountpoint is legacy; mount it: `mount -t zfs`".to_owned(),
        path => format!("canmount={canmount}, mountpoint={path}; `zfs mount` mounts it"),
    }
}

/// Other filesystems that are mounted inside of a root are in no snapshot of it.
fn foreign_mounts(root: &str, point: &Path, table: &Table, mounts: &[Mount]) -> Result<(), ZfsError> {
    let inside = |mount: &&Mount| mount.point != point && mount.point.starts_with(point);
    let ours = |mount: &Mount| mount.dataset().is_some_and(|dataset| table.contains_key(dataset));
    // Snapshots that somebody looks into; what is in memory only.
    let passing = |mount: &Mount| {
        matches!(mount.kind.as_str(), "tmpfs" | "ramfs")
            || mount.kind == "zfs" && mount.dataset().is_some_and(|name| name.contains('@'))
    };
    match mounts
        .iter()
        .filter(inside)
        .find(|mount| !ours(mount) && !passing(mount))
    {
        None => Ok(()),
        Some(mount) => Err(ZfsError::LeftOut {
            what: format!(
                "{} ({}), which is mounted at {},",
                mount.source.display(),
                mount.kind,
                mount.point.display()
            ),
            root: root.to_owned(),
        }),
    }
}

/// The properties that a clone is to have from its origin, for this version of ZFS.
pub(super) fn copied_properties(version: (u32, u32)) -> Vec<&'static str> {
    let since: &[&str] = if version >= (2, 3) { &SINCE_2_3 } else { &[] };
    ALWAYS.iter().chain(&WHERE_SET).chain(since).copied().collect()
}

/// A clone that is to be made.
pub(super) struct Target<'a> {
    /// Its name.
    pub(super) to: &'a str,
    /// The run that makes it.
    pub(super) run: &'a RunId,
    /// The version of ZFS.
    pub(super) version: (u32, u32),
    /// What it may hold, in bytes, whatever its origin may.
    pub(super) limit: Option<u64>,
}

/// `zfs clone` of one snapshot. `origin`: [`copied_properties`] of its dataset.
pub(super) fn clone_arguments(from: &str, origin: &Facts, target: &Target<'_>) -> Vec<String> {
    // Never mounted by `zfs mount -a`, only by envclone, beneath a directory that is root's; `.zfs` is not there at all,
    // or, before 2.3, covered.
    let snapdir = if target.version >= (2, 3) {
        "disabled"
    } else {
        "hidden"
    };
    let mut settings: Vec<(&str, &str)> = vec![
        ("canmount", "noauto"),
        ("mountpoint", "none"),
        ("setuid", "off"),
        ("devices", "off"),
        ("readonly", "off"),
        ("snapdir", snapdir),
        ("sharenfs", "off"),
        ("sharesmb", "off"),
        (RUN, target.run.as_str()),
    ];
    let limit = target.limit.map(|bytes| bytes.to_string());
    settings.extend(limit.as_deref().map(|bytes| ("refquota", bytes)));
    let value = |property: &&'static str| {
        Some((*property, origin.value(property))).filter(|(_, value)| *value != "-")
    };
    settings.extend(ALWAYS.iter().filter_map(value));
    let chosen = |property: &&'static str| Some((*property, origin.chosen(property)?));
    let rest = copied_properties(target.version).into_iter().skip(ALWAYS.len());
    let quota = |(name, value): &(&str, &str)| *name != "refquota" || limit.is_none() && *value != "0";
    settings.extend(rest.filter_map(|property| chosen(&property)).filter(quota));
    let mut words = vec!["clone".to_owned()];
    for (name, value) in settings {
        words.extend(["-o".to_owned(), format!("{name}={value}")]);
    }
    words.extend([from.to_owned(), target.to.to_owned()]);
    words
}

/// `zfs snapshot` of a root and all below it, in one command.
pub(super) fn snapshot_arguments(name: &str, run: &RunId) -> Vec<String> {
    let words = ["snapshot", "-r", "-o", &format!("{RUN}={run}"), name];
    words.map(str::to_owned).to_vec()
}

/// `zfs create` of the dataset that holds envclone's clones.
pub(super) fn home_arguments(name: &str) -> Vec<String> {
    let mut words = vec!["create".to_owned()];
    // The third is what zfs-auto-snapshot, sanoid's templates and others read: their snapshots would keep branches alive.
    for setting in [
        "canmount=off",
        "mountpoint=none",
        "com.sun:auto-snapshot=false",
        "setuid=off",
        "devices=off",
        &format!("{HOME}=1"),
    ] {
        words.extend(["-o".to_owned(), setting.to_owned()]);
    }
    words.push(name.to_owned());
    words
}

/// Whether all snapshots of a tree were taken at the same moment: `table` has their `createtxg`.
pub(super) fn one_instant(tree: &Tree, table: &Table) -> Result<(), String> {
    let mut moments = tree.names().into_iter().map(|name| {
        let facts = table.get(name).ok_or_else(|| format!("{name} is not there"))?;
        let moment = facts.number("createtxg").map_err(|error| error.to_string())?;
        Ok::<_, String>((name, moment))
    });
    let Some(first) = moments.next().transpose()? else {
        return Err("there is nothing".to_owned());
    };
    for other in moments {
        let other = other?;
        if other.1 != first.1 {
            return Err(format!(
                "{} is of {}, {} of {}",
                first.0, first.1, other.0, other.1
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
