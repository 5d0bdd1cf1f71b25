//! `regex-replace`: what matches a pattern replaced; a value in which nothing does never passes as it is.

use regex::Regex;

use super::text::scrambled;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "regex-replace",
    summary: "replaces every match of a pattern; what surrounds the matches stays",
    params: &[
        Param {
            name: "pattern",
            summary: "a regular expression, in the syntax of Rust's regex crate (required)",
        },
        Param {
            name: "replace",
            summary: "what replaces each match; $1 or ${name} stands for a group (required)",
        },
        Param {
            name: "else",
            summary: "what happens to values that come out as they were: scramble (default), null or error",
        },
    ],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

#[derive(Clone, Copy)]
enum Otherwise {
    Scramble,
    Null,
    Error,
}

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let pattern = params
        .text("pattern")?
        .ok_or_else(|| params.missing("pattern", "a regular expression"))?;
    let pattern =
        Regex::new(pattern).map_err(|_| params.wrong("pattern", "a regular expression".to_owned()))?;
    let replace = params
        .text("replace")?
        .ok_or_else(|| params.missing("replace", "what replaces each match"))?;
    let otherwise = match params.choice("else", &["scramble", "null", "error"])? {
        "scramble" => Otherwise::Scramble,
        "error" => Otherwise::Error,
        _ if column.not_null => {
            return Err(SpecError::NotNull {
                transform: ENTRY.name,
                instead: "use else = \"scramble\"",
            });
        }
        _ => Otherwise::Null,
    };
    Ok(Box::new(RegexReplace {
        pattern,
        replace: replace.to_owned(),
        otherwise,
        other: key.digester(Kind::Text),
        room: column.max_chars.map_or(usize::MAX, |max| max as usize),
    }))
}

struct RegexReplace {
    pattern: Regex,
    replace: String,
    otherwise: Otherwise,
    other: Digester,
    room: usize,
}

impl Transform for RegexReplace {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let fake = self.pattern.replace_all(value, self.replace.as_str());
        let end = fake
            .char_indices()
            .nth(self.room)
            .map_or(fake.len(), |(at, _)| at);
        let fake = &fake[..end];
        if fake != value || value.trim().is_empty() {
            out.push_str(fake);
            return Ok(Masked::Value);
        }
        match self.otherwise {
            Otherwise::Scramble => scrambled(&self.other, ENTRY.name, value, false, out),
            Otherwise::Null => Ok(Masked::Null),
            Otherwise::Error => Err(TransformError::Form {
                transform: ENTRY.name,
                expected: "match of its pattern",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, compiled, masked, refused, sized, spec};
    use super::*;

    #[test]
    fn matches_are_replaced_and_the_rest_stays() {
        let rule = spec(
            "regex-replace",
            r"pattern = '\b(\d{2})\d{3}\b'
replace = '${1}000'",
        );
        let replace = compiled(&rule, &column("text"));
        assert_eq!(
            masked(&*replace, "75011 Paris, 69002 Lyon"),
            "75000 Paris, 69000 Lyon"
        );
        let fake = masked(&*replace, "Anna");
        assert!(fake != "Anna" && fake.len() == 4);
        assert_ne!(masked(&*replace, "75000"), "75000");
        assert_eq!(masked(&*replace, ""), "");
    }

    #[test]
    fn what_does_not_match_never_passes() {
        let of = |other: &str| {
            compiled(
                &spec(
                    "regex-replace",
                    &format!("pattern = 'x'\nreplace = 'y'\nelse = '{other}'"),
                ),
                &column("text"),
            )
        };
        assert_eq!(of("null").apply("a", &mut String::new()), Ok(Masked::Null));
        assert!(matches!(
            of("error").apply("a", &mut String::new()),
            Err(TransformError::Form { .. })
        ));
        let short = compiled(&spec("regex-replace", "pattern = '.'\nreplace = 'éé'"), &sized(3));
        assert_eq!(masked(&*short, "ab"), "ééé");
    }

    #[test]
    fn parameters_are_checked() {
        for params in [
            "",
            "pattern = 'x'",
            "pattern = '('\nreplace = ''",
            "pattern = 'x'\nreplace = 1",
            "pattern = 'x'\nreplace = ''\nelse = 'keep'",
        ] {
            refused(&spec("regex-replace", params), &column("text"));
        }
        let not_null = Column {
            not_null: true,
            ..column("text")
        };
        refused(
            &spec("regex-replace", "pattern = 'x'\nreplace = ''\nelse = 'null'"),
            &not_null,
        );
    }
}
