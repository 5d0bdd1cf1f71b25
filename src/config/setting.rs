//! Where each value of the configuration comes from.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::parts::Parts;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The file does not name it.
    Default,
    /// The line of the file, from 1.
    Line(usize),
}

/// One value of the merged configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its key, with dots: `storage.pool`.
    pub key: String,
    /// Its value; null where there is none.
    pub value: Value,
    /// Where it comes from.
    pub origin: Origin,
}

impl fmt::Display for Setting {
    /// `storage.pool = "/srv/pool"`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Null => write!(f, "{} is not set", self.key),
            value => write!(f, "{} = {value}", self.key),
        }
    }
}

/// All values of `parts`, with the lines that `text` has them on.
pub(super) fn settings(parts: &Parts, text: &str) -> Vec<Setting> {
    let mut lines = BTreeMap::new();
    if let Ok(document) = DeTable::parse(text) {
        note_lines(document.get_ref(), "", text, &mut lines);
    }
    let mut settings = Vec::new();
    // Nothing in it can fail to be shown as JSON: keys are names, and paths come from text.
    let values = serde_json::to_value(parts).unwrap_or_default();
    flatten(&values, String::new(), &lines, &mut settings);
    settings
}

fn flatten(value: &Value, key: String, lines: &BTreeMap<String, usize>, settings: &mut Vec<Setting>) {
    match value {
        Value::Object(entries) => {
            for (name, value) in entries {
                let key = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                flatten(value, key, lines, settings);
            }
        }
        value => {
            let origin = lines
                .get(&key)
                .map_or(Origin::Default, |line| Origin::Line(*line));
            settings.push(Setting {
                key,
                value: value.clone(),
                origin,
            });
        }
    }
}

fn note_lines(table: &DeTable<'_>, above: &str, text: &str, lines: &mut BTreeMap<String, usize>) {
    for (name, value) in table {
        let name_text: &str = name.get_ref();
        let key = if above.is_empty() {
            name_text.to_owned()
        } else {
            format!("{above}.{name_text}")
        };
        if let DeValue::Table(table) = value.get_ref() {
            note_lines(table, &key, text, lines);
        } else {
            let line = text[..name.span().start].matches('\n').count() + 1;
            lines.insert(key, line);
        }
    }
}
