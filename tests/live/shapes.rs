//! Values that are more than one plain value: documents in columns, rows whose columns belong together, keys that decide.

use std::process::Child;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::Value;

use crate::branch::url_of;
use crate::production::{Ended, Production, RULES, ask};

const TABLES: &str = r#"
CREATE TABLE shop.people (id int PRIMARY KEY, first_name text, last_name text, full_name text, email text UNIQUE, login text UNIQUE,
    street text, city text, postcode text, slug text, mail_hash char(32), note text);
INSERT INTO shop.people SELECT n, 'Kanarina'||n, 'Zwitscher'||n, 'Kanarina'||n||' Zwitscher'||n, 'kanari'||n||'@vogel-post.test', 'kanari_login_'||n,
    n||' Kanariweg', 'Kanarienstadt', '9'||lpad(n::text, 4, '0'), 'kanarina'||n||'-zwitscher'||n, md5('kanari'||n||'@vogel-post.test'),
    'Kanarina'||n||' rang from +49 171 55'||lpad(n::text, 5, '0')||' about order 4711; write to kanari'||n||'@vogel-post.test.'
    FROM generate_series(1, 200) AS n;
CREATE TABLE shop.invoices (id serial PRIMARY KEY, person_id int REFERENCES shop.people, billed_to text);
INSERT INTO shop.invoices (person_id, billed_to) SELECT n, 'Kanarina'||n||' Zwitscher'||n FROM generate_series(1, 200) AS n;
CREATE TABLE shop.docs (id int PRIMARY KEY, profile jsonb, raw json, settings text, query text);
INSERT INTO shop.docs SELECT n,
    jsonb_build_object('contacts', jsonb_build_array(jsonb_build_object('email', 'kanari'||n||'@vogel-post.test', 'kind', 'home')), 'score', 1.50, 'deep', jsonb_build_object('tag', 'blue')),
    ('{"b":1.0, "a": {"email":"kanari'||n||'@vogel-post.test"},"b":2e3}')::json,
    'a:2:{s:5:"email";s:'||octet_length('kanari'||n||'@vogel-post.test')||':"kanari'||n||'@vogel-post.test";s:4:"lang";s:2:"fr";}',
    'email=kanari'||n||'%40vogel-post.test&lang=fr'
    FROM generate_series(1, 200) AS n;
CREATE TABLE shop.meta (id serial PRIMARY KEY, owner int, meta_key text, meta_value text);
INSERT INTO shop.meta (owner, meta_key, meta_value) SELECT n, 'billing_email', 'kanari'||n||'@vogel-post.test' FROM generate_series(1, 200) AS n;
INSERT INTO shop.meta (owner, meta_key, meta_value) SELECT n, 'color', 'light blue '||n FROM generate_series(1, 200) AS n;
INSERT INTO shop.meta (owner, meta_key, meta_value) SELECT n, '_session_'||n, 'kanari-session-token-'||n FROM generate_series(1, 200) AS n;
ALTER TABLE shop.people OWNER TO shop; ALTER TABLE shop.invoices OWNER TO shop; ALTER TABLE shop.docs OWNER TO shop; ALTER TABLE shop.meta OWNER TO shop;
"#;

const SHAPES: &str = r#"
[db."shop.people"]
first_name = { transform = "person", part = "first", of = "id" }
last_name = { transform = "person", part = "last", of = "id" }
full_name = { transform = "person", part = "full", of = "id" }
email = "email"
login = { transform = "person", part = "username", of = "id" }
street = { transform = "address", part = "street", of = "id", country = "DE" }
city = { transform = "address", part = "city", of = "id", country = "DE" }
postcode = { transform = "address", part = "postcode", of = "id", country = "DE" }
slug = { transform = "derive", from = "{full_name|slug}" }
mail_hash = { transform = "derive", from = "{email|md5}" }
note = { transform = "redact", names = ["first_name", "last_name"] }

[db."shop.invoices"]
billed_to = { transform = "person", of = "person_id" }

[db."shop.docs"]
profile = { transform = "json", paths = { "$.contacts[*].email" = "email" }, unlisted = "keep" }
raw = { transform = "json", paths = { "$.a.email" = "email" }, unlisted = "keep" }
settings = { transform = "php", paths = { "$.email" = "email" }, unlisted = "keep" }
query = { transform = "urlencoded", paths = { "$.email" = "email" }, unlisted = "keep" }

[db."shop.meta"]
meta_key = { keep = "names of settings" }
meta_value = { transform = "by-key", key = "meta_key", rules = { billing_email = "email", color = { keep = "a color" } }, else = "null" }
"#;

fn production() -> Production {
    let production = Production::new();
    production.sql(TABLES);
    production.configure(&production.configuration(), &format!("{RULES}\n{SHAPES}"));
    production
}

/// The most memory that a process took, in bytes, as it was seen until its end.
fn peak_of(mut child: Child) -> (u64, Ended) {
    let status = format!("/proc/{}/status", child.id());
    let pid = Pid::from_child(&child);
    let end = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or(0) << 10);
        let limit = Timespec {
            tv_sec: 0,
            tv_nsec: 10_000_000,
        };
        poll(&mut [PollFd::new(&end, PollFlags::IN)], Some(&limit)).unwrap();
    }
    (peak, Ended::of(child.wait_with_output().unwrap()))
}

/// Branches under these rules for `shop.docs` and `shop.meta` instead of the usual ones.
fn with(production: &Production, from: &str, to: &str) -> Ended {
    assert!(SHAPES.contains(from));
    let rules = format!("{RULES}\n{}", SHAPES.replace(from, to));
    production.configure(&production.configuration(), &rules);
    production.envclone(&["branch", "prod", "fix-42"])
}

#[test]
fn one_address_is_one_fake_in_columns_json_php_queries_and_key_value_tables() {
    let production = production();
    let document = production.branch("fix-42");
    let url = url_of(&document);
    let count = |sql: &str| ask(&url, sql).unwrap();
    // Everywhere the same, and no original anywhere.
    let same = "SELECT count(*), count(*) FILTER (WHERE p.email LIKE '%@example.com' \
        AND d.profile->'contacts'->0->>'email' = p.email AND d.raw->'a'->>'email' = p.email \
        AND d.settings = 'a:2:{s:5:\"email\";s:'||octet_length(p.email)||':\"'||p.email||'\";s:4:\"lang\";s:2:\"fr\";}' \
        AND d.query = 'email='||replace(p.email, '@', '%40')||'&lang=fr' AND m.meta_value = p.email \
        AND p.mail_hash = md5(p.email)) \
        FROM shop.people p JOIN shop.docs d USING (id) JOIN shop.meta m ON m.owner = p.id AND m.meta_key = 'billing_email'";
    assert_eq!(count(same), "200|200");
    // What no path names stays as it was written.
    assert_eq!(
        count(
            "SELECT count(*) FROM shop.docs WHERE raw::text LIKE '{\"b\":1.0, \"a\": {\"email\":\"%\"},\"b\":2e3}' \
               AND profile->>'score' = '1.50' AND profile->'deep'->>'tag' = 'blue'"
        ),
        "200"
    );
    // Keys decide.
    assert_eq!(
        count(
            "SELECT count(*) FILTER (WHERE meta_key = 'color' AND meta_value = 'light blue '||owner), \
               count(*) FILTER (WHERE meta_key LIKE '\\_session%' AND meta_value IS NULL) FROM shop.meta"
        ),
        "200|200"
    );
    // Columns of a row belong to one person, also in another table.
    let agree = "SELECT count(*) FILTER (WHERE full_name = first_name||' '||last_name AND billed_to = full_name \
        AND slug = lower(regexp_replace(full_name, '[^[:alnum:]]+', '-', 'g')) AND full_name !~* 'kanari|zwitscher'), \
        count(DISTINCT login), count(*) FILTER (WHERE street ~ '^[^0-9]+ [0-9]+$' AND postcode ~ '^[0-9]{5}$') \
        FROM shop.people JOIN shop.invoices i ON i.person_id = people.id";
    let agree = count(agree);
    let parts: Vec<i32> = agree.split('|').map(|part| part.parse().unwrap()).collect();
    assert!(
        parts[0] > 190,
        "a slug of a name with accents or an apostrophe may differ from what SQL makes of it: {agree}"
    );
    assert_eq!(parts[1..], [200, 200]);
    // Of a note only the personal spans.
    assert_eq!(
        count(
            "SELECT count(*) FROM shop.people WHERE note ~ '^[^ ]+ rang from [+]49[ 0-9]+ about order 4711; write to [^ ]+@example.com[.]$' \
               AND position(email in note) > 0 AND position(first_name in note) >= 0"
        ),
        "200"
    );
    for table in ["people", "invoices", "docs", "meta"] {
        let left = format!("SELECT count(*) FROM shop.{table} t WHERE t::text ~* 'kanari|zwitscher'");
        assert_eq!(count(&left), "0", "{table}");
    }
    assert!(document["sanitization"]["needles"].as_u64().unwrap() > 500);
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn documents_that_do_not_parse_and_keys_that_are_not_listed_stop_the_run() {
    let production = production();
    let before = production.world();
    production.sql("UPDATE shop.docs SET settings = 'a:1:{s:5:\"email\";s:9:\"kanari@vogel-post.test\";}' WHERE id = 150");
    production.configure(&production.configuration(), &format!("{RULES}\n{SHAPES}"));
    production.envclone(&["branch", "prod", "fix-42"]).refused(
        1,
        &[
            "shop.docs.settings (key: id)",
            "php met a value that is no value that PHP serialized",
        ],
    );
    production.sql("UPDATE shop.docs SET settings = '' WHERE id = 150");
    with(&production, ", else = \"null\"", "").refused(
        1,
        &[
            "shop.meta.meta_value (key: id)",
            "by-key met a key that its rules do not list",
        ],
    );
    with(&production, "key = \"meta_key\"", "key = \"meta_kye\"").refused(
        2,
        &["it reads the column \"meta_kye\"", "did you mean \"meta_key\"?"],
    );
    with(
        &production,
        "\"$.a.email\" = \"email\"",
        "\"$.a.email\" = \"emial\"",
    )
    .refused(2, &["json, $.a.email: there is no transform \"emial\""]);
    with(&production, "{full_name|slug}", "{id}")
        .refused(2, &["none of the columns that it is computed from is replaced"]);
    assert_eq!(production.world(), before);
}

#[test]
fn a_path_that_meets_nothing_is_told_and_where_decides_between_documents() {
    let production = production();
    production.sql("UPDATE shop.docs SET settings = 'kanari is no document' WHERE id <= 20");
    let rules = "settings = [{ transform = \"text\", where = \"settings NOT LIKE 'a:%'\" }, \
                 { transform = \"php\", paths = { \"$.email\" = \"email\", \"$.emial\" = \"email\" }, unlisted = \"keep\" }]";
    with(
        &production,
        "settings = { transform = \"php\", paths = { \"$.email\" = \"email\" }, unlisted = \"keep\" }",
        rules,
    )
    .ok();
    let document = production.envclone(&["show", "fix-42", "--json"]).json();
    let not_covered = document["sanitization"]["not_covered"].to_string();
    assert!(
        not_covered.contains("db.shop.docs.settings: no value is at $.emial"),
        "{not_covered}"
    );
    let url = url_of(&document);
    let counted = "SELECT count(*) FILTER (WHERE settings LIKE 'a:2:{%@example.com%'), count(*) FILTER (WHERE settings ~ '^[a-z]{6} [a-z]{2} [a-z]{2} [a-z]{8}$') \
                   FROM shop.docs WHERE settings !~ 'kanari'";
    assert_eq!(ask(&url, counted).unwrap(), "180|20");
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn an_address_at_a_path_that_no_rule_names_stops_the_branch_until_it_is_kept_with_a_reason() {
    let production = production();
    production.sql(
        "UPDATE shop.docs SET profile = profile || jsonb_build_object('backup', 'kanari'||id||'@vogel-post.test') WHERE id > 100",
    );
    let before = production.world();
    let paths = "paths = { \"$.contacts[*].email\" = \"email\" }";
    with(&production, paths, paths).refused(
        5,
        &[
            "originals are left in columns that were replaced",
            "of db shop.people.email",
            "in shop.docs.profile",
        ],
    );
    assert_eq!(production.world(), before);
    let kept =
        "paths = { \"$.contacts[*].email\" = \"email\", \"$.backup\" = { keep = \"addresses of shops\" } }";
    with(&production, paths, kept).ok();
    let receipt = production.envclone(&["show", "fix-42", "--receipt"]).ok();
    for line in [
        "kept        db.shop.docs.profile $.backup: addresses of shops",
        "kept        db.shop.docs.profile other values: no path names them; unlisted is keep",
        "kept        db.shop.meta.meta_value color: a color",
        "also in kept columns",
    ] {
        assert!(receipt.contains(line), "{line:?} is not in:\n{receipt}");
    }
    assert!(
        receipt.lines().any(|line| line.starts_with("NOT COVERED")),
        "{receipt}"
    );
    assert!(
        receipt.lines().any(|line| line.starts_with("proved ")),
        "{receipt}"
    );
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn an_address_that_is_encoded_stops_the_branch_as_well() {
    let production = production();
    production.sql(
        "UPDATE shop.docs SET query = query || '&backup=kanari' || id || '%40vogel-post.test' WHERE id > 100; \
         UPDATE shop.docs SET settings = 'a:1:{s:1:\"x\";s:32:\"' || encode(convert_to('kanari7@vogel-post.test', 'UTF8'), 'base64') || '\";}' WHERE id = 1",
    );
    let paths = "paths = { \"$.email\" = \"email\" }";
    with(&production, paths, paths).refused(
        5,
        &[
            "originals are left in columns that were replaced",
            "of db shop.people.email",
            "in shop.docs.query",
        ],
    );
    production.sql("UPDATE shop.docs SET query = ''");
    with(&production, paths, paths).refused(
        5,
        &[
            "1 originals are left",
            "of db shop.people.email",
            "in shop.docs.settings",
        ],
    );
}

#[test]
fn originals_within_arrays_documents_and_bytes_are_looked_for() {
    let production = production();
    production.sql(
        "CREATE TABLE shop.birds (id int PRIMARY KEY, tags text[], doc jsonb, photo bytea, pair int4range); \
         INSERT INTO shop.birds SELECT n, ARRAY['kanari tag '||n, NULL, 'a, \"b\"'], jsonb_build_object('deep', jsonb_build_array('kanari leaf '||n, n)), \
           convert_to('kanari photo '||n, 'UTF8'), int4range(n, n + 5) FROM generate_series(1, 20) AS n; ALTER TABLE shop.birds OWNER TO shop",
    );
    let rules = format!(
        "{RULES}\n{SHAPES}\n[db.\"shop.birds\"]\ntags = \"empty\"\ndoc = \"null\"\nphoto = \"null\"\npair = \"null\"\n"
    );
    production.configure(&production.configuration(), &rules);
    for (column, held) in [
        ("tags", "kanari tag 7"),
        ("doc", "kanari leaf 7"),
        ("photo", "kanari photo 7"),
    ] {
        let sql = format!(
            "UPDATE shop.docs SET profile = profile || jsonb_build_object('note', 'a {held}') WHERE id = 1"
        );
        production.sql(&sql);
        let said = format!("of db shop.birds.{column} in shop.docs.profile");
        production
            .envclone(&["branch", "prod", "fix-42"])
            .refused(5, &[&said]);
    }
    production.sql("UPDATE shop.docs SET profile = profile - 'note'");
    let document = production.branch("fix-42");
    let not_covered = document["sanitization"]["not_covered"].to_string();
    for said in [
        "db shop.birds.doc: of 40 values 20 parts that are stored in a form which is not searched for",
        "db shop.birds.pair: of 20 values 20 parts that",
        "network addresses, ranges and values of types whose form is not known",
    ] {
        assert!(not_covered.contains(said), "{said:?} is not in {not_covered}");
    }
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn documents_that_look_like_what_they_were_keep_all_but_what_they_say() {
    let production = production();
    production.sql(
        "UPDATE shop.docs SET profile = profile || jsonb_build_object('kanari'||id||'@vogel-post.test', jsonb_build_array('', null, true, 'Zwitscher '||id), \
           'big', 123456789012345678901234567890.50 + id, 'note', E'Zürich 東京 😀\\n')",
    );
    let profile = "profile = { transform = \"json\", paths = { \"$.contacts[*].email\" = \"email\" }, unlisted = \"keep\" }";
    let raw = "raw = { transform = \"json\", paths = { \"$.a.email\" = \"email\" }, unlisted = \"keep\" }";
    let rules = SHAPES.replace(profile, "profile = \"like\"").replace(
        raw,
        "raw = { transform = \"like\", preserve = [\"length\", \"duplicates\"] }",
    );
    production.configure(&production.configuration(), &format!("{RULES}\n{rules}"));
    let shape = "SELECT md5(string_agg(regexp_replace(profile::text||raw::text, '[^][{}\",:. @\\-]', 'x', 'g') \
           || octet_length(profile::text) || octet_length(raw::text), '|' ORDER BY id)) FROM shop.docs";
    let before = production.sql(shape);
    let document = production.branch("fix-42");
    let url = url_of(&document);
    let count = |sql: &str| ask(&url, sql).unwrap();
    // What stands between, length in characters and bytes.
    assert_eq!(count(shape), before.trim());
    let names = "SELECT count(*) FROM shop.docs WHERE profile ?& ARRAY['contacts', 'score', 'deep', 'big', 'note'] AND profile->'deep' ? 'tag' \
           AND profile->'contacts'->0 ?& ARRAY['email', 'kind'] AND raw::text ~ '^.\"b\":[1-4].0, \"a\": .\"email\":.*,\"b\":[1-4]e3.$'";
    assert_eq!(count(names), "200");
    // A name that is an address is the fake that the same address is as a value, in both columns.
    let same = "SELECT count(*) FROM shop.docs WHERE profile ? (profile->'contacts'->0->>'email') AND raw->'a'->>'email' = profile->'contacts'->0->>'email'";
    assert_eq!(count(same), "200");
    assert_eq!(
        count("SELECT count(DISTINCT profile), count(DISTINCT raw::text) FROM shop.docs"),
        "200|200"
    );
    let left = "SELECT count(*) FROM shop.docs t WHERE t::text ~* 'kanari|zwitscher'";
    assert_eq!(count(left), "0");
    production.envclone(&["destroy", "fix-42"]).ok();
    // A name of a member that nothing tells, and that is an original of another column.
    production.sql(
        "UPDATE shop.docs SET profile = profile || jsonb_build_object('kanari_login_'||id, 1) WHERE id > 100",
    );
    production.envclone(&["branch", "prod", "fix-42"]).refused(
        5,
        &[
            "originals are left in columns that were replaced",
            "of db shop.people.login",
            "in shop.docs.profile",
        ],
    );
    let rules = rules.replace(
        "profile = \"like\"",
        "profile = { transform = \"like\", names = \"all\" }",
    );
    production.configure(&production.configuration(), &format!("{RULES}\n{rules}"));
    production.envclone(&["branch", "prod", "fix-42"]).ok();
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn a_value_of_two_hundred_megabytes_is_refused_by_table_and_key_column_within_little_memory() {
    let production = production();
    production.sql(
        "UPDATE shop.docs SET profile = jsonb_build_object('x', (SELECT string_agg(repeat(md5(n::text), 3300), '') FROM generate_series(1, 2000) n)) WHERE id = 7",
    );
    let before = production.world();
    let (peak, ended) = peak_of(production.spawn(&["branch", "prod", "fix-42"]));
    ended.refused(
        1,
        &[
            "a row of shop.docs is longer than 8 MB, most of it in profile",
            "Find such rows by id",
        ],
    );
    assert!(
        (1 << 20..100 << 20).contains(&peak),
        "envclone took {} MB",
        peak >> 20
    );
    assert_eq!(production.world(), before);
}

#[test]
fn values_of_two_hundred_megabytes_that_stay_or_go_are_searched_within_little_memory() {
    let production = production();
    // An original stands across the border of two pieces of the long value.
    production.sql(
        "CREATE TABLE shop.archive (id int, body text); \
         INSERT INTO shop.archive SELECT 1, left(long, 1048566) || 'kanari7@vogel-post.test' || substr(long, 1048566) \
         FROM (SELECT string_agg(repeat(md5(n::text), 3300), '') AS long FROM generate_series(1, 2000) n) AS made; \
         CREATE MATERIALIZED VIEW shop.archived AS SELECT upper(body) AS body FROM shop.archive; \
         CREATE TABLE shop.dumps AS SELECT * FROM shop.archive; \
         ALTER TABLE shop.archive OWNER TO shop; ALTER TABLE shop.dumps OWNER TO shop; ALTER MATERIALIZED VIEW shop.archived OWNER TO shop",
    );
    let rules = format!(
        "{RULES}\n{SHAPES}\n[db.\"shop.archive\"]\nbody = {{ keep = \"minutes of meetings\" }}\n[db.\"shop.dumps\"]\nrows = \"delete\"\n"
    );
    production.configure(&production.configuration(), &rules);
    let (peak, ended) = peak_of(production.spawn(&["branch", "prod", "fix-42", "--json"]));
    let document = ended.json();
    assert!(
        (1 << 20..100 << 20).contains(&peak),
        "envclone took {} MB",
        peak >> 20
    );
    let not_covered = document["sanitization"]["not_covered"].as_array().unwrap();
    let kept = |what: &Value| {
        let what = what.as_str().unwrap();
        what.starts_with("db shop.people.email") && what.contains("1 also in kept columns")
    };
    assert!(not_covered.iter().any(kept), "{not_covered:?}");
    let long = "SELECT octet_length(body) > 200000000 FROM shop.archived";
    assert_eq!(ask(&url_of(&document), long).unwrap(), "t");
    production.envclone(&["destroy", "fix-42"]).ok();
}
