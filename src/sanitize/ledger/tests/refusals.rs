//! Rules that cannot apply, and what is said of them.

use super::*;

#[test]
fn names_that_are_not_there_are_refused_with_the_nearest_that_is() {
    let (schema, rules) = database();
    let with = |more: &str| refusal(&schema, &format!("{rules}\n{more}"));
    assert_eq!(
        with("[db.'public.custmers']\nx = 'null'"),
        "r.toml:14:5: db has no table public.custmers; did you mean \"public.customers\"?"
    );
    assert!(
        with("[db.'shop.orders']").contains("db has no table shop.orders; did you mean \"public.orders\"?")
    );
    assert!(with("[db.'public.invoices']").ends_with("db has no table public.invoices"));
    assert_eq!(
        with("[db.'public.orders']\ncustomerid = 'null'"),
        "r.toml:15:1: db.public.orders has no column \"customerid\"; did you mean \"customer_id\"?"
    );
}

#[test]
fn rules_for_what_holds_no_values_of_its_own_are_refused() {
    let (mut schema, rules) = database();
    let with = |schema: &Schema, more: &str| refusal(schema, &format!("{rules}\n{more}"));
    assert!(with(&schema, "[db.'public.top_customers']\nemail = { keep = 'x' }").ends_with(
        "db.public.top_customers is a materialized view and is computed again; write rules for the tables it reads \
         (public.orders)"
    ));
    schema.tables[4].kind = TableKind::View;
    assert!(
        with(&schema, "[db.'public.top_customers']")
            .ends_with("is a view and holds no rows; write rules for the tables it reads (public.orders)")
    );
    schema.tables[4].kind = TableKind::Foreign;
    assert!(
        with(&schema, "[db.'public.top_customers']")
            .contains("is a foreign table: its rows are on another server")
    );
    let generated = rules.replace("email = \"email\"", "email = \"email\"\nemail_domain = 'null'");
    assert_eq!(
        refusal(&schema, &generated),
        "r.toml:4:1: db.public.customers.email_domain is computed from other columns and cannot be ruled; rule \
         those, it is computed again"
    );
}

#[test]
fn what_a_transform_cannot_do_to_a_column_is_refused_with_table_and_column() {
    let (schema, rules) = database();
    let email = |rule: &str| refusal(&schema, &rules.replace("email = \"email\"", rule));
    let null = email("email = 'null'");
    assert!(
        null.starts_with("r.toml:3:9: db.public.customers.email: null"),
        "{null}"
    );
    let fixed = email("email = { transform = 'fixed', value = 'x' }");
    assert!(
        fixed
            .contains("db.public.customers.email: fixed makes all values the same, but the column is unique")
    );
    let param = email("email = { transform = 'email', domian = 'x' }");
    assert!(param.contains("email has no parameter \"domian\""), "{param}");
    let not_null = table(
        "t",
        vec![Column {
            not_null: true,
            ..text("a")
        }],
    );
    let said = refusal(&super::schema(vec![not_null]), "[db.'public.t']\na = 'null'");
    assert!(
        said.contains("null gives NULL, which the column refuses (NOT NULL)"),
        "{said}"
    );
}

#[test]
fn both_ends_of_a_foreign_key_need_the_same_transform() {
    let key = Column {
        unique: true,
        max_chars: Some(40),
        ..text("code")
    };
    let countries = table("codes", vec![key]);
    let uses = refers(table("uses", vec![text("code")]), "code", "codes", "code");
    let schema = schema(vec![countries, uses]);
    let rules = |one: &str, other: &str| format!("[db.'public.codes']\n{one}\n[db.'public.uses']\n{other}\n");
    let unlike = "db.public.uses.code refers to db.public.codes.code: both need the same transform with \
                  the same parameters and without a where, one that reads no other column, or neither a transform";
    for (one, other) in [
        ("code = 'hmac'", ""),
        ("code = 'hmac'", "code = { keep = 'x' }"),
        ("code = 'hmac'", "code = { transform = 'hmac', length = 20 }"),
        (
            "code = [{ transform = 'hmac', where = 'x' }, 'hmac']",
            "code = 'hmac'",
        ),
    ] {
        let refused = refusal(&schema, &rules(one, other));
        assert!(refused.ends_with(unlike), "{refused}");
    }
    assert!(
        refusal(&schema, &rules("code = { keep = 'x' }", "code = 'hmac'"))
            .starts_with("r.toml:4:1: db.public.uses")
    );
    assert!(ledger_of(&schema, &rules("code = { keep = 'x' }", "code = { keep = 'y' }")).is_ok());
    assert!(ledger_of(&schema, &rules("code = { keep = 'x' }", "code = 'null'")).is_ok());
    assert!(ledger_of(&schema, &rules("code = 'hmac'", "code = 'null'")).is_ok());

    let ledger = ledger_of(&schema, &rules("code = 'hmac'", "code = 'hmac'")).unwrap();
    let (Fate::Mask(one), Fate::Mask(other)) =
        (fate(&ledger, "codes", "code"), fate(&ledger, "uses", "code"))
    else {
        panic!("not masked");
    };
    assert_eq!(one.column, other.column, "or the fakes would differ");
    assert!(other.column.unique && other.column.max_chars == Some(40));
}

#[test]
fn rows_that_others_refer_to_are_not_deleted_under_them() {
    let users = table("users", vec![serial("id")]);
    let logins = refers(
        table("logins", vec![typed("user_id", "int8", TypeFamily::Integer)]),
        "user_id",
        "users",
        "id",
    );
    let mut schema = schema(vec![users, logins]);
    let delete = "[db.'public.users']\nrows = 'delete'\n";
    assert_eq!(
        refusal(&schema, delete),
        "r.toml:2:1: the rows of db.public.users cannot be deleted: db.public.logins refers to them by user_id; \
         delete those rows too (rows = \"delete\"), or rule the column \"null\""
    );
    assert!(ledger_of(&schema, &format!("{delete}[db.'public.logins']\nrows = 'delete'")).is_ok());
    let nulled = format!("{delete}[db.'public.logins']\nuser_id = 'null'");
    assert!(ledger_of(&schema, &nulled).is_ok());
    schema.tables[1].columns[0].not_null = true;
    assert!(refusal(&schema, &nulled).contains("db.public.logins.user_id: null"));
    let conditional =
        format!("{delete}[db.'public.logins']\nuser_id = [{{ keep = 'x', where = 'y' }}, 'null']");
    schema.tables[1].columns[0].not_null = false;
    assert!(refusals(&schema, &conditional)[0].contains("cannot be deleted"));
}

#[test]
fn a_composite_key_is_released_by_one_null_unless_it_matches_in_full() {
    let pair = table("pair", vec![text("a"), text("b")]);
    let mut uses = refers(table("uses", vec![text("a"), text("b")]), "a", "pair", "a");
    uses.foreign_keys[0].columns.push("b".to_owned());
    uses.foreign_keys[0].to_columns.push("b".to_owned());
    let mut schema = schema(vec![pair, uses]);
    let rules = "[db.'public.pair']\nrows = 'delete'\n[db.'public.uses']\na = 'null'\nb = { keep = 'x' }";
    assert!(ledger_of(&schema, rules).is_ok());
    schema.tables[1].foreign_keys[0].match_full = true;
    assert!(refusal(&schema, rules).contains("refers to them by a, b"));
}

#[test]
fn rules_that_cannot_apply_come_before_columns_without_rules_and_all_at_once() {
    let (schema, _) = database();
    let all = refusals(
        &schema,
        "[db.'public.gone']\n[db.'public.customers']\nmail = 'null'\nemail = 'null'",
    );
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(
        all[0].starts_with("r.toml:1:") && all[1].starts_with("r.toml:3:") && all[2].starts_with("r.toml:4:")
    );
}
