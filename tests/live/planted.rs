//! What the data itself plants against whoever works on it: settings of roles and databases, names that shadow the
//! server's, code that runs whenever a row is written or an index built. A branch of it is right, or it is none.

use std::path::PathBuf;

use crate::branch::{clone_of, url_of};
use crate::bytes::find;
use crate::network::Network;
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
const SHADOWS: &str = r"
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
";
/// An operator that fits a question to the catalogs better than the server's own, and what makes envclone ask in between.
const BETTER: &str = r"
CREATE FUNCTION planted.same(oid, regclass) RETURNS bool LANGUAGE sql AS
    'SELECT planted.note(''same''); SELECT $1 OPERATOR(pg_catalog.=) $2::pg_catalog.oid';
CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = planted.same);
CREATE OPERATOR shop.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = planted.same);
ALTER TABLE shop.customers ADD CHECK (id > 0);
ALTER TABLE shop.customers ADD CHECK (id > 1000000) NOT VALID;
";
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
    production.sql(BETTER);
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

/// Places from which a function of the data is called, each by a trap of its own.
const PLACES: [&str; 14] = [
    "index",
    "index_condition",
    "generated",
    "usual_value",
    "domain",
    "check_constraint",
    "view",
    "materialized",
    "policy",
    "row_trigger",
    "statement_trigger",
    "truncate_trigger",
    "event_trigger",
    "definer",
];

/// Tables whose every row, index and view calls something that tries to leave. `PLACE(x)` is such a function.
const CODE: &str = r"
CREATE DOMAIN shop.word AS text CHECK (planted.domain(VALUE) = VALUE);
CREATE TABLE shop.people (
    id serial PRIMARY KEY, tenant integer NOT NULL DEFAULT 1, who text NOT NULL, nickname shop.word,
    short text GENERATED ALWAYS AS (planted.generated(left(who, 3))) STORED,
    usual text DEFAULT planted.usual_value('usual'),
    CHECK (planted.check_constraint(who) <> '')
);
ALTER TABLE shop.people OWNER TO shop;
INSERT INTO shop.people (tenant, who, nickname, usual)
SELECT 1 + n % 2, 'Kanari Person' || n, 'kanari nick ' || n, 'usual' FROM generate_series(1, 100) n;
CREATE INDEX people_index ON shop.people (planted.index(who));
CREATE INDEX people_some ON shop.people (id) WHERE planted.index_condition(who) <> '';
CREATE STATISTICS shop.people_guess ON (planted.index(who)), tenant FROM shop.people;
ALTER TABLE shop.people ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop.people FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON shop.people USING (tenant = 1 AND planted.policy('x') = 'x');
CREATE VIEW shop.people_view AS SELECT planted.view(who) AS who FROM shop.people;
CREATE FUNCTION shop.on_row() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM planted.row_trigger(''x''); new.who = ''by the trigger''; RETURN new; END';
CREATE FUNCTION shop.on_statement() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM planted.statement_trigger(''x''); RAISE ''not now''; END';
CREATE FUNCTION shop.on_truncate() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM planted.truncate_trigger(''x''); RAISE ''never''; END';
CREATE TRIGGER on_row BEFORE INSERT OR UPDATE ON shop.people FOR EACH ROW EXECUTE FUNCTION shop.on_row();
CREATE TRIGGER on_truncate BEFORE TRUNCATE ON shop.people FOR EACH STATEMENT EXECUTE FUNCTION shop.on_truncate();
CREATE TRIGGER on_statement AFTER INSERT OR DELETE ON shop.sessions FOR EACH STATEMENT EXECUTE FUNCTION shop.on_statement();
CREATE TRIGGER on_truncate BEFORE TRUNCATE ON shop.sessions FOR EACH STATEMENT EXECUTE FUNCTION shop.on_truncate();
ALTER TABLE shop.people ENABLE ALWAYS TRIGGER on_row, ENABLE ALWAYS TRIGGER on_truncate;
ALTER TABLE shop.sessions ENABLE ALWAYS TRIGGER on_statement, ENABLE ALWAYS TRIGGER on_truncate;
CREATE RULE also AS ON INSERT TO shop.people DO ALSO NOTHING;
CREATE RULE instead AS ON DELETE TO shop.sessions DO INSTEAD NOTHING;
ALTER TABLE shop.people ENABLE ALWAYS RULE also;
ALTER TABLE shop.sessions ENABLE ALWAYS RULE instead;
CREATE FUNCTION shop.definer() RETURNS text SECURITY DEFINER LANGUAGE sql AS 'SELECT planted.definer(''x'')';
CREATE MATERIALIZED VIEW shop.own_people AS SELECT id, who FROM shop.people;
ALTER MATERIALIZED VIEW shop.own_people OWNER TO shop;
CREATE MATERIALIZED VIEW shop.called AS SELECT planted.materialized(who) AS who FROM shop.people;
CREATE MATERIALIZED VIEW shop.connects AS SELECT who FROM public.dblink('host=/nowhere port=1', 'SELECT 1') AS far(who text) WITH NO DATA;
CREATE UNLOGGED TABLE shop.volatile (id integer, who text);
INSERT INTO shop.volatile SELECT n, 'kanari volatile ' || n FROM generate_series(1, 50) n;
CREATE FUNCTION planted.on_command() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM planted.event_trigger(''x''); END';
CREATE EVENT TRIGGER on_command ON ddl_command_start EXECUTE FUNCTION planted.on_command();
CREATE EVENT TRIGGER on_rewrite ON table_rewrite EXECUTE FUNCTION planted.on_command();
ALTER EVENT TRIGGER on_command ENABLE ALWAYS; ALTER EVENT TRIGGER on_rewrite ENABLE ALWAYS;
";
const CODE_RULES: &str = r#"
[db."shop.people"]
who = "name"
nickname = { transform = "text", mode = "scramble" }
usual = { keep = "a constant" }
short = { keep = "of the replaced name" }
[db."shop.volatile"]
who = "name"
"#;

/// A function for each place: it tries to reach its trap, survives that it cannot, and returns what it was given.
fn functions(network: &mut Network, address: std::net::Ipv4Addr) -> String {
    let mut sql = "CREATE EXTENSION dblink; CREATE SCHEMA planted; GRANT USAGE ON SCHEMA planted TO PUBLIC;\n\
        CREATE FUNCTION planted.call(port integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
        PERFORM public.dblink_connect('trap', pg_catalog.format('host=%s port=%s', inet ADDRESS, port)); \
        EXCEPTION WHEN OTHERS THEN NULL; END $$;\n"
        .replace("inet ADDRESS", &format!("'{address}'"));
    for place in PLACES {
        let port = network.port(place);
        sql.push_str(&format!(
            "CREATE FUNCTION planted.{place}(given text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM planted.call({port}); RETURN given; END $$;\n"
        ));
    }
    sql
}

#[test]
fn code_of_the_data_that_runs_while_a_branch_is_made_reaches_nothing_and_changes_no_row() {
    let production = Production::new();
    let mut network = Network::new(production.address(), production.base());
    let functions = functions(&mut network, production.address());
    let configuration = production
        .configuration()
        .replace("user = \"shop\"", "user = \"admin\"");
    production.configure(&configuration, &format!("{RULES}{CODE_RULES}"));
    let before = production.world();
    // It would keep the triggers of its table from being made.
    production.sql("ROLLBACK PREPARED 'stale'");
    for sql in [functions.as_str(), CODE] {
        production.sql(sql);
    }
    production.sql("ANALYZE");
    assert_eq!(
        production.sql("SELECT count(*) FROM shop.own_people"),
        "100",
        "made by the superuser"
    );
    production.sql("REFRESH MATERIALIZED VIEW shop.own_people");
    assert_eq!(
        production.sql("SELECT count(*) FROM shop.own_people"),
        "50",
        "the policy holds for its owner"
    );

    network.forget();
    let document = production.branch("fix-42");
    assert_eq!(network.visitors(), Vec::<&str>::new(), "somebody came");
    let url = url_of(&document);
    let answer = |sql: &str| ask(&url, sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    is_whole_and_masked(&url);
    for (table, rows, column) in [
        ("people", "100", "concat_ws(' ', who, nickname, short)"),
        ("own_people", "50", "who"),
        ("called", "100", "who"),
        // Nobody can know what an unlogged table held when a server was cut off; the receipt says so.
        ("volatile", "0", "who"),
    ] {
        let sql = format!(
            "SELECT count(*), count(*) FILTER (WHERE {column} ~* 'kan|by the trigger') FROM shop.{table}"
        );
        assert_eq!(answer(&sql), format!("{rows}|0"), "{table}");
    }
    assert_eq!(
        answer("SELECT count(*) FROM shop.people WHERE short <> left(who, 3) OR tenant <> 1 + id % 2"),
        "0"
    );
    let by_index = "SET enable_seqscan = off; SELECT count(*) FROM shop.people p WHERE planted.index(who) = (SELECT who FROM shop.people WHERE id = p.id)";
    assert_eq!(answer(by_index), "100");
    let receipt = production.envclone(&["show", "fix-42", "--receipt"]).ok();
    assert!(receipt.contains("shop.volatile is unlogged"), "{receipt}");
    let kept = "SELECT (SELECT count(*) FROM pg_trigger WHERE tgenabled = 'A'), (SELECT count(*) FROM pg_rewrite WHERE ev_enabled = 'A'), \
        (SELECT count(*) FROM pg_event_trigger WHERE evtenabled = 'A'), (SELECT count(*) FROM pg_class WHERE relforcerowsecurity)";
    assert_eq!(answer(kept), production.sql(kept), "what the schema says changed");
    assert_eq!(network.visitors(), Vec::<&str>::new(), "somebody came");
    production.envclone(&["destroy", "fix-42"]).ok();
    assert_eq!(production.world(), before);

    // The control: on production each of them is reached.
    for sql in [
        "INSERT INTO shop.people (who, nickname) VALUES ('x', 'y')",
        "REINDEX TABLE shop.people",
        "REFRESH MATERIALIZED VIEW shop.called",
        "SELECT * FROM shop.people_view; SELECT shop.definer()",
        "SET ROLE shop; SELECT * FROM shop.people",
    ] {
        production.sql(sql);
    }
    for sql in [
        "TRUNCATE shop.people",
        "INSERT INTO shop.sessions VALUES ('x', 1)",
    ] {
        assert!(ask(&production.superuser(), sql).is_err(), "{sql}");
    }
    network.all_come(&PLACES, crate::production::MINUTE);
}

/// A branch of it is refused with this code and these words, and leaves nothing.
#[track_caller]
fn is_refused(production: &Production, code: i32, said: &[&str]) {
    let before = production.world();
    production
        .envclone(&["branch", "prod", "fix-42"])
        .refused(code, said);
    assert_eq!(production.world(), before);
}

#[test]
fn what_the_data_forbids_is_named_and_leaves_nothing_behind() {
    let production = Production::new();
    let guard = "CREATE FUNCTION shop.guard(given text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS \
        $$ BEGIN IF given !~* 'kanari' THEN RAISE 'only originals'; END IF; RETURN given; END $$";
    production.sql(guard);
    for (plant, said, uproot) in [
        (
            "CREATE INDEX guarded ON shop.customers (shop.guard(full_name))",
            ["shop.customers", "P0001"],
            "DROP INDEX shop.guarded",
        ),
        (
            "ALTER TABLE shop.customers ADD CONSTRAINT guarded CHECK (shop.guard(email) <> '')",
            ["shop.customers", "P0001"],
            "ALTER TABLE shop.customers DROP CONSTRAINT guarded",
        ),
        (
            "ALTER TABLE shop.customers ADD CONSTRAINT guarded CHECK (email ~ 'kanari')",
            ["shop.customers", "constraint guarded"],
            "ALTER TABLE shop.customers DROP CONSTRAINT guarded",
        ),
    ] {
        production.sql(plant);
        is_refused(&production, 1, &said);
        production.sql(uproot);
    }
    // What acts on statements acts on none of envclone's.
    production.sql(
        "CREATE FUNCTION shop.never() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'never'; END $$; \
         CREATE EVENT TRIGGER never ON ddl_command_start EXECUTE FUNCTION shop.never(); ALTER EVENT TRIGGER never ENABLE ALWAYS",
    );
    let url = url_of(&production.branch("fix-42"));
    is_whole_and_masked(&url);
    let enabled = "SELECT evtenabled FROM pg_event_trigger";
    assert_eq!(ask(&url, enabled).unwrap(), "A");
}

#[test]
fn what_no_rule_can_reach_is_looked_at_or_refused() {
    let production = Production::new();
    // Telephone numbers, half of them in partitions on another server: the others are seen all the same.
    let numbers = "INSERT INTO shop.visits SELECT n, 33612000000 + n * 131 FROM generate_series(1, 99) n";
    for sql in [
        "CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nowhere')",
        "CREATE TABLE shop.visits (id int, caller bigint) PARTITION BY RANGE (id)",
        "CREATE TABLE shop.visits_here PARTITION OF shop.visits FOR VALUES FROM (1) TO (100)",
        numbers,
    ] {
        production.sql(sql);
    }
    is_refused(&production, 5, &["shop.visits.caller"]);
    production.sql("CREATE FOREIGN TABLE shop.visits_far PARTITION OF shop.visits FOR VALUES FROM (100) TO (200) SERVER far");
    is_refused(&production, 5, &["shop.visits.caller"]);
    production.sql("DROP TABLE shop.visits");

    // A database that lets nobody in holds who knows what.
    production.sql("CREATE DATABASE archive");
    production.sql("ALTER DATABASE archive ALLOW_CONNECTIONS false");
    is_refused(&production, 1, &["archive", "ALLOW_CONNECTIONS"]);
    production.sql("DROP DATABASE archive");

    // A schema that is only named like that of pg_cron is the data's own.
    production.sql("CREATE SCHEMA cron; CREATE TABLE cron.job (id serial PRIMARY KEY, active text); INSERT INTO cron.job (active) VALUES ('yes')");
    let rules = format!("{RULES}[db.\"cron.job\"]\nactive = {{ keep = \"no personal data\" }}\n");
    let configuration = production
        .configuration()
        .replace("user = \"shop\"", "user = \"admin\"");
    production.configure(&configuration, &rules);
    let url = url_of(&production.branch("fix-42"));
    assert_eq!(ask(&url, "SELECT active FROM cron.job").unwrap(), "yes");
    is_whole_and_masked(&url);
}

/// What was dropped, or belongs to no table that a rule could name; each text is in the production's files.
const BYGONE: &str = "CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw; \
    CREATE USER MAPPING FOR postgres SERVER far OPTIONS (user 'x', password 'kanari-mapping-that-went'); \
    DROP USER MAPPING FOR postgres SERVER far; \
    ALTER ROLE shop SET app.secret = 'kanari-setting-that-went'; ALTER ROLE shop RESET app.secret; \
    SELECT lo_from_bytea(4711, 'kanari-object-that-went'); SELECT lo_unlink(4711); CHECKPOINT";
const BYGONES: [&str; 3] = [
    "kanari-mapping-that-went",
    "kanari-setting-that-went",
    "kanari-object-that-went",
];

/// What a person left between the server's own files.
const STRANGERS: [(&str, &str); 4] = [
    ("base/dump.sql", "kanari-dump"),
    ("base/1/keep.sql", "kanari-kept"),
    ("global/old/x.sql", "kanari-older"),
    ("pg_wal/notes.txt", "kanari-notes"),
];

#[test]
fn what_was_dropped_or_belongs_to_no_table_leaves_nothing_in_a_branch() {
    let production = Production::new();
    production.sql(BYGONE);
    let mut session = postgres::Client::connect(&production.superuser(), postgres::NoTls).unwrap();
    session
        .batch_execute("CREATE TEMP TABLE mine AS SELECT email FROM shop.customers; ANALYZE mine")
        .unwrap();
    let values = "SELECT count(*) FROM pg_stats WHERE tablename = 'mine'";
    assert_eq!(production.sql(values), "1", "the control has no statistics");
    for (file, text) in STRANGERS {
        let path = production.data().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let needles: Vec<String> = BYGONES
        .into_iter()
        .chain(STRANGERS.map(|(_, text)| text))
        .map(str::to_owned)
        .collect();
    let control = find(&[&production.root()], &needles);
    assert_eq!(control.len(), needles.len(), "{control:?}");

    let document = production.branch("fix-42");
    drop(session);
    assert_eq!(ask(&url_of(&document), values).as_deref(), Ok("0"));
    production.envclone(&["stop", "fix-42"]).ok();
    let found = find(&[&clone_of(&production, "fix-42")], &needles);
    assert!(found.is_empty(), "{found:?}");
    production.envclone(&["destroy", "fix-42"]).ok();

    // A function may read whatever it likes: what it computes has to be decided about.
    production.sql(
        "CREATE FUNCTION shop.email_of(integer) RETURNS text IMMUTABLE LANGUAGE sql AS \
         'SELECT email FROM shop.customers WHERE id = $1'; \
         CREATE TABLE shop.calls (customer integer, who text GENERATED ALWAYS AS (shop.email_of(customer)) STORED); \
         INSERT INTO shop.calls VALUES (17)",
    );
    is_refused(&production, 5, &["shop.calls.who"]);
    // So is a table wherever it is.
    production.sql(
        "DROP TABLE shop.calls; CREATE TABLE information_schema.hidden AS SELECT email FROM shop.customers",
    );
    is_refused(&production, 5, &["information_schema.hidden.email"]);
}

#[test]
fn the_jobs_of_a_scheduler_in_its_usual_database_stay_behind() {
    let mut production = Production::new();
    production.stop();
    let conf = production.data().join("postgresql.conf");
    let settings = std::fs::read_to_string(&conf).unwrap() + "shared_preload_libraries = 'pg_cron'\n";
    std::fs::write(conf, settings).unwrap();
    production.start();
    let elsewhere = production.superuser().replace("dbname=shop", "dbname=postgres");
    for sql in [
        "CREATE EXTENSION pg_cron",
        "SELECT cron.schedule('0 0 1 1 *', 'SELECT ''kanari of a job'''); ANALYZE",
    ] {
        ask(&elsewhere, sql).unwrap();
    }
    production.branch("fix-42");
    let receipt = production.envclone(&["show", "fix-42", "--receipt"]).ok();
    assert!(
        receipt.contains("jobs of pg_cron in database postgres"),
        "{receipt}"
    );
    let needles = ["kanari of a job".to_owned()];
    production.stop();
    assert_eq!(find(&[&production.root()], &needles).len(), 1, "the control");
    assert_eq!(find(&[&production.pool().join(".envclone")], &needles).len(), 0);
}
