//! What production's WAL remembers of its past: segments that it keeps for later hold what they held before.

use crate::bytes::find;
use crate::production::{Production, ask, postgres};

const PLAIN: &str = "DROP SCHEMA shop CASCADE; CREATE SCHEMA shop; ALTER SCHEMA shop OWNER TO shop; SET ROLE shop; \
    CREATE TABLE shop.words (id serial PRIMARY KEY, word text); INSERT INTO shop.words (word) VALUES ('lamp')";
const RULES: &str = "[db.\"shop.words\"]\nword = { keep = \"ordinary words\" }\n[uploads]\nkeep = { \"**\" = \"pictures\" }\n";

#[test]
fn segments_that_production_recycled_bring_nothing_of_its_past_into_a_branch() {
    let production = Production::new();
    production.sql("ROLLBACK PREPARED 'stale'");
    let verifier = "SELECT rolpassword FROM pg_authid WHERE rolname = 'shop'";
    production.sql(PLAIN);
    let mut needles = vec!["kanari of a dropped table".to_owned()];
    for number in 0..6 {
        production.sql(&format!("ALTER ROLE shop PASSWORD 'password {number}'"));
        needles.push(production.sql(verifier));
        // Deep inside its segment, where what a new one begins with does not reach.
        production.sql(
            "CREATE TABLE public.gone AS SELECT 'kanari of a dropped table' AS words, n FROM generate_series(1, 20000) AS n; \
             DROP TABLE public.gone",
        );
        production.sql("SELECT pg_switch_wal()");
    }
    production.sql("CHECKPOINT");
    let passed = "SELECT pg_walfile_name(pg_current_wal_lsn())";
    let now = production.sql(passed);
    let wal = production.data().join("pg_wal");
    // Of a timeline before this one, as a production holds that was a standby once; the server looks at its number only.
    let other_timeline = "kanari of another timeline";
    needles.push(other_timeline.to_owned());
    let path = wal.join("0000000000000000000000F0");
    std::fs::write(&path, other_timeline).unwrap();
    std::os::unix::fs::chown(&path, Some(postgres().0), Some(postgres().1)).unwrap();
    let recycled: Vec<_> = std::fs::read_dir(&wal)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().len() == 24 && *entry.file_name() > *now)
        .map(|entry| entry.path())
        .collect();
    let held: Vec<&std::path::Path> = recycled.iter().map(std::path::PathBuf::as_path).collect();
    assert!(
        recycled.len() > 2 && !find(&held, &needles).is_empty(),
        "production recycled too little: {recycled:?}"
    );

    production.configure(&production.configuration(), RULES);
    let document = production.branch("fix-42");
    assert!(document["sanitization"]["skipped"].is_string(), "{document}");
    let clone = production.pool().join(".envclone/env/shop/fix-42/clone/db");
    let left = find(&[&clone], &needles);
    assert!(left.is_empty(), "while it runs: {left:?}");
    let url = document["url"].as_str().unwrap();
    assert_eq!(ask(url, "SELECT word FROM shop.words").unwrap(), "lamp");
    production.envclone(&["stop", "fix-42"]).ok();
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(ask(url, "SELECT word FROM shop.words").unwrap(), "lamp");
}
