//! From a scan to a branch: the rules that a scan writes are those that a branch runs by.

use std::fs;
use std::path::Path;

use crate::branch::url_of;
use crate::production::{Production, ask};

/// The file as a scan wrote it, with what it left open kept.
fn decided(written: &str) -> String {
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(rule) if rule.contains("keep = ") => format!("{rule}\n"),
        _ => format!("{line}\n"),
    };
    written.lines().map(line).collect()
}

/// A production with these tables beside its own, sanitized by the rules that a scan writes.
fn branched(sql: &str) -> (Production, String) {
    let production = Production::new();
    production.sql(sql);
    let first = production.etc().join("sanitize/shop.toml");
    fs::remove_file(&first).unwrap();
    let written = production.etc().join("first.toml");
    production.configure(&production.configuration(), "");
    production
        .envclone(&["sanitize", "scan", "--write", written.to_str().unwrap()])
        .ok();
    fs::write(&first, decided(&fs::read_to_string(&written).unwrap())).unwrap();
    production.envclone(&["sanitize", "check"]).ok();
    let url = url_of(&production.branch("fix-42"));
    (production, url)
}

/// The tables are the superuser's; whom the URL is for may read them.
const GRANTS: &str =
    "GRANT USAGE ON SCHEMA store TO shop; GRANT SELECT ON ALL TABLES IN SCHEMA store TO shop";

#[test]
fn rules_that_a_scan_wrote_make_a_branch_of_the_examples_shop() {
    let example = |file: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples/shop/sql")
            .join(file);
        let text = fs::read_to_string(path).unwrap();
        let text = text.replace("shop", "store").replace(":customers", "500");
        // Commands of psql are no SQL.
        let sql: Vec<&str> = text.lines().filter(|line| !line.starts_with('\\')).collect();
        sql.join("\n") + "\n"
    };
    let (production, url) =
        branched(&[example("schema.sql"), example("data.sql"), GRANTS.to_owned()].concat());
    let rows = "SELECT count(*), count(DISTINCT email), count(DISTINCT referral_code) FROM store.customers";
    assert_eq!(ask(&url, rows).unwrap(), production.sql(rows));
    // What says who somebody is is another's now.
    let who = "SELECT string_agg(md5(concat_ws('|', email, first_name, last_name, phone)), ',' ORDER BY id) FROM store.customers";
    assert_ne!(ask(&url, who).unwrap(), production.sql(who));
    let emails = production.sql("SELECT string_agg(quote_literal(email), ',') FROM store.customers");
    let left = format!("SELECT count(*) FROM store.customers WHERE email IN ({emails})");
    assert_eq!(
        (production.sql(&left) != "0", ask(&url, &left).unwrap().as_str()),
        (true, "0")
    );
    production.envclone(&["destroy", "fix-42"]).ok();
}
