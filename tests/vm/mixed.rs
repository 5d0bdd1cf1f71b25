//! A root on one kind of storage and a pool on the other: refused with the reason, whichever driver is asked for.

use std::fs;
use std::path::Path;

use crate::pool::{TestPool, make_subvolume};
use crate::production::{Production, RULES};
use crate::tank::quiet;

/// A branch of `root` in `pool` by this driver is refused with these words, and leaves nothing.
#[track_caller]
fn refused(production: &Production, driver: &str, pool: &Path, root: &Path, said: &[&str]) {
    let text = production.configuration();
    let (of_pool, of_root) = production.ground().names();
    let text = text.replace("driver = \"zfs\"", &format!("driver = {driver:?}"));
    let text = text.replace(&format!("pool = {of_pool:?}"), &format!("pool = {pool:?}"));
    let text = text.replace(&format!("root = {of_root:?}"), &format!("root = {root:?}"));
    production.configure(&text, RULES);
    let before = production.world();
    let ended = production.envclone(&["branch", "prod", "fix-42"]);
    let names = [pool, root].map(|path| path.to_str().unwrap());
    ended.refused(2, said);
    assert!(names.iter().any(|name| ended.stderr.contains(name)), "{ended:?}");
    assert_eq!(production.world(), before, "{driver}");
    let told = production.envclone(&["doctor"]);
    assert_eq!(told.code, 1, "{driver}: {told:?}");
    assert!(told.stdout.contains("fix: "), "{driver}: {told:?}");
}

#[test]
fn a_root_on_zfs_and_a_pool_on_btrfs_are_refused_with_the_reason_and_so_the_other_way_round() {
    let production = quiet(&[]);
    let btrfs = TestPool::new(256);
    let shop = btrfs.path().join("shop");
    make_subvolume(&shop);
    fs::create_dir(shop.join("db")).unwrap();
    fs::create_dir(shop.join("uploads")).unwrap();
    let (on_zfs, root) = (production.pool(), production.root());

    for driver in ["auto", "btrfs"] {
        let why = format!(
            "{} is on ZFS, and the pool {} is on Btrfs",
            root.display(),
            btrfs.path().display()
        );
        let remedy = "choose a dataset of the root's zpool as the pool";
        refused(
            &production,
            driver,
            btrfs.path(),
            &root,
            &[&why, "copy-on-write", remedy],
        );
    }
    let not_one = format!("the pool {} is not a zfs filesystem", btrfs.path().display());
    refused(&production, "zfs", btrfs.path(), &root, &[&not_one]);

    for driver in ["auto", "zfs"] {
        let why = format!(
            "{} is on Btrfs, and the pool {} is on ZFS",
            shop.display(),
            on_zfs.display()
        );
        let remedy = "choose a pool on the filesystem of the root";
        refused(
            &production,
            driver,
            on_zfs,
            &shop,
            &[&why, "copy-on-write", remedy],
        );
    }
    let not_one = format!("the pool {} is not a btrfs filesystem", on_zfs.display());
    refused(&production, "btrfs", on_zfs, &shop, &[&not_one]);
}
