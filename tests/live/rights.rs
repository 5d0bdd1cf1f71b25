//! With whose rights code of the data runs while a branch is made: never with more than in production, where whoever owns
//! the table writes its rows. A role that may make functions, but may not read other tables, learns nothing of them.

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
ALTER TABLE dev.checked ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY nobody ON dev.checked USING (false);
CREATE FUNCTION dev.text_of(dev.pair) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN PERFORM dev.spy('cast'); RETURN 'text'; END $$;
CREATE CAST (dev.pair AS text) WITH FUNCTION dev.text_of(dev.pair);
RESET ROLE;
CREATE TABLE public.above (id integer, note text CHECK (dev.spy('above')));
DO $$
DECLARE
    one text;
BEGIN
    FOREACH one IN ARRAY ARRAY['dev.checked', 'dev.computed', 'dev.worded', 'dev.paired', 'dev.built_in', 'dev.late',
        'dev.cast_of', 'dev.kept', 'dev.planned', 'dev.unmasked', 'dev.parted', 'public.above']
    LOOP
        EXECUTE format('INSERT INTO %s (id, note) SELECT n, ''Kanari note '' || n FROM generate_series(1, 50) n', one);
    END LOOP;
END $$;
UPDATE dev.worded SET word = 'a word';
UPDATE dev.paired SET pair = ROW('one', ARRAY['two', 'three']);
UPDATE dev.cast_of SET pair = ROW('kanari one', NULL);
UPDATE dev.kept SET pair = ROW('one', NULL);
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
    let places = ["built in", "by hand", "check", "domain", "generated"];
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
        "checked", "computed", "worded", "paired", "built_in", "late", "planned",
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
    let before = production.world();
    let ended = production.envclone(&["branch", "prod", "fix-42"]);
    ended.refused(1, &["dev.kept is no longer the table that it was"]);
    assert_eq!(production.world(), before);
}
