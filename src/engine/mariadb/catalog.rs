//! Sealing by the system tables: replication, other servers, plugins, events, and what they held of production's secrets.

use std::time::Duration;

use crate::engine::{EngineError, ServiceSetup};
use crate::model::Secret;

use super::accounts::{Credentials, LOOPBACK, OF_USERS, OWN_ACCOUNT, lets_loopback_in};
use super::native_password::verifier;
use super::session::{Session, quote_identifier, quote_literal};

/// How long one statement on system tables may take.
pub(super) const CATALOG: Duration = Duration::from_secs(60);
/// How long a table may take that is opened to see whether it can be.
const TABLES: Duration = Duration::from_secs(30 * 60);
/// How many tables are named.
const NAMED: usize = 5;

/// System tables whose rows are taken out, and what they are to people.
const EMPTIED: [(&str, &str, &str); 3] = [
    ("servers", "Server_name", "the connection to another server"),
    ("plugin", "name", "the plugin"),
    ("func", "name", "the function of a library"),
];
/// System tables that are written anew, so that no dead row of theirs stays.
const REWRITTEN: [&str; 7] = [
    "global_priv",
    "servers",
    "plugin",
    "func",
    "column_stats",
    "index_stats",
    "table_stats",
];
/// System tables that hold statements or old verifiers; not every server has them.
const TRUNCATED: [&str; 3] = ["general_log", "slow_log", "password_reuse_check_history"];

/// What was sealed.
#[derive(Debug)]
pub struct SealedCatalogs {
    /// What the URL needs.
    pub credentials: Credentials,
    /// The server's version, `10.11.19`.
    pub version: String,
    /// What does not come along, for the receipt.
    pub left_out: Vec<String>,
}

/// Seals the system tables of a server that was started to be sealed. `session` is envclone's own.
///
/// # Errors
/// [`EngineError::Server`]; [`EngineError::Misconfigured`] where the database or account of the URL does not exist;
/// [`EngineError::Unfit`] for tables that the server cannot open.
pub fn seal_catalogs(
    setup: &ServiceSetup,
    session: &mut Session,
    password: Secret,
) -> Result<SealedCatalogs, EngineError> {
    session.limit(CATALOG);
    session.execute("keeping out of the binary log", "SET SESSION sql_log_bin = 0")?;
    let version = session
        .value("reading the version", "SELECT VERSION()")?
        .unwrap_or_default();
    let version = version.split('-').next().unwrap_or_default().to_owned();
    let credentials = credentials(setup, session, password)?;
    end_replication(session)?;
    let mut left_out = Vec::new();
    for (table, column, what) in EMPTIED {
        let names = format!("SELECT {column} FROM mysql.{table} ORDER BY 1");
        for name in session.column("listing what reaches out", &names)? {
            left_out.push(format!("{what} {name}"));
        }
        session.execute("removing what reaches out", &format!("DELETE FROM mysql.{table}"))?;
    }
    session.execute(
        "disabling events",
        "UPDATE mysql.event SET status = 'DISABLED' WHERE status = 'ENABLED'",
    )?;
    session.execute(
        "forgetting statistics of accounts",
        "DELETE FROM mysql.column_stats WHERE db_name = 'mysql'",
    )?;
    let there = session.column(
        "listing system tables",
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'mysql' AND TABLE_TYPE = 'BASE TABLE'",
    )?;
    for table in TRUNCATED
        .iter()
        .filter(|table| there.iter().any(|one| one == *table))
    {
        session.execute("emptying a log", &format!("TRUNCATE TABLE mysql.{table}"))?;
    }
    session.limit(TABLES);
    for table in REWRITTEN
        .iter()
        .filter(|table| there.iter().any(|one| one == *table))
    {
        let sql = format!("ALTER TABLE mysql.{table} FORCE, ALGORITHM = COPY");
        session.execute(&format!("rewriting mysql.{table}"), &sql)?;
    }
    session.execute("reading accounts again", "FLUSH PRIVILEGES")?;
    refuse_unreadable(setup, session)?;
    Ok(SealedCatalogs {
        credentials,
        version,
        left_out,
    })
}

/// Of all replicas of this server's, whatever their names, and of what it would tell its own.
fn end_replication(session: &mut Session) -> Result<(), EngineError> {
    session.execute("stopping replication", "STOP ALL SLAVES")?;
    for row in session.rows("listing replication", "SHOW ALL SLAVES STATUS")? {
        let name = row.into_iter().next().flatten().unwrap_or_default();
        let sql = format!("RESET SLAVE {} ALL", quote_literal(&name));
        session.execute("ending replication", &sql)?;
    }
    session.execute("ending replication", "RESET SLAVE ALL")?;
    if session
        .value("looking for the binary log", "SELECT @@GLOBAL.log_bin")?
        .as_deref()
        == Some("1")
    {
        session.execute("emptying the binary log", "RESET MASTER")?;
    }
    session.execute("forgetting positions", "SET GLOBAL gtid_slave_pos = ''")
}

/// Nobody could have sealed or read what such a table holds; and its branch would not be what production is.
fn refuse_unreadable(setup: &ServiceSetup, session: &mut Session) -> Result<(), EngineError> {
    let sql = "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES \
        WHERE TABLE_TYPE = 'BASE TABLE' AND ENGINE IS NULL AND TABLE_ROWS IS NULL ORDER BY 1";
    let tables = session.column("looking for tables that cannot be opened", sql)?;
    if tables.is_empty() {
        return Ok(());
    }
    let named: Vec<&str> = tables.iter().take(NAMED).map(String::as_str).collect();
    Err(EngineError::Unfit {
        service: setup.name.clone(),
        message: format!(
            "the server cannot open {} of its tables, for example {}: a file of theirs is missing or encrypted, or their engine is a \
             plugin, which branches do not load; mend, convert or drop them, then branch again",
            tables.len(),
            named.join(", ")
        ),
    })
}

fn credentials(
    setup: &ServiceSetup,
    session: &mut Session,
    password: Secret,
) -> Result<Credentials, EngineError> {
    let wrong = |message: String| EngineError::Misconfigured {
        service: setup.name.clone(),
        message,
    };
    let database = setup
        .database
        .clone()
        .ok_or_else(|| wrong("name what the URL points at by `database`".to_owned()))?;
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
        quote_literal(&database)
    );
    if session.value("finding the database", &sql)?.as_deref() != Some("1") {
        return Err(wrong(format!(
            "there is no database {database:?}; correct `database`"
        )));
    }
    let user = setup.user.clone().ok_or_else(|| {
        wrong("name the account of the URL by `user`; a database of MariaDB has no owner".to_owned())
    })?;
    if user == OWN_ACCOUNT {
        return Err(wrong(format!(
            "{OWN_ACCOUNT:?} is the name of envclone's own account; name another by `user`"
        )));
    }
    let hosts = hosts_of(session, &user)?;
    if hosts.is_empty() {
        return Err(wrong(format!("there is no account {user:?}; correct `user`")));
    }
    if !hosts.iter().any(|host| lets_loopback_in(host)) {
        return Err(wrong(format!(
            "account {user:?} may log in from {} only, and users of a branch come from localhost; name another account by `user`, or \
             make one of that name for localhost",
            hosts.join(", ")
        )));
    }
    Ok(Credentials {
        database,
        user,
        password,
    })
}

/// The hosts that accounts of a name may log in from.
fn hosts_of(session: &mut Session, user: &str) -> Result<Vec<String>, EngineError> {
    let sql = format!(
        "SELECT Host FROM mysql.global_priv WHERE {OF_USERS} AND User = {} ORDER BY Host",
        quote_literal(user)
    );
    session.column("finding an account", &sql)
}

/// Lets the URL's user in by its new password, and envclone itself no longer. `session`, envclone's own, stays what it is.
///
/// # Errors
/// [`EngineError::Server`].
pub fn publish_accounts(session: &mut Session, credentials: &Credentials) -> Result<(), EngineError> {
    session.limit(CATALOG);
    let verifier = verifier(&credentials.password);
    let hosts = hosts_of(session, &credentials.user)?;
    for host in hosts.iter().filter(|host| lets_loopback_in(host)) {
        let account = format!(
            "{}@{}",
            quote_identifier(&credentials.user),
            quote_identifier(host)
        );
        let sql = format!(
            "ALTER USER {account} IDENTIFIED VIA mysql_native_password USING '{verifier}' REQUIRE NONE ACCOUNT UNLOCK \
             PASSWORD EXPIRE NEVER"
        );
        session.execute("setting the new password", &sql)?;
    }
    let own = format!("'{OWN_ACCOUNT}'@'{LOOPBACK}'");
    session.execute("removing envclone's own account", &format!("DROP USER {own}"))
}
