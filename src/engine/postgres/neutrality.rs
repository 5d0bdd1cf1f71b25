//! Every seal, read back from the running server.

use std::time::{Duration, Instant};

use super::catalog::{BEATEN, CATALOG, Credentials, is_beaten};
use super::identify::Identity;
use super::session::Session;
use super::settings::{Mode, overrides};
use crate::engine::{EngineError, ServiceSetup};
use crate::model::{Check, ServiceName};
use crate::runtime::Network;

/// How long the server may take to read its login rules again.
const RELOAD_WITHIN: Duration = Duration::from_secs(30);
/// How long a server may take to recover from a crash until the person is told that it still does.
const RECOVERED_WITHIN: Duration = Duration::from_secs(60);

/// What a server says that takes nobody in now, since it starts, recovers or ends (PostgreSQL manual, appendix A).
const CANNOT_CONNECT_NOW: &str = "57P03";

/// What must be nothing in a sealed branch: a description, and a query that counts.
const COUNTS: [(&str, &str); 6] = [
    ("replication slots", "SELECT count(*) FROM pg_replication_slots"),
    (
        "enabled subscriptions",
        "SELECT count(*) FROM pg_subscription WHERE subenabled OR subconninfo <> 'host=sealed.invalid'",
    ),
    ("prepared transactions", "SELECT count(*) FROM pg_prepared_xacts"),
    (
        "background workers that act",
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type ~* \
         '(archiver|walreceiver|walsender|walsummarizer|slotsync|logical replication|pg_cron|pg_net|startup)'",
    ),
    (
        "WAL receivers",
        "SELECT count(*) FROM pg_stat_wal_receiver WHERE pid IS NOT NULL",
    ),
    ("recovery in progress", "SELECT pg_is_in_recovery()::int"),
];

/// Reads back each override and seal of an instance that was started in `mode`. A setting that is not there counts as
/// not taken.
///
/// # Errors
/// [`EngineError::NotSealed`] names the first that does not hold.
pub fn read_back(
    session: &mut Session,
    setup: &ServiceSetup,
    identity: &Identity,
    mode: Mode,
    login_roles: &[String],
) -> Result<Vec<Check>, EngineError> {
    session.limit(CATALOG);
    let rows = session.rows(
        "reading settings back",
        "SELECT name, current_setting(name), source FROM pg_settings",
    )?;
    let mut checks = settings(&setup.name, &rows, overrides(identity, setup, mode))?;
    let beaten = format!(
        "SELECT count(*) FROM pg_db_role_setting, unnest(setconfig) AS setting WHERE {}",
        is_beaten("setting")
    );
    let beaten = ("settings of roles against the command line", beaten.as_str());
    let counts: Vec<_> = COUNTS.into_iter().chain([beaten]).collect();
    let found = values(
        session,
        "counting what must be nothing",
        counts.iter().map(|(_, sql)| *sql),
    )?;
    for ((what, _), found) in counts.iter().zip(found) {
        checks.push(holds(setup, (*what).to_owned(), found, "0")?);
    }
    checks.push(passwords(session, setup, login_roles)?);
    Ok(checks)
}

/// Holds what the server says of its settings (name, value, source) against the overrides that it was started with.
///
/// # Errors
/// [`EngineError::NotSealed`] names the first that is not there, is another, or comes from elsewhere.
fn settings(
    service: &ServiceName,
    rows: &[Vec<Option<String>>],
    wanted: Vec<(&'static str, String)>,
) -> Result<Vec<Check>, EngineError> {
    let mut checks = Vec::new();
    for (name, wanted) in wanted {
        let row = rows
            .iter()
            .find(|row| row.first().and_then(Option::as_deref) == Some(name));
        let text = |index: usize| row.and_then(|row| row.get(index)).cloned().flatten();
        let (found, source) = (text(1), text(2));
        // envclone's own session sets some of them, too; that no role does is another check.
        let own = BEATEN.contains(&name) && source.as_deref() == Some("client");
        let taken = own || matches!(source.as_deref(), Some("command line" | "override"));
        let equal = found.as_deref().is_some_and(|found| same_value(found, &wanted));
        let what = format!("setting {name}");
        if !(taken && equal) {
            let found = match (found, source) {
                (Some(_), Some(source)) if equal => format!("from {source}"),
                (Some(found), _) => format!("{found:?}"),
                (None, _) => "missing".to_owned(),
            };
            return Err(not_sealed(
                service,
                what,
                found,
                format!("{wanted:?} by command line"),
            ));
        }
        checks.push(Check {
            service: service.clone(),
            what,
            found: format!("{wanted:?} (command line)"),
        });
    }
    Ok(checks)
}

/// Only the roles of the URL and of `keep-login` have a password.
fn passwords(
    session: &mut Session,
    setup: &ServiceSetup,
    login_roles: &[String],
) -> Result<Check, EngineError> {
    let sql = "SELECT rolname FROM pg_authid WHERE rolpassword IS NOT NULL ORDER BY rolname";
    let rows = session.rows("listing roles with a password", sql)?;
    let found: Vec<String> = rows
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect();
    let mut wanted = login_roles.to_vec();
    wanted.sort();
    wanted.dedup();
    let mut sorted = found.clone();
    sorted.sort();
    holds(
        setup,
        "roles with a password".to_owned(),
        sorted.join(", "),
        &wanted.join(", "),
    )
}

/// That the server took the published login rules: the URL's role gets in by its password, and the superuser, whom the
/// sealed rules let in, does not. `session` is one of before the change.
///
/// # Errors
/// [`EngineError::NotSealed`], or that of the last login.
pub fn prove_published(
    network: &dyn Network,
    setup: &ServiceSetup,
    identity: &Identity,
    credentials: &Credentials,
    session: &mut Session,
) -> Result<Vec<Check>, EngineError> {
    session.limit(CATALOG);
    let mut checks = read_back_published(session, setup, 1 + credentials.keep_login.len())?;
    prove_login(network, setup, identity, credentials)?;
    let check = |what: &str, found: &str| Check {
        service: setup.name.clone(),
        what: what.to_owned(),
        found: found.to_owned(),
    };
    checks.push(check("login of the URL's role", "by its new password"));
    let tries = [
        ("login of the superuser", &identity.superuser),
        ("login of the URL's role by another password", &credentials.role),
    ];
    let (port, database) = (identity.port, &credentials.database);
    let try_in = |role: &str| log_in(network, setup, port, role, "envclone", database).is_ok();
    // Side by side: each costs the server a process.
    let got_in = std::thread::scope(|scope| {
        let running = tries.map(|(_, role)| scope.spawn(|| try_in(role)));
        running.map(|one| {
            one.join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    });
    for ((what, _), got_in) in tries.into_iter().zip(got_in) {
        if got_in {
            let (possible, refused) = ("possible".to_owned(), "refused".to_owned());
            return Err(not_sealed(&setup.name, what.to_owned(), possible, refused));
        }
        checks.push(check(what, "refused"));
    }
    Ok(checks)
}

/// Whether the URL's role gets in by its password.
///
/// # Errors
/// [`EngineError::Server`].
fn try_login(
    network: &dyn Network,
    setup: &ServiceSetup,
    identity: &Identity,
    credentials: &Credentials,
) -> Result<(), EngineError> {
    let Credentials {
        role,
        password,
        database,
        ..
    } = credentials;
    log_in(network, setup, identity.port, role, password.reveal(), database)
}

/// As [`try_login`], once the server is through with what follows a crash: it says that it takes nobody in until then.
///
/// # Errors
/// Those of [`try_login`]; the server's own words where that takes too long.
pub fn try_login_after_recovery(
    network: &dyn Network,
    setup: &ServiceSetup,
    identity: &Identity,
    credentials: &Credentials,
) -> Result<(), EngineError> {
    log_in_until(
        RECOVERED_WITHIN,
        Duration::from_millis(20),
        |error| error.code() == Some(CANNOT_CONNECT_NOW),
        || try_login(network, setup, identity, credentials),
    )
}

/// Tries again for as long as a failure may pass, and there is time; the last one then.
fn log_in_until(
    limit: Duration,
    between: Duration,
    may_pass: impl Fn(&EngineError) -> bool,
    mut log_in: impl FnMut() -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let deadline = Instant::now() + limit;
    loop {
        match log_in() {
            Err(error) if may_pass(&error) && Instant::now() < deadline => pause(between),
            outcome => return outcome,
        }
    }
}

/// That the URL's role gets in by its password, once the server has read its new rules.
fn prove_login(
    network: &dyn Network,
    setup: &ServiceSetup,
    identity: &Identity,
    credentials: &Credentials,
) -> Result<(), EngineError> {
    // The server reads its rules at its next turn, so the first tries may come too early. Each costs it a process.
    log_in_until(
        RELOAD_WITHIN,
        Duration::from_millis(2),
        |_| true,
        || try_login(network, setup, identity, credentials),
    )
}

fn log_in(
    network: &dyn Network,
    setup: &ServiceSetup,
    port: u16,
    role: &str,
    password: &str,
    database: &str,
) -> Result<(), EngineError> {
    let mut outcome = Ok(());
    let client = || outcome = Session::by_password(&setup.name, port, role, password, database).map(drop);
    network
        .run(Box::new(client))
        .map_err(|source| EngineError::Runtime {
            service: setup.name.clone(),
            action: "entering the branch's network",
            source,
        })?;
    outcome
}

/// Gives the server its turn between two tries.
fn pause(duration: Duration) {
    std::thread::park_timeout(duration);
}

/// That the rules for logging in are the published ones.
fn read_back_published(
    session: &mut Session,
    setup: &ServiceSetup,
    roles: usize,
) -> Result<Vec<Check>, EngineError> {
    let count = |filter: &str| format!("SELECT count(*) FROM pg_hba_file_rules WHERE {filter}");
    let mut checks = Vec::new();
    let cases = [
        (
            "login rules with an error",
            count("error IS NOT NULL"),
            "0".to_owned(),
        ),
        (
            "login rules without a password",
            count("auth_method NOT IN ('scram-sha-256', 'reject')"),
            "0".to_owned(),
        ),
        (
            "login rules by password",
            count("auth_method = 'scram-sha-256'"),
            roles.to_string(),
        ),
    ];
    let found = values(
        session,
        "reading the login rules",
        cases.iter().map(|(_, sql, _)| sql.as_str()),
    )?;
    for ((what, _, wanted), found) in cases.iter().zip(found) {
        checks.push(holds(setup, (*what).to_owned(), found, wanted)?);
    }
    Ok(checks)
}

/// The answers of queries of one value each, in one question; `missing` for what has none.
fn values<'a>(
    session: &mut Session,
    action: &str,
    queries: impl ExactSizeIterator<Item = &'a str>,
) -> Result<Vec<String>, EngineError> {
    let count = queries.len();
    let columns: Vec<String> = queries.map(|sql| format!("({sql})")).collect();
    let mut rows = session.rows(action, &format!("SELECT {}", columns.join(", ")))?;
    let mut row = if rows.len() == 1 {
        rows.remove(0)
    } else {
        Vec::new()
    };
    row.resize(count, None);
    let text = |value: Option<String>| value.unwrap_or_else(|| "missing".to_owned());
    Ok(row.into_iter().map(text).collect())
}

fn holds(setup: &ServiceSetup, what: String, found: String, wanted: &str) -> Result<Check, EngineError> {
    if found == wanted {
        Ok(Check {
            service: setup.name.clone(),
            what,
            found,
        })
    } else {
        Err(not_sealed(&setup.name, what, found, wanted.to_owned()))
    }
}

fn not_sealed(service: &ServiceName, what: String, found: String, wanted: String) -> EngineError {
    EngineError::NotSealed {
        service: service.clone(),
        what,
        found,
        wanted,
    }
}

/// Lists are shown with spaces and quotes by some versions, and an `archive_command` that is not in force as disabled.
fn same_value(found: &str, wanted: &str) -> bool {
    if wanted.is_empty() && found == "(disabled)" {
        return true;
    }
    let plain = |text: &str| {
        text.chars()
            .filter(|c| !matches!(c, ' ' | '"'))
            .collect::<String>()
    };
    plain(found) == plain(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_without_the_spaces_that_the_server_adds() {
        assert!(same_value(
            "pg_stat_statements, auto_explain",
            "pg_stat_statements,auto_explain"
        ));
        assert!(!same_value("on", "off"));
    }

    /// What comes of an answer of these rows to a start with `archive_mode=off` and an empty `archive_command`.
    fn judged(rows: &[[Option<&str>; 3]]) -> Result<Vec<String>, String> {
        let text = |row: &[Option<&str>; 3]| row.iter().map(|field| field.map(str::to_owned)).collect();
        let rows: Vec<Vec<Option<String>>> = rows.iter().map(text).collect();
        let wanted = vec![
            ("archive_mode", "off".to_owned()),
            ("archive_command", String::new()),
        ];
        let service = "db".parse().unwrap();
        match settings(&service, &rows, wanted) {
            Ok(checks) => Ok(checks.into_iter().map(|check| check.found).collect()),
            Err(EngineError::NotSealed { what, found, .. }) => Err(format!("{what} {found}")),
            Err(other) => panic!("{other}"),
        }
    }

    const COMMAND: [Option<&str>; 3] = [Some("archive_command"), Some("(disabled)"), Some("command line")];

    fn mode(value: &'static str, source: &'static str) -> [Option<&'static str>; 3] {
        [Some("archive_mode"), Some(value), Some(source)]
    }

    #[test]
    fn an_override_counts_where_it_is_there_as_it_was_given() {
        let other = [Some("work_mem"), Some("4MB"), Some("default")];
        let taken = ["\"off\" (command line)", "\"\" (command line)"].map(str::to_owned);
        for source in ["command line", "override"] {
            let rows = [other, COMMAND, mode("off", source)];
            assert_eq!(judged(&rows).as_deref(), Ok(taken.as_slice()), "{source}");
        }
    }

    #[test]
    fn an_override_that_is_missing_is_another_or_comes_from_elsewhere_did_not_take() {
        let refused = |rows: &[[Option<&str>; 3]]| judged(rows).unwrap_err();
        assert_eq!(refused(&[]), "setting archive_mode missing");
        assert_eq!(refused(&[COMMAND]), "setting archive_mode missing");
        assert_eq!(
            refused(&[mode("off", "command line")]),
            "setting archive_command missing"
        );
        let null = [Some("archive_mode"), None, Some("command line")];
        assert_eq!(refused(&[null, COMMAND]), "setting archive_mode missing");
        let unnamed = [None, Some("off"), Some("command line")];
        assert_eq!(refused(&[unnamed, COMMAND]), "setting archive_mode missing");
        for source in [
            "configuration file",
            "database",
            "user",
            "default",
            "client",
            "session",
        ] {
            let expected = format!("setting archive_mode from {source}");
            assert_eq!(refused(&[mode("off", source), COMMAND]), expected);
        }
        let sourceless = [Some("archive_mode"), Some("off"), None];
        assert_eq!(refused(&[sourceless, COMMAND]), "setting archive_mode \"off\"");
        for source in ["command line", "override", "configuration file"] {
            let found = refused(&[mode("on\u{1b}[2J", source), COMMAND]);
            assert_eq!(found, "setting archive_mode \"on\\u{1b}[2J\"", "{source}");
        }
        // Only the first of two answers about one setting can be meant.
        let twice = [mode("on", "command line"), mode("off", "command line"), COMMAND];
        assert_eq!(refused(&twice), "setting archive_mode \"on\"");
    }

    #[test]
    fn envclones_own_session_may_have_set_what_a_role_could_and_nothing_else() {
        let rows = |name: &str| {
            let text = |text: &str| Some(text.to_owned());
            vec![vec![text(name), text("C"), text("client")]]
        };
        let service = "db".parse().unwrap();
        let judged = |name: &'static str| settings(&service, &rows(name), vec![(name, "C".to_owned())]);
        assert!(judged("lc_messages").is_ok());
        assert!(judged("archive_mode").is_err());
    }
}
