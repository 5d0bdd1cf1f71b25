//! A production on encrypted datasets: its branches are encrypted with its key, and wait for it.

use crate::main_job::is_masked;
use crate::pool::run;
use crate::production::{Production, ask};
use crate::tank::encrypted_production;

/// What ZFS says of a property of each dataset at or below `name` that can be mounted.
fn of_all(property: &str, name: &str) -> Vec<String> {
    let get = [
        "get",
        "-Hp",
        "-r",
        "-t",
        "filesystem",
        "-o",
        "value",
        property,
        name,
    ];
    run("zfs", &get).lines().map(str::to_owned).collect()
}

/// Loads the key of a dataset, and mounts it and what lies below it.
fn unlock(dataset: &str, below: &[&str]) {
    run("zfs", &["load-key", dataset]);
    run("zfs", &["mount", dataset]);
    for name in below {
        run("zfs", &["mount", &format!("{dataset}/{name}")]);
    }
}

/// The refusal names the dataset that the key belongs to, and the command that loads it.
#[track_caller]
fn is_locked(production: &Production, args: &[&str], dataset: &str) {
    let said = [
        format!("the key of dataset {dataset} is not loaded"),
        format!("zfs load-key {dataset}"),
    ];
    let ended = production.envclone(args);
    ended.refused(1, &said.each_ref().map(String::as_str));
}

#[test]
fn a_branch_of_an_encrypted_root_runs_on_its_key_and_is_refused_without_it() {
    let mut production = encrypted_production();
    let before = production.world();
    let (pool, root) = production.ground().names();
    let url = production.branch("fix-42")["url"].as_str().unwrap().to_owned();
    is_masked(&url);
    // All of it is encrypted, with the key of production.
    let home = format!("{pool}/.envclone");
    let roots = of_all("encryptionroot", &home);
    let expected = [&pool, &root, &root].map(Clone::clone);
    assert_eq!(roots, expected, "what holds the clones, and those");
    ask(&url, "CREATE TABLE shop.mine AS SELECT 4711 AS n").unwrap();
    production.envclone(&["stop", "fix-42"]).ok();

    production.stop();
    production.reboot();
    assert!(
        of_all("keystatus", &root)
            .iter()
            .all(|status| status == "unavailable")
    );
    is_locked(&production, &["branch", "prod", "other"], &pool);
    assert!(production.envclone(&["list"]).ok().contains("fix-42"));

    unlock(&pool, &[]);
    is_locked(&production, &["branch", "prod", "other"], &root);
    is_locked(&production, &["start", "fix-42"], &root);
    let told = production.envclone(&["doctor"]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(
        told.stdout.contains(&format!("fix: zfs load-key {root}")),
        "{told:?}"
    );

    unlock(&root, &["db"]);
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(ask(&url, "SELECT n FROM shop.mine").unwrap(), "4711");
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
    production.envclone(&["destroy", "fix-42"]).ok();
    production.start();
    assert_eq!(production.world(), before);
}
