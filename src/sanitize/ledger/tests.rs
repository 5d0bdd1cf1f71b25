//! What a schema's columns become under rules, and every refusal with its words.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::model::EngineKind;
use crate::sanitize::rules::RuleSet;
use crate::sanitize::schema::{Column, ForeignKey, TypeFamily};

fn no_samples(_: &TableName, _: &str) -> Vec<String> {
    Vec::new()
}

pub(crate) fn survey_of(schema: &Schema, rules: &str) -> Result<Survey, LedgerError> {
    let service: ServiceName = "db".parse().unwrap();
    let services = BTreeMap::from([(service.clone(), EngineKind::Postgres)]);
    let set = RuleSet::parse(&[(PathBuf::from("r.toml"), rules.to_owned())], &services).unwrap();
    Survey::take(&Evidence {
        service: &service,
        schema,
        rules: set.database(&service).unwrap(),
        key: &MaskingKey::from_bytes([7; 32]),
        samples: &no_samples,
    })
}

pub(crate) fn ledger_of(schema: &Schema, rules: &str) -> Result<Ledger, LedgerError> {
    survey_of(schema, rules)?.complete()
}

fn text(name: &str) -> Column {
    Column::plain(name, "text", TypeFamily::Text)
}

fn typed(name: &str, type_name: &str, family: TypeFamily) -> Column {
    Column::plain(name, type_name, family)
}

fn serial(name: &str) -> Column {
    Column {
        not_null: true,
        sequence: true,
        primary_key: true,
        unique: true,
        ..typed(name, "int8", TypeFamily::Integer)
    }
}

fn table(name: &str, columns: Vec<Column>) -> Table {
    Table::ordinary(TableName::new("public", name), columns)
}

fn refers(mut table: Table, column: &str, to: &str, to_column: &str) -> Table {
    table.foreign_keys.push(ForeignKey {
        name: format!("{column}_fkey"),
        columns: vec![column.to_owned()],
        to_table: TableName::new("public", to),
        to_columns: vec![to_column.to_owned()],
        validated: true,
        match_full: false,
    });
    table
}

fn schema(tables: Vec<Table>) -> Schema {
    Schema { tables }
}

/// A database with one of everything, and rules that classify it.
pub(crate) fn database() -> (Schema, &'static str) {
    let customers = table(
        "customers",
        vec![
            serial("id"),
            Column {
                unique: true,
                not_null: true,
                max_chars: Some(120),
                ..typed("email", "varchar", TypeFamily::Text)
            },
            typed("staff", "bool", TypeFamily::Boolean),
            typed("level", "customer_level", TypeFamily::Enum),
            typed("visits", "int4", TypeFamily::Integer),
            text("notes"),
            text("segment"),
            Column {
                generated: true,
                ..text("email_domain")
            },
        ],
    );
    let orders = refers(
        table(
            "orders",
            vec![serial("id"), typed("customer_id", "int8", TypeFamily::Integer)],
        ),
        "customer_id",
        "customers",
        "id",
    );
    let events = Table {
        kind: TableKind::Partitioned,
        ..table(
            "events",
            vec![
                Column {
                    in_partition_key: true,
                    ..text("month")
                },
                text("who"),
            ],
        )
    };
    let events_1 = Table {
        partition_of: Some(TableName::new("public", "events")),
        ..table("events_1", vec![text("who"), text("month")])
    };
    let top = Table {
        kind: TableKind::MaterializedView,
        reads: vec![TableName::new("public", "orders")],
        ..table("top_customers", vec![text("email")])
    };
    let sessions = table("sessions", vec![serial("id"), text("token")]);
    let rules = r#"
[db."public.customers"]
email = "email"
notes = [{ transform = "hmac", where = "staff" }, "text"]
segment = [{ keep = "own people", where = "staff" }, { keep = "no personal data" }]

[db."public.events"]
month = { keep = "a month" }
who = "hmac"

[db."public.sessions"]
rows = "delete"
"#;
    (
        schema(vec![customers, orders, events, events_1, top, sessions]),
        rules,
    )
}

fn fate(ledger: &Ledger, table: &str, column: &str) -> Fate {
    let (_, entry) = ledger
        .columns()
        .find(|(of, entry)| of.name.name == table && entry.name == column)
        .unwrap();
    entry.fate.clone()
}

/// The messages of refused rules with their places.
fn refusals(schema: &Schema, rules: &str) -> Vec<String> {
    match ledger_of(schema, rules) {
        Err(LedgerError::Rules(error)) => error
            .problems
            .iter()
            .map(|problem| format!("{}: {}", problem.at, problem.message))
            .collect(),
        other => panic!("no rule was refused: {other:?}"),
    }
}

fn refusal(schema: &Schema, rules: &str) -> String {
    let mut all = refusals(schema, rules);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn open_columns(schema: &Schema, rules: &str) -> Vec<String> {
    match ledger_of(schema, rules) {
        Err(LedgerError::Unclassified(error)) => error.columns.iter().map(ToString::to_string).collect(),
        other => panic!("everything was classified: {other:?}"),
    }
}

#[test]
fn every_column_gets_its_fate_by_rule_or_by_type() {
    let (schema, rules) = database();
    let ledger = ledger_of(&schema, rules).unwrap();
    let exempt = |table, column| match fate(&ledger, table, column) {
        Fate::Exempt(why) => why.to_string(),
        other => panic!("{table}.{column} is not exempt: {other:?}"),
    };
    assert_eq!(exempt("customers", "id"), "key from a sequence");
    assert_eq!(exempt("customers", "staff"), "true or false");
    assert_eq!(exempt("customers", "level"), "label of an enumerated type");
    assert_eq!(
        exempt("customers", "visits"),
        "looks personal neither by its name nor by 0 of its values"
    );
    assert_eq!(exempt("customers", "email_domain"), "computed from other columns");
    assert_eq!(exempt("orders", "customer_id"), "refers to public.customers.id");
    assert_eq!(
        exempt("top_customers", "email"),
        "materialized view, computed again"
    );
    assert_eq!(fate(&ledger, "sessions", "token"), Fate::Deleted);
    assert_eq!(
        fate(&ledger, "customers", "segment"),
        Fate::Keep {
            reason: "own people; no personal data".to_owned()
        }
    );
    assert!(matches!(fate(&ledger, "customers", "notes"), Fate::Mask(masking) if masking.rules.len() == 2));
    assert_eq!(ledger.exempt().count(), 8);
}

#[test]
fn partitions_follow_the_rules_of_their_root_with_their_own_column_numbers() {
    let (schema, rules) = database();
    let ledger = ledger_of(&schema, rules).unwrap();
    assert!(matches!(fate(&ledger, "events_1", "who"), Fate::Mask(_)));
    assert!(matches!(fate(&ledger, "events_1", "month"), Fate::Keep { .. }));
    let open = open_columns(&schema, &rules.replace("who = \"hmac\"\n", ""));
    assert_eq!(
        open,
        ["db.public.events.who (text)"],
        "once, not for each partition"
    );
    let named = refusal(&schema, &format!("{rules}\n[db.'public.events_1']\nwho = 'null'"));
    assert!(named.contains(
        "db.public.events_1 is a partition; write its rules for db.public.events, they hold for all partitions"
    ));
    let moved = rules.replace("month = { keep = \"a month\" }", "month = 'null'");
    assert_eq!(
        refusal(&schema, &moved),
        "r.toml:8:9: db.public.events.month: its table is partitioned by it, and masked rows would belong \
         elsewhere; keep it with a reason, or delete the rows"
    );
}

#[test]
fn unclassified_columns_are_listed_with_rules_that_classify_them_when_pasted() {
    let schema = schema(vec![
        table(
            "people",
            vec![
                serial("id"),
                Column {
                    max_chars: Some(80),
                    ..typed("email", "varchar", TypeFamily::Text)
                },
                text("rows"),
                typed("extra data", "jsonb", TypeFamily::Json),
            ],
        ),
        table(
            "logs",
            vec![Column {
                not_null: true,
                ..typed("ip", "inet", TypeFamily::Network)
            }],
        ),
    ]);
    let Err(LedgerError::Unclassified(error)) = ledger_of(&schema, "") else {
        panic!("everything was classified");
    };
    assert_eq!(
        error.to_string(),
        "4 columns are not classified:
  db.public.people.email (varchar(80))
  db.public.people.rows (text)
  db.public.people.extra data (jsonb)
  db.public.logs.ip (inet)
give each a rule, or a keep with the reason why it may stay; to begin with:

[db.\"public.people\"]
email = \"email\"
rows = { transform = \"text\", mode = \"scramble\" }
\"extra data\" = \"null\"

[db.\"public.logs\"]
# ip = { keep = \"why?\" }"
    );
    let open = open_columns(&schema, &error.suggested_rules());
    assert_eq!(open, ["db.public.logs.ip (inet)"]);
}

#[test]
fn everything_that_can_hold_text_must_be_classified() {
    use TypeFamily as F;
    for family in [
        F::Text,
        F::Json,
        F::Bytes,
        F::Network,
        F::Xml,
        F::Array,
        F::Range,
        F::Composite,
        F::TextSearch,
        F::Other,
    ] {
        let schema = schema(vec![table("t", vec![typed("a", "x", family)])]);
        assert_eq!(open_columns(&schema, ""), ["db.public.t.a (x)"], "{family:?}");
    }
    for family in [
        F::Integer,
        F::Number,
        F::Uuid,
        F::Date,
        F::Time,
        F::Timestamp,
        F::Interval,
    ] {
        let schema = schema(vec![table(
            "t",
            vec![typed("a", "x", family), typed("birth_date", "x", family)],
        )]);
        assert_eq!(
            open_columns(&schema, ""),
            ["db.public.t.birth_date (x)"],
            "{family:?}"
        );
    }
}

#[test]
fn a_where_that_leaves_rows_leaves_the_column_unclassified() {
    let schema = schema(vec![table(
        "t",
        vec![typed("staff", "bool", TypeFamily::Boolean), text("a")],
    )]);
    assert_eq!(
        open_columns(
            &schema,
            "[db.'public.t']\na = { transform = 'null', where = 'staff' }"
        ),
        [
            "db.public.t.a (text): its last rule has a where, which leaves rows that no rule takes; add a rule without \
          one"
        ]
    );
    assert!(
        ledger_of(
            &schema,
            "[db.'public.t']\na = [{ keep = 'x', where = 'staff' }, 'null']"
        )
        .is_ok()
    );
    let exempt_otherwise = "[db.'public.t']\na = 'null'\nstaff = { transform = 'null', where = 'true' }";
    assert!(
        open_columns(&schema, exempt_otherwise)[0].starts_with("db.public.t.staff (bool): its last rule")
    );
}

#[test]
fn references_are_exempt_only_when_what_they_refer_to_is() {
    let birthdays = table(
        "days",
        vec![Column {
            unique: true,
            ..typed("birth_day", "date", TypeFamily::Date)
        }],
    );
    let people = refers(
        table("people", vec![typed("day", "date", TypeFamily::Date)]),
        "day",
        "days",
        "birth_day",
    );
    let open = open_columns(&schema(vec![birthdays, people]), "");
    assert_eq!(
        open,
        ["db.public.days.birth_day (date)", "db.public.people.day (date)"]
    );

    let tree = refers(
        table(
            "tree",
            vec![serial("id"), typed("birth_tree", "int8", TypeFamily::Integer)],
        ),
        "birth_tree",
        "tree",
        "id",
    );
    assert!(ledger_of(&schema(vec![tree.clone()]), "").is_ok());
    let mut doubtful = tree;
    doubtful.foreign_keys[0].validated = false;
    assert_eq!(
        open_columns(&schema(vec![doubtful]), ""),
        ["db.public.tree.birth_tree (int8)"]
    );
}

#[test]
fn references_in_a_circle_are_survived() {
    let column = || Column {
        unique: true,
        ..text("k")
    };
    let a = refers(table("a", vec![column()]), "k", "b", "k");
    let b = refers(table("b", vec![column()]), "k", "a", "k");
    let schema = schema(vec![a, b]);
    assert_eq!(open_columns(&schema, "").len(), 2);
    assert!(
        ledger_of(
            &schema,
            "[db.'public.a']\nk = 'hmac'\n[db.'public.b']\nk = 'hmac'"
        )
        .is_ok()
    );
}

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
    let said = refusal(
        &super::tests::schema(vec![not_null]),
        "[db.'public.t']\na = 'null'",
    );
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
                  the same parameters and without a where, or neither a transform";
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
fn suggestions_for_both_ends_of_a_foreign_key_are_alike() {
    let codes = table(
        "codes",
        vec![Column {
            unique: true,
            ..text("code")
        }],
    );
    let uses = refers(table("uses", vec![text("email")]), "email", "codes", "code");
    let schema = schema(vec![codes, uses]);
    let Err(LedgerError::Unclassified(error)) = ledger_of(&schema, "") else {
        panic!("everything was classified");
    };
    assert!(ledger_of(&schema, &error.suggested_rules()).is_ok(), "{error}");
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

fn any_family() -> impl Strategy<Value = TypeFamily> {
    use TypeFamily as F;
    proptest::sample::select(vec![
        F::Boolean,
        F::Integer,
        F::Number,
        F::Uuid,
        F::Date,
        F::Enum,
        F::Text,
        F::Json,
        F::Bytes,
        F::Array,
        F::Other,
    ])
}

fn any_kind() -> impl Strategy<Value = TableKind> {
    use TableKind as K;
    proptest::sample::select(vec![
        K::Ordinary,
        K::Partitioned,
        K::View,
        K::MaterializedView,
        K::Foreign,
    ])
}

prop_compose! {
    fn any_column()(family in any_family(), name in "[a-d]", flags in any::<[bool; 5]>()) -> Column {
        Column {
            not_null: flags[0],
            generated: flags[1],
            sequence: flags[2],
            primary_key: flags[3],
            unique: flags[4],
            ..typed(&name, "x", family)
        }
    }
}

prop_compose! {
    fn any_table()(
        name in "[a-e]",
        kind in any_kind(),
        parent in proptest::option::of("[a-e]"),
        columns in proptest::collection::vec(any_column(), 0..4),
        key in proptest::option::of(("[a-d]", "[a-e]", "[a-d]", any::<bool>())),
    ) -> Table {
        let mut table = Table { kind, partition_of: parent.map(|parent| TableName::new("public", parent)), ..table(&name, columns) };
        if let Some((column, to, to_column, validated)) = key {
            table = refers(table, &column, &to, &to_column);
            table.foreign_keys[0].validated = validated;
        }
        table
    }
}

proptest! {
    /// Also of a schema that makes no sense: two tables of one name, partitions in circles, keys to nowhere.
    #[test]
    fn no_column_of_a_schema_is_ever_missing(tables in proptest::collection::vec(any_table(), 0..6)) {
        let schema = schema(tables);
        let survey = survey_of(&schema, "").unwrap();
        let expected: Vec<_> = schema.tables.iter()
            .flat_map(|table| table.columns.iter().map(|column| (table.name.clone(), column.name.clone())))
            .collect();
        let found: Vec<_> = survey.tables.iter()
            .flat_map(|table| table.columns.iter().map(|(name, ..)| (table.name.clone(), name.clone())))
            .collect();
        prop_assert_eq!(&found, &expected);
        match survey.complete() {
            Ok(ledger) => prop_assert_eq!(ledger.columns().count(), expected.len()),
            Err(LedgerError::Unclassified(error)) => prop_assert!(!error.columns.is_empty()),
            Err(LedgerError::Rules(error)) => prop_assert!(false, "no rule was given: {}", error),
        }
    }
}
