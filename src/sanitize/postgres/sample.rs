//! Originals to search for, taken before anything is rewritten; and where they stand rightly.

use std::collections::BTreeSet;
use std::io::BufRead;

use zeroize::Zeroizing;

use crate::engine::postgres::Session;
use crate::engine::{EngineError, Fault};
use crate::model::{Secret, ServiceName};
use crate::sanitize::copy_text::{CopyError, Row, Splitter};
use crate::sanitize::key::MaskingKey;
use crate::sanitize::ledger::{ColumnEntry, Fate, Ledger, TableEntry};
use crate::sanitize::needle::{Builder, NeedleSet, Source};
use crate::sanitize::schema::{Column, Schema, Table, TableKind, TableName, TypeFamily};
use crate::sanitize::transform::{Read, Transform};

use super::large::{self, as_text};
use super::parts::{Part, parts};
use super::rewrite::{ColumnWork, RewriteError, Rule, quoted};
use super::shuffled::order;
use super::spool::{column_list, holds, selected};
use super::work::column_work;

/// About how many rows of a table are offered as needles.
const OFFERED: u64 = 20_000;

/// How many characters are read of values whose rows go.
const LOOKED_AT: usize = 100_000;

/// Which rows of a table are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows<'a> {
    /// All, and all stay.
    Stay,
    /// All, and all go.
    Go,
    /// Those for which a condition of the owner holds, which go.
    GoWhere(&'a str),
}

/// Originals of rows that go under a condition; before they are deleted. Secrets of the catalogs are among them.
///
/// Of the tables in `unasked` the conditions of columns may call code of the data, which is for later: what any of their rules
/// would replace is offered. What is kept of that is met when the table is read.
pub(super) fn of_deleted_rows(
    session: &mut Session,
    schema: &Schema,
    ledger: &Ledger,
    secrets: &[Secret],
    key: &MaskingKey,
    unasked: &BTreeSet<TableName>,
) -> Result<Builder, RewriteError> {
    let mut builder = NeedleSet::builder(key);
    offer_secrets(&mut builder, session.service(), secrets);
    for (entry, table) in with_rows(schema, ledger) {
        let Some(condition) = &entry.deletes else { continue };
        let text = |column: &&ColumnEntry| is_original(table, column) || holds_text_in(table, column);
        let columns: Vec<&ColumnEntry> = entry.columns.iter().filter(text).collect();
        let mut offers = offers(session.service(), (entry, table), &columns, key, &mut builder)?;
        // Values that would only have moved to other rows go with theirs.
        let moves = |offer: &&mut Offer| offer.work.as_ref().is_some_and(|work| order(work).is_some());
        offers
            .iter_mut()
            .filter(moves)
            .for_each(|offer| offer.work = None);
        let asked = !unasked.contains(&entry.name);
        sample(
            session,
            table,
            &offers,
            Rows::GoWhere(condition),
            asked,
            &mut builder,
        )?;
    }
    Ok(builder)
}

/// Originals of every column that is replaced, and of tables that are emptied, beside those that the builder has; of the tables in
/// `unasked` as in [`of_deleted_rows`].
pub(super) fn collect(
    session: &mut Session,
    schema: &Schema,
    ledger: &Ledger,
    key: &MaskingKey,
    unasked: &BTreeSet<TableName>,
    mut builder: Builder,
) -> Result<NeedleSet, RewriteError> {
    for (entry, table) in with_rows(schema, ledger) {
        let original = |column: &&ColumnEntry| is_original(table, column);
        let columns: Vec<&ColumnEntry> = entry.columns.iter().filter(original).collect();
        if columns.is_empty() {
            continue;
        }
        if !entry.emptied {
            large::refuse(session, table)?;
        }
        let offers = offers(session.service(), (entry, table), &columns, key, &mut builder)?;
        let rows = if entry.emptied { Rows::Go } else { Rows::Stay };
        let asked = !unasked.contains(&entry.name);
        sample(session, table, &offers, rows, asked, &mut builder)?;
    }
    Ok(builder.build())
}

/// The tables that hold rows.
fn with_rows<'a>(
    schema: &'a Schema,
    ledger: &'a Ledger,
) -> impl Iterator<Item = (&'a TableEntry, &'a Table)> {
    let holds = |entry: &&TableEntry| entry.kind == TableKind::Ordinary;
    let known = |entry: &'a TableEntry| Some((entry, schema.table(&entry.name)?));
    ledger.tables.iter().filter(holds).filter_map(known)
}

fn offers<'t>(
    service: &ServiceName,
    (entry, table): (&TableEntry, &'t Table),
    columns: &[&ColumnEntry],
    key: &MaskingKey,
    builder: &mut Builder,
) -> Result<Vec<Offer<'t>>, EngineError> {
    let mut offers = Vec::with_capacity(columns.len());
    for column in columns {
        let Some(known) = table.column(&column.name) else {
            continue;
        };
        let source = Source {
            service: service.to_string(),
            table: entry.name.to_string(),
            column: column.name.clone(),
        };
        let work = column_work(column, key).map_err(|error| EngineError::Unfit {
            service: service.clone(),
            message: error.to_string(),
        })?;
        offers.push(Offer {
            number: builder.column(source),
            column: known,
            work,
        });
    }
    Ok(offers)
}

/// A column whose originals are offered.
struct Offer<'t> {
    /// Its number in the builder.
    number: usize,
    column: &'t Column,
    /// What replaces them; `None` where the row goes.
    work: Option<ColumnWork>,
}

/// Bytes of one table that are looked at: a sample of documents of any size.
const SAMPLED: usize = 64 << 20;

/// Reads some rows of a table, row by row, and offers what its rules would remove of them; where their conditions are not
/// `asked`, what any of them would.
fn sample(
    session: &mut Session,
    table: &Table,
    offers: &[Offer<'_>],
    rows: Rows<'_>,
    asked: bool,
    builder: &mut Builder,
) -> Result<(), RewriteError> {
    let service = session.service().clone();
    let mut columns: Vec<&str> = offers.iter().map(|offer| offer.column.name.as_str()).collect();
    for read in offers.iter().flat_map(Offer::reads) {
        if !columns.contains(&read) {
            columns.push(read);
        }
    }
    let conditions = offers.iter().filter(|_| asked).flat_map(Offer::conditions);
    let conditions: Vec<&str> = conditions.collect();
    let read = if rows == Rows::Stay {
        column_list(&columns)
    } else {
        beginnings(table, &columns)
    };
    let sql = sample_query(table, &selected(read, &conditions), rows);
    let failed = |fault: Fault| EngineError::Server {
        service: service.clone(),
        action: format!("sampling originals of {}", table.name),
        fault,
    };
    let copy_failed = |source| RewriteError::Copy {
        service: service.clone(),
        table: table.name.clone(),
        source,
    };
    let copy = session.client().copy_out(&format!("COPY ({sql}) TO STDOUT"));
    let mut reader = copy.map_err(|error| failed(crate::engine::postgres::fault_of(&error)))?;
    let mut splitter = Splitter::new(columns.len() + conditions.len());
    let (mut line, mut scratch) = (Zeroizing::new(Vec::new()), Zeroizing::new(String::new()));
    let mut bytes = 0;
    while reader
        .read_until(b'\n', &mut line)
        .map_err(|error| failed(error.kind().to_string().into()))?
        > 0
    {
        bytes += line.len();
        if bytes <= SAMPLED {
            let row = splitter.split(&line).map_err(copy_failed)?;
            offer_row(&row, offers, &columns, asked, &mut scratch, builder).map_err(copy_failed)?;
        }
        line.clear();
    }
    Ok(())
}

impl Offer<'_> {
    /// Offers a whole value, as what lies in the files for it.
    fn parts(&self, value: &str, builder: &mut Builder) {
        parts(self.column, value, &mut |part| match part {
            Part::Text(text) => builder.offer(self.number, text),
            Part::Bytes(bytes) => builder.offer_bytes(self.number, bytes),
            Part::Binary => builder.pass_over(self.number),
        });
    }

    fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.work.iter().flat_map(|work| &work.rules)
    }

    fn conditions(&self) -> impl Iterator<Item = &str> {
        self.rules().filter_map(|rule| rule.condition.as_deref())
    }

    /// The columns that its rules read beside it.
    fn reads(&self) -> impl Iterator<Item = &str> {
        self.rules().flat_map(reads_of).map(|read| read.column.as_str())
    }
}

fn reads_of(rule: &Rule) -> &[Read] {
    rule.transform
        .as_deref()
        .map(Transform::reads)
        .unwrap_or_default()
}

fn offer_row(
    row: &Row<'_>,
    offers: &[Offer<'_>],
    columns: &[&str],
    asked: bool,
    scratch: &mut String,
    builder: &mut Builder,
) -> Result<(), CopyError> {
    let mut flags = columns.len();
    for (index, offer) in offers.iter().enumerate() {
        let first = flags;
        if asked {
            flags += offer.conditions().count();
        }
        let Some(work) = &offer.work else {
            if let Some(value) = row.value(index, scratch)? {
                offer.parts(value, builder);
            }
            continue;
        };
        let decides = || work.rule_of(row, first).and_then(|rule| work.rules.get(rule));
        let rules: Vec<&Rule> = if asked {
            decides().into_iter().collect()
        } else {
            work.rules.iter().collect()
        };
        for rule in rules {
            offer_value(row, index, offer, rule, columns, scratch, builder)?;
        }
    }
    Ok(())
}

/// Offers what a rule would remove of the value of one column.
fn offer_value(
    row: &Row<'_>,
    index: usize,
    offer: &Offer<'_>,
    rule: &Rule,
    columns: &[&str],
    scratch: &mut String,
    builder: &mut Builder,
) -> Result<(), CopyError> {
    let Some(transform) = rule.transform.as_deref() else {
        return Ok(());
    };
    let mut read = Vec::new();
    for wanted in reads_of(rule) {
        let at = columns.iter().position(|column| *column == wanted.column);
        let value = at.map_or(Ok(None), |at| row.value(at, scratch))?;
        read.push(value.map(|value| Zeroizing::new(value.to_owned())));
    }
    let read: Vec<Option<&str>> = read
        .iter()
        .map(|value| value.as_ref().map(|value| value.as_str()))
        .collect();
    if let Some(value) = row.value(index, scratch)? {
        transform.originals(value, &read, &mut |original| {
            if original == value {
                offer.parts(value, builder);
            } else {
                builder.offer(offer.number, original);
            }
        });
    }
    Ok(())
}

/// Only the secrets of the catalogs, where no column is replaced.
pub(super) fn only_secrets(service: &ServiceName, secrets: &[Secret], key: &MaskingKey) -> NeedleSet {
    let mut builder = NeedleSet::builder(key);
    offer_secrets(&mut builder, service, secrets);
    builder.build()
}

fn offer_secrets(builder: &mut Builder, service: &ServiceName, secrets: &[Secret]) {
    if secrets.is_empty() {
        return;
    }
    let source = Source {
        service: service.to_string(),
        table: "pg_catalog".to_owned(),
        column: "passwords and secrets".to_owned(),
    };
    let number = builder.column(source);
    secrets
        .iter()
        .for_each(|secret| builder.offer(number, secret.reveal()));
}

fn holds_text_in(table: &Table, column: &ColumnEntry) -> bool {
    let known = table.column(&column.name);
    known.is_some_and(|known| holds_text(known.family))
}

/// Columns whose values must be gone: replaced ones, and those of deleted rows that can hold text.
fn is_original(table: &Table, column: &ColumnEntry) -> bool {
    match &column.fate {
        Fate::Mask(_) => true,
        Fate::Deleted => table.name.schema != "pg_catalog" && holds_text_in(table, column),
        Fate::Keep { .. } | Fate::Exempt(_) => false,
    }
}

pub(super) fn holds_text(family: TypeFamily) -> bool {
    use TypeFamily::{Array, Bytes, Composite, Json, Network, Other, Text, TextSearch, Xml};
    matches!(
        family,
        Text | Json | Bytes | Network | Xml | Array | Composite | TextSearch | Other
    )
}

/// Of rows that go, the beginnings of values: they were not refused for their length.
fn beginnings(table: &Table, columns: &[&str]) -> String {
    let beginning = |column: &&str| match table.column(column) {
        Some(known) => format!("left({}, {LOOKED_AT})", as_text(known)),
        None => "NULL".to_owned(),
    };
    columns.iter().map(beginning).collect::<Vec<_>>().join(", ")
}

fn sample_query(table: &Table, selected: &str, rows: Rows<'_>) -> String {
    let sample = match rows {
        // They may lie on few pages.
        Rows::GoWhere(condition) => format!(" WHERE {}", holds(condition)),
        // Whole pages, so that a large table costs no more than a small one.
        _ if table.rows > OFFERED => format!(" TABLESAMPLE SYSTEM ({:.6})", percent(OFFERED, table.rows)),
        _ => String::new(),
    };
    format!(
        "SELECT {selected} FROM ONLY {}{sample} LIMIT {}",
        quoted(&table.name),
        OFFERED * 2
    )
}

#[allow(clippy::cast_precision_loss, reason = "a sample's size need not be exact")]
fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize::schema::TableName;

    #[test]
    fn a_large_table_is_sampled_by_pages() {
        let mut table = Table::ordinary(TableName::new("public", "t"), Vec::new());
        assert!(!sample_query(&table, "", Rows::Stay).contains("TABLESAMPLE"));
        table.rows = 2_000_000;
        assert!(sample_query(&table, "", Rows::Stay).contains("TABLESAMPLE SYSTEM (1.000000)"));
        let some = sample_query(&table, "", Rows::GoWhere("gone -- they went"));
        assert!(some.contains("WHERE (gone -- they went\n) IS TRUE LIMIT") && !some.contains("TABLESAMPLE"));
    }
}
