//! `card`: numbers of payment cards from the ranges that networks and processors publish for tests.

use super::text::scrambled;
use super::written::{compact, luhn, write_alike};
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Params, Transform, TransformError, Uniqueness,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "card",
    summary: "replaces a payment card's number by one of the same network and length from a test range, with a valid check digit",
    params: &[],
    accepts: &[Family::Text, Family::BigInteger],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

/// How a number begins, and with what its fake begins: the first six digits of the test cards that processors publish.
const NETWORKS: [(&str, &str); 9] = [
    ("34", "378282"),
    ("37", "378282"),
    ("30", "305693"),
    ("36", "362272"),
    ("38", "305693"),
    ("35", "353011"),
    ("4", "411111"),
    ("6", "601111"),
    ("2", "222300"),
];
const OTHERWISE: &str = "555555";

/// Lengths of card numbers (ISO/IEC 7812-1).
const LENGTHS: std::ops::RangeInclusive<usize> = 12..=19;

#[expect(clippy::unnecessary_wraps, reason = "the signature of all transforms")]
fn build(_: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    Ok(Box::new(Card {
        digester: key.digester(Kind::Card),
        other: key.digester(Kind::Text),
        numeric: column.family() != Family::Text,
    }))
}

struct Card {
    digester: Digester,
    other: Digester,
    numeric: bool,
}

impl Transform for Card {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let digits = compact(value);
        let whole = LENGTHS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        // The last four digits, or no number of a card at all.
        if !whole {
            return scrambled(&self.other, ENTRY.name, value, self.numeric, out);
        }
        let network = NETWORKS.iter().find(|(start, _)| digits.starts_with(start));
        let test = network.map_or(OTHERWISE, |(_, test)| test);
        for attempt in 0..16 {
            let digest = self.digester.attempt(&digits, attempt);
            let mut fake = test.to_owned();
            for byte in &digest[..digits.len() - test.len() - 1] {
                fake.push(char::from(b'0' + byte % 10));
            }
            fake.push(luhn(&fake));
            if fake != digits {
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
    use super::super::tests::{column, compiled, masked};
    use super::*;

    fn card(value: &str) -> String {
        masked(&*compiled(&Spec::named("card"), &column("text")), value)
    }

    #[test]
    fn fakes_are_of_the_network_in_a_test_range_and_valid() {
        for (value, test) in [
            ("4929 4212 3460 0821", "4111 11"),
            ("5425-2334-3010-9903", "5555-55"),
            ("374245455400126", "378282"),
            ("6011000991300009", "601111"),
            ("2223000048410010", "222300"),
            ("36227206271667", "362272"),
        ] {
            let fake = card(value);
            assert!(
                fake.starts_with(test) && fake.len() == value.len() && fake != value,
                "{fake}"
            );
            let digits = compact(&fake);
            assert_eq!(luhn(&digits[..digits.len() - 1]), digits.chars().last().unwrap());
        }
    }

    #[test]
    fn one_card_has_one_fake_however_it_is_written() {
        assert_eq!(compact(&card("4929 4212 3460 0821")), card("4929421234600821"));
        let number = compiled(&Spec::named("card"), &column("int8"));
        assert_eq!(masked(&*number, "4929421234600821"), card("4929421234600821"));
    }

    #[test]
    fn what_is_no_card_is_scrambled() {
        let fake = card("0821");
        assert!(fake.len() == 4 && fake != "0821" && fake.parse::<u32>().is_ok());
        assert_ne!(card("Anna Smith"), "Anna Smith");
        assert_eq!(card(""), "");
        let number = compiled(&Spec::named("card"), &column("int8"));
        assert!(masked(&*number, "8210").parse::<i64>().unwrap() >= 1000);
    }
}
