//! What a server keeps in its data directory, by name. Whatever else lies there (keys, dumps, logs, identities, states of
//! replication and clusters) is no part of the data and does not come along.

/// Endings of what a server keeps of tables, triggers and the like in the directory of a database.
const OF_TABLES: [&str; 14] = [
    "frm", "ibd", "MYD", "MYI", "MAD", "MAI", "CSV", "CSM", "TRG", "TRN", "par", "opt", "MRG", "ARZ",
];

/// Files of the data directory itself that are the data's: table spaces, redo, undo, the log and state of Aria, and what recovery
/// needs to know of statements that were under way.
pub(super) fn belongs(name: &str) -> bool {
    let numbered = |prefix: &str, digits: std::ops::RangeInclusive<usize>| {
        name.strip_prefix(prefix).is_some_and(|rest| {
            digits.contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    matches!(
        name,
        "aria_log_control"
            | "tc.log"
            | "ddl_recovery.log"
            | "ib_buffer_pool"
            | UPGRADE_INFO
            | NEWER_UPGRADE_INFO
    ) || numbered("ibdata", 1..=3)
        || numbered("ib_logfile", 1..=3)
        || numbered("undo", 3..=3)
        || numbered("aria_log.", 8..=8)
}

/// The version whose programs last brought the system tables up to date, before MariaDB 11.
pub(super) const UPGRADE_INFO: &str = "mysql_upgrade_info";
/// The same from MariaDB 11 on.
pub(super) const NEWER_UPGRADE_INFO: &str = "mariadb_upgrade_info";

/// Whether a file in the directory of a database is what a server keeps there. Tables of statements that were under way
/// (`#sql-…`) are named as other tables are; recovery removes them.
pub(super) fn belongs_to_database(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(stem, ending)| OF_TABLES.contains(&ending) && (!stem.is_empty() || ending == "opt"))
        || name == "db.opt"
}

/// Whether a directory of the data directory may be a database: names are written in letters, digits, `_` and `@xxxx`; the hash
/// sign begins those of other servers and of engines that are not supported.
pub(super) fn is_database(name: &str) -> bool {
    name != "lost+found"
        && !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_@$".contains(&byte) || byte >= 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_keeps_belongs() {
        for name in [
            "ibdata1",
            "ib_logfile0",
            "undo001",
            "aria_log.00000001",
            "aria_log_control",
            "ddl_recovery.log",
            "ib_buffer_pool",
        ] {
            assert!(belongs(name), "{name}");
        }
        for name in [
            "t.frm",
            "t#P#p0.ibd",
            "db.opt",
            "#sql-alter-1-2.ibd",
            "FTS_1_2_INDEX_1.ibd",
            "g.TRG",
        ] {
            assert!(belongs_to_database(name), "{name}");
        }
        assert!(is_database("shop") && is_database("a@002db") && is_database("mysql"));
    }

    #[test]
    fn identities_states_of_replication_and_what_people_left_do_not() {
        for name in [
            "auto.cnf",
            "mysqld-auto.cnf",
            "master.info",
            "relay-log.info",
            "master-other.info",
            "multi-master.info",
            "grastate.dat",
            "gvwstate.dat",
            "vm.pid",
            "vm.err",
            "slow.log",
            "ibtmp1",
            "server-key.pem",
            "debian-10.11.flag",
            "ibdata1.bak",
            "undo0001",
        ] {
            assert!(!belongs(name), "{name}");
        }
        for name in ["dump.sql", "t.isl", "t.frm.bak", ".frm", "t"] {
            assert!(!belongs_to_database(name), "{name}");
        }
        for name in ["#rocksdb", "#innodb_redo", "lost+found", ".ssh", "a b"] {
            assert!(!is_database(name), "{name}");
        }
    }
}
