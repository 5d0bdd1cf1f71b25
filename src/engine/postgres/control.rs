//! What the running source had set, as `global/pg_control` says: whatever file, include or command line it came from.

/// Every version from 14 to 18 has these fields where they are here (`catalog/pg_control.h`; amd64 and arm64).
const KNOWN: [u32; 3] = [1300, 1700, 1800];
const VERSION: usize = 8;
const WAL_LEVEL: usize = 172;
const NUMBERS: [(&str, usize); 4] = [
    ("max_connections", 180),
    ("max_worker_processes", 184),
    ("max_prepared_transactions", 192),
    ("max_locks_per_transaction", 196),
];
const WAL_LEVELS: [&str; 3] = ["minimal", "replica", "logical"];
/// What is read of the file.
pub(super) const CONTROL_BYTES: u64 = 8192;

/// Settings that the data was last written with, by name; none for a version that is not known.
pub(super) fn parse_control(bytes: &[u8]) -> Vec<(String, String)> {
    let field = |at: usize| -> Option<u32> {
        let field = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(field))
    };
    if !field(VERSION).is_some_and(|version| KNOWN.contains(&version)) {
        return Vec::new();
    }
    let level = field(WAL_LEVEL).and_then(|level| WAL_LEVELS.get(level as usize));
    let level = level.map(|level| ("wal_level".to_owned(), (*level).to_owned()));
    let number = |(name, at): (&str, usize)| Some((name.to_owned(), field(at)?.to_string()));
    level
        .into_iter()
        .chain(NUMBERS.into_iter().filter_map(number))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_versions_are_read() {
        let mut bytes = vec![0; 512];
        for (at, value) in [
            (VERSION, 1300u32),
            (WAL_LEVEL, 2),
            (180, 50),
            (184, 8),
            (192, 20),
            (196, 64),
        ] {
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        let found = parse_control(&bytes);
        assert!(found.contains(&("wal_level".to_owned(), "logical".to_owned())));
        assert!(found.contains(&("max_prepared_transactions".to_owned(), "20".to_owned())));
        assert_eq!(found.len(), 5);
        assert_eq!(parse_control(&bytes[..192]).len(), 3);
        bytes[VERSION] = 0;
        assert!(parse_control(&bytes).is_empty());
    }
}
