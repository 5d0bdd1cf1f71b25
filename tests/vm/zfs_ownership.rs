//! What the ZFS driver takes for its own, and for gone, when others were at work on the same datasets.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use envclone::model::RunId;
use envclone::storage::conformance::Ground;
use envclone::storage::{Mark, Object, Place, Role, Storage, StorageError, Zfs, ZfsError};

use crate::pool::{LONG, before_another_look, run};
use crate::production::program;
use crate::tank::of_files;
use crate::zfs_bad_input::{where_first, with};
use crate::zfs_conformance::{ZfsGround, name_of};
use crate::zfs_pool::{ZfsPool, patiently};

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

/// Whether it is refused since somebody else made what is named.
#[track_caller]
fn for_the_sake_of(ended: &Result<(), StorageError>, theirs: &str) {
    match ended {
        Err(StorageError::Zfs(ZfsError::Dependents { others, .. })) => assert_eq!(others, &[theirs]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_place_of_which_a_killed_run_left_empty_directories_is_nobodys() {
    let zpool = ZfsPool::new();
    let ground = ZfsGround::new(&zpool, "c", None);
    let (storage, home) = (ground.storage(), zpool.path().join("c/.envclone"));
    let (_, root) = production(&zpool);
    let leave = |place: &Place| {
        let mut make = fs::DirBuilder::new();
        make.recursive(true).mode(0o700);
        make.create(home.join(place.relative()).join("root")).unwrap();
    };
    leave(&incoming(1, Role::Snapshot));
    leave(&of_branch(Role::Clone));
    let snapshot = storage.snapshot(&root, &incoming(1, Role::Snapshot)).unwrap();
    let clone = storage.clone_of(&snapshot, &incoming(1, Role::Clone)).unwrap();
    let clone = settled(storage, &clone, 1, Role::Clone);
    storage.destroy(&snapshot).unwrap();
    storage.destroy(&clone).unwrap();
    leave(&incoming(2, Role::Clone));
    leave(&of_branch(Role::Clone));
    fs::remove_dir(clone.path.as_path()).unwrap();
    storage.discard_incoming(&of_run(2)).unwrap();
    assert_eq!(fs::read_dir(home.join("incoming")).unwrap().count(), 0);
    // What is above it may be where another run is about to put something.
    let place = home.join(of_branch(Role::Clone).relative());
    assert!(!place.exists(), "{}", place.display());
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
    // The right value, which the snapshot has from the dataset it is of.
    let ours = format!("envclone:run={}", of_run(1));
    run("zfs", &["set", &ours, &zpool.dataset("shop")]);
    let inherited = run(
        "zfs",
        &["get", "-Hp", "-o", "value,source", "envclone:run", &name],
    );
    assert!(
        inherited.contains(&of_run(1).to_string()) && inherited.contains("inherited"),
        "{inherited}"
    );
    storage.discard_incoming(&of_run(1)).unwrap_err();
    storage.destroy(&snapshot).unwrap_err();
    assert_eq!(name_of(&snapshot).as_ref(), Some(&name));
    run("zfs", &["inherit", "envclone:run", &zpool.dataset("shop")]);

    run("zfs", &["set", &ours, &name]);
    storage.discard_incoming(&of_run(1)).unwrap();
    assert_eq!(objects(&zpool), before);
}

/// A clone of a snapshot that stays, where it belongs to an environment.
fn clone_settled_as(storage: &dyn Storage, snapshot: &Object, number: u64, environment: &str) -> Object {
    let clone = storage
        .clone_of(snapshot, &incoming(number, Role::Clone))
        .unwrap();
    let mark = Mark {
        schema: 1,
        id: clone.id.clone(),
        project: "shop".parse().unwrap(),
        environment: environment.parse().unwrap(),
        parent: "prod".parse().unwrap(),
        role: Role::Clone,
        run: of_run(number),
    };
    let place = Place::Environment {
        project: "shop".parse().unwrap(),
        name: environment.parse().unwrap(),
        role: Role::Clone,
    };
    storage.settle(&clone, &place, &mark).unwrap()
}

#[test]
fn a_dataset_made_by_hand_under_the_name_of_a_clone_and_one_with_the_mark_of_another_are_not_ours() {
    let zpool = ZfsPool::new();
    let ground = ZfsGround::new(&zpool, "c", None);
    let storage = ground.storage();
    let (_, root) = production(&zpool);
    let before = objects(&zpool);
    let snapshot = storage.snapshot(&root, &incoming(9, Role::Snapshot)).unwrap();
    let mark_of = |name: &str| {
        let get = ["get", "-Hp", "-o", "value", "envclone:mark", name];
        run("zfs", &get).trim().to_owned()
    };

    // The mark of another branch, and what is ours of one that is elsewhere.
    let one = clone_settled_as(storage, &snapshot, 1, "one");
    let two = clone_settled_as(storage, &snapshot, 2, "two");
    let names = [name_of(&one).unwrap(), name_of(&two).unwrap()];
    let own = mark_of(&names[0]);
    let forged = [mark_of(&names[1]), own.replace("/one/", "/three/")];
    assert!(forged.iter().all(|mark| *mark != own), "{own}");
    for mark in forged {
        run("zfs", &["set", &format!("envclone:mark={mark}"), &names[0]]);
        let refused = storage.destroy(&one).unwrap_err();
        assert!(matches!(refused, StorageError::NotOurs { .. }), "{refused:?}");
        assert!(one.path.join("db").exists(), "it is gone");
    }
    run("zfs", &["set", &format!("envclone:mark={own}"), &names[0]]);

    // Another dataset of the same name, and of the same place.
    let place = one.path.parent().unwrap().to_owned();
    let known = fs::read(place.join("names.json")).unwrap();
    for part in ["/db", ""] {
        let dataset = format!("{}{part}", names[0]);
        patiently("zfs", &["umount", &dataset]).unwrap();
        patiently("zfs", &["destroy", &dataset]).unwrap();
    }
    make_unmounted(
        &names[0],
        &[
            &format!("envclone:mark={own}"),
            &format!("envclone:run={}", of_run(1)),
        ],
    );
    assert_eq!(fs::read(place.join("names.json")).unwrap(), known);
    storage.destroy(&one).unwrap_err();
    storage.discard_incoming(&of_run(1)).ok();
    run("zfs", &["get", "guid", &names[0]]);
    patiently("zfs", &["destroy", &names[0]]).unwrap();
    // Nothing is there any more.
    let gone = storage.destroy(&one);
    assert!(
        matches!(gone, Ok(()) | Err(StorageError::NotFound { .. })),
        "{gone:?}"
    );
    storage.destroy(&two).unwrap();
    storage.destroy(&snapshot).unwrap();
    assert_eq!(objects(&zpool), before);
}

#[test]
fn a_husk_that_somebody_took_a_snapshot_of_keeps_what_it_hangs_on_and_is_named() {
    let zpool = ZfsPool::new();
    let ground = ZfsGround::new(&zpool, "c", None);
    let storage = ground.storage();
    let (_, root) = production(&zpool);
    let before = objects(&zpool);
    let raw = storage.snapshot(&root, &incoming(1, Role::Snapshot)).unwrap();
    let old = storage.clone_of(&raw, &incoming(1, Role::Clone)).unwrap();
    let husk = name_of(&old).unwrap();
    let old = settled(storage, &old, 1, Role::Clone);
    storage.destroy(&raw).unwrap();
    let checkpoint = storage
        .snapshot(&old.path, &incoming(1, Role::Checkpoint))
        .unwrap();
    let checkpoint = settled(storage, &checkpoint, 1, Role::Checkpoint);
    // As after a crash of the host.
    let fresh = storage.clone_of(&checkpoint, &incoming(1, Role::Clone)).unwrap();
    storage.destroy(&old).unwrap();
    let fresh = settled(storage, &fresh, 1, Role::Clone);

    let theirs = format!("{husk}@theirs");
    run("zfs", &["snapshot", &theirs]);
    storage.destroy(&fresh).unwrap();
    for_the_sake_of(&storage.destroy(&checkpoint), &theirs);
    assert!(name_of(&checkpoint).is_some(), "its place was forgotten");
    patiently("zfs", &["destroy", &theirs]).unwrap();
    storage.destroy(&checkpoint).unwrap();
    assert_eq!(objects(&zpool), before);

    // The other way round: the checkpoint is told to go with its last clone.
    let raw = storage.snapshot(&root, &incoming(2, Role::Snapshot)).unwrap();
    let old = storage.clone_of(&raw, &incoming(2, Role::Clone)).unwrap();
    let theirs = format!("{}@theirs", name_of(&old).unwrap());
    storage.destroy(&raw).unwrap();
    let between = storage.snapshot(&old.path, &incoming(2, Role::Snapshot)).unwrap();
    let last = storage.clone_of(&between, &incoming(3, Role::Clone)).unwrap();
    storage.destroy(&old).unwrap();
    storage.destroy(&between).unwrap();
    run("zfs", &["snapshot", &theirs]);
    for_the_sake_of(&storage.destroy(&last), &theirs);
    assert!(last.path.exists(), "it is gone");
    patiently("zfs", &["destroy", &theirs]).unwrap();
    storage.destroy(&last).unwrap();
    assert_eq!(objects(&zpool), before);
}

#[test]
fn snapshots_that_are_not_of_one_instant_and_those_of_a_dataset_that_comes_meanwhile_go_again() {
    let production = of_files();
    production.envclone(&["doctor"]);
    let (_, root) = production.ground().names();
    let before = production.ground().objects();
    let (itself, wrapper) = (production.base().join("zfs"), production.base().join("wrapper"));
    fs::copy("/usr/sbin/zfs", &itself).unwrap();
    let (zfs, came) = (itself.display(), production.base().join("came"));
    let meanwhile = |when_it_snapshots: &str| {
        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = snapshot ]; then\n{when_it_snapshots}\nfi\nexec {zfs} \"$@\"\n"
        );
        fs::write(&wrapper, script).unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        let instead = format!("mount --bind {} /usr/sbin/zfs", wrapper.display());
        let ended = where_first(&production, &instead, &["branch", "prod", "fix-42"]);
        ended.refused(1, &[&root, "is not of one instant", "it was removed"]);
        ended.stderr
    };
    let once = format!(
        "[ -e {came} ] || {{ : >{came}; {zfs} create -o canmount=off {root}/late; }}",
        came = came.display()
    );
    meanwhile(&once);
    patiently("zfs", &["destroy", &format!("{root}/late")]).unwrap();
    assert_eq!(production.ground().objects(), before);

    // Each in a command of its own, with the same properties and name: only their transactions tell them apart.
    let one_by_one = format!(
        "set -- $(printf '%s\\n' \"$@\" | grep -vx -e -r); for last; do :; done\n\
         at=${{last##*@}}; rest=$(printf '%s\\n' \"$@\" | grep -vxF -e \"$last\")\n\
         for part in $({zfs} list -H -r -o name {root}); do {zfs} $rest \"$part@$at\"; done; exit 0"
    );
    let said = meanwhile(&one_by_one);
    assert!(said.contains(&format!("{root}/db@")), "{said}");
    assert_eq!(production.ground().objects(), before);
}

/// Makes a dataset that is never mounted.
fn make_unmounted(name: &str, properties: &[&str]) {
    let options = ["canmount=off", "mountpoint=none"]
        .into_iter()
        .chain(properties.iter().copied());
    let options: Vec<&str> = options.flat_map(|option| ["-o", option]).collect();
    run("zfs", &[&["create"], &options[..], &[name]].concat());
}

#[test]
fn what_others_gave_our_properties_is_not_destroyed_for_ours() {
    let zpool = ZfsPool::new();
    let ground = ZfsGround::new(&zpool, "c", None);
    let storage = ground.storage();
    let (production, root) = production(&zpool);
    run("zfs", &["create", &format!("{production}/uploads")]);
    let of_ours = format!("envclone:run={}", of_run(1));

    // As husks, when a place is tidied whose object a person destroyed.
    let home = zpool.dataset("c/.envclone");
    let precious = [format!("{home}/precious"), format!("{home}/{}-0a0b", of_run(1))];
    for name in &precious {
        make_unmounted(name, &["envclone:husk=on", &of_ours]);
        make_unmounted(&format!("{name}/below"), &["envclone:husk=on", &of_ours]);
    }
    let guid = run("zfs", &["get", "-Hp", "-o", "value", "guid", &precious[0]]);
    run(
        "zfs",
        &["set", &format!("envclone:husk={}", guid.trim()), &precious[0]],
    );
    let snapshot = storage.snapshot(&root, &incoming(1, Role::Snapshot)).unwrap();
    let name = name_of(&snapshot).unwrap();
    patiently("zfs", &["destroy", &name]).unwrap();
    // Of which it is not told what they belong to.
    let left = storage.discard_incoming(&of_run(1)).unwrap_err().to_string();
    for part in ["/db@", "/uploads@"].map(|part| name.replacen('@', part, 1)) {
        assert!(left.contains(&part) || part.contains("uploads"), "{left}");
        patiently("zfs", &["destroy", &part]).unwrap();
    }
    storage.discard_incoming(&of_run(1)).unwrap();
    for name in &precious {
        run("zfs", &["get", "guid", &format!("{name}/below")]);
    }

    // What another run made.
    let snapshot = storage.snapshot(&root, &incoming(1, Role::Snapshot)).unwrap();
    let name = name_of(&snapshot).unwrap();
    run("zfs", &["set", &format!("envclone:run={}", of_run(2)), &name]);
    let refused = storage.discard_incoming(&of_run(1)).unwrap_err().to_string();
    assert!(refused.contains(&name), "{refused}");
    run("zfs", &["set", &of_ours, &name]);

    // Below a clone, and of it.
    let clone = storage.clone_of(&snapshot, &incoming(1, Role::Clone)).unwrap();
    let theirs = format!("{}/theirs", name_of(&clone).unwrap());
    make_unmounted(&theirs, &[&of_ours]);
    for_the_sake_of(&storage.destroy(&clone), &theirs);
    patiently("zfs", &["destroy", &theirs]).unwrap();
    let theirs = format!("{}@theirs", name_of(&clone).unwrap());
    run("zfs", &["snapshot", "-o", &of_ours, &theirs]);
    for_the_sake_of(&storage.destroy(&clone), &theirs);
    patiently("zfs", &["destroy", &theirs]).unwrap();
    storage.discard_incoming(&of_run(1)).unwrap();
}

#[test]
fn branches_of_a_pool_whose_dataset_was_renamed_are_there_and_what_has_no_place_is_told() {
    let production = of_files();
    let (pool, root) = production.ground().names();
    let (zpool, _) = pool.split_once('/').unwrap();
    let at = format!("mountpoint={}", production.pool().display());
    patiently("zfs", &["set", &at, &pool]).unwrap();
    production.envclone(&["doctor"]);
    let before = production.ground().objects();
    production.branch("fix-42");
    let renamed = format!("{zpool}/ec");
    run("zfs", &["rename", "-u", &pool, &renamed]);
    with(&production, "pool", &renamed);
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");

    let of_ours = format!("envclone:run={}", of_run(1));
    let clone = format!("{renamed}/.envclone/{}-0a0b", of_run(1));
    make_unmounted(&clone, &[&of_ours]);
    let raw = format!("{root}@envclone-{}-0a0b", of_run(1));
    run("zfs", &["snapshot", "-o", &of_ours, &raw]);
    let told = production.envclone(&["doctor"]);
    assert_eq!(told.code, 1);
    for stray in [clone, raw] {
        let expected = format!("orphan {stray}: ");
        assert!(told.stdout.contains(&expected), "{told:?}");
        patiently("zfs", &["destroy", &stray]).unwrap();
    }
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");

    production.envclone(&["destroy", "fix-42"]).ok();
    run("zfs", &["rename", "-u", &renamed, &pool]);
    assert_eq!(production.ground().objects(), before);
}

#[test]
fn snapshots_of_a_production_whose_dataset_was_renamed_are_found_again() {
    let zpool = ZfsPool::new();
    let ground = ZfsGround::new(&zpool, "c", None);
    let storage = ground.storage();
    let (name, root) = production(&zpool);
    let before = objects(&zpool);
    let first = storage.snapshot(&root, &incoming(1, Role::Snapshot)).unwrap();
    let kept = settled(storage, &first, 1, Role::Checkpoint);
    storage.snapshot(&root, &incoming(2, Role::Snapshot)).unwrap();
    let renamed = zpool.dataset("renamed");
    run("zfs", &["rename", "-u", &name, &renamed]);
    let owned = storage.owned().unwrap();
    assert_eq!(owned.len(), 2, "{owned:?}");
    assert!(owned.iter().any(|one| one.object == kept), "{owned:?}");
    storage.mount(&kept).unwrap();
    assert!(kept.path.join("db").exists());
    storage.discard_incoming(&of_run(2)).unwrap();
    storage.destroy(&kept).unwrap();
    run("zfs", &["rename", "-u", &renamed, &name]);
    assert_eq!(objects(&zpool), before);
}

/// A process in a mount namespace that nobody else's mounts and unmounts reach; ended when dropped.
struct Elsewhere(Child);

impl Elsewhere {
    fn in_directory(path: &std::path::Path) -> Self {
        let mut unshare = program("/usr/bin/unshare");
        unshare.args([
            "--mount",
            "--propagation",
            "private",
            "--",
            "sh",
            "-c",
            "cd \"$0\"; exec sleep 600",
        ]);
        let process = Self(unshare.arg(path).stdin(Stdio::null()).spawn().unwrap());
        let began = std::time::Instant::now();
        let of_process = PathBuf::from(format!("/proc/{}", process.0.id()));
        let sleeps = || fs::read_to_string(of_process.join("comm")).is_ok_and(|name| name == "sleep\n");
        while !sleeps() || fs::read_link(of_process.join("cwd")).unwrap() != path {
            assert!(began.elapsed() < LONG, "it does not sleep there");
            before_another_look();
        }
        process
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_process_of_another_namespace_that_keeps_a_clone_is_named_and_the_clone_stays_where_it_was() {
    let zpool = ZfsPool::new();
    let ground = ZfsGround::new(&zpool, "c", None);
    let storage = ground.storage();
    let (_, root) = production(&zpool);
    let snapshot = storage.snapshot(&root, &incoming(1, Role::Snapshot)).unwrap();
    let clone = storage.clone_of(&snapshot, &incoming(1, Role::Clone)).unwrap();
    fs::write(clone.path.join("file"), "kept").unwrap();
    let name = name_of(&clone).unwrap();
    let elsewhere = Elsewhere::in_directory(&clone.path);
    // Also the second time.
    for _ in 0..2 {
        match storage.destroy(&clone) {
            Err(StorageError::Zfs(ZfsError::Busy { dataset, holders })) => {
                assert!(dataset.starts_with(&name), "{dataset}");
                let who = format!("process {} (sleep", elsewhere.0.id());
                assert!(holders[0].contains(&who), "{holders:?}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(fs::read_to_string(clone.path.join("file")).unwrap(), "kept");
    }
    drop(elsewhere);
    storage.destroy(&clone).unwrap();
    storage.destroy(&snapshot).unwrap();
}

#[test]
fn two_that_open_a_new_pool_at_once_both_do() {
    let zpool = ZfsPool::new();
    for round in 0..3 {
        let name = format!("c{round}");
        run("zfs", &["create", &zpool.dataset(&name)]);
        let pool = zpool.path().join(&name);
        std::thread::scope(|scope| {
            let opening: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| Zfs::open(&pool).map(drop)))
                .collect();
            for opened in opening {
                opened.join().unwrap().unwrap();
            }
        });
    }
}

#[test]
fn the_way_to_snapshots_that_a_killed_start_left_open_is_covered_by_the_next() {
    let zpool = ZfsPool::new();
    let ground = ZfsGround::new(&zpool, "c", Some((2, 1)));
    let storage = ground.storage();
    let (_, root) = production(&zpool);
    let snapshot = storage.snapshot(&root, &incoming(1, Role::Snapshot)).unwrap();
    let clone = storage.clone_of(&snapshot, &incoming(1, Role::Clone)).unwrap();
    let mut ways = Vec::new();
    for part in ["", "db"] {
        let control = clone.path.join(part).join(".zfs");
        patiently("umount", &[control.to_str().unwrap()]).unwrap();
        assert!(control.join("snapshot").exists(), "there was no way to cover");
        ways.push(control);
    }
    for _ in 0..2 {
        storage.mount(&clone).unwrap();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        for control in &ways {
            assert!(!control.join("snapshot").exists(), "the way is open");
            let over = format!(" {} ", control.display());
            assert_eq!(mounts.lines().filter(|line| line.contains(&over)).count(), 1);
        }
    }
    storage.destroy(&clone).unwrap();
    storage.destroy(&snapshot).unwrap();
}
