//! Which mounts belong to a root on ZFS, so that `Volume` may enter them.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use super::super::mountinfo::{self, Mount};
use super::MAGIC;

/// The device numbers of the datasets of the tree that the open directory at `path` lies in; none where it lies on no ZFS,
/// or the tree has one dataset only. Snapshots and whatever else is mounted below are not among them.
pub(in crate::storage) fn devices_of_tree(directory: BorrowedFd<'_>, path: &Path) -> io::Result<Vec<u64>> {
    if rustix::fs::fstatfs(directory)?.f_type != MAGIC {
        return Ok(Vec::new());
    }
    let mut devices = BTreeSet::new();
    let below = mounted_below(path)?;
    if below.is_empty() {
        return Ok(Vec::new());
    }
    devices.insert(rustix::fs::fstat(directory)?.st_dev);
    for point in below {
        devices.insert(rustix::fs::stat(&point)?.st_dev);
    }
    Ok(devices.into_iter().collect())
}

/// Where the datasets of the tree that `path` lies in are mounted below it.
pub(in crate::storage) fn points_of_tree(path: &Path) -> io::Result<Vec<PathBuf>> {
    if rustix::fs::statfs(path)?.f_type != MAGIC {
        return Ok(Vec::new());
    }
    mounted_below(path)
}

fn mounted_below(path: &Path) -> io::Result<Vec<PathBuf>> {
    let text = fs::read(mountinfo::MOUNTINFO)?;
    let mounts = mountinfo::parse(&text).map_err(|line| io::Error::new(io::ErrorKind::InvalidData, line))?;
    Ok(of_tree(path, &mounts).into_iter().map(Path::to_owned).collect())
}

fn of_tree<'a>(path: &Path, mounts: &'a [Mount]) -> Vec<&'a Path> {
    let above = mounts.iter().filter(|mount| path.starts_with(&mount.point));
    // Of two at the same place the later one is seen.
    let Some(own) = above.max_by_key(|mount| mount.point.components().count()) else {
        return Vec::new();
    };
    let Some(root) = own.dataset().map(tree_root) else {
        return Vec::new();
    };
    let same = |mount: &&Mount| {
        mount.point != path
            && mount.point.starts_with(path)
            && mount
                .dataset()
                .is_some_and(|name| !name.contains('@') && super::is_within(name, root))
    };
    mounts
        .iter()
        .filter(same)
        .map(|mount| mount.point.as_path())
        .collect()
}

/// The root of the tree that a dataset belongs to: one of our clones, or the dataset itself.
fn tree_root(dataset: &str) -> &str {
    const HOME: &str = "/.envclone/";
    let Some(at) = dataset.find(HOME).map(|at| at + HOME.len()) else {
        return dataset;
    };
    let end = dataset[at..].find('/').map_or(dataset.len(), |end| at + end);
    &dataset[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"\
30 1 0:30 / /tank rw - zfs tank rw
31 30 0:31 / /tank/shop rw - zfs tank/shop rw
32 31 0:32 / /tank/shop/db rw - zfs tank/shop/db rw
33 32 0:33 / /tank/shop/db/wal rw - zfs tank/shop/wal rw
34 31 0:34 / /tank/shop/other rw - ext4 /dev/sda rw
35 31 0:35 / /tank/shop/.zfs/snapshot/a ro - zfs tank/shop@a ro
36 30 0:36 / /tank/.envclone/x/root rw - zfs tank/.envclone/1-2 rw
37 36 0:37 / /tank/.envclone/x/root/db rw - zfs tank/.envclone/1-2/db rw
38 37 0:38 / /tank/.envclone/x/root/db/wal rw - zfs tank/.envclone/1-2/wal rw
39 37 0:39 / /tank/.envclone/x/root/db/odd rw - zfs tank/.envclone/3-4 rw
";

    fn points(path: &str) -> Vec<String> {
        let mounts = mountinfo::parse(TABLE).unwrap();
        let found = of_tree(Path::new(path), &mounts);
        found
            .into_iter()
            .map(|point| point.display().to_string())
            .collect()
    }

    #[test]
    fn a_root_consists_of_its_datasets_and_of_nothing_else() {
        assert_eq!(points("/tank/shop"), ["/tank/shop/db", "/tank/shop/db/wal"]);
    }

    #[test]
    fn a_volume_of_a_clone_has_the_datasets_of_the_clone_mounted_in_it() {
        let db = "/tank/.envclone/x/root/db";
        assert_eq!(
            points(db),
            [format!("{db}/wal")],
            "a dataset of another clone is not"
        );
        assert!(points("/tank/.envclone/x/root/uploads").is_empty());
    }

    #[test]
    fn what_lies_on_no_dataset_has_none() {
        assert!(points("/srv").is_empty());
        assert!(points("/tank/shop/other").is_empty());
    }
}
