//! Values that an engine keeps in a form of its own, compressed or in parts, as the proof takes them out of its files.

use std::fs::File;
use std::io;
use std::path::Path;

/// A part of what was taken out of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The next bytes of a value.
    More(&'a [u8]),
    /// The value is at its end.
    End,
}

/// Takes values out of the files of one service. The files are hostile: whatever they hold, little memory is used and
/// every one comes to its end.
pub trait Stored: Sync {
    /// Whether the file at `path`, relative to the environment's root, may hold such values.
    fn holds(&self, path: &Path) -> bool;

    /// Gives all values that can be taken out of a file. How many were found and could be given in part only.
    ///
    /// # Errors
    /// Those of reading.
    fn values(&self, file: &mut File, found: &mut dyn FnMut(Piece<'_>)) -> io::Result<u64>;
}
