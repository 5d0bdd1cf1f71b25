//! `hmac`: a value becomes a code that only the key's holder can tie to it.

use super::letters::{CODE_BITS, CODE_MAX, code};
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "hmac",
    summary: "replaces every value by a code of letters and digits; different values get different codes",
    params: &[
        Param {
            name: "length",
            summary: "characters of the code (default 26 in base32, 32 in hex, or what the column holds)",
        },
        Param {
            name: "encoding",
            summary: "base32 (5 bits per character, lower case, without a, e, i, o; default) or hex",
        },
    ],
    accepts: &[Family::Text, Family::Bytes],
    uniqueness: Uniqueness::Preserved,
    build,
};

/// Bits that a code on a unique column must have.
const UNIQUE_BITS: usize = 64;

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let bytes = column.family() == Family::Bytes;
    let encoding = params.choice("encoding", if bytes { &["hex"] } else { &["base32", "hex"] })?;
    let (bits, default, most) = match encoding {
        "hex" => (4, 32, 64),
        _ => (CODE_BITS, 26, CODE_MAX),
    };
    let room = column.max_chars.map_or(most, |max| max as usize);
    let length = params.number("length", 1, most)?.unwrap_or(default.min(room));
    if bytes && length % 2 == 1 {
        return Err(params.wrong("length", "even for bytea, two characters to a byte".to_owned()));
    }
    let needs = if column.unique {
        length.max(UNIQUE_BITS.div_ceil(bits))
    } else {
        length
    };
    if needs > room {
        return Err(SpecError::Length {
            transform: ENTRY.name,
            needs,
            max_chars: column.max_chars.unwrap_or_default(),
            instead: if column.unique {
                "a shorter code could not stay unique; keep the column with a reason, or delete the rows"
            } else {
                "give a smaller length"
            },
        });
    }
    if needs > length {
        return Err(params.wrong("length", format!("at least {needs}, since the column is unique")));
    }
    Ok(Box::new(HmacCode {
        digester: key.digester(Kind::Opaque),
        length,
        hex: encoding == "hex",
        bytes,
    }))
}

struct HmacCode {
    digester: Digester,
    length: usize,
    hex: bool,
    bytes: bool,
}

impl Transform for HmacCode {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        if value.trim().is_empty() || (self.bytes && value == r"\x") {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        let start = out.len();
        for attempt in 0..16 {
            let digest = self.digester.attempt(value, attempt);
            if self.bytes {
                out.push_str(r"\x");
            }
            if self.hex {
                hexadecimal(&digest, self.length, out);
            } else {
                code(&digest, self.length, out);
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

fn hexadecimal(digest: &[u8; 32], length: usize, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for at in 0..length {
        let byte = digest[at / 2];
        let nibble = if at % 2 == 0 { byte >> 4 } else { byte & 15 };
        out.push(char::from(DIGITS[usize::from(nibble)]));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused, sized, spec};
    use super::*;

    #[test]
    fn a_code_of_the_asked_length_and_encoding() {
        let code = masked(&*compiled(&Spec::named("hmac"), &column("text")), "anna");
        assert_eq!(code, "6fm2bwwcjs320mhqlk152cr5qx");
        let code = masked(
            &*compiled(&spec("hmac", "encoding = 'hex'\nlength = 10"), &column("text")),
            "anna",
        );
        assert_eq!(code, "e0d3804a41");
        let code = masked(&*compiled(&Spec::named("hmac"), &sized(8)), "anna");
        assert_eq!(code.len(), 8);
    }

    #[test]
    fn bytea_gets_bytes() {
        let code = masked(&*compiled(&Spec::named("hmac"), &column("bytea")), r"\xdeadbeef");
        assert_eq!(code.len(), 34);
        assert!(code.starts_with(r"\x") && code[2..].bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(
            masked(&*compiled(&Spec::named("hmac"), &column("bytea")), r"\x"),
            r"\x"
        );
    }

    #[test]
    fn case_and_spaces_make_a_difference_here() {
        let hmac = compiled(&Spec::named("hmac"), &column("text"));
        assert_ne!(masked(&*hmac, "anna"), masked(&*hmac, "Anna"));
        assert_ne!(masked(&*hmac, "anna"), masked(&*hmac, "anna "));
    }

    #[test]
    fn one_character_still_never_stays() {
        let hmac = compiled(&Spec::named("hmac"), &sized(1));
        for value in ('0'..='9').chain('a'..='z') {
            assert_ne!(masked(&*hmac, &value.to_string()), value.to_string());
        }
    }

    #[test]
    fn unique_columns_get_at_least_64_bits() {
        let unique = |max| Column {
            unique: true,
            ..sized(max)
        };
        assert_eq!(
            masked(&*compiled(&Spec::named("hmac"), &unique(13)), "x").len(),
            13
        );
        let error = refused(&Spec::named("hmac"), &unique(12));
        assert!(
            matches!(
                error,
                SpecError::Length {
                    needs: 13,
                    max_chars: 12,
                    ..
                }
            ),
            "{error}"
        );
        let error = refused(&spec("hmac", "length = 5"), &unique(40));
        assert_eq!(
            error.to_string(),
            "parameter length of hmac must be at least 13, since the column is unique"
        );
        let error = refused(&spec("hmac", "encoding = 'hex'\nlength = 15"), &unique(15));
        assert!(matches!(error, SpecError::Length { needs: 16, .. }), "{error}");
    }
}
