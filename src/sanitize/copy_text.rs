//! The text format of PostgreSQL's `COPY`: one row per line, fields between tabs, `\N` for NULL.
//!
//! Strict: it takes what `COPY … TO` writes (which escapes backslash, backspace, tab, line feed, vertical tab,
//! form feed and carriage return, and nothing else) and refuses every other escape. Errors name a column by its
//! number and never hold a value.

use memchr::{memchr, memchr_iter};

/// How a NULL is written.
pub const NULL: &[u8] = br"\N";

/// A line is not a row of the expected shape. Holds positions, never values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// Too few or too many fields.
    #[error("a row of COPY has {found} columns where {expected} were expected")]
    Columns {
        /// Fields in the line.
        found: usize,
        /// Fields that were asked for.
        expected: usize,
    },
    /// A backslash before something that `COPY … TO` never writes there.
    #[error("column {column} of a COPY row holds an escape that PostgreSQL does not write")]
    Escape {
        /// Number of the column, from 0.
        column: usize,
    },
    /// The bytes are no UTF-8; the client encoding was not set, or the database holds bytes without encoding.
    #[error("column {column} of a COPY row is not UTF-8; is the client encoding of the session UTF8?")]
    Encoding {
        /// Number of the column, from 0.
        column: usize,
    },
    /// The end marker `\.`, which would end the copy early.
    #[error("the end marker of COPY stands in the middle of the rows")]
    EndMarker,
}

/// Splits lines into fields; keeps its buffer from row to row.
#[derive(Debug)]
pub struct Splitter {
    columns: usize,
    ends: Vec<usize>,
}

impl Splitter {
    /// A splitter of rows with this many columns.
    pub fn new(columns: usize) -> Self {
        Self {
            columns,
            ends: Vec::with_capacity(columns),
        }
    }

    /// The fields of a line, which may end with its line feed. A table of no columns has empty lines.
    pub fn split<'a>(&'a mut self, line: &'a [u8]) -> Result<Row<'a>, CopyError> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if line == br"\." {
            return Err(CopyError::EndMarker);
        }
        self.ends.clear();
        self.ends.extend(memchr_iter(b'\t', line));
        if self.columns > 0 || !line.is_empty() {
            self.ends.push(line.len());
        }
        if self.ends.len() != self.columns {
            return Err(CopyError::Columns {
                found: self.ends.len(),
                expected: self.columns,
            });
        }
        Ok(Row {
            line,
            ends: &self.ends,
        })
    }
}

/// One row, as fields that are still escaped.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    line: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Row<'a> {
    /// How many fields it has.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it has no field, which only a table without columns gives.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A field as it stands in the line, to be passed on unchanged; empty when there is no such column.
    pub fn raw(&self, column: usize) -> &'a [u8] {
        let Some(end) = self.ends.get(column) else {
            return b"";
        };
        let start = match column.checked_sub(1) {
            Some(before) => self.ends[before] + 1,
            None => 0,
        };
        &self.line[start..*end]
    }

    /// All fields, as they stand in the line.
    pub fn fields(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let row = *self;
        (0..row.len()).map(move |column| row.raw(column))
    }

    /// The value of a field, `None` for NULL. A value with escapes is written to `scratch` first.
    pub fn value<'b>(&self, column: usize, scratch: &'b mut String) -> Result<Option<&'b str>, CopyError>
    where
        'a: 'b,
    {
        decode(self.raw(column), scratch).map_err(|fault| fault.at(column))
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Escape,
    Encoding,
}

impl Fault {
    fn at(self, column: usize) -> CopyError {
        match self {
            Self::Escape => CopyError::Escape { column },
            Self::Encoding => CopyError::Encoding { column },
        }
    }
}

fn decode<'b>(field: &'b [u8], scratch: &'b mut String) -> Result<Option<&'b str>, Fault> {
    if field == NULL {
        return Ok(None);
    }
    let text = std::str::from_utf8(field).map_err(|_| Fault::Encoding)?;
    let Some(first) = memchr(b'\\', field) else {
        return Ok(Some(text));
    };
    scratch.clear();
    let mut rest = text;
    let mut at = first;
    loop {
        scratch.push_str(&rest[..at]);
        let escaped = rest.as_bytes().get(at + 1).ok_or(Fault::Escape)?;
        scratch.push(unescaped(*escaped).ok_or(Fault::Escape)?);
        rest = &rest[at + 2..];
        match memchr(b'\\', rest.as_bytes()) {
            Some(next) => at = next,
            None => break,
        }
    }
    scratch.push_str(rest);
    Ok(Some(scratch))
}

fn unescaped(byte: u8) -> Option<char> {
    Some(match byte {
        b'\\' => '\\',
        b'b' => '\u{8}',
        b't' => '\t',
        b'n' => '\n',
        b'v' => '\u{b}',
        b'f' => '\u{c}',
        b'r' => '\r',
        _ => return None,
    })
}

/// Whether a byte may need an escape: a control character, or the backslash itself.
fn is_escaped(byte: u8) -> bool {
    byte < 0x10 || byte == b'\\'
}

/// Appends a value, escaped as `COPY … FROM` wants it.
pub fn escape(value: &str, out: &mut Vec<u8>) {
    let bytes = value.as_bytes();
    // Nearly every value; a test of all bytes at once, many to an instruction.
    if !bytes.iter().fold(false, |found, byte| found | is_escaped(*byte)) {
        out.extend_from_slice(bytes);
        return;
    }
    let mut done = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let letter = match byte {
            b'\\' => b'\\',
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0b => b'v',
            0x0c => b'f',
            b'\r' => b'r',
            _ => continue,
        };
        out.extend_from_slice(&bytes[done..at]);
        out.extend_from_slice(&[b'\\', letter]);
        done = at + 1;
    }
    out.extend_from_slice(&bytes[done..]);
}

/// Appends a value or NULL, escaped.
pub fn write_field(value: Option<&str>, out: &mut Vec<u8>) {
    match value {
        Some(value) => escape(value, out),
        None => out.extend_from_slice(NULL),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(line: &[u8], columns: usize) -> Result<Vec<Option<String>>, CopyError> {
        let mut splitter = Splitter::new(columns);
        let row = splitter.split(line)?;
        let mut scratch = String::new();
        (0..row.len())
            .map(|column| Ok(row.value(column, &mut scratch)?.map(str::to_owned)))
            .collect()
    }

    #[test]
    fn a_row_as_postgresql_writes_it() {
        // select 1, 'a' || chr(9) || chr(10) || 'b\', null, '', '\N', '\.', e'\b\v\f\r'
        let line = b"1\ta\\t\\nb\\\\\t\\N\t\t\\\\N\t\\\\.\t\\b\\v\\f\\r\n";
        let expected = [
            Some("1"),
            Some("a\t\nb\\"),
            None,
            Some(""),
            Some("\\N"),
            Some("\\."),
            Some("\u{8}\u{b}\u{c}\r"),
        ];
        let expected = expected.map(|value| value.map(str::to_owned));
        assert_eq!(values(line, 7).unwrap(), expected);
    }

    #[test]
    fn fields_pass_unchanged_when_not_decoded() {
        let mut splitter = Splitter::new(3);
        let row = splitter.split(b"a\\tb\t\\N\t").unwrap();
        let fields: Vec<&[u8]> = row.fields().collect();
        assert_eq!(fields, [b"a\\tb".as_slice(), b"\\N", b""]);
    }

    #[test]
    fn too_few_and_too_many_columns_are_refused() {
        let columns = |found, expected| Err(CopyError::Columns { found, expected });
        assert_eq!(values(b"a\tb\n", 3), columns(2, 3));
        assert_eq!(values(b"a\tb\n", 1), columns(2, 1));
        assert_eq!(values(b"a\n", 0), columns(1, 0));
        assert_eq!(values(b"\n", 0), Ok(vec![]));
        assert_eq!(values(b"\n", 1), Ok(vec![Some(String::new())]));
    }

    #[test]
    fn escapes_that_copy_never_writes_are_refused_without_showing_the_value() {
        for field in [r"a\", r"\x41", r"\101", r"secret\q", r"a\N"] {
            let line = format!("ok\t{field}\n");
            let error = values(line.as_bytes(), 2).unwrap_err();
            assert_eq!(error, CopyError::Escape { column: 1 });
            assert!(!error.to_string().contains("secret"));
        }
        assert_eq!(values(b"a\xff", 1), Err(CopyError::Encoding { column: 0 }));
    }

    #[test]
    fn the_end_marker_never_passes_as_a_row() {
        assert_eq!(values(b"\\.\n", 1), Err(CopyError::EndMarker));
    }

    fn field() -> impl Strategy<Value = Option<String>> {
        let nasty = prop::collection::vec(
            prop::sample::select(vec![
                "\\", "\t", "\n", "\r", "\u{8}", "\u{b}", "\u{c}", "N", ".", "\\N", "\\.", "é", "a", "😀",
                "n",
            ]),
            0..12,
        );
        prop::option::of(prop_oneof![
            "[^\u{0}]{0,40}",
            nasty.prop_map(|parts| parts.concat())
        ])
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(row in prop::collection::vec(field(), 1..8)) {
            let mut line = Vec::new();
            for (column, value) in row.iter().enumerate() {
                if column > 0 {
                    line.push(b'\t');
                }
                write_field(value.as_deref(), &mut line);
            }
            prop_assert!(!line.contains(&b'\n'));
            line.push(b'\n');
            prop_assert_eq!(values(&line, row.len()).unwrap(), row);
        }

        #[test]
        fn any_bytes_give_a_row_or_an_error(line in prop::collection::vec(any::<u8>(), 0..60), columns in 0usize..5) {
            let _ = values(&line, columns);
        }
    }
}
