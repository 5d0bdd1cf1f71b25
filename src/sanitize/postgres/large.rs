//! Rows that are too large to be replaced: each passes through memory as a whole, several times over.

use crate::engine::EngineError;
use crate::engine::postgres::{Session, quote_identifier};
use crate::sanitize::schema::{Column, Table, TableName};

use super::rewrite::{RewriteError, key_of, quoted, regclass};

/// The longest row, in megabytes.
const LIMIT_MB: u64 = 8;

/// How much a value can have been compressed at most (LZ4; pglz is below).
const RATIO: u64 = 255;

/// A value that takes less is not measured: however it is compressed, it is short.
const SHORT: u64 = 64 << 10;

/// Refuses a table with a row that is too large. It costs nothing where the table has no such values beside its rows.
///
/// # Errors
/// [`RewriteError::Large`] with table and key, never a value.
pub(super) fn refuse(session: &mut Session, table: &Table) -> Result<(), RewriteError> {
    let limit = LIMIT_MB << 20;
    let columns: Vec<&Column> = table
        .columns
        .iter()
        .filter(|column| can_be_large(column))
        .collect();
    if columns.is_empty() || toast(session, &table.name)? < limit / RATIO {
        return Ok(());
    }
    let sizes: Vec<String> = columns.iter().map(|column| size(column, limit)).collect();
    let sql = format!(
        "SELECT array_position(sizes, (SELECT max(size) FROM unnest(sizes) AS size)) \
         FROM (SELECT ARRAY[{}] AS sizes FROM ONLY {}) AS rows \
         WHERE (SELECT sum(size) FROM unnest(sizes) AS size) > {limit} LIMIT 1",
        sizes.join(", "),
        quoted(&table.name)
    );
    let found = session.value("looking for large rows", &sql)?;
    let Some(at) = found.and_then(|at| at.parse::<usize>().ok()) else {
        return Ok(());
    };
    let largest = at.checked_sub(1).and_then(|at| columns.get(at));
    Err(RewriteError::Large {
        service: session.service().clone(),
        table: table.name.clone(),
        column: largest.map(|column| column.name.clone()).unwrap_or_default(),
        key: key_of(table),
        limit: LIMIT_MB,
    })
}

fn can_be_large(column: &Column) -> bool {
    !column.generated && has_no_length(column)
}

/// Types without a length of their own.
pub(super) fn has_no_length(column: &Column) -> bool {
    use crate::sanitize::schema::TypeFamily::{
        Array, Bytes, Composite, Json, Network, Number, Other, Range, Text, TextSearch, Xml,
    };
    column.max_chars.is_none_or(|most| most > 10_000)
        && matches!(
            column.family,
            Text | Json | Bytes | Xml | Array | Composite | Range | TextSearch | Other | Number | Network
        )
}

/// The size of a value as it is sent. It is measured only where it takes room, and not where it takes too much as it lies,
/// since some types have to be unpacked for that.
fn size(column: &Column, limit: u64) -> String {
    let name = quote_identifier(&column.name);
    let sent = if column.type_name == "bytea" {
        // Two digits to a byte.
        format!("octet_length({name}) * 2::bigint")
    } else {
        format!("octet_length({})", as_text(column))
    };
    format!(
        "CASE WHEN pg_column_size({name}) BETWEEN {SHORT} AND {limit} THEN {sent} \
         ELSE coalesce(pg_column_size({name}), 0) END"
    )
}

/// A column's value as text, in SQL. Whoever owns a type can make a cast of it to text that calls a function of theirs; what
/// `format` calls for such a type is its output function, which only a superuser can make.
pub(super) fn as_text(column: &Column) -> String {
    let name = quote_identifier(&column.name);
    if column.is_of_a_type_of_the_servers() {
        format!("{name}::text")
    } else {
        // `IS DISTINCT FROM` is what tells a row of NULLs from NULL.
        format!("CASE WHEN {name} IS DISTINCT FROM NULL THEN format('%s', {name}) END")
    }
}

/// The bytes of values that stand beside the rows.
pub(super) fn toast(session: &mut Session, table: &TableName) -> Result<u64, EngineError> {
    let sql = format!(
        "SELECT CASE WHEN reltoastrelid = 0 THEN 0 ELSE pg_relation_size(reltoastrelid) END FROM pg_class WHERE oid = {}",
        regclass(table)
    );
    let bytes = session.value("measuring large values", &sql)?;
    Ok(bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or(0))
}
