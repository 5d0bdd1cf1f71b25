//! Option files (`my.cnf`) of the source, read as untrusted text: only what the data needs is taken from them.

use std::path::{Path, PathBuf};

use crate::storage::Volume;

/// Where Debian keeps a server's configuration, below the root of a system.
const BASE: &str = "etc/mysql";
/// Directories of it that are included, in their order; their files are read by name.
const INCLUDED: [&str; 2] = ["conf.d", "mariadb.conf.d"];
/// Such files are small; a larger one is not read.
const LIMIT: u64 = 1 << 20;
/// The data directory, where no file names one.
const USUAL_DATA: &str = "/var/lib/mysql";
/// The groups that a server of this version reads.
const GROUPS: [&str; 8] = [
    "server",
    "mysqld",
    "mariadb",
    "mariadbd",
    "galera",
    "mysqld-10.11",
    "mariadb-10.11",
    "mariadbd-10.11",
];

/// The settings of the server whose data directory is `data`, as this host's files have them, in the order of their effect; none
/// where they are of another server, which has its data elsewhere.
pub(super) fn settings_of(data: &Path) -> Vec<(String, String)> {
    let settings = read_all(Path::new("/")).unwrap_or_default();
    let named = last(&settings, "datadir").map_or_else(|| PathBuf::from(USUAL_DATA), PathBuf::from);
    if named == data { settings } else { Vec::new() }
}

fn read_all(system: &Path) -> Option<Vec<(String, String)>> {
    let base = Volume::open(&system.join(BASE)).ok()?;
    let mut settings = Vec::new();
    for name in ["my.cnf", "mariadb.cnf"] {
        // Debian's my.cnf is a link to mariadb.cnf by way of its alternatives: what is a link is not read, the other is.
        if let Ok(bytes) = base.read(name, LIMIT) {
            settings.extend(parse(&String::from_utf8_lossy(&bytes)));
            break;
        }
    }
    for directory in INCLUDED {
        for entry in base.read_dir(directory).unwrap_or_default() {
            let path = Path::new(directory).join(&entry.name);
            if path.extension().is_some_and(|extension| extension == "cnf")
                && let Ok(bytes) = base.read(&path, LIMIT)
            {
                settings.extend(parse(&String::from_utf8_lossy(&bytes)));
            }
        }
    }
    Some(settings)
}

/// `name = value` lines of the groups that a server reads; names with `-` and `_` are the same. Includes are not followed.
fn parse(text: &str) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let mut of_server = false;
    for line in text.lines().map(str::trim) {
        if let Some(group) = line.strip_prefix('[') {
            let group = group.split(']').next().unwrap_or_default();
            of_server = GROUPS.contains(&group);
        } else if of_server && !line.is_empty() && !line.starts_with(['#', ';', '!']) {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            let name = name.trim().to_ascii_lowercase().replace('-', "_");
            settings.push((name, plain(value)));
        }
    }
    settings
}

/// Without quotes around it and a comment after it.
fn plain(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote)
            && let Some((inside, _)) = rest.split_once(quote)
        {
            return inside.to_owned();
        }
    }
    value.split(" #").next().unwrap_or_default().trim().to_owned()
}

/// The last value of a setting.
pub(super) fn last<'a>(settings: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = settings.iter().rev().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_groups_of_a_server_count_and_the_last_line_wins() {
        let text = "[client]\nport = 1\n[mysqld]\n# port = 2\nport = 3306\ninnodb-log-file-size=96M # so\n\
                    sql_mode = \"STRICT_ALL_TABLES,ANSI\"\n[mariadb-10.6]\nport = 4\n[mariadb]\nPORT=3307\nskip-name-resolve\n";
        let settings = parse(text);
        assert_eq!(last(&settings, "port"), Some("3307"));
        assert_eq!(last(&settings, "innodb_log_file_size"), Some("96M"));
        assert_eq!(last(&settings, "sql_mode"), Some("STRICT_ALL_TABLES,ANSI"));
        assert_eq!(last(&settings, "skip_name_resolve"), Some(""));
        assert_eq!(last(&settings, "datadir"), None);
    }
}
