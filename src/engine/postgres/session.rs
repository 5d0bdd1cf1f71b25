//! A connection of envclone's own to a branch's server.

use std::time::Duration;

use postgres::{Client, NoTls, SimpleQueryMessage};

use super::access::Ident;
use super::identify::Identity;
use crate::engine::watch::{LONGEST, Watch};
use crate::engine::{EngineError, Fault};
use crate::model::ServiceName;

/// A connection, and whose it is for messages. Lives on a thread inside the branch's network namespace.
///
/// What it says to the server ends, whatever the server does: see [`crate::engine::watch`].
pub struct Session {
    /// Before the watch, so that its end is watched, too.
    client: Client,
    watch: Watch,
    limit: Duration,
    service: ServiceName,
}

/// What a sealed server answers to a role that is not there or may not log in (`invalid_authorization_specification`),
/// and to one that may not set what [`options`] sets (`insufficient_privilege`).
const NO_SUPERUSER: [&str; 2] = ["28000", "42501"];
/// `SSLRequest`: the server answers it with one byte before it asks who the client is (PostgreSQL manual, message
/// formats).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// How long the end of a connection may take.
const FAREWELL: Duration = Duration::from_secs(5);

impl Session {
    /// Connects to `database` as the superuser of a sealed server, on the loopback of the current thread's network
    /// namespace. `ident` vouches for this process, so it must be open.
    ///
    /// # Errors
    /// [`EngineError::Unfit`] where the server knows no such superuser, else [`EngineError::Server`] without what the
    /// server said beyond its code.
    pub fn connect(
        service: &ServiceName,
        ident: &Ident,
        identity: &Identity,
        database: &str,
    ) -> Result<Self, EngineError> {
        let role = identity.superuser.as_str();
        let mut options = format!("{} {}", options(identity.major), OF_SUPERUSERS);
        // Else those that are enabled for replicas, too, would fire.
        if identity.major >= 17 {
            options.push_str(" -c event_triggers=off");
        }
        let connected = Self::vouched(service, ident, identity, role, database, &options);
        connected.map_err(|fault| {
            if NO_SUPERUSER.iter().any(|code| fault.is(code)) {
                return EngineError::Unfit {
                    service: service.clone(),
                    message: format!(
                        "role {role:?} is no superuser that may log in to it; name that of the cluster by `superuser`"
                    ),
                };
            }
            EngineError::Server {
                service: service.clone(),
                action: format!("connecting to database {database}"),
                fault,
            }
        })
    }

    /// Connects to `database` of a sealed server as another role, with no more rights than that has. It must be one that
    /// may log in.
    ///
    /// # Errors
    /// [`EngineError::Server`].
    pub fn connect_as(
        service: &ServiceName,
        ident: &Ident,
        identity: &Identity,
        role: &str,
        database: &str,
    ) -> Result<Self, EngineError> {
        let options = options(identity.major);
        let connected = Self::vouched(service, ident, identity, role, database, &options);
        connected.map_err(|fault| EngineError::Server {
            service: service.clone(),
            action: format!("connecting to database {database} as {role:?}"),
            fault,
        })
    }

    fn vouched(
        service: &ServiceName,
        ident: &Ident,
        identity: &Identity,
        role: &str,
        database: &str,
        options: &str,
    ) -> Result<Self, Fault> {
        let mut config = postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(identity.port)
            .user(role)
            .dbname(database)
            .application_name("envclone")
            .connect_timeout(std::time::Duration::from_secs(10))
            .options(options);
        ident.vouching(role, identity.port, || {
            Self::watched(service, identity.port, &config)
        })
    }

    /// Connects as a user of the branch does, by password. For the proof that the URL works, and for nothing else.
    ///
    /// # Errors
    /// [`EngineError::Server`].
    pub fn by_password(
        service: &ServiceName,
        port: u16,
        role: &str,
        password: &str,
        database: &str,
    ) -> Result<Self, EngineError> {
        let mut config = postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(port)
            .user(role)
            .password(password)
            .dbname(database);
        config
            .application_name("envclone")
            .connect_timeout(std::time::Duration::from_secs(10));
        Self::watched(service, port, &config).map_err(|fault| EngineError::Server {
            service: service.clone(),
            action: format!("logging in to database {database} by password"),
            fault,
        })
    }

    fn watched(service: &ServiceName, port: u16, config: &postgres::Config) -> Result<Self, Fault> {
        let (client, watch) = Watch::connect(port, &SSL_REQUEST, || config.connect(NoTls), fault_of)?;
        Ok(Self {
            client,
            watch,
            limit: LONGEST,
            service: service.clone(),
        })
    }

    /// From now on a statement that takes longer than `limit` fails, and the session with it.
    pub fn limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// From now on statements may take as long as they need, as long as the server is there.
    pub fn unlimited(&mut self) {
        self.limit = LONGEST;
    }

    /// The service that this is a session of.
    pub fn service(&self) -> &ServiceName {
        &self.service
    }

    /// The client itself, for copies and typed queries. The server owes an answer from now until the next statement.
    pub fn client(&mut self) -> &mut Client {
        self.watch.arm(LONGEST);
        &mut self.client
    }

    /// Runs statements that return nothing of interest.
    ///
    /// # Errors
    /// [`EngineError::Server`].
    pub fn execute(&mut self, action: &str, sql: &str) -> Result<(), EngineError> {
        self.watch.arm(self.limit);
        let executed = self.client.batch_execute(sql);
        self.answered(action, executed)
    }

    /// The outcome of a statement, or why its connection was cut.
    fn answered<T>(&mut self, action: &str, outcome: Result<T, postgres::Error>) -> Result<T, EngineError> {
        let cut = self.watch.disarm();
        outcome.map_err(|error| match cut {
            Some(fault) => EngineError::Server {
                service: self.service.clone(),
                action: action.to_owned(),
                fault: fault.into(),
            },
            None => self.fault(action, &error),
        })
    }

    /// Runs one query and returns its rows as text; NULL is `None`.
    ///
    /// # Errors
    /// [`EngineError::Server`].
    pub fn rows(&mut self, action: &str, sql: &str) -> Result<Vec<Vec<Option<String>>>, EngineError> {
        self.watch.arm(self.limit);
        let answer = self.client.simple_query(sql);
        let messages = self.answered(action, answer)?;
        let row = |message: SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => Some(
                (0..row.len())
                    .map(|index| row.get(index).map(str::to_owned))
                    .collect(),
            ),
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    /// The first column of the first row; `None` where there is no row or it is NULL.
    ///
    /// # Errors
    /// [`EngineError::Server`].
    pub fn value(&mut self, action: &str, sql: &str) -> Result<Option<String>, EngineError> {
        Ok(self
            .rows(action, sql)?
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next().flatten()))
    }

    /// An error of this session without row values.
    pub fn fault(&self, action: &str, error: &postgres::Error) -> EngineError {
        EngineError::Server {
            service: self.service.clone(),
            action: action.to_owned(),
            fault: fault_of(error),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.watch.arm(FAREWELL);
    }
}

/// What only superusers may set, for envclone's own sessions: no user trigger, rule or event trigger of the data may act on
/// what envclone does, and no library is loaded.
const OF_SUPERUSERS: &str = "-c session_preload_libraries= -c log_min_messages=warning -c session_replication_role=replica \
    -c zero_damaged_pages=off -c ignore_checksum_failure=off";

/// Settings of all sessions: no timeout that the data's owner set may end them, and no setting of their role may make
/// another role of it, load a library, or change how values are read and written.
fn options(major: u32) -> String {
    let mut options = "-c role=none -c local_preload_libraries= -c statement_timeout=0 -c lock_timeout=0 \
        -c idle_in_transaction_session_timeout=0 -c idle_session_timeout=0 -c search_path=pg_catalog -c row_security=off \
        -c default_transaction_read_only=off -c client_encoding=UTF8 -c datestyle=ISO -c intervalstyle=postgres \
        -c extra_float_digits=1 -c jit=off -c bytea_output=hex -c default_transaction_isolation=read\\ committed \
        -c array_nulls=on -c xmloption=content -c standard_conforming_strings=on -c transform_null_equals=off \
        -c gin_fuzzy_search_limit=0 -c exit_on_error=off -c constraint_exclusion=off"
        .to_owned();
    // A server refuses settings that it does not know.
    if major >= 17 {
        options.push_str(" -c transaction_timeout=0");
    }
    options
}

/// What may be shown of a database error: its code and the object that it names. Message, detail and context may
/// hold row values.
pub fn fault_of(error: &postgres::Error) -> Fault {
    let Some(db) = error.as_db_error() else {
        return if error.is_closed() {
            "the connection was closed".into()
        } else {
            "the connection failed".into()
        };
    };
    let code = db.code().code();
    let mut fault = format!("SQLSTATE {code}");
    let objects = [
        ("table", db.table()),
        ("column", db.column()),
        ("constraint", db.constraint()),
        ("type", db.datatype()),
    ];
    for (kind, name) in objects {
        if let Some(name) = name {
            fault.push_str(&format!(", {kind} {name}"));
        }
    }
    Fault::answer(code, fault)
}

/// An SQL identifier in double quotes.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// An SQL string in single quotes, in the form that no setting changes the meaning of.
pub fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!(" E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_cannot_leave_their_quotes() {
        assert_eq!(
            quote_identifier("a\"; DROP TABLE x; --"),
            "\"a\"\"; DROP TABLE x; --\""
        );
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("\\'"), " E'\\\\'''");
    }
}
