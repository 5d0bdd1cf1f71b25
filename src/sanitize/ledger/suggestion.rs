//! A rule to begin with, for a column that has none.

use std::collections::BTreeSet;

use super::super::detect::{self, Finding};
use super::super::rules::{keep_line, mask_line};
use super::super::schema::{Allowed, Column, Table, TableKind, TypeFamily};
use super::super::transform::{self, Spec};
use super::ground::{Ground, Node};
use super::{references, together};

/// A rule that would apply, and why this one. The owner decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    /// The transform; `None` where no transform fits the column.
    pub mask: Option<Spec>,
    /// What the column was taken for; `None` where only its type speaks.
    pub found: Option<Finding>,
}

impl Suggestion {
    /// A rule for this column. Columns that refer to one another get the same, since only that would apply.
    pub(super) fn of(ground: &Ground<'_>, table: &Table, column: &Column) -> Self {
        let alone = BTreeSet::from([(table.name.clone(), column.name.clone())]);
        let group = ground.group(table, column).unwrap_or(&alone);
        let speaker = group.iter().find_map(|node| Some((node, ground.finding(node)?)));
        let found = speaker.as_ref().map(|(_, found)| found.clone());
        if group.iter().any(|node| is_fixed(ground, node)) {
            return Self { mask: None, found };
        }
        let targets = references::targets(ground, group);
        let fits = |spec: &Spec| {
            let compiled = |target| transform::compile(spec, target, ground.evidence.key);
            targets.iter().all(|(_, target)| compiled(target).is_ok())
        };
        // What reads other columns of its row does not fit columns that refer to one another.
        let with_others = (group.len() == 1).then(|| together::specs(ground, table, column, found.as_ref()));
        let with_others = with_others.unwrap_or_default();
        let found = found.or_else(|| with_others.as_ref().and_then(|(_, found)| found.clone()));
        // One for all of the group, so that all get the same.
        let target = transform::Column {
            not_null: targets.iter().any(|(_, target)| target.not_null),
            ..targets
                .first()
                .map_or_else(|| ground.target(table, column), |(_, target)| target.clone())
        };
        let mut candidates = allowed(column, target.unique);
        candidates.extend(with_others.map(|(spec, _)| spec));
        if let Some(((table, column), found)) = &speaker {
            let values = (ground.evidence.samples)(table, column);
            candidates.extend(detect::suggest(found, &target, &values));
        }
        candidates.extend(by_type(column.family, target.unique));
        Self {
            mask: candidates.into_iter().find(fits),
            found,
        }
    }

    /// The rule as a line of a rule file.
    pub fn line(&self, column: &str) -> String {
        match &self.mask {
            Some(spec) => mask_line(column, spec),
            None => format!("# {}", keep_line(column, "why?")),
        }
    }
}

/// Whether no transform can be put on this column, whatever its type.
pub(super) fn is_fixed(ground: &Ground<'_>, node: &Node) -> bool {
    ground.column(node).is_none_or(|(table, column)| {
        let stored = matches!(table.kind, TableKind::Ordinary | TableKind::Partitioned);
        !stored || column.generated || ground.in_partition_key(table, column)
    })
}

/// What gives no value but those that the column's CHECK constraints leave.
fn allowed(column: &Column, unique: bool) -> Vec<Spec> {
    let number = |value: &String| value.parse::<i64>().ok().map(toml::Value::from);
    let whole = column.family == TypeFamily::Integer;
    match &column.allowed {
        Allowed::Only(values) if !unique => {
            let text = |value: &String| Some(toml::Value::from(value.as_str()));
            let values = values
                .iter()
                .filter_map(|value| if whole { number(value) } else { text(value) });
            let values: Vec<toml::Value> = values.collect();
            let params = toml::Table::from_iter([("values".to_owned(), values.into())]);
            let name = "choice".to_owned();
            vec![Spec { name, params }]
        }
        Allowed::Between(from, to) if whole => {
            let params = [
                ("from".to_owned(), (*from).into()),
                ("to".to_owned(), (*to).into()),
            ];
            let params = toml::Table::from_iter(params);
            let name = "permute".to_owned();
            vec![Spec { name, params }]
        }
        _ => Vec::new(),
    }
}

/// What suits a type when nothing else is known, the best first.
fn by_type(family: TypeFamily, unique: bool) -> Vec<Spec> {
    let with = |name: &str, param: &str, value: &str| Spec {
        name: name.to_owned(),
        params: toml::Table::from_iter([(param.to_owned(), toml::Value::String(value.to_owned()))]),
    };
    let mut specs = Vec::new();
    match family {
        TypeFamily::Text => specs.extend([with("text", "mode", "scramble"), Spec::named("hmac")]),
        TypeFamily::Uuid => specs.push(Spec::named("uuid")),
        TypeFamily::Bytes => specs.push(Spec::named("hmac")),
        // Two documents may become the same.
        TypeFamily::Json if !unique => {
            let mut json = with("json", "unlisted", "redact");
            json.params.insert("paths".to_owned(), toml::Table::new().into());
            specs.push(json);
        }
        _ => {}
    }
    specs.push(Spec::named("null"));
    match family {
        TypeFamily::Array => specs.push(with("fixed", "value", "{}")),
        TypeFamily::Range => specs.push(with("fixed", "value", "empty")),
        TypeFamily::TextSearch => specs.push(with("fixed", "value", "")),
        _ => {}
    }
    specs
}
