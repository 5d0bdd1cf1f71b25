//! The ZFS driver on a real pool.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use envclone::model::RunId;
use envclone::storage::conformance::{CHECKS, Check, Ground};
use envclone::storage::{Mark, Object, Place, Role, Storage, Zfs};

use crate::pool::run;
use crate::zfs_pool::{ZfsPool, patiently};

/// A dataset for one check, in a pool that all share.
pub struct ZfsGround<'a> {
    zpool: &'a ZfsPool,
    dataset: String,
    pool: PathBuf,
    storage: Zfs,
    made: AtomicUsize,
}

impl<'a> ZfsGround<'a> {
    pub fn new(zpool: &'a ZfsPool, name: &str, version: Option<(u32, u32)>) -> Self {
        let dataset = zpool.dataset(name);
        run("zfs", &["create", &dataset]);
        let pool = zpool.path().join(name);
        let storage = match version {
            None => Zfs::open(&pool).unwrap(),
            Some(version) => Zfs::open_as(&pool, version).unwrap(),
        };
        Self {
            zpool,
            dataset,
            pool,
            storage,
            made: AtomicUsize::new(0),
        }
    }

    /// The dataset of a root: right below the pool it has its name.
    fn name_for(&self, path: &Path) -> String {
        if path.parent() == Some(&self.pool) {
            let name = path.file_name().unwrap().to_str().unwrap();
            return format!("{}/{name}", self.dataset);
        }
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        format!("{}/handmade{number}", self.dataset)
    }

    /// The dataset that is mounted at `path`.
    fn dataset_at(path: &Path) -> String {
        let path = path.to_str().unwrap();
        run(
            "findmnt",
            &["--noheadings", "--output", "SOURCE", "--mountpoint", path],
        )
        .trim()
        .to_owned()
    }
}

/// The dataset or snapshot of an object; `None` where there is no such object.
pub fn name_of(object: &Object) -> Option<String> {
    let text = fs::read(object.path.parent()?.join("names.json")).ok()?;
    let names: serde_json::Value = serde_json::from_slice(&text).unwrap();
    Some(names["parts"][0]["name"].as_str().unwrap().to_owned())
}

impl Ground for ZfsGround<'_> {
    fn storage(&self) -> &dyn Storage {
        &self.storage
    }
    fn pool(&self) -> &Path {
        &self.pool
    }
    fn make_root(&self, path: &Path) -> io::Result<()> {
        let mountpoint = format!("mountpoint={}", path.to_str().unwrap());
        run("zfs", &["create", "-o", &mountpoint, &self.name_for(path)]);
        Ok(())
    }
    fn enforces_read_only(&self) -> bool {
        true
    }
    fn make_root_of(&self, path: &Path, volumes: &[&str]) -> io::Result<()> {
        self.make_root(path)?;
        for volume in volumes {
            run("zfs", &["create", &format!("{}/{volume}", self.name_for(path))]);
        }
        Ok(())
    }
    fn path_at(&self, place: &Place) -> PathBuf {
        self.pool.join(".envclone").join(place.relative()).join("root")
    }
    fn is_marked(&self, object: &Object) -> bool {
        let get = |name: String| run("zfs", &["get", "-Hp", "-o", "source", "envclone:mark", &name]);
        name_of(object).is_some_and(|name| get(name).trim() == "local")
    }
    fn unmark(&self, object: &Object) -> io::Result<()> {
        run("zfs", &["inherit", "envclone:mark", &name_of(object).unwrap()]);
        Ok(())
    }
    fn put_mark(&self, object: &Object, mark: &Mark) -> io::Result<()> {
        let value = format!(
            "envclone:mark=1/{}/{}/{}/{}/{}/{}",
            mark.id.0,
            mark.project,
            mark.environment,
            mark.parent,
            mark.role.as_str(),
            mark.run
        );
        run("zfs", &["set", &value, &name_of(object).unwrap()]);
        Ok(())
    }
    fn users_nest(&self) -> bool {
        false
    }
    fn odd_nested(&self) -> &'static [&'static str] {
        &["nested", "deep/a b", "nested/inner"]
    }
    fn remove_root(&self, path: &Path) -> io::Result<()> {
        patiently("zfs", &["destroy", &Self::dataset_at(path)]).unwrap();
        Ok(())
    }
    fn own_bytes(&self, object: &Object) -> io::Result<Option<u64>> {
        run("zpool", &["sync", self.zpool.name()]);
        let name = name_of(object).unwrap();
        let used = run("zfs", &["get", "-Hp", "-o", "value", "used", &name]);
        Ok(Some(used.trim().parse().unwrap()))
    }
    fn orders_unsynced(&self) -> bool {
        true
    }
    // Emulated, each takes seconds.
    fn snapshots_under_load(&self) -> u64 {
        5
    }
    fn snapshot_of_one(&self, root: &Path, volume: &str, name: &str) -> io::Result<PathBuf> {
        let snapshot = format!("{}/{volume}@{name}", self.name_for(root));
        run("zfs", &["snapshot", &snapshot]);
        Ok(root.join(volume).join(".zfs/snapshot").join(name))
    }
}

/// Runs checks, each on a dataset of its own; every breach is told.
fn conforms(checks: &[&Check], version: Option<(u32, u32)>) {
    let zpool = ZfsPool::new();
    let mut broken = Vec::new();
    for (number, (name, check)) in checks.iter().enumerate() {
        let ground = ZfsGround::new(&zpool, &format!("c{number}"), version);
        if let Err(breach) = check(&ground) {
            let source = std::error::Error::source(&breach).map(ToString::to_string);
            broken.push(format!("{name}: {breach}: {}", source.unwrap_or_default()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Checks that take long in an emulated guest: tests of their own, of names that come first, beside which the others run.
const LONG: [&str; 2] = ["100 clones", "20 generations"];

fn is_long(name: &str) -> bool {
    LONG.iter().any(|long| name.starts_with(long))
}

/// Checks with a writer that runs meanwhile.
fn is_of_instants(name: &str) -> bool {
    name.contains("one instant of all")
        || name.starts_with("the control")
        || name.starts_with("without syncing")
}

fn those(wanted: impl Fn(&str) -> bool) -> Vec<&'static Check> {
    let found: Vec<&Check> = CHECKS.iter().filter(|(name, _)| wanted(name)).collect();
    assert!(!found.is_empty());
    found
}

#[test]
fn zfs_conforms() {
    conforms(&those(|name| !is_long(name) && !is_of_instants(name)), None);
}

#[test]
fn zfs_conforms_in_instants() {
    conforms(&those(is_of_instants), None);
}

#[test]
fn a_hundred_clones_on_zfs() {
    conforms(&those(|name| name.starts_with(LONG[0])), None);
}

#[test]
fn a_score_of_generations_on_zfs() {
    conforms(&those(|name| name.starts_with(LONG[1])), None);
}

#[test]
fn as_zfs_2_1_the_way_to_snapshots_is_covered() {
    let tree = CHECKS
        .iter()
        .filter(|(name, _)| name.contains("is one tree") || name.contains("removes object"));
    let tree: Vec<&Check> = tree.collect();
    assert_eq!(tree.len(), 2);
    conforms(&tree, Some((2, 1)));
}

#[test]
fn the_longest_name_that_a_root_may_have_is_branched_and_a_longer_one_is_refused() {
    let zpool = ZfsPool::new();
    let ground = ZfsGround::new(&zpool, "c", None);
    let storage = ground.storage();
    for (length, fits) in [(224, true), (225, false)] {
        let last = "a".repeat(length - ground.dataset.len() - 1);
        run("zfs", &["create", &format!("{}/{last}", ground.dataset)]);
        let root = ground.pool.join(last);
        if !fits {
            let refused = storage.inspect(&root).unwrap_err().to_string();
            assert!(
                refused.contains("would have 256 bytes; ZFS allows 255"),
                "{refused}"
            );
            continue;
        }
        storage.inspect(&root).unwrap();
        let run: RunId = "0000000000000001".parse().unwrap();
        let place = |role| Place::Incoming {
            run: run.clone(),
            role,
        };
        let snapshot = storage.snapshot(&root, &place(Role::Snapshot)).unwrap();
        assert_eq!(name_of(&snapshot).unwrap().len(), 255);
        let clone = storage.clone_of(&snapshot, &place(Role::Clone)).unwrap();
        storage.destroy(&clone).unwrap();
        storage.destroy(&snapshot).unwrap();
    }
}

/// A bare look at a dataset: what is mounted in it is not there.
fn beneath(clone: &Path, at: &Path) -> Vec<PathBuf> {
    let to = at.to_str().unwrap();
    fs::create_dir_all(at).unwrap();
    run("mount", &["--bind", clone.to_str().unwrap(), to]);
    let found = fs::read_dir(at.join("db/wal")).unwrap().flatten();
    let found = found.map(|entry| entry.path()).collect();
    run("umount", &[to]);
    found
}

#[test]
fn what_production_hides_beneath_a_dataset_is_in_no_clone() {
    let zpool = ZfsPool::new();
    let ground = ZfsGround::new(&zpool, "c", None);
    let storage = ground.storage();
    let root = ground.pool.join("shop");
    ground.make_root(&root).unwrap();
    // As it was before the WAL got a dataset of its own.
    fs::create_dir_all(root.join("db/wal/old")).unwrap();
    fs::write(root.join("db/wal/000000010000000000000001"), "kanari").unwrap();
    let name = format!("{}/shop/wal", ground.dataset);
    let point = format!("mountpoint={}", root.join("db/wal").display());
    run("zfs", &["create", "-o", &point, &name]);
    fs::write(root.join("db/wal/000000010000000000000002"), "new").unwrap();
    let at = zpool.base().join("beneath");
    assert_eq!(beneath(&root, &at).len(), 2, "the control fails");

    let run_id: RunId = "0000000000000001".parse().unwrap();
    let place = |role| Place::Incoming {
        run: run_id.clone(),
        role,
    };
    let snapshot = storage.snapshot(&root, &place(Role::Snapshot)).unwrap();
    let clone = storage.clone_of(&snapshot, &place(Role::Clone)).unwrap();
    assert!(clone.path.join("db/wal/000000010000000000000002").exists());
    assert_eq!(beneath(&clone.path, &at), Vec::<PathBuf>::new());
    assert_eq!(beneath(&root, &at).len(), 2, "production was changed");
    storage.destroy(&clone).unwrap();
    storage.destroy(&snapshot).unwrap();
}

#[test]
fn what_is_free_is_told_as_a_part_of_what_limits_the_pool() {
    const MIB: u64 = 1 << 20;
    let zpool = ZfsPool::new();
    let ground = ZfsGround::new(&zpool, "c", None);
    let total = || ground.storage().usage().unwrap().total / MIB;
    let quota = |dataset: &str, size: &str| run("zfs", &["set", &format!("quota={size}"), dataset]);
    let all = total();
    // As production does beside it.
    let sibling = zpool.dataset("sibling");
    run("zfs", &["create", "-o", "compression=off", &sibling]);
    fs::write(zpool.path().join("sibling/file"), vec![1; 40 << 20]).unwrap();
    run("zpool", &["sync", zpool.name()]);
    assert!(total().abs_diff(all) < 8, "{all} MiB became {}", total());
    // A limit for both, and one of its own.
    quota(zpool.name(), "300M");
    assert!(total().abs_diff(300) < 8, "{}", total());
    quota(&ground.dataset, "100M");
    assert!(total().abs_diff(100) < 8, "{}", total());
}
