//! Which phrases occur in a name, and what they say.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::PersonalKind as Kind;
use super::vague::VAGUE;
use super::words::STRONG;

/// What phrases say, by the first word of each: a scan asks for every name of a database.
pub(super) struct Phrases(HashMap<&'static str, Vec<Phrase>>);

/// Its place in the table, which is its rank, what it says, and the words after its first.
type Phrase = (usize, Kind, Vec<&'static str>);

/// A phrase that occurs among words: what it says, and from which word to before which one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) kind: Kind,
    rank: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

pub(super) static CLEAR: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(STRONG));
pub(super) static UNCLEAR: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(VAGUE));

impl Phrases {
    fn of(table: &[(Kind, &'static str)]) -> Self {
        let mut all: HashMap<_, Vec<Phrase>> = HashMap::new();
        for (rank, (kind, phrases)) in table.iter().enumerate() {
            for phrase in phrases.split('|') {
                let mut words = phrase.split(' ');
                if let Some(first) = words.next() {
                    all.entry(first).or_default().push((rank, *kind, words.collect()));
                }
            }
        }
        Self(all)
    }

    /// What the phrases among the words say, each kind once, the last one first, since it is what the words before it
    /// describe: `spouse_birthdate`, `billing_address_city`. A phrase within a longer one says nothing.
    pub(super) fn said(&self, tokens: &[String]) -> Vec<Said> {
        let mut all: Vec<Said> = Vec::new();
        for (from, token) in tokens.iter().enumerate() {
            let rest = &tokens[from + 1..];
            for (rank, kind, words) in self.0.get(token.as_str()).into_iter().flatten() {
                if rest.len() >= words.len() && rest.iter().zip(words).all(|(a, b)| a == b) {
                    let to = from + 1 + words.len();
                    all.push(Said {
                        kind: *kind,
                        rank: *rank,
                        from,
                        to,
                    });
                }
            }
        }
        let within = |one: &Said, other: &Said| {
            other.from <= one.from && one.to <= other.to && one.to - one.from < other.to - other.from
        };
        let mut said: Vec<Said> = all
            .iter()
            .filter(|one| !all.iter().any(|other| within(one, other)))
            .copied()
            .collect();
        said.sort_by_key(|one| (std::cmp::Reverse(one.to), one.rank));
        let mut seen = HashSet::new();
        said.retain(|one| seen.insert(one.kind));
        said
    }
}
