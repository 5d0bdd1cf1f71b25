//! `template`: a text with places for codes, digits and names.

use super::letters::{CODE_MAX, code, number};
use super::name::english;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "template",
    summary: "replaces values by a text with places for codes, digits, letters and names",
    params: &[Param {
        name: "value",
        summary: "the text, with {code:N}, {digits:N}, {letters:N} of N characters, {first} and {last} for a name; {{ and }} for \
                  braces (required)",
    }],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

enum Piece {
    Text(String),
    Code(usize),
    Digits(usize),
    Letters(usize),
    First,
    Last,
}

/// Digits or letters of one place.
const MOST: usize = 32;

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let text = params
        .text("value")?
        .ok_or_else(|| params.missing("value", "a text with at least one place"))?;
    let expected = || {
        params.wrong(
            "value",
            "a text with at least one of {code:N}, {digits:N}, {letters:N}, {first} and {last}".to_owned(),
        )
    };
    let pieces = parse(text).ok_or_else(expected)?;
    if pieces.iter().all(|piece| matches!(piece, Piece::Text(_))) {
        return Err(expected());
    }
    let needs = pieces.iter().map(most).sum();
    match column.max_chars {
        Some(max_chars) if !column.fits(needs) => Err(SpecError::Length {
            transform: ENTRY.name,
            needs,
            max_chars,
            instead: "give a shorter text",
        }),
        _ => Ok(Box::new(Template {
            digester: key.digester(Kind::Opaque),
            pieces,
            names: english(),
        })),
    }
}

/// The pieces of a template; `None` where a brace stands alone or a place is not known.
fn parse(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let tail = &rest[at..];
        if let Some(after) = tail.strip_prefix("{{") {
            plain.push('{');
            rest = after;
        } else if let Some(after) = tail.strip_prefix("}}") {
            plain.push('}');
            rest = after;
        } else {
            let (place, after) = tail.strip_prefix('{')?.split_once('}')?;
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(piece(place)?);
            rest = after;
        }
    }
    plain.push_str(rest);
    pieces.push(Piece::Text(plain));
    Some(pieces)
}

fn piece(place: &str) -> Option<Piece> {
    let (kind, length) = match place.split_once(':') {
        Some((kind, length)) => (kind, length.parse::<usize>().ok().filter(|length| *length > 0)),
        None => (place, None),
    };
    match (kind, length) {
        ("code", Some(length)) if length <= CODE_MAX => Some(Piece::Code(length)),
        ("digits", Some(length)) if length <= MOST => Some(Piece::Digits(length)),
        ("letters", Some(length)) if length <= MOST => Some(Piece::Letters(length)),
        ("first", None) if place == "first" => Some(Piece::First),
        ("last", None) if place == "last" => Some(Piece::Last),
        _ => None,
    }
}

/// The most characters of a piece.
fn most(piece: &Piece) -> usize {
    match piece {
        Piece::Text(text) => text.chars().count(),
        Piece::Code(length) | Piece::Digits(length) | Piece::Letters(length) => *length,
        Piece::First => longest(&english().0),
        Piece::Last => longest(&english().1),
    }
}

fn longest(names: &[&str]) -> usize {
    names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or_default()
}

struct Template {
    digester: Digester,
    pieces: Vec<Piece>,
    names: (Vec<&'static str>, Vec<&'static str>),
}

impl Transform for Template {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        if value.trim().is_empty() {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        let start = out.len();
        for attempt in 0..16 {
            let digest = self.digester.attempt(value, attempt);
            for piece in &self.pieces {
                self.write(piece, &digest, out);
            }
            if out[start..] != *value {
                return Ok(Masked::Value);
            }
            out.truncate(start);
        }
        Err(TransformError::Exhausted {
            transform: ENTRY.name,
        })
    }
}

impl Template {
    fn write(&self, piece: &Piece, digest: &[u8; 32], out: &mut String) {
        let pick = |names: &[&'static str], at| names.get(number(digest, at, names.len())).copied();
        let characters = |length: usize, base: u8, count: u8| {
            let character = move |byte: &u8| char::from(base + byte % count);
            digest
                .iter()
                .rev()
                .take(length)
                .map(character)
                .collect::<String>()
        };
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Code(length) => code(digest, *length, out),
            Piece::Digits(length) => out.push_str(&characters(*length, b'0', 10)),
            Piece::Letters(length) => out.push_str(&characters(*length, b'a', 26)),
            Piece::First => out.push_str(pick(&self.names.0, 0).unwrap_or_default()),
            Piece::Last => out.push_str(pick(&self.names.1, 8).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused, sized, spec};

    fn template(value: &str, original: &str) -> String {
        masked(
            &*compiled(&spec("template", &format!("value = '{value}'")), &column("text")),
            original,
        )
    }

    #[test]
    fn places_are_filled_and_braces_stay() {
        let fake = template("user-{digits:4}@{letters:3}.example {{x}}", "anna");
        assert_eq!(fake.len(), "user-1234@abc.example {x}".len());
        assert!(
            fake.starts_with("user-") && fake.ends_with(".example {x}") && fake[5..9].parse::<u32>().is_ok(),
            "{fake}"
        );
        let hmac = masked(&*compiled(&Spec::named("hmac"), &column("text")), "anna");
        assert_eq!(template("{code:26}", "anna"), hmac);
        assert_eq!(template("{first} {last}", "anna").split(' ').count(), 2);
        assert_eq!(template("{code:5}", ""), "");
    }

    #[test]
    fn texts_without_a_place_or_too_long_are_refused() {
        for value in [
            "",
            "x",
            "{",
            "}",
            "{}",
            "{code}",
            "{code:0}",
            "{code:99}",
            "{first:3}",
            "{name}",
            "{code:5",
        ] {
            refused(&spec("template", &format!("value = '{value}'")), &column("text"));
        }
        refused(&spec("template", "value = '{code:5}-'"), &sized(5));
        refused(&spec("template", "value = '{last}'"), &sized(5));
        refused(&Spec::named("template"), &column("text"));
    }
}
