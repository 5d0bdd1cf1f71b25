//! Columns that are other than they look.

use crate::branch::url_of;
use crate::production::{Production, RULES, ask};

/// Makes a type that stores text under a name of the server's own.
fn make_type(production: &Production, name: &str) {
    for statement in [
        "CREATE TYPE public.NAME",
        "CREATE FUNCTION public.NAME_in(cstring) RETURNS public.NAME LANGUAGE internal IMMUTABLE STRICT AS 'textin'",
        "CREATE FUNCTION public.NAME_out(public.NAME) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout'",
        "CREATE TYPE public.NAME (INPUT = public.NAME_in, OUTPUT = public.NAME_out, LIKE = pg_catalog.text)",
    ] {
        production.sql(&statement.replace("NAME", name));
    }
}

#[test]
fn a_type_that_is_named_like_one_of_the_servers_exempts_nothing() {
    let production = Production::new();
    for name in ["uuid", "bool", "int4"] {
        make_type(&production, name);
    }
    production.sql("CREATE DOMAIN public.int8 AS text");
    production.sql(
        "CREATE TABLE shop.things (id serial PRIMARY KEY, code public.uuid, flag public.bool, amount public.int4, number public.int8)",
    );
    production.sql("INSERT INTO shop.things (code, flag, amount, number) VALUES ('kanari-1', 'kanari-2', 'kanari-3', 'kanari-4')");
    production.sql("ALTER TABLE shop.things OWNER TO shop");
    let before = production.world();
    production.envclone(&["branch", "prod", "fix-42"]).refused(
        5,
        &[
            "4 columns are not classified",
            "db.shop.things.code (public.uuid)",
            "db.shop.things.flag (public.bool)",
            "db.shop.things.amount (public.int4)",
            "db.shop.things.number (text)",
        ],
    );
    assert_eq!(production.world(), before);
}

#[test]
fn values_that_differ_by_case_only_stay_unique() {
    let production = Production::new();
    production.sql("CREATE TABLE shop.logins (email text NOT NULL UNIQUE, code text NOT NULL UNIQUE)");
    production.sql(
        "INSERT INTO shop.logins VALUES ('Kanari.X@original-mail.test', 'f47ac10b-58cc-4372-a567-0e02b2c3d479'), \
         ('kanari.x@original-mail.test', 'F47AC10B-58CC-4372-A567-0E02B2C3D479'), \
         ('KANARI.X@ORIGINAL-MAIL.TEST', 'f47ac10b-58cc-4372-a567-0e02b2c3d478')",
    );
    production.sql("ALTER TABLE shop.logins OWNER TO shop");
    let rules = format!("{RULES}\n[db.\"shop.logins\"]\nemail = \"email\"\ncode = \"uuid\"\n");
    production.configure(&production.configuration(), &rules);
    let url = url_of(&production.branch("fix-42"));
    let counted = "SELECT count(DISTINCT email), count(DISTINCT lower(email)), count(DISTINCT code), count(DISTINCT lower(code)) FROM shop.logins";
    assert_eq!(ask(&url, counted).unwrap(), "3|1|3|2");
    assert_eq!(
        ask(
            &url,
            "SELECT count(*) FROM shop.logins WHERE lower(email) LIKE '%@example.com'"
        )
        .unwrap(),
        "3"
    );
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn addresses_that_differ_by_white_space_only_stay_unique() {
    let production = Production::new();
    production.sql("CREATE TABLE shop.logins (email text NOT NULL UNIQUE, amount numeric(6,2))");
    production.sql("CREATE UNIQUE INDEX ON shop.logins (lower(email))");
    production.sql(
        "INSERT INTO shop.logins VALUES ('kanari.x@original-mail.test', 9999.99), \
         ('kanari.x@original-mail.test ', NULL), (E'\\tkanari.x@original-mail.test', -1)",
    );
    production.sql("ALTER TABLE shop.logins OWNER TO shop");
    let rules = format!("{RULES}\n[db.\"shop.logins\"]\nemail = \"email\"\namount = \"empty\"\n");
    production.configure(&production.configuration(), &rules);
    let url = url_of(&production.branch("fix-42"));
    let counted = "SELECT count(DISTINCT lower(email)), count(DISTINCT btrim(email, E' \\t')), sum(amount) FROM shop.logins";
    assert_eq!(ask(&url, counted).unwrap(), "3|1|0.00");
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn a_default_is_what_the_server_computes_and_calls_nothing_of_the_data() {
    let production = Production::new();
    production.sql(
        "CREATE TYPE shop.mood AS ENUM ('calm', 'loud'); \
         CREATE FUNCTION shop.chosen() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN \
             RETURN 'kanari'; END $$; \
         CREATE DOMAIN shop.code AS text CHECK (shop.chosen() <> VALUE); \
         CREATE TABLE shop.settings (id serial PRIMARY KEY, theme varchar(10) DEFAULT 'dark' || '-' || lower('BLUE'), \
            feeling shop.mood DEFAULT 'calm', seen timestamptz DEFAULT now() - interval '1 day', since date DEFAULT (now() AT TIME ZONE 'utc')::date, \
            ratio numeric(6,2) DEFAULT 1.5, tags text[] DEFAULT ARRAY['a b', 'c'], flags jsonb DEFAULT '{\"a\": 1}', blob bytea DEFAULT '\\x00ff', \
            number bigint DEFAULT nextval('shop.orders_id_seq'), token uuid DEFAULT gen_random_uuid(), own text DEFAULT shop.chosen(), \
            code shop.code DEFAULT 'x', plain text); \
         ALTER TABLE shop.settings OWNER TO shop; \
         INSERT INTO shop.settings (theme, feeling, seen, since, ratio, tags, flags, blob, number, token, own, code, plain) SELECT 'kanari', 'loud', '1999-01-01', \
            '1999-01-01', n, '{kanari}', '{\"kanari\": 2}', 'kanari', n, gen_random_uuid(), 'kanari', NULL, NULL FROM generate_series(1, 9) n; \
         UPDATE shop.settings SET theme = NULL WHERE id = 1",
    );
    let configure = |rest: &str| {
        let good: Vec<&str> = "theme feeling seen since ratio tags flags blob"
            .split(' ')
            .collect();
        let rules: Vec<String> = good
            .iter()
            .map(|name| format!("{name} = \"default\"\n"))
            .collect();
        let rules = format!("{RULES}\n[db.\"shop.settings\"]\n{}{rest}\n", rules.concat());
        production.configure(&production.configuration(), &rules);
    };
    let others =
        "number = \"permute\"\ntoken = \"uuid\"\nown = \"null\"\ncode = { keep = 'x' }\nplain = \"null\"";
    for (column, rule, said) in [
        ("number", "permute", "another one for each row"),
        ("token", "uuid", "another one for each row"),
        ("own", "null", "functions or types of the data"),
        ("plain", "null", "and it has none"),
    ] {
        configure(&others.replace(
            &format!("{column} = \"{rule}\""),
            &format!("{column} = \"default\""),
        ));
        let named = format!("db.shop.settings.{column}: default gives every row the column's DEFAULT");
        production
            .envclone(&["sanitize", "check"])
            .refused(2, &[&named, said]);
    }
    configure(&others.replace("code = { keep = 'x' }", "code = \"default\""));
    production.envclone(&["sanitize", "check"]).refused(
        2,
        &["db.shop.settings.code: default", "functions or types of the data"],
    );
    configure(others);
    let url = url_of(&production.branch("fix-42"));
    let answer = ask(
        &url,
        "SELECT count(*), count(theme), min(theme), bool_and(feeling = 'calm'), bool_and(seen > now() - interval '2 days' AND seen < now()), \
         bool_and(since >= current_date - 1), min(ratio), max(ratio), min(tags), bool_and(flags = '{\"a\": 1}'), min(blob::text), \
         count(DISTINCT token) FROM shop.settings",
    );
    assert_eq!(
        answer.unwrap(),
        "9|8|dark-blue|t|t|t|1.50|1.50|{\"a b\",c}|t|\\x00ff|9"
    );
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn values_become_what_a_list_beside_the_rules_says() {
    let production = Production::new();
    let rules = RULES.replace(
        "status = { keep = \"state of the order\" }",
        "status = [{ transform = \"dictionary\", file = \"lists/states.txt\", where = \"id % 2 = 0\" }, { transform = \"choice\", file = \"words.txt\" }]",
    );
    production.configure(&production.configuration(), &rules);
    let list = |name: &str, text: &str| {
        let path = production.etc().join("sanitize").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    list("words.txt", "sent\nkept\n");
    let before = production.world();
    production
        .envclone(&["sanitize", "check"])
        .refused(2, &["there is no list", "lists/states.txt"]);
    list("lists/states.txt", "paid without a tab");
    production.envclone(&["sanitize", "check"]).refused(
        2,
        &["lists/states.txt, line 1: a value, a tab, and what replaces it"],
    );
    // A value that the list does not name stops the branch.
    list("lists/states.txt", "payed\tbought\n");
    production.envclone(&["branch", "prod", "fix-42"]).refused(
        1,
        &[
            "a value of shop.orders.status (key: id) could not be replaced",
            "no entry of its list",
        ],
    );
    assert_eq!(production.world(), before);
    list("lists/states.txt", "paid\tbought\n");
    let document = production.branch("fix-42");
    let counted = "SELECT count(*) FILTER (WHERE status = 'bought' AND id % 2 = 0), count(*) FILTER (WHERE status IN ('sent', 'kept')), count(*) FROM shop.orders";
    assert_eq!(ask(&url_of(&document), counted).unwrap(), "200|200|400");
    list("lists/states.txt", "paid\tbought\nsent\tleft\n");
    let policy = production.envclone(&["config", "--json"]).json()["policy"].clone();
    assert_ne!(
        document["sanitization"]["policy"], policy,
        "another list is another policy"
    );
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn an_index_that_was_never_finished_stays_so_and_holds_no_original() {
    let production = Production::new();
    production.sql("ROLLBACK PREPARED 'stale'");
    production.sql("CREATE TABLE shop.twice (id integer PRIMARY KEY, who text NOT NULL, kind text)");
    // Long enough for the index to be read side by side with others.
    production.sql("INSERT INTO shop.twice SELECT n, 'Kanari Twice' || n || repeat('x', 500), 'same' FROM generate_series(1, 9000) n");
    production.sql("CREATE INDEX twice_who ON shop.twice (who)");
    production.sql("ALTER TABLE shop.twice OWNER TO shop");
    for index in [
        "twice_kind ON shop.twice (kind)",
        "twice_both ON shop.twice (kind, lower(kind))",
    ] {
        let failed = ask(
            &production.superuser(),
            &format!("CREATE UNIQUE INDEX CONCURRENTLY {index}"),
        );
        assert!(failed.is_err(), "the control");
    }
    let rules = format!("{RULES}\n[db.\"shop.twice\"]\nwho = \"name\"\nkind = {{ keep = \"a kind\" }}\n");
    production.configure(&production.configuration(), &rules);
    let state = "SELECT string_agg(concat_ws(' ', relname, indisvalid, indisready, indislive), ';' ORDER BY relname) \
        FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid WHERE indrelid = 'shop.twice'::regclass";
    let before = production.sql(state);
    assert!(before.contains("twice_kind f"), "{before}");
    let url = url_of(&production.branch("fix-42"));
    assert_eq!(ask(&url, state).unwrap(), before);
    let rows = "SELECT count(*), count(*) FILTER (WHERE who ~* 'kanari') FROM shop.twice";
    assert_eq!(ask(&url, rows).unwrap(), "9000|0");
    assert_eq!(
        ask(&url, "SELECT max(pg_relation_size(indexrelid)) <= 16384 FROM pg_index WHERE indrelid = 'shop.twice'::regclass AND NOT indisvalid")
            .unwrap(),
        "t"
    );
    production.envclone(&["destroy", "fix-42"]).ok();
}
