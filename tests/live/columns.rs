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
