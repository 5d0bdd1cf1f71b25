//! Where in documents of a sample something personal stands: the paths of a rule to begin with.
//!
//! Names of members can be values of rows, too (`{"anna": …}`): only those are written down that say what they hold, or
//! that lead there and occur in more than one document; any other becomes a `*`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{ColumnSample, PersonalKind, detect, names, suggest, values};
use crate::sanitize::transform::{Column, ColumnDefault, Spec, pair_values, php_values};

/// How the documents of a sample are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Php,
    UrlEncoded,
}

/// The form of most of these values; empty ones do not count.
pub(super) fn form(values: &[String]) -> Option<Form> {
    let filled: Vec<&str> = values
        .iter()
        .map(|value| value.trim())
        .filter(|value| !value.is_empty())
        .collect();
    let most = |is: fn(&str) -> bool| filled.iter().filter(|value| is(value)).count() * 2 > filled.len();
    [
        (Form::Json, is_json as fn(&str) -> bool),
        (Form::Php, is_php),
        (Form::UrlEncoded, is_urlencoded),
    ]
    .into_iter()
    .find(|(_, is)| most(*is))
    .map(|(form, _)| form)
}

fn is_json(value: &str) -> bool {
    value.starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok()
}

pub(super) fn is_php(value: &str) -> bool {
    let bytes = value.as_bytes();
    matches!(bytes.first(), Some(b'a' | b'O' | b's'))
        && bytes.get(1) == Some(&b':')
        && bytes.get(2).is_some_and(u8::is_ascii_digit)
}

/// `a=1&b=two+words`: at least two pairs, or one with a code in it.
pub(super) fn is_urlencoded(value: &str) -> bool {
    let value = value.trim_start_matches('?');
    let name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.[]%".contains(&byte))
    };
    let pair = |pair: &str| pair.split_once('=').is_some_and(|(key, _)| name(key));
    !value.contains(char::is_whitespace)
        && (value.contains('&') || value.contains('%'))
        && value.split('&').all(pair)
}

/// Values that stand at one path of the documents.
#[derive(Default)]
struct At {
    name: String,
    values: Vec<String>,
    /// Whether some of them are numbers.
    numbers: bool,
}

/// Most values that are looked at of one path, and paths that a rule is given.
const VALUES: usize = 100;
const PATHS: usize = 60;
/// How deep documents are looked into.
const DEEPEST: usize = 12;

/// The personal paths of JSON documents, each with what happens there.
pub(super) fn json_paths(values: &[String]) -> toml::Table {
    let documents: Vec<Value> = values
        .iter()
        .filter_map(|value| serde_json::from_str(value).ok())
        .collect();
    let mut seen = BTreeMap::new();
    for document in &documents {
        let mut here = BTreeSet::new();
        count_names(document, DEEPEST, &mut here);
        for name in here {
            *seen.entry(name.to_owned()).or_insert(0_usize) += 1;
        }
    }
    let known = |name: &str| is_known(name, seen.get(name).copied().unwrap_or_default(), documents.len());
    let mut found = BTreeMap::new();
    for document in &documents {
        collect(document, "$", "", &known, DEEPEST, &mut found);
    }
    rules(found)
}

/// Whether a name that stands in `seen` of the documents is one of the application's.
fn is_known(name: &str, seen: usize, documents: usize) -> bool {
    // The number of a field, which many documents have; that of a row is in one.
    let number = !name.is_empty() && name.len() <= 9 && name.bytes().all(|byte| byte.is_ascii_digit());
    is_plain(name) && seen > 1 || speaks(name) || number && seen >= 3 && seen * 20 >= documents
}

fn count_names<'v>(value: &'v Value, depth: usize, names: &mut BTreeSet<&'v str>) {
    if depth == 0 {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                names.insert(name);
                count_names(value, depth - 1, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| count_names(item, depth - 1, names)),
        _ => {}
    }
}

/// A name that needs no quotes in a path, and is no number or code.
fn is_plain(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && digits * 2 < name.len().max(2)
}

/// Whether a name says what it holds, so that it is one of the application's and of no row.
fn speaks(name: &str) -> bool {
    is_plain(name) && names::hint("", name).is_some()
}

fn collect(
    value: &Value,
    path: &str,
    name: &str,
    known: &dyn Fn(&str) -> bool,
    depth: usize,
    found: &mut BTreeMap<String, At>,
) {
    if depth == 0 {
        return;
    }
    let text = match value {
        Value::Object(members) => {
            for (name, value) in members {
                if known(name) {
                    collect(value, &format!("{path}.{name}"), name, known, depth - 1, found);
                } else {
                    collect(value, &format!("{path}.*"), "", known, depth - 1, found);
                }
            }
            return;
        }
        Value::Array(items) => {
            for item in items {
                collect(item, &format!("{path}[*]"), name, known, depth - 1, found);
            }
            return;
        }
        Value::String(text) => (text.clone(), true),
        Value::Number(number) => (number.to_string(), false),
        Value::Bool(_) | Value::Null => return,
    };
    note(found, path.to_owned(), name, text);
}

fn note(found: &mut BTreeMap<String, At>, path: String, name: &str, (value, is_text): (String, bool)) {
    let at = found.entry(path).or_default();
    at.numbers |= !is_text;
    if at.values.len() < VALUES {
        name.clone_into(&mut at.name);
        at.values.push(value);
    }
}

/// A rule for each path where something personal stands. A path that ends in `*` may stand for anything, so that it has one
/// only where its texts say so themselves.
fn rules(found: BTreeMap<String, At>) -> toml::Table {
    let ruled = found.into_iter().filter_map(|(path, at)| {
        if path == "$" || path.ends_with(".*") && at.numbers {
            return None;
        }
        Some((path, rule(&at)?))
    });
    let mut ruled: Vec<_> = ruled.collect();
    // What is known to be personal does not give way to what may be.
    ruled.sort_by_key(|(_, rule)| rule.as_str() == Some("like"));
    ruled.into_iter().take(PATHS).collect()
}

fn rule(at: &At) -> Option<toml::Value> {
    let Some(found) = detect(&ColumnSample {
        table: "",
        column: &at.name,
        type_name: "text",
        values: &at.values,
    }) else {
        // Nearly every document has another one, nobody knows of what: it may well tell one person from another.
        return (!at.numbers && values::are_various(&at.values)).then(|| "like".into());
    };
    // Documents and prose are looked through as a whole anyway.
    if found.kind == PersonalKind::Structured {
        return None;
    }
    let text = Column {
        type_name: "text".to_owned(),
        max_chars: None,
        not_null: false,
        unique: false,
        default: ColumnDefault::None,
    };
    let spec = suggest(&found, &text, &at.values).into_iter().next()?;
    Some(inner(&spec))
}

/// A rule as it stands within another one.
pub fn inner(spec: &Spec) -> toml::Value {
    if spec.params.is_empty() {
        return spec.name.clone().into();
    }
    let mut table = spec.params.clone();
    table.insert("transform".to_owned(), spec.name.clone().into());
    table.into()
}

/// Shows the values of one document: the name above each, the value, whether it is a text.
type Values = fn(&str, &mut dyn FnMut(&str, &str, bool));

/// The personal names of what PHP serialized, at whatever depth.
pub(super) fn php_paths(values: &[String]) -> toml::Table {
    named_paths(values, php_values)
}

/// The personal names of URL-encoded pairs.
pub(super) fn pair_paths(values: &[String]) -> toml::Table {
    named_paths(values, pair_values)
}

fn named_paths(documents: &[String], of: Values) -> toml::Table {
    let mut found: BTreeMap<String, (usize, At)> = BTreeMap::new();
    for document in documents {
        let mut here = BTreeSet::new();
        of(document.trim_start_matches('?'), &mut |name, value, is_text| {
            let (seen, at) = found.entry(name.to_owned()).or_default();
            *seen += usize::from(here.insert(name.to_owned()));
            at.numbers |= !is_text;
            if at.values.len() < VALUES {
                name.clone_into(&mut at.name);
                at.values.push(value.to_owned());
            }
        });
    }
    let alone = found.len() == 1;
    let by_path = found
        .into_iter()
        .filter_map(|(name, (seen, at))| match name.as_str() {
            // A list of nothing else.
            "" if alone => Some(("$[*]".to_owned(), at)),
            "" => None,
            name if is_known(name, seen, documents.len()) => Some((format!("$..{name}"), at)),
            _ => None,
        });
    rules(by_path.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn personal_paths_are_found_and_names_that_are_values_of_rows_are_not_written() {
        let documents = texts(&[
            r#"{"contact":{"email":"a@b.test","tel":"+33 6 12 34 56 78"},"by":{"anna":{"email":"a@b.test"}},"items":[]}"#,
            r#"{"contact":{"email":null},"by":{"robert":{"email":"c@d.test"}},"items":[{"iban":"DE89370400440532013000"}]}"#,
        ]);
        let paths = json_paths(&documents);
        let names: Vec<&str> = paths.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "$.by.*.email",
                "$.contact.email",
                "$.contact.tel",
                "$.items[*].iban"
            ]
        );
        assert_eq!(paths["$.items[*].iban"].as_str(), Some("iban"));
        assert_eq!(paths["$.contact.tel"]["country"].as_str(), Some("FR"));
    }

    #[test]
    fn members_that_no_name_tells_are_told_by_what_stands_there() {
        let names = [
            "Anna Smith",
            "Emma Jones",
            "Paul Martin",
            "Laura Brown",
            "Peter White",
            "Anna Brown",
        ];
        let of = |document: &dyn Fn(usize, &str) -> String| -> Vec<String> {
            names
                .iter()
                .enumerate()
                .map(|(n, name)| document(n, name))
                .collect()
        };
        // Fields that are numbered, a list, a member that is the same everywhere, a time, a number.
        let json = of(&|n, name| {
            format!(
                r#"{{"227":"For handl{n}","4":"yes","people":["{name}"],"when":"2024-01-0{n} 10:00","n":{n},"k{n}x":"seat of handl{n}"}}"#
            )
        });
        let paths = json_paths(&json);
        let shown: Vec<String> = paths
            .iter()
            .map(|(path, rule)| format!("{path} {rule}"))
            .collect();
        assert_eq!(shown, ["$.* \"like\"", "$.227 \"like\"", "$.people[*] \"name\""]);
        let php = of(&|n, name| {
            format!(
                r#"a:4:{{s:4:"Make";s:6:"Camera";s:6:"Artist";s:{}:"{name}";s:6:"target";s:6:"handl{n}";s:5:"width";i:1600;}}"#,
                name.len()
            )
        });
        let shown: Vec<String> = php_paths(&php)
            .iter()
            .map(|(path, rule)| format!("{path} {rule}"))
            .collect();
        assert_eq!(shown, ["$..Artist \"name\"", "$..target \"like\""]);
        let list = of(&|_, name| format!(r#"a:1:{{i:0;s:{}:"{name}";}}"#, name.len()));
        assert_eq!(php_paths(&list).keys().collect::<Vec<_>>(), ["$[*]"]);
    }

    #[test]
    fn forms_of_documents_are_told() {
        let of = |values: &[&str]| form(&texts(values));
        assert_eq!(of(&[r#"{"a":1}"#, "", "[]"]), Some(Form::Json));
        assert_eq!(of(&["a:0:{}", r#"s:1:"x";"#]), Some(Form::Php));
        assert_eq!(of(&["a=1&b=2", "mail=a%40b.test"]), Some(Form::UrlEncoded));
        assert_eq!(of(&["hello", "1 + 1 = 2 & so on", "x=1"]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn names_of_php_and_pairs_are_found_at_any_depth() {
        let php = texts(&[r#"a:2:{s:4:"user";a:1:{s:5:"email";s:8:"a@b.test";}s:1:"x";s:4:"city";}"#]);
        assert_eq!(php_paths(&php).keys().collect::<Vec<_>>(), ["$..email"]);
        let pairs = texts(&["email=a%40b.test&page=2"]);
        assert_eq!(pair_paths(&pairs).keys().collect::<Vec<_>>(), ["$..email"]);
    }
}
