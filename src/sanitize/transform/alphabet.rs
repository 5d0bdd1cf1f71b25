//! Which characters can stand for one another without changing what a program sees: length in bytes, class, case.

/// Letters of uncased scripts that follow each other.
const RUNS: [(char, char); 7] = [
    ('\u{5d0}', '\u{5ea}'),
    ('\u{e01}', '\u{e2e}'),
    ('\u{3042}', '\u{3093}'),
    ('\u{30a2}', '\u{30f3}'),
    ('\u{4e00}', '\u{9fa5}'),
    ('\u{ac00}', '\u{d7a3}'),
    ('\u{10d0}', '\u{10f0}'),
];

/// The characters that can stand in one place.
pub(super) enum Alphabet {
    /// From this one on, so many, without gaps.
    Run(char, u32),
    /// These.
    List(Vec<char>),
}

impl Alphabet {
    /// The one of a small letter, a digit or another letter; `None` for what is none, or stands alone in its class.
    pub(super) fn of(c: char) -> Option<Self> {
        match c {
            '0'..='9' => return Some(Self::Run('0', 10)),
            'a'..='z' => return Some(Self::Run('a', 26)),
            _ if c.is_ascii() || !c.is_alphanumeric() => return None,
            _ => {}
        }
        if let Some((from, to)) = run_of(c) {
            return Some(Self::Run(from, u32::from(to) - u32::from(from) + 1));
        }
        let class = class(c);
        // No length in UTF-8 changes within 64 characters that begin at a multiple of 64.
        let block = u32::from(c) & !63;
        let list: Vec<char> = (block..block + 64)
            .filter_map(char::from_u32)
            .filter(|other| run_of(*other).is_none() && self::class(*other) == class)
            .collect();
        (list.len() > 1).then_some(Self::List(list))
    }

    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        match self {
            Self::Run(_, count) => *count,
            Self::List(list) => u32::try_from(list.len()).unwrap_or(1),
        }
    }

    /// The number of a character.
    pub(super) fn position(&self, c: char) -> Option<u32> {
        match self {
            Self::Run(from, count) => u32::from(c).checked_sub(u32::from(*from)).filter(|at| at < count),
            Self::List(list) => u32::try_from(list.iter().position(|other| *other == c)?).ok(),
        }
    }

    /// The character of a number.
    pub(super) fn character(&self, at: u32) -> Option<char> {
        match self {
            Self::Run(from, _) => char::from_u32(u32::from(*from) + at),
            Self::List(list) => list.get(at as usize).copied(),
        }
    }
}

fn run_of(c: char) -> Option<(char, char)> {
    RUNS.iter().find(|(from, to)| (*from..=*to).contains(&c)).copied()
}

/// What programs ask of a character.
fn class(c: char) -> [bool; 5] {
    [
        c.is_alphabetic(),
        c.is_numeric(),
        c.is_lowercase(),
        c.is_uppercase(),
        capital(c).is_some(),
    ]
}

/// The small letter of a capital, where the two belong to each other alone and are as long.
pub(super) fn small(c: char) -> Option<char> {
    let small = single(c.to_lowercase())?;
    (small != c && capital(small) == Some(c)).then_some(small)
}

/// The capital of a small letter, where the two belong to each other alone and are as long.
pub(super) fn capital(c: char) -> Option<char> {
    let capital = single(c.to_uppercase())?;
    let back = single(capital.to_lowercase())?;
    (capital != c && back == c && capital.len_utf8() == c.len_utf8()).then_some(capital)
}

fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_characters_of_an_alphabet_have_it_in_common_and_are_as_long() {
        let all = ('\u{0}'..='\u{ffff}').chain('\u{1d400}'..='\u{1d7ff}');
        for c in all.filter(|c| small(*c).is_none()) {
            let Some(alphabet) = Alphabet::of(c) else { continue };
            let at = alphabet.position(c).unwrap();
            assert_eq!(alphabet.character(at), Some(c));
            for other in [0, alphabet.len() / 2, alphabet.len() - 1] {
                let other = alphabet.character(other).unwrap();
                let same = Alphabet::of(other).unwrap();
                assert_eq!(
                    (same.len(), same.character(at)),
                    (alphabet.len(), Some(c)),
                    "{c} {other}"
                );
                assert_eq!(other.len_utf8(), c.len_utf8());
                assert_eq!(other.is_alphanumeric(), c.is_alphanumeric());
                assert_eq!(capital(other).is_some(), capital(c).is_some(), "{c} {other}");
            }
        }
    }

    #[test]
    fn capitals_and_small_letters() {
        assert_eq!((small('É'), capital('é')), (Some('é'), Some('É')));
        assert_eq!(
            (small('é'), capital('ß'), small('İ'), capital('ς')),
            (None, None, None, None)
        );
    }
}
