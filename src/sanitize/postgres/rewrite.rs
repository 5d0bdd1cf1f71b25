//! Rewrites a table: its rows go out through the transforms into a spool, the table gets new, empty files, and the
//! rows come back. Nothing is updated in place, so no dead row, no old page and no WAL of the originals is made, and
//! since the table stays the same object, everything that depends on it stays as it was.
//!
//! While it is loaded the table is told that it has neither triggers nor indexes (`pg_class.relhastriggers`,
//! `relhasindex`): no foreign key or trigger of the data acts, and the indexes are built afterwards, whole. The
//! transaction that does so is the one that made the new files, so with `wal_level=minimal` the rows are not logged
//! (PostgreSQL manual, "Populating a Database").

use std::fs::File;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::engine::EngineError;
use crate::engine::postgres::{Session, fault_of, quote_identifier, quote_literal};
use crate::model::ServiceName;
use crate::sanitize::copy_text::CopyError;
use crate::sanitize::schema::{Table, TableName};
use crate::sanitize::transform::{Transform, TransformError};

use super::masker::Masker;
use super::pace::Pace;

/// How many bytes are gathered before they are noted and written.
const BATCH: usize = 1 << 20;

/// What happens to one column.
pub(super) struct ColumnWork {
    /// Its name.
    pub name: String,
    /// The rules in their order; the first whose condition holds decides, and the last has none.
    pub rules: Vec<Rule>,
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
    /// Values that came out equal to the original.
    pub unchanged: u64,
}

/// What became of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rewritten {
    /// Rows.
    pub rows: u64,
    /// One for each [`ColumnWork`].
    pub columns: Vec<ColumnCount>,
}

/// Where rows lie between going out and coming back, and how fast they may be written.
#[derive(Clone, Copy)]
pub(super) struct Spooling<'a> {
    /// A root-only directory of the pool.
    pub(super) directory: &'a Path,
    /// The limit.
    pub(super) pace: &'a Pace,
}

/// Why a table could not be rewritten. Its transaction is rolled back.
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
    #[error("service {service}: a value of {table}.{column} could not be replaced")]
    Transform {
        /// The service.
        service: ServiceName,
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// Why, without the value.
        #[source]
        source: TransformError,
    },
    /// A table still has a file that it had before.
    #[error("service {service}: table {table} kept a file of originals")]
    NotRewritten {
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

/// Rewrites `table`. `noter` sees every byte of the new rows, for telling which originals stand there rightly.
///
/// # Errors
/// [`RewriteError`]; the table is then as it was.
pub(super) fn rewrite(
    session: &mut Session,
    table: &Table,
    work: &[ColumnWork],
    place: Spooling<'_>,
    noter: &mut dyn FnMut(&[u8]),
) -> Result<Rewritten, RewriteError> {
    let name = quoted(&table.name);
    let before = files_of(session, &table.name)?;
    session.execute("beginning", "BEGIN")?;
    session.execute(
        "locking a table",
        &format!("LOCK TABLE ONLY {name} IN ACCESS EXCLUSIVE MODE"),
    )?;
    let mut spool = unnamed_file(place.directory).map_err(|source| spool_error(session, table, source))?;
    let rewritten = transform_out(session, table, work, (&mut spool, place.pace), noter)?;
    let had = empty_and_bare(session, &table.name)?;
    load(session, table, &mut spool, place.pace)?;
    give_back(session, &table.name, &had)?;
    session.execute(
        &format!("building the indexes of {}", table.name),
        &format!("REINDEX TABLE {name}"),
    )?;
    session.execute(&format!("committing {}", table.name), "COMMIT")?;
    let after = files_of(session, &table.name)?;
    if before.iter().any(|file| after.contains(file)) {
        return Err(RewriteError::NotRewritten {
            service: session.service().clone(),
            table: table.name.clone(),
        });
    }
    Ok(rewritten)
}

/// Removes all rows of `table`, and its files.
///
/// # Errors
/// [`RewriteError`]; the table is then as it was.
pub(super) fn empty(session: &mut Session, table: &TableName) -> Result<(), RewriteError> {
    session.execute("beginning", "BEGIN")?;
    let had = empty_and_bare(session, table)?;
    give_back(session, table, &had)?;
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

fn regclass(table: &TableName) -> String {
    format!("{}::regclass", quote_literal(&quoted(table)))
}

/// The file numbers of a table, its TOAST table and all their indexes.
fn files_of(session: &mut Session, table: &TableName) -> Result<Vec<String>, EngineError> {
    let sql = format!(
        "WITH heaps AS (SELECT oid, reltoastrelid FROM pg_class WHERE oid = {}), \
         both_heaps AS (SELECT oid FROM heaps UNION SELECT reltoastrelid FROM heaps WHERE reltoastrelid <> 0) \
         SELECT pg_relation_filenode(oid) FROM both_heaps \
         UNION SELECT pg_relation_filenode(indexrelid) FROM pg_index WHERE indrelid IN (SELECT oid FROM both_heaps)",
        regclass(table)
    );
    Ok(session
        .rows("listing a table's files", &sql)?
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect())
}

fn stored_columns(table: &Table) -> Vec<&str> {
    table
        .columns
        .iter()
        .filter(|column| !column.generated)
        .map(|column| column.name.as_str())
        .collect()
}

fn column_list(columns: &[&str]) -> String {
    columns
        .iter()
        .map(|column| quote_identifier(column))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Reads every row, replaces what is to be replaced, and spools the result.
fn transform_out(
    session: &mut Session,
    table: &Table,
    work: &[ColumnWork],
    (spool, pace): (&mut File, &Pace),
    noter: &mut dyn FnMut(&[u8]),
) -> Result<Rewritten, RewriteError> {
    let columns = stored_columns(table);
    let conditions: Vec<&str> = work
        .iter()
        .flat_map(|column| column.rules.iter().filter_map(|rule| rule.condition.as_deref()))
        .collect();
    let mut selected = column_list(&columns);
    for condition in &conditions {
        // The line break ends a comment that the condition may close with.
        selected.push_str(&format!(", ({condition}\n) IS TRUE"));
    }
    let sql = format!(
        "COPY (SELECT {selected} FROM ONLY {}) TO STDOUT",
        quoted(&table.name)
    );
    let service = session.service().clone();
    let mut masker = Masker::new(&columns, work, conditions.len());
    let mut batch = Vec::with_capacity(BATCH + BATCH / 4);
    let mut line = Vec::new();
    let spool_error = |source| RewriteError::Spool {
        service: service.clone(),
        table: table.name.clone(),
        source,
    };
    let failed = |error: &postgres::Error| server_error(&service, table, fault_of(error));
    let mut reader = session.client().copy_out(&sql).map_err(|error| failed(&error))?;
    loop {
        line.clear();
        if reader
            .read_until(b'\n', &mut line)
            .map_err(|error| read_error(&service, table, &error))?
            == 0
        {
            break;
        }
        let row = line.strip_suffix(b"\n").unwrap_or(&line);
        masker
            .mask(row, &mut batch)
            .map_err(|fault| fault.of(&service, table))?;
        if batch.len() >= BATCH {
            noter(&batch);
            spool.write_all(&batch).map_err(spool_error)?;
            pace.wrote(batch.len());
            batch.clear();
        }
    }
    noter(&batch);
    spool.write_all(&batch).map_err(spool_error)?;
    Ok(masker.done)
}

/// A failure of a copy comes wrapped as an I/O error; only its code is kept.
fn read_error(service: &ServiceName, table: &Table, error: &io::Error) -> RewriteError {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<postgres::Error>());
    server_error(
        service,
        table,
        inner.map_or_else(|| error.kind().to_string(), fault_of),
    )
}

fn server_error(service: &ServiceName, table: &Table, fault: String) -> RewriteError {
    RewriteError::Engine(EngineError::Server {
        service: service.clone(),
        action: format!("copying table {}", table.name),
        fault,
    })
}

/// Loads the spooled rows into the emptied table.
fn load(session: &mut Session, table: &Table, spool: &mut File, pace: &Pace) -> Result<(), RewriteError> {
    let service = session.service().clone();
    let spool_error = |source| RewriteError::Spool {
        service: service.clone(),
        table: table.name.clone(),
        source,
    };
    spool.seek(SeekFrom::Start(0)).map_err(spool_error)?;
    let columns = stored_columns(table);
    if columns.is_empty() {
        return Ok(());
    }
    // Nobody else can have seen the emptied table: rows that are visible to all at once are not written a second time.
    let sql = format!(
        "COPY {} ({}) FROM STDIN WITH (FREEZE)",
        quoted(&table.name),
        column_list(&columns)
    );
    let failed = |error: &postgres::Error| server_error(&service, table, fault_of(error));
    let mut writer = session.client().copy_in(&sql).map_err(|error| failed(&error))?;
    let mut buffer = vec![0; BATCH];
    loop {
        let read = spool.read(&mut buffer).map_err(spool_error)?;
        if read == 0 {
            break;
        }
        writer
            .write_all(&buffer[..read])
            .map_err(|error| read_error(&service, table, &error))?;
        pace.wrote(read);
    }
    writer.finish().map_err(|error| failed(&error))?;
    Ok(())
}

/// Empties a table so that its rows can be loaded as they are: without a trigger, a foreign key or an index of it acting.
/// What `pg_class` said of triggers and indexes is returned, for [`give_back`].
///
/// TRUNCATE looks for foreign keys where there are triggers, and says anew that there are indexes: hence the order.
fn empty_and_bare(session: &mut Session, table: &TableName) -> Result<Had, EngineError> {
    let had = had(session, table)?;
    set_flag(session, table, "relhastriggers", "false")?;
    let truncate = format!("TRUNCATE ONLY {}", quoted(table));
    session.execute("emptying a table", &truncate)?;
    set_flag(session, table, "relhasindex", "false")?;
    Ok(had)
}

/// What `pg_class` said of a table before it was told to forget its triggers and indexes.
struct Had {
    triggers: String,
    indexes: String,
}

fn had(session: &mut Session, table: &TableName) -> Result<Had, EngineError> {
    let sql = format!(
        "SELECT relhastriggers, relhasindex FROM pg_class WHERE oid = {}",
        regclass(table)
    );
    let row = session
        .rows("reading a table's flags", &sql)?
        .into_iter()
        .next()
        .unwrap_or_default();
    let flag = |index: usize| match row.get(index).and_then(Option::as_deref) {
        Some("t") => "true".to_owned(),
        _ => "false".to_owned(),
    };
    Ok(Had {
        triggers: flag(0),
        indexes: flag(1),
    })
}

fn give_back(session: &mut Session, table: &TableName, had: &Had) -> Result<(), EngineError> {
    set_flag(session, table, "relhastriggers", &had.triggers)?;
    set_flag(session, table, "relhasindex", &had.indexes)
}

fn set_flag(session: &mut Session, table: &TableName, flag: &str, value: &str) -> Result<(), EngineError> {
    let sql = format!("UPDATE pg_class SET {flag} = {value} WHERE oid = {}", regclass(table));
    session.execute("setting a table's flags", &sql)
}

/// A file without a name, in the pool: it is gone when this process is, however that ends.
fn unnamed_file(directory: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(rustix::fs::open(directory, flags, Mode::RUSR | Mode::WUSR)?.into())
}

fn spool_error(session: &Session, table: &Table, source: io::Error) -> RewriteError {
    RewriteError::Spool {
        service: session.service().clone(),
        table: table.name.clone(),
        source,
    }
}
