//! A search through a file that is read in pieces.

use std::collections::BTreeMap;
use std::io::{self, Read};

use zeroize::{Zeroize, Zeroizing};

use super::finder::Finder;

/// Bytes that are read and searched at once: they stay in the second-level cache.
const CHUNK: usize = 256 * 1024;

/// A needle that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Its number in the set.
    pub needle: usize,
    /// How often, in all its variants.
    pub count: u64,
    /// Where it was first found, in bytes from the start of the file.
    pub first_offset: u64,
}

/// What came of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Bytes that were searched, without skipped holes.
    pub bytes: u64,
    /// What was found, by number of needle.
    pub hits: Vec<Hit>,
}

/// Searches one file after the other.
pub struct Searcher<'set> {
    finder: &'set Finder,
    /// The end of what came before, then room for a chunk.
    buffer: Zeroizing<Vec<u8>>,
    /// Bytes at the start of the buffer that were searched already.
    carried: usize,
    /// Where the buffer begins in the file.
    offset: u64,
    bytes: u64,
    hits: BTreeMap<usize, Hit>,
}

impl<'set> Searcher<'set> {
    pub(super) fn new(finder: &'set Finder) -> Self {
        Self {
            finder,
            buffer: Zeroizing::new(vec![0; finder.longest() + CHUNK]),
            carried: 0,
            offset: 0,
            bytes: 0,
            hits: BTreeMap::new(),
        }
    }

    /// Searches all that a reader gives, as one file.
    ///
    /// # Errors
    /// Those of the reader; what was found until then is dropped.
    pub fn search(&mut self, mut reader: impl Read) -> io::Result<Scan> {
        self.reset();
        loop {
            match reader.read(&mut self.buffer[self.carried..]) {
                Ok(0) => return Ok(self.finish()),
                Ok(read) => self.advance(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.reset();
                    return Err(error);
                }
            }
        }
    }

    /// Searches the next bytes of a file.
    pub fn feed(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(CHUNK) {
            self.buffer[self.carried..self.carried + piece.len()].copy_from_slice(piece);
            self.advance(piece.len());
        }
    }

    /// Passes over a hole of a file, whose zeros no needle holds.
    pub fn skip(&mut self, bytes: u64) {
        if bytes > 0 {
            self.offset += self.carried as u64 + bytes;
            self.carried = 0;
        }
    }

    /// Ends a file; the searcher is ready for the next.
    pub fn finish(&mut self) -> Scan {
        let scan = Scan {
            bytes: self.bytes,
            hits: std::mem::take(&mut self.hits).into_values().collect(),
        };
        self.reset();
        scan
    }

    fn reset(&mut self) {
        self.buffer[..self.carried].zeroize();
        self.carried = 0;
        self.offset = 0;
        self.bytes = 0;
        self.hits.clear();
    }

    /// Searches the carried bytes with `new` ones behind them, and carries what could begin a needle.
    fn advance(&mut self, new: usize) {
        let filled = self.carried + new;
        let (carried, offset, hits) = (self.carried, self.offset, &mut self.hits);
        self.finder.find(&self.buffer[..filled], |needle, start, end| {
            // What ends in the carried bytes was counted when they were new.
            if end > carried {
                let at = offset + start as u64;
                let hit = hits.entry(needle).or_insert(Hit {
                    needle,
                    count: 0,
                    first_offset: at,
                });
                hit.count += 1;
                hit.first_offset = hit.first_offset.min(at);
            }
        });
        self.bytes += new as u64;
        let carry = self.finder.longest().saturating_sub(1).min(filled);
        self.buffer.copy_within(filled - carry..filled, 0);
        self.offset += (filled - carry) as u64;
        self.carried = carry;
    }
}
