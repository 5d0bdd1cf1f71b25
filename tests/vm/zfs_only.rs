//! A host that has ZFS and no Btrfs, from `init` to a branch; and branches that may not grow without end.

use std::fs;
use std::path::Path;

use crate::pool::run;
use crate::production::{Ended, Production, RULES, ask};
use crate::tank::production_on_zfs;
use crate::zfs_bad_input::where_first;
use crate::zfs_pool::patiently;

/// Programs of Btrfs, wherever the distribution has them.
fn programs_of_btrfs() -> Vec<String> {
    let places = ["/usr/sbin", "/usr/bin"].into_iter();
    let names = places.flat_map(|place| ["btrfs", "mkfs.btrfs"].map(|name| format!("{place}/{name}")));
    let found: Vec<String> = names.filter(|path| Path::new(path).is_file()).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    found
}

/// Runs envclone where there are no programs of Btrfs: other things are bound over them, in a mount namespace of its own.
fn without_btrfs(production: &Production, args: &[&str]) -> Ended {
    let hide = |program: &String| format!("mount --bind /dev/null {program}");
    let hidden: Vec<String> = programs_of_btrfs().iter().map(hide).collect();
    where_first(production, &hidden.join("; "), args)
}

#[test]
fn a_production_on_a_host_without_btrfs_is_found_configured_and_branched() {
    let production = production_on_zfs();
    let (pool, root) = production.ground().names();
    let (etc, state, run_dir) = (production.etc(), production.state_dir(), production.run_dir());
    for file in [etc.join("envclone.toml"), state.join("shop/key")] {
        fs::remove_file(file).unwrap();
    }
    patiently("zfs", &["destroy", &pool]).unwrap();

    let places = [
        "--state",
        state.to_str().unwrap(),
        "--run",
        run_dir.to_str().unwrap(),
    ];
    let ended = without_btrfs(&production, &[&["init", "--root", &root][..], &places].concat());
    assert!(
        ended
            .stderr
            .contains(&format!("the pool is to be made: zfs create {pool}")),
        "{ended:?}"
    );
    ended.ok();
    let text = fs::read_to_string(etc.join("envclone.toml")).unwrap();
    for line in [
        "driver = \"zfs\"",
        &format!("pool = {pool:?}"),
        &format!("root = {root:?}"),
    ] {
        assert!(
            text.lines().any(|found| found.split("  # ").next() == Some(line)),
            "{line}: {text}"
        );
    }

    let told = without_btrfs(&production, &["doctor"]);
    assert_eq!(
        (told.code, told.stdout),
        (
            1,
            format!(
                "pool {pool}: dataset {pool} does not exist; `zfs create {pool}` makes it\n  fix: zfs create {pool}\n"
            )
        )
    );
    run("zfs", &["create", &pool]);
    assert_eq!(without_btrfs(&production, &["doctor"]).ok(), "nothing is wrong\n");

    assert!(
        etc.join("sanitize/shop.toml").exists(),
        "the rules of the tests stay"
    );
    let url = production.branch("fix-42")["url"].as_str().unwrap().to_owned();
    assert_eq!(ask(&url, "SELECT count(*) FROM shop.customers").unwrap(), "300");
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.envclone(&["doctor"]).ok(), "nothing is wrong\n");
}

/// Puts a line before the next section of the configuration.
fn with_branch_size(production: &Production, size: &str) {
    let text = production.configuration();
    let line = format!("branch-size = {size:?}\n\n[gateway]");
    production.configure(&text.replace("[gateway]", &line), RULES);
}

/// After a crash of the host the branch goes back to its checkpoint, which holds more than a branch may now.
#[track_caller]
fn a_limit_that_was_lowered_is_told(production: &mut Production, url: &str) {
    with_branch_size(production, "1MiB");
    production.stop();
    production.reboot();
    production.start();
    let objects = production.ground().objects();
    let refused = production.envclone(&["start", "fix-42"]);
    refused.refused(2, &["storage.branch-size", "1048576 bytes"]);
    assert_eq!(production.ground().objects(), objects, "something was lost");
    with_branch_size(production, "96MiB");
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(ask(url, "SELECT count(*) FROM shop.customers").unwrap(), "300");
}

#[test]
fn a_branch_that_is_full_harms_nobody_but_itself() {
    const SIZE: u64 = 96 << 20;
    let mut production = production_on_zfs();
    let before = production.ground().objects();
    with_branch_size(&production, "1MiB");
    let refused = production.envclone(&["branch", "prod", "fix-42"]);
    refused.refused(2, &["/prod/db holds ", "storage.branch-size", "1048576 bytes"]);

    with_branch_size(&production, "96MiB");
    let document = production.branch("fix-42");
    assert_eq!(document["branch_size"], SIZE);
    let url = document["url"].as_str().unwrap();
    let shown = production.envclone(&["show", "fix-42"]).ok();
    assert!(
        shown.contains(&format!("each dataset at most {SIZE} bytes")),
        "{shown}"
    );
    let (pool, _) = production.ground().names();
    let home = format!("{pool}/.envclone");
    let limits = run(
        "zfs",
        &[
            "get",
            "-Hp",
            "-r",
            "-t",
            "filesystem",
            "-o",
            "name,value",
            "refquota",
            &home,
        ],
    );
    let limits: Vec<&str> = limits
        .lines()
        .filter(|line| !line.starts_with(&format!("{home}\t")))
        .collect();
    assert_eq!(limits.len(), 2, "{limits:?}");
    assert!(
        limits.iter().all(|line| line.ends_with(&format!("\t{SIZE}"))),
        "{limits:?}"
    );

    let ballast = production.volume().join("ballast");
    let of = format!("of={}", ballast.display());
    let dd = [
        "exec",
        "fix-42",
        "db",
        "--",
        "dd",
        "if=/dev/urandom",
        &of,
        "bs=1M",
        "count=200",
    ];
    let filled = production.envclone(&dd);
    assert!(
        filled.code != 0 && filled.stderr.contains("Disk quota exceeded"),
        "{filled:?}"
    );
    let grow = "CREATE TABLE shop.grown AS SELECT md5(n::text) FROM generate_series(1, 100000) n";
    // Its server may end for it.
    ask(url, grow).unwrap_err();
    assert!(!ballast.exists(), "it lies in production");
    production.sql(grow);
    assert_eq!(production.sql("SELECT count(*) FROM shop.grown"), "100000");

    let clone = production.pool().join(".envclone/env/shop/fix-42/clone/root");
    fs::remove_file(clone.join("db/ballast")).unwrap();
    let (zpool, _) = pool.split_once('/').unwrap();
    run("zpool", &["sync", zpool]);
    production.envclone(&["start", "fix-42"]).ok();
    ask(url, grow).unwrap();
    production.sql("DROP TABLE shop.grown");
    a_limit_that_was_lowered_is_told(&mut production, url);
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.ground().objects(), before);
}
