//! Rewrites a table: its rows go out into a spool, the table gets new, empty files, and the rows come back through the
//! transforms. Nothing is updated in place, so no dead row, no old page and no WAL of the originals is made, and
//! since the table stays the same object, everything that depends on it stays as it was.
//!
//! While it is loaded the table is told that it has neither triggers nor indexes (`pg_class.relhastriggers`,
//! `relhasindex`): no foreign key or trigger of the data acts, and the indexes are built afterwards, whole. The
//! transaction that does so is the one that made the new files, so with `wal_level=minimal` the rows are not logged
//! (PostgreSQL manual, "Populating a Database").
//!
//! Nothing of this can be seen half done: whoever meets an error here leaves the branch sealed, to be removed.

use std::fs::File;
use std::io;

use crate::engine::EngineError;
use crate::engine::postgres::{Session, quote_identifier, quote_literal};
use crate::model::ServiceName;
use crate::sanitize::copy_text::{CopyError, Row};
use crate::sanitize::schema::{Table, TableName};
use crate::sanitize::transform::{Transform, TransformError};

use super::bare::{empty_and_bare, give_back, had, set_flag};
use super::indexes;
use super::rights::{Loader, Own, Turn};
use super::seen::Seen;
use super::spool::{self, Place};

/// What happens to one column.
pub(super) struct ColumnWork {
    /// Its name.
    pub name: String,
    /// The rules in their order; the first whose condition holds decides, and the last has none.
    pub rules: Vec<Rule>,
}

impl ColumnWork {
    /// The rule that decides about a row, whose conditions for this column begin at the field `first`.
    pub(super) fn rule_of(&self, row: &Row<'_>, first: usize) -> Option<usize> {
        let mut flag = first;
        self.rules.iter().position(|rule| {
            rule.condition.is_none() || {
                flag += 1;
                row.raw(flag - 1) == b"t"
            }
        })
    }
}

/// One rule of a column.
pub(super) struct Rule {
    /// The owner's SQL condition on the row.
    pub condition: Option<String>,
    /// The transform; `None` keeps the value.
    pub transform: Option<Box<dyn Transform>>,
}

/// What became of one column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ColumnCount {
    /// Values replaced, NULLs not counted.
    pub values: u64,
    /// Values that came out equal to the original; those that hold no letter or digit are not counted.
    pub unchanged: u64,
}

impl ColumnCount {
    /// Whether more values came out as they were than chance can explain: more than one in a hundred.
    pub(super) fn repeats(&self) -> bool {
        self.unchanged.saturating_mul(100) > self.values
    }
}

/// What became of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rewritten {
    /// Rows.
    pub rows: u64,
    /// One for each [`ColumnWork`].
    pub columns: Vec<ColumnCount>,
}

impl Rewritten {
    /// A column in which values came out as they were, although its transforms never do that.
    pub(super) fn repeated<'a>(
        &'a self,
        columns: &'a [ColumnWork],
    ) -> Option<(&'a ColumnWork, &'a ColumnCount)> {
        let never = |column: &ColumnWork| {
            let mut transforms = column.rules.iter().filter_map(|rule| rule.transform.as_deref());
            transforms.all(|transform| !transform.may_repeat())
        };
        let mut counted = columns.iter().zip(&self.columns);
        counted.find(|(column, count)| never(column) && count.repeats())
    }

    /// Adds what became of another part of the table.
    pub(super) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        for (count, other) in self.columns.iter_mut().zip(&other.columns) {
            count.values += other.values;
            count.unchanged += other.unchanged;
        }
    }
}

/// Why a table could not be rewritten. It may be empty then.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The server.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A row could not be read.
    #[error("service {service}: table {table} could not be read as COPY text")]
    Copy {
        /// The service.
        service: ServiceName,
        /// The table.
        table: TableName,
        /// What was wrong, without the value.
        #[source]
        source: CopyError,
    },
    /// A value could not be replaced.
    #[error("service {service}: a value of {table}.{column} (key: {key}) could not be replaced")]
    Transform {
        /// The service.
        service: ServiceName,
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// The columns that say which row.
        key: String,
        /// Why, without the value.
        #[source]
        source: TransformError,
    },
    /// A row that would take more memory than envclone allows itself.
    #[error(
        "service {service}: a row of {table} is longer than {limit} MB, most of it in {column}; it cannot be replaced. Find such \
         rows by {key}, and delete them, or keep them out of the table"
    )]
    Large {
        /// The service.
        service: ServiceName,
        /// The table.
        table: TableName,
        /// The column with the largest value.
        column: String,
        /// The columns that say which row.
        key: String,
        /// The limit.
        limit: u64,
    },
    /// A table still has a file that it had before.
    #[error("service {service}: table {table} kept a file of originals")]
    NotRewritten {
        /// The service.
        service: ServiceName,
        /// The table.
        table: TableName,
    },
    /// A thread of envclone's own.
    #[error("service {service}: a reader of table {table} ended before its work was done")]
    Reader {
        /// The service.
        service: ServiceName,
        /// The table.
        table: TableName,
    },
    /// The spool.
    #[error("service {service}: the spool of table {table} failed")]
    Spool {
        /// The service.
        service: ServiceName,
        /// The table.
        table: TableName,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
}

/// Rewrites `table`, whose number is `number`, and which the `others` help to read and to index. Where it has a late turn its
/// new rows are written by whoever [`Loader::of`] says.
///
/// # Errors
/// [`RewriteError`].
pub(super) fn rewrite(
    session: &mut Session,
    others: &mut [Session],
    (table, number): (&Table, u32),
    work: &[ColumnWork],
    place: Place<'_>,
    turn: Turn,
) -> Result<(Rewritten, Seen), RewriteError> {
    let name = quoted(&table.name);
    let before = files_of(session, number)?;
    let (indexes, unfinished) = indexes::of(session, number, turn != Turn::First)?;
    lock(session, &table.name, number)?;
    let loader = match turn {
        Turn::First => Loader::Same,
        Turn::Late { .. } => Loader::of(session, number, &table.name)?,
    };
    let had = had(session, number)?;
    let by_owner = turn == (Turn::Late { conditions: true }) && !loader.is_same_session();
    let (mut files, mut own) = if by_owner {
        let (files, own) = read_by_owner(session, (table, number), work, place, &loader)?;
        (files, Some(own))
    } else {
        let files = spool::read_out(session, others, table, work, place, &Loader::Same)?;
        (files, None)
    };
    empty_and_bare(session, &table.name, number, &had)?;
    unfinished.leave_out(session)?;
    if !loader.is_same_session() {
        // Its policies hold for whoever is not a superuser.
        set_flag(session, number, "relrowsecurity", "false")?;
        session.execute("committing an empty table", "COMMIT")?;
        if own.is_none() {
            own = Own::open(session, &loader, place.door)?;
        }
    }
    if let Some(own) = &mut own {
        own.session.execute("beginning", "BEGIN")?;
    }
    let (rewritten, seen) = as_applications_do(whose(&mut own, session), table, |session| {
        spool::load(session, table, work, &mut files, place, &loader)
    })?;
    drop(files);
    if let Some(own) = &mut own {
        own.session
            .execute(&format!("committing {}", table.name), "COMMIT")?;
        lock(session, &table.name, number)?;
    }
    give_back(session, number, &had)?;
    let side_by_side = indexes::side_by_side(&indexes, others.len() + 1);
    if side_by_side {
        indexes::hide(session, number)?;
    } else {
        as_applications_do(session, table, |session| {
            let sql = format!("REINDEX TABLE {name}");
            Ok(session.execute(&format!("building the indexes of {}", table.name), &sql)?)
        })?;
    }
    session.execute(&format!("committing {}", table.name), "COMMIT")?;
    if side_by_side {
        indexes::build(session, others, (table, number), indexes)?;
    }
    unfinished.give_back(session)?;
    // By an index, it may be: not before they are built.
    if had.unvalidated {
        let checks = valid_checks(session, number)?;
        let session = whose(&mut own, session);
        session.execute("beginning", "BEGIN")?;
        let prove = |session: &mut Session| Ok(prove_checks(session, &table.name, &checks)?);
        match loader {
            // They call nothing of the data, and no name of the data's may come between.
            Loader::Same => prove(session)?,
            _ => as_applications_do(session, table, prove)?,
        }
        session.execute("ending the checks", "COMMIT")?;
    }
    if let Some(own) = own {
        own.end(session)?;
    }
    let after = files_of(session, number)?;
    if before.iter().any(|file| after.contains(file)) {
        return Err(RewriteError::NotRewritten {
            service: session.service().clone(),
            table: table.name.clone(),
        });
    }
    Ok((rewritten, seen))
}

/// Begins a transaction that holds a table still, if it is the one with that number. Others may read until it is emptied, which
/// takes the stronger lock.
fn lock(session: &mut Session, table: &TableName, number: u32) -> Result<(), EngineError> {
    session.execute("beginning", "BEGIN")?;
    session.execute(
        "locking a table",
        &format!("LOCK TABLE ONLY {} IN SHARE MODE", quoted(table)),
    )?;
    refuse_another(session, table, number)
}

/// Reads a table out as the role that owns it, which evaluates conditions that call code of the data; over one connection. The
/// table is locked before and after.
fn read_by_owner(
    session: &mut Session,
    (table, number): (&Table, u32),
    work: &[ColumnWork],
    place: Place<'_>,
    loader: &Loader,
) -> Result<(Vec<File>, Own), RewriteError> {
    // Its policies hold for its owner, it may be, and the role is let in once that is committed.
    set_flag(session, number, "relrowsecurity", "false")?;
    session.execute("committing a table's flags", "COMMIT")?;
    let own = Own::open(session, loader, place.door)?;
    let Some(mut own) = own.filter(|_| matches!(loader, Loader::Owner(_))) else {
        return Err(RewriteError::Engine(EngineError::Unfit {
            service: session.service().clone(),
            message: format!(
                "a condition of a rule of {} calls code of the data, and would run as a superuser",
                table.name
            ),
        }));
    };
    lock(session, &table.name, number)?;
    own.session.execute("beginning", "BEGIN")?;
    let files = as_applications_do(&mut own.session, table, |session| {
        spool::read_out(session, &mut [], table, work, place, loader)
    })?;
    own.session.execute("ending the reading", "COMMIT")?;
    // Its schema may have another name now.
    refuse_another(session, &table.name, number)?;
    Ok((files, own))
}

/// The session that evaluates what calls functions of the data.
fn whose<'a>(own: &'a mut Option<Own>, session: &'a mut Session) -> &'a mut Session {
    own.as_mut().map_or(session, |own| &mut own.session)
}

/// Does what calls functions of the data (generated columns, checks, indexes), which may find others by the search path, as
/// an application would: in the table's own schema and in `public`. Nothing else is asked meanwhile, since whoever owns
/// those can put names of his own into them. PostgreSQL 17 builds indexes by `pg_catalog` alone whatever is set.
pub(super) fn as_applications_do<T>(
    session: &mut Session,
    table: &Table,
    act: impl FnOnce(&mut Session) -> Result<T, RewriteError>,
) -> Result<T, RewriteError> {
    let schema = quote_identifier(&table.name.schema);
    let usual = format!("SET LOCAL search_path = pg_catalog, {schema}, public");
    session.execute("setting the search path", &usual)?;
    let done = act(session)?;
    session.execute("setting the search path", "SET LOCAL search_path = pg_catalog")?;
    Ok(done)
}

/// Refuses a view, which code of the data may have put in the place of a table or materialized view: its functions would run
/// as whoever reads it.
///
/// # Errors
/// [`EngineError::Unfit`].
pub(super) fn refuse_views(session: &mut Session, table: &TableName) -> Result<(), EngineError> {
    refuse_unless(session, table, "relkind IN ('r', 'm')")
}

/// Refuses whatever code of the data may have put in the place of a table. Where such code may run meanwhile, it must be locked.
///
/// # Errors
/// [`EngineError::Unfit`].
pub(super) fn refuse_another(
    session: &mut Session,
    table: &TableName,
    number: u32,
) -> Result<(), EngineError> {
    refuse_unless(session, table, &format!("relkind = 'r' AND oid = {number}"))
}

fn refuse_unless(session: &mut Session, table: &TableName, same: &str) -> Result<(), EngineError> {
    let sql = format!("SELECT {same} FROM pg_class WHERE oid = {}", regclass(table));
    if session.value("looking at a table", &sql)?.as_deref() == Some("t") {
        return Ok(());
    }
    Err(EngineError::Unfit {
        service: session.service().clone(),
        message: format!(
            "{table} is no longer the table that it was: code of the data has changed the schema"
        ),
    })
}

/// Pages from which on a table is worth more than one reader.
const LARGE: u64 = 512;

/// Whether a table is worth more than one reader.
///
/// # Errors
/// [`EngineError`].
pub(super) fn is_large(session: &mut Session, table: &TableName) -> Result<bool, EngineError> {
    Ok(pages(session, table)? >= LARGE)
}

/// How many pages the rows of a table lie on.
pub(super) fn pages(session: &mut Session, table: &TableName) -> Result<u64, EngineError> {
    let sql = format!(
        "SELECT pg_relation_size({}) / current_setting('block_size')::int",
        regclass(table)
    );
    let pages = session.value("measuring a table", &sql)?;
    Ok(pages.and_then(|pages| pages.parse().ok()).unwrap_or(0))
}

/// Removes all rows of `table`, and its files.
///
/// # Errors
/// [`RewriteError`]; the table is then as it was.
pub(super) fn empty(
    session: &mut Session,
    table: &TableName,
    number: u32,
    turn: Turn,
) -> Result<(), RewriteError> {
    if turn == Turn::First {
        session.execute("beginning", "BEGIN")?;
    } else {
        lock(session, table, number)?;
    }
    let had = had(session, number)?;
    empty_and_bare(session, table, number, &had)?;
    give_back(session, number, &had)?;
    session.execute("emptying indexes", &format!("REINDEX TABLE {}", quoted(table)))?;
    Ok(session.execute("committing", "COMMIT")?)
}

/// The table's name as SQL.
pub(super) fn quoted(table: &TableName) -> String {
    format!(
        "{}.{}",
        quote_identifier(&table.schema),
        quote_identifier(&table.name)
    )
}

/// The columns that say which row of a table one is, for messages.
pub(super) fn key_of(table: &Table) -> String {
    let key = table.columns.iter().filter(|column| column.primary_key);
    let names: Vec<&str> = key.map(|column| column.name.as_str()).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

pub(super) fn regclass(table: &TableName) -> String {
    format!("{}::regclass", quote_literal(&quoted(table)))
}

/// The file numbers of a table, its TOAST table and all their indexes.
fn files_of(session: &mut Session, number: u32) -> Result<Vec<String>, EngineError> {
    let sql = format!(
        "WITH heaps AS (SELECT oid, reltoastrelid FROM pg_class WHERE oid = {number}), \
         both_heaps AS (SELECT oid FROM heaps UNION SELECT reltoastrelid FROM heaps WHERE reltoastrelid <> 0) \
         SELECT pg_relation_filenode(oid) FROM both_heaps \
         UNION SELECT pg_relation_filenode(indexrelid) FROM pg_index WHERE indrelid IN (SELECT oid FROM both_heaps)"
    );
    Ok(session
        .rows("listing a table's files", &sql)?
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect())
}

/// Names and conditions of the checks that all rows met before, with the names in them qualified.
fn valid_checks(session: &mut Session, number: u32) -> Result<Vec<Vec<Option<String>>>, EngineError> {
    let sql = format!(
        "SELECT quote_ident(conname), pg_get_expr(conbin, conrelid) FROM pg_constraint \
         WHERE conrelid = {number} AND contype = 'c' AND convalidated"
    );
    session.rows("listing checks", &sql)
}

/// Holds the new rows against those checks, where loading could not.
fn prove_checks(
    session: &mut Session,
    table: &TableName,
    checks: &[Vec<Option<String>>],
) -> Result<(), EngineError> {
    for row in checks {
        let [Some(name), Some(condition)] = row.as_slice() else {
            continue;
        };
        let broken = format!(
            "SELECT EXISTS (SELECT 1 FROM ONLY {} WHERE NOT ({condition}))",
            quoted(table)
        );
        if session.value("holding rows against a check", &broken)?.as_deref() != Some("f") {
            return Err(EngineError::Unfit {
                service: session.service().clone(),
                message: format!(
                    "a replaced row of {table} breaks its check {name}; choose another transform for its columns"
                ),
            });
        }
    }
    Ok(())
}
