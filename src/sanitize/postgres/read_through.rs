//! Tables read through the server for originals, whatever the length of their values: the server sends a row at once, so long
//! values are asked for in pieces.

use std::io::BufRead;

use crate::engine::postgres::{Session, fault_of, quote_identifier};
use crate::engine::{EngineError, Fault};
use crate::sanitize::ledger::{Fate, Ledger, TableEntry};
use crate::sanitize::needle::{GROWTH, LONGEST, NeedleSet};
use crate::sanitize::schema::{Column, Schema, TableKind, TableName, TypeFamily};

use super::large::{self, as_text};
use super::rewrite::{quoted, refuse_views};
use super::sample::holds_text;
use super::seen::Seen;

/// Texts of the schema itself, in which an original may stand by chance: names, comments, function bodies, labels.
const SCHEMA_TEXTS: &str = "SELECT prosrc FROM pg_proc UNION ALL SELECT description FROM pg_description \
    UNION ALL SELECT description FROM pg_shdescription UNION ALL SELECT enumlabel FROM pg_enum \
    UNION ALL SELECT relname FROM pg_class UNION ALL SELECT attname FROM pg_attribute \
    UNION ALL SELECT proname FROM pg_proc UNION ALL SELECT typname FROM pg_type UNION ALL SELECT conname FROM pg_constraint \
    UNION ALL SELECT rolname FROM pg_authid UNION ALL SELECT datname FROM pg_database \
    UNION ALL SELECT collname FROM pg_collation UNION ALL SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef \
    UNION ALL SELECT array_to_string(reloptions, ' ') FROM pg_class WHERE reloptions IS NOT NULL";

/// Texts of the schema in which an e-mail address stands that is none of those which belong to nobody (RFC 2606).
const ADDRESSES: &str = "SELECT what FROM (\
        SELECT format('function %s', p.oid::regprocedure), prosrc FROM pg_proc AS p WHERE p.oid >= 16384 \
        UNION ALL SELECT format('the comment on %s', pg_describe_object(classoid, objoid, objsubid)), description \
            FROM pg_description WHERE objoid >= 16384 \
        UNION ALL SELECT format('the comment on %s', pg_describe_object(classoid, objoid, 0)), description FROM pg_shdescription \
        UNION ALL SELECT format('view %s', c.oid::regclass), pg_get_viewdef(c.oid) FROM pg_class AS c \
            WHERE relkind IN ('v', 'm') AND c.oid >= 16384 \
        UNION ALL SELECT format('a default of %s', adrelid::regclass), pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid >= 16384 \
        UNION ALL SELECT format('constraint %I', conname), pg_get_constraintdef(k.oid) FROM pg_constraint AS k \
            WHERE contype = 'c' AND k.oid >= 16384) AS texts (what, said) \
    WHERE regexp_replace(said, '@([a-z0-9-]+[.])*(example[.](com|net|org)|(test|example|invalid|localhost))\\M', '', 'gi') \
        ~* '[a-z0-9._%+-]@[a-z0-9-]+([.][a-z0-9-]+)*[.][a-z]{2,}' ORDER BY what";

/// What the planner remembers of values. They are compressed where they are many, which a search of bytes does not see through.
const STATISTICS: [(&str, &str); 2] = [
    (
        "pg_statistic",
        "SELECT concat_ws(' ', stavalues1, stavalues2, stavalues3, stavalues4, stavalues5) FROM pg_statistic",
    ),
    (
        "pg_statistic_ext_data",
        "SELECT stxdexpr::text FROM pg_statistic_ext_data UNION ALL SELECT array_to_string(items.held, ' ') \
         FROM pg_statistic_ext_data, pg_mcv_list_items(stxdmcv) AS items (number, held, nulls, frequency, base)",
    ),
];

/// A value of more bytes is sent in pieces of that size.
const PIECE: usize = 1 << 20;

/// A value that takes less room is not measured: however it is compressed, it is not much longer than a piece.
const SHORT: usize = 8 << 10;

/// What pieces share, so that no original is cut: the longest that is searched for, to the end of its last character, in its
/// longest form.
const SHARED: usize = (LONGEST + 4) * GROWTH;

/// What is not searched for as it lies in files, for the receipt.
pub(super) const BINARY: &str = "numbers, dates, times, UUIDs, network addresses, ranges and values of types whose form is not known lie in \
    files in a form of their own, and are searched for as text only; each replaced column lies in files made anew and was read back \
    through the server";

/// The database's encoding, where originals are not searched for as it writes them.
///
/// # Errors
/// [`EngineError`].
pub(super) fn other_encoding(session: &mut Session) -> Result<Option<String>, EngineError> {
    let encoding = session.value("asking for the encoding", "SELECT getdatabaseencoding()")?;
    let known = ["UTF8", "SQL_ASCII", "LATIN1", "LATIN9", "WIN1252"];
    Ok(encoding.filter(|encoding| !known.contains(&encoding.as_str())))
}

/// Names what of the schema holds an e-mail address, which nothing replaces: comments, views, bodies of functions.
///
/// # Errors
/// [`EngineError`].
pub(super) fn addresses_in_schema(session: &mut Session) -> Result<Vec<String>, EngineError> {
    let rows = session.rows("looking for addresses in the schema", ADDRESSES)?;
    Ok(rows
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect())
}

/// Reads the kept columns of tables whose rows have not `passed` the search already, and the schema's own texts, for needles that stand there
/// rightly.
///
/// # Errors
/// [`EngineError`].
pub(super) fn note_untouched(
    session: &mut Session,
    schema: &Schema,
    ledger: &Ledger,
    passed: &[TableName],
    needles: &NeedleSet,
    seen: &mut Seen,
) -> Result<(), EngineError> {
    if needles.is_empty() {
        return Ok(());
    }
    copy_through(session, SCHEMA_TEXTS, needles, seen)?;
    let untouched = |entry: &&TableEntry| entry.kind == TableKind::Ordinary && !passed.contains(&entry.name);
    for entry in ledger.tables.iter().filter(untouched) {
        let Some(table) = schema.table(&entry.name) else {
            continue;
        };
        let texts: Vec<&Column> = table
            .columns
            .iter()
            .filter(|column| holds_text(column.family))
            .collect();
        read_table(session, &entry.name, &texts, needles, seen)?;
    }
    for entry in ledger
        .tables
        .iter()
        .filter(|entry| entry.kind == TableKind::Ordinary)
    {
        let Some(table) = schema.table(&entry.name) else {
            continue;
        };
        let kept = entry
            .columns
            .iter()
            .filter(|column| matches!(column.fate, Fate::Keep { .. }));
        let words = kept.filter_map(|column| table.column(&column.name));
        for column in words.filter(|column| column.type_name == "tsvector") {
            refuse_views(session, &entry.name)?;
            copy_through(session, &as_stored(column, &entry.name), needles, seen)?;
        }
    }
    Ok(())
}

/// The words of a `tsvector` as they lie in the file, one after the other. Those without places in a text have nothing between:
/// "j" and "jackson" that are kept are the bytes of a user name that is not.
fn as_stored(column: &Column, table: &TableName) -> String {
    format!(
        "SELECT (SELECT string_agg(lexeme || CASE WHEN positions IS NULL THEN '' ELSE chr(10) END, '' ORDER BY number) \
         FROM unnest({}) WITH ORDINALITY AS words(lexeme, positions, weights, number)) FROM ONLY {}",
        quote_identifier(&column.name),
        quoted(table)
    )
}

/// Notes which needles stand in these columns of a table or materialized view, in the form in which the server writes them.
///
/// # Errors
/// [`EngineError`].
pub(super) fn read_table(
    session: &mut Session,
    table: &TableName,
    columns: &[&Column],
    needles: &NeedleSet,
    seen: &mut Seen,
) -> Result<(), EngineError> {
    if columns.is_empty() {
        return Ok(());
    }
    refuse_views(session, table)?;
    // Without values beside its rows a table has none that are long.
    let long = large::toast(session, table)? > 0;
    let is_long = |column: &Column| long && large::has_no_length(column);
    let rows: Vec<String> = columns
        .iter()
        .map(|column| short(column, is_long(column)))
        .collect();
    let rows = format!("SELECT {} FROM ONLY {}", rows.join(", "), quoted(table));
    copy_through(session, &rows, needles, seen)?;
    for column in columns.iter().filter(|column| is_long(column)) {
        copy_through(session, &pieces(column, table), needles, seen)?;
    }
    Ok(())
}

/// The first catalog of statistics that holds originals, and how many.
///
/// # Errors
/// [`EngineError`].
pub(super) fn statistics(
    session: &mut Session,
    needles: &NeedleSet,
) -> Result<Option<(&'static str, usize)>, EngineError> {
    for (catalog, sql) in STATISTICS {
        let mut seen = Seen::default();
        copy_through(session, sql, needles, &mut seen)?;
        if seen.count() > 0 {
            return Ok(Some((catalog, seen.count())));
        }
    }
    Ok(None)
}

/// A value as it is searched: as text, and bytes as they lie in the file, not as digits.
fn sent(column: &Column) -> String {
    if column.family == TypeFamily::Bytes {
        quote_identifier(&column.name)
    } else {
        as_text(column)
    }
}

/// Whether a value is sent in pieces.
fn in_pieces(column: &Column) -> String {
    let (name, text) = (quote_identifier(&column.name), sent(column));
    format!("pg_column_size({name}) > {SHORT} AND octet_length({text}) > {PIECE}")
}

/// A value as text, unless it is sent in pieces.
fn short(column: &Column, long: bool) -> String {
    let text = sent(column);
    if long {
        format!("CASE WHEN {} THEN NULL ELSE {text} END", in_pieces(column))
    } else {
        text
    }
}

/// The long values of a column, piece by piece. The value is unpacked once: OFFSET keeps the inner query apart, and of bytes
/// a piece can be taken without looking at those before it.
fn pieces(column: &Column, table: &TableName) -> String {
    let bytes = if column.family == TypeFamily::Bytes {
        sent(column)
    } else {
        format!("convert_to({}, 'UTF8')", sent(column))
    };
    format!(
        "SELECT substring(bytes FROM number * {PIECE} + 1 FOR {}) \
         FROM (SELECT {bytes} AS bytes FROM ONLY {} WHERE {} OFFSET 0) AS long, \
         generate_series(0, (octet_length(bytes) - 1) / {PIECE}) AS number",
        PIECE + SHARED,
        quoted(table),
        in_pieces(column)
    )
}

/// Notes what a query returns. In binary form, in which texts are not escaped.
fn copy_through(
    session: &mut Session,
    sql: &str,
    needles: &NeedleSet,
    seen: &mut Seen,
) -> Result<(), EngineError> {
    let service = session.service().clone();
    let failed = |fault: Fault| EngineError::Server {
        service: service.clone(),
        action: "reading columns for originals".to_owned(),
        fault,
    };
    let sql = format!("COPY ({sql}) TO STDOUT (FORMAT binary)");
    let copy = session.client().copy_out(&sql);
    let mut reader = copy.map_err(|error| failed(fault_of(&error)))?;
    let mut searcher = needles.searcher();
    loop {
        let bytes = reader
            .fill_buf()
            .map_err(|error| failed(error.kind().to_string().into()))?;
        if bytes.is_empty() {
            break;
        }
        searcher.feed(bytes);
        let read = bytes.len();
        reader.consume(read);
    }
    seen.add(searcher.finish().hits.iter().map(|hit| hit.needle));
    Ok(())
}
