//! What the definition of a table, a `.frm` file, says of who holds its rows.
//!
//! Layout: MariaDB's `sql/table.cc` (`TABLE_SHARE::init_from_binary_frm_image`) and `sql/unireg.cc`. Pure and strict: a file in
//! which anything points outside of it is no definition.

/// The first bytes of a table's definition; a view's is text.
const MAGIC: [u8; 2] = [0xfe, 0x01];
/// In the second part of the header: the engine of the partitions of a partitioned table.
const DEFAULT_PART_ENGINE: u8 = 1;
/// The length of the header.
const HEADER: usize = 64;

/// Engines whose tables are rows of another server or of files elsewhere, with how to get there in their definition.
const FOREIGN: [&str; 8] = [
    "FEDERATED",
    "CONNECT",
    "SPIDER",
    "SPHINX",
    "S3",
    "CASSANDRA",
    "MROONGA",
    "OQGRAPH",
];

/// Who holds a table's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Definition {
    /// The engines of the table and of its partitions, in upper case; empty where a file of old names none.
    pub(super) engines: Vec<String>,
    /// Whether it says how another server is reached (`CONNECTION=`).
    pub(super) connects: bool,
}

impl Definition {
    /// Whether its rows are elsewhere.
    pub(super) fn is_foreign(&self) -> bool {
        self.connects
            || self
                .engines
                .iter()
                .any(|engine| FOREIGN.contains(&engine.as_str()))
    }
}

/// Reads a definition; [`None`] for what is none of a table.
pub(super) fn read(bytes: &[u8]) -> Option<Definition> {
    if bytes.get(..2)? != MAGIC {
        return None;
    }
    let mut engines = Vec::new();
    engines.extend(partition_engine(bytes));
    let keys = usize::from(word(bytes, 6)?);
    let key_length = match word(bytes, 14)? {
        0xffff => usize::try_from(long(bytes, 47)?).ok()?,
        length => usize::from(length),
    };
    let record = usize::from(word(bytes, 16)?);
    let extra = usize::try_from(long(bytes, 55)?).ok()?;
    let mut connects = false;
    if extra > 0 {
        let at = keys.checked_add(key_length)?.checked_add(record)?;
        let part = bytes.get(at..at.checked_add(extra)?)?;
        let connection = usize::from(word(part, 0)?);
        connects = connection > 0;
        let rest = part.get(2 + connection..)?;
        if rest.len() > 2 {
            let length = usize::from(word(rest, 0)?);
            engines.push(upper(rest.get(2..2 + length)?));
            // The text of how it is partitioned comes next; it may name a connection for each part.
            let rest = rest.get(2 + length..)?;
            if rest.len() > 4 {
                let length = usize::try_from(long(rest, 0)?).ok()?;
                let text = String::from_utf8_lossy(rest.get(4..length.checked_add(4)?)?).to_ascii_uppercase();
                connects |= text.contains("CONNECTION =");
            }
        }
    }
    engines.retain(|engine| !engine.is_empty());
    Some(Definition { engines, connects })
}

/// In the part that follows the header, entries of type, length and value.
fn partition_engine(bytes: &[u8]) -> Option<String> {
    let length = usize::from(word(bytes, 4)?);
    let mut rest = bytes.get(HEADER..HEADER.checked_add(length)?)?;
    // Its first byte tells it from definitions of before, which have an empty name there.
    if *rest.first()? == b'/' {
        return None;
    }
    while let [kind, short, tail @ ..] = rest {
        let (length, tail) = if *short == 0 {
            (usize::from(word(tail, 0)?), tail.get(2..)?)
        } else {
            (usize::from(*short), tail)
        };
        let value = tail.get(..length)?;
        if *kind == DEFAULT_PART_ENGINE {
            return Some(upper(value));
        }
        rest = tail.get(length..)?;
    }
    None
}

fn upper(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_ascii_uppercase()
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A definition as small as one can be.
    fn frm(extra2: &[u8], connection: &str, engine: &str) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[..2].copy_from_slice(&MAGIC);
        bytes[4..6].copy_from_slice(&u16::try_from(extra2.len()).unwrap().to_le_bytes());
        bytes.extend(extra2);
        let keys = u16::try_from(bytes.len()).unwrap();
        bytes[6..8].copy_from_slice(&keys.to_le_bytes());
        bytes[14..16].copy_from_slice(&4u16.to_le_bytes());
        bytes[16..18].copy_from_slice(&3u16.to_le_bytes());
        bytes.extend([0; 7]);
        let mut extra = Vec::new();
        for text in [connection, engine] {
            extra.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
            extra.extend(text.bytes());
        }
        bytes[55..59].copy_from_slice(&u32::try_from(extra.len()).unwrap().to_le_bytes());
        bytes.extend(extra);
        bytes
    }

    #[test]
    fn a_table_of_this_server_is_told_from_one_elsewhere() {
        let own = read(&frm(&[0, 2, 1, 2], "", "InnoDB")).unwrap();
        assert_eq!(
            (own.engines.as_slice(), own.is_foreign()),
            (&["INNODB".to_owned()][..], false)
        );
        assert!(
            read(&frm(&[], "mysql://u:p@h/d/t", "FEDERATED"))
                .unwrap()
                .is_foreign()
        );
        assert!(read(&frm(&[], "", "CONNECT")).unwrap().is_foreign());
        assert!(
            read(&frm(&[1, 6, b'S', b'P', b'I', b'D', b'E', b'R'], "", "partition"))
                .unwrap()
                .is_foreign()
        );
    }

    #[test]
    fn what_points_outside_of_itself_is_none() {
        assert_eq!(read(b"TYPE=VIEW\nquery=select 1\n"), None);
        let whole = frm(&[0, 2, 1, 2], "x", "InnoDB");
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), None, "{length}");
        }
    }
}
