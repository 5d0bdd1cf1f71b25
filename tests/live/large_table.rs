//! A table so large that several sessions read it and its indexes are built in the order of bytes.

use crate::production::{Production, RULES, ask};

const LARGE: [&str; 6] = [
    "SET ROLE shop; CREATE TABLE shop.visitors (id int, email text NOT NULL, town text, note text)",
    "INSERT INTO shop.visitors SELECT n, 'visitor' || n || '@kanari.example', \
     (ARRAY['Ürzig', 'zürich', 'Ägypten', 'Åbo', '東京', 'a-b', 'ab'])[1 + n % 7] || n % 300, \
     CASE WHEN n % 5 > 0 THEN E'tab\\t, backslash \\\\, line\\nkanari ' || n END FROM generate_series(1, 80000) AS n",
    "DELETE FROM shop.visitors WHERE id % 3 = 0",
    // Room in the first pages, so that rows do not lie in the order of their numbers.
    "VACUUM shop.visitors",
    "INSERT INTO shop.visitors SELECT n, 'late' || n || '@kanari.example', 'late', NULL \
     FROM generate_series(80001, 81000) AS n",
    "CREATE UNIQUE INDEX ON shop.visitors (email); CREATE INDEX ON shop.visitors (town, note); ANALYZE shop.visitors; \
     CREATE EXTENSION amcheck; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO shop",
];
const LARGE_RULES: &str = r#"
[db."shop.visitors"]
email = "email"
town = { transform = "text", mode = "scramble" }
note = [
    { transform = "text", mode = "lorem", where = "id % 2 = 0 -- even" },
    { transform = "text" },
]
"#;

#[test]
fn rows_older_than_a_check_that_they_break_come_back_and_the_other_checks_hold() {
    let production = Production::new();
    let set_up = "SET ROLE shop; CREATE TABLE shop.members (id int CHECK (id > 0), email text CHECK (email LIKE '%@%')); \
        INSERT INTO shop.members VALUES (1, 'kanari@kanari.example'); \
        ALTER TABLE shop.members ADD CONSTRAINT later CHECK (id > 10) NOT VALID";
    production.sql(set_up);
    let rules = |email: &str| format!("{RULES}[db.\"shop.members\"]\nemail = \"{email}\"\n");
    production.configure(&production.configuration(), &rules("email"));
    let document = production.branch("fix-42");
    let url = document["url"].as_str().unwrap();
    let row = "SELECT id, email LIKE '%@example.com' FROM shop.members";
    assert_eq!(ask(url, row).unwrap(), "1|t");
    let checks = "SELECT relchecks FROM pg_class WHERE oid = 'shop.members'::regclass";
    assert_eq!(ask(url, checks).unwrap(), "3");
    let refused = ask(url, "INSERT INTO shop.members VALUES (2, 'a@b')").unwrap_err();
    assert!(refused.contains("later"), "{refused}");

    production.configure(&production.configuration(), &rules("hmac"));
    let before = production.world();
    let ended = production.envclone(&["branch", "prod", "two"]);
    ended.refused(1, &["members_email_check"]);
    assert_eq!(production.world(), before);
}

#[test]
fn functions_of_a_table_that_call_others_by_name_find_them_while_it_is_rewritten() {
    let production = Production::new();
    production.sql(
        "CREATE FUNCTION public.inner_one(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)'; \
         CREATE FUNCTION shop.middle(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN inner_one($1); END'; \
         CREATE FUNCTION shop.outer_one(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN middle($1); END'",
    );
    // As the application that made it.
    production.sql(
        "SET search_path = shop, public; \
         CREATE TABLE shop.guests (id int, email text CHECK (shop.outer_one(email) <> ''), \
         folded text GENERATED ALWAYS AS (shop.outer_one(email)) STORED); \
         CREATE INDEX ON shop.guests (shop.outer_one(email)); \
         INSERT INTO shop.guests VALUES (1, 'Kanari@kanari.example'); ALTER TABLE shop.guests OWNER TO shop",
    );
    let rules =
        format!("{RULES}[db.\"shop.guests\"]\nemail = \"email\"\nfolded = {{ keep = \"of the fake\" }}\n");
    production.configure(&production.configuration(), &rules);
    let document = production.branch("fix-42");
    let url = document["url"].as_str().unwrap();
    let row = "SELECT lower(email) = folded, folded LIKE '%@example.com' FROM shop.guests";
    assert_eq!(ask(url, row).unwrap(), "t|t");
}

fn answers(config: &str) -> [String; 3] {
    [
        "SELECT count(*), count(DISTINCT email), count(note), count(DISTINCT town) > 1000 FROM shop.visitors",
        "SELECT md5(string_agg(id::text, ' ' ORDER BY ctid)) FROM shop.visitors",
        "SELECT datcollate FROM pg_database WHERE datname = current_database()",
    ]
    .map(|sql| ask(config, sql).unwrap())
}

#[test]
fn a_large_table_keeps_its_rows_their_order_and_the_order_of_its_indexes() {
    let production = Production::new();
    for sql in LARGE {
        production.sql(sql);
    }
    production.configure(&production.configuration(), &format!("{RULES}{LARGE_RULES}"));
    let before = answers(&production.superuser());
    assert!(before[0].starts_with("54334|54334|"), "{before:?}");
    assert_eq!(before[2], "C.UTF-8", "the test needs this locale");

    let document = production.branch("fix-42");
    let url = document["url"].as_str().unwrap();
    assert_eq!(answers(url), before);
    let raw =
        "SELECT count(*) FROM shop.visitors WHERE concat(email, note) LIKE '%kanari%' OR town LIKE 'zürich%'";
    assert_eq!(ask(url, raw).unwrap(), "0");
    let sound = "SELECT count(bt_index_parent_check(indexrelid, true)) FROM pg_index \
        WHERE indrelid = 'shop.visitors'::regclass";
    assert_eq!(ask(url, sound).unwrap(), "2");
    let unfit = "SELECT count(*) FROM pg_index WHERE NOT (indisvalid AND indisready AND indislive)";
    assert_eq!(ask(url, unfit).unwrap(), "0");
}
