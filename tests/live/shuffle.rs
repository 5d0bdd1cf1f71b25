//! Values that go to other rows of their table.

use crate::branch::url_of;
use crate::production::{Production, RULES, ask};

const VISITS: &str = "CREATE TABLE shop.visits (id serial PRIMARY KEY, city text, postcode text NOT NULL, product text, code text UNIQUE, \
    email text, year int, UNIQUE (year, product)); ALTER TABLE shop.visits OWNER TO shop; \
    INSERT INTO shop.visits (city, postcode, product, code, email, year) SELECT CASE WHEN n % 10 > 0 THEN 'stadt '||n END, lpad(n::text, 5, '0'), \
    'article '||n, 'code '||n, 'kanari'||n||'@original-mail.test', 2000 FROM generate_series(1, 400) n; ANALYZE shop.visits";

fn rules(product: &str, code: &str, email: &str) -> String {
    format!(
        "{RULES}\n[db.\"shop.visits\"]\ncity = {{ transform = \"shuffle\", group = \"place\" }}\n\
         postcode = {{ transform = \"shuffle\", group = \"place\" }}\nproduct = {product}\ncode = {code}\nemail = {email}\n"
    )
}

#[test]
fn values_move_to_other_rows_together_or_alone_and_are_told_to_be_real() {
    let production = Production::new();
    production.sql(VISITS);
    let configure = |rules: &str| production.configure(&production.configuration(), rules);
    let before = production.world();
    for (rules, said) in [
        (
            rules("\"shuffle\"", "\"hmac\"", "\"email\""),
            "db.shop.visits.product: shuffle could give two rows the same, since a unique index is over this column and others",
        ),
        (
            rules("\"hmac\"", "\"hmac\"", "\"shuffle\""),
            "db.shop.visits.email: shuffle keeps real values, and these look like email, which says who somebody is",
        ),
        (
            rules(
                "\"hmac\"",
                "[{ transform = \"shuffle\", where = \"id > 9\" }, \"hmac\"]",
                "\"email\"",
            ),
            "db.shop.visits.code: shuffle moves the values of all rows",
        ),
    ] {
        configure(&rules);
        production.envclone(&["sanitize", "check"]).refused(2, &[said]);
    }
    assert_eq!(production.world(), before);
    production.sql("ALTER TABLE shop.visits DROP CONSTRAINT visits_year_product_key");
    configure(&rules("\"shuffle\"", "\"shuffle\"", "\"email\""));
    let url = url_of(&production.branch("fix-42"));
    for (sql, answer) in [
        (
            "count(*), count(city), count(DISTINCT city), count(DISTINCT postcode), count(DISTINCT product)",
            "400|360|360|400|400",
        ),
        // No row has what it had.
        (
            "count(*) FILTER (WHERE postcode::int = id OR product = 'article '||id OR code = 'code '||id)",
            "0",
        ),
        // What belongs together stayed together.
        (
            "bool_and(city IS NOT DISTINCT FROM CASE WHEN postcode::int % 10 > 0 THEN 'stadt '||postcode::int END)",
            "t",
        ),
        (
            "count(*) FILTER (WHERE product = 'article '||postcode::int) < 20",
            "t",
        ),
        (
            "count(*) FILTER (WHERE product = 'article '||substr(code, 6)) < 20",
            "t",
        ),
        ("count(*) FILTER (WHERE email LIKE '%original%')", "0"),
    ] {
        assert_eq!(
            ask(&url, &format!("SELECT {sql} FROM shop.visits")).unwrap(),
            answer,
            "{sql}"
        );
    }
    let by_index = "SET enable_seqscan = off; SELECT count(*) FROM shop.visits WHERE code = 'code 77'";
    assert_eq!(ask(&url, by_index).unwrap(), "1");
    let order = "SELECT string_agg(postcode || code, ',' ORDER BY id) FROM shop.visits";
    let other = url_of(&production.branch("fix-43"));
    assert_eq!(
        ask(&url, order).unwrap(),
        ask(&other, order).unwrap(),
        "the same key, the same order"
    );
    let receipt = production
        .envclone(&["show", "fix-42", "--receipt", "--json"])
        .json()["receipt"]
        .clone();
    let lists = |list: &str, text: &str| {
        let entries = receipt[list].as_array().unwrap();
        entries.iter().any(|entry| entry.to_string().contains(text))
    };
    assert!(lists(
        "kept",
        "db.shop.visits.city in other rows: real values, moved there by shuffle: not anonymous"
    ));
    assert!(!lists("replaced", "db.shop.visits.city") && lists("replaced", "db.shop.visits.email"));
    // What a row that goes had is nobody's.
    let some_go = rules("\"shuffle\"", "\"shuffle\"", "\"email\"").replace(
        "[db.\"shop.visits\"]",
        "[db.\"shop.visits\"]\nrows = { action = \"delete\", where = \"id > 300\" }",
    );
    configure(&some_go);
    let fewer = url_of(&production.branch("fix-44"));
    let counted = "SELECT count(*), count(*) FILTER (WHERE substr(code, 6)::int > 300), count(DISTINCT code) FROM shop.visits";
    assert_eq!(ask(&fewer, counted).unwrap(), "300|0|300");
    // By the owner's word also what says who somebody is.
    configure(&rules(
        "\"shuffle\"",
        "\"hmac\"",
        "{ transform = \"shuffle\", allow-real = true }",
    ));
    production.envclone(&["sanitize", "check"]).ok();
    production
        .envclone(&["destroy", "fix-42", "fix-43", "fix-44"])
        .ok();
}
