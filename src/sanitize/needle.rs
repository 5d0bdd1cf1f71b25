//! Needles: originals that are searched for in every byte of a sanitized branch.
//!
//! A [`Builder`] takes the originals of each masked column before they are masked and keeps a sample; what it cannot use
//! it counts. Each is searched for in all forms in which it may be written (`forms`). [`NeedleSet::without`] drops those that occur in kept columns. A [`Searcher`] then reads files. No result,
//! no `Debug` and no error holds a value, and the memory is wiped on drop.

mod finder;
mod forms;
mod sample;
mod searcher;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

use finder::Finder;
pub use forms::GROWTH;
pub use sample::Builder;
pub use searcher::{Hit, Scan, Searcher};

use super::key::MaskingKey;

/// Shortest original that is searched for, in bytes.
pub const SHORTEST: usize = 8;

/// Longest piece of an original that is searched for, in bytes; of longer ones a piece is taken.
pub const LONGEST: usize = 64;

/// Most originals that are searched for.
pub const MOST: usize = 12_000;

/// Most originals of one column: all of a column that has no more different ones.
pub const MOST_OF_COLUMN: usize = 2_000;

/// A column that originals come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The service.
    pub service: String,
    /// `schema.table`.
    pub table: String,
    /// The column.
    pub column: String,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}.{}", self.service, self.table, self.column)
    }
}

/// What became of the values of one column; counted in values (rows), but for `needles`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// The column.
    pub source: Source,
    /// Values that were offered.
    pub offered: u64,
    /// Of them too short or too plain to be told from other bytes: fewer than 8 bytes (10 of digits only), or
    /// fewer than 4 different ones.
    pub too_short: u64,
    /// Of them such as fakes are made of.
    pub vocabulary: u64,
    /// Of them usable, but not in the sample.
    pub not_sampled: u64,
    /// Of them stored in a form of the engine's own that is not searched for, such as numbers within arrays.
    pub binary: u64,
    /// Needles that were dropped because they occur in a kept column.
    pub in_kept: u64,
    /// Different originals that are searched for.
    pub needles: u64,
}

/// One original.
struct Needle {
    bytes: Zeroizing<Vec<u8>>,
    /// Columns that it was sampled from; never empty.
    columns: Vec<usize>,
}

/// The originals to search for, with all ways in which they could be written.
pub struct NeedleSet {
    needles: Vec<Needle>,
    coverage: Vec<Coverage>,
    finder: Finder,
}

impl NeedleSet {
    /// Collects originals; which ones are sampled depends on the key.
    pub fn builder(key: &MaskingKey) -> Builder {
        Builder::new(key)
    }

    fn new(needles: Vec<Needle>, mut coverage: Vec<Coverage>) -> Self {
        for (number, column) in coverage.iter_mut().enumerate() {
            column.needles = needles
                .iter()
                .filter(|needle| needle.columns.contains(&number))
                .count() as u64;
        }
        let finder = Finder::new(needles.len(), &|number, form| {
            forms::forms(&needles[number].bytes, form);
        });
        Self {
            needles,
            coverage,
            finder,
        }
    }

    /// How many originals.
    pub fn len(&self) -> usize {
        self.needles.len()
    }

    /// Whether there is nothing to search for.
    pub fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// The columns that a needle was sampled from.
    pub fn sources(&self, needle: usize) -> impl Iterator<Item = &Source> {
        let columns = self.needles.get(needle).map_or(&[][..], |needle| &needle.columns);
        columns.iter().map(|column| &self.coverage[*column].source)
    }

    /// What is searched for of each column, and what is not.
    pub fn coverage(&self) -> &[Coverage] {
        &self.coverage
    }

    /// The needles that occur in these bytes, each with where it stands, in no order; one can come several times.
    pub fn find(&self, bytes: &[u8], mut found: impl FnMut(usize, Range<usize>)) {
        self.finder
            .find(bytes, |needle, start, end| found(needle, start..end));
    }

    /// The set without these needles, which occur in columns that are kept. Numbers change.
    #[must_use]
    pub fn without(self, found: &BTreeSet<usize>) -> Self {
        if found.is_empty() {
            return self;
        }
        let Self {
            needles,
            mut coverage,
            finder,
        } = self;
        drop(finder);
        let mut kept = Vec::with_capacity(needles.len());
        for (number, needle) in needles.into_iter().enumerate() {
            if found.contains(&number) {
                for column in &needle.columns {
                    coverage[*column].in_kept += 1;
                }
            } else {
                kept.push(needle);
            }
        }
        Self::new(kept, coverage)
    }

    /// A searcher; one per thread.
    pub fn searcher(&self) -> Searcher<'_> {
        Searcher::new(&self.finder)
    }

    /// Whether the search finds each needle, in each of its forms, where it is planted: a search that cannot find proves
    /// nothing.
    pub fn control(&self) -> bool {
        let mut searcher = self.searcher();
        let mut planted = vec![0u64; self.needles.len()];
        for (needle, form) in self.finder.patterns() {
            planted[needle] += 1;
            searcher.feed(form);
            searcher.skip(1);
        }
        let hits = searcher.finish().hits;
        let found = |hit: &Hit| hit.count >= planted[hit.needle] && hit.count > 0;
        hits.len() == self.needles.len() && hits.iter().all(found)
    }
}

impl fmt::Debug for NeedleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NeedleSet")
            .field("needles", &self.needles.len())
            .field("coverage", &self.coverage)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
