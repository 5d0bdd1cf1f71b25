//! Fakes that are as long as their values: names for each run of letters, digits for digits, and all that stands between them
//! stays. A run for which the lists hold no names of its length gets one made up of syllables, and one that no Latin letters can
//! make as long in bytes gets letters of its own script.

mod login;

pub(super) use login::Login;

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::alphabet::{Alphabet, capital, small};
use super::preserve::Size;

/// Fewest names of a length that a run is drawn from.
const FEWEST: usize = 10;

/// How often another name is drawn where it is the run itself.
const ATTEMPTS: u8 = 32;

/// Names by how long they are: characters, and bytes where those count.
pub(super) struct SizedNames {
    names: HashMap<(usize, usize), Vec<&'static str>>,
    size: Size,
}

impl SizedNames {
    pub(super) fn new(names: impl IntoIterator<Item = &'static str>, size: Size) -> Self {
        let mut sized = Self {
            names: HashMap::new(),
            size,
        };
        for name in names {
            if name.chars().all(char::is_alphabetic) {
                let place = sized.names.entry(sized.place(name));
                place.or_default().push(name);
            }
        }
        sized.names.retain(|_, names| names.len() >= FEWEST);
        sized
    }

    /// Characters of a run, and the bytes that they have more where that counts.
    fn place(&self, run: &str) -> (usize, usize) {
        let chars = run.chars().count();
        match self.size {
            Size::Length => (chars, 0),
            Size::Bytes => (chars, run.len() - chars),
        }
    }

    /// Appends a fake; `stays` tells words that stay.
    pub(super) fn write(
        &self,
        value: &str,
        random: &mut ChaCha8Rng,
        stays: &dyn Fn(&str) -> bool,
        out: &mut String,
    ) {
        let (mut rest, mut in_number) = (value, false);
        while let Some(c) = rest.chars().next() {
            let length = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
            let begins = !std::mem::replace(&mut in_number, c.is_ascii_digit());
            if length == 0 {
                out.push(match c {
                    // No number gets zeros that it had not.
                    '1'..='9' if begins => char::from(b"123456789"[below(random, 9)]),
                    c => alike(c, random),
                });
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
                continue;
            }
            let (run, after) = rest.split_at(length);
            if stays(run) {
                out.push_str(run);
            } else {
                self.run(run, random, out);
            }
            rest = after;
        }
    }

    /// A name in the place of a run of letters.
    fn run(&self, run: &str, random: &mut ChaCha8Rng, out: &mut String) {
        let (chars, more) = self.place(run);
        let folded = run.to_lowercase();
        for _ in 0..ATTEMPTS {
            let name = self.listed((chars, more), random);
            let Some(name) = name.or_else(|| accented(&made_up(chars, random), more)) else {
                break;
            };
            if name.to_lowercase() != folded {
                return out.push_str(&in_case_of(run, name));
            }
        }
        out.extend(run.chars().map(|c| alike(c, random)));
    }

    fn listed(&self, place: (usize, usize), random: &mut ChaCha8Rng) -> Option<String> {
        let names = self.names.get(&place)?;
        names
            .get(below(random, names.len()))
            .map(|name| (*name).to_owned())
    }

    /// A name of so many letters of ASCII, in small letters, where the lists hold no others.
    pub(super) fn word(&self, chars: usize, random: &mut ChaCha8Rng) -> String {
        let name = self.listed((chars, 0), random);
        name.unwrap_or_else(|| made_up(chars, random))
            .to_ascii_lowercase()
    }
}

/// A number below `count`.
pub(super) fn below(random: &mut ChaCha8Rng, count: usize) -> usize {
    let count = u64::try_from(count).unwrap_or(1);
    usize::try_from((u64::from(random.next_u32()) * count) >> 32).unwrap_or_default()
}

/// Letters and digits by others of their class and length.
fn scrambled(value: &str, random: &mut ChaCha8Rng) -> String {
    value.chars().map(|c| alike(c, random)).collect()
}

/// Another character of the class and length of a letter or digit; what is none, or is alone of its class, stays.
fn alike(c: char, random: &mut ChaCha8Rng) -> char {
    let lower = small(c);
    let Some(alphabet) = Alphabet::of(lower.unwrap_or(c)) else {
        return c;
    };
    let at = u32::try_from(below(random, alphabet.len() as usize)).unwrap_or_default();
    let fake = alphabet.character(at).unwrap_or(c);
    if lower.is_some() {
        capital(fake).unwrap_or(fake)
    } else {
        fake
    }
}

/// A name of so many letters that can be spoken: `Bakuro`.
fn made_up(chars: usize, random: &mut ChaCha8Rng) -> String {
    const CONSONANTS: &[u8; 17] = b"bdfghjklmnprstvwz";
    const VOWELS: &[u8; 5] = b"aeiou";
    let mut name = String::with_capacity(chars);
    for at in 0..chars {
        let letters: &[u8] = if at % 2 == 0 { CONSONANTS } else { VOWELS };
        let letter = letters.get(below(random, letters.len())).copied().unwrap_or(b'n');
        name.push(char::from(if at == 0 {
            letter.to_ascii_uppercase()
        } else {
            letter
        }));
    }
    name
}

/// The name with so many of its letters under an accent, which makes each a byte longer; `None` where it has not so many that take
/// one.
fn accented(name: &str, mut more: usize) -> Option<String> {
    const PAIRS: [(char, char); 20] = [
        ('a', 'á'),
        ('e', 'é'),
        ('i', 'í'),
        ('o', 'ó'),
        ('u', 'ú'),
        ('n', 'ñ'),
        ('s', 'š'),
        ('z', 'ž'),
        ('d', 'đ'),
        ('g', 'ğ'),
        ('h', 'ħ'),
        ('j', 'ĵ'),
        ('k', 'ķ'),
        ('l', 'ł'),
        ('r', 'ř'),
        ('t', 'ť'),
        ('w', 'ŵ'),
        ('b', 'þ'),
        ('m', 'ð'),
        ('f', 'ø'),
    ];
    let mut out = String::with_capacity(name.len() + more);
    for c in name.chars() {
        let low = c.to_ascii_lowercase();
        let accent = PAIRS.iter().find(|(plain, _)| *plain == low).filter(|_| more > 0);
        let Some((_, accent)) = accent else {
            out.push(c);
            continue;
        };
        more -= 1;
        out.push(if c == low {
            *accent
        } else {
            capital(*accent).unwrap_or(*accent)
        });
    }
    (more == 0).then_some(out)
}

/// The name in capitals or small letters where the run is.
fn in_case_of(run: &str, name: String) -> String {
    let cased = |lower: bool| {
        let cased = if lower {
            name.to_lowercase()
        } else {
            name.to_uppercase()
        };
        let same = cased.len() == name.len() && cased.chars().count() == name.chars().count();
        if same { cased } else { name.clone() }
    };
    let any_small = run.chars().any(char::is_lowercase);
    let any_capital = run.chars().any(char::is_uppercase);
    match (any_small, any_capital) {
        (true, false) => cased(true),
        (false, true) if run.chars().nth(1).is_some() => cased(false),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn written(size: Size, value: &str) -> String {
        let names = super::super::name::lists_of("fr")
            .first
            .iter()
            .map(|name| name.text);
        let mut out = String::new();
        let mut random = ChaCha8Rng::from_seed([3; 32]);
        SizedNames::new(names, size).write(value, &mut random, &|word| word == "Ltd", &mut out);
        out
    }

    #[test]
    fn runs_get_names_of_their_length_and_the_rest_stays() {
        let fake = written(Size::Length, "Jean-Pierre O'BRIEN, van der Ltd 7 😀");
        assert_eq!(fake, "Soan-Yvonne V'URIEL, eva léo Ltd 8 😀");
    }

    #[test]
    fn bytes_are_made_by_accents_or_letters_of_the_script() {
        for value in ["Zoë", "ÉÉÉ", "佐藤", "Łukasz Żółć", "Кириллов", "한국", "ﬀ", "𐐀𐐁"]
        {
            let fake = written(Size::Bytes, value);
            assert_eq!(
                (fake.len(), fake.chars().count()),
                (value.len(), value.chars().count()),
                "{value} {fake}"
            );
        }
    }

    proptest! {
        #[test]
        fn fakes_are_as_long_as_their_values(value in prop_oneof!["\\PC{0,40}", "[A-Za-zÀ-ž' -]{0,30}", any::<String>()]) {
            prop_assert_eq!(written(Size::Length, &value).chars().count(), value.chars().count());
            let fake = written(Size::Bytes, &value);
            prop_assert_eq!((fake.len(), fake.chars().count()), (value.len(), value.chars().count()));
        }
    }
}
