//! Rows on their way: out of a table, through the masker, into files without a name; and from there into the table again.

use std::fs::File;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::path::Path;

use memchr::memchr;
use rustix::fs::{Mode, OFlags};

use crate::engine::EngineError;
use crate::engine::postgres::{Session, fault_of, quote_identifier};
use crate::model::ServiceName;
use crate::sanitize::schema::Table;

use super::masker::{MaskFault, Masker};
use super::pace::Pace;
use super::rewrite::{ColumnWork, RewriteError, Rewritten, pages, quoted};
use super::rights::{Door, Loader};
use super::seen::{Originals, Seen};

/// How many bytes are gathered before they are noted and written.
const BATCH: usize = 1 << 20;

/// Where rows lie between going out and coming back, how fast they may be written, as whom, and which originals are looked
/// for in them, for telling which stand there rightly.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// A root-only directory of the pool.
    pub(super) directory: &'a Path,
    /// For the roles that load tables with code of the data.
    pub(super) door: &'a Door<'a>,
    /// The limit.
    pub(super) pace: &'a Pace,
    /// The originals.
    pub(super) originals: Originals<'a>,
}

/// The new rows of a table, and what is known of them.
pub(super) struct Spooled {
    /// In the order of the rows.
    pub(super) files: Vec<File>,
    pub(super) rewritten: Rewritten,
    pub(super) seen: Seen,
}

impl Spooled {
    fn add(&mut self, later: Self) {
        self.files.extend(later.files);
        self.rewritten.add(&later.rewritten);
        self.seen.merge(later.seen);
    }
}

/// Reads every row, replaces what is to be replaced, and spools the result. With `others` each session reads its share of
/// the pages.
///
/// # Errors
/// [`RewriteError`].
pub(super) fn read_out(
    session: &mut Session,
    others: &mut [Session],
    table: &Table,
    work: &[ColumnWork],
    place: Place<'_>,
) -> Result<Spooled, RewriteError> {
    let panicked = RewriteError::Reader {
        service: session.service().clone(),
        table: table.name.clone(),
    };
    let mut parts = parts(pages(session, &table.name)?, others.len() + 1).into_iter();
    let first = parts.next().unwrap_or_default();
    let all = std::thread::scope(|scope| {
        let read = |session, part: String| read_part(session, table, work, place, &part);
        let start = |(session, part)| scope.spawn(move || read(session, part));
        let others: Vec<_> = others.iter_mut().zip(parts).map(start).collect();
        let first = Ok(read(session, first));
        let others = others.into_iter().map(std::thread::ScopedJoinHandle::join);
        std::iter::once(first).chain(others).collect::<Vec<_>>()
    });
    let mut whole: Option<Spooled> = None;
    for part in all {
        let Ok(part) = part else { return Err(panicked) };
        let part = part?;
        match &mut whole {
            Some(whole) => whole.add(part),
            None => whole = Some(part),
        }
    }
    whole.ok_or(panicked)
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
fn select(table: &Table, columns: &[&str], conditions: &[&str], part: &str) -> String {
    format!(
        "COPY (SELECT {} FROM ONLY {} {part}) TO STDOUT",
        selected(columns, conditions),
        quoted(&table.name)
    )
}

/// The columns, then for each condition whether it holds.
pub(super) fn selected(columns: &[&str], conditions: &[&str]) -> String {
    let mut selected = column_list(columns);
    for condition in conditions {
        // The line break ends a comment that the condition may close with.
        selected.push_str(&format!(", ({condition}\n) IS TRUE"));
    }
    selected
}

fn read_part(
    session: &mut Session,
    table: &Table,
    work: &[ColumnWork],
    place: Place<'_>,
    part: &str,
) -> Result<Spooled, RewriteError> {
    let service = session.service().clone();
    let columns = stored_columns(table);
    let conditions: Vec<&str> = work
        .iter()
        .flat_map(|column| column.rules.iter().filter_map(|rule| rule.condition.as_deref()))
        .collect();
    let spool_error = |source| spool_error(&service, table, source);
    let mut file = unnamed_file(place.directory).map_err(spool_error)?;
    let mut masker = Masker::new(&table.name, &columns, work, conditions.len(), place.originals);
    let mut line: Vec<u8> = Vec::new();
    let failed = |error: &postgres::Error| server_error(&service, table, "", fault_of(error));
    let sql = select(table, &columns, &conditions, part);
    let mut reader = session.client().copy_out(&sql).map_err(|error| failed(&error))?;
    let mask_error = |fault: MaskFault| fault.of(&service, table);
    let mut spool = |made: &[u8]| -> Result<(), RewriteError> {
        file.write_all(made).map_err(spool_error)?;
        place.pace.wrote(made.len());
        Ok(())
    };
    let mut mask = |row: &[u8]| -> Result<(), RewriteError> {
        masker.mask(row).map_err(mask_error)?;
        if masker.made() >= BATCH {
            masker.take(mask_error, &mut spool)?;
        }
        Ok(())
    };
    loop {
        let chunk = reader.fill_buf();
        let chunk = chunk.map_err(|error| copy_error(&service, table, "", &error))?;
        let Some(last) = chunk.len().checked_sub(1) else {
            break;
        };
        // The server sends one row at a time; whatever else it may do, rows end with a line feed.
        match memchr(b'\n', chunk) {
            Some(end) if end == last && line.is_empty() => {
                mask(&chunk[..end])?;
                reader.consume(end + 1);
            }
            found => {
                let taken = found.map_or(chunk.len(), |end| end + 1);
                line.extend_from_slice(&chunk[..taken]);
                reader.consume(taken);
                if found.is_some() {
                    mask(line.strip_suffix(b"\n").unwrap_or(&line))?;
                    line.clear();
                }
            }
        }
    }
    drop(reader);
    if !line.is_empty() {
        mask(&line)?;
    }
    let (rewritten, seen) = masker.end(mask_error, spool)?;
    Ok(Spooled {
        files: vec![file],
        rewritten,
        seen,
    })
}

/// Loads the spooled rows into the emptied table, in a session of `loader`.
///
/// # Errors
/// [`RewriteError`].
pub(super) fn load(
    session: &mut Session,
    table: &Table,
    files: &mut [File],
    pace: &Pace,
    loader: &Loader,
) -> Result<(), RewriteError> {
    let service = session.service().clone();
    let spool_error = |source| spool_error(&service, table, source);
    let columns = stored_columns(table);
    if columns.is_empty() {
        return Ok(());
    }
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
    let mut buffer = vec![0; BATCH];
    for spool in files {
        spool.seek(SeekFrom::Start(0)).map_err(spool_error)?;
        loop {
            let read = spool.read(&mut buffer).map_err(spool_error)?;
            if read == 0 {
                break;
            }
            writer
                .write_all(&buffer[..read])
                .map_err(|error| copy_error(&service, table, &whose, &error))?;
            pace.wrote(read);
        }
    }
    writer.finish().map_err(|error| failed(&error))?;
    Ok(())
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
    let fault = inner.map_or_else(|| error.kind().to_string(), fault_of);
    server_error(service, table, whose, fault)
}

fn server_error(service: &ServiceName, table: &Table, whose: &str, fault: String) -> RewriteError {
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
