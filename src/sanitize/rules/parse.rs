//! From the text of rule files to a [`RuleSet`]: every key and type checked, every problem kept with its place.

mod column;
mod files;
mod lists;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::{
    ColumnRules, DatabaseRules, DeleteRows, List, Place, Problem, RuleSet, RulesError, ServiceRules,
    TableRules,
};
use crate::model::{EngineKind, ServiceName};
use crate::sanitize::file_rules::{FileRule, FileRules};
use crate::sanitize::nearest::did_you_mean;
use crate::sanitize::schema::{TableName, TableNameError};

type Value<'i> = Spanned<DeValue<'i>>;
type Key<'i> = Spanned<DeString<'i>>;

pub(super) fn rule_set(
    files: &[(PathBuf, String)],
    lists: &[List],
    services: &BTreeMap<ServiceName, EngineKind>,
) -> Result<RuleSet, RulesError> {
    let mut collected = Collected {
        services,
        lists,
        databases: BTreeMap::new(),
        deleted: BTreeMap::new(),
        kept: BTreeMap::new(),
        problems: Vec::new(),
    };
    for (path, text) in files {
        let source = Source {
            file: Arc::from(path.as_path()),
            text,
        };
        source.read(&mut collected);
    }
    collected.check_emptied_tables();
    collected.finish()
}

/// What all files read so far declare.
struct Collected<'a> {
    services: &'a BTreeMap<ServiceName, EngineKind>,
    lists: &'a [List],
    databases: BTreeMap<ServiceName, DatabaseRules>,
    deleted: BTreeMap<ServiceName, Vec<FileRule>>,
    kept: BTreeMap<ServiceName, Vec<FileRule>>,
    problems: Vec<Problem>,
}

impl Collected<'_> {
    fn refuse(&mut self, at: Place, message: impl Into<String>) {
        let message = message.into();
        self.problems.push(Problem { message, at });
    }

    /// Rules for the columns of an emptied table would never apply.
    fn check_emptied_tables(&mut self) {
        let mut problems = Vec::new();
        for (service, tables) in &self.databases {
            for (name, table) in tables {
                let (Some(emptied), Some((column, rules))) = (table.empties(), table.columns.iter().next())
                else {
                    continue;
                };
                problems.push(Problem {
                    message: format!(
                        "{service}.{name}.{column} is ruled, but {emptied} deletes all rows of its table; remove \
                         one of the two"
                    ),
                    at: rules.at.clone(),
                });
            }
        }
        self.problems.extend(problems);
    }

    fn finish(mut self) -> Result<RuleSet, RulesError> {
        if !self.problems.is_empty() {
            return Err(RulesError {
                problems: self.problems,
            });
        }
        let mut services = BTreeMap::new();
        for (service, engine) in self.services {
            let rules = match engine {
                EngineKind::Postgres | EngineKind::Mariadb => {
                    ServiceRules::Database(self.databases.remove(service).unwrap_or_default())
                }
                EngineKind::Files => ServiceRules::Files(FileRules::new(
                    self.deleted.remove(service).unwrap_or_default(),
                    self.kept.remove(service).unwrap_or_default(),
                )),
            };
            services.insert(service.clone(), rules);
        }
        Ok(RuleSet { services })
    }
}

/// One rule file.
struct Source<'a> {
    file: Arc<Path>,
    text: &'a str,
}

impl Source<'_> {
    fn place(&self, span: &Range<usize>) -> Place {
        Place::new(&self.file, self.text, span)
    }

    fn read(&self, out: &mut Collected<'_>) {
        let document = match DeTable::parse(self.text) {
            Ok(document) => document,
            Err(error) => {
                let at = self.place(&error.span().unwrap_or(0..0));
                return out.refuse(at, format!("this is no TOML: {}", error.message()));
            }
        };
        for (key, value) in in_order(document.get_ref()) {
            self.service(out, key, value);
        }
    }

    fn service(&self, out: &mut Collected<'_>, key: &Key<'_>, value: &Value<'_>) {
        let at = self.place(&key.span());
        let name = key.get_ref().as_ref();
        let Some((service, engine)) = out.services.iter().find(|(service, _)| service.as_str() == name)
        else {
            let names: Vec<&str> = out.services.keys().map(ServiceName::as_str).collect();
            let message = format!(
                "no service is called {name:?}{}; there is {}. Rules of redis, rabbitmq and opensearch are not \
                 supported yet",
                did_you_mean(name, names.iter().copied()),
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                },
            );
            return out.refuse(at, message);
        };
        let (service, engine) = (service.clone(), *engine);
        let Some(table) = value.get_ref().as_table() else {
            return out.refuse(
                at,
                format!(
                    "{name} must be a table of rules, not {}",
                    article(value.get_ref())
                ),
            );
        };
        match engine {
            EngineKind::Postgres | EngineKind::Mariadb => {
                for (key, value) in in_order(table) {
                    self.table(out, &service, key, value);
                }
            }
            EngineKind::Files => self.file_service(out, &service, table),
        }
    }

    fn table(&self, out: &mut Collected<'_>, service: &ServiceName, key: &Key<'_>, value: &Value<'_>) {
        let at = self.place(&key.span());
        let text = key.get_ref().as_ref();
        let name = match table_name(service, text, value) {
            Ok(name) => name,
            Err(message) => return out.refuse(at, message),
        };
        let Some(entries) = value.get_ref().as_table() else {
            let message = format!(
                "{text:?} must be a table of rules, not {}",
                article(value.get_ref())
            );
            return out.refuse(at, message);
        };
        let mut columns = Vec::new();
        let mut delete_rows = None;
        for (key, value) in in_order(entries) {
            if key.get_ref() == "rows" && !rules_a_column(value) {
                delete_rows = self.rows(out, key, value).or(delete_rows);
            } else if let Some(rules) = self.column(out, key, value) {
                columns.push((key.get_ref().to_string(), rules));
            }
        }
        add_table(out, service, name, at, delete_rows, columns);
    }

    fn rows(&self, out: &mut Collected<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<DeleteRows> {
        let at = self.place(&key.span());
        match value.get_ref() {
            DeValue::String(text) if text == "delete" => Some(DeleteRows { at, condition: None }),
            DeValue::Table(entries) => self.some_rows(out, at, entries, value),
            _ => {
                let message = "rows takes \"delete\"; for a column that is called rows, write { transform = … } or \
                               { keep = … }";
                out.refuse(self.place(&value.span()), message);
                None
            }
        }
    }

    /// Rows that go under a condition.
    fn some_rows(
        &self,
        out: &mut Collected<'_>,
        at: Place,
        entries: &DeTable<'_>,
        value: &Value<'_>,
    ) -> Option<DeleteRows> {
        const FORM: &str = "rows takes \"delete\", or { action = \"delete\", where = \"condition\" }";
        let unknown =
            in_order(entries).find(|(key, _)| !matches!(key.get_ref().as_ref(), "action" | "where"));
        if let Some((key, _)) = unknown {
            let message = format!("unknown key {:?}; {FORM}", key.get_ref());
            out.refuse(self.place(&key.span()), message);
            return None;
        }
        let (Some(action), Some(condition)) = (entries.get("action"), entries.get("where")) else {
            out.refuse(self.place(&value.span()), FORM);
            return None;
        };
        if !matches!(action.get_ref(), DeValue::String(text) if text == "delete") {
            out.refuse(self.place(&action.span()), FORM);
            return None;
        }
        let condition = Some(self.text(out, "where", condition)?);
        Some(DeleteRows { at, condition })
    }

    /// A text that is not blank.
    fn text(&self, out: &mut Collected<'_>, key: &str, value: &Value<'_>) -> Option<String> {
        let message = match value.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => return Some(text.to_string()),
            DeValue::String(_) => match key {
                "keep" => "keep needs a reason: say why this may stay".to_owned(),
                _ => format!("{key} is empty"),
            },
            other => format!("{key} must be a string, not {}", article(other)),
        };
        out.refuse(self.place(&value.span()), message);
        None
    }
}

fn table_name(service: &ServiceName, text: &str, value: &Value<'_>) -> Result<TableName, String> {
    text.parse().map_err(|error| match error {
        TableNameError::NoSchema(_) if is_a_schema(value) => {
            format!("write the schema and the table as one name in quotes: [{service}.\"{text}.…\"]")
        }
        TableNameError::NoSchema(_) if value.get_ref().is_table() => {
            format!("{text:?} names no schema; write [{service}.\"public.{text}\"]")
        }
        TableNameError::NoSchema(_) => {
            format!("{text:?} must stand below a table: [{service}.\"public.…\"]")
        }
        other => other.to_string(),
    })
}

/// Adds the rules of a table to those that other files gave it.
fn add_table(
    out: &mut Collected<'_>,
    service: &ServiceName,
    name: TableName,
    at: Place,
    delete_rows: Option<DeleteRows>,
    columns: Vec<(String, ColumnRules)>,
) {
    let mut problems = Vec::new();
    let tables = out.databases.entry(service.clone()).or_default();
    let title = format!("{service}.{name}");
    let table = tables.entry(name).or_insert_with(|| TableRules {
        at,
        delete_rows: None,
        columns: BTreeMap::new(),
    });
    if let Some(here) = delete_rows {
        match &table.delete_rows {
            Some(there) => problems.push(Problem {
                message: format!("the rows of {title} are deleted already at {}", there.at),
                at: here.at,
            }),
            None => table.delete_rows = Some(here),
        }
    }
    for (column, rules) in columns {
        match table.columns.entry(column) {
            Entry::Occupied(there) => problems.push(Problem {
                message: format!("{title}.{} is ruled already at {}", there.key(), there.get().at),
                at: rules.at,
            }),
            Entry::Vacant(free) => {
                free.insert(rules);
            }
        }
    }
    out.problems.extend(problems);
}

/// Whether the value of the key `rows` is meant for a column of that name.
fn rules_a_column(value: &Value<'_>) -> bool {
    match value.get_ref() {
        DeValue::Table(entries) => entries.contains_key("transform") || entries.contains_key("keep"),
        DeValue::Array(_) => true,
        _ => false,
    }
}

/// Whether the value looks like what `[db.public.customers]` makes of `public`: tables in a table.
fn is_a_schema(value: &Value<'_>) -> bool {
    value.get_ref().as_table().is_some_and(|entries| {
        !entries.is_empty()
            && entries.values().all(|inner| {
                inner
                    .get_ref()
                    .as_table()
                    .is_some_and(|rule| !rule.contains_key("transform") && !rule.contains_key("keep"))
            })
    })
}

/// The entries of a table in the order of the file.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> impl Iterator<Item = (&'t Key<'i>, &'t Value<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries.into_iter()
}

/// The type of a value with its article.
fn article(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}

#[cfg(test)]
mod tests;
