//! Which originals become needles.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hasher;

use zeroize::Zeroizing;

use super::{Coverage, LONGEST, MOST, MOST_OF_COLUMN, Needle, NeedleSet, SHORTEST, Source};
use crate::sanitize::key::{Kind, MaskingKey};
use crate::sanitize::transform::in_vocabulary;

/// Collects originals, column by column.
///
/// Of each column those with the smallest keyed hashes are kept: a sample of its *different* values that nobody without
/// the key can foresee, of bounded memory, and independent of the order of rows.
pub struct Builder {
    seed: [u8; 32],
    columns: Vec<Column>,
}

struct Column {
    coverage: Coverage,
    sample: BTreeMap<u64, Zeroizing<String>>,
    /// Hashes of values that were tested and are vocabulary, which names repeat by the thousand.
    rejected: HashSet<u64>,
}

/// Enough for every name in a list; beyond it values are tested again.
const MOST_REJECTED: usize = 50_000;

/// The shortest number that is searched for: of eight digits there are too few, dates and counters among them.
const SHORTEST_NUMBER: usize = 10;

impl Builder {
    pub(super) fn new(key: &MaskingKey) -> Self {
        Self {
            seed: key.digest(Kind::Needle, "sample"),
            columns: Vec::new(),
        }
    }

    /// Adds a column, unless it is there; its number is for [`Self::offer`].
    pub fn column(&mut self, source: Source) -> usize {
        let known = |column: &Column| column.coverage.source == source;
        if let Some(number) = self.columns.iter().position(known) {
            return number;
        }
        self.columns.push(Column {
            coverage: Coverage {
                source,
                offered: 0,
                too_short: 0,
                vocabulary: 0,
                not_sampled: 0,
                in_kept: 0,
                needles: 0,
            },
            sample: BTreeMap::new(),
            rejected: HashSet::new(),
        });
        self.columns.len() - 1
    }

    /// Offers an original of a column.
    pub fn offer(&mut self, column: usize, value: &str) {
        let hash = self.hash(value);
        let Some(column) = self.columns.get_mut(column) else {
            return;
        };
        column.coverage.offered += 1;
        if too_plain(value) {
            column.coverage.too_short += 1;
            return;
        }
        if column.sample.contains_key(&hash) {
            return;
        }
        let full = column.sample.len() >= MOST_OF_COLUMN;
        if full
            && column
                .sample
                .last_key_value()
                .is_some_and(|(largest, _)| hash > *largest)
        {
            column.coverage.not_sampled += 1;
            return;
        }
        let piece = piece(value, hash);
        if column.rejected.contains(&hash) || too_plain(piece) || in_vocabulary(piece) {
            column.coverage.vocabulary += 1;
            if column.rejected.len() < MOST_REJECTED {
                column.rejected.insert(hash);
            }
            return;
        }
        column.sample.insert(hash, Zeroizing::new(piece.to_owned()));
        if full {
            column.sample.pop_last();
            column.coverage.not_sampled += 1;
        }
    }

    fn hash(&self, value: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.seed);
        hasher.write(value.as_bytes());
        hasher.finish()
    }

    /// The needles: at most [`MOST`], shared out evenly where there are more.
    pub fn build(mut self) -> NeedleSet {
        let quota = quota(self.columns.iter().map(|column| column.sample.len()));
        let mut needles: Vec<Needle> = Vec::new();
        let mut known: HashMap<u64, usize> = HashMap::new();
        for (number, column) in self.columns.iter_mut().enumerate() {
            while column.sample.len() > quota {
                column.sample.pop_last();
                column.coverage.not_sampled += 1;
            }
            for (hash, text) in std::mem::take(&mut column.sample) {
                if let Some(at) = known.get(&hash) {
                    needles[*at].columns.push(number);
                    needles[*at].columns.dedup();
                } else {
                    known.insert(hash, needles.len());
                    needles.push(Needle {
                        text,
                        columns: vec![number],
                    });
                }
            }
        }
        let coverage = self.columns.into_iter().map(|column| column.coverage).collect();
        NeedleSet::new(needles, coverage)
    }
}

/// The largest number per column with which all columns together stay within [`MOST`].
fn quota(sizes: impl Iterator<Item = usize>) -> usize {
    let mut sizes: Vec<usize> = sizes.collect();
    sizes.sort_unstable();
    let mut left = MOST;
    for (at, size) in sizes.iter().enumerate() {
        let share = left / (sizes.len() - at);
        if *size > share {
            return share;
        }
        left -= size;
    }
    MOST_OF_COLUMN
}

/// Too short, or too plain, to be told from other bytes of a database.
fn too_plain(value: &str) -> bool {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    if value.len() < if digits { SHORTEST_NUMBER } else { SHORTEST } {
        return true;
    }
    let mut different = [0u8; 4];
    let mut count = 0;
    for byte in value.bytes() {
        if !different[..count].contains(&byte) {
            different[count] = byte;
            count += 1;
            if count == different.len() {
                return false;
            }
        }
    }
    true
}

/// The value, or a piece of a long one: anywhere in it, since beginnings are often the same.
fn piece(value: &str, hash: u64) -> &str {
    let Some(spare) = value.len().checked_sub(LONGEST).filter(|spare| *spare > 0) else {
        return value;
    };
    let at = usize::try_from(hash % (spare as u64 + 1)).unwrap_or(0);
    &value[boundary(value, at)..boundary(value, at + LONGEST)]
}

/// The last boundary of characters at or before a position.
fn boundary(value: &str, at: usize) -> usize {
    (0..=at.min(value.len()))
        .rev()
        .find(|at| value.is_char_boundary(*at))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_share_what_there_is() {
        assert_eq!(quota([10, 20].into_iter()), MOST_OF_COLUMN);
        assert_eq!(quota([512; 16].into_iter()), 256);
        assert_eq!(quota(std::iter::once(96).chain([512; 10])), 400);
        assert_eq!(quota(std::iter::empty()), MOST_OF_COLUMN);
    }

    #[test]
    fn plain_values_are_no_needles() {
        for value in [
            "",
            "1234567",
            "123456789",
            "aaaaaaaaaaaa",
            "ababababab",
            "0000-0000-0000",
            "ééé",
        ] {
            assert!(too_plain(value), "{value}");
        }
        for value in ["1234567890", "12-34-56", "anna1983", "éééé1234"] {
            assert!(!too_plain(value), "{value}");
        }
    }

    #[test]
    fn a_piece_of_a_long_value_is_whole_characters_of_it() {
        let value = "ж東😀a".repeat(60);
        for hash in 0..500 {
            let piece = piece(&value, hash * 7_919);
            assert!(value.contains(piece) && piece.len() > LONGEST - 4 && piece.len() <= LONGEST + 3);
        }
        assert_eq!(piece("short", 99), "short");
    }
}
