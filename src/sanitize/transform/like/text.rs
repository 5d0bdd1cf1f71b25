//! What a text becomes.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

use super::super::alphabet::{Alphabet, capital, small};
use super::super::permutation;
use super::{Like, date};

/// Of more letters and digits than these a text has so many fellows that a digest tells them apart.
const MOST_CHARACTERS: usize = 24;

/// A character that is replaced.
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

    /// One of them, rather none of a, e, i and o: no other text's words stand there.
    fn drawn(&self, random: &mut ChaCha8Rng) -> Option<char> {
        let mut at = 0;
        for _ in 0..16 {
            at = ((u64::from(random.next_u32()) * u64::from(self.count)) >> 32) as u32;
            if !matches!(self.character(at), Some('a' | 'e' | 'i' | 'o')) {
                break;
            }
        }
        self.character(at)
    }
}

/// The part that a number lies in, of those that begin at these numbers.
fn part(at: u32, bounds: &[u32]) -> (u32, u32) {
    let part = bounds.windows(2).find(|pair| pair[0] <= at && at < pair[1]);
    part.map_or((at, 1), |pair| (pair[0], pair[1] - pair[0]))
}

/// A character as a small letter, and whether it was a capital.
fn folded(c: char) -> (char, bool) {
    small(c).map_or((c, false), |small| (small, true))
}

fn unfolded(c: char, upper: bool) -> char {
    if upper { capital(c).unwrap_or(c) } else { c }
}

/// The few characters of a text that are replaced.
struct Few {
    /// Each with where it stands, how many bytes it takes, and whether it is a capital.
    places: Vec<(usize, usize, bool, Place)>,
    /// The text's number among those of its shape, and how many these are.
    number: u128,
    size: u128,
    /// What tells shapes apart that have as many members: which characters stay, and which alphabets stand where.
    shape: u64,
}

impl Few {
    /// `None` where there are too many, or too many texts of the shape.
    fn of(value: &str) -> Option<Self> {
        let mix = |hash: u64, part: u32| (hash ^ u64::from(part)).wrapping_mul(0x0000_0100_0000_01b3);
        let mut few = Self {
            places: Vec::new(),
            number: 0,
            size: 1,
            shape: 0xcbf2_9ce4_8422_2325,
        };
        for (at, c) in value.char_indices() {
            let (small, upper) = folded(c);
            let Some(place) = Place::of(small, few.places.is_empty()) else {
                few.shape = mix(few.shape, u32::from(small));
                continue;
            };
            let count = u128::from(place.count);
            few.size = few
                .size
                .checked_mul(count)
                .filter(|size| *size <= permutation::MOST)?;
            few.number = few.number * count + u128::from(place.at);
            let alphabet = place.alphabet.character(0).unwrap_or('\0');
            for part in [place.from, place.count, u32::from(alphabet)] {
                few.shape = mix(few.shape, part);
            }
            if few.places.len() == MOST_CHARACTERS {
                return None;
            }
            few.places.push((at, c.len_utf8(), upper, place));
        }
        Some(few)
    }
}

impl Like {
    pub(super) fn text(&self, value: &str, out: &mut String) {
        if let Some(read) = date::read(value) {
            return date::moved(&read, self.shift, out);
        }
        let start = out.len();
        self.permuted(value, out);
        // Dates are for dates; a few steps on there is another text, and no two come to the same.
        while out.get(start..).and_then(date::read).is_some() {
            let date = out.split_off(start);
            self.permuted(&date, out);
        }
    }

    fn permuted(&self, value: &str, out: &mut String) {
        let Some(few) = Few::of(value) else {
            return self.drawn(value, out);
        };
        let Some(mut next) = self.permutation.next(few.number, few.size, few.shape) else {
            return out.push_str(value);
        };
        let mut fakes = Vec::with_capacity(few.places.len());
        for (_, _, upper, place) in few.places.iter().rev() {
            let count = u128::from(place.count);
            let fake = place.character(u32::try_from(next % count).unwrap_or_default());
            fakes.push(fake.map(|fake| unfolded(fake, *upper)));
            next /= count;
        }
        let mut copied = 0;
        for ((at, length, ..), fake) in few.places.iter().zip(fakes.into_iter().rev()) {
            out.push_str(value.get(copied..*at).unwrap_or_default());
            out.extend(fake);
            copied = at + length;
        }
        out.push_str(value.get(copied..).unwrap_or_default());
    }

    /// Drawn from the digest of the text in small letters.
    fn drawn(&self, value: &str, out: &mut String) {
        let mut text = Zeroizing::new(String::with_capacity(value.len()));
        text.extend(value.chars().map(|c| folded(c).0));
        let mut random = ChaCha8Rng::from_seed(self.digester.digest(&text));
        drop(text);
        let mut first = true;
        for c in value.chars() {
            let (small, upper) = folded(c);
            let place = Place::of(small, first);
            first &= place.is_none();
            let fake = place.and_then(|place| place.drawn(&mut random));
            out.push(fake.map_or(c, |fake| unfolded(fake, upper)));
        }
    }
}
