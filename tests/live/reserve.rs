//! The reserve of the pool: production shares it, and goes on whatever its branches write.

use std::fs;
use std::path::PathBuf;

use crate::branch::url_of;
use crate::production::{Production, RULES, ask};
use crate::walls::{shell, with_superuser};

/// Writes some 100 bytes for each row, and goes on for longer than any pool of a test has room.
const FILL: &str =
    "CREATE TABLE filler AS SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 50000000) n";

/// Keeps this part of the pool free.
fn with_reserve(production: &Production, percent: u8) {
    let text = fs::read_to_string(production.etc().join("envclone.toml")).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("reserve")).collect();
    let text = kept
        .join("\n")
        .replace("[gateway]", &format!("reserve = {percent}\n[gateway]"));
    production.configure(&text, RULES);
}

fn free(production: &Production) -> u64 {
    let stat = rustix::fs::statvfs(production.pool()).unwrap();
    stat.f_bavail * stat.f_frsize
}

fn size(production: &Production) -> u64 {
    let stat = rustix::fs::statvfs(production.pool()).unwrap();
    stat.f_blocks * stat.f_frsize
}

fn answers(url: &str) -> bool {
    ask(url, "SELECT count(*) FROM shop.customers").as_deref() == Ok("300")
}

/// The state of an environment in the list, and why it is stopped.
fn state(production: &Production, name: &str) -> (String, Option<String>) {
    let listed = production.envclone(&["list", "--json"]).json();
    let environments = listed["environments"].as_array().unwrap();
    let one = environments.iter().find(|one| one["name"] == name).unwrap();
    let text = |key: &str| one[key].as_str().map(str::to_owned);
    (text("state").unwrap(), text("stopped_because"))
}

fn filler(production: &Production) -> PathBuf {
    production.pool().join("filler")
}

/// Takes all of the pool but this part, as production might.
fn take_all_but(production: &Production, percent: u64) {
    // What waits in memory counts only when it is written.
    rustix::fs::syncfs(fs::File::open(production.pool()).unwrap()).unwrap();
    let take = free(production).saturating_sub(size(production) / 100 * percent);
    let file = fs::File::create(filler(production)).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, take).unwrap();
    rustix::fs::syncfs(&file).unwrap();
}

#[test]
fn of_two_branches_the_one_that_fills_the_pool_is_stopped_before_production_has_no_room() {
    let production = with_superuser();
    with_reserve(&production, 65);
    let (quiet, greedy) = (production.branch("quiet"), production.branch("greedy"));
    assert_eq!(state(&production, "greedy"), ("ready".to_owned(), None));
    let url = url_of(&greedy);
    // It ends with its server, and not by itself.
    let said = ask(&url, FILL).unwrap_err();
    assert!(!said.contains("No space left"), "{said}");

    let supervised = || {
        let (_, why) = state(&production, "greedy");
        why.is_some() && state(&production, "greedy").0 == "stopped"
    };
    crate::kill::until("the stop", supervised);
    let (_, why) = state(&production, "greedy");
    let why = why.unwrap();
    let pool = production.pool().to_str().unwrap();
    assert!(
        why.contains(&format!("the reserve of the pool {pool} was reached")) && why.contains("written most"),
        "{why}"
    );
    // Most of what was to be kept was kept.
    assert!(
        free(&production) > size(&production) * 45 / 100,
        "{} of {}",
        free(&production),
        size(&production)
    );
    assert!(answers(&url_of(&quiet)), "the other one goes on");
    assert_eq!(state(&production, "quiet"), ("ready".to_owned(), None));
    production.sql("CREATE TABLE shop.later AS SELECT repeat('x', 1000) FROM generate_series(1, 10000)");
    production.sql("CHECKPOINT");

    let listed = production.envclone(&["list"]).ok();
    assert!(
        listed
            .lines()
            .any(|line| line.contains("greedy") && line.contains(&why)),
        "{listed}"
    );
    let shown = production.envclone(&["show", "greedy"]).ok();
    assert!(shown.contains(&why), "{shown}");
    let log = production.envclone(&["logs", "greedy", "db"]).ok();
    assert!(log.contains(&format!("envclone stops this: {why}")), "{log}");
    // What a stopped statement had written goes with it; this stays.
    take_all_but(&production, 60);
    production
        .envclone(&["start", "greedy"])
        .refused(1, &["less than its reserve", pool, "could be destroyed"]);
    assert_eq!(
        production.envclone(&["start", "--all"]).code,
        0,
        "it stays stopped"
    );
    assert_eq!(state(&production, "greedy").0, "stopped");
    production
        .envclone(&["branch", "prod", "third"])
        .refused(1, &["less than its reserve"]);

    // There is room again.
    with_reserve(&production, 1);
    production.envclone(&["start", "greedy"]).ok();
    assert_eq!(state(&production, "greedy"), ("ready".to_owned(), None));
    assert!(answers(&url_of(&greedy)));
    production.envclone(&["destroy", "greedy", "quiet"]).ok();
}

#[test]
fn what_was_stopped_for_room_keeps_its_data_when_the_host_is_booted() {
    let production = with_superuser();
    let greedy = production.branch("greedy");
    ask(&url_of(&greedy), "CREATE TABLE shop.mine AS SELECT 4711 AS n").unwrap();
    with_reserve(&production, 60);
    // Its supervisor knows the reserve of the time of its start.
    production.envclone(&["stop", "greedy"]).ok();
    production.envclone(&["start", "greedy"]).ok();
    ask(&url_of(&greedy), FILL).unwrap_err();
    crate::kill::until("the stop", || state(&production, "greedy").1.is_some());
    crate::kill::until("its end", || state(&production, "greedy").0 == "stopped");
    let record = production.state_dir().join("shop/environments/greedy.json");
    let text = fs::read_to_string(&record).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert!(text.contains(boot.trim()));
    fs::write(&record, text.replace(boot.trim(), "another boot")).unwrap();
    with_reserve(&production, 1);
    let started = production.envclone(&["start", "greedy"]);
    assert!(!started.stderr.contains("went back"), "{}", started.stderr);
    started.ok();
    assert_eq!(ask(&url_of(&greedy), "SELECT n FROM shop.mine").unwrap(), "4711");
    production.envclone(&["destroy", "greedy"]).ok();
}

#[test]
fn a_branch_that_does_not_write_pays_nothing_for_what_production_takes() {
    let production = with_superuser();
    with_reserve(&production, 40);
    let (quiet, small) = (production.branch("quiet"), production.branch("small"));
    for document in [&quiet, &small] {
        // What a new server does by itself in its first seconds is writing, too.
        for settle in ["VACUUM ANALYZE", "CHECKPOINT"] {
            ask(&url_of(document), settle).unwrap();
        }
    }
    take_all_but(&production, 35);
    let locks = production.run_dir().join("locks");
    let looked = || {
        let mut names = fs::read_dir(&locks).unwrap().flatten();
        names.any(|entry| entry.file_name().to_str().unwrap().starts_with("reserve."))
    };
    crate::kill::until("a look", looked);
    for document in [&quiet, &small] {
        assert!(answers(&url_of(document)));
    }
    // Whoever writes now is stopped for it: so it was looked again, and again.
    let a_little = "INSERT INTO filler SELECT repeat(md5(random()::text), 30) FROM generate_series(1, 5000)";
    let url = url_of(&small);
    ask(&url, "CREATE TABLE filler (n text)").unwrap();
    crate::kill::until("the stop", || ask(&url, a_little).is_err());
    crate::kill::until("its end", || state(&production, "small").0 == "stopped");
    assert!(state(&production, "small").1.is_some());
    assert_eq!(state(&production, "quiet"), ("ready".to_owned(), None));
    assert!(answers(&url_of(&quiet)));
    fs::remove_file(filler(&production)).unwrap();
    production.envclone(&["destroy", "quiet", "small"]).ok();
}

#[test]
fn a_call_that_takes_room_without_writing_is_not_to_be_had_inside() {
    let production = with_superuser();
    let url = url_of(&production.branch("fix-42"));
    let data = production.data();
    let before = free(&production);
    let said = shell(
        &url,
        &format!("cd {} && fallocate -l 500M big; echo $?", data.display()),
    );
    assert!(said.contains("not supported") && said.ends_with('1'), "{said}");
    rustix::fs::syncfs(fs::File::open(production.pool()).unwrap()).unwrap();
    assert!(free(&production) + (100 << 20) > before);
    // The C library's own writes instead, and so works.
    let posix =
        "perl -e 'exit 0' && truncate -s 0 small && fallocate --posix -l 1M small && stat -c %s small";
    assert_eq!(
        shell(&url, &format!("cd {} && {posix}", data.display())),
        "1048576"
    );
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn a_branch_whose_masking_reaches_the_reserve_is_undone_and_says_so() {
    let production = Production::new();
    production.sql(
        "CREATE TABLE shop.big AS SELECT repeat('kanari big ', 120) || n AS note FROM generate_series(1, 250000) n",
    );
    production.sql("ALTER TABLE shop.big OWNER TO shop");
    production.sql("CHECKPOINT");
    let rules =
        format!("{RULES}\n[db.\"shop.big\"]\nnote = {{ transform = \"text\", mode = \"scramble\" }}\n");
    with_reserve(&production, 40);
    let text = fs::read_to_string(production.etc().join("envclone.toml")).unwrap();
    production.configure(&text, &rules);
    take_all_but(&production, 43);
    let before = production.world();
    let ended = production.envclone(&["branch", "prod", "fix-42"]);
    ended.refused(
        1,
        &[
            "the branch was stopped: the reserve of the pool",
            "everything was undone",
        ],
    );
    assert_eq!(production.world(), before);
    assert_eq!(production.sql("SELECT count(*) FROM shop.big"), "250000");
}
