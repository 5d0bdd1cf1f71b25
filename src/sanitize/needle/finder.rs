//! The search itself: some hundred thousand patterns of at least eight bytes, in every byte of a file.
//!
//! Every fifth position of the text is looked at, as a block, and asked of a filter. Each pattern has a window; wherever it
//! occurs, exactly one looked-at block lies wholly in its window, and all five blocks of the window are in the filter. So
//! each occurrence is met exactly once, at a fifth of the work. The window is the part of the pattern that is rarest among
//! the patterns ("anna.karen", not "@gmail.com"), which keeps the candidates few. Patterns of at least twelve bytes, nearly
//! all, have windows of twelve and blocks of eight, which foreign bytes hardly ever are; shorter ones windows of eight and
//! blocks of four. Faster than an automaton here, since its table of states does not fit the cache.

mod class;

use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

use super::SHORTEST;
use class::{Class, Piece};

/// Positions between two looks.
const STRIDE: usize = 5;
/// The block of short patterns: a window of [`SHORTEST`] bytes always holds a whole one.
const SHORT: usize = SHORTEST + 1 - STRIDE;
/// The block of long ones.
const LONG: usize = 8;

pub(super) struct Finder {
    /// All patterns, one after the other.
    arena: Zeroizing<Vec<u8>>,
    /// Where each lies there, and whose it is.
    patterns: Vec<Pattern>,
    longest: usize,
    short: Class<SHORT>,
    long: Class<LONG>,
}

/// A form of a needle.
#[derive(Clone, Copy)]
struct Pattern {
    start: u32,
    length: u32,
    needle: u32,
}

impl Pattern {
    fn bytes(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.length as usize
    }
}

/// Gives all forms of a needle to whoever asks.
pub(super) type Forms<'a> = &'a dyn Fn(usize, &mut dyn FnMut(&[u8]));

fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Finder {
    /// A finder of so many needles, each with all its forms, none of them shorter than [`SHORTEST`].
    pub(super) fn new(needles: usize, forms: Forms<'_>) -> Self {
        let mut room = 0;
        (0..needles).for_each(|needle| forms(needle, &mut |form| room += form.len()));
        // Never moved, so that no copy of an original stays behind.
        let mut arena = Zeroizing::new(Vec::with_capacity(room));
        let mut patterns: Vec<Pattern> = Vec::new();
        for needle in 0..needles {
            let first = patterns.len();
            forms(needle, &mut |form| {
                let known = |pattern: &Pattern| arena.get(pattern.bytes()) == Some(form);
                if form.len() >= SHORTEST && !patterns[first..].iter().any(known) {
                    patterns.push(Pattern {
                        start: short(arena.len()),
                        length: short(form.len()),
                        needle: short(needle),
                    });
                    arena.extend_from_slice(form);
                }
            });
        }
        let pieces = || {
            patterns.iter().zip(0u32..).map(|(pattern, number)| Piece {
                number,
                bytes: &arena[pattern.bytes()],
            })
        };
        let common = class::Commonness::of(pieces());
        let is_long = |piece: &Piece<'_>| piece.bytes.len() >= Class::<LONG>::WINDOW;
        Self {
            longest: pieces().map(|piece| piece.bytes.len()).max().unwrap_or(0),
            short: Class::new(pieces().filter(|piece| !is_long(piece)), &common),
            long: Class::new(pieces().filter(is_long), &common),
            arena,
            patterns,
        }
    }

    /// Length of the longest pattern.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// The bytes that it takes.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        let patterns = self.patterns.capacity() * size_of::<Pattern>();
        self.arena.capacity() + patterns + self.short.size() + self.long.size()
    }

    /// Every pattern, with its needle.
    pub(super) fn patterns(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.patterns
            .iter()
            .map(|pattern| (pattern.needle as usize, &self.arena[pattern.bytes()]))
    }

    /// Calls `found` with needle, start and end of every occurrence of every pattern.
    pub(super) fn find(&self, text: &[u8], mut found: impl FnMut(usize, usize, usize)) {
        let some_short = !self.short.is_empty();
        let mut at = 0;
        while let Some(bytes) = text.get(at..at + LONG).and_then(|bytes| bytes.first_chunk()) {
            let block = u64::from_le_bytes(*bytes);
            if self.long.may_hold(block) {
                self.candidates(&self.long, at, text, &mut found);
            }
            if some_short && self.short.may_hold(block & u64::from(u32::MAX)) {
                self.candidates(&self.short, at, text, &mut found);
            }
            at += STRIDE;
        }
        while let Some(bytes) = text.get(at..at + SHORT).and_then(|bytes| bytes.first_chunk()) {
            if self.short.may_hold(u64::from(u32::from_le_bytes(*bytes))) {
                self.candidates(&self.short, at, text, &mut found);
            }
            at += STRIDE;
        }
    }

    /// Holds the patterns against the text of whose windows a block at `at` may be part.
    #[inline(never)]
    fn candidates<const BLOCK: usize>(
        &self,
        class: &Class<BLOCK>,
        at: usize,
        text: &[u8],
        found: &mut impl FnMut(usize, usize, usize),
    ) {
        for lead in 0..STRIDE.min(at + 1) {
            let Some(window) = text.get(at - lead..at - lead + Class::<BLOCK>::WINDOW) else {
                continue;
            };
            for entry in class.with_window(window) {
                let Some(start) = (at - lead).checked_sub(entry.offset as usize) else {
                    continue;
                };
                let pattern = &self.patterns[entry.pattern as usize];
                let end = start + pattern.length as usize;
                if text.get(start..end) == Some(&self.arena[pattern.bytes()]) {
                    found(pattern.needle as usize, start, end);
                }
            }
        }
    }
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Finder({} patterns)", self.patterns.len())
    }
}

#[cfg(test)]
mod tests {
    use aho_corasick::AhoCorasick;
    use proptest::prelude::*;

    use super::*;

    fn found(patterns: &[Vec<u8>], text: &[u8]) -> Vec<(usize, usize, usize)> {
        let finder = Finder::new(patterns.len(), &|needle, form| form(&patterns[needle]));
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
