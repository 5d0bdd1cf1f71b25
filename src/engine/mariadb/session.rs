//! A connection of envclone's own to a branch's server.

use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder, Value};

use crate::engine::watch::{LONGEST, Watch};
use crate::engine::{EngineError, Fault};
use crate::model::{Secret, ServiceName};

use super::accounts::LOOPBACK;
use super::catalog::CATALOG;
use super::identify::Identity;

/// How long the server may say nothing while it works on a statement.
const SILENCE: Duration = Duration::from_secs(600);
/// The most rows that any question of envclone's has for an answer.
const MOST_ROWS: usize = 1_000_000;
/// The largest packet that is taken, in bytes.
const LARGEST_PACKET: usize = 64 << 20;
/// What every session sets: how values are written and read is not the data's to say, and nothing of it is logged.
const OWN: [&str; 3] = [
    "SET SESSION sql_mode = '', time_zone = '+00:00', max_statement_time = 0",
    "SET NAMES utf8mb4",
    "SET SESSION innodb_lock_wait_timeout = 60, lock_wait_timeout = 60",
];

/// A row: values as text; NULL is `None`.
pub(super) type Row = Vec<Option<String>>;

/// A connection, and whose it is for messages. It lives on a thread inside the branch's network namespace.
///
/// What it says to the server ends, whatever the server does: see [`crate::engine::watch`].
pub struct Session {
    client: Conn,
    watch: Watch,
    limit: Duration,
    service: ServiceName,
}

impl Session {
    /// Connects on the loopback of the current thread's network namespace.
    ///
    /// # Errors
    /// [`EngineError::Server`], without what the server said beyond its code.
    pub fn connect(
        service: &ServiceName,
        identity: &Identity,
        user: &str,
        password: &Secret,
        database: Option<&str>,
    ) -> Result<Self, EngineError> {
        let options = OptsBuilder::new()
            .ip_or_hostname(Some(LOOPBACK))
            .tcp_port(identity.port)
            // A server says where its socket is: one of another server, it may be.
            .prefer_socket(false)
            .user(Some(user))
            .pass(Some(password.reveal()))
            .db_name(database)
            .max_allowed_packet(Some(LARGEST_PACKET))
            .stmt_cache_size(0)
            .tcp_connect_timeout(Some(Duration::from_secs(10)))
            .read_timeout(Some(SILENCE))
            .write_timeout(Some(SILENCE));
        // It speaks first.
        let connected = Watch::connect(identity.port, &[], || Conn::new(options), fault_of);
        let (client, watch) = connected.map_err(|fault| EngineError::Server {
            service: service.clone(),
            action: "logging in".to_owned(),
            fault,
        })?;
        Ok(Self {
            client,
            watch,
            limit: LONGEST,
            service: service.clone(),
        })
    }

    /// Makes it envclone's own: see [`OWN`].
    ///
    /// # Errors
    /// [`EngineError::Server`].
    pub fn set_up(&mut self) -> Result<(), EngineError> {
        self.limit = CATALOG;
        OWN.iter()
            .try_for_each(|sql| self.execute("setting up a session", sql))
    }

    /// From now on a statement that takes longer than `limit` fails, and the session with it.
    pub fn limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Runs a statement that returns nothing of interest.
    ///
    /// # Errors
    /// [`EngineError::Server`].
    pub fn execute(&mut self, action: &str, sql: &str) -> Result<(), EngineError> {
        self.rows(action, sql).map(drop)
    }

    /// Runs one statement; the rows of its answer.
    ///
    /// # Errors
    /// [`EngineError::Server`].
    pub fn rows(&mut self, action: &str, sql: &str) -> Result<Vec<Row>, EngineError> {
        self.watch.arm(self.limit);
        let answer = rows_of(&mut self.client, sql);
        let cut = self.watch.disarm();
        answer.map_err(|fault| EngineError::Server {
            service: self.service.clone(),
            action: action.to_owned(),
            fault: cut.map_or(fault, Fault::from),
        })
    }

    /// The first column of the first row; `None` where there is no row or it is NULL.
    ///
    /// # Errors
    /// [`EngineError::Server`].
    pub fn value(&mut self, action: &str, sql: &str) -> Result<Option<String>, EngineError> {
        let rows = self.rows(action, sql)?;
        Ok(rows
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next().flatten()))
    }

    /// The first column of all rows, without NULLs.
    ///
    /// # Errors
    /// [`EngineError::Server`].
    pub fn column(&mut self, action: &str, sql: &str) -> Result<Vec<String>, EngineError> {
        let rows = self.rows(action, sql)?;
        Ok(rows
            .into_iter()
            .filter_map(|row| row.into_iter().next().flatten())
            .collect())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.watch.arm(Duration::from_secs(5));
    }
}

fn rows_of(client: &mut Conn, sql: &str) -> Result<Vec<Row>, Fault> {
    let mut answer = client.query_iter(sql).map_err(|error| fault_of(&error))?;
    let mut rows = Vec::new();
    while let Some(set) = answer.iter() {
        for row in set {
            let row = row.map_err(|error| fault_of(&error))?;
            if rows.len() == MOST_ROWS {
                return Err("the server's answer is too large".into());
            }
            rows.push(row.unwrap().into_iter().map(text).collect());
        }
    }
    Ok(rows)
}

/// Answers to texts are texts.
fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true)),
    }
}

/// What may be shown of an error: its code. The server's words may hold row values.
fn fault_of(error: &mysql::Error) -> Fault {
    match error {
        mysql::Error::MySqlError(answer) => {
            Fault::answer(answer.code.to_string(), format!("error {}", answer.code))
        }
        mysql::Error::IoError(error) => format!("the connection failed: {}", error.kind()).into(),
        _ => "the server's answer was not understood".into(),
    }
}

/// An SQL string in single quotes. Sessions of envclone's own have an `sql_mode` in which a backslash escapes.
pub(super) fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// An SQL identifier in backticks.
pub(super) fn quote_identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_cannot_leave_their_quotes() {
        assert_eq!(quote_literal("it's \\' so"), "'it''s \\\\'' so'");
        assert_eq!(quote_identifier("a`b"), "`a``b`");
    }
}
