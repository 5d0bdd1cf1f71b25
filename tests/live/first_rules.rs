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

/// Rows of documents whose members no name tells, beside the columns that hold the same; with the rest of what made the rules of
/// real schemas stop a branch.
const DOCUMENTS: &str = r#"
CREATE SCHEMA store;
CREATE TABLE store.people (id serial PRIMARY KEY, real_name text NOT NULL, user_name text NOT NULL);
INSERT INTO store.people (real_name, user_name)
SELECT (ARRAY['Camille','Åsa','Léa','Simone','Isla'])[1 + n % 5] || ' ' || (ARRAY['Renaud','Johansson','Girard','Conti','Wilson'])[1 + n / 5 % 5]
       || CASE WHEN n > 25 THEN '-Berg' ELSE '' END, 'kanariuser' || n
FROM generate_series(1, 50) n;
CREATE TABLE store.uploads (id serial PRIMARY KEY, props text, log text, choice text, list text);
INSERT INTO store.uploads (props, log, choice, list)
SELECT format('a:3:{s:4:"Make";s:6:"Camera";s:6:"Artist";s:%s:"%s";s:5:"width";i:1600;}', octet_length(real_name), real_name),
       format('a:2:{s:6:"target";s:%s:"%s";s:8:"4::level";s:13:"autoconfirmed";}', length(user_name), user_name),
       json_build_object('227', 'For ' || user_name, '4', CASE WHEN id % 2 = 0 THEN 'yes' ELSE 'no' END, '9', 'x' || id || '@kanari.test'),
       format('a:1:{i:0;s:%s:"%s";}', octet_length(real_name), real_name)
FROM store.people;
CREATE TABLE store.visits (id serial PRIMARY KEY, ip varchar(30));
INSERT INTO store.visits (ip) SELECT format('2a00:%s:6::%s', to_hex(n), to_hex(n * 7)) FROM generate_series(1, 50) n;
-- The words lie one after the other in the file: "kanari" and "user7" of the kept ones are the bytes of a user name.
CREATE TABLE store.search_index (id integer, words tsvector);
INSERT INTO store.search_index SELECT n, array_to_tsvector(ARRAY['kanari', 'user' || n]) FROM generate_series(1, 9) n;
"#;

#[test]
fn rules_that_a_scan_wrote_make_a_branch_of_documents_whose_members_no_name_tells() {
    let (production, url) = branched(&[DOCUMENTS, GRANTS].concat());
    let props = ask(&url, "SELECT props FROM store.uploads ORDER BY id LIMIT 1").unwrap();
    assert!(
        props.contains(r#"s:6:"Camera""#) && props.contains("s:5:\"width\";i:1600;}"),
        "{props}"
    );
    let choices = "SELECT string_agg(choice::json ->> '4', '' ORDER BY id), count(choice::json ->> '227') FROM store.uploads";
    assert_eq!(ask(&url, choices).unwrap(), production.sql(choices));
    let same = "SELECT count(*) FROM store.uploads AS u JOIN store.people USING (id) WHERE position(user_name in u.log) > 0 \
                OR position(user_name in choice) > 0 OR position(real_name in props) > 0 OR position(real_name in list) > 0";
    assert_eq!(production.sql(same), "50");
    let names = production.sql("SELECT string_agg(quote_literal(real_name), ',') FROM store.people");
    let left = format!(
        "SELECT count(*) FROM store.uploads, unnest(ARRAY[{names}]) AS name WHERE position(name in props || list) > 0"
    );
    assert_eq!(ask(&url, &left).unwrap(), "0");
    production.envclone(&["destroy", "fix-42"]).ok();
}

/// Columns whose CHECK constraints and keys leave little to a rule, and columns that nothing but their values tells.
const NARROW: &str = r"
CREATE SCHEMA store;
CREATE DOMAIN store.salutation AS text CHECK (VALUE IN ('Herr', 'Frau'));
CREATE TABLE store.staff (
  id serial PRIMARY KEY, first_name text NOT NULL, email text NOT NULL UNIQUE CHECK (email LIKE '%@%'),
  sex smallint NOT NULL CHECK (sex IN (1, 2)), gender char(1) NOT NULL CHECK (gender IN ('m', 'f')), anrede store.salutation NOT NULL,
  marital_status integer NOT NULL CHECK (marital_status >= 0 AND marital_status <= 4),
  birth_year smallint NOT NULL CHECK (birth_year BETWEEN 1900 AND 2010),
  country varchar(2) NOT NULL CHECK (country = 'DE' OR country = 'FR'), xq1 varchar(20) NOT NULL UNIQUE, xq2 varchar(11) NOT NULL, xq3 date NOT NULL,
  xq4 text[] NOT NULL, xq5 varchar(43) NOT NULL UNIQUE, xq6 bytea NOT NULL, xq7 varchar(12));
INSERT INTO store.staff (first_name, email, sex, gender, anrede, marital_status, birth_year, country, xq1, xq2, xq3, xq4, xq5, xq6, xq7)
SELECT (ARRAY['Camille','Åsa','Léa','Simone','Isla'])[1 + n % 5], 'kanari' || n || '@example.org', 1 + n % 2, (ARRAY['m', 'f'])[1 + n % 2],
       (ARRAY['Herr', 'Frau'])[1 + n % 2], n % 5, 1940 + n % 60, (ARRAY['DE', 'FR'])[1 + n % 2], 'wilson' || n, 'BNPAFRP' || (n % 9) || 'XXX',
       date '1940-01-01' + n * 300, ARRAY['anna.nowak' || n || '@example.net'], md5('a' || n) || 'Zz' || n, convert_to('anna' || n || '@example.com', 'UTF8'),
       (ARRAY['asthma', 'epilepsy', 'nut allergy'])[1 + n % 3] FROM generate_series(1, 60) n;
";

#[test]
fn rules_that_a_scan_wrote_give_what_constraints_leave() {
    let (production, url) = branched(&[NARROW, GRANTS].concat());
    let all = "SELECT count(*) FROM store.staff";
    assert_eq!(ask(&url, all).unwrap(), "60");
    // Codes of two become the other one; nothing that only values told is there any more.
    for (column, kept) in [
        ("sex", 0),
        ("gender", 0),
        ("anrede", 0),
        ("country", 0),
        ("xq1", 0),
        ("xq2", 0),
        ("xq4[1]", 0),
        ("xq5", 0),
        ("xq6", 0),
    ] {
        let values = |sql: &dyn Fn(&str) -> String| {
            sql(&format!(
                "SELECT string_agg({column}::text, '|' ORDER BY id) FROM store.staff"
            ))
        };
        let before = values(&|sql| production.sql(sql));
        let after = values(&|sql| ask(&url, sql).unwrap());
        let same = before
            .split('|')
            .zip(after.split('|'))
            .filter(|(a, b)| a == b)
            .count();
        assert_eq!(same, kept, "{column}");
    }
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn a_scan_learns_from_statistics_what_the_first_rows_do_not_tell() {
    let production = Production::new();
    // Of 20,000 rows only late ones hold something, and nobody's name is that of its column.
    production.sql(
        "CREATE TABLE public.log (id integer PRIMARY KEY, a1 text, a2 text); \
         INSERT INTO public.log SELECT n, 'none', CASE WHEN n > 5000 THEN format('ada.kanari%s@example.org', n) ELSE 'none' END \
         FROM generate_series(1, 20000) n",
    );
    let found = || {
        let scanned = production.envclone(&["sanitize", "scan", "--json"]).json();
        let columns = scanned["columns"].as_array().unwrap().clone();
        let is_found = |name: &str| {
            let mut of_table = columns.iter().filter(|column| column["table"] == "public.log");
            of_table.any(|column| column["column"] == name && column["kind"] == "email")
        };
        ["a1", "a2"].map(is_found)
    };
    assert_eq!(found(), [false, false], "the control fails");
    production.sql("ANALYZE public.log");
    assert_eq!(found(), [false, true]);
}
