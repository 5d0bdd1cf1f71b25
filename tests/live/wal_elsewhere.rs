//! A production whose WAL lies beside its data, by a link, as `initdb --waldir` lays it out.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;

use crate::branch::{PLAIN, PLAIN_RULES, clone_of, originals, url_of};
use crate::bytes::find;
use crate::production::{Production, ask, postgres};

/// Moves the WAL beside the data, with what a person and an archiver have left in it.
fn move_wal(production: &mut Production) {
    production.stop();
    let (wal, link) = (production.volume().join("wal"), production.data().join("pg_wal"));
    fs::rename(&link, &wal).unwrap();
    symlink(&wal, &link).unwrap();
    for left in [
        wal.join("kanari-notes.txt"),
        wal.join("archive_status/000000010000000000000001.ready"),
    ] {
        fs::write(&left, "kanari in what lies beside the segments").unwrap();
        chown(&left, Some(postgres().0), Some(postgres().1)).unwrap();
    }
    production.start();
    production.sql("UPDATE shop.customers SET notes = 'kanari in the moved wal' WHERE id = 6");
}

#[test]
fn a_wal_directory_that_is_linked_inside_the_volume_comes_along_and_holds_no_original() {
    let mut production = Production::new();
    move_wal(&mut production);
    let needles = originals(&production);
    let before = production.world();
    let of_production = production.volume().join("wal");
    let control = find(&[&of_production], &needles);
    assert!(control["kanari"].len() > 2, "the control: {control:?}");
    let segments = |wal: &Path| {
        let entries = fs::read_dir(wal).unwrap().map(|entry| entry.unwrap().file_name());
        entries.filter(|name| name.len() == 24).count()
    };
    let is_clean = |name: &str| {
        let db = clone_of(&production, name).join("db");
        let (wal, link) = (db.join("wal"), db.join("data/pg_wal"));
        assert_eq!(fs::read_link(&link).unwrap(), of_production);
        assert!(segments(&wal) > 0, "its WAL is elsewhere");
        let left = find(&[&wal, &db], &needles);
        assert!(left.is_empty(), "{name}: {left:?}");
    };

    let masked = production.branch("masked");
    let customers = "SELECT count(*) FROM shop.customers";
    assert_eq!(ask(&url_of(&masked), customers).unwrap(), "300");
    production.envclone(&["stop", "masked"]).ok();
    is_clean("masked");
    production.envclone(&["start", "masked"]).ok();
    assert_eq!(ask(&url_of(&masked), customers).unwrap(), "300");
    let child = production
        .envclone(&["branch", "masked", "child", "--json"])
        .json();
    assert_eq!(ask(&url_of(&child), customers).unwrap(), "300");
    production.envclone(&["destroy", "child"]).ok();

    // A link that its users make in the place of the first leads root nowhere.
    let path = production.volume();
    let path = path.to_str().unwrap();
    let victim = production.base().join("victim");
    fs::create_dir_all(victim.join("archive_status")).unwrap();
    fs::write(victim.join("archive_status/kept"), "kept").unwrap();
    for (target, why) in [
        (victim.to_str().unwrap(), "outside of the volume"),
        (&*format!("{path}/data/base"), "another part of the data"),
        (&*format!("{path}/gone/../data/base"), "another part of the data"),
        ("../../uploads", "outside of the volume"),
    ] {
        let plant = "rm -f $0/data/pg_wal && ln -s $1 $0/data/pg_wal";
        let plant = ["exec", "masked", "db", "--", "sh", "-euc", plant, path, target];
        production.envclone(&plant).ok();
        let refused = production.envclone(&["branch", "masked", "planted"]);
        refused.refused(2, &["the WAL directory pg_wal leads to", why]);
    }
    assert_eq!(
        fs::read_to_string(victim.join("archive_status/kept")).unwrap(),
        "kept"
    );
    production.envclone(&["destroy", "masked"]).ok();
    assert_eq!(production.world(), before);

    // The same where nothing is rewritten: one start, and the WAL dropped while the server runs.
    production.sql("ROLLBACK PREPARED 'stale'");
    production.sql(PLAIN);
    production.configure(&production.configuration(), PLAIN_RULES);
    let plain = production.branch("plain");
    assert!(plain["sanitization"]["skipped"].is_string(), "{plain}");
    assert_eq!(
        ask(&url_of(&plain), "SELECT count(*) FROM shop.words").unwrap(),
        "1000"
    );
    production.envclone(&["stop", "plain"]).ok();
    is_clean("plain");
    production.envclone(&["destroy", "plain"]).ok();
    assert_eq!(production.world(), before);
}
