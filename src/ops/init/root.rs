//! Which root and pool to propose: on Btrfs the subvolume that holds a server's data, on ZFS a dataset above it.

use std::path::{Path, PathBuf};

use super::place;
use crate::storage::Zfs;

/// Where things are when nothing was found: to be changed by hand.
const EXAMPLE_POOL: &str = "/srv/pool";

/// A root, and the pool that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ground {
    /// Where the root is mounted.
    pub(super) root: PathBuf,
    /// Where the pool is mounted; on ZFS its dataset.
    pub(super) pool: PathBuf,
    /// The dataset of the root, on ZFS.
    pub(super) dataset: Option<String>,
    /// What a person has to know or change.
    pub(super) notes: Vec<String>,
}

/// What to propose for a root and pool that are given, or for the first data directory for which there is a root.
pub(super) fn ground<'a>(
    root: Option<&Path>,
    pool: Option<&Path>,
    data: impl Iterator<Item = &'a Path>,
) -> Ground {
    // A name of a dataset is as good as the place at which it is mounted.
    let located = |path: &Path| {
        path.to_str()
            .filter(|_| path.is_relative())
            .and_then(Zfs::mount_point)
    };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let given = root.map(|root| located(root).unwrap_or_else(|| real(root)));
    let mut data = data;
    let found = given.or_else(|| data.find_map(root_of));
    let dataset = found.as_deref().and_then(|root| {
        let (dataset, point) = Zfs::dataset_of(root)?;
        (point == root).then_some(dataset)
    });
    match (found, dataset) {
        (Some(root), Some(dataset)) => on_zfs(root, dataset, pool),
        (root, _) => on_btrfs(root, pool),
    }
}

/// The root that a server's data lies in.
fn root_of(data: &Path) -> Option<PathBuf> {
    if let Some(subvolume) = place::subvolume_of(data) {
        return Some(subvolume);
    }
    let (dataset, point) = Zfs::dataset_of(data)?;
    let above = dataset.rsplit_once('/').map(|(above, _)| above);
    let above = above.and_then(|name| Some((name, Zfs::mount_point(name)?)));
    let above = above.as_ref().map(|(name, point)| (*name, point.as_path()));
    root_dataset(data, (&dataset, &point), above).map(Path::to_owned)
}

/// Of the dataset that data lies on and the one above it, the one that can be a root: the volume is a directory in it, it is not
/// the host's own root, and not the zpool itself, which would hold the pool. The one above, where it can be: it may
/// hold other volumes.
fn root_dataset<'a>(data: &Path, own: (&str, &'a Path), above: Option<(&str, &'a Path)>) -> Option<&'a Path> {
    let fits = |(name, point): &(&str, &Path)| {
        name.contains('/') && point.parent().is_some() && data.starts_with(point) && data != *point
    };
    let both = above.into_iter().chain([own]);
    both.filter(fits).map(|(_, point)| point).next()
}

fn on_zfs(root: PathBuf, dataset: String, pool: Option<&Path>) -> Ground {
    let mut notes = Vec::new();
    let pool = pool.map_or_else(
        || {
            // Beside the root: it has the same encryption, and lies neither above nor below it.
            let above = dataset.rsplit_once('/').map_or("", |(above, _)| above);
            let name = format!("{above}/envclone");
            if Zfs::mount_point(&name).is_none() {
                notes.push(format!("the pool is to be made: zfs create {name}"));
            }
            PathBuf::from(name)
        },
        Path::to_owned,
    );
    if !dataset.contains('/') {
        notes.push(format!(
            "{dataset} is a whole zpool, and a pool in it would lie in the root: make a dataset of it the root"
        ));
    }
    Ground {
        root,
        pool,
        dataset: Some(dataset),
        notes,
    }
}

fn on_btrfs(root: Option<PathBuf>, pool: Option<&Path>) -> Ground {
    let mut notes = Vec::new();
    if root.is_none() {
        notes.push(
            "no server was found whose data lies on Btrfs or in a dataset of ZFS of its own: name your root, pool and services"
                .to_owned(),
        );
    }
    let mounted = root.as_deref().and_then(place::mount_of);
    let pool = pool.map(Path::to_owned).or(mounted);
    let pool = pool.unwrap_or_else(|| PathBuf::from(EXAMPLE_POOL));
    if root.as_ref().is_some_and(|root| pool.starts_with(root)) {
        notes.push(format!(
            "the pool {} lies in the root itself: mount the filesystem's top level elsewhere, or make the root a subvolume",
            pool.display()
        ));
    }
    Ground {
        root: root.unwrap_or_else(|| pool.join("shop")),
        pool,
        dataset: None,
        notes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(
        data: &str,
        own: (&str, &'static str),
        above: Option<(&str, &'static str)>,
    ) -> Option<&'static str> {
        let own = (own.0, Path::new(own.1));
        let above = above.map(|(name, point)| (name, Path::new(point)));
        root_dataset(Path::new(data), own, above).map(|path| path.to_str().unwrap())
    }

    #[test]
    fn the_root_is_the_dataset_that_can_hold_other_volumes_too() {
        let own = ("tank/shop/db", "/tank/shop/db");
        let above = Some(("tank/shop", "/tank/shop"));
        assert_eq!(root("/tank/shop/db/data", own, above), Some("/tank/shop"));
        // The data is the dataset itself.
        assert_eq!(root("/tank/shop/db", own, above), Some("/tank/shop"));
    }

    #[test]
    fn neither_a_whole_zpool_nor_the_hosts_root_nor_the_data_itself_is_a_root() {
        let own = ("tank/pg", "/var/lib/postgresql");
        let zpool = Some(("tank", "/tank"));
        let data = "/var/lib/postgresql/17/main";
        assert_eq!(root(data, own, zpool), Some("/var/lib/postgresql"));
        assert_eq!(root("/var/lib/postgresql", own, zpool), None);
        let host = ("rpool/ROOT/debian", "/");
        assert_eq!(root(data, host, Some(("rpool/ROOT", "/rpool/ROOT"))), None);
        assert_eq!(
            root(data, ("rpool/var", "/var"), Some(("rpool", "/"))),
            Some("/var")
        );
        // Mounted beside what lies above it by name.
        let beside = Some(("tank/all", "/tank/all"));
        assert_eq!(
            root(data, ("tank/all/pg", "/var/lib/postgresql"), beside),
            Some("/var/lib/postgresql")
        );
    }

    #[test]
    fn with_nothing_found_the_places_are_examples() {
        let ground = ground(None, None, std::iter::empty());
        assert_eq!(ground.root, Path::new("/srv/pool/shop"));
        assert_eq!((ground.dataset, ground.notes.len()), (None, 1));
    }
}
