//! What `examples/` ships is what the quickstart and the documents rely on: it must load and leave no gap.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use envclone::config::Config;
use envclone::model::{EngineKind, SanitizationReport, ServiceName, Timings};
use envclone::sanitize::key::MaskingKey;
use envclone::sanitize::rules::{Action, RuleSet, TableRules};
use envclone::sanitize::schema::TableName;
use envclone::sanitize::transform::{self, Column, ColumnDefault};
use regex::Regex;

fn shop(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/shop")
        .join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn service(name: &str) -> ServiceName {
    name.parse().expect("a service's name")
}

fn rules() -> RuleSet {
    let services = BTreeMap::from([
        (service("db"), EngineKind::Postgres),
        (service("uploads"), EngineKind::Files),
    ]);
    let files = [(PathBuf::from("sanitize/shop.toml"), shop("sanitize/shop.toml"))];
    RuleSet::parse(&files, &services).expect("the shop's rules parse")
}

/// A column of `schema.sql`, and whether the ledger lets it pass without a rule: booleans, serial keys, references.
struct Declared {
    table: TableName,
    name: String,
    column: Column,
    exempt: bool,
}

/// Reads the `CREATE TABLE`s of `schema.sql`, which keeps to one column per line.
fn declared() -> Vec<Declared> {
    let table = Regex::new(r"(?ms)^CREATE TABLE (\w+) \((.*?)^\);").expect("a valid pattern");
    let line = Regex::new(
        r"(?m)^    ([a-z]\w*)\s+(bigint|smallint|integer|text|boolean|date|timestamptz|jsonb|inet|tsvector|order_status|char\(\d+\)|numeric\(.*?\))(.*)$",
    )
    .expect("a valid pattern");
    let mut found = Vec::new();
    for statement in table.captures_iter(&shop("sql/schema.sql")) {
        for parts in line.captures_iter(&statement[2]) {
            let (name, type_name, rest) = (&parts[1], &parts[2], &parts[3]);
            found.push(Declared {
                table: TableName::new("shop", &statement[1]),
                name: name.to_owned(),
                column: Column {
                    type_name: type_name.to_owned(),
                    max_chars: type_name
                        .strip_prefix("char(")
                        .and_then(|n| n.trim_end_matches(')').parse().ok()),
                    not_null: rest.contains("NOT NULL") || rest.contains("PRIMARY KEY"),
                    unique: rest.contains("UNIQUE") || rest.contains("PRIMARY KEY"),
                    default: ColumnDefault::None,
                },
                exempt: type_name == "boolean" || rest.contains("IDENTITY") || rest.contains("REFERENCES"),
            });
        }
    }
    found
}

#[test]
fn the_shop_has_a_rule_for_every_column_and_none_for_others() {
    let rules = rules();
    let rules = rules.database(&service("db")).expect("rules of the database");
    let declared = declared();
    assert!(
        declared.len() > 70,
        "only {} columns of schema.sql were read",
        declared.len()
    );

    let covers =
        |table: &TableRules, name: &String| table.delete_rows.is_some() || table.columns.contains_key(name);
    for column in declared.iter().filter(|column| !column.exempt) {
        let table = rules.get(&column.table);
        assert!(
            table.is_some_and(|t| covers(t, &column.name)),
            "{:?} {} has no rule",
            column.table,
            column.name
        );
    }
    let known: BTreeSet<_> = declared
        .iter()
        .map(|column| (&column.table, &column.name))
        .collect();
    for (table, table_rules) in rules {
        for name in table_rules.columns.keys() {
            assert!(
                known.contains(&(table, name)),
                "a rule for {table:?} {name}, which schema.sql does not have"
            );
        }
    }
}

#[test]
fn every_transform_of_the_shop_fits_its_column() {
    let rules = rules();
    let rules = rules.database(&service("db")).expect("rules of the database");
    let key = MaskingKey::from_bytes([7; 32]);
    for Declared {
        table, name, column, ..
    } in declared()
    {
        let Some(column_rules) = rules.get(&table).and_then(|t| t.columns.get(&name)) else {
            continue;
        };
        for rule in &column_rules.rules {
            if let Action::Mask(spec) = &rule.action
                && let Err(error) = transform::compile(spec, &column, &key)
            {
                panic!("{table:?} {name}: {error}");
            }
        }
    }
}

#[test]
fn the_shops_configuration_is_valid_and_names_files_that_are_there() {
    let config = match Config::check(Path::new("envclone.toml"), &shop("envclone.toml")) {
        Ok(config) => config,
        Err(error) => panic!("{error}"),
    };
    let settings: BTreeMap<String, String> = config
        .origins()
        .into_iter()
        .map(|setting| (setting.key, setting.value.to_string()))
        .collect();
    assert_eq!(settings["sanitize.rules"], r#"["sanitize/*.toml"]"#);
    assert_eq!(settings["sanitize.after"], r#"["sql/after.sql"]"#);
    assert!(shop("sql/after.sql").contains("admin@shop.test"));

    let document =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md")).expect("it");
    for key in settings.keys() {
        let name = key.rsplit('.').next().unwrap_or(key);
        assert!(
            document.contains(&format!("| `{name}` |")),
            "docs/config.md does not explain {key}"
        );
    }
}

/// The fenced blocks of one language in a document.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(document);
    let text = fs::read_to_string(path).expect("the document");
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn rules_in_the_documents_parse() {
    let services = BTreeMap::from([
        (service("db"), EngineKind::Postgres),
        (service("uploads"), EngineKind::Files),
    ]);
    let blocks = blocks("config.md", "toml");
    assert!(blocks.len() >= 2, "docs/config.md shows no rules");
    for block in blocks {
        let file = [(PathBuf::from("docs/config.md"), block)];
        if let Err(error) = RuleSet::parse(&file, &services) {
            panic!("{error}");
        }
    }
}

#[test]
fn every_transform_is_in_the_documents() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/transforms.md");
    let text = fs::read_to_string(path).expect("the document");
    for entry in transform::ALL {
        let heading = format!("\n## {}\n", entry.name);
        let section = text
            .split_once(&heading)
            .and_then(|(_, rest)| rest.split("\n## ").next());
        let section = section.unwrap_or_else(|| panic!("docs/transforms.md does not tell of {}", entry.name));
        for param in entry.params {
            assert!(
                section.contains(&format!("\n* `{}`: ", param.name)),
                "{}: parameter {} is missing",
                entry.name,
                param.name
            );
        }
    }
}

#[test]
fn documents_of_json_are_json_and_name_every_step() {
    let documents: Vec<serde_json::Value> = blocks("json-output.md", "json")
        .iter()
        .map(|block| serde_json::from_str(block).unwrap_or_else(|error| panic!("{error}:\n{block}")))
        .collect();
    let branch = documents
        .iter()
        .find(|document| document.get("timings_ms").is_some())
        .expect("a branch's document");
    let keys = |value: &serde_json::Value| -> BTreeSet<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    let measured = serde_json::to_value(Timings::default()).expect("timings serialize");
    assert_eq!(keys(&branch["timings_ms"]), keys(&measured));
    let sanitized = serde_json::to_value(SanitizationReport::default()).expect("a report serializes");
    assert_eq!(keys(&branch["sanitization"]), keys(&sanitized));
}
