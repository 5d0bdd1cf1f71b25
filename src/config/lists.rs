//! Files of values beside rule files, which rules name: `{ transform = "dictionary", file = "towns.txt" }`. They are read here, under
//! the same rule of trust as everything that root obeys; what is in them is `sanitize`'s to read.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::place::{Place, Problem};
use super::trust::{Trust, TrustError};

/// The most bytes of one list: it is in memory as a whole, for each column that it is for.
const MOST: u64 = 2 << 20;

/// A file of values that a rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The rule file.
    pub rules: PathBuf,
    /// As the rule names it: a path below the rule file's directory.
    pub name: String,
    /// Where it really lies.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

/// Reads the lists that a rule file names, each once.
pub(super) fn of(rules: &Path, text: &str, trust: &Trust) -> Result<Vec<List>, ConfigError> {
    // What is no TOML is told by whoever reads the rules.
    let Ok(document) = DeTable::parse(text) else {
        return Ok(Vec::new());
    };
    let mut named = Vec::new();
    names(document.get_ref(), &mut named);
    let mut lists: Vec<List> = Vec::new();
    for (name, span) in named {
        if lists.iter().any(|list| list.name == name) {
            continue;
        }
        let refuse = |message: String| ConfigError::Invalid {
            problems: vec![Problem {
                message,
                at: Place::new(&Arc::from(rules), text, &span),
            }],
        };
        if !is_below(&name) {
            let message = "a list lies beside its rule file or below: write its name, without / at the beginning and without ..";
            return Err(refuse(message.to_owned()));
        }
        let directory = rules.parent().unwrap_or(Path::new("/"));
        let (file, path) = match trust.open(&directory.join(&name)) {
            Err(TrustError::Io { path, source }) if source.kind() == ErrorKind::NotFound => {
                return Err(refuse(format!("there is no list {}", path.display())));
            }
            other => other?,
        };
        let text = read(file, &path)?;
        let text = text.ok_or_else(|| refuse(format!("a list has at most {} MiB", MOST >> 20)))?;
        lists.push(List {
            rules: rules.to_owned(),
            name,
            path,
            text,
        });
    }
    Ok(lists)
}

/// Every `file` that stands beside a `transform` which takes one, however deep: columns may have these names as well.
fn names(table: &DeTable<'_>, found: &mut Vec<(String, Range<usize>)>) {
    let takes = |value: &DeValue<'_>| matches!(value, DeValue::String(name) if matches!(name.as_ref(), "dictionary" | "choice"));
    if table.get("transform").is_some_and(|value| takes(value.get_ref()))
        && let Some(file) = table.get("file")
        && let DeValue::String(name) = file.get_ref()
    {
        found.push((name.to_string(), file.span()));
    }
    table.values().for_each(|value| within(value.get_ref(), found));
}

fn within(value: &DeValue<'_>, found: &mut Vec<(String, Range<usize>)>) {
    match value {
        DeValue::Table(table) => names(table, found),
        DeValue::Array(items) => items.iter().for_each(|item| within(item.get_ref(), found)),
        _ => {}
    }
}

fn is_below(name: &str) -> bool {
    let mut parts = Path::new(name).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// The content; `None` where it is too long.
fn read(file: File, path: &Path) -> Result<Option<String>, ConfigError> {
    let mut bytes = Vec::new();
    let read = file.take(MOST + 1).read_to_end(&mut bytes);
    read.map_err(ConfigError::io(path))?;
    if bytes.len() as u64 > MOST {
        return Ok(None);
    }
    let text = String::from_utf8(bytes).map_err(|_| std::io::Error::from(ErrorKind::InvalidData));
    text.map_err(ConfigError::io(path)).map(Some)
}
