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
/// the key can foresee, of bounded memory, and independent of the order of rows. Where that is too many, those that came
/// once go before those that came again and again.
pub struct Builder {
    seed: [u8; 32],
    columns: Vec<Column>,
    /// Values that are held for all columns.
    held: usize,
    /// Hashes of values of all columns that were tested and are vocabulary.
    rejected: usize,
}

struct Column {
    coverage: Coverage,
    sample: BTreeMap<u64, Sampled>,
    /// The smallest hash that was left out, if any: what comes with it or a larger one is left out too.
    limit: Option<u64>,
    /// Hashes of values that were tested and are vocabulary, which names repeat by the thousand.
    rejected: HashSet<u64>,
}

struct Sampled {
    piece: Zeroizing<Vec<u8>>,
    /// How often the value came.
    times: u64,
}

/// Most values that are held at once: about 15 MB of them.
const HELD: usize = 100_000;

/// Enough for every name in a list; beyond it all are tested again.
const MOST_REJECTED: usize = 200_000;

/// The shortest number that is searched for: of eight digits there are too few, dates and counters among them.
const SHORTEST_NUMBER: usize = 10;

/// How many different bytes a value has at least that is no text: pages are full of small numbers.
const DIFFERENT: usize = 6;

impl Builder {
    pub(super) fn new(key: &MaskingKey) -> Self {
        Self {
            seed: key.digest(Kind::Needle, "sample"),
            columns: Vec::new(),
            held: 0,
            rejected: 0,
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
                binary: 0,
                in_kept: 0,
                needles: 0,
            },
            sample: BTreeMap::new(),
            limit: None,
            rejected: HashSet::new(),
        });
        self.columns.len() - 1
    }

    /// Offers an original of a column.
    pub fn offer(&mut self, column: usize, value: &str) {
        self.offer_piece(column, value.as_bytes(), too_plain(value), |hash| {
            let piece = piece(value, hash);
            (!too_plain(piece) && !in_vocabulary(piece)).then_some(piece.as_bytes())
        });
    }

    /// Offers an original of a column that need not be text.
    pub fn offer_bytes(&mut self, column: usize, value: &[u8]) {
        if let Ok(text) = std::str::from_utf8(value) {
            return self.offer(column, text);
        }
        self.offer_piece(column, value, too_plain_bytes(value), |hash| {
            let at = place(value.len(), hash);
            let piece = &value[at..(at + LONGEST).min(value.len())];
            (!too_plain_bytes(piece)).then_some(piece)
        });
    }

    /// Counts an original that lies in the files in a form that is not searched for.
    pub fn pass_over(&mut self, column: usize) {
        if let Some(column) = self.columns.get_mut(column) {
            column.coverage.offered += 1;
            column.coverage.binary += 1;
        }
    }

    /// Offers a value, of which `piece` says what is searched for.
    fn offer_piece<'v>(
        &mut self,
        column: usize,
        value: &[u8],
        plain: bool,
        piece: impl FnOnce(u64) -> Option<&'v [u8]>,
    ) {
        let hash = self.hash(value);
        let Some(column) = self.columns.get_mut(column) else {
            return;
        };
        column.coverage.offered += 1;
        if plain {
            column.coverage.too_short += 1;
            return;
        }
        if let Some(known) = column.sample.get_mut(&hash) {
            known.times += 1;
            return;
        }
        if column.limit.is_some_and(|limit| hash >= limit) {
            column.coverage.not_sampled += 1;
            return;
        }
        let piece = if column.rejected.contains(&hash) {
            None
        } else {
            piece(hash)
        };
        let Some(piece) = piece else {
            column.coverage.vocabulary += 1;
            self.rejected += usize::from(column.rejected.insert(hash));
            if self.rejected > MOST_REJECTED {
                self.rejected = 0;
                self.columns.iter_mut().for_each(|column| column.rejected.clear());
            }
            return;
        };
        let piece = Zeroizing::new(piece.to_vec());
        column.sample.insert(hash, Sampled { piece, times: 1 });
        self.held += 1;
        self.held -= column.cut(MOST_OF_COLUMN);
        if self.held > HELD {
            let quota = quota(self.sizes(), HELD / 4 * 3, MOST_OF_COLUMN);
            let cut = self.columns.iter_mut().map(|column| column.cut(quota));
            self.held -= cut.sum::<usize>();
        }
    }

    fn sizes(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().map(|column| column.sample.len())
    }

    fn hash(&self, value: &[u8]) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.seed);
        hasher.write(value);
        hasher.finish()
    }

    /// The needles: at most [`MOST`], shared out evenly where there are more.
    pub fn build(mut self) -> NeedleSet {
        let quota = quota(self.sizes(), MOST, MOST_OF_COLUMN);
        let mut needles: Vec<Needle> = Vec::new();
        let mut known: HashMap<u64, usize> = HashMap::new();
        for (number, column) in self.columns.iter_mut().enumerate() {
            for (hash, bytes) in column.rarest(quota) {
                if let Some(at) = known.get(&hash) {
                    needles[*at].columns.push(number);
                    needles[*at].columns.dedup();
                } else {
                    known.insert(hash, needles.len());
                    needles.push(Needle {
                        bytes,
                        columns: vec![number],
                    });
                }
            }
        }
        let coverage = self.columns.into_iter().map(|column| column.coverage).collect();
        NeedleSet::new(needles, coverage)
    }
}

impl Column {
    /// Leaves out the largest hashes, beyond so many; how many were.
    fn cut(&mut self, most: usize) -> usize {
        let before = self.sample.len();
        while self.sample.len() > most {
            let Some((hash, sampled)) = self.sample.pop_last() else {
                break;
            };
            self.limit = Some(hash);
            self.coverage.not_sampled += sampled.times;
        }
        before - self.sample.len()
    }

    /// At most so many of the sample, those that came once before others.
    fn rarest(&mut self, most: usize) -> Vec<(u64, Zeroizing<Vec<u8>>)> {
        let mut sample: Vec<(u64, Sampled)> = std::mem::take(&mut self.sample).into_iter().collect();
        if sample.len() > most {
            sample.sort_by_key(|(hash, sampled)| (sampled.times > 1, *hash));
            let left_out = sample.drain(most..).map(|(_, sampled)| sampled.times);
            self.coverage.not_sampled += left_out.sum::<u64>();
        }
        sample
            .into_iter()
            .map(|(hash, sampled)| (hash, sampled.piece))
            .collect()
    }
}

/// The largest number per column with which all columns together stay within `whole`, and each within `most`.
fn quota(sizes: impl Iterator<Item = usize>, whole: usize, most: usize) -> usize {
    let mut sizes: Vec<usize> = sizes.collect();
    sizes.sort_unstable();
    let mut left = whole;
    for (at, size) in sizes.iter().enumerate() {
        let share = left / (sizes.len() - at);
        if *size > share {
            return share.min(most);
        }
        left -= size;
    }
    most
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

/// The same of bytes that are no text.
fn too_plain_bytes(value: &[u8]) -> bool {
    let mut seen = [false; 256];
    value.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    let different = seen.iter().skip(1).filter(|seen| **seen).count();
    let zeros = memchr::memchr_iter(0, value).count();
    value.len() < SHORTEST || different < DIFFERENT || zeros > value.len() / 4
}

/// The value, or a piece of a long one: anywhere in it, since beginnings are often the same.
fn piece(value: &str, hash: u64) -> &str {
    if value.len() <= LONGEST {
        return value;
    }
    let at = place(value.len(), hash);
    &value[boundary(value, at)..boundary(value, at + LONGEST)]
}

/// Where a piece of a value of this length begins.
fn place(length: usize, hash: u64) -> usize {
    let spare = length.saturating_sub(LONGEST);
    usize::try_from(hash % (spare as u64 + 1)).unwrap_or(0)
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
        let quota = |sizes: &[usize]| quota(sizes.iter().copied(), 4096, 512);
        assert_eq!(quota(&[10, 20]), 512);
        assert_eq!(quota(&[512; 16]), 256);
        assert_eq!(quota(&[&[96][..], &[512; 10]].concat()), 400);
        assert_eq!(quota(&[]), 512);
        assert_eq!(quota(&[5000]), 512);
    }

    fn builder(columns: usize) -> Builder {
        let mut builder = Builder::new(&MaskingKey::from_bytes([9; 32]));
        for number in 0..columns {
            builder.column(Source {
                service: "db".to_owned(),
                table: "shop.wide".to_owned(),
                column: format!("c{number}"),
            });
        }
        builder
    }

    #[test]
    fn all_of_a_small_column_are_needles_and_of_large_ones_those_that_came_once() {
        let mut builder = builder(100);
        for column in 0..100 {
            let values = if column == 0 { 1_900 } else { 1_000 };
            for number in 0..values {
                let again = column > 0 && number % 5 > 0;
                for _ in 0..=usize::from(again) {
                    builder.offer(column, &format!("kanari {column} {number}"));
                }
            }
        }
        let set = builder.build();
        assert!(set.len() > MOST - 100 && set.len() <= MOST);
        let rare = |number: usize| {
            let text = String::from_utf8(set.needles[number].bytes.to_vec()).unwrap();
            let last: usize = text.rsplit(' ').next().unwrap().parse().unwrap();
            last.is_multiple_of(5)
        };
        assert!(
            (0..set.len())
                .filter(|number| set.needles[*number].columns != [0])
                .all(rare)
        );
        for coverage in set.coverage() {
            assert!(coverage.needles >= 119, "{coverage:?}");
        }
    }

    #[test]
    fn what_is_held_is_bounded_and_what_comes_again_is_counted_right() {
        let mut builder = builder(200);
        for round in 0..2 {
            for column in 0..200 {
                for number in 0..1_500 {
                    builder.offer(column, &format!("kanari {column} {number}"));
                    assert!(builder.held <= HELD);
                }
            }
            assert_eq!(builder.held, builder.sizes().sum::<usize>());
            let times = |sampled: &Sampled| sampled.times == round + 1;
            assert!(
                builder
                    .columns
                    .iter()
                    .all(|column| column.sample.values().all(times))
            );
        }
        let set = builder.build();
        for coverage in set.coverage() {
            assert_eq!(coverage.offered, 3_000);
            assert_eq!(coverage.not_sampled + 2 * coverage.needles, 3_000);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_needles_unless_they_are_plain() {
        let mut builder = builder(1);
        builder.offer_bytes(0, b"\xff\xd8\xff\xe0 kanari of a picture");
        builder.offer_bytes(0, b"\xff\x01\x00\x00\x00\x02\x00\x03\x00\x04\x00\x05\x00\x06");
        builder.offer_bytes(0, &[0xff; 100]);
        builder.offer_bytes(0, b"kanari in a text");
        builder.pass_over(0);
        let set = builder.build();
        let coverage = &set.coverage()[0];
        assert_eq!((coverage.offered, coverage.needles), (5, 2));
        assert_eq!((coverage.too_short, coverage.binary), (2, 1));
        let mut long: Vec<u8> = (0..=255).collect();
        long.extend((0..=255).rev());
        let mut builder = self::builder(1);
        builder.offer_bytes(0, &long);
        let set = builder.build();
        assert_eq!(set.needles[0].bytes.len(), LONGEST);
        assert_eq!(set.searcher().search(long.as_slice()).unwrap().hits.len(), 1);
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
