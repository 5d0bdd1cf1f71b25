//! What a transform is, for people and programs: `sanitize explain`, and the page `docs/transforms.md`.

use std::fmt::{self, Write};

use serde::Serialize;

use super::{
    ALL, Column, ColumnDefault, Entry, Family, Masked, MaskingKey, Preserves, Spec, Uniqueness, compile,
    preserve,
};

/// A transform, explained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Its name in rules.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// What it does to unique values.
    pub uniqueness: Uniqueness,
    /// Types of columns that it takes.
    pub columns: Vec<&'static str>,
    /// What of a value it keeps that a rule can ask for by `preserve`.
    pub preserves: Vec<Preserves>,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// Values and their fakes, made with a key of zeros.
    pub examples: Vec<Example>,
}

/// A parameter, explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its name in rules.
    pub name: &'static str,
    /// What it means, what values it takes and which is the default.
    pub summary: &'static str,
}

/// A value and its fake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The rule, as a rule file has it.
    pub rule: String,
    /// The value.
    pub value: &'static str,
    /// Its fake; `None` for NULL.
    pub fake: Option<String>,
}

/// A transform, the parameters of a rule, a type and a value.
type Shown = (&'static str, &'static str, &'static str, &'static str);

const SHOWN: &[Shown] = &[
    (
        "address",
        "part = 'full', of = 'id', country = 'FR'",
        "text",
        "3 rue Haute, 84000 Avignon",
    ),
    (
        "address",
        "part = 'street', of = 'id', preserve = ['length']",
        "text",
        "12 Kanari Street",
    ),
    ("age-band", "", "date", "1983-08-14"),
    ("bucket", "size = 1000", "int4", "2750"),
    ("card", "", "text", "4929 4212 3460 0821"),
    (
        "choice",
        "values = ['gold', 'silver', 'bronze']",
        "text",
        "platinum",
    ),
    ("company", "", "text", "Kanari Ltd"),
    ("company", "preserve = ['length']", "text", "Kanari Ltd"),
    ("date-shift", "", "timestamptz", "2024-02-28 10:11:12+01"),
    ("dictionary", "values = { Paris = 'Lyon' }", "text", "Paris"),
    ("email", "", "text", "anna@shop.example"),
    ("email", "preserve = ['length']", "text", "anna@shop.example"),
    ("empty", "", "text", "anything"),
    ("fixed", "value = 'n/a'", "text", "anything"),
    ("generalize", "groups = { Europe = ['FR', 'DE'] }", "text", "FR"),
    ("generalize", "size = 10", "text", "37"),
    ("hmac", "", "text", "anna"),
    ("iban", "", "text", "DE89 3704 0044 0532 0130 00"),
    ("ip", "", "inet", "81.2.69.142"),
    (
        "ip",
        "range = 'documentation'",
        "inet",
        "2a00:1450:4007:81a::200e",
    ),
    (
        "json",
        "paths = { '$.contacts[*].email' = 'email' }, unlisted = 'keep'",
        "jsonb",
        r#"{"contacts": [{"email": "anna@shop.example"}], "score": 1.50}"#,
    ),
    ("like", "", "text", "Müller-Lüdenscheidt  7 😀"),
    ("like", "", "numeric", "1299.50"),
    (
        "like",
        "",
        "jsonb",
        r#"{"mail": "anna@shop.example", "tags": ["", null], "total": -12.30}"#,
    ),
    ("mac", "", "macaddr", "00:1a:2b:3c:4d:5e"),
    ("mask", "right = 4", "text", "4111 1111 1111 1111"),
    ("name", "", "text", "Anna Smith"),
    ("name", "preserve = ['length']", "text", "Anna-Lena O'Brien"),
    ("name", "part = 'last', locale = 'fr'", "text", "Smith"),
    ("national-id", "country = 'FR'", "text", "2 55 08 14 168 025 38"),
    ("noise", "", "numeric", "1299.50"),
    ("null", "", "text", "anything"),
    ("password", "framework = 'rails'", "text", "$2a$12$KIXx"),
    ("permute", "", "int8", "4711"),
    ("person", "part = 'full', of = 'id'", "text", "Anna Smith"),
    ("phone", "country = 'FR'", "text", "06 12 34 56 78"),
    (
        "php",
        "paths = { '$.email' = 'email' }, unlisted = 'keep'",
        "text",
        r#"a:2:{s:5:"email";s:17:"anna@shop.example";s:1:"n";i:7;}"#,
    ),
    (
        "redact",
        "",
        "text",
        "Write to anna@shop.example about order 4711.",
    ),
    (
        "regex-replace",
        "pattern = '[0-9]{3}$', replace = '000'",
        "text",
        "75011",
    ),
    ("template", "value = 'user-{digits:6}'", "text", "anna"),
    ("text", "", "text", "Call Anna at 5 pm!"),
    ("text", "mode = 'lorem'", "text", "Call Anna at 5 pm!"),
    ("truncate", "unit = 'month'", "date", "1983-08-14"),
    ("truncate", "length = 2", "text", "75011"),
    ("url", "", "text", "https://shop.example/users/anna.jpg?id=7"),
    (
        "urlencoded",
        "paths = { '$.email' = 'email' }, unlisted = 'keep'",
        "text",
        "email=anna%40shop.example&page=2",
    ),
    ("username", "", "text", "anna_k"),
    ("uuid", "", "uuid", "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
];

/// Explains a transform.
pub fn explain(entry: &Entry) -> Explanation {
    let parameter = |param: &super::Param| Parameter {
        name: param.name,
        summary: param.summary,
    };
    Explanation {
        name: entry.name,
        summary: entry.summary,
        uniqueness: entry.uniqueness,
        columns: if entry.accepts.len() == Family::EVERY.len() {
            vec!["any"]
        } else {
            entry.accepts.iter().map(|family| family.name()).collect()
        },
        preserves: preserve::of(entry.name),
        parameters: entry.params.iter().map(parameter).collect(),
        examples: SHOWN
            .iter()
            .filter(|shown| shown.0 == entry.name)
            .filter_map(example)
            .collect(),
    }
}

/// `None` for what would not compile; a test sees to it that all do.
fn example((name, params, type_name, value): &Shown) -> Option<Example> {
    let table: toml::Table = toml::from_str(&format!("rule = {{ {params} }}")).ok()?;
    let spec = Spec {
        name: (*name).to_owned(),
        params: table.get("rule")?.as_table()?.clone(),
    };
    let column = Column {
        type_name: (*type_name).to_owned(),
        max_chars: None,
        not_null: false,
        unique: false,
        default: ColumnDefault::None,
    };
    let transform = compile(&spec, &column, &MaskingKey::from_bytes([0; 32])).ok()?;
    let mut fake = String::new();
    let masked = transform.apply(value, &mut fake).ok()?;
    Some(Example {
        rule: if params.is_empty() {
            format!("\"{name}\"")
        } else {
            format!("{{ transform = \"{name}\", {} }}", params.replace('\'', "\""))
        },
        value,
        fake: (masked == Masked::Value).then_some(fake),
    })
}

impl Uniqueness {
    /// What it means for a unique column.
    fn said(self) -> &'static str {
        match self {
            Self::Preserved => "preserved: different values stay different, unique columns are taken",
            Self::NotGuaranteed => {
                "not guaranteed: two values can become the same, unique columns are refused"
            }
            Self::Lossy => "lossy: all values become the same, unique columns are refused",
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.summary)?;
        writeln!(f, "\ncolumns     {}", self.columns.join(", "))?;
        writeln!(f, "uniqueness  {}", self.uniqueness.said())?;
        for (at, preserves) in self.preserves.iter().enumerate() {
            writeln!(f, "{:<12}{preserves}", if at == 0 { "preserves" } else { "" })?;
        }
        if !self.parameters.is_empty() {
            writeln!(f, "\nparameters")?;
            let width = self
                .parameters
                .iter()
                .map(|param| param.name.len())
                .max()
                .unwrap_or_default();
            for param in &self.parameters {
                writeln!(f, "  {:<width$}  {}", param.name, param.summary)?;
            }
        }
        if !self.examples.is_empty() {
            writeln!(
                f,
                "\nexamples, made with a key of zeros; with yours they are others"
            )?;
        }
        for example in &self.examples {
            let fake = example.fake.as_deref().unwrap_or("NULL");
            writeln!(f, "  {}: {} → {fake}", example.rule, example.value)?;
        }
        Ok(())
    }
}

const OPENING: &str = "# Transforms

Generated from the code by `envclone generate`; a test compares them. `envclone sanitize explain TRANSFORM` prints the same.

A transform replaces the values of a column. It is drawn from the masking key, so that the same value gets the same fake in every
column and service that has the same transform, and joins survive; it is pseudonymizing, not anonymizing. NULL stays NULL and an
empty value stays empty, unless a transform says otherwise. Parameters are checked, and unknown ones refused, before any row is
touched; so is a transform that could break a unique column. Examples are made with a key of zeros: with yours they are others.

| transform | does | unique columns |
|---|---|---|
";

const PRESERVED: &str = "
## What a fake preserves

Bugs hang on more than a value's type. `preserve = [\"length\", …]`, which stands beside a transform's own parameters, says what of
each value its fake has to keep; a transform that cannot keep it on that column is refused before any row is touched, and the message
names those that can. What a transform preserves stands with it below: always, or *on request*, which gives other fakes than without.
`like` preserves most of it of itself.

* `length`: as many characters.
* `bytes`: as many characters, and as many bytes in UTF-8.
* `classes`: a letter in the place of each letter, of the same case, a digit in that of each digit, all else in its place.
* `duplicates`: equal values stay equal, different ones different.
* `order`: the broad order; what comes long before goes on to.
* `intervals`: what lies between two dates.

NULL and empty values stay so with every transform that has a key, whether `preserve` is there or not. A name of the asked length is
one from the lists where they hold enough of that length, else one made up of syllables; each word of the value becomes one word, and
legal forms and kinds of streets stay. An
e-mail address of fewer than 13 characters is at a short name below `.test`, one of fewer than 8 below `.zz`, which no registry gives
out; one of fewer than 6 has no room for a domain that nobody could have, and gets other letters.
";

/// The page `docs/transforms.md`.
pub fn page() -> String {
    let mut page = OPENING.to_owned();
    let explained: Vec<Explanation> = ALL.iter().map(explain).collect();
    for one in &explained {
        let taken = if one.uniqueness == Uniqueness::Preserved {
            "yes"
        } else {
            "no"
        };
        let _ = writeln!(
            page,
            "| [`{0}`](#{0}) | {1} | {taken} |",
            one.name,
            cell(one.summary)
        );
    }
    page.push_str(PRESERVED);
    for one in &explained {
        section(one, &mut page);
    }
    page
}

fn section(one: &Explanation, page: &mut String) {
    let _ = writeln!(page, "\n## {}\n\n{}.\n", one.name, capital(one.summary));
    let _ = writeln!(page, "* Columns: {}", one.columns.join(", "));
    let _ = writeln!(page, "* Uniqueness: {}", one.uniqueness.said());
    for preserves in &one.preserves {
        let _ = writeln!(page, "* Preserves {preserves}");
    }
    for param in &one.parameters {
        let _ = writeln!(page, "* `{}`: {}", param.name, param.summary);
    }
    if one.examples.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n| rule | value | becomes |\n|---|---|---|");
    for example in &one.examples {
        let fake = example
            .fake
            .as_ref()
            .map_or_else(|| "NULL".to_owned(), |fake| code(fake));
        let _ = writeln!(
            page,
            "| {} | {} | {fake} |",
            code(&example.rule),
            code(example.value)
        );
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

fn cell(text: &str) -> String {
    text.replace('|', r"\|")
}

/// In a table, as code; an empty text as a word.
fn code(text: &str) -> String {
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    format!("`{}`", cell(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_compiles_and_changes_its_value() {
        for shown in SHOWN {
            let example = example(shown).unwrap_or_else(|| panic!("{shown:?}"));
            assert_ne!(example.fake.as_deref(), Some(example.value), "{shown:?}");
        }
    }

    #[test]
    fn every_transform_is_explained_in_words() {
        for entry in ALL {
            let text = explain(entry).to_string();
            assert!(
                text.starts_with(entry.name) && text.contains("uniqueness"),
                "{text}"
            );
            for param in entry.params {
                assert!(
                    text.contains(param.summary) && !param.summary.ends_with('.'),
                    "{text}"
                );
            }
        }
    }
}
