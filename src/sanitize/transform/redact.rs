//! `redact`: only what is personal within a free text is replaced: e-mail addresses, telephone numbers, IBANs, card numbers, IP
//! addresses, and the names that other columns of the row hold. An address becomes what `email` makes of it, and so on, so
//! that it is the same here as in a column of its own.

mod spans;

use std::collections::BTreeMap;

use spans::{card, email, iban, ip, phone};

use super::{
    Column, ColumnDefault, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, Read, Row, Spec,
    SpecError, Transform, TransformError, Uniqueness, compile, find,
};
use crate::sanitize::detect::{ColumnSample, Finding, PersonalKind, detect, is_full_name, suggest};

pub(super) const ENTRY: Entry = Entry {
    name: "redact",
    summary: "replaces e-mail addresses, telephone numbers, IBANs, cards, IP addresses and known names within a text, and \
              leaves the rest",
    params: &[
        Param {
            name: "names",
            summary: "columns of the row whose names are looked for, such as [\"first_name\", \"last_name\"]",
        },
        Param {
            name: "rest",
            summary: "why the rest may stay where it holds what is replaced in another column, such as the name of a town; \
                      without it, such a text stops the branch",
        },
    ],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let wrong = || params.wrong("names", "a list of columns, such as [\"first_name\"]".to_owned());
    let mut reads = Vec::new();
    for name in params.get("names").map_or(Ok(&[][..]), |given| {
        given.as_array().map(Vec::as_slice).ok_or_else(wrong)
    })? {
        reads.push(Read::original(name.as_str().ok_or_else(wrong)?));
    }
    Ok(Box::new(Redact {
        scanner: Scanner::new(key)?,
        names: Names::new(&reads, key)?,
        reads,
        column: column.clone(),
        rest: params
            .text("rest")?
            .filter(|why| !why.trim().is_empty())
            .map(str::to_owned),
    }))
}

struct Redact {
    scanner: Scanner,
    names: Names,
    reads: Vec<Read>,
    column: Column,
    /// The owner's reason why the rest may stay.
    rest: Option<String>,
}

impl Redact {
    fn run(
        &self,
        value: &str,
        row: Row<'_>,
        out: &mut String,
        show: &mut dyn FnMut(&str),
    ) -> Result<(), TransformError> {
        let known = self.names.known(row);
        walk(
            value,
            out,
            |rest, before| {
                if let Some(found) = self.scanner.span_at(rest, before) {
                    return Some(found);
                }
                name_at(&known, rest, before)
            },
            show,
        )?;
        Ok(())
    }
}

impl Transform for Redact {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        self.apply_in_row(Some(value), &[], out)
    }

    fn reads(&self) -> &[Read] {
        &self.reads
    }

    fn apply_in_row(
        &self,
        value: Option<&str>,
        row: Row<'_>,
        out: &mut String,
    ) -> Result<Masked, TransformError> {
        let start = out.len();
        self.run(value.unwrap_or_default(), row, out, &mut |_| {})?;
        if out.get(start..).is_some_and(|made| !self.column.holds(made)) {
            return Err(TransformError::TooLong {
                transform: ENTRY.name,
            });
        }
        Ok(Masked::Value)
    }

    fn originals(&self, value: &str, row: Row<'_>, show: &mut dyn FnMut(&str)) {
        let mut out = zeroize::Zeroizing::new(String::new());
        if self.run(value, row, &mut out, show).is_err() {
            show(value);
        }
    }

    fn kept(&self, value: &str, row: Row<'_>, show: &mut dyn FnMut(&str)) {
        let mut out = zeroize::Zeroizing::new(String::new());
        if self.rest.is_some() && self.run(value, row, &mut out, &mut |_| {}).is_ok() {
            show(&out);
        }
    }

    fn keeps(&self) -> Vec<(String, String)> {
        let reason = self.rest.as_deref();
        let reason = reason.unwrap_or("it looks personal neither by its form nor as a name of the row");
        vec![("rest".to_owned(), reason.to_owned())]
    }
}

/// Copies `text` to `out` with what `found` finds at each place (its length, and what replaces it) replaced. Returns whether
/// anything was.
fn walk<'t>(
    text: &str,
    out: &mut String,
    found: impl Fn(&str, Option<char>) -> Option<(usize, &'t dyn Transform)>,
    show: &mut dyn FnMut(&str),
) -> Result<bool, TransformError> {
    let (mut rest, mut before, mut changed) = (text, None, false);
    while let Some(c) = rest.chars().next() {
        let Some((length, by)) = found(rest, before) else {
            out.push(c);
            before = Some(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            continue;
        };
        let (span, after) = rest.split_at(length);
        show(span);
        by.apply(span, out)?;
        changed = true;
        before = span.chars().next_back();
        rest = after;
    }
    Ok(changed)
}

/// Finds what is personal by its form, or by the name that it goes by.
pub(super) struct Scanner {
    email: Box<dyn Transform>,
    phone: Box<dyn Transform>,
    iban: Box<dyn Transform>,
    card: Box<dyn Transform>,
    ip: Box<dyn Transform>,
    /// For what its name or form tells.
    by_kind: BTreeMap<PersonalKind, Box<dyn Transform>>,
}

impl Scanner {
    pub(super) fn new(key: &MaskingKey) -> Result<Self, SpecError> {
        let text = plain_text();
        let made = |spec: &Spec| compile(spec, &text, key);
        let or_scrambled = |name: &str| match find(name).map(|_| made(&Spec::named(name))) {
            Some(Ok(transform)) => Ok(transform),
            _ => made(&Spec::named("text")),
        };
        let mut by_kind = BTreeMap::new();
        for kind in PersonalKind::ALL {
            let finding = Finding {
                kind,
                confidence: 1.0,
                evidence: Vec::new(),
            };
            let suggested = suggest(&finding, &text, &[]);
            if let Some(transform) = suggested.iter().find_map(|spec| made(spec).ok()) {
                by_kind.insert(kind, transform);
            }
        }
        Ok(Self {
            email: made(&Spec::named("email"))?,
            phone: made(&Spec::named("phone"))?,
            iban: or_scrambled("iban")?,
            card: or_scrambled("card")?,
            ip: or_scrambled("ip")?,
            by_kind,
        })
    }

    /// Appends `text` with what is personal by its form replaced; returns whether anything was.
    pub(super) fn spans(
        &self,
        text: &str,
        out: &mut String,
        show: &mut dyn FnMut(&str),
    ) -> Result<bool, TransformError> {
        walk(text, out, |rest, before| self.span_at(rest, before), show)
    }

    /// What becomes of a value that goes by `name`; `None` if it may stay.
    pub(super) fn member(
        &self,
        name: &str,
        value: &str,
        out: &mut String,
        show: &mut dyn FnMut(&str),
    ) -> Result<Option<Masked>, TransformError> {
        if value.trim().is_empty() {
            return Ok(None);
        }
        let found = detect(&ColumnSample {
            table: "",
            column: name,
            type_name: "text",
            values: &[value.to_owned()],
        });
        // Prose is looked through, not replaced as a whole; a document in it was looked into already.
        let kind = found
            .map(|found| found.kind)
            .filter(|kind| !matches!(kind, PersonalKind::FreeText | PersonalKind::Structured))
            .or_else(|| is_full_name(value).then_some(PersonalKind::FullName));
        if let Some(transform) = kind.and_then(|kind| self.by_kind.get(&kind)) {
            show(value);
            return transform.apply(value, out).map(Some);
        }
        Ok(self.spans(value, out, show)?.then_some(Masked::Value))
    }

    /// The personal text that begins here.
    fn span_at(&self, rest: &str, before: Option<char>) -> Option<(usize, &dyn Transform)> {
        if let Some(length) = email(rest, before) {
            return Some((length, &*self.email));
        }
        if before.is_some_and(char::is_alphanumeric) {
            return None;
        }
        let first = rest.bytes().next()?;
        if !(first.is_ascii_alphanumeric() || matches!(first, b'+' | b'(' | b':')) {
            return None;
        }
        None.or_else(|| Some((iban(rest)?, &*self.iban)))
            .or_else(|| Some((ip(rest, before)?, &*self.ip)))
            .or_else(|| Some((card(rest)?, &*self.card)))
            .or_else(|| Some((phone(rest, before)?, &*self.phone)))
    }
}

/// The column that values inside a text or document go to.
fn plain_text() -> Column {
    Column {
        type_name: "text".to_owned(),
        max_chars: None,
        not_null: false,
        unique: false,
        default: ColumnDefault::None,
    }
}

/// Names that other columns of the row hold.
struct Names {
    /// For each column, what its only word is: a given name, unless the column says otherwise.
    single_is_last: Vec<bool>,
    first: Box<dyn Transform>,
    last: Box<dyn Transform>,
    full: Box<dyn Transform>,
}

/// A name to look for.
struct Known<'a> {
    folded: Vec<char>,
    by: &'a dyn Transform,
}

impl Names {
    fn new(reads: &[Read], key: &MaskingKey) -> Result<Self, SpecError> {
        let named = |part: &str| {
            let mut spec = Spec::named("name");
            spec.params.insert("part".to_owned(), part.into());
            compile(&spec, &plain_text(), key)
        };
        let is_last = |read: &Read| {
            detect(&ColumnSample {
                table: "",
                column: &read.column,
                type_name: "text",
                values: &[],
            })
            .is_some_and(|found| found.kind == PersonalKind::LastName)
        };
        Ok(Self {
            single_is_last: reads.iter().map(is_last).collect(),
            first: named("first")?,
            last: named("last")?,
            full: named("full")?,
        })
    }

    /// The names of this row, the longest first: whole ones, and their words of at least three letters.
    fn known(&self, row: Row<'_>) -> Vec<Known<'_>> {
        let mut known = Vec::new();
        for (value, is_last) in row.iter().zip(&self.single_is_last) {
            let words: Vec<&str> = value.unwrap_or_default().split_whitespace().collect();
            let single = if *is_last { &self.last } else { &self.first };
            let mut add = |text: &str, by| {
                if text.chars().count() >= 3 {
                    let folded = text.chars().flat_map(char::to_lowercase).collect();
                    known.push(Known { folded, by });
                }
            };
            match words.as_slice() {
                [] => {}
                [only] => add(only, &**single),
                [given @ .., family] => {
                    add(&words.join(" "), if *is_last { &*self.last } else { &*self.full });
                    given
                        .iter()
                        .for_each(|word| add(word, if *is_last { &*self.last } else { &*self.first }));
                    add(family, &*self.last);
                }
            }
        }
        known.sort_by_key(|known| std::cmp::Reverse(known.folded.len()));
        known
    }
}

/// The name that begins here as a word of its own.
fn name_at<'s>(known: &[Known<'s>], rest: &str, before: Option<char>) -> Option<(usize, &'s dyn Transform)> {
    if before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    known.iter().find_map(|known| {
        let mut folded = known.folded.iter();
        for (at, c) in rest.char_indices() {
            if folded.as_slice().is_empty() {
                return (!c.is_alphanumeric()).then_some((at, known.by));
            }
            if !c.to_lowercase().all(|c| folded.next() == Some(&c)) {
                return None;
            }
        }
        folded.as_slice().is_empty().then_some((rest.len(), known.by))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, compiled, masked, spec};
    use super::*;

    fn redact(value: &str) -> String {
        masked(&*compiled(&Spec::named("redact"), &column("text")), value)
    }

    fn shown(rule: &Spec, row: Row<'_>, value: &str) -> Vec<String> {
        let mut shown = Vec::new();
        compiled(rule, &column("text")).originals(value, row, &mut |text| shown.push(text.to_owned()));
        shown
    }

    #[test]
    fn only_the_personal_spans_change() {
        let value = "Call +33 6 12 34 56 78 or (555) 234-5678 or 030 1234567, mail <Anna.K@shop.example>; IBAN DE89 3704 0044 0532 0130 00, \
                     card 4111-1111-1111-1111, from 203.0.113.9 and 2001:db8::17.";
        let spans = [
            "+33 6 12 34 56 78",
            "(555) 234-5678",
            "030 1234567",
            "Anna.K@shop.example",
            "DE89 3704 0044 0532 0130 00",
            "4111-1111-1111-1111",
            "203.0.113.9",
            "2001:db8::17",
        ];
        assert_eq!(shown(&Spec::named("redact"), &[], value), spans);
        let fake = redact(value);
        for span in spans {
            assert!(!fake.contains(span), "{span} in {fake}");
        }
        for kept in [
            "Call +33 ",
            " or ",
            ", mail <",
            ">; IBAN ",
            ", card ",
            ", from ",
            " and ",
        ] {
            assert!(fake.contains(kept), "{kept} in {fake}");
        }
        let email = masked(
            &*compiled(&Spec::named("email"), &column("text")),
            "Anna.K@shop.example",
        );
        assert!(fake.contains(&email));
    }

    #[test]
    fn a_member_that_is_nothing_but_a_name_is_replaced_whatever_it_is_called() {
        let scanner = Scanner::new(&super::super::tests::key()).unwrap();
        let member = |value: &str| {
            let mut out = String::new();
            scanner
                .member("x", value, &mut out, &mut |_| {})
                .unwrap()
                .map(|_| out)
        };
        assert!(member("Anna Smith").is_some_and(|fake| fake != "Anna Smith"));
        for value in ["Camera", "Anna", "autoconfirmed", "Oak chair"] {
            assert_eq!(member(value), None, "{value}");
        }
    }

    #[test]
    fn what_is_not_personal_stays() {
        for value in [
            "",
            "order 4711 of 2024-01-31 10:00:00",
            "31.01.2024 10:15:00",
            "version 1.2.3.4.5",
            "1,234,567.89 EUR",
            "#0612345678",
            "at 12:30:45",
            "0.123456789",
            "127.0.0.1 and ::1",
            "a@b",
            "@anna",
            "4111-1111-1111-1112",
            "12345678",
            "Room 12-34-5",
            "2024-12-31/2025-01-01",
        ] {
            assert_eq!(redact(value), value);
        }
    }

    #[test]
    fn names_of_the_row_are_found_in_any_case_as_words_and_fit_their_columns() {
        let rule = spec("redact", "names = ['first_name', 'last_name', 'full_name']");
        let row = [Some("Änna"), Some("van Dyk"), Some("Änna van Dyk")];
        let value = "ÄNNA VAN DYK met Ännas dog; van dyk, Änna! Dyke";
        assert_eq!(shown(&rule, &row, value), ["ÄNNA VAN DYK", "van dyk", "Änna"]);
        let made = compiled(&rule, &column("text"));
        let mut fake = String::new();
        made.apply_in_row(Some(value), &row, &mut fake).unwrap();
        let name = |part: &str, value| {
            masked(
                &*compiled(&spec("name", &format!("part = '{part}'")), &column("text")),
                value,
            )
        };
        assert_eq!(
            fake,
            format!(
                "{} met Ännas dog; {}, {}! Dyke",
                name("full", "Änna van Dyk"),
                name("last", "van dyk"),
                name("first", "Änna")
            )
        );
        assert_eq!(made.reads().len(), 3);
        let mut same = String::new();
        made.apply_in_row(Some("nobody"), &[None, None, Some("")], &mut same)
            .unwrap();
        assert_eq!(same, "nobody");
    }
}
