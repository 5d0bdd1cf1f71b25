//! What production's past has left where no row tells of it, and what is kept in another form: a branch is made all the same, and
//! holds nothing of it but what is kept.

use std::path::Path;

use serde_json::Value;

use crate::branch::{clone_of, url_of};
use crate::bytes::find;
use crate::production::{Production, RULES, ask};

/// Makes a branch under these rules beside the usual ones, and stops it: what of the needles its files hold, which all lie in
/// production's, and its document.
fn left(production: &mut Production, rules: &str, needles: &[&str]) -> (Vec<String>, Value) {
    let needles: Vec<String> = needles.iter().map(ToString::to_string).collect();
    production.configure(&production.configuration(), &format!("{RULES}\n{rules}"));
    production.sql("CHECKPOINT");
    let control = find(&[&production.root()], &needles);
    assert_eq!(control.len(), needles.len(), "{control:?}");
    let document = production.branch("fix-42");
    production.envclone(&["stop", "fix-42"]).ok();
    let clone = clone_of(production, "fix-42");
    let places: [&Path; 1] = [&clone];
    let found = find(&places, &needles).into_keys().map(str::to_owned);
    (found.collect(), document)
}

#[test]
fn what_older_rows_had_in_a_new_column_is_forgotten_with_them() {
    let mut production = Production::new();
    production.sql(
        "CREATE TABLE shop.perches (id int PRIMARY KEY, bird text); INSERT INTO shop.perches SELECT n, 'bird '||n FROM generate_series(1, 50) AS n; \
         ALTER TABLE shop.perches ADD COLUMN keeper text DEFAULT 'kanarix'; ALTER TABLE shop.perches ALTER keeper DROP DEFAULT; \
         ALTER TABLE shop.perches ADD COLUMN color text DEFAULT 'yellowish'; ALTER TABLE shop.perches ALTER color DROP DEFAULT; \
         CREATE TABLE shop.gone (id int); INSERT INTO shop.gone VALUES (1); ALTER TABLE shop.gone ADD COLUMN keeper text DEFAULT 'kanariy'; \
         ALTER TABLE shop.perches OWNER TO shop; ALTER TABLE shop.gone OWNER TO shop",
    );
    let rules = "[db.\"shop.perches\"]\nbird = { keep = \"a kind\" }\nkeeper = \"hmac\"\ncolor = { keep = \"a color\" }\n\
        [db.\"shop.gone\"]\nrows = \"delete\"\n";
    let (found, document) = left(&mut production, rules, &["kanarix", "kanariy", "yellowish"]);
    assert_eq!(found, ["yellowish"]);
    production.envclone(&["start", "fix-42"]).ok();
    let rows = "SELECT count(*), count(DISTINCT keeper), count(*) FILTER (WHERE keeper <> 'kanarix' AND color = 'yellowish') FROM shop.perches";
    assert_eq!(ask(&url_of(&document), rows).unwrap(), "50|1|50");
}

#[test]
fn originals_in_bytes_and_large_objects_that_are_kept_do_not_stop_a_branch() {
    let mut production = Production::new();
    production.sql(
        "CREATE TABLE shop.cages (id int PRIMARY KEY, email text, photo bytea, scan bytea); \
         INSERT INTO shop.cages SELECT n, 'kanari'||n||'@cage-mail.test', \
           CASE WHEN n <= 20 THEN '\\xff00'::bytea||convert_to('of kanari'||n||'@cage-mail.test', 'UTF8') END, \
           CASE WHEN n BETWEEN 21 AND 30 THEN convert_to('of kanari'||n||'%40cage-mail.test', 'UTF8') END FROM generate_series(1, 50) AS n; \
         CREATE TABLE shop.shots AS SELECT decode(regexp_replace(encode(convert_to(email, 'UTF8'), 'hex'), '(..)', '\\100', 'g'), 'hex') AS photo \
           FROM shop.cages WHERE id BETWEEN 31 AND 40; \
         SELECT lo_from_bytea(0, convert_to('lo kanari45@cage-mail.test', 'UTF8')); \
         ALTER TABLE shop.cages OWNER TO shop; ALTER TABLE shop.shots OWNER TO shop",
    );
    let rules = "[db.\"shop.cages\"]\nemail = \"email\"\nphoto = { keep = \"a picture\" }\nscan = { keep = \"a picture\" }\n\
        [db.\"shop.shots\"]\nphoto = { keep = \"a picture\" }\n[db.\"pg_catalog.pg_largeobject\"]\ndata = { keep = \"pictures\" }\n";
    let needles = ["of kanari17@cage-mail.test", "lo kanari45@cage-mail.test"];
    let (found, document) = left(&mut production, rules, &needles);
    assert_eq!(found.len(), 2, "what is kept is there");
    let not_covered = document["sanitization"]["not_covered"].to_string();
    assert!(
        not_covered.contains("db shop.cages.email: of 50 values 41 also in kept columns"),
        "{not_covered}"
    );
}

#[test]
fn deleted_rows_of_a_table_that_is_kept_leave_no_original_of_another() {
    let mut production = Production::new();
    production.sql(
        "CREATE TABLE shop.cages (id int PRIMARY KEY, email text); \
         INSERT INTO shop.cages SELECT n, 'kanari'||n||'@cage-mail.test' FROM generate_series(1, 50) AS n; \
         CREATE FUNCTION shop.lowered(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)'; \
         CREATE TABLE shop.logs (id int PRIMARY KEY, said text); CREATE INDEX ON shop.logs (shop.lowered(said)); \
         ALTER TABLE shop.logs SET (autovacuum_enabled = off); \
         INSERT INTO shop.logs SELECT n, 'mailed kanari'||n||'@cage-mail.test' FROM generate_series(1, 50) AS n; \
         INSERT INTO shop.logs SELECT n, 'fed' FROM generate_series(51, 99) AS n; DELETE FROM shop.logs WHERE id <= 50; \
         CREATE TABLE shop.quiet AS SELECT 'fed' AS said; \
         ALTER TABLE shop.cages OWNER TO shop; ALTER TABLE shop.logs OWNER TO shop; ALTER FUNCTION shop.lowered OWNER TO shop; \
         ALTER TABLE shop.quiet OWNER TO shop",
    );
    let file = production.sql("SELECT pg_relation_filepath('shop.quiet')");
    let rules = "[db.\"shop.cages\"]\nemail = \"email\"\n[db.\"shop.logs\"]\nsaid = { keep = \"what was done\" }\n\
        [db.\"shop.quiet\"]\nsaid = { keep = \"what was done\" }\n";
    let (found, document) = left(&mut production, rules, &["kanari17@cage-mail.test"]);
    assert_eq!(found, [""; 0]);
    let receipt = production.envclone(&["show", "fix-42", "--receipt"]).ok();
    let said = "beside the rows of shop.logs, which was written anew";
    assert!(
        receipt.contains(said) && !receipt.contains("shop.quiet, which"),
        "{receipt}"
    );
    production.envclone(&["start", "fix-42"]).ok();
    let url = url_of(&document);
    let valid = "SELECT count(*) FILTER (WHERE indisvalid AND indisready) FROM pg_index WHERE indrelid = 'shop.logs'::regclass";
    assert_eq!(ask(&url, valid).unwrap(), "2");
    assert_eq!(ask(&url, "SELECT count(*) FROM shop.logs").unwrap(), "49");
    assert_eq!(
        ask(&url, "SELECT pg_relation_filepath('shop.quiet')").unwrap(),
        file
    );
}
