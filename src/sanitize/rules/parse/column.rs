//! The rules of one column.

use toml::de::{DeTable, DeValue};

use super::{Collected, Key, Source, Value, article, in_order, lists};
use crate::sanitize::nearest::did_you_mean;
use crate::sanitize::rules::{Action, ColumnRule, ColumnRules, List, Place};
use crate::sanitize::transform::{self, Spec};

impl Source<'_> {
    pub(super) fn column(
        &self,
        out: &mut Collected<'_>,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Option<ColumnRules> {
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
                let mut params = self.params(out, entries)?;
                let list = |file: &str| {
                    let of_this = |list: &&List| list.rules == *self.file && list.name == file;
                    out.lists.iter().find(of_this).map(|list| list.text.as_str())
                };
                if let Err(message) = lists::put_in(&name, &mut params, &list) {
                    out.refuse(at, message);
                    return None;
                }
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
}

fn check_transform(out: &mut Collected<'_>, name: &str, at: &Place) -> Option<()> {
    let message = match name {
        known if transform::find(known).is_some() => return Some(()),
        "keep" => "keep needs its reason: { keep = \"why this may stay\" }".to_owned(),
        "delete" => {
            "rows are deleted for a whole table, with rows = \"delete\"; a column takes \"null\"".to_owned()
        }
        _ => {
            let names: Vec<&str> = transform::ALL.iter().map(|entry| entry.name).collect();
            let near = did_you_mean(name, names.iter().copied());
            format!("unknown transform {name:?}{near}; there is {}", names.join(", "))
        }
    };
    out.refuse(at.clone(), message);
    None
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
