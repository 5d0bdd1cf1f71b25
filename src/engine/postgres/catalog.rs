//! Sealing by the catalogs: credentials, prepared transactions, subscriptions, foreign servers, jobs.
//!
//! System catalogs are changed directly where the statement for it would connect to production (`DROP SUBSCRIPTION`)
//! or would need each database to be visited. Rows so replaced are purged from the catalog's file afterwards.

use std::time::Duration;

use super::session::{Session, quote_identifier, quote_literal};
use crate::engine::{EngineError, ServiceSetup};
use crate::model::Secret;

/// How long one statement on catalogs may take. They call functions that the data's owner may have replaced.
pub(super) const CATALOG: Duration = Duration::from_secs(60);

/// Settings of the command line that a role's or a database's own setting would beat, in every session of theirs.
pub(super) const BEATEN: [&str; 9] = [
    "session_preload_libraries",
    "local_preload_libraries",
    "dynamic_library_path",
    "extension_control_path",
    "password_encryption",
    "lc_messages",
    "log_min_messages",
    "wal_recycle",
    "wal_init_zero",
];

/// An option or setting `name=value` that is secret by its name, or for a URL with a password in its value.
const SECRET: &str = "(^[^=]*(pass|secret|key|token)[^=]*=.|=.*://[^/@]*:[^/@]+@)";

/// Where the subscriptions of a branch point to; also those of the parent of a branch's branch.
const NOWHERE: &str = "host=sealed.invalid";

/// Where the options of foreign data lie: catalog and column.
const OPTIONS: [(&str, &str); 4] = [
    ("pg_user_mapping", "umoptions"),
    ("pg_foreign_server", "srvoptions"),
    ("pg_foreign_data_wrapper", "fdwoptions"),
    ("pg_foreign_table", "ftoptions"),
];

/// What the URL needs.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The database.
    pub database: String,
    /// The role.
    pub role: String,
    /// Its new password.
    pub password: Secret,
    /// Further roles that may log in, each with the same new password.
    pub keep_login: Vec<String>,
}

impl Credentials {
    /// Every role that may log in.
    pub fn login_roles(&self) -> Vec<String> {
        std::iter::once(&self.role)
            .chain(&self.keep_login)
            .cloned()
            .collect()
    }
}

/// What was sealed, and what must be searched for.
#[derive(Debug)]
pub struct SealedCatalogs {
    /// What the URL needs.
    pub credentials: Credentials,
    /// Databases that can be connected to.
    pub databases: Vec<String>,
    /// Production's password verifiers and other secrets of the catalogs: needles of the proof.
    pub secrets: Vec<Secret>,
    /// The server's version, `15.18`.
    pub version: String,
    /// What does not come along, for the receipt.
    pub left_out: Vec<String>,
}

/// A SCRAM verifier of `password`: what the server stores. The password itself never reaches a statement.
pub fn new_verifier(password: &Secret) -> String {
    postgres_protocol::password::scram_sha_256(password.reveal().as_bytes())
}

/// Seals the catalogs of a running, sealed instance. `connect` gives a session in a database as the superuser, and `keep`
/// takes it back for whoever needs one there next: each costs the server a process.
///
/// # Errors
/// [`EngineError::Server`], or [`EngineError::Unfit`] where the configured database or role does not exist.
pub fn seal_catalogs(
    setup: &ServiceSetup,
    password: Secret,
    connect: &dyn Fn(&str) -> Result<Session, EngineError>,
    keep: &dyn Fn(&str, Session),
) -> Result<SealedCatalogs, EngineError> {
    let connect = |database: &str| {
        let mut session = connect(database)?;
        session.limit(CATALOG);
        Ok::<_, EngineError>(session)
    };
    let mut session = connect("template1")?;
    let version = session
        .value("reading the version", "SHOW server_version")?
        .unwrap_or_default();
    let version = version.split_whitespace().next().unwrap_or_default().to_owned();
    refuse_closed_databases(setup, &mut session)?;
    let databases = connectable_databases(&mut session)?;
    let credentials = credentials(setup, &mut session, password)?;
    // A prepared transaction keeps dead rows alive, those of the shared catalogs in whatever database it is.
    for database in databases_with_prepared(&mut session, &databases)? {
        roll_back_prepared(&mut connect(&database)?)?;
    }
    let mut secrets = shared_secrets(&mut session)?;
    reset_roles(&mut session, &credentials)?;
    silence_subscriptions(&mut session)?;
    let mut left_out = reset_settings(&mut session)?;
    purge_shared(&mut session)?;
    keep("template1", session);
    // One after the other: a transaction that runs in one database keeps the dead rows of all from going.
    for database in &databases {
        let mut session = connect(database)?;
        secrets.extend(strip_foreign_servers(&mut session)?);
        forget_statistics(&mut session)?;
        forget_dropped_objects(&mut session)?;
        let tables = tables_of_cron(&mut session)?;
        stop_jobs(&mut session, &tables)?;
        if *database != credentials.database && empty_jobs(&mut session, &tables)? {
            left_out.push(format!("the jobs of pg_cron in database {database}"));
        }
        keep(database, session);
    }
    Ok(SealedCatalogs {
        credentials,
        databases,
        secrets,
        version,
        left_out,
    })
}

/// Nobody sees what is in such a database; whoever is superuser of the branch could open it.
fn refuse_closed_databases(setup: &ServiceSetup, session: &mut Session) -> Result<(), EngineError> {
    let sql =
        "SELECT datname FROM pg_database WHERE NOT datallowconn AND datname <> 'template0' ORDER BY datname";
    match session.value("looking for closed databases", sql)? {
        None => Ok(()),
        Some(name) => Err(EngineError::Unfit {
            service: setup.name.clone(),
            message: format!(
                "database {name:?} allows no connections, so that it can be neither sealed nor searched; drop it, or \
                 ALTER DATABASE ... ALLOW_CONNECTIONS true"
            ),
        }),
    }
}

fn connectable_databases(session: &mut Session) -> Result<Vec<String>, EngineError> {
    let sql = "SELECT datname FROM pg_database WHERE datallowconn ORDER BY oid";
    Ok(session
        .rows("listing databases", sql)?
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect())
}

fn credentials(
    setup: &ServiceSetup,
    session: &mut Session,
    password: Secret,
) -> Result<Credentials, EngineError> {
    let unfit = |message: String| EngineError::Unfit {
        service: setup.name.clone(),
        message,
    };
    let database = setup.database.clone().unwrap_or_else(|| "postgres".to_owned());
    let owner = format!(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datallowconn AND datname = {}",
        quote_literal(&database)
    );
    let owner = session.value("finding the database", &owner)?;
    let owner =
        owner.ok_or_else(|| unfit(format!("there is no database {database:?}; correct `database`")))?;
    let role = setup.user.clone().unwrap_or(owner);
    for name in std::iter::once(&role).chain(&setup.keep_login) {
        let sql = format!("SELECT 1 FROM pg_roles WHERE rolname = {}", quote_literal(name));
        if session.value("finding a role", &sql)?.is_none() {
            return Err(unfit(format!(
                "there is no role {name:?}; correct `user` or `keep-login`"
            )));
        }
    }
    Ok(Credentials {
        database,
        role,
        password,
        keep_login: setup.keep_login.clone(),
    })
}

/// Secrets of the catalogs that all databases share.
fn shared_secrets(session: &mut Session) -> Result<Vec<Secret>, EngineError> {
    let sql = format!(
        "SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL \
         UNION ALL SELECT subconninfo FROM pg_subscription WHERE subconninfo <> {} \
         UNION ALL SELECT substr(setting, strpos(setting, '=') + 1) \
         FROM pg_db_role_setting, unnest(setconfig) AS setting WHERE {}",
        quote_literal(NOWHERE),
        is_secret_setting("setting")
    );
    Ok(secrets(session.rows("collecting verifiers", &sql)?))
}

fn secrets(rows: Vec<Vec<Option<String>>>) -> Vec<Secret> {
    rows.into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .map(Secret::new)
        .collect()
}

fn reset_roles(session: &mut Session, credentials: &Credentials) -> Result<(), EngineError> {
    let named = "SELECT rolname FROM pg_authid WHERE rolpassword IS NOT NULL";
    for row in session.rows("listing roles with a password", named)? {
        if let Some(Some(role)) = row.into_iter().next() {
            let sql = format!("ALTER ROLE {} PASSWORD NULL", quote_identifier(&role));
            session.execute("removing a password", &sql)?;
        }
    }
    for role in std::iter::once(&credentials.role).chain(&credentials.keep_login) {
        let sql = format!(
            "ALTER ROLE {} LOGIN PASSWORD {} VALID UNTIL 'infinity'",
            quote_identifier(role),
            quote_literal(&new_verifier(&credentials.password))
        );
        session.execute("setting the new password", &sql)?;
    }
    Ok(())
}

/// Direct, since `DROP SUBSCRIPTION` may connect to the publisher even without a slot.
fn silence_subscriptions(session: &mut Session) -> Result<(), EngineError> {
    let sql = format!(
        "UPDATE pg_subscription SET subenabled = false, subslotname = NULL, subconninfo = {}",
        quote_literal(NOWHERE)
    );
    session.execute("disabling subscriptions", &sql)
}

/// Takes back what roles and databases set against the command line, and the secrets among their settings, which are
/// named.
fn reset_settings(session: &mut Session) -> Result<Vec<String>, EngineError> {
    let goes = format!("({} OR {})", is_beaten("setting"), is_secret_setting("setting"));
    // Dead rows count, too.
    let any = "SELECT 1 WHERE pg_relation_size('pg_db_role_setting') > 0";
    if session.value("looking for settings of roles", any)?.is_none() {
        return Ok(Vec::new());
    }
    let secret = format!(
        "SELECT DISTINCT split_part(setting, '=', 1) FROM pg_db_role_setting, unnest(setconfig) AS setting WHERE {}",
        is_secret_setting("setting")
    );
    let secret = session.rows("listing secret settings", &secret)?;
    let secret = secret
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .map(|name| format!("the setting {name} of roles and databases"));
    let kept = format!("SELECT setting FROM unnest(setconfig) AS setting WHERE NOT {goes}");
    let sql = format!(
        "DELETE FROM pg_db_role_setting WHERE NOT EXISTS ({kept}); \
         UPDATE pg_db_role_setting SET setconfig = ARRAY({kept}) \
         WHERE EXISTS (SELECT 1 FROM unnest(setconfig) AS setting WHERE {goes})"
    );
    session.execute("taking back settings of roles", &sql)?;
    session.execute("rewriting pg_db_role_setting", "VACUUM FULL pg_db_role_setting")?;
    Ok(secret.collect())
}

/// A condition: whether the text `name=value` is a secret that an application keeps among its settings, whose names have
/// a point.
fn is_secret_setting(text: &str) -> String {
    format!(
        "(split_part({text}, '=', 1) ~ '[.]' AND {text} ~* {})",
        quote_literal(SECRET)
    )
}

/// A condition: whether the text `name=value` sets one of [`BEATEN`].
pub(super) fn is_beaten(text: &str) -> String {
    let names: Vec<String> = BEATEN.iter().map(|name| quote_literal(name)).collect();
    format!("lower(split_part({text}, '=', 1)) IN ({})", names.join(", "))
}

/// Rewrites the catalogs that held the secrets, so that no dead row of theirs stays.
fn purge_shared(session: &mut Session) -> Result<(), EngineError> {
    session.unlimited();
    session.execute("rewriting pg_authid", "VACUUM FULL pg_authid")?;
    // Most servers never had one.
    let any = "SELECT 1 WHERE pg_relation_size('pg_subscription') > 0";
    if session.value("looking for subscriptions", any)?.is_some() {
        session.execute("rewriting pg_subscription", "VACUUM FULL pg_subscription")?;
    }
    Ok(())
}

/// Prepared transactions are listed for the whole server, and can be ended in their own database only.
fn databases_with_prepared(
    session: &mut Session,
    connectable: &[String],
) -> Result<Vec<String>, EngineError> {
    let sql = "SELECT DISTINCT database FROM pg_prepared_xacts";
    let rows = session.rows("listing databases with prepared transactions", sql)?;
    Ok(rows
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .filter(|database| connectable.contains(database))
        .collect())
}

fn roll_back_prepared(session: &mut Session) -> Result<(), EngineError> {
    let sql = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()";
    for row in session.rows("listing prepared transactions", sql)? {
        if let Some(Some(gid)) = row.into_iter().next() {
            let sql = format!("ROLLBACK PREPARED {}", quote_literal(&gid));
            session.execute("rolling back a prepared transaction", &sql)?;
        }
    }
    Ok(())
}

/// User mappings lose all options; servers, wrappers and tables keep what names no secret.
fn strip_foreign_servers(session: &mut Session) -> Result<Vec<Secret>, EngineError> {
    let mut found = Vec::new();
    let sizes = OPTIONS.map(|(catalog, _)| format!("('{catalog}', pg_relation_size('{catalog}'))"));
    let any = format!(
        "SELECT name FROM (VALUES {}) AS sizes(name, size) WHERE size > 0",
        sizes.join(", ")
    );
    let filled = session.rows("looking for foreign servers", &any)?;
    let filled: Vec<_> = filled.iter().filter_map(|row| row.first()?.as_deref()).collect();
    for (catalog, column) in OPTIONS
        .into_iter()
        .filter(|(catalog, _)| filled.contains(catalog))
    {
        let options = format!("unnest({column}) AS option");
        let secret = format!("option ~* {}", quote_literal(SECRET));
        let goes = match catalog {
            "pg_user_mapping" => "true",
            _ => secret.as_str(),
        };
        let values = format!(
            "SELECT substr(option, strpos(option, '=') + 1) FROM {catalog}, {options} WHERE {secret}"
        );
        found.extend(secrets(
            session.rows("collecting secrets of foreign servers", &values)?,
        ));
        let strip = format!(
            "UPDATE {catalog} SET {column} = (SELECT array_agg(option) FROM {options} WHERE NOT {goes}) \
             WHERE EXISTS (SELECT 1 FROM {options} WHERE {goes})"
        );
        session.execute("stripping foreign servers", &strip)?;
        // Also where none is left: the dead rows of those that were dropped hold their secrets.
        session.execute(&format!("rewriting {catalog}"), &format!("VACUUM FULL {catalog}"))?;
    }
    Ok(found)
}

/// Each database keeps its own statistics of the shared catalogs: a histogram of verifiers among them.
fn forget_statistics(session: &mut Session) -> Result<(), EngineError> {
    let sql = format!(
        "SELECT count(*) FROM pg_statistic WHERE {}",
        is_strange("starelid")
    );
    if session
        .value("looking for statistics of secrets", &sql)?
        .as_deref()
        != Some("0")
    {
        let delete = sql.replacen("SELECT count(*)", "DELETE", 1);
        session.execute("forgetting statistics of secrets", &delete)?;
        session.execute("rewriting pg_statistic", "VACUUM FULL pg_statistic")?;
    }
    // Values of tables and statistics objects that were dropped stay in its dead rows; most databases have none.
    let extended = "SELECT 1 WHERE pg_relation_size('pg_statistic_ext_data') > 0";
    if session
        .value("looking for extended statistics", extended)?
        .is_some()
    {
        let strange = format!(
            "DELETE FROM pg_statistic_ext_data WHERE stxoid IN (SELECT oid FROM pg_statistic_ext WHERE {})",
            is_strange("stxrelid")
        );
        session.execute("forgetting extended statistics", &strange)?;
        session.execute(
            "rewriting pg_statistic_ext_data",
            "VACUUM FULL pg_statistic_ext_data",
        )?;
    }
    Ok(())
}

/// A condition: whether the relation's statistics are of what no rule decides about: secrets of the catalogs, rows that are
/// not here (foreign tables), and rows of sessions of the source (temporary tables).
fn is_strange(relation: &str) -> String {
    format!(
        "{relation} IN (SELECT oid FROM pg_class WHERE relkind = 'f' OR relpersistence = 't' \
         OR (relnamespace = 'pg_catalog'::regnamespace AND relname IN ('pg_authid', 'pg_subscription', 'pg_user_mapping', \
         'pg_foreign_server', 'pg_foreign_data_wrapper', 'pg_foreign_table', 'pg_db_role_setting'))) \
         OR {relation} NOT IN (SELECT oid FROM pg_class)"
    )
}

/// Large objects that were dropped stay as they were in their table until it is rewritten.
fn forget_dropped_objects(session: &mut Session) -> Result<(), EngineError> {
    let any =
        "SELECT 1 WHERE pg_relation_size('pg_largeobject') > 0 AND NOT EXISTS (SELECT FROM pg_largeobject)";
    match session.value("looking for large objects", any)? {
        Some(_) => session.execute("rewriting pg_largeobject", "VACUUM FULL pg_largeobject"),
        None => Ok(()),
    }
}

/// The tables of `pg_cron` in this database, as SQL names them; none where a schema is only called like its own.
const TABLES_OF_CRON: &str = "SELECT d.objid::regclass FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid \
    JOIN pg_class AS c ON c.oid = d.objid WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e' \
    AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'pg_cron' AND c.relkind = 'r' ORDER BY 1";

/// The names of the tables of `pg_cron` in the database of `session`, qualified and quoted.
///
/// # Errors
/// [`EngineError::Server`].
pub fn tables_of_cron(session: &mut Session) -> Result<Vec<String>, EngineError> {
    let rows = session.rows("looking for pg_cron", TABLES_OF_CRON)?;
    Ok(rows
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect())
}

/// `pg_cron`'s library is not loaded, so that nothing runs; its jobs are marked inactive for whoever loads it.
fn stop_jobs(session: &mut Session, tables: &[String]) -> Result<(), EngineError> {
    if tables.iter().any(|table| table == "cron.job") {
        session.execute("deactivating jobs", "UPDATE cron.job SET active = false")?;
    }
    Ok(())
}

/// Removes the jobs of a database that no rule can name, and their history: they may hold secrets. Whether there are any.
fn empty_jobs(session: &mut Session, tables: &[String]) -> Result<bool, EngineError> {
    if tables.is_empty() {
        return Ok(false);
    }
    session.execute(
        "removing jobs",
        &format!("TRUNCATE ONLY {}", tables.join(", ONLY ")),
    )?;
    for table in tables {
        let forget = format!(
            "DELETE FROM pg_statistic WHERE starelid = {}::regclass",
            quote_literal(table)
        );
        session.execute("forgetting statistics of jobs", &forget)?;
    }
    session.execute("rewriting pg_statistic", "VACUUM FULL pg_statistic")?;
    Ok(true)
}
