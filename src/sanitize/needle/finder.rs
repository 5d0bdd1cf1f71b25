//! The search itself: some thousand patterns of at least eight bytes, in every byte of a file.
//!
//! Every fifth position of the text is looked at, as a block of four bytes, and asked of a small bit map. Each pattern
//! has a window of eight bytes; wherever it occurs, exactly one looked-at block lies wholly in its window, and all five
//! blocks of the window are in the map. So each occurrence is met exactly once, at a fifth of the work. The window is
//! the part of the pattern that is rarest among the patterns ("anna.karen", not "@gmail.com"), which keeps the
//! candidates few. Faster than an automaton here, since its table of states does not fit the cache.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

use super::SHORTEST;

const BLOCK: usize = 4;
/// Positions between two looks: a window of [`SHORTEST`] bytes always holds one whole block.
const STRIDE: usize = SHORTEST - BLOCK + 1;

pub(super) struct Finder {
    /// All patterns, one after the other.
    arena: Zeroizing<Vec<u8>>,
    patterns: Vec<Pattern>,
    longest: usize,
    /// One bit per hash of a block; a power of two of words.
    map: Vec<u64>,
    /// How far a hash is shifted to be a number of a bit.
    shift: u32,
    /// Where the entries of a hash's upper bits begin.
    starts: Vec<u32>,
    entries: Vec<Entry>,
}

struct Pattern {
    bytes: Range<usize>,
    needle: usize,
}

/// A block of a pattern's window.
#[derive(Clone, Copy)]
struct Entry {
    block: u32,
    pattern: u32,
    /// Of the block in the pattern.
    offset: u32,
    /// Of the block in the window.
    lead: u32,
    /// The eight bytes of the window: one comparison tells nearly all candidates off.
    window: u64,
}

const STARTS_BITS: u32 = 14;

fn block(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn hash(block: u32) -> u32 {
    block.wrapping_mul(0x9e37_79b1)
}

impl Finder {
    /// A finder of needles, each with all its variants, none of them shorter than [`SHORTEST`].
    pub(super) fn new(needles: impl Iterator<Item = Vec<Zeroizing<Vec<u8>>>>) -> Self {
        let all: Vec<(usize, Zeroizing<Vec<u8>>)> = needles
            .enumerate()
            .flat_map(|(needle, variants)| variants.into_iter().map(move |variant| (needle, variant)))
            .filter(|(_, variant)| variant.len() >= SHORTEST)
            .collect();
        let mut arena = Zeroizing::new(Vec::with_capacity(
            all.iter().map(|(_, variant)| variant.len()).sum(),
        ));
        let mut patterns = Vec::with_capacity(all.len());
        for (needle, variant) in &all {
            let start = arena.len();
            arena.extend_from_slice(variant);
            patterns.push(Pattern {
                bytes: start..arena.len(),
                needle: *needle,
            });
        }
        let mut entries = windows(&arena, &patterns);
        entries.sort_unstable_by_key(|entry| hash(entry.block));
        let (map, shift) = bit_map(&entries);
        Self {
            longest: patterns
                .iter()
                .map(|pattern| pattern.bytes.len())
                .max()
                .unwrap_or(0),
            starts: starts(&entries),
            arena,
            patterns,
            map,
            shift,
            entries,
        }
    }

    /// Length of the longest pattern.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Calls `found` with needle, start and end of every occurrence of every pattern.
    pub(super) fn find(&self, text: &[u8], mut found: impl FnMut(usize, usize, usize)) {
        let chunks = text.chunks_exact(STRIDE);
        let rest = chunks.remainder();
        for (number, chunk) in chunks.enumerate() {
            self.look(block(chunk, 0), number * STRIDE, text, &mut found);
        }
        if rest.len() >= BLOCK {
            self.look(block(rest, 0), text.len() - rest.len(), text, &mut found);
        }
    }

    #[inline]
    fn look(&self, block: u32, at: usize, text: &[u8], found: &mut impl FnMut(usize, usize, usize)) {
        let bit = hash(block) >> self.shift;
        if self.map[(bit >> 6) as usize] >> (bit & 63) & 1 == 1 {
            self.candidates(block, at, text, found);
        }
    }

    #[inline(never)]
    fn candidates(&self, block: u32, at: usize, text: &[u8], found: &mut impl FnMut(usize, usize, usize)) {
        let place = (hash(block) >> (32 - STARTS_BITS)) as usize;
        let (from, to) = (self.starts[place] as usize, self.starts[place + 1] as usize);
        for entry in &self.entries[from..to] {
            if entry.block != block {
                continue;
            }
            let Some(window) = at
                .checked_sub(entry.lead as usize)
                .and_then(|at| text.get(at..at + SHORTEST))
            else {
                continue;
            };
            if window != entry.window.to_le_bytes() {
                continue;
            }
            let pattern = &self.patterns[entry.pattern as usize];
            let Some(start) = at.checked_sub(entry.offset as usize) else {
                continue;
            };
            let end = start + pattern.bytes.len();
            if text.get(start..end) == Some(&self.arena[pattern.bytes.clone()]) {
                found(pattern.needle, start, end);
            }
        }
    }
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Finder({} patterns)", self.patterns.len())
    }
}

/// The blocks of the rarest window of each pattern.
fn windows(arena: &[u8], patterns: &[Pattern]) -> Vec<Entry> {
    let mut popularity: HashMap<u32, u32> = HashMap::new();
    for pattern in patterns {
        for at in pattern.bytes.start..=pattern.bytes.end - BLOCK {
            *popularity.entry(block(arena, at)).or_default() += 1;
        }
    }
    let common = |at: usize| popularity.get(&block(arena, at)).copied().unwrap_or(0);
    let mut entries = Vec::with_capacity(patterns.len() * STRIDE);
    for (number, pattern) in (0u32..).zip(patterns) {
        let rarest = (pattern.bytes.start..=pattern.bytes.end - SHORTEST)
            .min_by_key(|start| (*start..*start + STRIDE).map(common).sum::<u32>())
            .unwrap_or(pattern.bytes.start);
        let window = u64::from(block(arena, rarest)) | u64::from(block(arena, rarest + BLOCK)) << 32;
        let short = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        entries.extend((rarest..rarest + STRIDE).map(|at| Entry {
            block: block(arena, at),
            pattern: number,
            offset: short(at - pattern.bytes.start),
            lead: short(at - rarest),
            window,
        }));
    }
    entries
}

/// A bit map in which about one bit of 32 is set, so that one look of 32 at foreign bytes goes further.
fn bit_map(entries: &[Entry]) -> (Vec<u64>, u32) {
    let bits = (entries.len() * 32).next_power_of_two().clamp(1 << 12, 1 << 22);
    let shift = 32 - bits.trailing_zeros();
    let mut map = vec![0u64; bits / 64];
    for entry in entries {
        let bit = hash(entry.block) >> shift;
        map[(bit >> 6) as usize] |= 1 << (bit & 63);
    }
    (map, shift)
}

fn starts(entries: &[Entry]) -> Vec<u32> {
    let place = |entry: &Entry| hash(entry.block) >> (32 - STARTS_BITS);
    (0..=1u32 << STARTS_BITS)
        .map(|bucket| entries.partition_point(|entry| place(entry) < bucket))
        .map(|at| u32::try_from(at).unwrap_or(u32::MAX))
        .collect()
}

#[cfg(test)]
mod tests {
    use aho_corasick::AhoCorasick;
    use proptest::prelude::*;

    use super::*;

    fn found(patterns: &[Vec<u8>], text: &[u8]) -> Vec<(usize, usize, usize)> {
        let finder = Finder::new(
            patterns
                .iter()
                .map(|pattern| vec![Zeroizing::new(pattern.clone())]),
        );
        let mut found = Vec::new();
        finder.find(text, |needle, start, end| found.push((needle, start, end)));
        found.sort_unstable();
        found
    }

    fn expected(patterns: &[Vec<u8>], text: &[u8]) -> Vec<(usize, usize, usize)> {
        let automaton = AhoCorasick::new(patterns).unwrap();
        let mut found: Vec<_> = automaton
            .find_overlapping_iter(text)
            .map(|hit| (hit.pattern().as_usize(), hit.start(), hit.end()))
            .collect();
        found.sort_unstable();
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(120))]

        #[test]
        fn it_finds_what_an_automaton_finds(
            patterns in prop::collection::vec("[ab]{8,14}", 1..12),
            text in "[ab]{0,300}",
        ) {
            let patterns: Vec<Vec<u8>> = patterns.into_iter().map(String::into_bytes).collect();
            prop_assert_eq!(found(&patterns, text.as_bytes()), expected(&patterns, text.as_bytes()));
        }

        #[test]
        fn it_finds_patterns_wherever_they_are_planted(
            patterns in prop::collection::vec(prop::collection::vec(any::<u8>(), 8..70), 1..200),
            text in prop::collection::vec(any::<u8>(), 0..200),
            which in any::<prop::sample::Index>(),
            place in any::<prop::sample::Index>(),
        ) {
            let planted = which.get(&patterns);
            let at = place.index(text.len() + 1);
            let text = [&text[..at], planted, &text[at..]].concat();
            let all = found(&patterns, &text);
            prop_assert_eq!(&all, &expected(&patterns, &text));
            prop_assert!(all.iter().any(|(needle, start, _)| patterns[*needle] == *planted && *start == at));
        }
    }

    #[test]
    fn nothing_is_found_without_patterns_or_text() {
        assert_eq!(found(&[], b"anything at all"), []);
        assert_eq!(found(&[b"12345678".to_vec()], b"1234567"), []);
    }
}
