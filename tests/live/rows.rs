//! Rows that go under a condition.

use std::path::Path;

use crate::branch::url_of;
use crate::production::{Production, RULES, ask};

/// Gold customers go.
const GOLD: &str =
    "[db.\"shop.customers\"]\nrows = { action = \"delete\", where = \"segment = 'gold' -- a third\" }";

/// Whose customer goes, goes too: by the table of customers as the source has it.
const THEIRS: &str = "rows = { action = \"delete\", where = \"customer_id IN (SELECT id FROM shop.customers WHERE segment = 'gold')\" }";

fn without_gold(with: &[&str]) -> String {
    let mut rules = RULES.replace("[db.\"shop.customers\"]", GOLD);
    for table in with {
        let header = format!("[db.\"shop.{table}\"]");
        rules = rules.replace(&header, &format!("{header}\n{THEIRS}"));
    }
    rules
}

fn holds(root: &Path, needle: &str) -> Vec<String> {
    let mut grep = crate::production::program("/usr/bin/grep");
    grep.args(["-rlaF", "-e", needle]).arg(root);
    let output = grep.output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn rows_go_under_a_condition_only_with_those_that_refer_to_them() {
    let production = Production::new();
    let refused = |with: &[&str], said: &[&str]| {
        production.configure(&production.configuration(), &without_gold(with));
        let before = production.world();
        production.envclone(&["sanitize", "check"]).refused(2, said);
        production
            .envclone(&["branch", "prod", "fix-42"])
            .refused(2, said);
        assert_eq!(production.world(), before);
    };
    refused(
        &["orders", "events"],
        &[
            "shop.addresses that stay refer to rows of shop.customers",
            "addresses_customer_id_fkey",
        ],
    );
    refused(
        &["addresses", "orders"],
        &[
            "shop.events that stay refer to rows of shop.customers",
            "customer_id",
        ],
    );
    // Nobody has such a customer any more, so nobody is in the way.
    production.sql("UPDATE shop.addresses SET customer_id = 1 WHERE customer_id % 3 = 0");
    let staying = production.sql("SELECT count(*) FROM shop.addresses");
    production.configure(&production.configuration(), &without_gold(&["orders", "events"]));
    let url = url_of(&production.branch("fix-42"));
    for (sql, answer) in [
        (
            "SELECT count(*), count(*) FILTER (WHERE segment = 'gold') FROM shop.customers",
            "200|0",
        ),
        ("SELECT count(*) FROM shop.addresses", staying.as_str()),
        (
            "SELECT count(*) FROM shop.orders o LEFT JOIN shop.customers c ON c.id = customer_id WHERE c.id IS NULL",
            "0",
        ),
        ("SELECT count(*) > 200 AND count(*) < 300 FROM shop.events", "t"),
        (
            "SELECT count(*) FROM shop.events e LEFT JOIN shop.customers c ON c.id = customer_id WHERE c.id IS NULL",
            "0",
        ),
        // What an index says, the table says.
        (
            "SET enable_seqscan = off; SELECT count(*) FROM shop.customers WHERE id % 3 = 0 AND id > 0",
            "0",
        ),
        ("SELECT count(*) FROM shop.customer_orders", "200"),
    ] {
        assert_eq!(ask(&url, sql).unwrap(), answer, "{sql}");
    }
    let shown = production
        .envclone(&["show", "fix-42", "--receipt", "--json"])
        .json();
    let deleted = shown["receipt"]["deleted"].as_array().unwrap();
    let of = |table: &str| {
        deleted
            .iter()
            .find(|one| one["table"] == format!("db.shop.{table}"))
            .unwrap()
    };
    assert_eq!(of("customers")["rows"], 100);
    assert_eq!(of("customers")["where"], "segment = 'gold' -- a third");
    assert!(of("sessions")["rows"].is_null() && of("sessions")["where"].is_null());
    let text = production.envclone(&["show", "fix-42", "--receipt"]).ok();
    assert!(
        text.contains("deleted     db.shop.customers: 100 rows where segment = 'gold'"),
        "{text}"
    );
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn rows_that_go_leave_no_byte_and_no_code_of_the_data_acts_on_them() {
    let production = Production::new();
    production.sql(
        "CREATE TABLE shop.letters (town text, sent date); \
         INSERT INTO shop.letters SELECT 'oberammergau-'||n, CASE WHEN n % 2 = 0 THEN date '2001-01-01' END FROM generate_series(1, 400) n; \
         ALTER TABLE shop.letters OWNER TO shop; \
         CREATE FUNCTION shop.never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'never'; END $$; \
         CREATE TRIGGER never BEFORE DELETE ON shop.letters FOR EACH ROW EXECUTE FUNCTION shop.never(); \
         ALTER TABLE shop.letters ENABLE ALWAYS TRIGGER never; \
         CREATE RULE never AS ON DELETE TO shop.letters DO INSTEAD NOTHING; \
         ALTER TABLE shop.letters ENABLE ALWAYS RULE never; \
         CREATE PUBLICATION all_tables FOR ALL TABLES",
    );
    // Nothing of them is replaced: the table is rewritten only for the rows that went.
    let rules = format!(
        "{RULES}\n[db.\"shop.letters\"]\nrows = {{ action = \"delete\", where = \"sent < '2020-01-01'\" }}\ntown = {{ keep = \"towns\" }}\n"
    );
    production.configure(&production.configuration(), &rules);
    let document = production.branch("fix-42");
    let url = url_of(&document);
    let counted = "SELECT count(*), count(sent) FROM shop.letters";
    assert_eq!(ask(&url, counted).unwrap(), "200|0");
    assert_eq!(
        ask(&url, "SELECT relhastriggers, relhasrules, pubdelete FROM pg_class, pg_publication WHERE relname = 'letters'").unwrap(),
        "t|t|t"
    );
    assert!(
        ask(&url, "DELETE FROM shop.letters; SELECT 1").is_ok(),
        "the rule acts again"
    );
    assert_eq!(ask(&url, counted).unwrap(), "200|0");
    let clone = production.pool().join(".envclone");
    let root = production.root();
    assert!(!holds(&root, "oberammergau-398").is_empty(), "the control");
    assert_eq!(holds(&clone, "oberammergau-398"), Vec::<String>::new());
    assert!(!holds(&clone, "oberammergau-399").is_empty());
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn a_condition_that_is_no_sql_for_the_table_is_told_with_its_table_before_anything_is_changed() {
    let production = Production::new();
    let rules = RULES.replace(
        "[db.\"shop.orders\"]",
        "[db.\"shop.orders\"]\nrows = { action = \"delete\", where = \"no_such_column\" }",
    );
    production.configure(&production.configuration(), &rules);
    let before = production.world();
    production.envclone(&["sanitize", "check"]).refused(
        1,
        &[
            "holding the rows of shop.orders against `where` of their rule",
            "42703",
        ],
    );
    assert_eq!(production.world(), before);
}

#[test]
fn a_plan_tells_what_a_branch_will_do_and_what_it_costs_and_does_nothing() {
    let production = Production::new();
    production.sql("CREATE TABLE shop.colors (name text); ALTER TABLE shop.colors OWNER TO shop; INSERT INTO shop.colors VALUES ('red')");
    let rules = format!(
        "{}\n[db.\"shop.colors\"]\nname = {{ keep = \"colors\" }}\n",
        without_gold(&["orders", "events", "addresses"])
    );
    production.configure(&production.configuration(), &rules);
    let before = production.world();
    let plan = production.envclone(&["sanitize", "plan", "--json"]).json();
    assert_eq!(production.world(), before);
    let tables = plan["tables"].as_array().unwrap();
    let of = |table: &str| {
        tables
            .iter()
            .find(|one| one["table"] == format!("shop.{table}"))
            .unwrap()
    };
    assert_eq!(of("customers")["strategy"], "stream");
    assert_eq!(of("customers")["delete_where"], "segment = 'gold' -- a third");
    assert_eq!(of("customers")["columns"], 5);
    assert!(
        of("customers")["bytes"].as_u64().unwrap() > 50_000
            && of("customers")["rows"].as_u64().unwrap() > 200
    );
    assert_eq!(of("sessions")["strategy"], "truncate");
    assert_eq!(of("colors")["strategy"], "skip");
    assert_eq!(
        (&of("colors")["bytes"], &of("colors")["seconds"]),
        (&0.into(), &0.0.into())
    );
    let sum: u64 = tables.iter().map(|table| table["bytes"].as_u64().unwrap()).sum();
    assert_eq!(plan["bytes"], sum);
    assert!(plan["seconds"].as_f64().unwrap() > of("customers")["seconds"].as_f64().unwrap());
    let text = production.envclone(&["sanitize", "plan"]).ok();
    assert!(
        text.contains("db.shop.customers") && !text.contains("db.shop.colors"),
        "{text}"
    );
    assert!(
        text.contains("1 of ") && text.contains(" tables stay as they are"),
        "{text}"
    );
    // It is what a branch does.
    let busy = tables.iter().filter(|table| table["strategy"] != "skip").count();
    let document = production.branch("fix-42");
    // One rule of files is among them.
    assert_eq!(document["sanitization"]["tables"], busy + 1);
    // What a branch refuses, a plan refuses.
    production.configure(&production.configuration(), RULES);
    production
        .envclone(&["sanitize", "plan"])
        .refused(5, &["db.shop.colors.name"]);
    production.envclone(&["destroy", "fix-42"]).ok();
}
