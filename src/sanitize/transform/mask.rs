//! `mask`: a value with all but its ends covered.

use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, Transform, TransformError, Uniqueness,
};

pub(super) const ENTRY: Entry = Entry {
    name: "mask",
    summary: "covers a value by asterisks but for some characters at its ends; the length stays",
    params: &[
        Param {
            name: "left",
            summary: "characters that stay at the beginning (default 0)",
        },
        Param {
            name: "right",
            summary: "characters that stay at the end (default 0)",
        },
        Param {
            name: "char",
            summary: "the one that covers (default *)",
        },
    ],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

/// More would leave a name or a number readable.
const MOST: usize = 16;

fn build(params: &Params<'_>, _: &Column, _: &MaskingKey) -> Compiled {
    let mut cover = params.text("char")?.unwrap_or("*").chars();
    let (Some(cover), None) = (cover.next(), cover.next()) else {
        return Err(params.wrong("char", "one character".to_owned()));
    };
    Ok(Box::new(Mask {
        left: params.number("left", 0, MOST)?.unwrap_or(0),
        right: params.number("right", 0, MOST)?.unwrap_or(0),
        cover,
    }))
}

struct Mask {
    left: usize,
    right: usize,
    cover: char,
}

impl Transform for Mask {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        if value.trim().is_empty() {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        let start = out.len();
        // char(n) pads with spaces, which hide nothing and stay.
        let core = value.trim_end_matches(' ');
        let length = core.chars().count();
        // Of a value of hardly more characters than may stay, none does.
        let (left, right) = if length > (self.left + self.right) + 1 {
            (self.left, self.right)
        } else {
            (0, 0)
        };
        for (at, c) in core.chars().enumerate() {
            let stays = at < left || at >= length - right;
            out.push(if stays { c } else { self.cover });
        }
        out.push_str(&value[core.len()..]);
        if out[start..] == *value {
            // It was covered before, by the same character: another one tells the two apart.
            let other = if self.cover == '#' { "*" } else { "#" };
            let covered = out[start..].replacen(self.cover, other, length);
            out.truncate(start);
            out.push_str(&covered);
        }
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::SpecError;
    use super::super::tests::{column, compiled, masked, refused, spec};

    fn mask(params: &str, value: &str) -> String {
        masked(&*compiled(&spec("mask", params), &column("text")), value)
    }

    #[test]
    fn all_but_the_ends_is_covered() {
        assert_eq!(mask("", "Anna"), "****");
        assert_eq!(mask("right = 4", "4111111111111111"), "************1111");
        assert_eq!(
            mask("left = 2\nright = 1\nchar = '•'", "Müller-Lüdenscheidt"),
            "Mü••••••••••••••••t"
        );
        assert_eq!(mask("left = 1", "Anna  "), "A***  ");
    }

    #[test]
    fn short_values_are_covered_whole() {
        assert_eq!(mask("left = 2\nright = 2", "Anna"), "****");
        assert_eq!(mask("left = 2\nright = 2", "Annas"), "*****");
        assert_eq!(mask("left = 2\nright = 2", "Annika"), "An**ka");
    }

    #[test]
    fn what_was_covered_already_differs_and_empty_values_stay() {
        assert_eq!(mask("", "***"), "###");
        assert_eq!(mask("char = '#'", "###"), "***");
        assert_eq!(mask("", ""), "");
        assert_eq!(mask("", "  "), "  ");
    }

    #[test]
    fn parameters_are_checked() {
        for params in ["char = ''", "char = 'ab'", "char = 1", "left = 17", "right = -1"] {
            let error = refused(&spec("mask", params), &column("text"));
            assert!(matches!(error, SpecError::Value { .. }), "{params}: {error}");
        }
    }
}
