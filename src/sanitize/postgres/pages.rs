//! The values that PostgreSQL's pages hold compressed, or cut into the chunks of TOAST, for the proof. Pages are not
//! believed: a value is taken wherever it looks like one, also in room that is free again, so that rows which are dead, or
//! whose line pointers are gone, are searched like others.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::sanitize::stored::{Piece, Stored};
use crate::storage::data_segments;

use super::decompress::Compressed;

/// Bytes of a page, as every packaged server is built (`BLCKSZ`).
const PAGE: usize = 8192;
/// Bytes of a whole chunk (`TOAST_MAX_CHUNK_SIZE`); the last of a value is shorter.
const CHUNK: usize = 1996;
/// The header of a row without NULLs, and what follows it in a chunk: the value's number, the chunk's, and its length.
const ROW_HEADER: usize = 24;
const CHUNK_HEADER: usize = ROW_HEADER + 12;
/// What the values of one page may come to: what it can hold decompresses to less, unless it was written to.
const BUDGET: usize = 4 << 20;
/// Chunks that wait for others of their value, with what it takes to keep them: any row of three numbers may look like one.
const PENDING: usize = 16 << 20;
/// What it takes to keep a chunk, beside its bytes.
const OVERHEAD: usize = 512;
/// What is left over of the budgets of pages for the values of those that follow: one has a gigabyte at most.
const SAVED: usize = 1 << 30;

/// The pages of one service's server.
pub struct Pages {
    /// The data directory, relative to the environment's root.
    data: PathBuf,
}

impl Pages {
    /// Those below a data directory, relative to the environment's root.
    pub fn of(data: PathBuf) -> Self {
        Self { data }
    }
}

impl Stored for Pages {
    fn holds(&self, path: &Path) -> bool {
        // Files of relations have a number for a name, with another for all but the first gigabyte.
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        path.starts_with(&self.data) && name.split('.').count() <= 2 && name.split('.').all(number)
    }

    fn values(&self, file: &mut File, found: &mut dyn FnMut(Piece<'_>)) -> io::Result<u64> {
        let mut reader = Reader {
            chunks: BTreeMap::new(),
            pending: 0,
            budget: 0,
            in_part: 0,
            found,
        };
        let mut page = vec![0; PAGE];
        let mut next = 0;
        for segment in data_segments(file).collect::<io::Result<Vec<_>>>()? {
            let end = segment.offset + segment.len;
            let mut at = next.max(segment.offset - segment.offset % PAGE as u64);
            while at < end {
                file.seek(SeekFrom::Start(at))?;
                let read = read_page(file, &mut page)?;
                reader.page(&page[..read]);
                at += PAGE as u64;
            }
            next = at;
        }
        reader.end();
        Ok(reader.in_part)
    }
}

/// Reads a page, or what there is of it before the file's end.
fn read_page(file: &mut File, page: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < page.len() {
        match file.read(&mut page[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// The chunks of a value that were met so far.
#[derive(Default)]
struct Value {
    chunks: BTreeMap<u32, Vec<u8>>,
}

impl Value {
    fn bytes(&self) -> usize {
        self.chunks.values().map(Vec::len).sum()
    }

    /// What it counts for among those that wait.
    fn weight(&self) -> usize {
        self.bytes() + self.chunks.len() * OVERHEAD
    }

    /// Whether nothing of it is missing: all from the first to one that is not whole.
    fn is_whole(&self) -> bool {
        let last = self.chunks.last_key_value();
        last.is_some_and(|(number, bytes)| bytes.len() < CHUNK && *number as usize + 1 == self.chunks.len())
    }
}

struct Reader<'f> {
    chunks: BTreeMap<u32, Value>,
    /// What is in `chunks` counts for so much.
    pending: usize,
    /// What the values in chunks may still come to: a page holds no more of them than it has room for, unless they overlap.
    budget: usize,
    in_part: u64,
    found: &'f mut dyn FnMut(Piece<'_>),
}

impl Reader<'_> {
    fn page(&mut self, page: &[u8]) {
        self.budget = (self.budget + BUDGET).min(SAVED);
        self.compressed_in(page);
        self.chunks_in(page);
    }

    /// Compressed values that lie whole in the page, in rows or in entries of an index. They are aligned to four bytes, and
    /// the lowest two bits of their length say what they are.
    fn compressed_in(&mut self, page: &[u8]) {
        let (mut at, mut budget) = (0, BUDGET);
        while let Some(head) = page.get(at..at + 8) {
            let length = match head {
                &[low, high, 0, 0, ..] if low & 3 == 2 => usize::from(u16::from_le_bytes([low, high]) >> 2),
                _ => 0,
            };
            let bytes = (length > 8).then(|| page.get(at + 8..at + length)).flatten();
            let word = Compressed::read([head[4], head[5], head[6], head[7]]);
            at += 4;
            let (Some(bytes), Some(word)) = (bytes, word.filter(|word| word.length() + 8 > length)) else {
                continue;
            };
            let whole = word.undo(bytes, &mut budget, self.found);
            (self.found)(Piece::End);
            if budget == 0 {
                self.in_part += 1;
                return;
            }
            if whole {
                at += (length - 4).next_multiple_of(4);
            }
        }
    }

    /// Rows of three columns, as those of TOAST are.
    fn chunks_in(&mut self, page: &[u8]) {
        let mut touched = Vec::new();
        for at in (0..page.len()).step_by(8) {
            let Some((id, number, bytes)) = page.get(at..).and_then(chunk_at) else {
                continue;
            };
            let again = self.chunks.get(&id).and_then(|value| value.chunks.get(&number));
            if again.is_some_and(|before| before != bytes) {
                // The number was given out twice, or the value was written to.
                self.give(id);
            }
            let value = self.chunks.entry(id).or_default();
            if value.chunks.insert(number, bytes.to_vec()).is_none() {
                self.pending += bytes.len() + OVERHEAD;
            }
            touched.push(id);
        }
        for id in touched {
            if self.chunks.get(&id).is_some_and(Value::is_whole) {
                self.give(id);
            }
        }
        while self.pending > PENDING
            && let Some(id) = self.chunks.first_key_value().map(|(id, _)| *id)
        {
            self.give(id);
        }
    }

    fn end(&mut self) {
        while let Some(id) = self.chunks.first_key_value().map(|(id, _)| *id) {
            self.give(id);
        }
    }

    /// Gives what there is of a value, as it is and decompressed, and forgets it.
    fn give(&mut self, id: u32) {
        let Some(value) = self.chunks.remove(&id) else {
            return;
        };
        self.pending -= value.weight();
        let whole = value.is_whole();
        let mut joined: Vec<u8> = Vec::with_capacity(value.bytes());
        let mut next = 0;
        let mut from_the_first = Vec::new();
        for (number, bytes) in &value.chunks {
            if *number != next {
                if from_the_first.is_empty() {
                    from_the_first.clone_from(&joined);
                }
                (self.found)(Piece::More(&joined));
                (self.found)(Piece::End);
                joined.clear();
            }
            joined.extend_from_slice(bytes);
            next = number + 1;
        }
        (self.found)(Piece::More(&joined));
        (self.found)(Piece::End);
        if from_the_first.is_empty() {
            from_the_first = joined;
        }
        let compressed = value
            .chunks
            .contains_key(&0)
            .then(|| from_the_first.split_first_chunk::<4>())
            .flatten();
        let Some((word, bytes)) = compressed else { return };
        let Some(word) = Compressed::read(*word).filter(|word| word.length() > bytes.len()) else {
            return;
        };
        let mut budget = word.length().min(self.budget);
        let had = budget;
        let understood = word.undo(bytes, &mut budget, self.found);
        (self.found)(Piece::End);
        self.budget -= had - budget;
        // What has no whole chunk is a row that looks like one.
        let is_value = value.chunks.get(&0).is_some_and(|first| first.len() == CHUNK);
        self.in_part += u64::from(!understood && is_value && (!whole || budget == 0));
    }
}

/// The chunk whose row begins here: its value's number, its own, and its bytes.
fn chunk_at(row: &[u8]) -> Option<(u32, u32, &[u8])> {
    let head = row.first_chunk::<CHUNK_HEADER>()?;
    let columns = u16::from_le_bytes([head[18], head[19]]) & 0x07ff;
    if columns != 3 || usize::from(head[22]) != ROW_HEADER {
        return None;
    }
    let word = |at: usize| Some(u32::from_le_bytes(*row.get(at..)?.first_chunk::<4>()?));
    let (id, number, header) = (word(24)?, word(28)?, word(32)?);
    let length = usize::try_from(header >> 2).ok()?.checked_sub(4)?;
    let fits = header.trailing_zeros() >= 2 && (1..=CHUNK).contains(&length) && id != 0 && number < 1 << 20;
    let bytes = row.get(CHUNK_HEADER..CHUNK_HEADER + length)?;
    fits.then_some((id, number, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pages: &[Vec<u8>]) -> (Vec<Vec<u8>>, u64) {
        let mut file = tempfile::tempfile().unwrap();
        for page in pages {
            io::Write::write_all(&mut file, page).unwrap();
        }
        let (mut all, mut now) = (Vec::new(), Vec::new());
        let in_part = Pages::of(PathBuf::from("db"))
            .values(&mut file, &mut |piece| match piece {
                Piece::More(bytes) => now.extend_from_slice(bytes),
                Piece::End => all.push(std::mem::take(&mut now)),
            })
            .unwrap();
        (all, in_part)
    }

    fn page_with(rows: &[(usize, Vec<u8>)]) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        for (at, row) in rows {
            page[*at..at + row.len()].copy_from_slice(row);
        }
        page
    }

    fn chunk(id: u32, number: u32, bytes: &[u8]) -> Vec<u8> {
        let mut row = vec![0; ROW_HEADER];
        row[18] = 3;
        row[22] = 24;
        row.extend(id.to_le_bytes());
        row.extend(number.to_le_bytes());
        row.extend((u32::try_from(bytes.len() + 4).unwrap() << 2).to_le_bytes());
        row.extend(bytes);
        row
    }

    #[test]
    fn only_files_of_relations_are_read() {
        let pages = Pages::of(PathBuf::from("db/data"));
        for (path, held) in [
            ("db/data/base/5/16384", true),
            ("db/data/base/5/16384.1", true),
            ("db/data/base/5/16384_vm", false),
            ("db/data/base/5/PG_VERSION", false),
            ("db/other/1", false),
            ("uploads/1", false),
        ] {
            assert_eq!(pages.holds(Path::new(path)), held, "{path}");
        }
    }

    #[test]
    fn a_compressed_value_is_found_wherever_in_the_page() {
        let mut value = (u32::from(8_u16 + 5) << 2 | 2).to_le_bytes().to_vec();
        value.extend(100_u32.to_le_bytes());
        value.extend([0b10, b'a', 0x0f, 1, 81]);
        for at in [28, 4096, PAGE - 16] {
            let (all, in_part) = values(&[page_with(&[(at, value.clone())])]);
            assert!(all.contains(&vec![b'a'; 100]) && in_part == 0, "{at}");
        }
    }

    #[test]
    fn chunks_are_joined_in_their_order_over_pages_and_decompressed() {
        let text: Vec<u8> = (0..CHUNK + 40)
            .map(|n| b'a' + u8::try_from(n % 26).unwrap())
            .collect();
        let (first, last) = text.split_at(CHUNK);
        let pages = [
            page_with(&[(4000, chunk(7, 1, last))]),
            page_with(&[(6000, chunk(7, 0, first)), (64, chunk(9, 0, b"other"))]),
        ];
        let (all, _) = values(&pages);
        assert!(all.contains(&text) && all.contains(&b"other".to_vec()));
        let compressed = [&100_u32.to_le_bytes()[..], &[0b10, b'a', 0x0f, 1, 81]].concat();
        let (all, in_part) = values(&[page_with(&[(64, chunk(7, 0, &compressed))])]);
        assert!(all.contains(&vec![b'a'; 100]) && in_part == 0);
    }

    #[test]
    fn a_sparse_file_costs_nothing_and_a_short_page_is_read() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 40).unwrap();
        let mut file = file;
        assert_eq!(
            Pages::of(PathBuf::new()).values(&mut file, &mut |_| ()).unwrap(),
            0
        );
        assert_eq!(values(&[chunk(7, 0, b"short")]).0[0], b"short");
    }
}
