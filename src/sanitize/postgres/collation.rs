//! Indexes built in the order of bytes, where that is the order of the database's locale.
//!
//! A server sorts text by the C library's `strcoll`, one pair after the other, unless the locale is called `C`: then it
//! compares bytes, and first of all a machine word that stands for the value, which is several times as fast. The order
//! of `C.UTF-8` is that of the bytes too, and the server does not know it (PostgreSQL 17 does, for its own provider). So
//! while the tables of such a database are rewritten, its locale for sorting is called `C`. The indexes come out the same.

use crate::engine::EngineError;
use crate::engine::postgres::{Session, quote_literal};

/// Whether each character that is tried sorts after the one before it, whatever follows them. Every 17th code point: all
/// planes, letters, marks, unassigned ones. Old C libraries had a `C.UTF-8` that ignores some.
const BYTES_DECIDE: &str = "SELECT bool_and(before < after) FROM (\
    SELECT lag(chr(i)) OVER (ORDER BY i) || 'z' AS before, chr(i) || 'a' AS after \
    FROM generate_series(1, 1114111, 17) AS i WHERE i NOT BETWEEN 55296 AND 57343) AS pairs WHERE before IS NOT NULL";

/// A database whose locale for sorting is called `C` for the time being.
#[derive(Debug)]
pub(super) struct SortsByBytes {
    locale: String,
}

/// Makes sessions of this database that begin from now on sort by bytes, if that is the order that they sort in already.
///
/// # Errors
/// [`EngineError`].
pub(super) fn sort_by_bytes(session: &mut Session) -> Result<Option<SortsByBytes>, EngineError> {
    // The provider is a column since PostgreSQL 15.
    let sql = "SELECT datcollate FROM pg_database AS d WHERE datname = current_database() AND datcollate LIKE 'C.%' \
        AND pg_encoding_to_char(encoding) = 'UTF8' AND coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c'";
    let Some(locale) = session.value("asking for the locale", sql)? else {
        return Ok(None);
    };
    if session
        .value("asking for the order of characters", BYTES_DECIDE)?
        .as_deref()
        != Some("t")
    {
        return Ok(None);
    }
    set(session, "C")?;
    Ok(Some(SortsByBytes { locale }))
}

impl SortsByBytes {
    /// Gives the locale back.
    ///
    /// # Errors
    /// [`EngineError`].
    pub(super) fn give_back(self, session: &mut Session) -> Result<(), EngineError> {
        set(session, &self.locale)
    }
}

fn set(session: &mut Session, locale: &str) -> Result<(), EngineError> {
    let sql = format!(
        "UPDATE pg_database SET datcollate = {} WHERE datname = current_database()",
        quote_literal(locale)
    );
    session.execute("setting the order of characters", &sql)
}
