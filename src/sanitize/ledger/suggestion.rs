//! A rule to begin with, for a column that has none.

use super::super::rules::{keep_line, mask_line};
use super::super::schema::{Column, Table, TypeFamily};
use super::super::transform::{self, Spec};
use super::ground::Ground;
use super::looks;

/// A rule that would apply, and why this one. The owner decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    /// The transform; `None` where no transform fits the column.
    pub mask: Option<Spec>,
    /// What the column was taken for; `None` where only its type speaks.
    pub found: Option<&'static str>,
}

impl Suggestion {
    /// A rule for this column. Columns that refer to one another get the same.
    pub(super) fn of<'a>(ground: &Ground<'a>, table: &'a Table, column: &'a Column) -> Self {
        let (table, column) = ground.referred_to(table, column);
        let target = ground.target(table, column);
        let (found, by_name) = looks::by_name(&column.name).unzip();
        let fits = |spec: &Spec| transform::compile(spec, &target, ground.evidence.key).is_ok();
        let mask = by_name
            .flatten()
            .into_iter()
            .chain(by_type(column.family))
            .find(|spec| !ground.in_partition_key(table, column) && fits(spec));
        Self { mask, found }
    }

    /// The rule as a line of a rule file.
    pub fn line(&self, column: &str) -> String {
        match &self.mask {
            Some(spec) => mask_line(column, spec),
            None => format!("# {}", keep_line(column, "why?")),
        }
    }
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
