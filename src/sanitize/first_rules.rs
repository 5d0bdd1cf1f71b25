//! A first rule file, for `init` and `sanitize scan --write`: what was recognised is ruled, the rest stands in
//! comments and still blocks until somebody decides.

use std::collections::BTreeMap;

use super::ledger::{Fate, Suggestion, Survey, SurveyedTable};
use super::rules::{keep_line, mask_line, table_header};
use super::schema::TableKind;
use crate::model::{EngineKind, ServiceName};

const HEAD: &str = "\
# First rules, made from names, types and samples of columns. Read every line before the first branch.
# A line that is commented out is a column that blocks: give it a rule, or say why it may stay.
";

const FILES: &str = "\
# Each file must be named by one of the two; what neither names blocks. delete wins over keep.
# delete = [\"private/**\"]
# keep = { \"**\" = \"why?\" }
";

/// The text of a rule file for what surveys without rules found, and for those of `services` that are files. It reads back.
pub fn render(surveys: &[Survey], services: &BTreeMap<ServiceName, EngineKind>) -> String {
    let mut text = HEAD.to_owned();
    for survey in surveys {
        for table in &survey.tables {
            let holds_rows = matches!(table.kind, TableKind::Ordinary | TableKind::Partitioned);
            if holds_rows && !table.follows_parent {
                text.push_str(&rules_of_table(&survey.service, table));
            }
        }
    }
    let files = services
        .iter()
        .filter(|(_, engine)| **engine == EngineKind::Files);
    for (service, _) in files {
        text.extend(["\n[", service.as_str(), "]\n", FILES]);
    }
    text
}

/// The rules of a table; nothing, if it needs none.
fn rules_of_table(service: &ServiceName, table: &SurveyedTable) -> String {
    let mut lines = Vec::new();
    let mut exempt = Vec::new();
    for (name, _, fate) in &table.columns {
        match fate {
            Ok(Fate::Exempt(_)) => exempt.push(one_line(name)),
            Ok(_) => {}
            Err(open) => lines.push(column_line(name, &open.type_name, &open.suggestion)),
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n{}\n", table_header(service, &table.name), lines.join("\n"));
    if !exempt.is_empty() {
        text.extend(["# no rule needed: ", &exempt.join(", "), "\n"]);
    }
    text
}

fn column_line(name: &str, type_name: &str, suggestion: &Suggestion) -> String {
    let type_name = one_line(type_name);
    let keep = keep_line(name, "why?");
    match (&suggestion.mask, &suggestion.found) {
        (Some(spec), Some(_)) => mask_line(name, spec),
        (Some(spec), None) => format!("# {keep}  # {type_name}; or {}", one_line(&mask_line(name, spec))),
        (None, Some(found)) => format!(
            "# {keep}  # {type_name}; looks like {}, and no transform fits",
            found.kind.name()
        ),
        (None, None) => format!("# {keep}  # {type_name}; no transform fits"),
    }
}

/// A name from the schema as it may stand in a comment: it may hold line breaks.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;
    use crate::sanitize::ledger::LedgerError;
    use crate::sanitize::ledger::tests::{database, ledger_of, survey_of, survey_with};
    use crate::sanitize::rules::RuleSet;
    use crate::sanitize::schema::{Column, ForeignKey, Schema, Table, TableName, TypeFamily};

    fn services() -> BTreeMap<ServiceName, EngineKind> {
        BTreeMap::from([
            ("db".parse().unwrap(), EngineKind::Postgres),
            ("uploads".parse().unwrap(), EngineKind::Files),
        ])
    }

    #[test]
    fn what_was_recognised_is_ruled_and_the_rest_is_commented_out() {
        let (schema, _) = database();
        let text = render(&[survey_of(&schema, "").unwrap()], &services());
        assert_eq!(
            text,
            format!(
                "{HEAD}
[db.\"public.customers\"]
email = \"email\"
notes = {{ transform = \"text\", mode = \"scramble\" }}
# segment = {{ keep = \"why?\" }}  # text; or segment = {{ transform = \"text\", mode = \"scramble\" }}
# no rule needed: id, staff, level, visits, email_domain

[db.\"public.events\"]
# month = {{ keep = \"why?\" }}  # text; no transform fits
# who = {{ keep = \"why?\" }}  # text; or who = {{ transform = \"text\", mode = \"scramble\" }}

[db.\"public.sessions\"]
token = \"null\"
# no rule needed: id

[uploads]
{FILES}"
            )
        );
    }

    #[test]
    fn lines_that_are_taken_out_of_their_comment_are_rules() {
        let (schema, _) = database();
        let text = render(&[survey_of(&schema, "").unwrap()], &BTreeMap::new());
        let decided: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rule) if rule.contains("keep = \"why?\"") => format!("{rule}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        assert!(ledger_of(&schema, &decided).is_ok(), "{decided}");
    }

    fn column(name: &str) -> Column {
        Column::plain(name, "text", TypeFamily::Text)
    }

    #[test]
    fn columns_that_belong_together_get_rules_that_read_each_other() {
        let id = Column {
            primary_key: true,
            not_null: true,
            unique: true,
            sequence: true,
            ..Column::plain("id", "int8", TypeFamily::Integer)
        };
        let columns = |names: &[&str]| -> Vec<Column> {
            std::iter::once(id.clone())
                .chain(names.iter().map(|name| column(name)))
                .collect()
        };
        let table = |name: &str, columns| Table::ordinary(TableName::new("public", name), columns);
        let schema = Schema {
            tables: vec![
                table(
                    "people",
                    columns(&[
                        "first_name",
                        "last_name",
                        "email",
                        "street",
                        "address2",
                        "city",
                        "zip",
                        "billing_city",
                    ]),
                ),
                table("authors", columns(&["first_name", "last_name", "birth_date"])),
                table("usermeta", columns(&["meta_key", "meta_value"])),
            ],
        };
        let survey = survey_with(&schema, "", &any_samples_of_people).unwrap();
        let text = render(&[survey], &BTreeMap::new());
        for line in [
            "first_name = { transform = \"person\", of = \"email\", part = \"first\" }",
            "last_name = { transform = \"person\", of = \"email\", part = \"last\" }",
            "email = \"email\"",
            "street = { transform = \"address\", entity = \"people\", of = \"id\", part = \"street\" }",
            "address2 = { transform = \"text\", mode = \"scramble\" }",
            "city = { transform = \"address\", entity = \"people\", of = \"id\", part = \"city\" }",
            "zip = { transform = \"address\", entity = \"people\", of = \"id\", part = \"postcode\" }",
            "billing_city = { transform = \"address\", entity = \"people billing\", of = \"id\", part = \"city\" }",
            "first_name = { transform = \"person\", entity = \"authors\", of = \"id\", part = \"first\" }",
            "meta_value = { transform = \"by-key\", else = { invalid = \"redact\", paths = { \"$..email\" = \"email\" }, \
             transform = \"php\" }, key = \"meta_key\", rules = { billing_email = \"email\", first_name = { part = \"first\", \
             transform = \"name\" }, wp_phone = \"phone\" } }",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line}\n{text}");
        }
    }

    /// Nothing but what tables of keys and values hold.
    fn any_samples_of_people(table: &TableName, column: &str) -> Vec<String> {
        if table.name == "usermeta" {
            any_samples(table, column)
        } else {
            Vec::new()
        }
    }

    fn any_name() -> impl Strategy<Value = String> {
        prop_oneof![
            proptest::sample::select(vec![
                "email",
                "phone",
                "birth_date",
                "rows",
                "notes",
                "id",
                "a.b",
                "first_name",
                "last_name",
                "username",
                "street",
                "city",
                "zip",
                "country",
                "meta_key",
                "meta_value",
                "iban",
                "password_hash",
                "client_ip",
                "website",
                "company",
            ])
            .prop_map(str::to_owned),
            "[\\x00-\\x7fé]{1,5}",
        ]
    }

    fn any_column() -> impl Strategy<Value = Column> {
        use TypeFamily as F;
        let family = proptest::sample::select(vec![
            (F::Text, "text"),
            (F::Text, "varchar"),
            (F::Json, "jsonb"),
            (F::Date, "date"),
            (F::Uuid, "uuid"),
            (F::Integer, "int8"),
            (F::Network, "inet"),
        ]);
        let limit = proptest::option::of(1_u32..40);
        (any_name(), family, limit, any::<[bool; 4]>()).prop_map(|(name, (family, kind), limit, flags)| {
            Column {
                max_chars: limit.filter(|_| kind == "varchar"),
                not_null: flags[0],
                unique: flags[1],
                primary_key: flags[0] && flags[1],
                generated: flags[2] && flags[3],
                in_partition_key: flags[2] && !flags[3],
                ..Column::plain(name, kind, family)
            }
        })
    }

    prop_compose! {
        fn any_schema()(
            tables in proptest::collection::btree_map(any_name(), proptest::collection::vec(any_column(), 1..9), 1..4),
            keys in proptest::collection::vec((any::<[proptest::sample::Index; 4]>(), any::<bool>()), 0..3),
        ) -> Schema {
            let mut tables: Vec<Table> = tables.into_iter().map(|(name, mut columns)| {
                columns.sort_by(|a, b| a.name.cmp(&b.name));
                columns.dedup_by(|a, b| a.name == b.name);
                Table::ordinary(TableName::new("public", name), columns)
            }).collect();
            for ([from, column, to, to_column], validated) in keys {
                let to = to.get(&tables);
                let to_column = to_column.get(&to.columns).clone();
                let key = ForeignKey {
                    name: "k".to_owned(),
                    columns: Vec::new(),
                    to_table: to.name.clone(),
                    to_columns: vec![to_column.name.clone()],
                    validated,
                    match_full: false,
                };
                let from = from.index(tables.len());
                // A server lets a key go only between columns of one family.
                let alike: Vec<String> = tables[from].columns.iter()
                    .filter(|column| column.family == to_column.family && column.name != to_column.name)
                    .map(|column| column.name.clone())
                    .collect();
                if !alike.is_empty() {
                    let columns = vec![column.get(&alike).clone()];
                    tables[from].foreign_keys.push(ForeignKey { columns, ..key });
                }
            }
            Schema { tables }
        }
    }

    /// Values of all kinds, by the name of their column and by its type.
    fn any_samples(_: &TableName, column: &str) -> Vec<String> {
        let one = match column {
            "meta_key" => {
                return ["billing_email", "first_name", "color", "wp_phone", "a b"]
                    .map(str::to_owned)
                    .to_vec();
            }
            "meta_value" => "a:1:{s:5:\"email\";s:8:\"a@b.test\";}",
            "iban" => "DE89370400440532013000",
            "password_hash" => "$2y$10$abcdefghijklmnopqrstuv",
            "client_ip" => "203.0.113.9",
            "email" => "anna@shop.test",
            _ => {
                "{\"contact\":{\"email\":\"a@b.test\",\"phone\":\"+33 6 12 34 56 78\"},\"anna\":{\"iban\":\"x\"}}"
            }
        };
        vec![one.to_owned(); 6]
    }

    proptest! {
        /// The file parses, no rule of it is refused, and it leaves open exactly what it has in comments.
        #[test]
        fn a_first_rule_file_reads_back_and_applies(schema in any_schema(), sampled in any::<bool>()) {
            let samples: &dyn Fn(&TableName, &str) -> Vec<String> = if sampled { &any_samples } else { &|_, _| Vec::new() };
            let survey = survey_with(&schema, "", samples).unwrap();
            let text = render(std::slice::from_ref(&survey), &services());
            let parsed = RuleSet::parse(&[(PathBuf::from("r.toml"), text.clone())], &services());
            prop_assert!(parsed.is_ok(), "{}\n{}", text, parsed.unwrap_err());
            let database = text.split("\n[uploads]").next().unwrap();
            let commented = text.matches("{ keep = \"why?\" }  #").count();
            match survey_with(&schema, database, samples).and_then(Survey::complete) {
                Ok(_) => prop_assert_eq!(commented, 0),
                Err(LedgerError::Unclassified(open)) => prop_assert_eq!(open.columns.len(), commented, "{}", text),
                Err(error) => prop_assert!(false, "{}\n{}", text, error),
            }
        }
    }
}
