//! What a branch's server is started with: one file of envclone's own, outside of the volume, and nothing of the host's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::ServiceSetup;
use crate::model::Secret;
use crate::runtime::{Bind, InstanceSpec, SandboxSpec, Severities};

use super::accounts::lock_all;
use super::identify::{Identity, SERVER};

/// Where the sandbox sees envclone's own configuration of the server, read-only. Plugins are looked for there, too, and none is.
pub(super) const CONF_DIR: &str = "/run/envclone-conf";
const OPTIONS: &str = "my.cnf";
const INIT: &str = "seal.sql";
/// Where the server puts its socket: private to the sandbox.
const SOCKET_DIR: &str = "/run/mysqld";
/// What the server prints when it takes connections (`lc_messages` is `en_US`, where its users cannot change it).
const READY_LINE: &str = ": ready for connections.";
/// SIGTERM: a clean shutdown.
const SHUTDOWN: i32 = 15;
/// Bytes of the buffer pool.
const BUFFER_POOL: &str = "67108864";

/// What a start is for.
#[derive(Debug, Clone, Copy)]
pub enum Phase<'a> {
    /// The first start on a clone: the data recovers with its binary log as the coordinator, and before the server takes any
    /// connection all accounts are locked but envclone's own, of this verifier.
    Seal {
        /// What the server stores of the password of envclone's own account.
        password: &'a Secret,
    },
    /// To be used.
    Serve,
}

/// A setting of the file: option, value, and what the server must say of it as a variable; [`None`] where it says nothing.
pub(super) struct Setting {
    pub(super) option: &'static str,
    pub(super) value: String,
    pub(super) read_back: Option<(&'static str, String)>,
}

fn same(option: &'static str, variable: &'static str, value: impl Into<String>) -> Setting {
    let value = value.into();
    Setting {
        option,
        value: value.clone(),
        read_back: Some((variable, value)),
    }
}

fn silent(option: &'static str, value: impl Into<String>) -> Setting {
    Setting {
        option,
        value: value.into(),
        read_back: None,
    }
}

/// What must hold whatever a start is for.
pub(super) fn settings(identity: &Identity, setup: &ServiceSetup) -> Vec<Setting> {
    let mut settings = vec![
        same("datadir", "DATADIR", setup.inner_data().display().to_string()),
        same("socket", "SOCKET", format!("{SOCKET_DIR}/mysqld.sock")),
        same("pid-file", "PID_FILE", format!("{SOCKET_DIR}/mysqld.pid")),
        same("bind-address", "BIND_ADDRESS", "127.0.0.1"),
        same("port", "PORT", identity.port.to_string()),
        same("server-id", "SERVER_ID", identity.server_id.to_string()),
        same("tmpdir", "TMPDIR", "/tmp"),
        same("plugin-dir", "PLUGIN_DIR", CONF_DIR),
        same("event-scheduler", "EVENT_SCHEDULER", "DISABLED"),
        same("init-connect", "INIT_CONNECT", ""),
        same("init-slave", "INIT_SLAVE", ""),
        same("general-log", "GENERAL_LOG", "OFF"),
        same("slow-query-log", "SLOW_QUERY_LOG", "OFF"),
        same("log-output", "LOG_OUTPUT", "FILE"),
        same("lc-messages", "LC_MESSAGES", "en_US"),
        same("wsrep-on", "WSREP_ON", "OFF"),
        same("wsrep-provider", "WSREP_PROVIDER", "none"),
        same("wsrep-cluster-address", "WSREP_CLUSTER_ADDRESS", ""),
        same("report-host", "REPORT_HOST", ""),
        same("performance-schema", "PERFORMANCE_SCHEMA", "OFF"),
        same("innodb-force-recovery", "INNODB_FORCE_RECOVERY", "0"),
        same("innodb-buffer-pool-size", "INNODB_BUFFER_POOL_SIZE", BUFFER_POOL),
        same(
            "innodb-buffer-pool-load-at-startup",
            "INNODB_BUFFER_POOL_LOAD_AT_STARTUP",
            "OFF",
        ),
        same(
            "innodb-buffer-pool-dump-at-shutdown",
            "INNODB_BUFFER_POOL_DUMP_AT_SHUTDOWN",
            "OFF",
        ),
        same(
            "innodb-data-file-path",
            "INNODB_DATA_FILE_PATH",
            identity.data_files.clone(),
        ),
        same(
            "innodb-undo-tablespaces",
            "INNODB_UNDO_TABLESPACES",
            identity.undo_spaces.to_string(),
        ),
        same(
            "innodb-log-file-size",
            "INNODB_LOG_FILE_SIZE",
            identity.log_size.to_string(),
        ),
        same(
            "innodb-page-size",
            "INNODB_PAGE_SIZE",
            identity.page_size.to_string(),
        ),
        // io_uring is refused in the sandbox.
        same("innodb-use-native-aio", "INNODB_USE_NATIVE_AIO", "OFF"),
        silent("skip-slave-start", ""),
        silent("skip-ssl", ""),
        silent("loose-feedback", "OFF"),
        silent("log-warnings", "1"),
    ];
    if !setup.durable {
        settings.extend([
            same("innodb-flush-method", "INNODB_FLUSH_METHOD", "nosync"),
            same(
                "innodb-flush-log-at-trx-commit",
                "INNODB_FLUSH_LOG_AT_TRX_COMMIT",
                "0",
            ),
        ]);
    }
    settings
}

/// The server of a branch as the runtime starts it.
///
/// `clone_volume` is the volume's directory in the clone, `conf` the directory of [`conf_files`], both on the host.
pub fn instance(
    setup: &ServiceSetup,
    identity: &Identity,
    clone_volume: &Path,
    conf: &Path,
    sealed: bool,
) -> InstanceSpec {
    let bind = |source: &Path, target: PathBuf, writable| Bind {
        source: source.to_owned(),
        target,
        writable,
    };
    InstanceSpec {
        sandbox: SandboxSpec {
            service: setup.name.clone(),
            account: identity.account.clone(),
            hostname: setup.name.to_string(),
            binds: vec![
                bind(clone_volume, setup.path.clone(), true),
                bind(conf, PathBuf::from(CONF_DIR), false),
            ],
            private_dirs: vec![PathBuf::from(SOCKET_DIR)],
            rootfs: None,
            env: vec![("LC_ALL".to_owned(), "C.UTF-8".to_owned())],
        },
        program: PathBuf::from(SERVER),
        args: vec![format!("--defaults-file={CONF_DIR}/{OPTIONS}").into()],
        stop_signal: SHUTDOWN,
        ready_line: READY_LINE.to_owned(),
        severities: Severities {
            shown: vec!["[ERROR] ".to_owned()],
            hidden: vec!["[Warning] ".to_owned(), "[Note] ".to_owned()],
        },
        ready_within: Duration::from_secs(30 * 60),
        sealed,
    }
}

/// The files that the server reads, by name; they go into a root-owned directory that the sandbox sees at [`CONF_DIR`].
pub fn conf_files(
    identity: &Identity,
    setup: &ServiceSetup,
    phase: Phase<'_>,
) -> Vec<(&'static str, String)> {
    let mut text = "# Written by envclone; the server reads no other file.\n[mariadbd]\n".to_owned();
    for (name, value) in &identity.carried {
        // A setting that this server does not know keeps it from no start.
        text.push_str(&format!("loose-{name}={value}\n"));
    }
    for setting in settings(identity, setup) {
        text.push_str(&line(setting.option, &setting.value));
    }
    let init = match phase {
        Phase::Seal { password } => {
            text.push_str(&match &identity.binary_log {
                Some(base) => format!("log-bin={base}\nlog-bin-index={base}.index\n"),
                None => "skip-log-bin\n".to_owned(),
            });
            text.push_str(&format!("init-file={CONF_DIR}/{INIT}\n"));
            lock_all(password)
        }
        Phase::Serve => {
            text.push_str("skip-log-bin\n");
            String::new()
        }
    };
    vec![(OPTIONS, text), (INIT, init)]
}

/// Options without a value stand alone, but for those that are to be empty.
fn line(option: &str, value: &str) -> String {
    if value.is_empty() && option.starts_with("skip-") {
        format!("{option}\n")
    } else {
        format!("{option}={value}\n")
    }
}
