//! `envclone sanitize check` and `scan`, on a production that runs.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::production::{Production, RULES};

#[test]
fn rules_that_decide_about_everything_pass_and_nothing_is_left_of_the_look() {
    let production = Production::new();
    let before = production.world();
    let said = production.envclone(&["sanitize", "check"]).ok();
    assert_eq!(
        said,
        "db: 15 ruled, 2 kept, 18 exempt; nothing is undecided\n\
         uploads: 0 ruled, 1 kept, 0 exempt; nothing is undecided\n"
    );
    let document = production
        .envclone(&["sanitize", "check", "prod", "--json"])
        .json();
    assert_eq!(document["environment"], "prod");
    assert_eq!(document["services"]["uploads"]["engine"], "files");
    assert!(
        document["services"]["db"]["ruled"].as_u64().unwrap() > 5,
        "{document}"
    );
    assert_eq!(production.world(), before);
}

#[test]
fn a_column_without_a_rule_is_named_with_one_to_begin_with() {
    let production = Production::new();
    let before = production.world();
    let rules = RULES.replace("\nemail = \"email\"\n", "\n");
    production.configure(&production.configuration(), &rules);
    let refused = production.envclone(&["sanitize", "check"]);
    refused.refused(5, &["db.shop.customers.email (text)", "email = \"email\""]);
    assert_eq!(production.world(), before);
}

#[test]
fn a_scan_finds_personal_columns_whatever_the_rules_say_and_writes_rules_that_load() {
    let production = Production::new();
    let before = production.world();
    production.configure(
        &production.configuration(),
        "[db.\"shop.nothing\"]\nrows = \"delete\"\n",
    );
    let path = production.etc().join("sanitize/first.toml");
    let document = production
        .envclone(&["sanitize", "scan", "--json", "--write", path.to_str().unwrap()])
        .json();
    let columns = document["columns"].as_array().unwrap();
    let kinds: BTreeMap<String, &str> = columns
        .iter()
        .map(|one| {
            let name = format!(
                "{}.{}",
                one["table"].as_str().unwrap(),
                one["column"].as_str().unwrap()
            );
            (name, one["kind"].as_str().unwrap())
        })
        .collect();
    let expected = [
        ("shop.addresses.line", "street"),
        ("shop.addresses.recipient", "full-name"),
        ("shop.audit_log.old_row", "structured"),
        ("shop.customers.email", "email"),
        ("shop.customers.full_name", "full-name"),
        ("shop.customers.notes", "free-text"),
        ("shop.customers.phone", "phone"),
        // Partitions are named by what they are partitions of.
        ("shop.events.contact", "email"),
        ("shop.orders.delivery_note", "free-text"),
        ("shop.sessions.token", "credential"),
    ];
    let expected = expected.map(|(name, kind)| (name.to_owned(), kind));
    assert_eq!(kinds, BTreeMap::from(expected));
    assert_eq!(columns[0]["path"], Value::Null);
    assert!(columns[0]["confidence"].as_f64().unwrap() > 0.5);
    assert_eq!(production.world(), before);
    let written = fs::read_to_string(&path).unwrap();
    assert!(written.contains("\nemail = \"email\"\n"), "{written}");
    assert!(
        !written.to_lowercase().contains("canary"),
        "a row's value is in it:\n{written}"
    );
    fs::remove_file(production.etc().join("sanitize/shop.toml")).unwrap();
    production.envclone(&["config"]).ok();
    // What it left open is decided, what it ruled is taken as it is.
    let decided: Vec<&str> = written
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rule) if rule.contains("keep = ") => rule,
            _ => line,
        })
        .collect();
    fs::write(&path, decided.join("\n")).unwrap();
    let checked = production.envclone(&["sanitize", "check"]).ok();
    assert!(checked.contains("nothing is undecided"), "{checked}");
    let again = production.envclone(&["sanitize", "scan", "--write", path.to_str().unwrap()]);
    again.refused(2, &["first.toml exists already; it was left alone"]);
}
