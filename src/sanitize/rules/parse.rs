//! From the text of rule files to a [`RuleSet`]: every key and type checked, every problem kept with its place.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::{
    Action, ColumnRule, ColumnRules, DatabaseRules, Place, Problem, RuleSet, RulesError, ServiceRules,
    TableRules,
};
use crate::model::{EngineKind, ServiceName};
use crate::sanitize::file_rules::{FileRule, FileRules, Glob};
use crate::sanitize::nearest::did_you_mean;
use crate::sanitize::schema::{TableName, TableNameError};
use crate::sanitize::transform::{self, Spec};

type Value<'i> = Spanned<DeValue<'i>>;
type Key<'i> = Spanned<DeString<'i>>;

/// Transforms that are part of the rule language but not built yet.
const NOT_YET: [&str; 4] = ["json", "by-key", "person", "redact"];

pub(super) fn rule_set(
    files: &[(PathBuf, String)],
    services: &BTreeMap<ServiceName, EngineKind>,
) -> Result<RuleSet, RulesError> {
    let mut collected = Collected {
        services,
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
                let (Some(emptied), Some((column, rules))) =
                    (&table.delete_rows, table.columns.iter().next())
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
                EngineKind::Postgres => {
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
            EngineKind::Postgres => {
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

    fn rows(&self, out: &mut Collected<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<Place> {
        match value.get_ref() {
            DeValue::String(text) if text == "delete" => Some(self.place(&key.span())),
            DeValue::Table(_) => {
                let message =
                    "rows deleted under a condition are not supported yet; rows = \"delete\" deletes all";
                out.refuse(self.place(&value.span()), message);
                None
            }
            _ => {
                let message = "rows takes \"delete\"; for a column that is called rows, write { transform = … } or \
                               { keep = … }";
                out.refuse(self.place(&value.span()), message);
                None
            }
        }
    }

    fn column(&self, out: &mut Collected<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<ColumnRules> {
        let at = self.place(&key.span());
        let DeValue::Array(items) = value.get_ref() else {
            let rule = self.rule(out, value)?;
            return Some(ColumnRules {
                at,
                rules: vec![rule],
            });
        };
        if items.is_empty() {
            out.refuse(
                self.place(&value.span()),
                "an empty list of rules leaves every row unruled",
            );
            return None;
        }
        let mut rules = Vec::new();
        for item in items {
            if item.get_ref().is_array() {
                out.refuse(
                    self.place(&item.span()),
                    "a list of rules cannot hold another list",
                );
                return None;
            }
            rules.push(self.rule(out, item)?);
        }
        if let Some(last) = rules.iter().position(|rule| rule.condition.is_none())
            && let Some(never) = rules.get(last + 1)
        {
            let message = "this rule never applies: the one before it has no where and takes every row";
            out.refuse(never.at.clone(), message);
            return None;
        }
        Some(ColumnRules { at, rules })
    }

    fn rule(&self, out: &mut Collected<'_>, value: &Value<'_>) -> Option<ColumnRule> {
        let at = self.place(&value.span());
        match value.get_ref() {
            DeValue::String(name) => {
                check_transform(out, name, &at)?;
                let spec = Spec {
                    name: name.to_string(),
                    params: toml::Table::new(),
                };
                Some(ColumnRule {
                    at,
                    action: Action::Mask(spec),
                    condition: None,
                })
            }
            DeValue::Table(entries) => {
                let condition = match entries.get("where") {
                    Some(text) => Some(self.text(out, "where", text)?),
                    None => None,
                };
                let action = self.action(out, entries, &at)?;
                Some(ColumnRule {
                    at,
                    action,
                    condition,
                })
            }
            other => {
                let message = format!(
                    "a rule is the name of a transform, {{ transform = … }}, {{ keep = … }} or a list of these, \
                     not {}",
                    article(other)
                );
                out.refuse(at, message);
                None
            }
        }
    }

    fn action(&self, out: &mut Collected<'_>, entries: &DeTable<'_>, at: &Place) -> Option<Action> {
        match (entries.get("transform"), entries.get("keep")) {
            (Some(_), Some(_)) => {
                out.refuse(at.clone(), "a rule has a transform or a keep, not both");
                None
            }
            (None, None) => {
                let message = "a rule needs transform = \"…\" or keep = \"reason\"";
                out.refuse(at.clone(), message);
                None
            }
            (None, Some(reason)) => {
                let reason = self.text(out, "keep", reason)?;
                let unknown =
                    in_order(entries).find(|(key, _)| !matches!(key.get_ref().as_ref(), "keep" | "where"));
                if let Some((key, _)) = unknown {
                    let message = format!("unknown key {:?}; beside keep there is only where", key.get_ref());
                    out.refuse(self.place(&key.span()), message);
                    return None;
                }
                Some(Action::Keep { reason })
            }
            (Some(name), None) => {
                let at = self.place(&name.span());
                let name = self.text(out, "transform", name)?;
                check_transform(out, &name, &at)?;
                let params = self.params(out, entries)?;
                Some(Action::Mask(Spec { name, params }))
            }
        }
    }

    /// Everything of a rule that is not its transform or its condition.
    fn params(&self, out: &mut Collected<'_>, entries: &DeTable<'_>) -> Option<toml::Table> {
        let mut params = toml::Table::new();
        for (key, value) in in_order(entries) {
            if matches!(key.get_ref().as_ref(), "transform" | "where") {
                continue;
            }
            let Some(plain) = plain(value.get_ref()) else {
                out.refuse(self.place(&value.span()), "this number is out of range");
                return None;
            };
            params.insert(key.get_ref().to_string(), plain);
        }
        Some(params)
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

    fn file_service(&self, out: &mut Collected<'_>, service: &ServiceName, table: &DeTable<'_>) {
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "delete" => self.delete_globs(out, service, value),
                "keep" => self.keep_globs(out, service, value),
                other => {
                    let message = format!(
                        "unknown key {other:?}{}; files take delete = [\"glob\"] and keep = {{ \"glob\" = \
                         \"reason\" }}",
                        did_you_mean(other, ["delete", "keep"])
                    );
                    out.refuse(self.place(&key.span()), message);
                }
            }
        }
    }

    fn delete_globs(&self, out: &mut Collected<'_>, service: &ServiceName, value: &Value<'_>) {
        let DeValue::Array(items) = value.get_ref() else {
            let message = format!("delete must be a list of globs, not {}", article(value.get_ref()));
            return out.refuse(self.place(&value.span()), message);
        };
        for item in items {
            let Some(text) = self.text(out, "a glob of delete", item) else {
                continue;
            };
            self.file_rule(out, service, &text, None, &item.span());
        }
    }

    fn keep_globs(&self, out: &mut Collected<'_>, service: &ServiceName, value: &Value<'_>) {
        let DeValue::Table(entries) = value.get_ref() else {
            let message = format!(
                "keep must be a table {{ \"glob\" = \"reason\" }}, not {}",
                article(value.get_ref())
            );
            return out.refuse(self.place(&value.span()), message);
        };
        for (key, reason) in in_order(entries) {
            let Some(reason) = self.text(out, "keep", reason) else {
                continue;
            };
            self.file_rule(out, service, key.get_ref(), Some(reason), &key.span());
        }
    }

    fn file_rule(
        &self,
        out: &mut Collected<'_>,
        service: &ServiceName,
        glob: &str,
        reason: Option<String>,
        span: &Range<usize>,
    ) {
        let at = self.place(span);
        let glob = match Glob::compile(glob) {
            Ok(glob) => glob,
            Err(error) => return out.refuse(at, error.to_string()),
        };
        let before = [&out.deleted, &out.kept]
            .into_iter()
            .flat_map(|rules| rules.get(service).into_iter().flatten())
            .find(|rule| rule.glob == glob);
        if let Some(before) = before {
            let message = format!("{service}: {:?} is ruled already at {}", glob.as_str(), before.at);
            return out.refuse(at, message);
        }
        let list = if reason.is_some() {
            &mut out.kept
        } else {
            &mut out.deleted
        };
        let rule = FileRule { glob, reason, at };
        list.entry(service.clone()).or_default().push(rule);
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

fn check_transform(out: &mut Collected<'_>, name: &str, at: &Place) -> Option<()> {
    let message = match name {
        known if transform::find(known).is_some() => return Some(()),
        "keep" => "keep needs its reason: { keep = \"why this may stay\" }".to_owned(),
        "delete" => {
            "rows are deleted for a whole table, with rows = \"delete\"; a column takes \"null\"".to_owned()
        }
        later if NOT_YET.contains(&later) => format!("the transform {later:?} is not supported yet"),
        _ => {
            let names: Vec<&str> = transform::ALL.iter().map(|entry| entry.name).collect();
            let near = did_you_mean(name, names.iter().copied());
            format!("unknown transform {name:?}{near}; there is {}", names.join(", "))
        }
    };
    out.refuse(at.clone(), message);
    None
}

/// Adds the rules of a table to those that other files gave it.
fn add_table(
    out: &mut Collected<'_>,
    service: &ServiceName,
    name: TableName,
    at: Place,
    delete_rows: Option<Place>,
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
                message: format!("the rows of {title} are deleted already at {there}"),
                at: here,
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

/// The value without spans; `None` if it holds a number that no 64 bits take.
fn plain(value: &DeValue<'_>) -> Option<toml::Value> {
    Some(match value {
        DeValue::String(text) => toml::Value::String(text.to_string()),
        DeValue::Integer(number) => {
            toml::Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()?)
        }
        DeValue::Float(number) => toml::Value::Float(number.as_str().parse().ok()?),
        DeValue::Boolean(truth) => toml::Value::Boolean(*truth),
        DeValue::Datetime(moment) => toml::Value::Datetime(*moment),
        DeValue::Array(items) => toml::Value::Array(
            items
                .iter()
                .map(|item| plain(item.get_ref()))
                .collect::<Option<_>>()?,
        ),
        DeValue::Table(entries) => toml::Value::Table(
            entries
                .iter()
                .map(|(key, value)| Some((key.get_ref().to_string(), plain(value.get_ref())?)))
                .collect::<Option<_>>()?,
        ),
    })
}

/// The type of a value with its article.
fn article(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
