//! What a data directory is, from its files alone; and which of the source's settings its data needs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::account::as_account;
use crate::engine::{EngineError, ServiceSetup};
use crate::runtime::Account;
use crate::storage::{Kind, Volume, VolumeError};

use super::layout::{NEWER_UPGRADE_INFO, UPGRADE_INFO, belongs};
use super::option_files::{last, settings_of};

/// The supported version: of it and no other.
const SUPPORTED: &str = "10.11";
/// The server's program, as Debian has it.
pub(super) const SERVER: &str = "/usr/sbin/mariadbd";
/// The client.
pub const CLIENT: &str = "/usr/bin/mariadb";
/// How long the program may take to say its version.
const SAYS_VERSION_WITHIN: Duration = Duration::from_secs(10);
/// What is read of the first page of a table space, and of the redo log.
const HEADER: u64 = 64;
/// Index files of binary logs are small.
const INDEX_LIMIT: u64 = 1 << 20;
/// The port, where no file names one.
const USUAL_PORT: u16 = 3306;
/// In the format of a redo log: it is encrypted (`log0log.h`).
const ENCRYPTED: u32 = 1 << 31;
/// The smallest and the largest redo log of this version, and its usual size.
const LOG_SIZES: std::ops::RangeInclusive<u64> = (4 << 20)..=(512 << 30);
const USUAL_LOG: u64 = 96 << 20;

/// Settings of the source by which its applications can notice another server, or without which the data reads differently.
const CARRIED: [&str; 17] = [
    "character_set_server",
    "collation_server",
    "default_time_zone",
    "explicit_defaults_for_timestamp",
    "ft_max_word_len",
    "ft_min_word_len",
    "group_concat_max_len",
    "innodb_default_row_format",
    "innodb_file_per_table",
    "innodb_ft_max_token_size",
    "innodb_ft_min_token_size",
    "innodb_strict_mode",
    "lower_case_table_names",
    "max_allowed_packet",
    "max_connections",
    "sql_mode",
    "transaction_isolation",
];

/// Settings that name directories beside the data directory.
const DIRECTORIES: [&str; 4] = [
    "innodb_data_home_dir",
    "innodb_log_group_home_dir",
    "innodb_undo_directory",
    "aria_log_dir_path",
];

/// A recognised data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The owner of the data, who the server runs as.
    pub account: Account,
    /// The port that the source listens on, and so the branch inside.
    pub port: u16,
    /// A number of the branch's own, which no server of the source's replication has.
    pub server_id: u32,
    /// `innodb_data_file_path`: the files of the system's table space.
    pub data_files: String,
    /// How many table spaces there are for undo.
    pub undo_spaces: usize,
    /// Bytes of the redo log.
    pub log_size: u64,
    /// Bytes of a page.
    pub page_size: u32,
    /// The name of the binary log, if there is one: the coordinator of transactions that are under way.
    pub binary_log: Option<String>,
    /// Settings carried over.
    pub carried: Vec<(String, String)>,
}

/// Recognises the data directory of `setup` in a volume.
///
/// # Errors
/// [`EngineError::Unfit`] for another version, encryption, and files of root; [`EngineError::LeavesVolume`] where files of the data
/// are elsewhere.
pub fn identify(volume: &Volume, setup: &ServiceSetup) -> Result<Identity, EngineError> {
    let unfit = |message: String| EngineError::Unfit {
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
    let data = volume
        .metadata(&setup.data)
        .map_err(files("looking at the data directory"))?;
    if data.uid == 0 || data.gid == 0 {
        return Err(unfit(
            "the data directory belongs to root; no MariaDB server runs so".to_owned(),
        ));
    }
    let account = Account {
        uid: data.uid,
        gid: data.gid,
    };
    let mut names = Vec::new();
    for entry in volume
        .read_dir(&setup.data)
        .map_err(files("reading the data directory"))?
    {
        names.extend(entry.name.to_str().map(|name| (name.to_owned(), entry.kind)));
    }
    let has = |name: &str| names.iter().any(|(known, _)| known == name);
    if has("mysql.ibd") || has("#innodb_redo") {
        return Err(unfit("the data is of MySQL, not of MariaDB".to_owned()));
    }
    if has("#rocksdb") {
        return Err(unfit(
            "the data holds tables of MyRocks, which is not supported; convert them to InnoDB".to_owned(),
        ));
    }
    let settings = settings_of(&setup.inner_data());
    refuse_data_elsewhere(setup, &settings, has("ibdata1"))?;
    let header = |name: &str| volume.beginning(setup.data.join(name), HEADER);
    let redo = header("ib_logfile0").map_err(files("reading the redo log"))?;
    let log_size = volume
        .metadata(setup.data.join("ib_logfile0"))
        .map_err(files("looking at the redo log"))?
        .size;
    let system = header("ibdata1").map_err(files("reading the system's table space"))?;
    refuse_encrypted(&redo).map_err(unfit)?;
    let mut said: Vec<String> = creator(&redo).into_iter().collect();
    for name in [UPGRADE_INFO, NEWER_UPGRADE_INFO] {
        match volume.read(setup.data.join(name), 64) {
            Ok(text) => said.push(String::from_utf8_lossy(&text).trim().to_owned()),
            Err(VolumeError::NotFound { .. }) => {}
            Err(error) => return Err(files("reading the version")(error)),
        }
    }
    if said.is_empty() {
        return Err(unfit(
            "nothing says which version wrote the data; run mariadb-upgrade on the source".to_owned(),
        ));
    }
    for version in said {
        refuse_other_version(&version).map_err(unfit)?;
    }
    refuse_other_program(&account).map_err(unfit)?;
    Ok(Identity {
        account,
        port: last(&settings, "port")
            .and_then(|port| port.parse().ok())
            .filter(|port| *port >= 1024)
            .unwrap_or(USUAL_PORT),
        server_id: own_server_id(),
        data_files: data_files(volume, setup, &names, &unfit)?,
        undo_spaces: names
            .iter()
            .filter(|(name, _)| name.starts_with("undo") && belongs(name))
            .count(),
        log_size: Some(log_size)
            .filter(|size| LOG_SIZES.contains(size) && size % 4096 == 0)
            .unwrap_or(USUAL_LOG),
        page_size: page_size(&system).ok_or_else(|| unfit("ibdata1 is no table space".to_owned()))?,
        binary_log: binary_log(volume, setup, &names).map_err(unfit)?,
        carried: carried(&settings),
    })
}

fn refuse_data_elsewhere(
    setup: &ServiceSetup,
    settings: &[(String, String)],
    has_system: bool,
) -> Result<(), EngineError> {
    let leaves = |message: String| EngineError::LeavesVolume {
        service: setup.name.clone(),
        message,
    };
    let data = setup.inner_data();
    for name in DIRECTORIES {
        let named = last(settings, name).unwrap_or_default();
        let inside = named.is_empty() || named == "." || named == "./" || Path::new(named) == data;
        if !inside {
            return Err(leaves(format!(
                "{name} is {named}, which is not the data directory {}; move those files there, then branch again",
                data.display()
            )));
        }
    }
    let path = last(settings, "innodb_data_file_path").unwrap_or_default();
    let outside = path
        .split(';')
        .any(|file| file.split(':').next().is_some_and(|name| name.contains('/')));
    if outside {
        return Err(leaves(format!(
            "innodb_data_file_path is {path}, so that a data file lies outside of the data directory; move it there, then branch again"
        )));
    }
    if !has_system {
        return Err(leaves(format!(
            "there is no ibdata1 in {}: this is no data directory of MariaDB, or its table space lies elsewhere (innodb_data_home_dir); \
             correct `volume` and `data`, or move it there",
            data.display()
        )));
    }
    Ok(())
}

/// The format of the redo log, and who wrote it: `Phys` from 10.8 on (`log0log.h`).
fn refuse_encrypted(redo: &[u8]) -> Result<(), String> {
    let format = redo
        .get(..4)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_be_bytes);
    match format {
        Some(format) if format & ENCRYPTED != 0 => Err(
            "the redo log is encrypted (innodb_encrypt_log); envclone gets no keys, so that such data cannot be branched".to_owned(),
        ),
        Some(_) => Ok(()),
        None => Err("ib_logfile0 is empty: this data cannot be started".to_owned()),
    }
}

/// `MariaDB 10.11.19`, in the header of the redo log.
fn creator(redo: &[u8]) -> Option<String> {
    let text = redo.get(16..48)?;
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let text = std::str::from_utf8(&text[..end]).ok()?;
    // What mariadb-backup wrote does not say of which version.
    (text.starts_with("MariaDB ") || text.starts_with("MySQL ")).then(|| text.to_owned())
}

fn refuse_other_version(said: &str) -> Result<(), String> {
    let version = said.strip_prefix("MariaDB ").unwrap_or(said);
    match major(version) {
        Some(major) if major == SUPPORTED => Ok(()),
        Some(_) => Err(format!(
            "the data is of {}; MariaDB {SUPPORTED} is supported: bring it to that version (mariadb-upgrade), then branch again",
            shown(said)
        )),
        None => Err(format!(
            "the data is of {}, which is no version of MariaDB",
            shown(said)
        )),
    }
}

/// What a file says, as far as it may be shown.
fn shown(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(40)
        .collect()
}

/// `10.11` of `10.11.19-MariaDB`.
fn major(version: &str) -> Option<String> {
    let mut parts = version.split(['.', '-']);
    let mut number = || {
        let part = parts.next()?;
        part.parse::<u16>().ok()
    };
    Some(format!("{}.{}", number()?, number()?))
}

fn refuse_other_program(account: &Account) -> Result<(), String> {
    if !Path::new(SERVER).is_file() || !Path::new(CLIENT).is_file() {
        return Err(format!(
            "the programs of MariaDB {SUPPORTED} are not installed; install mariadb-server-core and mariadb-client-core"
        ));
    }
    let run = as_account(account).map_err(|missing| missing.to_string())?;
    let said = run
        .arg(SERVER)
        .args(["--no-defaults", "--version"])
        .timeout(SAYS_VERSION_WITHIN)
        .run()
        .map_err(|error| error.to_string())?
        .text();
    match program_version(&said) {
        Some(version) if version == SUPPORTED => Ok(()),
        Some(version) => Err(format!(
            "the data is of MariaDB {SUPPORTED}, {SERVER} is of {version}; install mariadb-server of {SUPPORTED}"
        )),
        None => Err(format!("{SERVER} says no version")),
    }
}

/// `/usr/sbin/mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)`
fn program_version(said: &str) -> Option<String> {
    let version = said.split("Ver ").nth(1)?.split(' ').next()?;
    version.contains("MariaDB").then(|| major(version)).flatten()
}

/// The size of a table space's pages, from the flags of its first page (`fsp0types.h`).
fn page_size(page: &[u8]) -> Option<u32> {
    const FLAGS: usize = 54;
    const FULL_CRC32: u32 = 1 << 4;
    let flags = u32::from_be_bytes(page.get(FLAGS..FLAGS + 4)?.try_into().ok()?);
    let power = if flags & FULL_CRC32 == 0 {
        flags >> 6 & 0xf
    } else {
        flags & 0xf
    };
    match power {
        0 => Some(16 << 10),
        3..=7 => Some(512 << power),
        _ => None,
    }
}

/// `ibdata1:12M:autoextend`: the last grows, those before it have the size that they have.
fn data_files(
    volume: &Volume,
    setup: &ServiceSetup,
    names: &[(String, Kind)],
    unfit: &impl Fn(String) -> EngineError,
) -> Result<String, EngineError> {
    let number = |name: &str| name.strip_prefix("ibdata")?.parse::<u32>().ok();
    let mut numbers: Vec<u32> = names.iter().filter_map(|(name, _)| number(name)).collect();
    numbers.sort_unstable();
    if numbers
        .iter()
        .zip(1..)
        .any(|(number, expected)| *number != expected)
    {
        return Err(unfit("the files ibdata1, ibdata2, … have gaps".to_owned()));
    }
    let mut parts = Vec::new();
    for (index, number) in numbers.iter().enumerate() {
        let name = format!("ibdata{number}");
        let found = volume
            .metadata(setup.data.join(&name))
            .map_err(|source| EngineError::Volume {
                service: setup.name.clone(),
                action: "looking at the system's table space",
                source,
            })?;
        let megabytes = found.size >> 20;
        let is_last = index + 1 == numbers.len();
        parts.push(if is_last {
            // It may have any size from this one on.
            format!("{name}:{}M:autoextend", megabytes.clamp(1, 12))
        } else {
            format!("{name}:{megabytes}M")
        });
    }
    Ok(parts.join(";"))
}

/// The name of the binary log, by its index: `NAME.index` beside `NAME.000001`. What the state of replication names, or is called
/// like one, is a relay log.
fn binary_log(
    volume: &Volume,
    setup: &ServiceSetup,
    names: &[(String, Kind)],
) -> Result<Option<String>, String> {
    let states: Vec<String> = names
        .iter()
        .filter(|(name, kind)| {
            *kind == Kind::File && name.starts_with("relay-log") && has_ending(name, "info")
        })
        .filter_map(|(name, _)| volume.read(setup.data.join(name), INDEX_LIMIT).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect();
    let is_log = |base: &str, name: &str| {
        name.strip_prefix(base)
            .and_then(|rest| rest.strip_prefix('.'))
            .is_some_and(|digits| digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut found: Vec<&str> = names
        .iter()
        .filter(|(_, kind)| *kind == Kind::File)
        .filter_map(|(name, _)| name.strip_suffix(".index"))
        .filter(|base| names.iter().any(|(name, _)| is_log(base, name)))
        .filter(|base| {
            !base.contains("relay") && !states.iter().any(|state| state.contains(&format!("{base}.")))
        })
        .filter(|base| {
            base.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        })
        .collect();
    match (found.pop(), found.is_empty()) {
        (base, true) => Ok(base.map(str::to_owned)),
        (_, false) => Err("there are indexes of more than one binary log; remove those of logs that are not written any more".to_owned()),
    }
}

pub(super) fn has_ending(name: &str, ending: &str) -> bool {
    PathBuf::from(name).extension().is_some_and(|own| own == ending)
}

fn own_server_id() -> u32 {
    let mut bytes = [0; 4];
    // Without random numbers it is one that is as good: nothing of a branch replicates.
    let _ = getrandom::fill(&mut bytes);
    u32::from_le_bytes(bytes) | 1 << 31
}

fn carried(settings: &[(String, String)]) -> Vec<(String, String)> {
    let carry = |name: &&str| last(settings, name).map(|value| ((*name).to_owned(), value.to_owned()));
    CARRIED
        .iter()
        .filter_map(carry)
        .filter(|(name, value)| plausible(name, value))
        .collect()
}

/// Numbers are numbers within reason; texts are names of settings and times.
fn plausible(name: &str, value: &str) -> bool {
    let number =
        |range: std::ops::RangeInclusive<u32>| value.parse().is_ok_and(|number| range.contains(&number));
    match name {
        "max_connections" => number(1..=10_000),
        "lower_case_table_names" => number(0..=2),
        "ft_min_word_len" | "ft_max_word_len" | "innodb_ft_min_token_size" | "innodb_ft_max_token_size" => {
            number(0..=252)
        }
        _ => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_,:+-/".contains(&byte);
            (1..=200).contains(&value.len()) && value.bytes().all(plain)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_by_their_first_two_numbers() {
        assert_eq!(major("10.11.19-MariaDB").as_deref(), Some("10.11"));
        let said =
            "/usr/sbin/mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)\n";
        assert_eq!(program_version(said).as_deref(), Some("10.11"));
        assert_eq!(program_version("mysqld  Ver 8.0.36 for Linux on x86_64"), None);
        assert!(refuse_other_version("MariaDB 10.11.6").is_ok());
        for other in ["10.6.18-MariaDB", "11.8.2-MariaDB", "MySQL 8.0.36", "x"] {
            assert!(refuse_other_version(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_redo_log_says_who_wrote_it_and_whether_it_is_encrypted() {
        let mut redo = vec![0; 64];
        redo[..4].copy_from_slice(b"Phys");
        redo[16..32].copy_from_slice(b"MariaDB 10.11.19");
        assert!(refuse_encrypted(&redo).is_ok());
        assert_eq!(creator(&redo).as_deref(), Some("MariaDB 10.11.19"));
        redo[0] |= 0x80;
        assert!(refuse_encrypted(&redo).is_err());
        assert!(refuse_encrypted(b"").is_err());
    }

    #[test]
    fn pages_have_the_size_that_their_table_space_says() {
        let page = |flags: u32| {
            let mut page = vec![0; 64];
            page[54..58].copy_from_slice(&flags.to_be_bytes());
            page_size(&page)
        };
        assert_eq!(page(0x15), Some(16 << 10));
        assert_eq!(page(0x13), Some(4 << 10));
        assert_eq!(page(0), Some(16 << 10));
        assert_eq!(page(7 << 6), Some(64 << 10));
        assert_eq!(page(0x1f), None);
        assert_eq!(page_size(&[0; 10]), None);
    }

    #[test]
    fn implausible_settings_are_not_carried() {
        let settings = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let good = settings(&[
            ("sql_mode", "STRICT_ALL_TABLES,ANSI_QUOTES"),
            ("max_connections", "77"),
            ("init_file", "/x"),
        ]);
        assert_eq!(
            carried(&good),
            good[..2].iter().rev().cloned().collect::<Vec<_>>()
        );
        let bad = settings(&[
            ("sql_mode", "a\nplugin_load=x"),
            ("max_connections", "0"),
            ("lower_case_table_names", "9"),
        ]);
        assert!(carried(&bad).is_empty());
    }
}
