//! `national-id`: numbers that states give to people, with valid check digits, from what was never issued.
//!
//! One [`Scheme`] for each kind of number, so that others are easy to add.

use super::letters::number;
use super::text::scrambled;
use super::written::{compact, luhn, remainder, write_alike};
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "national-id",
    summary: "replaces a national identification number by a valid one that was never issued, written in the same way",
    params: &[Param {
        name: "country",
        summary: "CA (SIN), ES (DNI and NIE), FR (NIR), GB (national insurance number) or US (SSN); required",
    }],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

/// A kind of number.
struct Scheme {
    country: &'static str,
    /// Whether a code, in capitals and without separators, is of this kind.
    is: fn(&str) -> bool,
    /// A number of this kind that was never issued.
    make: fn(&str, &[u8; 32]) -> String,
}

static SCHEMES: [Scheme; 6] = [
    // Social Insurance Number: 9 digits, the last by Luhn. What begins with 8 is a business's number.
    Scheme {
        country: "CA",
        is: |code| code.len() == 9 && digits(code),
        make: |_, digest| {
            let mut fake = format!("8{:07}", number(digest, 0, 10_000_000));
            fake.push(luhn(&fake));
            fake
        },
    },
    // Documento Nacional de Identidad: 8 digits and a letter; numbers from 99 000 000 on are not reached.
    Scheme {
        country: "ES",
        is: |code| code.len() == 9 && digits(&code[..8]) && !digits(&code[8..]),
        make: |_, digest| {
            let digits = format!("99{:06}", number(digest, 0, 1_000_000));
            format!("{digits}{}", spanish_letter(&digits))
        },
    },
    // Número de Identidad de Extranjero: X, Y or Z, which count 0, 1, 2, 7 digits and the letter of a DNI.
    Scheme {
        country: "ES",
        is: |code| code.len() == 9 && code.starts_with(['X', 'Y', 'Z']) && digits(&code[1..8]),
        make: |_, digest| {
            let digits = format!("9{:06}", number(digest, 0, 1_000_000));
            format!("Z{digits}{}", spanish_letter(&format!("2{digits}")))
        },
    },
    // Numéro d'inscription au répertoire: sex, year, month, département, commune, order, and 97 less the remainder by 97.
    // No commune has the number 000.
    Scheme {
        country: "FR",
        is: |code| {
            matches!(code.len(), 13 | 15)
                && code
                    .bytes()
                    .enumerate()
                    .all(|(at, byte)| byte.is_ascii_digit() || (at == 6 && matches!(byte, b'A' | b'B')))
        },
        make: |code, digest| {
            let fake = format!(
                "{}{:02}{:02}{:02}000{:03}",
                1 + number(digest, 0, 2),
                number(digest, 2, 100),
                1 + number(digest, 4, 12),
                1 + number(digest, 6, 95),
                1 + number(digest, 8, 999),
            );
            // The 20 stands for Corsica, whose parts are 2A and 2B, since 1976.
            let fake = if &fake[5..7] == "20" {
                format!("{}21{}", &fake[..5], &fake[7..])
            } else {
                fake
            };
            let key = 97 - remainder(&fake, 97);
            if code.len() == 13 {
                fake
            } else {
                format!("{fake}{key:02}")
            }
        },
    },
    // National Insurance number: two letters, six digits, A to D. QQ is never used (HM Revenue and Customs, NIM39110).
    Scheme {
        country: "GB",
        is: |code| {
            matches!(code.len(), 8 | 9)
                && code[..2].bytes().all(|byte| byte.is_ascii_uppercase())
                && digits(&code[2..8])
                && code[8..].bytes().all(|byte| byte.is_ascii_uppercase())
        },
        make: |code, digest| {
            let suffix = ["A", "B", "C", "D"][number(digest, 8, 4)];
            let suffix = if code.len() == 9 { suffix } else { "" };
            format!("QQ{:06}{suffix}", number(digest, 0, 1_000_000))
        },
    },
    // Social Security number: areas from 900 on are no SSNs, and with groups below 50 no taxpayer numbers of others either.
    Scheme {
        country: "US",
        is: |code| code.len() == 9 && digits(code),
        make: |_, digest| {
            format!(
                "9{:02}{:02}{:04}",
                number(digest, 0, 100),
                1 + number(digest, 8, 49),
                1 + number(digest, 16, 9_999)
            )
        },
    },
];

const COUNTRIES: [&str; 5] = ["CA", "ES", "FR", "GB", "US"];

fn digits(code: &str) -> bool {
    code.bytes().all(|byte| byte.is_ascii_digit())
}

/// The control letter of a Spanish number.
fn spanish_letter(digits: &str) -> char {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    char::from(LETTERS[remainder(digits, 23) as usize])
}

fn build(params: &Params<'_>, _: &Column, key: &MaskingKey) -> Compiled {
    let Some(country) = params.optional_choice("country", &COUNTRIES)? else {
        return Err(SpecError::Missing {
            transform: ENTRY.name,
            param: "country",
            expected: "CA, ES, FR, GB or US",
        });
    };
    Ok(Box::new(NationalId {
        digester: key.digester(Kind::NationalId),
        other: key.digester(Kind::Text),
        country,
    }))
}

struct NationalId {
    digester: Digester,
    other: Digester,
    country: &'static str,
}

impl Transform for NationalId {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let code = compact(value);
        let scheme = SCHEMES
            .iter()
            .find(|scheme| scheme.country == self.country && (scheme.is)(&code));
        // A number of another kind, or none.
        let Some(scheme) = scheme else {
            return scrambled(&self.other, ENTRY.name, value, false, out);
        };
        // With and without its key a French number is the same.
        let canonical = if self.country == "FR" { &code[..13] } else { &code };
        for attempt in 0..16 {
            let fake = (scheme.make)(&code, &self.digester.attempt(canonical, attempt));
            if fake != code {
                write_alike(value, &fake, out);
                return Ok(Masked::Value);
            }
        }
        Err(TransformError::Exhausted {
            transform: ENTRY.name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused, spec};
    use super::*;

    fn id(country: &str, value: &str) -> String {
        let spec = spec("national-id", &format!("country = '{country}'"));
        masked(&*compiled(&spec, &column("text")), value)
    }

    #[test]
    fn fakes_are_of_their_kind_and_were_never_issued() {
        for n in 0..500 {
            let us = id("US", &format!("{:03}-45-{:04}", 100 + n, 1_000 + n));
            let [area, group, serial] = us.split('-').collect::<Vec<_>>()[..] else {
                panic!("{us}")
            };
            assert!(area.parse::<u32>().unwrap() >= 900 && (1..50).contains(&group.parse::<u32>().unwrap()));
            assert_ne!(serial, "0000");
            let fr = id("FR", &format!("1 85 05 78 006 {n:03} 22"));
            let code = compact(&fr);
            assert!(
                code.len() == 15 && &code[7..10] == "000" && fr.len() == 21,
                "{fr}"
            );
            assert_eq!(
                code[13..].parse::<u32>().unwrap(),
                97 - remainder(&code[..13], 97)
            );
            let es = id("ES", &format!("{}Z", 12_345_678 + n));
            assert!(
                es.starts_with("99") && es.ends_with(spanish_letter(&es[..8])),
                "{es}"
            );
            let nie = id("ES", &format!("X-{}-L", 1_234_567 + n));
            assert!(nie.starts_with("Z-9") && nie.len() == 11, "{nie}");
            let ca = id("CA", &format!("{:09}", 130_692_544 + n));
            assert!(
                ca.starts_with('8') && luhn(&ca[..8]) == ca.chars().last().unwrap(),
                "{ca}"
            );
            assert!(id("GB", &format!("AB {:06} C", 123_456 + n)).starts_with("QQ "));
        }
    }

    #[test]
    fn check_digits_are_those_of_published_examples() {
        assert_eq!(spanish_letter("12345678"), 'Z');
        assert_eq!(spanish_letter("01234567"), 'L');
        assert_eq!(97 - remainder("2550814168025", 97), 38);
        assert_eq!(luhn("04645428"), '6');
    }

    #[test]
    fn one_number_has_one_fake_however_it_is_written() {
        assert_eq!(compact(&id("US", "078-05-1120")), id("US", "078051120"));
        assert_eq!(id("FR", "255081416802538")[..13], id("FR", "2550814168025"));
        assert_eq!(id("ES", "12345678z"), id("ES", "12345678Z").to_lowercase());
    }

    #[test]
    fn what_is_no_such_number_is_scrambled_and_a_country_is_needed() {
        for value in ["unknown", "123", "n/a 7"] {
            assert!(id("US", value) != value && id("US", value).len() == value.len());
        }
        assert_eq!(id("US", ""), "");
        assert!(matches!(
            refused(&Spec::named("national-id"), &column("text")),
            SpecError::Missing { param: "country", .. }
        ));
        refused(&spec("national-id", "country = 'XX'"), &column("text"));
    }
}
