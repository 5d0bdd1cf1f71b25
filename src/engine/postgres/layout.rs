//! What a server keeps in `base`, `global` and `pg_wal`, by its name (PostgreSQL manual, "Database File Layout"). Whatever else
//! lies there was put there by a person.

use std::path::Path;

/// Directories that hold what is named by [`belongs`].
pub(super) const NAMED: [&str; 3] = ["base", "global", "pg_wal"];

const SEGMENT: usize = 24;
const TIMELINE: usize = 8;

/// Whether a server makes something of that name there; `path` is below the data directory, in one of [`NAMED`].
pub(super) fn belongs(path: &Path) -> bool {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    match parts.as_deref() {
        Some(["base", database]) => is_number(database),
        Some(["base", database, name]) => {
            is_number(database) && (is_of_database(name) || *name == "PG_VERSION")
        }
        Some(["global", name]) => is_of_database(name) || *name == "pg_control",
        Some(["pg_wal", "archive_status" | "summaries", ..]) => true,
        Some(["pg_wal", name]) => is_wal(name),
        _ => false,
    }
}

fn is_of_database(name: &str) -> bool {
    is_relation(name) || name == "pg_filenode.map" || name.starts_with("pg_internal.init")
}

/// `16384`, `16384_vm`, `16384_fsm.1`, and `t3_16384` of a temporary table, which the server removes as it starts.
fn is_relation(name: &str) -> bool {
    let temporary = name.strip_prefix('t').and_then(|rest| rest.split_once('_'));
    let rest = match temporary {
        Some((backend, rest)) if is_number(backend) => rest,
        Some(_) => return false,
        None => name,
    };
    let (rest, segment) = rest.split_once('.').unwrap_or((rest, "0"));
    let (number, fork) = rest.split_once('_').unwrap_or((rest, "vm"));
    is_number(number) && is_number(segment) && matches!(fork, "vm" | "fsm" | "init")
}

/// A segment, what is named after one, or the history of a timeline.
fn is_wal(name: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.get(..SEGMENT).is_some_and(is_hex)
        || name
            .strip_suffix(".history")
            .is_some_and(|timeline| timeline.len() == TIMELINE && is_hex(timeline))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_makes_belongs() {
        for path in [
            "base/1",
            "base/16384/1259",
            "base/16384/1259_vm",
            "base/16384/1259_fsm.2",
            "base/16384/1259.13",
            "base/16384/16401_init",
            "base/16384/t3_16390",
            "base/16384/t3_16390_fsm",
            "base/5/PG_VERSION",
            "base/5/pg_filenode.map",
            "base/5/pg_internal.init",
            "base/5/pg_internal.init.4711",
            "global/1262",
            "global/pg_control",
            "pg_wal/0000000100000000000000A1",
            "pg_wal/0000000100000000000000A1.00000028.backup",
            "pg_wal/00000002.history",
            "pg_wal/archive_status",
        ] {
            assert!(belongs(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn what_a_person_put_there_does_not() {
        for path in [
            "base/dump.sql",
            "base/pgsql_tmp",
            "base/1/keep.sql",
            "base/1/1259.old",
            "base/1/1259_bak",
            "base/1/t_1259",
            "base/1/old/1259",
            "global/old",
            "global/PG_VERSION",
            "pg_wal/notes.txt",
            "pg_wal/x.history",
        ] {
            assert!(!belongs(Path::new(path)), "{path}");
        }
    }
}
