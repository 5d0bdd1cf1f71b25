//! The parts of a file that hold data: a sparse file of 8 EiB costs what is in it.

use std::fs::File;
use std::io;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

/// A stretch of a file that holds data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where it starts, in bytes.
    pub offset: u64,
    /// How long it is, in bytes; never 0.
    pub len: u64,
}

/// The segments of a file that hold data, in order. It moves the file's position.
///
/// Shared extents count as data each time they are referred to: who reads it all must still watch the total.
#[derive(Debug)]
pub struct DataSegments<'a> {
    file: &'a File,
    next: Option<u64>,
}

/// The segments of `file` that hold data, by `SEEK_DATA` and `SEEK_HOLE`: holes and unwritten extents, which read
/// as zeros, are left out.
pub fn data_segments(file: &File) -> DataSegments<'_> {
    DataSegments { file, next: Some(0) }
}

impl DataSegments<'_> {
    fn data_from(&self, from: u64) -> Result<Option<Segment>, Errno> {
        let offset = match rustix::fs::seek(self.file, SeekFrom::Data(from)) {
            Ok(offset) => offset,
            Err(Errno::NXIO) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        let end = match rustix::fs::seek(self.file, SeekFrom::Hole(offset)) {
            Ok(end) => end,
            // Cut off in between.
            Err(Errno::NXIO) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        let len = end.saturating_sub(offset);
        Ok((len > 0).then_some(Segment { offset, len }))
    }
}

impl Iterator for DataSegments<'_> {
    type Item = io::Result<Segment>;

    fn next(&mut self) -> Option<Self::Item> {
        let from = self.next.take()?;
        match self.data_from(from) {
            Ok(Some(segment)) => {
                self.next = segment.offset.checked_add(segment.len);
                Some(Ok(segment))
            }
            Ok(None) => None,
            Err(errno) => Some(Err(errno.into())),
        }
    }
}
