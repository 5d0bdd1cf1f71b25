//! Patterns whose blocks are of one length: a filter of the blocks of their windows, and a table of the windows.

use super::STRIDE;

/// A pattern that is taken up.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    /// Its number.
    pub(super) number: u32,
    pub(super) bytes: &'a [u8],
}

/// Patterns with windows of [`Self::WINDOW`] bytes.
pub(super) struct Class<const BLOCK: usize> {
    filter: Vec<u64>,
    /// How far a hash is shifted to be the number of a word of the filter.
    filter_shift: u32,
    slots: Vec<Slot>,
    slots_shift: u32,
    /// By their windows.
    entries: Vec<Entry>,
}

/// Where the entries of one window begin; they are told by most of the window's hash, and then by the window.
#[derive(Clone, Copy, Default)]
struct Slot {
    tag: u32,
    /// Its number plus one; 0 where there is none.
    first: u32,
}

/// A pattern's window.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    hash: u64,
    pub(super) pattern: u32,
    /// Of the window in the pattern.
    pub(super) offset: u32,
}

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The first eight bytes, or as many as there are.
fn number(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)),
    }
}

/// Letters in lower case, so that the same in upper case has the same block; other bytes become others as well.
const FOLD: u64 = 0x2020_2020_2020_2020;

/// The hash of a window, the same for letters in upper and lower case.
fn hash_of(window: &[u8]) -> u64 {
    let hash = (number(window) | FOLD).wrapping_mul(ODD);
    let rest = number(window.get(8..).unwrap_or_default()) | FOLD;
    let hash = (hash ^ hash >> 29 ^ rest).wrapping_mul(ODD);
    hash ^ hash >> 32
}

impl<const BLOCK: usize> Class<BLOCK> {
    /// Bytes in which one of the looked-at blocks lies wholly.
    pub(super) const WINDOW: usize = BLOCK + STRIDE - 1;
    const FOLD: u64 = FOLD >> (64 - BLOCK * 8);

    pub(super) fn new<'a>(pieces: impl Iterator<Item = Piece<'a>> + Clone, common: &Commonness) -> Self {
        let count = pieces.clone().count();
        // About one bit of eight is set, so that few looks at foreign bytes go further; and it fits the cache.
        let words = (count * STRIDE / 4).next_power_of_two().clamp(1 << 6, 1 << 17);
        let mut filter = vec![0; words];
        let filter_shift = 64 - words.trailing_zeros();
        let mut entries = Vec::with_capacity(count);
        let mut room = Vec::new();
        for piece in pieces {
            let offset = common.rarest::<BLOCK>(piece.bytes, &mut room);
            let window = piece.bytes.get(offset..offset + Self::WINDOW).unwrap_or_default();
            for block in window.windows(BLOCK) {
                let (word, bits) = place(number(block) | Self::FOLD, filter_shift);
                filter[word] |= bits;
            }
            entries.push(Entry {
                hash: hash_of(window),
                pattern: piece.number,
                offset: u32::try_from(offset).unwrap_or(u32::MAX),
            });
        }
        entries.sort_unstable_by_key(|entry| entry.hash);
        let (slots, slots_shift) = slots(&entries);
        Self {
            filter,
            filter_shift,
            slots,
            slots_shift,
            entries,
        }
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        size_of_val(&*self.filter) + size_of_val(&*self.slots) + self.entries.capacity() * size_of::<Entry>()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a block may be part of a window.
    #[inline]
    pub(super) fn may_hold(&self, block: u64) -> bool {
        let (word, bits) = place(block | Self::FOLD, self.filter_shift);
        self.filter[word] & bits == bits
    }

    /// The patterns with this window, but for a chance of 2^-64 others.
    pub(super) fn with_window(&self, window: &[u8]) -> impl Iterator<Item = &Entry> {
        let hash = hash_of(window);
        let first = self.first(hash).unwrap_or(self.entries.len());
        let entries = self.entries.get(first..).unwrap_or_default();
        entries.iter().take_while(move |entry| entry.hash == hash)
    }

    fn first(&self, hash: u64) -> Option<usize> {
        let mut at = upper(hash, self.slots_shift);
        loop {
            let slot = self.slots[at];
            let first = slot.first.checked_sub(1)? as usize;
            if slot.tag == tag(hash) && self.entries[first].hash == hash {
                return Some(first);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }
}

/// The word of the filter and the three bits in it that stand for a block.
#[inline]
fn place(block: u64, shift: u32) -> (usize, u64) {
    let hash = block.wrapping_mul(ODD);
    let bits = BITS[upper(hash << 20, 64 - 9)];
    (upper(hash, shift), bits)
}

/// Three bits of a word, in as many ways as nine bits of a hash tell: to look them up is faster than to shift them there.
static BITS: [u64; 1 << 9] = {
    let mut bits = [0u64; 1 << 9];
    let (mut at, mut state) = (0, ODD);
    while at < bits.len() {
        while bits[at].count_ones() < 3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(ODD);
            bits[at] |= 1 << (state >> 58);
        }
        at += 1;
    }
    bits
};

/// What is left of a hash that is shifted so far.
#[inline]
fn upper(hash: u64, shift: u32) -> usize {
    usize::try_from(hash >> shift).unwrap_or(0)
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is meant")]
fn tag(hash: u64) -> u32 {
    hash as u32
}

/// A table, half full, of the first entry of each hash.
fn slots(entries: &[Entry]) -> (Vec<Slot>, u32) {
    let size = (entries.len() * 2).next_power_of_two().max(1 << 4);
    let shift = 64 - size.trailing_zeros();
    let mut slots = vec![Slot::default(); size];
    let mut before = None;
    for (entry, first) in entries.iter().zip(1u32..) {
        if before.replace(entry.hash) == Some(entry.hash) {
            continue;
        }
        let mut at = upper(entry.hash, shift);
        while slots[at].first != 0 {
            at = (at + 1) & (size - 1);
        }
        slots[at] = Slot {
            tag: tag(entry.hash),
            first,
        };
    }
    (slots, shift)
}

/// How often four bytes occur among all patterns, or others with their hash.
pub(super) struct Commonness(Vec<u16>);

const COUNTED: u32 = 18;

impl Commonness {
    pub(super) fn of<'a>(pieces: impl Iterator<Item = Piece<'a>>) -> Self {
        let mut counts = vec![0u16; 1 << COUNTED];
        for piece in pieces {
            for four in piece.bytes.windows(4) {
                let count = &mut counts[counted(four)];
                *count = count.saturating_add(1);
            }
        }
        Self(counts)
    }

    /// Where the window of a pattern begins whose blocks are rarest among all: each as rare as the rarest four bytes in it.
    fn rarest<const BLOCK: usize>(&self, pattern: &[u8], counts: &mut Vec<u32>) -> usize {
        counts.clear();
        counts.extend(pattern.windows(4).map(|four| u32::from(self.0[counted(four)])));
        // Of each block, in its place.
        for at in 0..=counts.len() - (BLOCK - 3) {
            let rarest = counts[at..at + BLOCK - 3].iter().min();
            counts[at] = rarest.copied().unwrap_or(0);
        }
        counts.truncate(pattern.len() + 1 - BLOCK);
        let sums = counts.windows(STRIDE).map(|blocks| blocks.iter().sum::<u32>());
        let rarest = sums.enumerate().min_by_key(|(_, sum)| *sum);
        rarest.map_or(0, |(at, _)| at)
    }
}

fn counted(four: &[u8]) -> usize {
    ((number(four) | FOLD).wrapping_mul(ODD) >> (64 - COUNTED)) as usize
}
