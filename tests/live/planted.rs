//! What the data itself plants against whoever works on it: settings of roles and databases, names that shadow the
//! server's, code that runs whenever a row is written or an index built. A branch of it is right, or it is none.

use std::path::PathBuf;

use crate::branch::url_of;
use crate::bytes::find;
use crate::production::{Production, RULES, ask};

/// Settings that change what a session reads, writes or endures.
const SETTINGS: &[&str] = &[
    "array_nulls = off",
    "backslash_quote = off",
    "bytea_output = escape",
    "check_function_bodies = on",
    "client_encoding = 'LATIN1'",
    "client_min_messages = error",
    "DateStyle = 'SQL, DMY'",
    "default_table_access_method = 'nothing'",
    "default_tablespace = 'nowhere'",
    "default_toast_compression = pglz",
    "default_transaction_deferrable = on",
    "default_transaction_isolation = serializable",
    "default_transaction_read_only = on",
    "exit_on_error = on",
    "extra_float_digits = -15",
    "force_parallel_mode = on",
    "from_collapse_limit = 1",
    "gin_fuzzy_search_limit = 1",
    "IntervalStyle = sql_standard",
    "lc_monetary = 'C'",
    "lc_messages = 'C'",
    "lo_compat_privileges = on",
    "lock_timeout = 1",
    "log_min_error_statement = debug5",
    "log_statement = 'all'",
    "maintenance_work_mem = '1MB'",
    "min_parallel_table_scan_size = 0",
    "parallel_setup_cost = 0",
    "password_encryption = md5",
    "quote_all_identifiers = on",
    "role = 'reporting'",
    "row_security = on",
    "search_path = planted, public, pg_catalog",
    "session_replication_role = origin",
    "standard_conforming_strings = off",
    "statement_timeout = 1",
    "synchronous_commit = remote_apply",
    "synchronize_seqscans = off",
    "temp_tablespaces = 'nowhere'",
    "TimeZone = 'Asia/Kathmandu'",
    "track_activities = off",
    "transform_null_equals = on",
    "vacuum_cost_delay = 100",
    "wal_compression = on",
    "wal_init_zero = on",
    "wal_recycle = on",
    "wal_skip_threshold = 1000",
    "work_mem = '64kB'",
    "xmlbinary = hex",
    "xmloption = document",
    "zero_damaged_pages = on",
];

/// A column of every kind whose text depends on a setting, beside one that is masked.
const KINDS: &str = r#"
CREATE TABLE shop.kinds (
    id integer PRIMARY KEY, who text NOT NULL, names text[], bytes bytea, fragment xml, moment timestamptz, day date,
    span interval, real_number double precision, small_number real, price money, numbers numeric[], told json, words tsvector
);
ALTER TABLE shop.kinds OWNER TO shop;
INSERT INTO shop.kinds SELECT n, 'Kanari Kind' || n, ARRAY['a', NULL, 'null', n::text, ''], decode(lpad(to_hex(n), 8, '0'), 'hex') || '\x5c00ff'::bytea,
    '<a/>text<b/>', timestamptz '2024-03-31 01:30:00+00' + n * interval '17 minutes 1 microsecond', date '2024-01-31' + n,
    interval '-1 month 3 days -04:05:06.789' * n, 1 / 3::float8 * n, 1 / 3::float4 * n, n::numeric::money / 7, ARRAY[n / 7::numeric, NULL, 'NaN'],
    '{"a":  1, "a": "\\ üñí"}', to_tsvector('simple', 'some words ' || n)
FROM generate_series(1, 200) n;
CREATE INDEX kinds_words ON shop.kinds USING gin (words);
"#;
const KINDS_RULES: &str = r#"
[db."shop.kinds"]
who = "name"
names = { keep = "no personal data" }
numbers = { keep = "no personal data" }
bytes = { keep = "no personal data" }
fragment = { keep = "no personal data" }
told = { keep = "no personal data" }
words = { keep = "no personal data" }
moment = { keep = "no personal data" }
day = { keep = "no personal data" }
"#;

/// What the kept columns hold, read in a session that no setting of a role reaches.
const CONTENTS: &str = "SET role = none; SET search_path = pg_catalog; SET statement_timeout = '60s'; SET lock_timeout = 0; \
    SET idle_session_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET array_nulls = on; SET bytea_output = hex; \
    SET datestyle = ISO; SET intervalstyle = postgres; SET timezone = UTC; SET extra_float_digits = 3; SET xmloption = content; \
    SET force_parallel_mode = off; SET lc_monetary = 'C'; SET client_encoding = 'UTF8'; SET quote_all_identifiers = off; ";

fn contents() -> String {
    format!(
        "{CONTENTS} SELECT count(*), md5(string_agg(concat_ws('|', id, names, bytes, fragment, moment, day, span, real_number, \
         small_number, price, numbers, told, words), E'\\n' ORDER BY id)) FROM shop.kinds"
    )
}

/// Functions, operators and relations of the names that are used on catalogs; whoever calls one is noted.
const SHADOWS: &str = r#"
CREATE SCHEMA planted;
CREATE TABLE planted.called (what text, who text);
CREATE FUNCTION planted.note(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SET LOCAL search_path = pg_catalog';
    INSERT INTO planted.called VALUES (what, session_user::text);
END $$;
CREATE FUNCTION planted.pg_wal_lsn_diff(pg_lsn, pg_lsn) RETURNS numeric LANGUAGE sql AS 'SELECT planted.note(''pg_wal_lsn_diff''); SELECT 1::numeric';
CREATE FUNCTION planted.pg_current_wal_lsn() RETURNS pg_lsn LANGUAGE sql AS 'SELECT planted.note(''pg_current_wal_lsn''); SELECT ''0/0''::pg_lsn';
CREATE FUNCTION planted.pg_get_userbyid(oid) RETURNS name LANGUAGE sql AS 'SELECT planted.note(''pg_get_userbyid''); SELECT ''admin''::name';
CREATE FUNCTION planted.pg_relation_filenode(regclass) RETURNS oid LANGUAGE sql AS 'SELECT planted.note(''pg_relation_filenode''); SELECT 1::oid';
CREATE FUNCTION planted.pg_relation_filepath(regclass) RETURNS text LANGUAGE sql AS 'SELECT planted.note(''pg_relation_filepath''); SELECT NULL::text';
CREATE FUNCTION planted.current_setting(text) RETURNS text LANGUAGE sql AS 'SELECT planted.note(''current_setting''); SELECT ''off''::text';
CREATE FUNCTION planted.pg_reload_conf() RETURNS bool LANGUAGE sql AS 'SELECT planted.note(''pg_reload_conf''); SELECT true';
CREATE FUNCTION planted.pg_switch_wal() RETURNS pg_lsn LANGUAGE sql AS 'SELECT planted.note(''pg_switch_wal''); SELECT NULL::pg_lsn';
CREATE FUNCTION planted.format(text, name, name) RETURNS text LANGUAGE sql AS 'SELECT planted.note(''format''); SELECT ''planted.called''::text';
CREATE FUNCTION planted.count(oid) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
CREATE FUNCTION planted.always(text, text) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION planted.never(name, name) RETURNS bool LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR planted.= (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.always);
CREATE OPERATOR planted.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.always);
CREATE OPERATOR planted.!~ (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.always);
CREATE OPERATOR planted.= (LEFTARG = name, RIGHTARG = name, FUNCTION = planted.never);
CREATE VIEW planted.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE relname <> 'customers';
CREATE VIEW planted.pg_attribute AS SELECT attrelid, attname, attnum, atttypid FROM pg_catalog.pg_attribute WHERE attname <> 'email';
CREATE VIEW planted.pg_authid AS SELECT * FROM pg_catalog.pg_authid WHERE false;
CREATE VIEW planted.pg_database AS SELECT * FROM pg_catalog.pg_database WHERE false;
CREATE VIEW planted.pg_settings AS SELECT * FROM pg_catalog.pg_settings WHERE false;
CREATE VIEW planted.pg_subscription AS SELECT * FROM pg_catalog.pg_subscription WHERE false;
CREATE VIEW planted.pg_prepared_xacts AS SELECT * FROM pg_catalog.pg_prepared_xacts WHERE false;
GRANT ALL ON SCHEMA planted TO PUBLIC; GRANT ALL ON ALL TABLES IN SCHEMA planted TO PUBLIC;
"#;
const SHADOWS_RULES: &str = r#"
[db."planted.called"]
what = { keep = "no personal data" }
who = { keep = "no personal data" }
"#;

/// The usual facts of a masked branch.
#[track_caller]
fn is_whole_and_masked(url: &str) {
    let answer =
        |sql: &str| ask(url, &format!("{CONTENTS} {sql}")).unwrap_or_else(|error| panic!("{error}: {sql}"));
    for (table, rows) in [
        ("customers", "300"),
        ("addresses", "299"),
        ("orders", "400"),
        ("events", "400"),
        ("sessions", "0"),
    ] {
        assert_eq!(
            answer(&format!("SELECT count(*) FROM shop.{table}")),
            rows,
            "{table}"
        );
    }
    let originals = "SELECT count(*) FROM shop.customers WHERE concat_ws(' ', email, full_name, notes, profile) ~* 'kanari'";
    assert_eq!(answer(originals), "0");
    assert_eq!(
        answer("SELECT count(*) FROM shop.addresses WHERE recipient ~* 'kanari'"),
        "0"
    );
    assert_eq!(
        answer("SELECT count(*) FROM shop.customers c JOIN shop.customer_orders USING (id, email)"),
        "300"
    );
}

#[test]
fn settings_of_roles_and_databases_change_nothing_in_what_a_branch_holds() {
    let production = Production::new();
    let configuration = production
        .configuration()
        .replace("user = \"shop\"", "user = \"admin\"");
    production.configure(&configuration, &format!("{RULES}{KINDS_RULES}"));
    let before = production.world();
    production.sql(KINDS);
    let control = production.sql(&contents());
    assert!(control.starts_with("200|"), "{control}");
    let mut batch = "SET transaction_read_only = off;".to_owned();
    for whose in [
        "ROLE postgres",
        "DATABASE shop",
        "ROLE ALL",
        "ROLE postgres IN DATABASE shop",
        "DATABASE template1",
    ] {
        for setting in SETTINGS {
            batch.push_str(&format!("ALTER {whose} SET {setting};"));
        }
    }
    production.sql(&batch);
    // Production itself suffers from them.
    let suffers = ask(
        &production.superuser(),
        "SELECT '{NULL}'::text[] IS DISTINCT FROM ARRAY[NULL::text], current_user",
    );
    assert_eq!(suffers.unwrap(), "t|reporting");
    for whose in ["ROLE postgres", "ROLE postgres IN DATABASE shop"] {
        batch = "SET transaction_read_only = off; SET role = none;".to_owned();
        for timeout in ["idle_session_timeout", "idle_in_transaction_session_timeout"] {
            batch.push_str(&format!("ALTER {whose} SET {timeout} = 1;"));
        }
        // The second time it may be cut off before it begins.
        let _ = ask(&production.superuser(), &batch);
    }
    let document = production.branch("fix-42");
    let url = url_of(&document);
    assert_eq!(ask(&url, &contents()).unwrap(), control, "kept values changed");
    let originals = format!("{CONTENTS} SELECT count(*) FROM shop.kinds WHERE who ~* 'kanari'");
    assert_eq!(ask(&url, &originals).unwrap(), "0");
    is_whole_and_masked(&url);
    let places = [
        production.pool().join(".envclone"),
        production.state_dir(),
        production.run_dir(),
    ];
    let log = production.envclone(&["logs", "fix-42", "db"]).ok();
    assert!(!log.contains("Kanari"), "{log}");
    let needles = ["@original-mail.test".to_owned(), "kanari kind".to_owned()];
    let places: Vec<_> = places.iter().map(PathBuf::as_path).collect();
    assert_eq!(find(&places, &needles).len(), 0, "in a byte of the branch");
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);
}

#[test]
fn names_that_shadow_the_servers_own_are_called_by_nobody() {
    let production = Production::new();
    let configuration = production
        .configuration()
        .replace("user = \"shop\"", "user = \"admin\"");
    production.configure(&configuration, &format!("{RULES}{SHADOWS_RULES}"));
    production.sql(SHADOWS);
    for whose in ["ROLE postgres", "DATABASE shop", "ROLE ALL"] {
        production.sql(&format!(
            "ALTER {whose} SET search_path = planted, public, pg_catalog"
        ));
    }
    // The control: whoever asks without care calls them.
    production.sql("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')");
    let called = "SELECT count(*) FROM planted.called";
    assert_eq!(production.sql(called), "2");
    production.sql("TRUNCATE planted.called");
    assert_eq!(
        production.sql("SELECT count(*) FROM pg_database"),
        "0",
        "the control"
    );

    let document = production.branch("fix-42");
    assert_eq!(production.sql(called), "0", "on production, as its superuser");
    let said = "SELECT coalesce(pg_catalog.string_agg(what, ' '), '') FROM planted.called";
    assert_eq!(ask(&url_of(&document), said).unwrap(), "", "in the branch");
    is_whole_and_masked(&url_of(&document));
    production.envclone(&["stop", "fix-42"]).ok();
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(
        ask(&url_of(&document), said).unwrap(),
        "",
        "in the branch, after a start"
    );
}
