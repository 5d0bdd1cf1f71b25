//! What a branch's server is started with. Whatever must hold is on the command line, which beats
//! `postgresql.auto.conf` and `ALTER SYSTEM`; the files named there are envclone's own, outside of the volume.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::identify::Identity;
use super::session::quote_identifier;
use crate::engine::ServiceSetup;
use crate::runtime::{Bind, InstanceSpec, SandboxSpec, Severities};

/// Where the sandbox sees envclone's own configuration of the server, read-only.
pub const CONF_DIR: &str = "/run/envclone-conf";
/// Where the server puts its socket: private to the sandbox.
const SOCKET_DIR: &str = "/run/postgresql";
/// What the server prints when it takes connections (`lc_messages` is C).
const READY_LINE: &str = "database system is ready to accept connections";
/// Sets the I/O priority and becomes the program that it is given (util-linux).
const IONICE: &str = "/usr/bin/ionice";
/// SIGINT: PostgreSQL's fast shutdown.
const FAST_SHUTDOWN: i32 = 2;

/// What a start is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To rewrite tables: as little WAL as possible, no background work.
    Sanitize,
    /// To be used.
    Serve,
}

/// Settings by command line, as they must be read back. Those with an empty value switch something off.
pub(super) fn overrides(
    identity: &Identity,
    setup: &ServiceSetup,
    mode: Mode,
) -> Vec<(&'static str, String)> {
    let mut settings: Vec<(&'static str, String)> = vec![
        ("config_file", format!("{CONF_DIR}/postgresql.conf")),
        ("hba_file", format!("{CONF_DIR}/pg_hba.conf")),
        ("ident_file", format!("{CONF_DIR}/pg_ident.conf")),
        ("external_pid_file", String::new()),
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("port", identity.port.to_string()),
        ("unix_socket_directories", SOCKET_DIR.to_owned()),
        ("archive_mode", "off".to_owned()),
        ("archive_command", String::new()),
        ("archive_cleanup_command", String::new()),
        ("recovery_end_command", String::new()),
        ("restore_command", String::new()),
        ("primary_conninfo", String::new()),
        ("primary_slot_name", String::new()),
        ("synchronous_standby_names", String::new()),
        ("max_logical_replication_workers", "0".to_owned()),
        ("shared_preload_libraries", identity.libraries.join(",")),
        ("session_preload_libraries", String::new()),
        ("local_preload_libraries", String::new()),
        ("dynamic_library_path", "$libdir".to_owned()),
        ("ssl", "off".to_owned()),
        ("krb_server_keyfile", String::new()),
        ("huge_pages", "off".to_owned()),
        ("password_encryption", "scram-sha-256".to_owned()),
        ("logging_collector", "off".to_owned()),
        ("log_destination", "stderr".to_owned()),
        ("lc_messages", "C".to_owned()),
        // Its users could keep it from ever saying that it is ready.
        ("log_min_messages", "warning".to_owned()),
        (
            "max_prepared_transactions",
            identity.max_prepared_transactions.to_string(),
        ),
        ("recovery_init_sync_method", "syncfs".to_owned()),
        ("event_source", "PostgreSQL".to_owned()),
    ];
    settings.extend(by_version(identity.major));
    settings.extend(by_mode(identity, mode));
    if !setup.durable || mode == Mode::Sanitize {
        settings.push(("fsync", "off".to_owned()));
        settings.push(("full_page_writes", "off".to_owned()));
    }
    // Windows only; kept out rather than passed.
    settings.retain(|(name, _)| *name != "event_source");
    settings
}

/// Settings that only some versions know.
fn by_version(major: u32) -> Vec<(&'static str, String)> {
    let mut settings = Vec::new();
    if major >= 15 {
        settings.push(("archive_library", String::new()));
    }
    if major <= 15 {
        settings.push(("promote_trigger_file", String::new()));
    }
    if major <= 14 {
        settings.push(("stats_temp_directory", "pg_stat_tmp".to_owned()));
    }
    if major >= 17 {
        settings.push(("summarize_wal", "off".to_owned()));
        settings.push(("sync_replication_slots", "off".to_owned()));
    }
    if major >= 18 {
        // io_uring is refused in the sandbox.
        settings.push(("io_method", "worker".to_owned()));
        settings.push(("extension_control_path", "$system".to_owned()));
        settings.push(("oauth_validator_libraries", String::new()));
    }
    settings
}

fn by_mode(identity: &Identity, mode: Mode) -> Vec<(&'static str, String)> {
    let text = |pairs: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        pairs
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect()
    };
    match mode {
        Mode::Sanitize => text(&[
            ("wal_level", "minimal"),
            ("max_wal_senders", "0"),
            ("wal_skip_threshold", "0"),
            ("wal_recycle", "off"),
            ("wal_init_zero", "off"),
            ("max_wal_size", "16GB"),
            ("autovacuum", "off"),
            ("synchronous_commit", "off"),
            ("maintenance_work_mem", "256MB"),
            ("max_parallel_maintenance_workers", "2"),
            ("log_statement", "none"),
            ("log_min_error_statement", "panic"),
            ("log_error_verbosity", "terse"),
            ("track_activities", "off"),
        ]),
        Mode::Serve => {
            let mut settings = text(&[
                ("wal_recycle", "off"),
                // What copy-on-write storage gains nothing from.
                ("wal_init_zero", "off"),
                ("min_wal_size", "32MB"),
            ]);
            settings.push(("wal_level", identity.wal_level.clone()));
            settings
        }
    }
}

/// The server of a branch as the runtime starts it.
///
/// `clone_volume` is the volume's directory in the clone, `conf` the directory of [`conf_files`], both on the host.
pub fn instance(
    setup: &ServiceSetup,
    identity: &Identity,
    clone_volume: &Path,
    conf: &Path,
    mode: Mode,
    sealed: bool,
) -> InstanceSpec {
    let mut args: Vec<OsString> = vec!["-D".into(), setup.inner_data().into()];
    for (name, value) in overrides(identity, setup, mode) {
        args.push("-c".into());
        args.push(format!("{name}={value}").into());
    }
    let postgres = identity.programs.join("postgres");
    let (program, args) = match mode {
        Mode::Serve => (postgres, args),
        // The disk is production's first: a rewrite takes what nobody else wants, where the disk's scheduler knows that.
        Mode::Sanitize => {
            let idle = ["-c".into(), "3".into(), "--".into(), postgres.into_os_string()];
            (PathBuf::from(IONICE), idle.into_iter().chain(args).collect())
        }
    };
    InstanceSpec {
        sandbox: sandbox(setup, identity, clone_volume, Some(conf)),
        program,
        args,
        stop_signal: FAST_SHUTDOWN,
        ready_line: READY_LINE.to_owned(),
        severities: severities(),
        ready_within: Duration::from_secs(30 * 60),
        sealed,
    }
}

/// `FATAL:  …` (PostgreSQL manual, message severity levels; two spaces follow the tag in the server's log).
fn severities() -> Severities {
    let marks = |tags: &[&str]| tags.iter().map(|tag| format!("{tag}:  ")).collect();
    Severities {
        shown: marks(&["FATAL", "PANIC"]),
        hidden: marks(&[
            "BACKTRACE",
            "CONTEXT",
            "DEBUG",
            "DETAIL",
            "ERROR",
            "HINT",
            "INFO",
            "LOCATION",
            "LOG",
            "NOTICE",
            "QUERY",
            "STATEMENT",
            "WARNING",
        ]),
    }
}

/// The walls of a one-shot program on the data of a stopped branch, such as `pg_resetwal`.
pub fn job_sandbox(setup: &ServiceSetup, identity: &Identity, clone_volume: &Path) -> SandboxSpec {
    sandbox(setup, identity, clone_volume, None)
}

fn sandbox(setup: &ServiceSetup, identity: &Identity, volume: &Path, conf: Option<&Path>) -> SandboxSpec {
    let mut binds = vec![Bind {
        source: volume.to_owned(),
        target: setup.path.clone(),
        writable: true,
    }];
    if let Some(conf) = conf {
        binds.push(Bind {
            source: conf.to_owned(),
            target: PathBuf::from(CONF_DIR),
            writable: false,
        });
    }
    if identity.rootfs.is_none()
        && !identity.programs.starts_with("/usr")
        && let Some(prefix) = identity.programs.parent()
    {
        binds.push(Bind {
            source: prefix.to_owned(),
            target: prefix.to_owned(),
            writable: false,
        });
    }
    SandboxSpec {
        service: setup.name.clone(),
        account: identity.account.clone(),
        hostname: setup.name.to_string(),
        binds,
        private_dirs: vec![PathBuf::from(SOCKET_DIR)],
        rootfs: identity.rootfs.clone(),
        env: vec![
            ("LC_ALL".to_owned(), "C.UTF-8".to_owned()),
            ("PGTZ".to_owned(), String::new()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect(),
    }
}

/// Who may log in.
#[derive(Debug, Clone, Copy)]
pub enum Logins<'a> {
    /// The branch is sealed: envclone alone, recognised by its own socket (see [`super::Ident`]).
    Sealed,
    /// It is published: these roles, those of the URL and of `keep-login`, by their new passwords.
    Published(&'a [String]),
}

/// The configuration files that the server reads, by name; they go into a root-owned directory that the
/// sandbox sees at [`CONF_DIR`].
pub fn conf_files(identity: &Identity, logins: Logins<'_>) -> Vec<(&'static str, String)> {
    let carried = identity
        .carried
        .iter()
        .map(|(name, value)| format!("{name} = {}\n", quote_setting(value)));
    let (alone, hba) = match logins {
        // A transaction of a vacuum worker keeps dead rows from going while catalogs are rewritten; the last line holds.
        Logins::Sealed => ("autovacuum = off\n", hba_sealed()),
        Logins::Published(roles) => ("", hba_published(roles)),
    };
    let conf = format!(
        "# Written by envclone; what must hold is on the command line.\n{}{alone}",
        carried.collect::<String>()
    );
    vec![
        ("postgresql.conf", conf),
        ("pg_hba.conf", hba),
        ("pg_ident.conf", ident_map()),
    ]
}

/// A value of `postgresql.conf`: in single quotes, with quotes doubled.
fn quote_setting(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

/// Whatever role envclone's own `ident` answer names is the role that it may be.
fn ident_map() -> String {
    "envclone /^(.*)$ \\1\n".to_owned()
}

fn hba_sealed() -> String {
    "host all all 127.0.0.1/32 ident map=envclone\n".to_owned()
}

fn hba_published(roles: &[String]) -> String {
    let line = |role: &String| format!("host all {} 127.0.0.1/32 scram-sha-256\n", quote_hba(role));
    roles.iter().map(line).collect::<String>() + "host all all all reject\nlocal all all reject\n"
}

/// A quoted name in `pg_hba.conf` loses its special meaning (`all`, `+group`); quotes inside are doubled.
fn quote_hba(role: &str) -> String {
    quote_identifier(role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_named_all_does_not_open_the_door_to_all() {
        let hba = hba_published(&["all".to_owned(), "a\"b".to_owned()]);
        assert!(hba.contains("host all \"all\" 127.0.0.1/32 scram-sha-256\n"));
        assert!(hba.contains("\"a\"\"b\""));
        assert!(hba.ends_with("host all all all reject\nlocal all all reject\n"));
    }

    #[test]
    fn carried_settings_cannot_break_out_of_their_quotes() {
        assert_eq!(quote_setting("a'b\\"), "'a''b\\\\'");
    }
}
