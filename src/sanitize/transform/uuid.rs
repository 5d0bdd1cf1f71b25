//! `uuid`: another UUID of the same version and variant.

use super::letters::vary_case;
use super::written::surrounded;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Params, SpecError, Transform, TransformError,
    Uniqueness,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "uuid",
    summary: "replaces a UUID by another of the same version; different ones stay different",
    params: &[],
    accepts: &[Family::Uuid, Family::Text],
    uniqueness: Uniqueness::Preserved,
    build,
};

const LENGTH: usize = 36;

fn build(_: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    match column.max_chars {
        // 32 digits without hyphens are a UUID, too.
        Some(max_chars) if !column.fits(32) => Err(SpecError::Length {
            transform: ENTRY.name,
            needs: LENGTH,
            max_chars,
            instead: "use hmac",
        }),
        _ => Ok(Box::new(Uuid {
            digester: key.digester(Kind::Uuid),
        })),
    }
}

struct Uuid {
    digester: Digester,
}

/// The 32 digits of a UUID in lower case; with hyphens in the usual places or without any.
pub(super) fn digits(value: &str) -> Option<[u8; 32]> {
    let mut digits = [0u8; 32];
    let mut count = 0;
    for (at, byte) in value.bytes().enumerate() {
        if byte == b'-' && value.len() == LENGTH && matches!(at, 8 | 13 | 18 | 23) {
            continue;
        }
        if !byte.is_ascii_hexdigit() {
            return None;
        }
        *digits.get_mut(count)? = byte.to_ascii_lowercase();
        count += 1;
    }
    (count == 32).then_some(digits)
}

impl Transform for Uuid {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        // White space around it makes it another text, and stays.
        let (before, trimmed, after) = surrounded(value);
        if trimmed.is_empty() {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        out.push_str(before);
        let form = TransformError::Form {
            transform: ENTRY.name,
            expected: "UUID",
        };
        let original = digits(trimmed).ok_or(form)?;
        let canonical = std::str::from_utf8(&original).map_err(|_| form)?;
        let start = out.len();
        let exact = !trimmed.bytes().any(|byte| byte.is_ascii_uppercase());
        for attempt in 0..4 {
            let digest = self.digester.attempt(canonical, attempt);
            for at in 0..32 {
                if trimmed.len() == LENGTH && matches!(at, 8 | 12 | 16 | 20) {
                    out.push('-');
                }
                let byte = digest[at / 2];
                let mut nibble = if at % 2 == 0 { byte >> 4 } else { byte & 15 };
                let before = hexadecimal_value(original[at]);
                nibble = match at {
                    12 => before,
                    16 => (before & 0b1100) | (nibble & 0b0011),
                    _ => nibble,
                };
                out.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
            }
            if !out[start..].eq_ignore_ascii_case(trimmed) {
                // As text it may be unique by its case.
                if !exact && let Some(fake) = out.get_mut(start..) {
                    vary_case(fake, &self.digester.digest(trimmed));
                }
                out.push_str(after);
                return Ok(Masked::Value);
            }
            out.truncate(start);
        }
        Err(TransformError::Exhausted {
            transform: ENTRY.name,
        })
    }
}

fn hexadecimal_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, sized};

    #[test]
    fn version_and_variant_stay() {
        let uuid = compiled(&Spec::named("uuid"), &column("uuid"));
        let fake = masked(&*uuid, "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
        assert_eq!(fake, "15952d75-acf0-104e-9e64-4708dbb69510");
        let fake = masked(&*uuid, "f47ac10b-58cc-4372-a567-0e02b2c3d479");
        assert_eq!(&fake[14..15], "4");
        assert!("89ab".contains(&fake[19..20]));
    }

    #[test]
    fn one_uuid_has_one_fake_however_it_is_written() {
        let uuid = compiled(&Spec::named("uuid"), &sized(40));
        let fake = masked(&*uuid, "f47ac10b-58cc-4372-a567-0e02b2c3d479");
        // As text it may be another value, and stays one; as a UUID it is the same.
        let capital = masked(&*uuid, "F47AC10B-58CC-4372-A567-0E02B2C3D479 ");
        assert_ne!(capital, fake);
        assert_eq!(capital.to_lowercase(), format!("{fake} "));
        assert_eq!(
            masked(&*uuid, "f47ac10b58cc4372a5670e02b2c3d479"),
            fake.replace('-', "")
        );
    }

    #[test]
    fn what_is_no_uuid_is_an_error_without_the_value() {
        let uuid = compiled(&Spec::named("uuid"), &column("text"));
        for value in [
            "secret",
            "f47ac10b-58cc-4372-a567-0e02b2c3d47",
            "f47ac10b5-8cc-4372-a567-0e02b2c3d479",
            "é",
        ] {
            let error = uuid.apply(value, &mut String::new()).unwrap_err();
            assert!(error.to_string().starts_with("uuid met a value that is no UUID"));
        }
    }
}
