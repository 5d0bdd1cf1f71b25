//! What the ZFS driver takes for its own, and for gone, when others were at work on the same datasets.

use std::fs;
use std::path::PathBuf;

use envclone::model::RunId;
use envclone::storage::conformance::Ground;
use envclone::storage::{Mark, Object, Place, Role, Storage};

use crate::pool::run;
use crate::zfs_conformance::{ZfsGround, name_of};
use crate::zfs_pool::ZfsPool;

fn of_run(number: u64) -> RunId {
    format!("{number:016x}").parse().unwrap()
}

fn incoming(number: u64, role: Role) -> Place {
    let run = of_run(number);
    Place::Incoming { run, role }
}

fn of_branch(role: Role) -> Place {
    Place::Environment {
        project: "shop".parse().unwrap(),
        name: "fix-42".parse().unwrap(),
        role,
    }
}

fn settled(storage: &dyn Storage, object: &Object, number: u64, role: Role) -> Object {
    let mark = Mark {
        schema: 1,
        id: object.id.clone(),
        project: "shop".parse().unwrap(),
        environment: "fix-42".parse().unwrap(),
        parent: "prod".parse().unwrap(),
        role,
        run: of_run(number),
    };
    storage.settle(object, &of_branch(role), &mark).unwrap()
}

/// A root of two datasets, in a pool of its own.
fn production(zpool: &ZfsPool) -> (String, PathBuf) {
    let name = zpool.dataset("shop");
    run("zfs", &["create", &name]);
    run("zfs", &["create", &format!("{name}/db")]);
    (name, zpool.path().join("shop"))
}

/// Everything in a zpool.
fn objects(zpool: &ZfsPool) -> String {
    run(
        "zfs",
        &["list", "-H", "-r", "-t", "all", "-o", "name", zpool.name()],
    )
}

#[test]
fn a_place_of_which_a_killed_run_left_empty_directories_is_nobodys() {
    let zpool = ZfsPool::new();
    let ground = ZfsGround::new(&zpool, "c", None);
    let (storage, home) = (ground.storage(), zpool.path().join("c/.envclone"));
    let (_, root) = production(&zpool);
    let leave = |place: &Place| fs::create_dir_all(home.join(place.relative()).join("root")).unwrap();
    leave(&incoming(1, Role::Snapshot));
    leave(&of_branch(Role::Clone));
    let snapshot = storage.snapshot(&root, &incoming(1, Role::Snapshot)).unwrap();
    let clone = storage.clone_of(&snapshot, &incoming(1, Role::Clone)).unwrap();
    let clone = settled(storage, &clone, 1, Role::Clone);
    storage.destroy(&snapshot).unwrap();
    storage.destroy(&clone).unwrap();
    leave(&incoming(2, Role::Clone));
    leave(&of_branch(Role::Clone));
    storage.discard_incoming(&of_run(2)).unwrap();
    for dir in ["incoming", "env/shop"] {
        let left = fs::read_dir(home.join(dir)).unwrap().count();
        assert_eq!(left, 0, "{dir}");
    }
}

#[test]
fn what_cannot_be_read_or_is_not_known_any_more_is_told_and_never_forgotten() {
    let zpool = ZfsPool::new();
    let ground = ZfsGround::new(&zpool, "c", None);
    let storage = ground.storage();
    let (_, root) = production(&zpool);
    let before = objects(&zpool);
    let snapshot = storage.snapshot(&root, &incoming(1, Role::Snapshot)).unwrap();
    let name = name_of(&snapshot).unwrap();
    // A tab, which makes the answer of `zfs get` one that imitates others.
    for spoilt in ["envclone:mark=a\tb", "envclone:run="] {
        let spoil = if spoilt.ends_with('=') {
            vec!["inherit", spoilt.trim_end_matches('='), &name]
        } else {
            vec!["set", spoilt, &name]
        };
        run("zfs", &spoil);
        for _ in 0..2 {
            let said = storage.discard_incoming(&of_run(1)).unwrap_err().to_string();
            assert!(said.contains("zfs get") || said.contains(&name), "{said}");
            assert_eq!(
                name_of(&snapshot).as_ref(),
                Some(&name),
                "its place was forgotten"
            );
        }
        assert!(storage.destroy(&snapshot).is_err());
        run("zfs", &["inherit", "envclone:mark", &name]);
    }
    run("zfs", &["set", &format!("envclone:run={}", of_run(1)), &name]);
    storage.discard_incoming(&of_run(1)).unwrap();
    assert_eq!(objects(&zpool), before);
}
