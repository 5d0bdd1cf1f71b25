//! The Btrfs driver on a real pool.

use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use envclone::storage::conformance::{CHECKS, Ground};
use envclone::storage::{Btrfs, Object, Place, Role, Storage, StorageError};

use crate::pool::{TestPool, make_subvolume, run};

/// A subvolume for one check, of a filesystem that several may share.
struct BtrfsGround {
    storage: Btrfs,
    path: PathBuf,
    pool: Rc<TestPool>,
}

impl BtrfsGround {
    fn new() -> Self {
        let pool = Rc::new(TestPool::new(256));
        Self::at(pool.path().to_owned(), &pool)
    }
    /// In a subvolume of its own.
    fn beside(pool: &Rc<TestPool>, name: &str) -> Self {
        let path = pool.path().join(name);
        make_subvolume(&path);
        Self::at(path, pool)
    }
    fn at(path: PathBuf, pool: &Rc<TestPool>) -> Self {
        Self {
            storage: Btrfs::open(&path).unwrap(),
            path,
            pool: Rc::clone(pool),
        }
    }
    fn root(&self) -> std::path::PathBuf {
        let root = self.path.join("production");
        make_subvolume(&root);
        root
    }
}

impl Ground for BtrfsGround {
    fn storage(&self) -> &dyn Storage {
        &self.storage
    }
    fn pool(&self) -> &Path {
        &self.path
    }
    fn make_root(&self, path: &Path) -> io::Result<()> {
        make_subvolume(path);
        Ok(())
    }
    fn enforces_read_only(&self) -> bool {
        true
    }
    fn remove_root(&self, path: &Path) -> io::Result<()> {
        run("btrfs", &["subvolume", "delete", "--", path.to_str().unwrap()]);
        Ok(())
    }
    fn own_bytes(&self, object: &Object) -> io::Result<Option<u64>> {
        let path = object.path.to_str().unwrap();
        let text = run("btrfs", &["filesystem", "du", "-s", "--raw", path]);
        let row = text.lines().nth(1).unwrap();
        Ok(Some(row.split_whitespace().nth(1).unwrap().parse().unwrap()))
    }
    fn orders_unsynced(&self) -> bool {
        false
    }
    /// A snapshot of the whole root, of which that volume alone is looked at.
    fn snapshot_of_one(&self, root: &Path, volume: &str, name: &str) -> io::Result<PathBuf> {
        let to = self.path.join(format!("{name}-{volume}"));
        let (from, into) = (root.to_str().unwrap(), to.to_str().unwrap());
        run("btrfs", &["subvolume", "snapshot", "-r", from, into]);
        Ok(to.join(volume))
    }
}

fn incoming(run: u64, role: Role) -> Place {
    Place::Incoming {
        run: format!("{run:016x}").parse().unwrap(),
        role,
    }
}

#[test]
fn btrfs_conforms() {
    let pool = Rc::new(TestPool::new(1024));
    for (number, (name, check)) in CHECKS.iter().enumerate() {
        let ground = BtrfsGround::beside(&pool, &format!("c{number}"));
        let report = |error: &dyn std::error::Error| {
            let source = error.source().map(ToString::to_string).unwrap_or_default();
            format!("{name}: {error}: {source}")
        };
        if let Err(breach) = check(&ground) {
            panic!("{}", report(&breach));
        }
    }
}

#[test]
fn a_pool_on_another_filesystem_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = Btrfs::open(dir.path()).unwrap_err();
    assert!(matches!(error, StorageError::NotAPool { .. }), "{error}");
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        0,
        "nothing was made there"
    );
    assert!(matches!(
        Btrfs::open(Path::new("/nonexistent")),
        Err(StorageError::NotFound { .. })
    ));
}

#[test]
fn a_root_on_another_filesystem_is_refused() {
    let (first, second) = (BtrfsGround::new(), BtrfsGround::new());
    let elsewhere = second.root();
    let refused = first.storage.inspect(&elsewhere);
    assert!(
        matches!(refused, Err(StorageError::OtherFilesystem { .. })),
        "{refused:?}"
    );
    let plain = tempfile::tempdir().unwrap();
    let refused = first.storage.inspect(plain.path());
    assert!(matches!(refused, Err(StorageError::Mixed { .. })), "{refused:?}");
}

#[test]
fn a_root_that_holds_the_pool_itself_is_refused() {
    let ground = BtrfsGround::new();
    let refused = ground.storage.inspect(ground.pool.path());
    assert!(
        matches!(refused, Err(StorageError::HoldsPool { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_pool_may_be_a_plain_directory_in_a_subvolume_mounted_elsewhere() {
    let ground = BtrfsGround::new();
    let root = ground.root();
    let pools = ground.pool.path().join("pools");
    make_subvolume(&pools);
    let plain = pools.join("plain");
    std::fs::create_dir(&plain).unwrap();
    let storage = Btrfs::open(&plain).unwrap();
    storage.inspect(&root).unwrap();
    let snapshot = storage.snapshot(&root, &incoming(1, Role::Snapshot)).unwrap();
    storage.destroy(&snapshot).unwrap();
    assert_eq!(storage.owned().unwrap(), []);
}

#[test]
fn nocow_directories_are_named() {
    let ground = BtrfsGround::new();
    let root = ground.root();
    std::fs::create_dir_all(root.join("db/base")).unwrap();
    std::fs::create_dir_all(root.join("uploads")).unwrap();
    run("chattr", &["+C", root.join("db/base").to_str().unwrap()]);
    std::fs::write(root.join("uploads/plain"), "").unwrap();
    std::fs::write(root.join("uploads/z"), "").unwrap();
    assert_eq!(ground.storage.inspect(&root).unwrap().warnings, ["db/base"]);
}

#[test]
fn read_only_subvolumes_nested_in_a_clone_do_not_block_its_destruction() {
    let ground = BtrfsGround::new();
    let root = ground.root();
    std::fs::write(root.join("file"), "kept").unwrap();
    let snapshot = ground
        .storage
        .snapshot(&root, &incoming(1, Role::Snapshot))
        .unwrap();
    let clone = ground
        .storage
        .clone_of(&snapshot, &incoming(1, Role::Clone))
        .unwrap();
    let outer = clone.path.join("outer");
    make_subvolume(&outer);
    make_subvolume(&outer.join("inner"));
    std::fs::write(outer.join("inner/file"), "").unwrap();
    std::os::unix::fs::symlink(&root, outer.join("link")).unwrap();
    for path in [outer.join("inner"), outer, clone.path.clone()] {
        run(
            "btrfs",
            &[
                "property",
                "set",
                "-t",
                "subvol",
                path.to_str().unwrap(),
                "ro",
                "true",
            ],
        );
    }
    ground
        .storage
        .discard_incoming(&"0000000000000001".parse().unwrap())
        .unwrap();
    assert_eq!(ground.storage.owned().unwrap(), []);
    assert_eq!(std::fs::read(root.join("file")).unwrap(), b"kept");
    let left = run(
        "btrfs",
        &["subvolume", "list", "-o", ground.pool.path().to_str().unwrap()],
    );
    assert_eq!(left.lines().count(), 1, "{left}");
}

#[test]
fn a_branch_of_a_full_pool_is_refused_for_want_of_room_and_leaves_nothing_behind() {
    let pool = TestPool::mixed(128);
    let storage = Btrfs::open(pool.path()).unwrap();
    let root = pool.path().join("production");
    make_subvolume(&root);
    let before = storage.snapshot(&root, &incoming(1, Role::Snapshot)).unwrap();
    fill(&root.join("ballast"));
    // In a directory that is there the program fails; where one must be made, the kernel says it itself.
    for place in [incoming(1, Role::Checkpoint), incoming(2, Role::Checkpoint)] {
        // A snapshot needs hardly any room: a few may still fit.
        let refused = (0..50).find_map(|_| {
            let taken = storage.snapshot(&root, &place);
            taken.map(|object| storage.destroy(&object).unwrap()).err()
        });
        let error = refused.expect("the pool is full");
        assert!(matches!(error, StorageError::NoSpace { .. }), "{error}");
    }
    std::fs::remove_file(root.join("ballast")).unwrap();
    let owned: Vec<_> = storage
        .owned()
        .unwrap()
        .into_iter()
        .map(|owned| owned.object)
        .collect();
    assert_eq!(owned, [before]);
    for run in 1..=2 {
        storage
            .discard_incoming(&format!("{run:016x}").parse().unwrap())
            .unwrap();
    }
    let left = run("btrfs", &["subvolume", "list", pool.path().to_str().unwrap()]);
    assert_eq!(left.lines().count(), 1, "{left}");
}

/// Writes until the filesystem is full.
fn fill(path: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    for size in [1 << 20, 4096] {
        let block = vec![0x5au8; size];
        while file.write_all(&block).and_then(|()| file.sync_data()).is_ok() {}
    }
}

#[test]
fn exclusive_bytes_are_what_a_clone_wrote_itself() {
    let ground = BtrfsGround::new();
    let root = ground.root();
    std::fs::write(root.join("shared"), vec![1u8; 4 << 20]).unwrap();
    let snapshot = ground
        .storage
        .snapshot(&root, &incoming(1, Role::Snapshot))
        .unwrap();
    let clone = ground
        .storage
        .clone_of(&snapshot, &incoming(1, Role::Clone))
        .unwrap();
    assert_eq!(ground.storage.exclusive(&clone).unwrap(), Some(0));
    let own = std::fs::File::create(clone.path.join("own")).unwrap();
    std::io::Write::write_all(&mut &own, &vec![2u8; 1 << 20]).unwrap();
    own.sync_all().unwrap();
    assert_eq!(ground.storage.exclusive(&clone).unwrap(), Some(1 << 20));
}
