//! `text`: prose replaced letter by letter, or word by word.

use std::sync::LazyLock;

use fake::locales::{Data, EN};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, Transform, TransformError, Uniqueness,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "text",
    summary: "replaces prose by meaningless text of the same length, or by Latin words",
    params: &[Param {
        name: "mode",
        summary: "scramble (default): letters by letters, digits by digits, the rest stays; lorem: words by Latin words",
    }],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

fn build(params: &Params<'_>, _: &Column, key: &MaskingKey) -> Compiled {
    Ok(Box::new(Text {
        digester: key.digester(Kind::Text),
        lorem: params.choice("mode", &["scramble", "lorem"])? == "lorem",
    }))
}

struct Text {
    digester: Digester,
    lorem: bool,
}

/// A text of one letter meets itself once in 22 attempts.
const ATTEMPTS: u8 = 64;

impl Transform for Text {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        if !value.chars().any(is_replaced) {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        let start = out.len();
        for attempt in 0..ATTEMPTS {
            let mut random = ChaCha8Rng::from_seed(self.digester.attempt(value, attempt));
            if self.lorem {
                lorem(value, &mut random, out);
            } else {
                scramble(value, &mut random, out);
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

/// For other transforms, of values that have not their form: letters by letters, digits by digits, the first digit of a number
/// by another than 0.
pub(super) fn scrambled(
    digester: &Digester,
    transform: &'static str,
    value: &str,
    numeric: bool,
    out: &mut String,
) -> Result<Masked, TransformError> {
    if !value.chars().any(is_replaced) {
        out.push_str(value);
        return Ok(Masked::Value);
    }
    let start = out.len();
    for attempt in 0..ATTEMPTS {
        let mut random = ChaCha8Rng::from_seed(digester.attempt(value, attempt));
        scramble(value, &mut random, out);
        let leading = numeric && out[start..].trim_start_matches('-').starts_with('0');
        if out[start..] != *value && !leading {
            return Ok(Masked::Value);
        }
        out.truncate(start);
    }
    Err(TransformError::Exhausted { transform })
}

/// Whether a character can tell something; the others (spaces, punctuation, emoji, marks) stay.
fn is_replaced(c: char) -> bool {
    c.is_alphanumeric()
}

fn scramble(value: &str, random: &mut ChaCha8Rng, out: &mut String) {
    for c in value.chars() {
        out.push(if is_replaced(c) { like(c, random) } else { c });
    }
}

/// Without a, e, i, o: no scrambled text holds a word of anybody's by chance.
const LOWER: &[u8; 22] = b"bcdfghjklmnpqrstuvwxyz";
const ACCENTED_LOWER: [char; 8] = ['ç', 'ñ', 'ú', 'ü', 'ÿ', 'ý', 'û', 'ù'];
const ACCENTED_UPPER: [char; 7] = ['Ç', 'Ñ', 'Ú', 'Ü', 'Ý', 'Û', 'Ù'];

/// Letters (or digits) of one script and case that follow each other.
const RUNS: [(char, char); 24] = [
    ('α', 'ω'),
    ('Α', 'Ρ'),
    ('а', 'я'),
    ('А', 'Я'),
    ('א', 'ת'),
    ('ء', 'غ'),
    ('ف', 'ي'),
    ('ก', 'ฮ'),
    ('ა', 'ჰ'),
    ('ա', 'ֆ'),
    ('Ա', 'Ֆ'),
    ('क', 'ह'),
    ('あ', 'ん'),
    ('ア', 'ン'),
    ('\u{4e00}', '\u{9fa5}'),
    ('\u{ac00}', '\u{d7a3}'),
    ('\u{ff21}', '\u{ff3a}'),
    ('\u{ff41}', '\u{ff5a}'),
    ('\u{ff10}', '\u{ff19}'),
    ('\u{660}', '\u{669}'),
    ('\u{6f0}', '\u{6f9}'),
    ('\u{966}', '\u{96f}'),
    ('Σ', 'Ω'),
    ('\u{ff71}', '\u{ff9d}'),
];

/// Another character of the same class; of scripts that are not listed, a Latin letter of the same case.
fn like(c: char, random: &mut ChaCha8Rng) -> char {
    let digit = |random: &mut ChaCha8Rng| pick(random, b"0123456789").into();
    let lower = |random: &mut ChaCha8Rng| pick(random, LOWER).into();
    let upper = |random: &mut ChaCha8Rng| pick(random, LOWER).to_ascii_uppercase().into();
    match c {
        '0'..='9' => digit(random),
        'a'..='z' => lower(random),
        'A'..='Z' => upper(random),
        '\u{df}'..='\u{ff}' => pick(random, &ACCENTED_LOWER),
        '\u{c0}'..='\u{de}' => pick(random, &ACCENTED_UPPER),
        _ => match RUNS.iter().find(|(from, to)| (*from..=*to).contains(&c)) {
            Some((from, to)) => {
                let count = u32::from(*to) - u32::from(*from) + 1;
                char::from_u32(u32::from(*from) + below(random, count)).unwrap_or(*from)
            }
            None if c.is_numeric() => digit(random),
            None if c.is_uppercase() => upper(random),
            None => lower(random),
        },
    }
}

/// A number below `count`, as even as 32 bits allow.
fn below(random: &mut ChaCha8Rng, count: u32) -> u32 {
    ((u64::from(random.next_u32()) * u64::from(count)) >> 32) as u32
}

fn pick<T: Copy>(random: &mut ChaCha8Rng, from: &[T]) -> T {
    from[below(random, u32::try_from(from.len()).unwrap_or(u32::MAX)) as usize]
}

/// Latin words by length, so that the first `UP_TO[n]` of them have at most n letters.
struct Words {
    words: Vec<&'static str>,
    up_to: Vec<usize>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let mut words = EN::LOREM_WORD.to_vec();
    words.sort_unstable_by_key(|word| (word.len(), *word));
    words.dedup();
    let longest = words.last().map_or(0, |word| word.len());
    let up_to = (0..=longest)
        .map(|length| words.partition_point(|word| word.len() <= length))
        .collect();
    Words { words, up_to }
});

/// The Latin words.
pub(super) fn words() -> &'static [&'static str] {
    &WORDS.words
}

/// Word by word, each replaced by one that is not longer; white space and the punctuation around words stay.
fn lorem(value: &str, random: &mut ChaCha8Rng, out: &mut String) {
    let mut rest = value;
    while let Some(start) = rest.find(|c: char| !c.is_whitespace()) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        lorem_word(&rest[..end], random, out);
        rest = &rest[end..];
    }
    out.push_str(rest);
}

fn lorem_word(word: &str, random: &mut ChaCha8Rng, out: &mut String) {
    let core = word.trim_matches(|c: char| !is_replaced(c));
    let Some(first) = core.chars().next() else {
        out.push_str(word);
        return;
    };
    let before = word.len() - word.trim_start_matches(|c: char| !is_replaced(c)).len();
    out.push_str(&word[..before]);
    let words = &*WORDS;
    let letters = core.chars().count().min(words.up_to.len() - 1);
    let choices = &words.words[..words.up_to[letters]];
    // Of one letter there is hardly a choice.
    if letters < 2 || choices.is_empty() {
        scramble(core, random, out);
    } else {
        let latin = pick(random, choices);
        if first.is_uppercase() {
            out.extend(latin.chars().take(1).map(|c| c.to_ascii_uppercase()));
            out.push_str(&latin[1..]);
        } else {
            out.push_str(latin);
        }
    }
    out.push_str(&word[before + core.len()..]);
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, compiled, masked, refused, spec};
    use super::super::{Spec, SpecError};
    use super::*;

    fn scrambled(value: &str) -> String {
        masked(&*compiled(&Spec::named("text"), &column("text")), value)
    }

    fn lorem(value: &str) -> String {
        masked(
            &*compiled(&spec("text", "mode = 'lorem'"), &column("text")),
            value,
        )
    }

    #[test]
    fn scrambling_never_changes() {
        assert_eq!(
            scrambled("Call Anna on +33 6 12, flat 4B! 😀"),
            "Nmpu Ydvt hc +34 0 34, ytru 2B! 😀"
        );
        assert_eq!(
            lorem("Call Anna on Monday, (please) 4B!"),
            "Et Quod ab At, (soluta) a!"
        );
    }

    #[test]
    fn classes_of_characters_stay() {
        let value = "Ab1 é É ñ Жж Ωλ 東京 ひカ 한 שלום مرحبا ٣ ０\t\n--\u{a0}👩‍🔬🇫🇷\u{301}€";
        let fake = scrambled(value);
        assert_eq!(fake.chars().count(), value.chars().count());
        assert_eq!(fake.len(), value.len());
        for (before, after) in value.chars().zip(fake.chars()) {
            assert_eq!(before.is_uppercase(), after.is_uppercase(), "{before} {after}");
            assert_eq!(before.is_numeric(), after.is_numeric(), "{before} {after}");
            assert_eq!(before.is_ascii(), after.is_ascii(), "{before} {after}");
            assert!(
                is_replaced(before) && is_replaced(after) || before == after,
                "{before} {after}"
            );
        }
    }

    #[test]
    fn scrambled_latin_text_holds_no_word() {
        let fake = scrambled(&"The quick brown fox jumps over the lazy dog ".repeat(50));
        assert!(!fake.contains(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']));
    }

    #[test]
    fn single_characters_are_replaced() {
        for c in ('0'..='9').chain('a'..='z').chain("éЖ東".chars()) {
            assert_ne!(scrambled(&c.to_string()), c.to_string());
            assert_ne!(lorem(&c.to_string()), c.to_string());
        }
    }

    #[test]
    fn what_holds_nothing_stays() {
        for value in ["", " ", "--- !", "😀", "\u{200d}"] {
            assert_eq!(scrambled(value), value);
            assert_eq!(lorem(value), value);
        }
    }

    #[test]
    fn lorem_keeps_words_spaces_and_at_most_the_length() {
        let value = "Dear  Mrs. Müller,\n\nI am not amused!  東京都千代田区丸の内 (x)";
        let fake = lorem(value);
        assert_eq!(fake.split_whitespace().count(), value.split_whitespace().count());
        assert!(fake.chars().count() <= value.chars().count());
        assert!(fake.starts_with(|c: char| c.is_uppercase()) && fake.contains(",\n\n"));
        assert!(!fake.contains("Müller") && !fake.contains("東京"));
    }

    #[test]
    fn unique_columns_and_json_are_refused() {
        let unique = Column {
            unique: true,
            ..column("text")
        };
        assert!(matches!(
            refused(&Spec::named("text"), &unique),
            SpecError::Unique { .. }
        ));
        assert_eq!(
            refused(&Spec::named("text"), &column("jsonb")).to_string(),
            "text takes columns of type text, not jsonb"
        );
    }
}
