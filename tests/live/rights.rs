//! With whose rights code of the data runs while a branch is made: never with more than in production, where whoever owns
//! the table writes its rows. A role that may make functions, but may not read other tables, learns nothing of them.

use crate::bad_input::refused;
use crate::branch::url_of;
use crate::production::{Production, RULES, ask};

/// A role that may read no table of others; its code notes who it runs as, and the addresses, if it can have them.
const SPY: &str = r"
CREATE ROLE dev CONNECTION LIMIT 0 VALID UNTIL 'yesterday';
CREATE SCHEMA dev AUTHORIZATION dev;
REVOKE CONNECT ON DATABASE shop FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO reporting;
GRANT USAGE ON SCHEMA shop TO dev;
SET ROLE dev;
CREATE TABLE dev.took (who text, what text);
GRANT INSERT ON dev.took TO PUBLIC;
CREATE FUNCTION dev.spy(how text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    taken text;
BEGIN
    BEGIN RESET ROLE; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN RESET SESSION AUTHORIZATION; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN
        EXECUTE 'SELECT reverse(string_agg(email, '','')) FROM shop.customers' INTO taken;
    EXCEPTION WHEN insufficient_privilege THEN
        taken := 'nothing';
    END;
    INSERT INTO dev.took VALUES (session_user || ' ' || current_user || ' ' || how, taken);
    RETURN true;
END $$;
CREATE FUNCTION dev.same(how text, given text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN PERFORM dev.spy(how); RETURN given; END $$;
CREATE DOMAIN dev.word AS text CHECK (dev.spy('domain'));
CREATE DOMAIN dev.words AS dev.word[];
CREATE TYPE dev.pair AS (one text, other dev.words);
CREATE TABLE dev.checked (id integer PRIMARY KEY, note text CHECK (dev.spy('check')));
CREATE TABLE dev.computed (id integer, note text, twice text GENERATED ALWAYS AS (dev.same('generated', note)) STORED);
CREATE TABLE dev.worded (id integer, note text, word dev.word);
CREATE TABLE dev.paired (id integer, note text, pair dev.pair);
CREATE TABLE dev.built_in (id integer, note text CHECK (query_to_xml('SELECT dev.spy(''built in'')', false, false, '') IS NOT NULL));
CREATE TABLE dev.late (id integer, note text CHECK (dev.spy('by hand')));
CREATE TABLE dev.cast_of (id integer, note text, pair dev.pair);
CREATE TABLE dev.kept (id integer, note text, pair dev.pair);
CREATE FUNCTION dev.number(how text) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN PERFORM dev.spy(how); RETURN 1; END $$;
CREATE TABLE dev.planned (id integer, note text);
CREATE INDEX ON dev.planned ((id + dev.number('index')));
CREATE INDEX ON dev.planned (id) WHERE id > dev.number('condition');
CREATE STATISTICS dev.guess ON (id + dev.number('statistics')), note FROM dev.planned;
CREATE TABLE dev.unmasked (id integer, note text);
CREATE INDEX ON dev.unmasked ((id + dev.number('index')));
CREATE STATISTICS dev.guess_too ON (id + dev.number('statistics')), note FROM dev.unmasked;
CREATE TABLE dev.parted (id integer, note text) PARTITION BY RANGE ((id + dev.number('partition')));
CREATE TABLE dev.part PARTITION OF dev.parted FOR VALUES FROM (0) TO (1000);
CREATE TABLE dev.ranged (id integer, n integer) PARTITION BY LIST (id);
CREATE TABLE dev.ranged_in PARTITION OF dev.ranged DEFAULT PARTITION BY RANGE ((n + dev.number('partition of a partition')));
CREATE TABLE dev.ranged_in_it PARTITION OF dev.ranged_in DEFAULT;
ALTER TABLE dev.checked ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY nobody ON dev.checked USING (false);
CREATE FUNCTION dev.text_of(dev.pair) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN PERFORM dev.spy('cast'); RETURN 'text'; END $$;
CREATE CAST (dev.pair AS text) WITH FUNCTION dev.text_of(dev.pair);
-- What it calls has reset the role, it may be.
SET ROLE dev;
CREATE TABLE dev.tagged (id integer, note text, tags dev.words);
CREATE TABLE dev.judged (id integer, note text, pair dev.pair);
ALTER TABLE dev.judged ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
RESET ROLE;
CREATE TABLE public.above (id integer, note text CHECK (dev.spy('above')));
DO $$
DECLARE
    one text;
BEGIN
    FOREACH one IN ARRAY ARRAY['dev.checked', 'dev.computed', 'dev.worded', 'dev.paired', 'dev.built_in', 'dev.late',
        'dev.cast_of', 'dev.kept', 'dev.planned', 'dev.unmasked', 'dev.parted', 'dev.judged', 'dev.tagged', 'public.above']
    LOOP
        EXECUTE format('INSERT INTO %s (id, note) SELECT n, ''Kanari note '' || n FROM generate_series(1, 50) n', one);
    END LOOP;
END $$;
UPDATE dev.worded SET word = 'a word';
UPDATE dev.paired SET pair = ROW('one', ARRAY['two', 'three']);
UPDATE dev.cast_of SET pair = ROW('kanari one', NULL);
UPDATE dev.kept SET pair = ROW('one', NULL);
UPDATE dev.judged SET pair = ROW('one', NULL);
UPDATE dev.tagged SET tags = ARRAY['staff'];
-- Long values are measured and read in pieces.
UPDATE dev.kept SET pair = ROW((SELECT string_agg(md5(n::text), '') FROM generate_series(1, 1000) n), NULL) WHERE id = 1;
ALTER TABLE dev.late ADD CHECK (note !~ 'Kanari') NOT VALID;
TRUNCATE dev.took;
";

const SPY_RULES: &str = r#"
[db."dev.took"]
who = { keep = "names of roles" }
what = { keep = "what was taken" }
[db."dev.checked"]
note = { transform = "text", mode = "scramble" }
[db."dev.computed"]
note = { transform = "text", mode = "scramble" }
twice = { keep = "of the replaced note" }
[db."dev.worded"]
note = { transform = "text", mode = "scramble" }
word = { keep = "a word" }
[db."dev.paired"]
note = { transform = "text", mode = "scramble" }
pair = { keep = "words" }
[db."dev.built_in"]
note = { transform = "text", mode = "scramble" }
[db."dev.late"]
note = { transform = "text", mode = "scramble" }
[db."dev.cast_of"]
rows = "delete"
[db."dev.kept"]
note = { keep = "a note" }
pair = { keep = "words" }
[db."dev.planned"]
note = { transform = "text", mode = "scramble" }
[db."dev.unmasked"]
note = { keep = "a note" }
[db."dev.parted"]
note = { keep = "a note" }
[db."dev.judged"]
note = [{ transform = "text", mode = "scramble", where = "length(pair::text) = 4" }, { keep = "none" }]
pair = { keep = "words" }
[db."dev.tagged"]
note = [{ transform = "text", mode = "scramble", where = "tags @> '{staff}'" }, { keep = "none" }]
tags = { keep = "words" }
[db."public.above"]
note = { transform = "text", mode = "scramble" }
"#;

/// What must be as it was: roles, who may connect, and what the tables are told about themselves.
const AS_IT_WAS: &str = "SELECT string_agg(concat_ws(' ', rolname, rolcanlogin, rolconnlimit, rolvaliduntil), ';' ORDER BY rolname) \
    || (SELECT datacl::text FROM pg_database WHERE datname = current_database()) \
    || (SELECT string_agg(concat_ws(' ', relname, relrowsecurity, relforcerowsecurity, relchecks, relhasindex, \
        relhastriggers, relacl), ';' ORDER BY relname) FROM pg_class WHERE relnamespace = 'dev'::regnamespace) \
    || (SELECT string_agg(concat_ws(' ', indexrelid::regclass, indisvalid), ';' ORDER BY indexrelid) FROM pg_index \
        WHERE indrelid::regclass::text LIKE 'dev.%') \
    || (SELECT string_agg(concat_ws(' ', stxname, stxrelid::regclass), ';' ORDER BY stxname) FROM pg_statistic_ext) \
    || (SELECT count(*) FROM pg_auth_members) FROM pg_roles WHERE rolname NOT IN ('admin')";

#[test]
fn code_of_the_data_runs_with_the_rights_of_who_owns_the_table() {
    let production = Production::new();
    let configuration = production
        .configuration()
        .replace("user = \"shop\"", "user = \"admin\"");
    production.configure(&configuration, &format!("{RULES}{SPY_RULES}"));
    production.sql("ROLLBACK PREPARED 'stale'");
    production.sql(SPY);
    let before = production.sql(AS_IT_WAS);
    // The control: as the superuser it takes them.
    production.sql("INSERT INTO public.above VALUES (51, 'Kanari note 51')");
    let took = "SELECT string_agg(DISTINCT who || ' ' || left(what, 7), ';' ORDER BY who || ' ' || left(what, 7)) FROM dev.took";
    let control = production.sql(took);
    assert!(
        control.starts_with("postgres postgres above ") && !control.ends_with("nothing"),
        "{control}"
    );
    production.sql("TRUNCATE dev.took");

    let document = production.branch("fix-42");
    let url = url_of(&document);
    let answer = |sql: &str| ask(&url, sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    let taken = answer(took);
    let (above, own): (Vec<_>, Vec<_>) = taken.split(';').partition(|line| line.contains("above"));
    // Indexes and statistics are made by the superuser's session with the rights of the owner.
    let (by_server, own): (Vec<_>, Vec<_>) = own
        .into_iter()
        .partition(|line| line.starts_with("postgres dev "));
    let made = |line: &&str| {
        let place = line
            .trim_start_matches("postgres dev ")
            .trim_end_matches(" nothing");
        line.ends_with(" nothing") && ["index", "condition", "statistics"].contains(&place)
    };
    assert!(by_server.iter().all(made), "{by_server:?}");
    let places = ["built in", "by hand", "cast", "check", "domain", "generated"];
    let expected: Vec<_> = places
        .iter()
        .map(|place| format!("dev dev {place} nothing"))
        .collect();
    assert_eq!(own, expected);
    // The table of a superuser, with code of somebody else's: a role that may write, and read nothing.
    assert_eq!(above.len(), 1, "{above:?}");
    assert!(
        above[0].ends_with(" above nothing") && !above[0].starts_with("postgres"),
        "{above:?}"
    );
    assert_eq!(answer(AS_IT_WAS), before);
    for table in [
        "checked", "computed", "worded", "paired", "built_in", "late", "planned", "judged", "tagged",
    ] {
        let sql = format!("SELECT count(*), count(*) FILTER (WHERE note ~* 'kanari') FROM dev.{table}");
        assert_eq!(answer(&sql), "50|0", "{table}");
    }
    assert_eq!(
        answer("SELECT count(*) FROM public.above WHERE note !~* 'kanari'"),
        "51"
    );
    assert_eq!(answer("SELECT count(*) FROM dev.cast_of"), "0");
}

/// Code that puts a view in a table's place as soon as it runs in a branch.
const EXCHANGE: &str = r"
CREATE ROLE dev; CREATE SCHEMA dev AUTHORIZATION dev;
SET ROLE dev;
CREATE TABLE dev.took (who text);
CREATE FUNCTION dev.spy(given text) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO dev.took SELECT email FROM shop.customers; RETURN given; END $$;
CREATE TABLE dev.kept (id integer, note text);
INSERT INTO dev.kept SELECT n, 'a note ' || n FROM generate_series(1, 10) n;
CREATE FUNCTION dev.exchange() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF session_user = 'dev' AND to_regclass('dev.away') IS NULL THEN
        ALTER TABLE dev.kept RENAME TO away;
        CREATE VIEW dev.kept AS SELECT id, dev.spy(note) AS note FROM dev.away;
    END IF;
    RETURN true;
END $$;
CREATE TABLE dev.checked (id integer, note text CHECK (dev.exchange()));
INSERT INTO dev.checked SELECT n, 'Kanari note ' || n FROM generate_series(1, 10) n;
";
const EXCHANGE_RULES: &str = r#"
[db."dev.took"]
who = { keep = "what was taken" }
[db."dev.kept"]
note = { keep = "a note" }
[db."dev.checked"]
note = { transform = "text", mode = "scramble" }
"#;

#[test]
fn a_view_that_code_of_the_data_puts_in_a_tables_place_is_read_by_nobody() {
    let production = Production::new();
    production.configure(&production.configuration(), &format!("{RULES}{EXCHANGE_RULES}"));
    production.sql(EXCHANGE);
    refused(&production, 5, &["dev.kept is now dev.away"]);
}

/// Code of a table that acts once, as soon as it runs in a branch: `THE_PLACE` says where it is called, `THE_DEED` what it does. The first
/// table is the largest, and those that it acts on are small: they come later.
const TRAP: &str = r"
CREATE ROLE dev; CREATE SCHEMA dev AUTHORIZATION dev; GRANT USAGE ON SCHEMA shop TO dev;
SET ROLE dev;
CREATE TABLE dev.took (who text, what text);
GRANT INSERT ON dev.took TO PUBLIC;
CREATE TABLE dev.sprung (done boolean);
CREATE FUNCTION dev.spy(how text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    taken text;
BEGIN
    BEGIN
        EXECUTE 'SELECT reverse(string_agg(email, '','')) FROM shop.customers' INTO taken;
    EXCEPTION WHEN insufficient_privilege THEN
        taken := 'nothing';
    END;
    INSERT INTO dev.took VALUES (session_user || ' ' || current_user || ' ' || how, taken);
    RETURN true;
END $$;
CREATE FUNCTION dev.number(how text) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN PERFORM dev.spy(how); RETURN 1; END $$;
CREATE DOMAIN dev.word AS text;
CREATE TYPE dev.pair AS (one text, other text);
CREATE FUNCTION dev.text_of(dev.pair) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN PERFORM dev.spy('cast'); RETURN 'text'; END $$;
CREATE CAST (dev.pair AS text) WITH FUNCTION dev.text_of(dev.pair);
CREATE TABLE dev.first (id integer, note text);
CREATE TABLE dev.second (id integer, note text);
CREATE TABLE dev.kept (id integer, note text);
CREATE TABLE dev.worded (word dev.word, note varchar(20));
INSERT INTO dev.first SELECT n, 'Kanari note ' || n FROM generate_series(1, 3000) n;
INSERT INTO dev.second SELECT n, 'Kanari note ' || n FROM generate_series(1, 2900) n;
INSERT INTO dev.kept SELECT n, 'a note ' || n FROM generate_series(1, 10) n;
INSERT INTO dev.worded VALUES ('a word', 'Kanari note');
CREATE FUNCTION dev.act() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$;
CREATE FUNCTION dev.spring(given text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN PERFORM dev.act(); RETURN given; END $$;
THE_PLACE;
CREATE OR REPLACE FUNCTION dev.act() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM dev.sprung) THEN
        INSERT INTO dev.sprung VALUES (true);
        THE_DEED;
    END IF;
    RETURN true;
END $$;
RESET ROLE;
";
const TRAP_RULES: &str = r#"
[db."dev.took"]
who = { keep = "names of roles" }
what = { keep = "what was taken" }
[db."dev.first"]
note = { transform = "text", mode = "scramble" }
[db."dev.second"]
note = { transform = "text", mode = "scramble" }
[db."dev.kept"]
note = { keep = "a note" }
[db."dev.worded"]
word = { keep = "a word" }
note = { transform = "text", mode = "scramble" }
"#;
const OF_AN_INDEX: &str = "CREATE INDEX ON dev.first (dev.spring(note))";
const OF_A_CHECK: &str = "ALTER TABLE dev.first ADD CHECK (dev.spring(note) <> '')";

fn configure(production: &Production, rules: &str) {
    let configuration = production
        .configuration()
        .replace("user = \"shop\"", "user = \"admin\"");
    production.configure(&configuration, &format!("{RULES}{rules}"));
}

fn trapped(place: &str, act: &str) -> Production {
    let production = Production::new();
    configure(&production, TRAP_RULES);
    production.sql("ROLLBACK PREPARED 'stale'");
    production.sql(&TRAP.replace("THE_PLACE", place).replace("THE_DEED", act));
    production.sql("TRUNCATE dev.took");
    production
}

/// In a branch of it the trap was sprung, and took nothing.
#[track_caller]
fn took_nothing(production: &Production) {
    let url = url_of(&production.branch("fix-42"));
    let answer = |sql: &str| ask(&url, sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    assert_eq!(answer("SELECT count(*) FROM dev.sprung"), "1", "it never ran");
    let took = "SELECT coalesce(string_agg(DISTINCT who || ' ' || left(what, 7), ';'), '') FROM dev.took \
        WHERE what <> 'nothing' OR who LIKE 'postgres postgres%'";
    assert_eq!(answer(took), "");
    for table in ["first", "second", "worded"] {
        let sql = format!("SELECT count(*) FROM dev.{table} WHERE note ~* 'kanari'");
        assert_eq!(answer(&sql), "0", "{table}");
    }
}

#[test]
fn what_code_of_an_index_changes_is_met_by_no_superuser() {
    // A domain of a table that has no code itself.
    let act = "ALTER DOMAIN dev.word ADD CONSTRAINT laid CHECK (dev.spy('domain')) NOT VALID";
    took_nothing(&trapped(OF_AN_INDEX, act));
}

#[test]
fn an_index_that_code_of_the_data_makes_is_planned_with_by_no_superuser() {
    let act = "CREATE INDEX ON dev.kept ((id + dev.number('planner')))";
    took_nothing(&trapped(OF_A_CHECK, act));
}

#[test]
fn tables_that_code_of_the_data_makes_or_changes_stop_the_branch() {
    let cases = [
        (
            "ALTER TABLE dev.kept ALTER note TYPE dev.pair USING ROW(note, NULL)::dev.pair",
            "dev.kept has other columns",
        ),
        (
            "CREATE TABLE dev.stash AS SELECT reverse(note) AS note FROM dev.second",
            "dev.stash appeared",
        ),
        (
            "DROP TABLE dev.kept; CREATE TABLE dev.kept AS SELECT 1 AS id, 'a note'::text AS note",
            "dev.kept is another one",
        ),
        ("DROP TABLE dev.kept", "dev.kept vanished"),
        ("PERFORM lo_from_bytea(0, 'a note')", "large objects appeared"),
        ("ALTER ROLE dev PASSWORD 'production''s'", "changed roles"),
    ];
    for (number, (act, said)) in cases.into_iter().enumerate() {
        let place = if number % 2 == 0 { OF_AN_INDEX } else { OF_A_CHECK };
        let production = trapped(place, act);
        refused(&production, 5, &[said]);
    }
}

#[test]
fn an_index_of_a_superusers_table_that_calls_a_function_of_another_role_is_refused() {
    let production = trapped(OF_A_CHECK, "NULL");
    production.sql("CREATE TABLE public.dba (id integer, note text)");
    production.sql("INSERT INTO public.dba VALUES (1, 'Kanari note')");
    production.sql("CREATE INDEX ON public.dba (dev.spring(note))");
    let rules = "[db.\"public.dba\"]\nnote = { transform = \"text\", mode = \"scramble\" }\n";
    configure(&production, &format!("{TRAP_RULES}{rules}"));
    let before = production.world();
    production.envclone(&["branch", "prod", "fix-42"]).refused(
        1,
        &[
            "public.dba belongs to a superuser",
            "an index that calls a function",
        ],
    );
    assert_eq!(production.world(), before);
    // A superuser vouches for its own.
    production.sql("ALTER FUNCTION dev.spring(text) OWNER TO postgres");
    production.branch("fix-42");
}

#[test]
fn what_code_of_the_data_copies_to_where_it_would_be_kept_stops_the_branch() {
    let both = format!("{OF_A_CHECK}; ALTER TABLE dev.second ADD CHECK (dev.spring(note) <> '')");
    // The larger table is loaded first, the other is raw then.
    let production = trapped(&both, "INSERT INTO dev.kept SELECT id, note FROM dev.second");
    refused(&production, 5, &["originals were found", "dev.second.note"]);
    let production = trapped(OF_A_CHECK, "INSERT INTO dev.kept SELECT id, note FROM dev.first");
    // While a condition is evaluated, its table is raw.
    let conditional = TRAP_RULES.replace(
        "[db.\"dev.first\"]\nnote = { transform = \"text\", mode = \"scramble\" }",
        "[db.\"dev.first\"]\nnote = [{ transform = \"text\", mode = \"scramble\", where = \"dev.spring(note) <> ''\" }, { keep = \"none\" }]",
    );
    assert_ne!(conditional, TRAP_RULES);
    configure(&production, &conditional);
    refused(&production, 5, &["originals were found", "dev.first.note"]);
}

/// Tables with code that looks rows up in each other, as of an application.
const LOOKUPS: &str = r"
CREATE SCHEMA app AUTHORIZATION shop;
SET ROLE shop;
CREATE FUNCTION app.is_address(given text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN given LIKE '%@%'; END $$;
CREATE TABLE app.people (id integer PRIMARY KEY, email text CHECK (app.is_address(email)));
CREATE FUNCTION app.is_known(person integer) RETURNS boolean LANGUAGE plpgsql STABLE AS
    $$ BEGIN RETURN EXISTS (SELECT FROM app.people WHERE id = person); END $$;
CREATE TABLE app.notes (id integer PRIMARY KEY, person integer, body text CHECK (app.is_address('@')));
CREATE TABLE app.orders (id integer PRIMARY KEY, person integer CHECK (app.is_known(person)), recipient text);
INSERT INTO app.people SELECT n, 'ada.kanari' || n || '@example.org' FROM generate_series(1, 50) n;
INSERT INTO app.notes SELECT n, n, 'Kanari called, number ' || n FROM generate_series(1, 40) n;
INSERT INTO app.orders SELECT n, 1 + n % 50, 'Ada Kanari ' || n FROM generate_series(1, 3000) n;
ANALYZE app.people;
RESET ROLE;
";
const LOOKUPS_RULES: &str = r#"
[db."app.people"]
email = "email"
[db."app.notes"]
body = [{ transform = "text", mode = "lorem", where = "app.is_known(person)" }, { keep = "notes of staff" }]
[db."app.orders"]
recipient = { transform = "text", mode = "scramble" }
"#;

#[test]
fn checks_and_conditions_find_the_rows_of_other_tables() {
    let production = Production::new();
    production.configure(&production.configuration(), &format!("{RULES}{LOOKUPS_RULES}"));
    production.sql(LOOKUPS);
    let url = url_of(&production.branch("fix-42"));
    let answer = |sql: &str| ask(&url, sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    assert_eq!(
        answer("SELECT count(*) FROM app.orders WHERE recipient !~* 'kanari'"),
        "3000"
    );
    assert_eq!(
        answer("SELECT count(*) FROM app.notes WHERE body !~* 'kanari'"),
        "40"
    );
    assert_eq!(
        answer("SELECT count(*) FROM app.people WHERE email !~* 'kanari'"),
        "50"
    );
}

#[test]
fn code_of_the_data_finds_nothing_of_other_tables_in_statistics() {
    let act = "INSERT INTO dev.kept SELECT 0, reverse(unnest(histogram_bounds::text::text[])) FROM pg_stats \
               WHERE schemaname = 'dev' AND attname = 'note' AND tablename IN ('first', 'second')";
    let production = trapped(OF_A_CHECK, act);
    production.sql("ANALYZE dev.first, dev.second");
    took_nothing(&production);
    let url = production.envclone(&["url", "fix-42", "db"]).ok();
    assert_eq!(
        ask(url.trim(), "SELECT count(*) FROM dev.kept").as_deref(),
        Ok("10")
    );
}

#[test]
fn no_materialized_view_is_filled_from_another_that_is_still_raw() {
    let production = Production::new();
    production.sql("ROLLBACK PREPARED 'stale'");
    production.sql(
        "CREATE MATERIALIZED VIEW public.b_all AS SELECT id, email FROM shop.customers; \
         CREATE FUNCTION public.look(integer) RETURNS text LANGUAGE sql STABLE AS 'SELECT left(email, 9) FROM public.b_all WHERE id = $1'; \
         CREATE MATERIALIZED VIEW public.a_short AS SELECT id, public.look(id) AS short FROM shop.customers; \
         GRANT SELECT ON public.a_short, public.b_all TO PUBLIC",
    );
    let pieces =
        "SELECT count(*), count(short), count(*) FILTER (WHERE short LIKE 'kanari%') FROM public.a_short";
    let control = production.sql(pieces);
    assert!(control.ends_with("|300"), "{control}");
    let url = url_of(&production.branch("fix-42"));
    assert_eq!(ask(&url, pieces).unwrap(), "300|300|0");
}

/// Materialized views of which the first puts the third in the place of the second, and the third itself back.
const VIEWS: &str = "CREATE MATERIALIZED VIEW dev.mv_a AS SELECT dev.spring(note) AS note FROM dev.first WHERE id < 3; \
    CREATE MATERIALIZED VIEW dev.mv_b AS SELECT reverse(note) AS note FROM dev.first; \
    CREATE FUNCTION dev.back() RETURNS boolean LANGUAGE plpgsql AS $back$ BEGIN IF to_regclass('dev.mv_x') IS NOT NULL THEN \
        ALTER MATERIALIZED VIEW dev.mv_b RENAME TO mv_c; ALTER MATERIALIZED VIEW dev.mv_x RENAME TO mv_b; END IF; RETURN true; END $back$; \
    CREATE MATERIALIZED VIEW dev.mv_c AS SELECT dev.back() AS done";

#[test]
fn a_materialized_view_that_code_of_another_puts_away_for_a_while_is_missed() {
    let away =
        "ALTER MATERIALIZED VIEW dev.mv_b RENAME TO mv_x; ALTER MATERIALIZED VIEW dev.mv_c RENAME TO mv_b";
    let production = trapped(VIEWS, away);
    refused(
        &production,
        1,
        &["dev.mv_b is no longer the materialized view that it was"],
    );
}

#[test]
fn a_condition_that_calls_code_of_others_over_a_table_of_a_superuser_is_refused() {
    let production = trapped(OF_A_CHECK, "NULL");
    production.sql("CREATE TABLE public.judged (id integer, note text, pair dev.pair)");
    production.sql("INSERT INTO public.judged VALUES (1, 'Kanari note', ROW('one', NULL))");
    let rules = r#"
[db."public.judged"]
note = [{ transform = "text", mode = "scramble", where = "length(pair::text) = 4" }, { keep = "none" }]
pair = { keep = "words" }
"#;
    configure(&production, &format!("{TRAP_RULES}{rules}"));
    refused(
        &production,
        2,
        &["db.public.judged.note", "length(pair::text) = 4"],
    );
    // Which rows go is asked while everything is raw, by the superuser alone.
    let goes = "[db.\"dev.kept\"]\nnote = { keep = \"a note\" }\nrows = { action = \"delete\", where = \"dev.act()\" }\n";
    let all = format!("{TRAP_RULES}{rules}").replace("length(pair::text)", "id");
    let all = all.replace("[db.\"dev.kept\"]\nnote = { keep = \"a note\" }\n", goes);
    configure(&production, &all);
    production
        .envclone(&["branch", "prod", "fix-42"])
        .refused(2, &["db.dev.kept.rows", "dev.act()"]);
    // What the server's own functions tell of it calls nothing of the data.
    let rules = rules.replace(
        "length(pair::text) = 4",
        "(pair).one = 'one' AND now() > '2020-01-01'",
    );
    configure(&production, &format!("{TRAP_RULES}{rules}"));
    took_nothing(&production);
    production.envclone(&["destroy", "fix-42"]).ok();
    // A domain elsewhere whose values call code when they are read concerns only conditions that come to one.
    production.sql(
        "CREATE DOMAIN dev.mail AS text CHECK (dev.spring(value) <> ''); ALTER DOMAIN dev.mail OWNER TO dev",
    );
    production.sql("CREATE TABLE public.mails (number integer, mail dev.mail)");
    let with_delete = |condition: &str| {
        let goes = format!(
            "note = {{ keep = \"a note\" }}\nrows = {{ action = \"delete\", where = \"{condition}\" }}\n"
        );
        let all = TRAP_RULES.replace(
            "[db.\"dev.kept\"]\nnote = { keep = \"a note\" }\n",
            &format!("[db.\"dev.kept\"]\n{goes}"),
        );
        let others =
            "[db.\"public.judged\"]\nrows = \"delete\"\n[db.\"public.mails\"]\nmail = { keep = \"none\" }\n";
        configure(&production, &format!("{all}{others}"));
    };
    with_delete("id IN (SELECT number FROM public.mails WHERE mail = ANY ('{x}'))");
    production
        .envclone(&["branch", "prod", "fix-42"])
        .refused(2, &["db.dev.kept.rows", "may call code of the data"]);
    with_delete("id < 3 AND note > 'a'");
    took_nothing(&production);
}

#[test]
fn a_domain_of_others_over_a_superusers_table_runs_with_no_rights_of_a_superuser() {
    let production = Production::new();
    // No function of others is needed for it: one of the server's own runs what it is given.
    production.sql(
        "DROP FUNCTION shop.audit CASCADE; CREATE ROLE dev; CREATE SCHEMA dev AUTHORIZATION dev; SET ROLE dev; \
         CREATE DOMAIN dev.word AS text CHECK (session_user = 'admin' OR query_to_xml('SELECT lo_from_bytea(0, \
             convert_to(reverse(string_agg(email, '''')), ''UTF8'')) FROM shop.customers', false, false, '') IS NOT NULL); \
         RESET ROLE; CREATE TABLE public.worded (id integer, note text, word dev.word); SET SESSION AUTHORIZATION admin; \
         INSERT INTO public.worded VALUES (1, 'Kanari note', 'a word')",
    );
    let rules = r#"
[db."public.worded"]
note = { transform = "text", mode = "scramble" }
word = { keep = "a word" }
"#;
    configure(&production, rules);
    refused(
        &production,
        1,
        &["public.worded as a role that reads nothing", "42501"],
    );
}

/// A trigger that names the files with originals which a superuser can read: WAL, and whatever else lies in the data directory.
const LOOKING_ROUND: &str = r"
CREATE ROLE dev; CREATE SCHEMA dev AUTHORIZATION dev;
SET ROLE dev;
CREATE TABLE dev.inbox (id integer);
CREATE TABLE dev.took (who text, what text);
CREATE FUNCTION dev.look() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    place text;
    found text;
BEGIN
    FOR place IN SELECT 'pg_wal/' || name FROM pg_ls_waldir() UNION ALL
        SELECT d || '/' || f FROM unnest(ARRAY['base/' || (SELECT oid FROM pg_database WHERE datname = current_database()), 'global', 'pg_stat']) AS d,
            pg_ls_dir(d) AS f WHERE NOT (pg_stat_file(d || '/' || f)).isdir
    LOOP
        IF position(convert_to('original' || '-mail', 'UTF8') IN pg_read_binary_file(place)) > 0 THEN
            found := concat_ws(' ', found, place);
        END IF;
    END LOOP;
    INSERT INTO dev.took VALUES (current_user, coalesce(found, 'nothing'));
    RETURN new;
END $$;
CREATE TRIGGER look BEFORE INSERT ON dev.inbox FOR EACH ROW EXECUTE FUNCTION dev.look();
";

#[test]
fn triggers_that_the_owners_sql_fires_find_no_original() {
    let production = Production::new();
    production.sql("ROLLBACK PREPARED 'stale'");
    production.sql(LOOKING_ROUND);
    // The control: in production there is much to find.
    production.sql("INSERT INTO dev.inbox VALUES (1)");
    let took = "SELECT string_agg(who || ' ' || what, ';') FROM dev.took";
    let control = production.sql(took);
    assert!(
        control.contains("pg_wal/") && control.contains("base/"),
        "{control}"
    );
    production.sql("TRUNCATE dev.took, dev.inbox");
    let after = production.etc().join("after.sql");
    std::fs::write(after, "INSERT INTO dev.inbox VALUES (2)").unwrap();
    let configuration = production
        .configuration()
        .replace("user = \"shop\"", "user = \"admin\"")
        + "after = [\"after.sql\"]\n";
    let rules = "[db.\"dev.took\"]\nwho = { keep = \"a role\" }\nwhat = { keep = \"files\" }\n";
    production.configure(&configuration, &format!("{RULES}{rules}"));
    let url = url_of(&production.branch("fix-42"));
    assert_eq!(ask(&url, took).unwrap(), "postgres nothing");
}
