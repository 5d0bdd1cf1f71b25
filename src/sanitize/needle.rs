//! Needles: originals that are searched for in every byte of a sanitized branch.
//!
//! A [`Builder`] takes the originals of each masked column while they are masked and keeps a sample; what it cannot use
//! it counts. [`NeedleSet::without`] drops those that occur in kept columns. A [`Searcher`] then reads files. No result,
//! no `Debug` and no error holds a value, and the memory is wiped on drop.

mod finder;
mod sample;
mod searcher;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

use finder::Finder;
pub use sample::Builder;
pub use searcher::{Hit, Scan, Searcher};

use super::key::MaskingKey;

/// Shortest original that is searched for, in bytes.
pub const SHORTEST: usize = 8;

/// Longest piece of an original that is searched for, in bytes; of longer ones a piece is taken.
pub const LONGEST: usize = 64;

/// Most originals that are searched for.
pub const MOST: usize = 4096;

/// Most originals of one column.
pub const MOST_OF_COLUMN: usize = 512;

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
    /// Needles that were dropped because they occur in a kept column.
    pub in_kept: u64,
    /// Different originals that are searched for.
    pub needles: u64,
}

/// One original.
struct Needle {
    text: Zeroizing<String>,
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
        let finder = Finder::new(needles.iter().map(|needle| variants(&needle.text)));
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
        let mut coverage = self.coverage;
        let mut kept = Vec::with_capacity(self.needles.len());
        for (number, needle) in self.needles.into_iter().enumerate() {
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

    /// Whether the search finds each needle where it is planted: a search that cannot find proves nothing.
    pub fn control(&self) -> bool {
        let mut searcher = self.searcher();
        for needle in &self.needles {
            searcher.feed(needle.text.as_bytes());
            searcher.feed(&[0]);
        }
        searcher.finish().hits.len() == self.needles.len()
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

/// How an original may be written: as it is, in lower case, and in JSON as PostgreSQL, Python and PHP escape it.
fn variants(text: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let written = [
        text.to_owned(),
        text.to_lowercase(),
        json(text, false, false),
        json(text, true, false),
        json(text, true, true),
    ];
    let mut variants: Vec<Zeroizing<Vec<u8>>> = Vec::new();
    for variant in written.map(|text| Zeroizing::new(text.into_bytes())) {
        if variant.len() >= SHORTEST && !variants.contains(&variant) {
            variants.push(variant);
        }
    }
    variants
}

/// A text as it stands between the quotes of a JSON string.
fn json(text: &str, ascii: bool, slashes: bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '/' if slashes => out.push_str("\\/"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' || (ascii && !c.is_ascii()) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str("\\u");
                    let digits = crate::model::hex(&unit.to_be_bytes());
                    out.push_str(&digits);
                }
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
