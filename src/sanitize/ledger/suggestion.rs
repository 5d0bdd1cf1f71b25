//! A rule to begin with, for a column that has none.

use std::collections::BTreeSet;

use super::super::detect::{self, ColumnSample, Finding};
use super::super::rules::{keep_line, mask_line};
use super::super::schema::{Column, Table, TableKind, TypeFamily};
use super::super::transform::{self, Spec};
use super::ground::{Ground, Node};
use super::references;

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
        let found = group.iter().find_map(|node| finding(ground, node));
        if group.iter().any(|node| is_fixed(ground, node)) {
            return Self { mask: None, found };
        }
        let targets = references::targets(ground, group);
        let fits = |spec: &Spec| {
            let compiled = |target| transform::compile(spec, target, ground.evidence.key);
            targets.iter().all(|(_, target)| compiled(target).is_ok())
        };
        let target = ground.target(table, column);
        let by_finding = found.as_ref().and_then(|found| detect::suggest(found, &target));
        let candidates = by_finding.into_iter().chain(by_type(column.family));
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

/// What a column looks like it holds.
fn finding(ground: &Ground<'_>, node: &Node) -> Option<Finding> {
    let (table, column) = ground.column(node)?;
    detect::detect(&ColumnSample {
        table: &table.name.to_string(),
        column: &column.name,
        type_name: &column.type_name,
        values: &(ground.evidence.samples)(&table.name, &column.name),
    })
}

/// Whether no transform can be put on this column, whatever its type.
fn is_fixed(ground: &Ground<'_>, node: &Node) -> bool {
    ground.column(node).is_none_or(|(table, column)| {
        let stored = matches!(table.kind, TableKind::Ordinary | TableKind::Partitioned);
        !stored || column.generated || ground.in_partition_key(table, column)
    })
}

/// What suits a type when nothing else is known, the best first.
fn by_type(family: TypeFamily) -> Vec<Spec> {
    let with = |name: &str, param: &str, value: &str| Spec {
        name: name.to_owned(),
        params: toml::Table::from_iter([(param.to_owned(), toml::Value::String(value.to_owned()))]),
    };
    let mut specs = Vec::new();
    match family {
        TypeFamily::Text => specs.extend([with("text", "mode", "scramble"), Spec::named("hmac")]),
        TypeFamily::Uuid => specs.push(Spec::named("uuid")),
        TypeFamily::Bytes => specs.push(Spec::named("hmac")),
        _ => {}
    }
    specs.push(Spec::named("null"));
    match family {
        TypeFamily::Json | TypeFamily::Array => specs.push(with("fixed", "value", "{}")),
        TypeFamily::Range => specs.push(with("fixed", "value", "empty")),
        TypeFamily::TextSearch => specs.push(with("fixed", "value", "")),
        _ => {}
    }
    specs
}
