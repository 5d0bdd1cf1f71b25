//! What a fake keeps of its value beside being one: what each transform promises, of itself or where a rule asks for it by
//! `preserve = ["length", …]`. A word that a transform cannot keep on a column is refused, so that nobody relies on it.

use serde::Serialize;

use super::{Column, Entry, Family, MaskingKey, Params, SpecError};

/// The parameter, which every transform knows.
pub(super) const PARAM: &str = "preserve";

/// Something of a value that bugs hang on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// As many characters.
    Length,
    /// As many characters, and as many bytes in UTF-8.
    Bytes,
    /// A letter in the place of each letter, of its case, a digit in that of each digit; all else in its place.
    Classes,
    /// Equal values stay equal, different ones different.
    Duplicates,
    /// The broad order: what comes long before goes on to.
    Order,
    /// What lies between two values.
    Intervals,
}

impl Word {
    /// Every word.
    pub const ALL: [Self; 6] = [
        Self::Length,
        Self::Bytes,
        Self::Classes,
        Self::Duplicates,
        Self::Order,
        Self::Intervals,
    ];

    /// How rules write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Bytes => "bytes",
            Self::Classes => "classes",
            Self::Duplicates => "duplicates",
            Self::Order => "order",
            Self::Intervals => "intervals",
        }
    }
}

/// Words as a list.
pub(super) fn listed(words: &[Word]) -> String {
    let names: Vec<&str> = words.iter().map(|word| word.name()).collect();
    names.join(", ")
}

/// What a transform keeps of the values of some columns.
pub(super) struct Promise {
    pub(super) transform: &'static str,
    pub(super) families: &'static [Family],
    /// Kept in any case.
    pub(super) always: &'static [Word],
    /// Kept where the rule asks for it, which makes other fakes.
    pub(super) asked: &'static [Word],
    /// The parameters that this hangs on, in words.
    pub(super) only: Option<&'static str>,
    holds: fn(&toml::Table) -> bool,
}

use Word::{Bytes, Classes, Duplicates, Intervals, Length, Order};

const TEXT: &[Family] = &[Family::Text];
const WHOLE: &[Family] = &[Family::Integer, Family::BigInteger];
const NUMBERS: &[Family] = &[Family::Integer, Family::BigInteger, Family::Decimal];
const DAYS: &[Family] = &[Family::Date, Family::Time];

const fn always(transform: &'static str, families: &'static [Family], words: &'static [Word]) -> Promise {
    Promise {
        transform,
        families,
        always: words,
        asked: &[],
        only: None,
        holds: |_| true,
    }
}

const fn asked(transform: &'static str) -> Promise {
    Promise {
        asked: &[Length, Bytes],
        ..always(transform, TEXT, &[])
    }
}

impl Promise {
    const fn only(self, said: &'static str, holds: fn(&toml::Table) -> bool) -> Self {
        Self {
            only: Some(said),
            holds,
            ..self
        }
    }
}

/// All promises, by name of the transform.
pub(super) static PROMISES: &[Promise] = &[
    asked("address").only("with part = \"street\"", |rule| {
        rule.get("part").and_then(toml::Value::as_str) == Some("street")
    }),
    always("bucket", NUMBERS, &[Order]),
    asked("company"),
    always("date-shift", DAYS, &[Duplicates, Order, Intervals])
        .only("without of", |rule| !rule.contains_key("of")),
    always("date-shift", DAYS, &[Intervals]).only("with of, between dates of the same", |rule| {
        rule.contains_key("of")
    }),
    asked("email"),
    always("email", TEXT, &[Duplicates])
        .only("without preserve = [\"length\"]", |rule| !asks_for_length(rule)),
    always("hmac", &[Family::Text, Family::Bytes], &[Duplicates])
        .only("unless length makes it too short", |_| true),
    always("like", TEXT, &[Length, Bytes, Classes, Duplicates, Order]),
    always("like", NUMBERS, &[Length, Bytes, Classes, Duplicates, Order]),
    always("like", DAYS, &[Duplicates, Order, Intervals]),
    always("like", &[Family::Uuid], &[Length, Bytes, Duplicates]),
    always("like", &[Family::Json], &[Length, Bytes, Classes, Duplicates]),
    always("mask", TEXT, &[Length]),
    asked("name"),
    always("permute", WHOLE, &[Length, Bytes, Duplicates])
        .only("without from and to", |rule| !rule.contains_key("from")),
    always("permute", WHOLE, &[Duplicates]).only("with from and to", |rule| rule.contains_key("from")),
    always("text", TEXT, &[Length, Classes]).only("with mode = \"scramble\"", |rule| {
        rule.get("mode")
            .is_none_or(|mode| mode.as_str() == Some("scramble"))
    }),
    always("truncate", DAYS, &[Order]),
    asked("username"),
    always("username", TEXT, &[Duplicates])
        .only("without preserve = [\"length\"]", |rule| !asks_for_length(rule)),
    always("uuid", &[Family::Uuid], &[Length, Bytes, Duplicates]),
];

fn asks_for_length(rule: &toml::Table) -> bool {
    let words = rule.get(PARAM).and_then(toml::Value::as_array);
    words.is_some_and(|words| {
        words
            .iter()
            .any(|word| matches!(word.as_str(), Some("length" | "bytes")))
    })
}

/// What a rule asks a transform to keep that can do so on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// As many characters.
    Length,
    /// As many characters and bytes.
    Bytes,
}

impl Params<'_> {
    /// The words that the rule asks for.
    fn preserve(&self) -> Result<Vec<Word>, SpecError> {
        let Some(given) = self.get(PARAM) else {
            return Ok(Vec::new());
        };
        let word = |given: &toml::Value| {
            Word::ALL
                .into_iter()
                .find(|word| given.as_str() == Some(word.name()))
        };
        let words = given
            .as_array()
            .and_then(|given| given.iter().map(word).collect());
        words.ok_or_else(|| self.wrong(PARAM, format!("a list of words out of {}", listed(&Word::ALL))))
    }

    /// What the rule asks for of length.
    pub(super) fn size(&self) -> Result<Option<Size>, SpecError> {
        let words = self.preserve()?;
        Ok(if words.contains(&Bytes) {
            Some(Size::Bytes)
        } else {
            words.contains(&Length).then_some(Size::Length)
        })
    }
}

/// Refuses words that the transform cannot keep on this column.
pub(super) fn check(
    entry: &'static Entry,
    params: &Params<'_>,
    rule: &toml::Table,
    column: &Column,
    key: &MaskingKey,
) -> Result<(), SpecError> {
    let words = params.preserve()?;
    let family = column.family();
    let promised: Vec<Word> = PROMISES
        .iter()
        .filter(|promise| promise.transform == entry.name && promise.families.contains(&family))
        .filter(|promise| (promise.holds)(rule))
        .flat_map(|promise| promise.always.iter().chain(promise.asked))
        .copied()
        .collect();
    let refused = |word: Word, why: String| SpecError::Preserve {
        transform: entry.name,
        word: word.name(),
        type_name: column.type_name.clone(),
        why,
    };
    if let Some(word) = words.iter().find(|word| !promised.contains(word)) {
        return Err(refused(*word, instead(*word, family, &promised)));
    }
    if words.contains(&Duplicates) && !column.unique {
        let unique = Column {
            unique: true,
            ..column.clone()
        };
        (entry.build)(params, &unique, key).map_err(|why| refused(Duplicates, why.to_string()))?;
    }
    Ok(())
}

fn instead(word: Word, family: Family, promised: &[Word]) -> String {
    let mut others: Vec<&str> = PROMISES
        .iter()
        .filter(|promise| promise.families.contains(&family))
        .filter(|promise| promise.always.contains(&word) || promise.asked.contains(&word))
        .map(|promise| promise.transform)
        .collect();
    others.dedup();
    let can = if others.is_empty() {
        "no transform can".to_owned()
    } else {
        format!("use one of {}", others.join(", "))
    };
    if promised.is_empty() {
        format!("with these parameters it preserves nothing there; {can}")
    } else {
        format!(
            "with these parameters it preserves {} there; {can}",
            listed(promised)
        )
    }
}

/// What `explain` tells of a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preserves {
    /// Types of columns.
    pub columns: Vec<&'static str>,
    /// What is kept in any case.
    pub always: &'static [Word],
    /// What is kept where `preserve` asks for it.
    pub on_request: &'static [Word],
    /// The parameters that this hangs on.
    pub only: Option<&'static str>,
}

/// What a transform preserves.
pub(super) fn of(name: &str) -> Vec<Preserves> {
    let own = PROMISES.iter().filter(|promise| promise.transform == name);
    own.map(|promise| Preserves {
        columns: promise.families.iter().map(|family| family.name()).collect(),
        always: promise.always,
        on_request: promise.asked,
        only: promise.only,
    })
    .collect()
}

impl std::fmt::Display for Preserves {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let on_request = match self.on_request {
            [] => String::new(),
            words => format!("{} (on request)", listed(words)),
        };
        let words = [listed(self.always), on_request];
        let words: Vec<&str> = words
            .iter()
            .map(String::as_str)
            .filter(|words| !words.is_empty())
            .collect();
        write!(f, "{} of {}", words.join(", "), self.columns.join(", "))?;
        self.only.map_or(Ok(()), |only| write!(f, ", {only}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, compiled, masked, refused, spec};
    use super::super::{Masked, Spec, Transform, day, find};
    use super::*;

    fn types(family: Family) -> (&'static str, &'static [&'static str]) {
        const NUMBERS: &[&str] = &[
            "-99999",
            "-512",
            "-3",
            "0",
            "7",
            "42",
            "999",
            "40000",
            "2147483000",
        ];
        match family {
            Family::Text => (
                "text",
                &[
                    "bob",
                    "Anna Smith",
                    "Zoë 17",
                    "anna@shop.example",
                    "x",
                    "Ärger 0815",
                    "MÜLLER",
                    "佐藤 ",
                    "Nguyễn Việt",
                    "",
                    "yak",
                ],
            ),
            Family::Integer => ("int4", NUMBERS),
            Family::BigInteger => ("int8", NUMBERS),
            Family::Decimal => (
                "numeric",
                &["-12.50", "0.05", "1.00", "1299.50", "99999999999999999999.1"],
            ),
            Family::Date => ("date", &["1969-12-31", "2024-02-28", "2024-03-01", "2024-03-31"]),
            Family::Time => (
                "timestamptz",
                &["1969-12-31 10:00:00+01", "2024-02-28 11:22:33.5+00"],
            ),
            Family::Uuid => (
                "uuid",
                &[
                    "f47ac10b-58cc-4372-a567-0e02b2c3d479",
                    "00000000-0000-4000-8000-000000000000",
                ],
            ),
            Family::Json => (
                "jsonb",
                &[r#"{"a": ["Zoë 17", -1.50, null]}"#, r#"{"a": []}"#, "17"],
            ),
            Family::Bytes => ("bytea", &[r"\x6162", r"\x61"]),
            other => panic!("no transform promises anything of {}", other.name()),
        }
    }

    /// Rules of a transform that each of its promises can hold for.
    fn rules(transform: &str) -> &'static [&'static str] {
        match transform {
            "address" => &[
                "part = 'street'\nof = 'id'",
                "part = 'street'\nof = 'id'\ncountry = 'DE'",
            ],
            "bucket" => &["size = 10", "size = 100"],
            "truncate" => &["unit = 'month'", "unit = 'week'"],
            "date-shift" => &["", "of = 'id'", "keep-weekday = true"],
            "permute" => &["", "from = -100000\nto = 2147483647"],
            "mask" => &["", "left = 1\nright = 1"],
            "name" => &[
                "",
                "part = 'first'\nlocale = 'fr'",
                "part = 'last'\nlocale = 'de'",
            ],
            "company" => &["", "locale = 'nl'"],
            "email" => &["", "domain = 'example.org'"],
            _ => &[""],
        }
    }

    fn faked(transform: &dyn Transform, value: &str) -> String {
        let mut out = String::new();
        let row = vec![Some("17"); transform.reads().len()];
        assert_eq!(
            transform.apply_in_row(Some(value), &row, &mut out),
            Ok(Masked::Value),
            "{value}"
        );
        out
    }

    fn day_of(value: &str) -> i64 {
        day::read(value).unwrap().number
    }

    /// The part of the alphabet that the first letter is in.
    fn part_of(value: &str) -> u8 {
        match value.chars().next().unwrap().to_ascii_lowercase() {
            'a'..='f' => 1,
            'g'..='m' => 2,
            'n'..='s' => 3,
            _ => 4,
        }
    }

    fn is_less(family: Family, one: &str, other: &str) -> bool {
        match family {
            Family::Date | Family::Time => day_of(one) < day_of(other),
            _ => one.parse::<f64>().unwrap() < other.parse().unwrap(),
        }
    }

    fn holds(word: Word, family: Family, values: &[&str], fakes: &[String]) -> bool {
        let mut both = values.iter().zip(fakes);
        let mut pairs = (0..values.len()).flat_map(|one| (0..values.len()).map(move |other| (one, other)));
        match word {
            Length => both.all(|(value, fake)| value.chars().count() == fake.chars().count()),
            Bytes => both.all(|(value, fake)| value.len() == fake.len()),
            Classes => both.all(|(value, fake)| {
                let class = |c: char| (c.is_alphabetic(), c.is_uppercase(), c.is_numeric());
                value.chars().map(class).eq(fake.chars().map(class))
                    && value
                        .chars()
                        .zip(fake.chars())
                        .all(|(value, fake)| value.is_alphanumeric() || value == fake)
            }),
            Duplicates => {
                pairs.all(|(one, other)| (values[one] == values[other]) == (fakes[one] == fakes[other]))
            }
            Order if family == Family::Text => {
                let ascii = both.filter(|(value, _)| value.starts_with(|c: char| c.is_ascii_alphabetic()));
                ascii
                    .into_iter()
                    .all(|(value, fake)| part_of(value) == part_of(fake))
            }
            // No two of them are near each other: each has another number of digits, or is in another half.
            Order => pairs.all(|(one, other)| {
                !is_less(family, values[one], values[other]) || !is_less(family, &fakes[other], &fakes[one])
            }),
            Intervals => pairs.all(|(one, other)| {
                day_of(values[one]) - day_of(values[other]) == day_of(&fakes[one]) - day_of(&fakes[other])
            }),
        }
    }

    #[test]
    fn every_promise_is_kept() {
        let mut kept = 0;
        for promise in PROMISES {
            for family in promise.families {
                let (type_name, values) = types(*family);
                for rule in rules(promise.transform) {
                    let given = spec(promise.transform, rule);
                    if !(promise.holds)(&given.params) {
                        continue;
                    }
                    for word in promise.always.iter().chain(promise.asked) {
                        let mut rule = spec(promise.transform, rule);
                        let plain = compiled(&rule, &column(type_name));
                        rule.params
                            .insert(PARAM.to_owned(), toml::Value::Array(vec![word.name().into()]));
                        let made = compiled(&rule, &column(type_name));
                        let fakes: Vec<String> = values.iter().map(|value| faked(&*made, value)).collect();
                        assert!(
                            holds(*word, *family, values, &fakes),
                            "{rule:?} {type_name} {fakes:?}"
                        );
                        kept += 1;
                        // What is kept of itself is kept without being asked for, and is the same.
                        if promise.always.contains(word) {
                            let without: Vec<String> =
                                values.iter().map(|value| faked(&*plain, value)).collect();
                            assert_eq!(fakes, without, "{rule:?}");
                        }
                    }
                }
            }
        }
        assert!(kept > 60, "{kept}");
    }

    #[test]
    fn promises_are_of_transforms_and_types_that_there_are() {
        for promise in PROMISES {
            let entry = find(promise.transform).unwrap();
            assert!(
                promise
                    .families
                    .iter()
                    .all(|family| entry.accepts.contains(family)),
                "{}",
                entry.name
            );
            assert!(!promise.always.is_empty() || !promise.asked.is_empty());
            assert!(!entry.params.iter().any(|param| param.name == PARAM));
        }
    }

    #[test]
    fn words_that_a_transform_cannot_keep_are_refused_with_those_that_can() {
        let say = |name: &str, params: &str, type_name: &str| {
            refused(&spec(name, params), &column(type_name)).to_string()
        };
        assert_eq!(
            say("name", "preserve = ['classes']", "text"),
            "name cannot preserve classes in a column of type text: with these parameters it preserves length, bytes there; use one of \
             like, text"
        );
        assert_eq!(
            say("null", "preserve = ['length']", "jsonb"),
            "null cannot preserve length in a column of type jsonb: with these parameters it preserves nothing there; use one of like"
        );
        assert!(
            say("text", "mode = 'lorem'\npreserve = ['length']", "text")
                .contains("it preserves nothing there")
        );
        assert!(
            say("email", "preserve = ['length', 'duplicates']", "text")
                .contains("cannot preserve duplicates")
        );
        assert!(say("hmac", "length = 6\npreserve = ['duplicates']", "text").contains("at least 13"));
        assert!(
            say("date-shift", "of = 'id'\npreserve = ['order']", "date")
                .contains("it preserves intervals there")
        );
        assert!(say("like", "preserve = ['intervals']", "text").contains("no transform can"));
        for words in ["'length'", "['size']", "[1]", "7"] {
            assert_eq!(
                say("like", &format!("preserve = {words}"), "text"),
                "parameter preserve of like must be a list of words out of length, bytes, classes, duplicates, order, intervals"
            );
        }
        let like = compiled(&spec("like", "preserve = []"), &column("text"));
        assert_eq!(
            masked(&*like, "anna"),
            masked(&*compiled(&Spec::named("like"), &column("text")), "anna")
        );
    }

    #[test]
    fn a_rule_inside_a_rule_can_ask_too() {
        let json = compiled(
            &spec(
                "json",
                "unlisted = 'keep'\npaths = { '$.n' = { transform = 'name', preserve = ['length'] } }",
            ),
            &column("jsonb"),
        );
        let fake = masked(&*json, r#"{"n":"Anna Smith"}"#);
        assert_eq!(fake.len(), r#"{"n":"Anna Smith"}"#.len());
        let error = refused(
            &spec(
                "json",
                "paths = { '$.n' = { transform = 'phone', preserve = ['length'] } }",
            ),
            &column("jsonb"),
        );
        assert!(
            error.to_string().contains("phone cannot preserve length"),
            "{error}"
        );
    }
}
