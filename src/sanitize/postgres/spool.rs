//! Rows on their way: out of a table into files without a name; and from there, through the masker, into the table again.

use std::fs::File;
use std::io::{self, BufRead, Seek, SeekFrom, Write};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::engine::postgres::{Session, fault_of, quote_identifier};
use crate::engine::{EngineError, Fault};
use crate::model::ServiceName;
use crate::sanitize::schema::Table;

use super::masker::Masker;
use super::pace::Pace;
use super::pipeline::{self, PipelineFault};
use super::rewrite::{ColumnWork, RewriteError, Rewritten, pages, quoted};
use super::rights::{Door, Loader};
use super::seen::{Originals, Seen};
use super::shuffled::Shuffled;

/// How many bytes are gathered before they are written.
const BATCH: usize = 256 << 10;

/// Where rows lie between going out and coming back, how fast they may be written, as whom, and which originals are looked
/// for in them, for telling which stand there rightly.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// A root-only directory of the pool.
    pub(super) directory: &'a Path,
    /// For the roles that load tables with code of the data.
    pub(super) door: &'a Door<'a>,
    /// The limit.
    pub(super) pace: &'a Pace<'a>,
    /// The originals.
    pub(super) originals: Originals<'a>,
}

/// Reads every row into files, in the order of the rows. With `others` each session reads its share of the pages.
///
/// # Errors
/// [`RewriteError`].
pub(super) fn read_out(
    session: &mut Session,
    others: &mut [Session],
    table: &Table,
    work: &[ColumnWork],
    place: Place<'_>,
    loader: &Loader,
) -> Result<Vec<File>, RewriteError> {
    let service = session.service().clone();
    // Values move among all rows: one question sees them all.
    let others = if Shuffled::of(table, work).is_empty() {
        others
    } else {
        &mut []
    };
    let mut parts = parts(pages(session, &table.name)?, others.len() + 1).into_iter();
    let first = parts.next().unwrap_or_default();
    let all = std::thread::scope(|scope| {
        let read = |session, part: String| read_part(session, table, work, place, &part, loader);
        let start = |(session, part)| scope.spawn(move || read(session, part));
        let others: Vec<_> = others.iter_mut().zip(parts).map(start).collect();
        let first = Ok(read(session, first));
        let others = others.into_iter().map(std::thread::ScopedJoinHandle::join);
        std::iter::once(first).chain(others).collect::<Vec<_>>()
    });
    all.into_iter()
        .map(|part| part.map_err(|_| reader_ended(&service, table))?)
        .collect()
}

fn reader_ended(service: &ServiceName, table: &Table) -> RewriteError {
    RewriteError::Reader {
        service: service.clone(),
        table: table.name.clone(),
    }
}

/// The conditions by which `count` readers share a table's pages, in the order of the rows.
fn parts(pages: u64, count: usize) -> Vec<String> {
    let count = count as u64;
    let bound = |part: u64| format!("'({},0)'::tid", pages * part / count);
    let part = |part: u64| match (part == 0, part + 1 == count) {
        (true, true) => String::new(),
        (true, false) => format!("WHERE ctid < {}", bound(1)),
        (false, true) => format!("WHERE ctid >= {}", bound(part)),
        (false, false) => format!("WHERE ctid >= {} AND ctid < {}", bound(part), bound(part + 1)),
    };
    (0..count).map(part).collect()
}

/// The statement that sends the rows of one part: the stored columns, then for each condition whether it holds.
fn select(table: &Table, columns: &[&str], work: &[ColumnWork], part: &str) -> String {
    let shuffled = Shuffled::of(table, work);
    let values: Vec<String> = columns.iter().map(|column| shuffled.value(column)).collect();
    format!(
        "COPY (SELECT {} FROM ONLY {} {part}{}) TO STDOUT",
        selected(values.join(", "), &conditions(work)),
        quoted(&table.name),
        shuffled.windows()
    )
}

/// Whether a condition of the owner holds for a row.
pub(super) fn holds(condition: &str) -> String {
    // The line break ends a comment that the condition may close with.
    format!("({condition}\n) IS TRUE")
}

/// The columns, then for each condition whether it holds.
pub(super) fn selected(columns: String, conditions: &[&str]) -> String {
    let mut selected = columns;
    for condition in conditions {
        selected.push_str(", ");
        selected.push_str(&holds(condition));
    }
    selected
}

/// The owner's conditions of all rules.
fn conditions(work: &[ColumnWork]) -> Vec<&str> {
    work.iter()
        .flat_map(|column| column.rules.iter().filter_map(|rule| rule.condition.as_deref()))
        .collect()
}

fn read_part(
    session: &mut Session,
    table: &Table,
    work: &[ColumnWork],
    place: Place<'_>,
    part: &str,
    loader: &Loader,
) -> Result<File, RewriteError> {
    let service = session.service().clone();
    let spool_error = |source| spool_error(&service, table, source);
    let mut file = unnamed_file(place.directory).map_err(spool_error)?;
    let mut batch: Vec<u8> = Vec::with_capacity(BATCH + BATCH / 4);
    let whose = match loader {
        Loader::Owner(role) => format!(" as its owner {role}, since conditions call functions of the data"),
        Loader::Same | Loader::Superuser | Loader::WriterOnly => String::new(),
    };
    let failed = |error: &postgres::Error| server_error(&service, table, &whose, fault_of(error));
    let sql = select(table, &stored_columns(table), work, part);
    let mut reader = session.client().copy_out(&sql).map_err(|error| failed(&error))?;
    loop {
        let chunk = reader.fill_buf();
        let chunk = chunk.map_err(|error| copy_error(&service, table, &whose, &error))?;
        let read = chunk.len();
        batch.extend_from_slice(chunk);
        reader.consume(read);
        if read == 0 || batch.len() >= BATCH {
            file.write_all(&batch).map_err(spool_error)?;
            place.pace.wrote(batch.len());
            batch.clear();
        }
        if read == 0 {
            return Ok(file);
        }
    }
}

/// Replaces what is to be replaced in the rows of `files`, and loads them into the emptied table, in a session of `loader`.
///
/// # Errors
/// [`RewriteError`].
pub(super) fn load(
    session: &mut Session,
    table: &Table,
    work: &[ColumnWork],
    files: &mut [File],
    place: Place<'_>,
    loader: &Loader,
) -> Result<(Rewritten, Seen), RewriteError> {
    let service = session.service().clone();
    let spool_error = |source| spool_error(&service, table, source);
    let columns = stored_columns(table);
    if columns.is_empty() {
        return Ok((Rewritten::default(), Seen::default()));
    }
    let conditions = conditions(work).len();
    for file in &mut *files {
        file.seek(SeekFrom::Start(0)).map_err(spool_error)?;
    }
    let masker = || Masker::new(&table.name, &columns, work, conditions, place.originals);
    let maskers = files.iter().map(|_| masker()).collect();
    // In the transaction that emptied it nobody else can have seen the table: rows that are visible to all at once are not
    // written a second time.
    let (options, whose) = match loader {
        Loader::Same | Loader::Superuser => (" WITH (FREEZE)", String::new()),
        Loader::Owner(role) => (
            "",
            format!(" as its owner {role}, since functions of the data act on its rows"),
        ),
        Loader::WriterOnly => (
            "",
            " as a role that reads nothing, since functions of the data act on its rows".to_owned(),
        ),
    };
    let sql = format!(
        "COPY {} ({}) FROM STDIN{options}",
        quoted(&table.name),
        column_list(&columns)
    );
    let failed = |error: &postgres::Error| server_error(&service, table, &whose, fault_of(error));
    let mut writer = session.client().copy_in(&sql).map_err(|error| failed(&error))?;
    let done = pipeline::mask_all(files, maskers, |rows| {
        let written = writer.write_all(rows);
        written.map_err(|error| copy_error(&service, table, &whose, &error))?;
        place.pace.wrote(rows.len());
        Ok(())
    });
    let done = done.map_err(|fault| match fault {
        PipelineFault::Read(source) => spool_error(source),
        PipelineFault::Mask(fault) => fault.of(&service, table),
        PipelineFault::Take(error) => error,
        PipelineFault::Thread => reader_ended(&service, table),
    })?;
    writer.finish().map_err(|error| failed(&error))?;
    Ok(done)
}

fn stored_columns(table: &Table) -> Vec<&str> {
    table
        .columns
        .iter()
        .filter(|column| !column.generated)
        .map(|column| column.name.as_str())
        .collect()
}

pub(super) fn column_list(columns: &[&str]) -> String {
    let quoted: Vec<String> = columns.iter().map(|column| quote_identifier(column)).collect();
    quoted.join(", ")
}

/// A file without a name, in the pool: it is gone when this process is, however that ends.
fn unnamed_file(directory: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(rustix::fs::open(directory, flags, Mode::RUSR | Mode::WUSR)?.into())
}

fn spool_error(service: &ServiceName, table: &Table, source: io::Error) -> RewriteError {
    RewriteError::Spool {
        service: service.clone(),
        table: table.name.clone(),
        source,
    }
}

/// A failure of a copy comes wrapped as an I/O error; only its code is kept.
fn copy_error(service: &ServiceName, table: &Table, whose: &str, error: &io::Error) -> RewriteError {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<postgres::Error>());
    let fault = inner.map_or_else(|| error.kind().to_string().into(), fault_of);
    server_error(service, table, whose, fault)
}

fn server_error(service: &ServiceName, table: &Table, whose: &str, fault: Fault) -> RewriteError {
    RewriteError::Engine(EngineError::Server {
        service: service.clone(),
        action: format!("copying table {}{whose}", table.name),
        fault,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_share_all_pages_and_none_twice() {
        assert_eq!(parts(100, 1), [""]);
        assert_eq!(
            parts(101, 2),
            ["WHERE ctid < '(50,0)'::tid", "WHERE ctid >= '(50,0)'::tid"]
        );
        assert_eq!(
            parts(10, 3),
            [
                "WHERE ctid < '(3,0)'::tid",
                "WHERE ctid >= '(3,0)'::tid AND ctid < '(6,0)'::tid",
                "WHERE ctid >= '(6,0)'::tid"
            ]
        );
    }
}
