//! What a number becomes.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::super::permutation;
use super::Like;

/// The largest numbers of the types that programs know: a whole number stays on its side of each. Of negative ones the least is
/// one further.
const ENDS: [u128; 7] = [
    (1 << 15) - 1,
    (1 << 16) - 1,
    (1 << 31) - 1,
    (1 << 32) - 1,
    (1 << 53) - 1,
    (1 << 63) - 1,
    (1 << 64) - 1,
];

impl Like {
    /// A number of as many digits, the first in its half, with the same sign, point, zeros at the end and exponent.
    pub(super) fn number(&self, value: &str, out: &mut String) {
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
        // Zeros at the end of a fraction make no other number.
        let core = if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            text
        };
        let fraction = core.contains('.');
        let whole = self.limits.filter(|_| !fraction && exponent.is_empty());
        let fake = self.digits(core, fraction, whole);
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

    fn digits(&self, core: &str, fraction: bool, whole: Option<(i128, i128)>) -> Vec<u32> {
        let negative = core.starts_with('-');
        let digits: Vec<u32> = core.chars().filter_map(|c| c.to_digit(10)).collect();
        let ranges = ranges(&digits, fraction);
        let (mut size, mut number) = (1u128, 0u128);
        for (digit, (from, count)) in digits.iter().zip(&ranges) {
            size = size.saturating_mul(u128::from(*count));
            number = number * u128::from(*count) + u128::from(digit - from);
            if size > permutation::MOST {
                return self.drawn_digits(core, &ranges);
            }
        }
        let (skipped, size) = whole.map_or((0, size), |limits| {
            window(&ranges, number, size, negative, limits)
        });
        let tweak = ranges
            .iter()
            .fold(u64::from(negative) + 1, |tweak, (from, count)| {
                tweak.wrapping_mul(131).wrapping_add(u64::from(from * 11 + count))
            });
        let next = number
            .checked_sub(skipped)
            .and_then(|number| self.permutation.next(number, size, tweak));
        let mut next = next.map_or(number, |next| next + skipped);
        let mut fake = vec![0; ranges.len()];
        for ((from, count), digit) in ranges.iter().zip(&mut fake).rev() {
            let count = u128::from(*count);
            *digit = from + u32::try_from(next % count).unwrap_or_default();
            next /= count;
        }
        fake
    }

    /// Of so many digits a digest tells all numbers apart.
    fn drawn_digits(&self, core: &str, ranges: &[(u32, u32)]) -> Vec<u32> {
        let mut random = ChaCha8Rng::from_seed(self.digester.digest(core));
        let draw = |(from, count): &(u32, u32)| {
            from + ((u64::from(random.next_u32()) * u64::from(*count)) >> 32) as u32
        };
        ranges.iter().map(draw).collect()
    }
}

/// The part of the range of a whole number, of which it is the `number`th, that no type ends in and the column holds: how many come
/// before it, and how many are in it.
fn window(
    ranges: &[(u32, u32)],
    number: u128,
    size: u128,
    negative: bool,
    (least, most): (i128, i128),
) -> (u128, u128) {
    let least_of_range = ranges
        .iter()
        .fold(0u128, |low, (from, _)| low * 10 + u128::from(*from));
    let value = least_of_range + number;
    let limit = if negative {
        least.unsigned_abs()
    } else {
        most.unsigned_abs()
    };
    // Of a type that holds hundreds only (numeric(3,-2)) the number of digits tells no limit.
    let limit = if limit < value { u128::MAX } else { limit };
    let (mut low, mut high) = (least_of_range, (least_of_range + size - 1).min(limit));
    for end in ENDS.map(|end| end + u128::from(negative)) {
        if value <= end {
            high = high.min(end);
            break;
        }
        low = low.max(end + 1);
    }
    (low - least_of_range, (high + 1).saturating_sub(low))
}

/// For each digit of a number, the first that may stand there and how many may: leading zeros stay, the digit after them
/// stays in its half, the last of a fraction is no zero.
fn ranges(digits: &[u32], fraction: bool) -> Vec<(u32, u32)> {
    let leading = digits.iter().take_while(|digit| **digit == 0).count();
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
