use std::fs;

use super::*;
use crate::storage::conformance::{CHECKS, Ground};

struct MemoryGround {
    dir: tempfile::TempDir,
    storage: Memory,
}

fn ground() -> MemoryGround {
    let dir = tempfile::tempdir().unwrap();
    let storage = Memory::open(dir.path()).unwrap();
    MemoryGround { dir, storage }
}

impl Ground for MemoryGround {
    fn storage(&self) -> &dyn Storage {
        &self.storage
    }
    fn pool(&self) -> &Path {
        self.dir.path()
    }
    fn make_root(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path.parent().unwrap())?;
        self.storage.make_root(path).map(drop).map_err(io::Error::other)
    }
    fn enforces_read_only(&self) -> bool {
        false
    }
    fn remove_root(&self, path: &Path) -> io::Result<()> {
        let volume = Volume::open(path.parent().unwrap()).map_err(io::Error::other)?;
        volume
            .remove_tree(path.file_name().unwrap())
            .map_err(io::Error::other)
    }
    fn own_bytes(&self, _: &Object) -> io::Result<Option<u64>> {
        Ok(None)
    }
    /// A copy of files, one after the other: what this driver is not for.
    fn is_atomic(&self) -> bool {
        false
    }
    fn orders_unsynced(&self) -> bool {
        false
    }
    fn snapshot_of_one(&self, root: &Path, volume: &str, name: &str) -> io::Result<PathBuf> {
        let to = self.dir.path().join(format!("{name}-{volume}"));
        fs::create_dir(&to)?;
        fs::copy(root.join(volume).join("numbers"), to.join("numbers"))?;
        Ok(to)
    }
}

const RUN: &str = "0000000000000001";

fn incoming(role: Role) -> Place {
    Place::Incoming {
        run: RUN.parse().unwrap(),
        role,
    }
}

fn home_of(role: Role) -> Place {
    Place::Environment {
        project: "shop".parse().unwrap(),
        name: "fix-42".parse().unwrap(),
        role,
    }
}

fn mark(object: &Object, role: Role) -> Mark {
    Mark {
        schema: 1,
        id: object.id.clone(),
        project: "shop".parse().unwrap(),
        environment: "fix-42".parse().unwrap(),
        parent: "prod".parse().unwrap(),
        role,
        run: RUN.parse().unwrap(),
    }
}

fn no_space() -> StorageError {
    StorageError::NoSpace {
        pool: PathBuf::from("/pool"),
    }
}

/// A ground with a root that holds one file.
fn with_root() -> (MemoryGround, PathBuf) {
    let ground = ground();
    let root = ground.dir.path().join("production");
    ground.storage.make_root(&root).unwrap();
    fs::write(root.join("file"), "one").unwrap();
    (ground, root)
}

#[test]
fn memory_conforms() {
    for (name, check) in CHECKS {
        if let Err(breach) = check(&ground()) {
            panic!("{name}: {breach}: {:?}", std::error::Error::source(&breach));
        }
    }
}

#[test]
fn a_driver_opened_anew_finds_what_an_earlier_one_made() {
    let (ground, root) = with_root();
    let snapshot = ground.storage.snapshot(&root, &incoming(Role::Snapshot)).unwrap();
    let reopened = Memory::open(ground.dir.path()).unwrap();
    assert_eq!(reopened.owned().unwrap().len(), 1);
    let clone = reopened.clone_of(&snapshot, &incoming(Role::Clone)).unwrap();
    assert_eq!(fs::read(clone.path.join("file")).unwrap(), b"one");
    reopened.discard_incoming(&RUN.parse().unwrap()).unwrap();
    assert_eq!(Memory::open(ground.dir.path()).unwrap().owned().unwrap(), []);
}

#[test]
fn a_planned_failure_strikes_once_before_or_after_the_act() {
    let (ground, root) = with_root();
    ground.storage.fail_next(Method::Snapshot, no_space());
    ground.storage.inspect(&root).unwrap();
    let place = incoming(Role::Snapshot);
    let failed = ground.storage.snapshot(&root, &place);
    assert!(matches!(failed, Err(StorageError::NoSpace { .. })), "{failed:?}");
    assert_eq!(ground.storage.owned().unwrap(), []);
    ground
        .storage
        .fail_at(Method::Snapshot, Moment::After, no_space());
    assert!(ground.storage.snapshot(&root, &place).is_err());
    assert_eq!(
        ground.storage.owned().unwrap().len(),
        1,
        "made, though the caller was not told"
    );
    let methods: Vec<_> = ground
        .storage
        .calls()
        .into_iter()
        .map(|call| call.method)
        .collect();
    let expected = [
        Method::Inspect,
        Method::Snapshot,
        Method::Owned,
        Method::Snapshot,
        Method::Owned,
    ];
    assert_eq!(methods, expected);
}

#[test]
fn a_dead_driver_does_nothing_more() {
    let (ground, root) = with_root();
    ground.storage.fail_after(1);
    let snapshot = ground.storage.snapshot(&root, &incoming(Role::Snapshot)).unwrap();
    assert!(ground.storage.destroy(&snapshot).is_err());
    assert!(ground.storage.owned().is_err());
    assert!(snapshot.path.exists());
}

#[test]
fn a_settle_and_a_destroy_cut_in_half_can_be_repeated() {
    let (ground, root) = with_root();
    let storage = &ground.storage;
    let snapshot = storage.snapshot(&root, &incoming(Role::Snapshot)).unwrap();
    let (place, mark) = (home_of(Role::Checkpoint), mark(&snapshot, Role::Checkpoint));
    storage.fail_at(Method::Settle, Moment::Within, no_space());
    assert!(storage.settle(&snapshot, &place, &mark).is_err());
    assert!(snapshot.path.exists());
    let settled = storage.settle(&snapshot, &place, &mark).unwrap();
    storage.fail_at(Method::Destroy, Moment::Within, no_space());
    assert!(storage.destroy(&settled).is_err());
    let again = storage.destroy(&settled);
    assert!(matches!(again, Err(StorageError::NotFound { .. })), "{again:?}");
    let marks = ground.dir.path().join(".envclone/marks");
    assert_eq!(fs::read_dir(marks).unwrap().count(), 0, "the left-over mark went");
}
