//! `like`: a value that shows the same bugs: as long in characters and in bytes, of the same classes and case, with the same
//! spaces and signs in the same places, and as different from the others as it was.
//!
//! Texts and numbers go through a permutation of all values of their shape, so that equal values stay equal and
//! different ones different, exactly, also when they are compared without regard to case. A text of more than
//! [`MOST_CHARACTERS`] letters and digits is drawn from its digest instead: there are so many of its shape that no two meet. The first
//! letter or digit stays in its part of the alphabet, a number as long as it was: the broad order stays. Dates all move
//! by the same number of weeks, so that intervals, order and weekdays stay. White space, signs and emoji stay as they are.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::alphabet::{Alphabet, capital, small};
use super::permutation::{self, Permutation};
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Params, Spec, SpecError, Transform, TransformError,
    Uniqueness, compile,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "like",
    summary: "replaces a value by one that shows the same bugs: length, bytes, classes, case, spaces, duplicates, broad order, \
              intervals between dates",
    params: &[],
    accepts: &[
        Family::Text,
        Family::Integer,
        Family::BigInteger,
        Family::Decimal,
        Family::Date,
        Family::Time,
        Family::Uuid,
    ],
    uniqueness: Uniqueness::Preserved,
    build,
};

/// Of more letters and digits than these a text has so many fellows that a digest tells them apart.
const MOST_CHARACTERS: usize = 24;

fn build(_: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let other = |name: &str, params: toml::Table| {
        let name = name.to_owned();
        compile(&Spec { name, params }, column, key)
    };
    match column.family() {
        Family::Uuid => return other("uuid", toml::Table::new()),
        Family::Date | Family::Time => {
            let weekday = ("keep-weekday".to_owned(), toml::Value::Boolean(true));
            return other("date-shift", toml::Table::from_iter([weekday]));
        }
        _ => {}
    }
    let floating = !matches!(column.family(), Family::Text) && column.integers().is_none();
    if column.base() == "money" || (floating && column.unique) {
        return Err(SpecError::Type {
            transform: ENTRY.name,
            type_name: column.type_name.clone(),
            accepts: "that hold numbers exactly".to_owned(),
        });
    }
    Ok(Box::new(Like {
        permutation: Permutation::new(key, "like"),
        digester: key.digester(Kind::Text),
        numeric: column.family() != Family::Text,
        limits: column.integers(),
    }))
}

struct Like {
    permutation: Permutation,
    digester: Digester,
    /// Whether the column holds numbers.
    numeric: bool,
    /// The least and the largest whole number that it holds exactly.
    limits: Option<(i128, i128)>,
}

impl Transform for Like {
    fn may_repeat(&self) -> bool {
        true
    }

    fn originals(&self, value: &str, _: super::Row<'_>, show: &mut dyn FnMut(&str)) {
        show(value);
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        if self.numeric {
            self.number(value, out);
        } else {
            self.text(value, out);
        }
        Ok(Masked::Value)
    }
}

/// A place of a text whose character is replaced.
struct Place {
    alphabet: Alphabet,
    /// The part of the alphabet that the character stays in: its first number and how many there are.
    from: u32,
    count: u32,
    /// The character's number in that part.
    at: u32,
}

impl Place {
    /// `first`: whether the order of values hangs on it.
    fn of(c: char, first: bool) -> Option<Self> {
        let alphabet = Alphabet::of(c)?;
        let at = alphabet.position(c)?;
        let (from, count) = match c {
            '0'..='9' if first => part(at, &[0, 1, 5, 10]),
            'a'..='z' if first => part(at, &[0, 6, 13, 19, 26]),
            _ => (0, alphabet.len()),
        };
        Some(Self {
            at: at - from,
            alphabet,
            from,
            count,
        })
    }

    fn character(&self, at: u32) -> Option<char> {
        self.alphabet.character(self.from + at)
    }
}

/// The part that a number lies in, of those that begin at these numbers.
fn part(at: u32, bounds: &[u32]) -> (u32, u32) {
    let part = bounds.windows(2).find(|pair| pair[0] <= at && at < pair[1]);
    part.map_or((at, 1), |pair| (pair[0], pair[1] - pair[0]))
}

impl Like {
    fn text(&self, value: &str, out: &mut String) {
        let folded: Vec<(char, bool)> = value
            .chars()
            .map(|c| small(c).map_or((c, false), |small| (small, true)))
            .collect();
        let mut places = Vec::with_capacity(folded.len());
        let mut any = false;
        for (c, _) in &folded {
            let place = Place::of(*c, !any);
            any |= place.is_some();
            places.push(place);
        }
        let numbers = self.numbers(&folded, &places);
        let mut numbers = numbers.into_iter();
        for ((c, upper), place) in folded.into_iter().zip(&places) {
            let fake = place.as_ref().and_then(|place| place.character(numbers.next()?));
            let fake = fake.unwrap_or(c);
            out.push(if upper {
                capital(fake).unwrap_or(fake)
            } else {
                fake
            });
        }
    }

    /// The numbers of the characters that come into the places.
    fn numbers(&self, folded: &[(char, bool)], places: &[Option<Place>]) -> Vec<u32> {
        let filled: Vec<&Place> = places.iter().flatten().collect();
        let mut size = Some(1u128);
        let mut number = 0u128;
        for place in &filled {
            size = size
                .and_then(|size| size.checked_mul(u128::from(place.count)))
                .filter(|size| *size <= permutation::MOST);
            number = number
                .wrapping_mul(u128::from(place.count))
                .wrapping_add(u128::from(place.at));
        }
        let Some(size) = size.filter(|_| filled.len() <= MOST_CHARACTERS) else {
            return self.drawn(folded, &filled);
        };
        let Some(mut next) = self.permutation.next(number, size, shape(folded, places)) else {
            return filled.iter().map(|place| place.at).collect();
        };
        let mut numbers = vec![0; filled.len()];
        for (place, out) in filled.iter().zip(&mut numbers).rev() {
            let count = u128::from(place.count);
            *out = u32::try_from(next % count).unwrap_or_default();
            next /= count;
        }
        numbers
    }

    /// Drawn from the digest of the text in small letters, without a, e, i and o: no other text's words stand there.
    fn drawn(&self, folded: &[(char, bool)], filled: &[&Place]) -> Vec<u32> {
        let text: String = folded.iter().map(|(c, _)| *c).collect();
        let mut random = ChaCha8Rng::from_seed(self.digester.digest(&text));
        let draw = |place: &&Place| {
            let mut at = 0;
            for _ in 0..16 {
                at = ((u64::from(random.next_u32()) * u64::from(place.count)) >> 32) as u32;
                if !matches!(place.character(at), Some('a' | 'e' | 'i' | 'o')) {
                    break;
                }
            }
            at
        };
        filled.iter().map(draw).collect()
    }

    /// A number of as many digits, the first in its half, with the same sign, point, zeros at the end and exponent.
    fn number(&self, value: &str, out: &mut String) {
        let (text, exponent) = match value.find(['e', 'E']) {
            Some(at) => value.split_at(at),
            None => (value, ""),
        };
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'))
        {
            // NaN and Infinity.
            out.push_str(value);
            return;
        }
        let point = text.find('.');
        // Zeros at the end of a fraction make no other number.
        let core = if point.is_some() {
            text.trim_end_matches('0')
        } else {
            text
        };
        let digits: Vec<u32> = core.chars().filter_map(|c| c.to_digit(10)).collect();
        let leading = digits.iter().take_while(|digit| **digit == 0).count();
        let fraction = point.is_some() && !core.ends_with('.');
        let ranges = ranges(&digits, leading, fraction);
        let (mut size, mut number) = (1u128, 0u128);
        for (digit, (from, count)) in digits.iter().zip(&ranges) {
            size = size.saturating_mul(u128::from(*count));
            number = number * u128::from(*count) + u128::from(digit - from);
            if size > permutation::MOST {
                break;
            }
        }
        let whole = self.limits.filter(|_| point.is_none());
        let fake = self.digits(core, &ranges, (number, size), whole);
        let mut next = fake.iter();
        for c in core.chars() {
            let digit = if c.is_ascii_digit() {
                next.next().and_then(|digit| char::from_digit(*digit, 10))
            } else {
                None
            };
            out.push(digit.unwrap_or(c));
        }
        out.push_str(&text[core.len()..]);
        out.push_str(exponent);
    }

    fn digits(
        &self,
        core: &str,
        ranges: &[(u32, u32)],
        (number, size): (u128, u128),
        whole: Option<(i128, i128)>,
    ) -> Vec<u32> {
        let negative = core.starts_with('-');
        // What is larger than the type holds is cut off from the range.
        let low = ranges.iter().fold(0u128, |low, (from, _)| {
            low.saturating_mul(10).saturating_add(u128::from(*from))
        });
        let size = match whole {
            Some((least, most)) => {
                let most = if negative {
                    least.unsigned_abs()
                } else {
                    most.unsigned_abs()
                };
                size.min(most.saturating_sub(low).saturating_add(1))
            }
            None => size,
        };
        let tweak = ranges
            .iter()
            .fold(u64::from(negative) + 1, |tweak, (from, count)| {
                tweak.wrapping_mul(131).wrapping_add(u64::from(from * 11 + count))
            });
        let mut digits = vec![0; ranges.len()];
        // Of so many digits a digest tells all numbers apart.
        if size > permutation::MOST {
            let mut random = ChaCha8Rng::from_seed(self.digester.digest(core));
            for ((from, count), digit) in ranges.iter().zip(&mut digits) {
                *digit = from + ((u64::from(random.next_u32()) * u64::from(*count)) >> 32) as u32;
            }
            return digits;
        }
        let mut next = self.permutation.next(number, size, tweak).unwrap_or(number);
        for ((from, count), digit) in ranges.iter().zip(&mut digits).rev() {
            let count = u128::from(*count);
            *digit = from + u32::try_from(next % count).unwrap_or_default();
            next /= count;
        }
        digits
    }
}

/// For each digit of a number, the first that may stand there and how many may: leading zeros stay, the digit after them
/// stays in its half, the last of a fraction is no zero.
fn ranges(digits: &[u32], leading: usize, fraction: bool) -> Vec<(u32, u32)> {
    let range = |(at, digit): (usize, &u32)| match at {
        at if at < leading => (0, 1),
        at if at == leading => {
            if *digit < 5 {
                (1, 4)
            } else {
                (5, 5)
            }
        }
        at if fraction && at + 1 == digits.len() => (1, 9),
        _ => (0, 10),
    };
    digits.iter().enumerate().map(range).collect()
}

/// What tells shapes apart that have as many members: which characters stay, and which alphabets stand where.
fn shape(folded: &[(char, bool)], places: &[Option<Place>]) -> u64 {
    let mix = |hash: u64, part: u32| (hash ^ u64::from(part)).wrapping_mul(0x0000_0100_0000_01b3);
    let each = folded.iter().zip(places);
    each.fold(0xcbf2_9ce4_8422_2325, |hash, ((c, _), place)| match place {
        Some(place) => mix(
            mix(mix(hash, place.from), place.count),
            u32::from(place.alphabet.character(0).unwrap_or('\0')),
        ),
        None => mix(hash, u32::from(*c)),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::super::tests::{column, compiled, masked, refused};
    use super::*;

    fn like(type_name: &str, value: &str) -> String {
        masked(&*compiled(&Spec::named("like"), &column(type_name)), value)
    }

    #[test]
    fn a_fake_looks_like_its_value_and_never_changes() {
        assert_eq!(
            like("text", "Müller-Lüdenscheidt  x\u{a0}7 😀"),
            "Lærgbj-Gêasfsuefzzv  h\u{a0}9 😀"
        );
        assert!(like("text", "007").starts_with('0'));
        for value in ["", " ", "-", "😀", "0"] {
            assert_eq!(like("text", value), value);
        }
    }

    #[test]
    fn every_short_text_of_a_shape_comes_out_once_and_never_as_itself() {
        let transform = compiled(&Spec::named("like"), &column("text"));
        let mut seen = HashSet::new();
        for a in b'a'..=b'z' {
            for b in b'0'..=b'9' {
                let value = format!("{}{}", char::from(a), char::from(b));
                let fake = masked(&*transform, &value);
                assert_ne!(fake, value);
                assert!(seen.insert(fake));
                let single = char::from(a).to_string();
                assert_ne!(masked(&*transform, &single), single);
            }
        }
    }

    #[test]
    fn numbers_keep_digits_sign_scale_and_half_and_stay_different() {
        for type_name in ["int4", "numeric"] {
            let transform = compiled(&Spec::named("like"), &column(type_name));
            let mut seen = HashSet::new();
            for n in (-5_000..5_000).chain(2_147_480_000..2_147_483_647) {
                let (value, fake) = (n.to_string(), masked(&*transform, &n.to_string()));
                assert!(
                    fake.len() == value.len() && (fake != value || n == 0),
                    "{value} {fake}"
                );
                assert!(fake.parse::<i32>().is_ok() || type_name == "numeric");
                assert!(seen.insert(fake));
            }
        }
        let transform = compiled(&Spec::named("like"), &column("numeric"));
        let mut seen = HashSet::new();
        for n in 0..10_000 {
            let value = format!("{}.{:02}", n / 100, n % 100);
            let fake = masked(&*transform, &value);
            assert_eq!(fake.len(), value.len(), "{value} {fake}");
            assert!(
                seen.insert(super::super::decimal::Decimal::read(&fake).unwrap().mantissa),
                "{value} {fake}"
            );
        }
        assert_eq!(like("float8", "NaN"), "NaN");
        assert!(like("float8", "1.5e+20").ends_with("e+20"));
        assert!(like("numeric", "12.500").ends_with("00"));
    }

    #[test]
    fn dates_and_uuids_go_to_their_own_transforms() {
        let days = |value: &str| super::super::day::read(&like("date", value)).unwrap().number;
        assert_eq!(days("2024-03-01") - days("2024-02-28"), 2);
        assert_eq!((days("2024-02-28") - 19_781) % 7, 0);
        assert_eq!(&like("uuid", "f47ac10b-58cc-4372-a567-0e02b2c3d479")[14..15], "4");
        refused(&Spec::named("like"), &column("money"));
        refused(&Spec::named("like"), &column("time"));
        refused(
            &Spec::named("like"),
            &Column {
                unique: true,
                ..column("float8")
            },
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn the_shape_of_any_text_stays(value in prop_oneof!["\\PC{0,40}", "[A-Za-zÀ-ÿ0-9 ]{0,12}", "[\u{370}-\u{4ff}\u{4e00}-\u{4fff}]{0,8}"]) {
            let fake = like("text", &value);
            prop_assert_eq!(fake.len(), value.len());
            prop_assert_eq!(fake.chars().count(), value.chars().count());
            for (one, other) in value.chars().zip(fake.chars()) {
                prop_assert_eq!(one.is_alphabetic(), other.is_alphabetic());
                prop_assert_eq!(one.is_numeric(), other.is_numeric());
                prop_assert_eq!(one.is_uppercase(), other.is_uppercase());
                prop_assert_eq!(one.is_whitespace(), other.is_whitespace());
                prop_assert!(one.is_alphanumeric() || one == other);
            }
        }

        #[test]
        fn texts_are_equal_without_regard_to_case_only_where_they_were(one in "[A-Ca-cÄä0-1]{1,3}", other in "[A-Ca-cÄä0-1]{1,3}") {
            let (fake, another) = (like("text", &one), like("text", &other));
            prop_assert_eq!(fake == another, one == other);
            prop_assert_eq!(fake.to_lowercase() == another.to_lowercase(), one.to_lowercase() == other.to_lowercase());
        }
    }
}
