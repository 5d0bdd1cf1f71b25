//! What a data directory is, from its files alone; and which of the source's settings its data needs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::control::{CONTROL_BYTES, parse_control};
use crate::engine::{EngineError, ServiceSetup};
use crate::runtime::{Account, Rootfs};
use crate::storage::Volume;

use super::programs::programs;
use super::rootfs::rootfs;

/// The oldest supported major version.
const OLDEST: u32 = 14;
/// Where Debian keeps a cluster's configuration, outside of its data, below the root of a system.
const DEBIAN_CONFIG: &str = "etc/postgresql";
/// The host's client, of whatever version.
const HOST_CLIENT: &str = "/usr/bin/psql";
/// Configuration files are small; a larger one is not read.
const CONFIG_LIMIT: u64 = 1 << 20;

/// Libraries that may be preloaded in a branch: they start no workers and call nothing.
const HARMLESS_LIBRARIES: [&str; 6] = [
    "pg_stat_statements",
    "auto_explain",
    "pgaudit",
    "pg_hint_plan",
    "pg_trgm",
    "passwordcheck",
];

/// Settings of the source that its applications can notice and that act on nothing outside.
const CARRIED: [&str; 17] = [
    "max_connections",
    "max_worker_processes",
    "max_locks_per_transaction",
    "timezone",
    "datestyle",
    "intervalstyle",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "default_text_search_config",
    "bytea_output",
    "standard_conforming_strings",
    "default_transaction_isolation",
    "search_path",
    "extra_float_digits",
    "xmlbinary",
    "xmloption",
];

/// A recognised data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Major version.
    pub major: u32,
    /// Where the programs of that version are; inside of `rootfs`, if there is one.
    pub programs: PathBuf,
    /// The unpacked root file system from which the server runs, without links on the way.
    #[serde(default)]
    pub rootfs: Option<PathBuf>,
    /// The owner of the data, who the server runs as.
    pub account: Account,
    /// The role that made the cluster: as configured, or by the custom of being named like its account.
    pub superuser: String,
    /// The port that the source listens on, and so the branch inside.
    pub port: u16,
    /// The source's `wal_level`.
    pub wal_level: String,
    /// At least as many as there are prepared transactions.
    pub max_prepared_transactions: u32,
    /// Preloaded libraries that are harmless.
    pub libraries: Vec<String>,
    /// Settings carried over.
    pub carried: Vec<(String, String)>,
}

impl Identity {
    /// The client program of that version, as the sandbox sees it; without one, that of the host.
    pub fn client(&self) -> PathBuf {
        let own = self.programs.join("psql");
        // A root file system without one is refused.
        if self.rootfs.is_some() || own.is_file() {
            own
        } else {
            PathBuf::from(HOST_CLIENT)
        }
    }
}

/// Recognises the data directory of `setup` in a volume.
///
/// # Errors
/// [`EngineError::Unfit`] for another version and files of root; [`EngineError::Misconfigured`] where no server for it is found.
pub fn identify(volume: &Volume, setup: &ServiceSetup) -> Result<Identity, EngineError> {
    let unfit = |message: String| EngineError::Unfit {
        service: setup.name.clone(),
        message,
    };
    let misconfigured = |message: String| EngineError::Misconfigured {
        service: setup.name.clone(),
        message,
    };
    let files = |action| {
        move |source| EngineError::Volume {
            service: setup.name.clone(),
            action,
            source,
        }
    };
    let text = volume
        .read(setup.data.join("PG_VERSION"), 16)
        .map_err(files("reading PG_VERSION"))?;
    let major = parse_major(&text).ok_or_else(|| unfit("PG_VERSION holds no version".to_owned()))?;
    if major < OLDEST {
        return Err(unfit(format!(
            "the data is of PostgreSQL {major}; {OLDEST} and newer are supported"
        )));
    }
    let data = volume
        .metadata(&setup.data)
        .map_err(files("looking at the data directory"))?;
    if data.uid == 0 || data.gid == 0 {
        return Err(unfit(
            "the data directory belongs to root; no PostgreSQL server runs so".to_owned(),
        ));
    }
    let account = Account {
        uid: data.uid,
        gid: data.gid,
    };
    let (rootfs, programs) = served_by(setup, major, &account).map_err(|message| {
        // A package that is missing is a matter of the host.
        let is_named = setup.programs.is_some() || setup.rootfs.is_some();
        if is_named {
            misconfigured(message)
        } else {
            unfit(message)
        }
    })?;
    let settings = source_settings(volume, setup, major);
    let prepared = volume
        .read_dir(setup.data.join("pg_twophase"))
        .map_or(0, |entries| entries.len());
    Ok(Identity {
        major,
        programs,
        account,
        superuser: setup
            .superuser
            .clone()
            .or_else(|| account_name(rootfs.as_deref(), data.uid))
            .unwrap_or_else(|| "postgres".to_owned()),
        port: last(&settings, "port")
            .and_then(|port| port.parse().ok())
            .unwrap_or(5432),
        wal_level: wal_level(&settings),
        max_prepared_transactions: prepared_limit(&settings, prepared),
        libraries: harmless_libraries(&settings),
        carried: carried(&settings),
        rootfs,
    })
}

/// What runs the server: a root file system, if one is named, and the programs in it or on this host.
fn served_by(
    setup: &ServiceSetup,
    major: u32,
    account: &Account,
) -> Result<(Option<PathBuf>, PathBuf), String> {
    match &setup.rootfs {
        Some(named) => {
            let (rootfs, programs) = rootfs(named, setup.programs.as_deref(), major, account)?;
            Ok((Some(rootfs), programs))
        }
        None => Ok((None, programs(setup, major, account)?)),
    }
}

fn parse_major(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// The name of the account where the server runs.
fn account_name(rootfs: Option<&Path>, uid: u32) -> Option<String> {
    if let Some(rootfs) = rootfs {
        return Rootfs::open(rootfs).ok()?.account_name(uid);
    }
    nix::unistd::User::from_uid(uid.into())
        .ok()
        .flatten()
        .map(|user| user.name)
}

/// The settings of the source as its files say, in the order of their effect; first what it last ran with, since files
/// that others include are not read. They are untrusted text: a file that is not there, too large or garbled adds nothing.
fn source_settings(volume: &Volume, setup: &ServiceSetup, major: u32) -> Vec<(String, String)> {
    let control = setup.data.join("global/pg_control");
    let control = volume.read(control, CONTROL_BYTES).unwrap_or_default();
    let mut settings = parse_control(&control);
    let systems = [setup.rootfs.as_deref(), Some(Path::new("/"))];
    let text = systems
        .into_iter()
        .flatten()
        .find_map(|system| debian_config(system, setup, major));
    settings.extend(text.iter().flat_map(|text| parse_settings(text)));
    for name in ["postgresql.conf", "postgresql.auto.conf"] {
        if let Ok(bytes) = volume.read(setup.data.join(name), CONFIG_LIMIT) {
            settings.extend(parse_settings(&String::from_utf8_lossy(&bytes)));
        }
    }
    settings
}

/// The configuration below `/etc/postgresql/<major>` of a system whose `data_directory` is the service's.
fn debian_config(system: &Path, setup: &ServiceSetup, major: u32) -> Option<String> {
    let base = Volume::open(&system.join(DEBIAN_CONFIG)).ok()?;
    let version = PathBuf::from(major.to_string());
    for cluster in base.read_dir(&version).ok()? {
        let Ok(bytes) = base.read(version.join(cluster.name).join("postgresql.conf"), CONFIG_LIMIT) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let settings = parse_settings(&text);
        if last(&settings, "data_directory").map(PathBuf::from) == Some(setup.inner_data()) {
            return Some(text);
        }
    }
    None
}

/// `name = 'value'` lines of a configuration file. Includes are not followed.
fn parse_settings(text: &str) -> Vec<(String, String)> {
    text.lines().filter_map(parse_setting).collect()
}

fn parse_setting(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))?;
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let value = match rest.strip_prefix('\'') {
        Some(quoted) => unquote(quoted)?,
        None => rest.split(['#', ' ', '\t']).next()?.to_owned(),
    };
    (!name.is_empty()).then(|| (name.to_ascii_lowercase(), value))
}

fn unquote(quoted: &str) -> Option<String> {
    let mut value = String::new();
    let mut characters = quoted.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\'' if characters.peek() == Some(&'\'') => {
                characters.next();
                value.push('\'');
            }
            '\'' => return Some(value),
            '\\' => value.push(characters.next()?),
            other => value.push(other),
        }
    }
    None
}

fn last<'a>(settings: &'a [(String, String)], name: &str) -> Option<&'a str> {
    settings
        .iter()
        .rev()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

fn wal_level(settings: &[(String, String)]) -> String {
    match last(settings, "wal_level") {
        Some("logical") => "logical".to_owned(),
        _ => "replica".to_owned(),
    }
}

/// Never below what the first start must recover.
fn prepared_limit(settings: &[(String, String)], present: usize) -> u32 {
    let named = |(name, _): &&(String, String)| name == "max_prepared_transactions";
    let numbers = settings.iter().filter(named).filter_map(|(_, n)| n.parse().ok());
    let configured = numbers.max().unwrap_or(0);
    let present = u32::try_from(present)
        .unwrap_or(u32::MAX)
        .saturating_add(8)
        .min(10_000);
    // Transactions prepared since the last checkpoint are in the WAL only, so a margin stays.
    if configured == 0 && present == 8 {
        0
    } else {
        present.max(configured).min(10_000)
    }
}

fn harmless_libraries(settings: &[(String, String)]) -> Vec<String> {
    let listed = last(settings, "shared_preload_libraries").unwrap_or_default();
    let name = |entry: &str| {
        entry
            .trim()
            .trim_matches('"')
            .trim_start_matches("$libdir/")
            .to_owned()
    };
    listed
        .split(',')
        .map(name)
        .filter(|library| HARMLESS_LIBRARIES.contains(&library.as_str()))
        .collect()
}

fn carried(settings: &[(String, String)]) -> Vec<(String, String)> {
    let carry = |name: &&str| last(settings, name).map(|value| ((*name).to_owned(), value.to_owned()));
    CARRIED
        .iter()
        .filter_map(carry)
        .filter(|(name, value)| plausible(name, value))
        .collect()
}

/// Numbers are numbers within reason; texts are short and of one line.
fn plausible(name: &str, value: &str) -> bool {
    match name {
        "max_connections" | "max_worker_processes" | "max_locks_per_transaction" => value
            .parse::<u32>()
            .is_ok_and(|number| (1..=10_000).contains(&number)),
        _ => value.len() <= 200 && !value.chars().any(char::is_control),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = "# comment\nport = 5433\t# (change requires restart)\n  Shared_Preload_Libraries = 'pg_cron, pg_stat_statements'\n\
        max_connections 200\ntimezone = 'Europe/Paris'\narchive_command = 'cp %p /x/''y'''\nmax_connections = 300\nwal_level = logical\n#wal_level = minimal\n";

    #[test]
    fn the_last_line_of_a_setting_wins() {
        let settings = parse_settings(CONF);
        assert_eq!(last(&settings, "max_connections"), Some("300"));
        assert_eq!(last(&settings, "port"), Some("5433"));
        assert_eq!(last(&settings, "archive_command"), Some("cp %p /x/'y'"));
        assert_eq!(wal_level(&settings), "logical");
    }

    #[test]
    fn only_harmless_libraries_and_settings_are_carried() {
        let settings = parse_settings(CONF);
        assert_eq!(harmless_libraries(&settings), ["pg_stat_statements"]);
        let names: Vec<String> = carried(&settings).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["max_connections", "timezone"]);
    }

    #[test]
    fn implausible_values_are_not_carried() {
        let settings = parse_settings("max_connections = 99999999\ntimezone = 'a\tb'\n");
        assert!(carried(&settings).is_empty());
        assert_eq!(parse_setting("name = 'never closed"), None);
    }

    #[test]
    fn prepared_transactions_are_never_given_less_room_than_they_need() {
        assert_eq!(prepared_limit(&[], 0), 0);
        assert!(prepared_limit(&[], 3) >= 3);
        assert_eq!(
            prepared_limit(&parse_settings("max_prepared_transactions = 64"), 0),
            64
        );
        let ran_with = [("max_prepared_transactions".to_owned(), "20".to_owned())];
        let files = parse_settings("max_prepared_transactions = 0");
        assert_eq!(prepared_limit(&[&ran_with[..], &files].concat(), 0), 20);
    }
}
