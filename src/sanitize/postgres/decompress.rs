//! What PostgreSQL compresses values with, undone: pglz and LZ4. Written here and not by a library, since what is decompressed
//! is given on in parts, so that a value that claims to be a gigabyte takes no more memory than another.

use crate::sanitize::stored::Piece;

/// How far back LZ4 copies from; pglz less far.
const WINDOW: usize = 64 << 10;
/// How much is held before it is given on.
const HELD: usize = 256 << 10;

/// How a value says that it is compressed, in the two highest bits beside its length (`va_tcinfo`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Compressed {
    lz4: bool,
    /// The bytes it was.
    length: usize,
}

impl Compressed {
    /// Reads the word before compressed bytes; [`None`] where it is none that the server writes.
    pub(super) fn read(word: [u8; 4]) -> Option<Self> {
        let word = u32::from_le_bytes(word);
        let length = usize::try_from(word & 0x3fff_ffff).ok()?;
        match word >> 30 {
            method @ (0 | 1) if length > 0 => Some(Self {
                lz4: method == 1,
                length,
            }),
            _ => None,
        }
    }

    /// The bytes that the value was.
    pub(super) fn length(self) -> usize {
        self.length
    }

    /// Gives what `bytes` were before they were compressed, as far as they are that, and no more than `budget` has left.
    /// Whether they were that to the last byte, and nothing is missing.
    pub(super) fn undo(self, bytes: &[u8], budget: &mut usize, found: &mut dyn FnMut(Piece<'_>)) -> bool {
        let mut out = Output {
            held: Vec::new(),
            given: 0,
            written: 0,
            limit: self.length.min(*budget),
            found,
        };
        let understood = if self.lz4 {
            lz4(bytes, &mut out)
        } else {
            pglz(bytes, &mut out)
        };
        out.give();
        let written = out.written;
        *budget -= written;
        understood.is_some() && written == self.length
    }
}

/// What was decompressed: the end of what was given on, and what was not yet.
struct Output<'f> {
    held: Vec<u8>,
    /// How much of `held` was given on.
    given: usize,
    written: usize,
    limit: usize,
    found: &'f mut dyn FnMut(Piece<'_>),
}

impl Output<'_> {
    fn is_full(&self) -> bool {
        self.written >= self.limit
    }

    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let room = self.limit - self.written;
        self.held.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.written += bytes.len().min(room);
        self.give_where_long();
        (bytes.len() <= room).then_some(())
    }

    /// Repeats what is so far back. As the server does, a copy may read what it writes.
    fn copy(&mut self, back: usize, length: usize) -> Option<()> {
        let mut left = length.min(self.limit - self.written);
        // In parts: one copy may be as long as the value.
        while left > 0 {
            let from = self.held.len().checked_sub(back).filter(|_| back > 0)?;
            let now = left.min(WINDOW);
            for at in from..from + now {
                let byte = *self.held.get(at)?;
                self.held.push(byte);
            }
            self.written += now;
            left -= now;
            self.give_where_long();
        }
        Some(())
    }

    fn give_where_long(&mut self) {
        if self.held.len() > HELD + WINDOW {
            self.give();
            self.held.drain(..self.held.len() - WINDOW);
            self.given = self.held.len();
        }
    }

    fn give(&mut self) {
        if self.given < self.held.len() {
            (self.found)(Piece::More(&self.held[self.given..]));
            self.given = self.held.len();
        }
    }
}

/// pglz: eight items after each control byte, a literal byte or a copy (`src/common/pg_lzcompress.c`). [`None`] where the
/// bytes are not that.
fn pglz(bytes: &[u8], out: &mut Output<'_>) -> Option<()> {
    let mut rest = bytes.iter().copied();
    while let Some(mut control) = rest.next() {
        for _ in 0..8 {
            if out.is_full() {
                break;
            }
            let Some(first) = rest.next() else { return Some(()) };
            if control & 1 == 1 {
                let (mut length, second) = (usize::from(first & 0x0f) + 3, rest.next()?);
                let back = (usize::from(first & 0xf0) << 4) | usize::from(second);
                if length == 18 {
                    length += usize::from(rest.next()?);
                }
                out.copy(back, length)?;
            } else {
                out.put(&[first])?;
            }
            control >>= 1;
        }
        if out.is_full() {
            break;
        }
    }
    rest.next().is_none().then_some(())
}

/// An LZ4 block: literals and a copy in turns, literals last. [`None`] where the bytes are not that.
fn lz4(bytes: &[u8], out: &mut Output<'_>) -> Option<()> {
    let mut rest = bytes;
    while let Some((&token, after)) = rest.split_first() {
        rest = after;
        let literals = lengthened(usize::from(token >> 4), &mut rest)?;
        // What is missing at the end is not there yet: the value is known in part.
        let (now, after) = rest.split_at(literals.min(rest.len()));
        out.put(now)?;
        if now.len() < literals {
            return None;
        }
        if after.is_empty() {
            return Some(());
        }
        let (back, after) = after.split_first_chunk::<2>()?;
        rest = after;
        let length = lengthened(usize::from(token & 0x0f), &mut rest)? + 4;
        out.copy(usize::from(u16::from_le_bytes(*back)), length)?;
        if out.is_full() {
            break;
        }
    }
    rest.is_empty().then_some(())
}

/// A length of 15 goes on in the bytes that follow, as long as they are 255.
fn lengthened(length: usize, rest: &mut &[u8]) -> Option<usize> {
    let mut length = length;
    if length == 15 {
        loop {
            let (&more, after) = rest.split_first()?;
            *rest = after;
            length += usize::from(more);
            if more < 255 {
                break;
            }
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn undone(word: u32, bytes: &[u8], mut budget: usize) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        let whole = Compressed::read(word.to_le_bytes())
            .unwrap()
            .undo(bytes, &mut budget, &mut |piece| {
                if let Piece::More(bytes) = piece {
                    all.extend_from_slice(bytes);
                }
            });
        (all, whole)
    }

    const LZ4: u32 = 1 << 30;

    #[test]
    fn runs_are_undone() {
        let pglz = [0b10, b'a', 0x0f, 1, 81];
        assert_eq!(undone(100, &pglz, 1 << 20), (vec![b'a'; 100], true));
        let lz4 = [0x1f, b'a', 1, 0, 79, 0x10, b'b'];
        let expected: Vec<u8> = [vec![b'a'; 99], vec![b'b']].concat();
        assert_eq!(undone(LZ4 + 100, &lz4, 1 << 20), (expected, true));
    }

    #[test]
    fn what_is_there_of_a_value_is_given_and_what_is_missing_is_told() {
        let pglz = [0b1000, b'a', b'b', b'c', 0x00, 3];
        assert_eq!(undone(9, &pglz, 1 << 20), (b"abcabc".to_vec(), false));
        assert_eq!(
            undone(LZ4 + 9, &[0x50, b'a', b'b'], 1 << 20),
            (b"ab".to_vec(), false)
        );
        assert!(
            !undone(2, &[0b10, b'a', 0x00, 9], 1 << 20).1,
            "a copy from before the beginning"
        );
    }

    #[test]
    fn a_value_that_claims_a_gigabyte_takes_what_its_budget_has_left_and_no_more() {
        let mut lz4 = vec![0x1f, b'a', 1, 0];
        lz4.extend([255; 4000]);
        lz4.push(0);
        let mut budget = 600_000;
        let (mut most, mut all) = (0, 0);
        let word = (LZ4 + 0x3fff_ffff).to_le_bytes();
        let whole = Compressed::read(word)
            .unwrap()
            .undo(&lz4, &mut budget, &mut |piece| {
                if let Piece::More(bytes) = piece {
                    most = most.max(bytes.len());
                    all += bytes.len();
                }
            });
        assert!(!whole && budget == 0 && all == 600_000, "{all}");
        assert!(most <= HELD + 2 * WINDOW, "{most} bytes at once");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_give_more_than_was_said(
            word: u32, bytes in proptest::collection::vec(any::<u8>(), 0..300), budget in 0_usize..5000
        ) {
            if Compressed::read(word.to_le_bytes()).is_some() {
                let (all, _) = undone(word, &bytes, budget);
                prop_assert!(all.len() <= budget);
            }
        }
    }
}
