//! `iban`: numbers of bank accounts with valid check digits, at banks that do not exist.
//!
//! Country, length and where letters and digits stand are those of the value. The first four characters after the check
//! digits, which name the bank, become `0000` or `TEST`; the national check digits of Belgium, France and Spain are right,
//! too.

use super::text::scrambled;
use super::written::{compact, remainder, write_alike};
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Params, Transform, TransformError, Uniqueness,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "iban",
    summary: "replaces an IBAN by one of the same country and form with valid check digits, at a bank that does not exist",
    params: &[],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

/// Shortest and longest (ISO 13616).
const LENGTHS: std::ops::RangeInclusive<usize> = 15..=34;
/// Characters of the bank that are replaced by [`BANK`].
const BANK: &[u8; 4] = b"TEST";

#[expect(clippy::unnecessary_wraps, reason = "the signature of all transforms")]
fn build(_: &Params<'_>, _: &Column, key: &MaskingKey) -> Compiled {
    Ok(Box::new(Iban {
        digester: key.digester(Kind::Iban),
        other: key.digester(Kind::Text),
    }))
}

struct Iban {
    digester: Digester,
    other: Digester,
}

fn is_iban(code: &str) -> bool {
    let bytes = code.as_bytes();
    LENGTHS.contains(&bytes.len())
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..4].iter().all(u8::is_ascii_digit)
}

impl Transform for Iban {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let code = compact(value);
        // An account number of another kind, or no number.
        if !is_iban(&code) {
            return scrambled(&self.other, ENTRY.name, value, false, out);
        }
        for attempt in 0..16 {
            let fake = fake(&code, &self.digester.attempt(&code, attempt));
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

fn fake(code: &str, digest: &[u8; 32]) -> String {
    let (country, account) = (&code[..2], &code[4..]);
    let mut basic = String::with_capacity(account.len());
    for (at, byte) in account.bytes().enumerate() {
        // An account has 30 characters at most.
        let random = digest[at % digest.len()];
        basic.push(char::from(match (byte.is_ascii_digit(), BANK.get(at)) {
            (true, Some(_)) => b'0',
            (false, Some(letter)) => *letter,
            (true, None) => b'0' + random % 10,
            (false, None) => b'A' + random % 26,
        }));
    }
    national(country, &mut basic);
    let check = 98 - remainder(&format!("{basic}{country}00"), 97);
    format!("{country}{check:02}{basic}")
}

/// Puts the check digits of the country into an account's number, where they are known and all before them are digits.
fn national(country: &str, basic: &mut String) {
    let digits = |range: &str| range.bytes().all(|byte| byte.is_ascii_digit());
    match (country, basic.len()) {
        // Ten digits and their remainder by 97, which is 97 where it is 0.
        ("BE", 12) if digits(basic) => {
            let check = match remainder(&basic[..10], 97) {
                0 => 97,
                other => other,
            };
            basic.replace_range(10.., &format!("{check:02}"));
        }
        // Bank, branch, account, whose letters count 1 to 9 over again, and the key (clé RIB).
        ("FR" | "MC", 23) => {
            let plain: String = basic[..21].chars().map(rib_digit).collect();
            let check = 97 - remainder(&format!("{plain}00"), 97);
            basic.replace_range(21.., &format!("{check:02}"));
        }
        // A digit for bank and branch, and one for the account.
        ("ES", 20) if digits(basic) => {
            let first = spanish(&format!("00{}", &basic[..8]));
            let second = spanish(&basic[10..]);
            basic.replace_range(8..10, &format!("{first}{second}"));
        }
        _ => {}
    }
}

/// A to I and J to R count 1 to 9, S to Z 2 to 9.
fn rib_digit(c: char) -> char {
    match c {
        'A'..='I' => char::from(b'1' + (c as u8 - b'A')),
        'J'..='R' => char::from(b'1' + (c as u8 - b'J')),
        'S'..='Z' => char::from(b'2' + (c as u8 - b'S')),
        other => other,
    }
}

/// Ten digits, weighted, modulo 11.
fn spanish(ten: &str) -> u32 {
    const WEIGHTS: [u32; 10] = [1, 2, 4, 8, 5, 10, 9, 7, 3, 6];
    let sum: u32 = ten
        .bytes()
        .zip(WEIGHTS)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    match 11 - sum % 11 {
        11 => 0,
        10 => 1,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked};
    use super::*;

    fn iban(value: &str) -> String {
        masked(&*compiled(&Spec::named("iban"), &column("text")), value)
    }

    /// Of the IBAN registry.
    const EXAMPLES: [&str; 8] = [
        "BE68539007547034",
        "DE89370400440532013000",
        "ES9121000418450200051332",
        "FR1420041010050500013M02606",
        "GB29NWBK60161331926819",
        "IT60X0542811101000000123456",
        "NL91ABNA0417164300",
        "NO9386011117947",
    ];

    #[test]
    fn fakes_have_the_form_of_the_value_and_valid_check_digits() {
        for value in EXAMPLES {
            let fake = iban(value);
            assert_eq!(fake.len(), value.len());
            assert_eq!(&fake[..2], &value[..2]);
            assert_eq!(
                remainder(&format!("{}{}", &fake[4..], &fake[..4]), 97),
                1,
                "{fake}"
            );
            let classes = |code: &str| code.bytes().map(|byte| byte.is_ascii_digit()).collect::<Vec<_>>();
            assert_eq!(classes(&fake), classes(value), "{fake}");
            assert!(fake[4..8].bytes().all(|byte| b"0TES".contains(&byte)), "{fake}");
        }
        assert_eq!(iban("DE89370400440532013000"), "DE03000056616566957273");
    }

    #[test]
    fn national_check_digits_are_those_of_the_registrys_examples() {
        for value in [
            "BE68539007547034",
            "ES9121000418450200051332",
            "FR1420041010050500013M02606",
        ] {
            let mut basic = value[4..].to_owned();
            national(&value[..2], &mut basic);
            assert_eq!(basic, value[4..], "{value}");
        }
    }

    #[test]
    fn one_account_has_one_fake_however_it_is_written() {
        let fake = iban("DE89370400440532013000");
        let spaced = iban("DE89 3704 0044 0532 0130 00");
        assert_eq!(compact(&spaced), fake);
        assert_eq!(spaced.find(' '), Some(4));
        assert_eq!(iban("de89370400440532013000"), fake.to_lowercase());
    }

    #[test]
    fn what_is_no_iban_is_scrambled() {
        for value in ["12345678", "unknown", "DE"] {
            let fake = iban(value);
            assert!(fake != value && fake.len() == value.len());
        }
        assert_eq!(iban(""), "");
        assert_eq!(iban(" - "), " - ");
    }
}
