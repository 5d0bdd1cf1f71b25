//! What `pg_class` is told of a table while its rows are loaded: that it has neither triggers, nor indexes, nor policies. A table is
//! meant by its number, since code of the data may have changed its name.

use crate::engine::EngineError;
use crate::engine::postgres::Session;
use crate::sanitize::schema::TableName;

use super::rewrite::quoted;

/// Empties a table so that its rows can be loaded as they are: without a trigger, a foreign key or an index of it acting.
///
/// TRUNCATE looks for foreign keys where there are triggers, and says anew that there are indexes: hence the order.
pub(super) fn empty_and_bare(
    session: &mut Session,
    table: &TableName,
    number: u32,
    had: &Had,
) -> Result<(), EngineError> {
    set_flag(session, number, "relhastriggers", "false")?;
    let truncate = format!("TRUNCATE ONLY {}", quoted(table));
    session.execute("emptying a table", &truncate)?;
    forget_missing(session, number)?;
    set_flag(session, number, "relhasindex", "false")?;
    if had.unvalidated {
        set_flag(session, number, "relchecks", "0")?;
    }
    set_not_null(session, number, &had.not_null, false)
}

/// Forgets what rows that are older than a column have in it, which stands in the catalog and not in the table
/// (`ADD COLUMN … DEFAULT …`): an empty table has no such rows.
fn forget_missing(session: &mut Session, number: u32) -> Result<(), EngineError> {
    let sql = format!(
        "UPDATE pg_attribute SET atthasmissing = false, attmissingval = NULL WHERE attrelid = {number} AND atthasmissing"
    );
    session.execute("forgetting what older rows had in new columns", &sql)
}

/// What `pg_class` said of a table before it was told to forget its triggers and indexes.
pub(super) struct Had {
    triggers: String,
    indexes: String,
    checks: String,
    policies: String,
    /// Whether a CHECK constraint is NOT VALID, so that rows which were there before it may break it.
    pub(super) unvalidated: bool,
    /// The numbers of columns with a NOT NULL that is NOT VALID (since PostgreSQL 18): rows which were there before it may break it.
    not_null: String,
}

/// What `pg_class` says of a table.
///
/// # Errors
/// [`EngineError`].
pub(super) fn had(session: &mut Session, number: u32) -> Result<Had, EngineError> {
    let sql = format!(
        "SELECT relhastriggers, relhasindex, relchecks, relrowsecurity, EXISTS (SELECT 1 FROM pg_constraint \
         WHERE conrelid = c.oid AND contype = 'c' AND NOT convalidated), (SELECT string_agg(conkey[1]::text, ', ') \
         FROM pg_constraint WHERE conrelid = c.oid AND contype = 'n' AND NOT convalidated) FROM pg_class AS c WHERE oid = {number}"
    );
    let row = session
        .rows("reading a table's flags", &sql)?
        .into_iter()
        .next()
        .unwrap_or_default();
    let mut row = row.into_iter().map(Option::unwrap_or_default);
    let mut next = || row.next().unwrap_or_default();
    Ok(Had {
        triggers: next(),
        indexes: next(),
        checks: next(),
        policies: next(),
        unvalidated: next() == "t",
        not_null: next(),
    })
}

/// Gives a table what it [`had`].
pub(super) fn give_back(session: &mut Session, number: u32, had: &Had) -> Result<(), EngineError> {
    set_flag(session, number, "relhastriggers", &had.triggers)?;
    set_flag(session, number, "relhasindex", &had.indexes)?;
    set_flag(session, number, "relrowsecurity", &had.policies)?;
    if had.unvalidated {
        set_flag(session, number, "relchecks", &had.checks)?;
    }
    set_not_null(session, number, &had.not_null, true)
}

fn set_not_null(
    session: &mut Session,
    number: u32,
    columns: &str,
    not_null: bool,
) -> Result<(), EngineError> {
    if columns.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE pg_attribute SET attnotnull = {not_null} WHERE attrelid = {number} AND attnum IN ({columns})"
    );
    session.execute("setting the flags of a table's columns", &sql)
}

/// Sets what `pg_class` says of a table.
///
/// # Errors
/// [`EngineError`].
pub(super) fn set_flag(
    session: &mut Session,
    number: u32,
    flag: &str,
    value: &str,
) -> Result<(), EngineError> {
    let sql = format!("UPDATE pg_class SET {flag} = '{value}' WHERE oid = {number}");
    session.execute("setting a table's flags", &sql)
}
