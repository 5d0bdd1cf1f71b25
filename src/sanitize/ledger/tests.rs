//! What a schema's columns become under rules, and every refusal with its words.

mod refusals;
mod whole;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::model::EngineKind;
use crate::sanitize::rules::RuleSet;
use crate::sanitize::schema::{Column, ForeignKey, TypeFamily};

fn no_samples(_: &TableName, _: &str) -> Vec<String> {
    Vec::new()
}

pub(crate) fn survey_of(schema: &Schema, rules: &str) -> Result<Survey, LedgerError> {
    survey_with(schema, rules, &no_samples)
}

pub(crate) fn survey_with(
    schema: &Schema,
    rules: &str,
    samples: &dyn Fn(&TableName, &str) -> Vec<String>,
) -> Result<Survey, LedgerError> {
    let service: ServiceName = "db".parse().unwrap();
    let services = BTreeMap::from([(service.clone(), EngineKind::Postgres)]);
    let set = RuleSet::parse(&[(PathBuf::from("r.toml"), rules.to_owned())], &services).unwrap();
    Survey::take(&Evidence {
        service: &service,
        schema,
        rules: set.database(&service).unwrap(),
        key: &MaskingKey::from_bytes([7; 32]),
        samples,
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
                unique: true,
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
\"extra data\" = { transform = \"json\", paths = {} }

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
            vec![serial("id"), typed("phone", "int8", TypeFamily::Integer)],
        ),
        "phone",
        "tree",
        "id",
    );
    assert!(ledger_of(&schema(vec![tree.clone()]), "").is_ok());
    let mut doubtful = tree;
    doubtful.foreign_keys[0].validated = false;
    assert_eq!(
        open_columns(&schema(vec![doubtful]), ""),
        ["db.public.tree.id (int8)", "db.public.tree.phone (int8)"],
        "both, since a transform on one alone could not apply"
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
