//! Every seal, read back from the running server.

use std::time::{Duration, Instant};

use super::accounts::{Credentials, OF_USERS, OWN_ACCOUNT, WITH_A_HASH};
use super::catalog::CATALOG;
use super::identify::Identity;
use super::session::Session;
use super::settings::settings;
use crate::engine::{EngineError, ServiceSetup};
use crate::model::{Check, Secret};
use crate::runtime::Network;

/// How long a server may take to recover from a crash until the person is told that it still does.
const RECOVERED_WITHIN: Duration = Duration::from_secs(60);

/// What must be nothing in a branch: a description, and a query that counts.
const COUNTS: [(&str, &str); 7] = [
    (
        "connections to other servers",
        "SELECT COUNT(*) FROM mysql.servers",
    ),
    ("plugins to load", "SELECT COUNT(*) FROM mysql.plugin"),
    ("functions of libraries", "SELECT COUNT(*) FROM mysql.func"),
    (
        "events that are not disabled",
        "SELECT COUNT(*) FROM mysql.event WHERE status = 'ENABLED'",
    ),
    (
        "engines whose rows are elsewhere",
        "SELECT COUNT(*) FROM information_schema.ENGINES WHERE SUPPORT IN ('YES', 'DEFAULT') AND ENGINE IN \
         ('FEDERATED', 'CONNECT', 'SPIDER', 'SPHINX', 'S3', 'CASSANDRA', 'MROONGA', 'OQGRAPH')",
    ),
    (
        "plugins that come from libraries",
        "SELECT COUNT(*) FROM information_schema.PLUGINS WHERE PLUGIN_LIBRARY IS NOT NULL AND PLUGIN_STATUS = 'ACTIVE'",
    ),
    (
        "threads of replication and of the event scheduler",
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND IN ('Slave_IO', 'Slave_SQL', 'Slave_worker', 'Binlog Dump') \
         OR USER IN ('event_scheduler', 'system user') AND COMMAND <> 'Daemon'",
    ),
];

/// What must be empty: a description, and a query for one value.
const EMPTY: [(&str, &str); 2] = [
    ("replicated position", "SELECT @@GLOBAL.gtid_slave_pos"),
    ("position of the binary log", "SELECT @@GLOBAL.gtid_binlog_pos"),
];

/// Reads back each setting and seal of a server that was started to be used, by envclone's own session, before it is published. A
/// setting that is not there counts as not taken.
///
/// # Errors
/// [`EngineError::NotSealed`] names the first that does not hold.
pub fn read_back(
    session: &mut Session,
    setup: &ServiceSetup,
    identity: &Identity,
) -> Result<Vec<Check>, EngineError> {
    session.limit(CATALOG);
    let mut checks = settings_back(session, setup, identity)?;
    for (what, sql) in COUNTS {
        let found = session.value("counting what must be nothing", sql)?;
        checks.push(holds(setup, what, found.as_deref().unwrap_or("missing"), "0")?);
    }
    for (what, sql) in EMPTY {
        let found = session.value("reading a position", sql)?;
        checks.push(holds(setup, what, found.as_deref().unwrap_or("missing"), "")?);
    }
    let replication = session.rows("listing replication", "SHOW ALL SLAVES STATUS")?;
    checks.push(holds(
        setup,
        "servers that it replicates from",
        &replication.len().to_string(),
        "0",
    )?);
    checks.push(open_accounts(session, setup, OWN_ACCOUNT)?);
    Ok(checks)
}

fn settings_back(
    session: &mut Session,
    setup: &ServiceSetup,
    identity: &Identity,
) -> Result<Vec<Check>, EngineError> {
    let rows = session.rows(
        "reading settings back",
        "SELECT VARIABLE_NAME, GLOBAL_VALUE, GLOBAL_VALUE_ORIGIN FROM information_schema.SYSTEM_VARIABLES",
    )?;
    let own = settings(identity, setup);
    let log = [
        ("LOG_BIN", "OFF".to_owned()),
        ("INIT_FILE", String::new()),
        ("HAVE_SSL", "DISABLED".to_owned()),
    ];
    let wanted = own.into_iter().filter_map(|setting| setting.read_back).chain(log);
    let mut checks = Vec::new();
    for (name, wanted) in wanted {
        let row = rows
            .iter()
            .find(|row| row.first().and_then(Option::as_deref) == Some(name));
        let text = |index: usize| row.and_then(|row| row.get(index)).cloned().flatten();
        let what = format!("setting {}", name.to_ascii_lowercase());
        let found = match row {
            None => "missing".to_owned(),
            Some(_) if text(2).as_deref() == Some("SQL") => "set by a statement".to_owned(),
            // One that is not set at all.
            Some(_) => text(1).unwrap_or_default(),
        };
        checks.push(holds(
            setup,
            &what,
            found.trim_end_matches('/'),
            wanted.trim_end_matches('/'),
        )?);
    }
    Ok(checks)
}

/// Accounts that may log in, but for roles, which cannot.
fn open_accounts(session: &mut Session, setup: &ServiceSetup, wanted: &str) -> Result<Check, EngineError> {
    let sql = format!(
        "SELECT DISTINCT User FROM mysql.global_priv WHERE {WITH_A_HASH} OR {OF_USERS} \
         AND COALESCE(JSON_EXTRACT(Priv, '$.account_locked'), 'false') <> 'true' ORDER BY User"
    );
    let found = session.column("listing accounts that may log in", &sql)?;
    holds(setup, "accounts that may log in", &found.join(", "), wanted)
}

/// That the published accounts are in force: the URL's user gets in by its password, and nobody else does. `session` is one of
/// envclone's own, of before.
///
/// # Errors
/// [`EngineError::NotSealed`], or that of the login.
pub fn prove_published(
    network: &dyn Network,
    setup: &ServiceSetup,
    identity: &Identity,
    credentials: &Credentials,
    own: &Secret,
    session: &mut Session,
) -> Result<Vec<Check>, EngineError> {
    session.limit(CATALOG);
    let mut checks = vec![open_accounts(session, setup, &credentials.user)?];
    let database = credentials.database.as_str();
    log_in(
        network,
        setup,
        identity,
        &credentials.user,
        &credentials.password,
        Some(database),
    )?;
    let check = |what: &str, found: &str| Check {
        service: setup.name.clone(),
        what: what.to_owned(),
        found: found.to_owned(),
    };
    checks.push(check("login of the URL's user", "by its new password"));
    let none = Secret::new(String::new());
    let tries = [
        ("login of envclone's own account", OWN_ACCOUNT, own),
        ("login of root without a password", "root", &none),
        (
            "login of the URL's user without a password",
            credentials.user.as_str(),
            &none,
        ),
    ];
    for (what, user, password) in tries {
        match log_in(network, setup, identity, user, password, None) {
            Err(error) if error.is_answer() => checks.push(check(what, "refused")),
            Err(error) => return Err(error),
            Ok(()) => {
                return Err(EngineError::NotSealed {
                    service: setup.name.clone(),
                    what: what.to_owned(),
                    found: "possible".to_owned(),
                    wanted: "refused".to_owned(),
                });
            }
        }
    }
    Ok(checks)
}

/// Whether the URL's user gets in by its password, once the server is through with what follows a crash.
///
/// # Errors
/// The server's own words where it does not let the user in; others where it cannot be reached for too long.
pub fn try_login_after_recovery(
    network: &dyn Network,
    setup: &ServiceSetup,
    identity: &Identity,
    credentials: &Credentials,
) -> Result<(), EngineError> {
    let deadline = Instant::now() + RECOVERED_WITHIN;
    loop {
        let database = credentials.database.as_str();
        match log_in(
            network,
            setup,
            identity,
            &credentials.user,
            &credentials.password,
            Some(database),
        ) {
            Err(error) if !error.is_answer() && Instant::now() < deadline => {
                std::thread::park_timeout(Duration::from_millis(50));
            }
            outcome => return outcome,
        }
    }
}

fn log_in(
    network: &dyn Network,
    setup: &ServiceSetup,
    identity: &Identity,
    user: &str,
    password: &Secret,
    database: Option<&str>,
) -> Result<(), EngineError> {
    let mut outcome = Ok(());
    let client = || outcome = Session::connect(&setup.name, identity, user, password, database).map(drop);
    network
        .run(Box::new(client))
        .map_err(|source| EngineError::Runtime {
            service: setup.name.clone(),
            action: "entering the branch's network",
            source,
        })?;
    outcome
}

fn holds(setup: &ServiceSetup, what: &str, found: &str, wanted: &str) -> Result<Check, EngineError> {
    if found == wanted {
        return Ok(Check {
            service: setup.name.clone(),
            what: what.to_owned(),
            found: if found.is_empty() {
                "empty".to_owned()
            } else {
                found.to_owned()
            },
        });
    }
    Err(EngineError::NotSealed {
        service: setup.name.clone(),
        what: what.to_owned(),
        found: format!("{found:?}"),
        wanted: format!("{wanted:?}"),
    })
}
