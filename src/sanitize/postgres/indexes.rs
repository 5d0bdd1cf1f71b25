//! Indexes of a table whose rows are new: built one after the other where it is small, side by side where it is large.
//!
//! A build by one session alone sorts in memory; one that the server shares out among its own workers writes what each of
//! them sorted to disk first. So where a table has several indexes, each core builds one of its own. For that the rows are
//! committed before. Meanwhile the indexes, which are still empty, are said to be invalid: no query of the data's own
//! functions reads one.

use std::sync::{Mutex, PoisonError};

use crate::engine::EngineError;
use crate::engine::postgres::Session;
use crate::sanitize::schema::Table;

use super::rewrite::{RewriteError, as_applications_do};

/// What the builds that run side by side may take together, in megabytes; what one alone has by the server's settings.
const MEMORY_MB: usize = 256;

/// The indexes of a table as SQL, the largest first, so that the last ones end at about the same time; and those that were never
/// finished, unless indexes of it are `hidden`, which are told apart from those by nothing.
///
/// # Errors
/// [`EngineError`].
pub(super) fn of(
    session: &mut Session,
    number: u32,
    hidden: bool,
) -> Result<(Vec<String>, Unfinished), EngineError> {
    let sql = format!(
        "SELECT format('%I.%I', nspname, relname), indisvalid, indexrelid, indisready FROM pg_index \
         JOIN pg_class AS c ON c.oid = indexrelid \
         JOIN pg_namespace AS n ON n.oid = relnamespace WHERE indrelid = {number} AND indislive \
         ORDER BY pg_relation_size(indexrelid) DESC, relname"
    );
    let (mut finished, mut unfinished) = (Vec::new(), Unfinished::default());
    for row in session.rows("listing indexes", &sql)? {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || row.next().unwrap_or_default();
        let (name, valid) = (next(), next() == "t");
        if valid || hidden {
            finished.push(name);
        } else {
            unfinished.0.push((next(), next()));
        }
    }
    Ok((finished, unfinished))
}

/// Indexes that a `CREATE INDEX CONCURRENTLY` left when it failed: number, and whether rows are entered into it. Built anew they may
/// fail again; they come out empty, and as unfinished as they were.
#[derive(Debug, Default)]
pub(super) struct Unfinished(Vec<(String, String)>);

impl Unfinished {
    /// Keeps them from being built, once the table and they are empty.
    ///
    /// # Errors
    /// [`EngineError`].
    pub(super) fn leave_out(&self, session: &mut Session) -> Result<(), EngineError> {
        self.set(session, |_| {
            "indislive = false, indisready = false, indisvalid = false".to_owned()
        })
    }

    /// Makes them what they were.
    ///
    /// # Errors
    /// [`EngineError`].
    pub(super) fn give_back(&self, session: &mut Session) -> Result<(), EngineError> {
        self.set(session, |ready| {
            format!("indislive = true, indisready = '{ready}'")
        })
    }

    fn set(&self, session: &mut Session, what: impl Fn(&str) -> String) -> Result<(), EngineError> {
        self.0.iter().try_for_each(|(number, ready)| {
            let sql = format!("UPDATE pg_index SET {} WHERE indexrelid = {number}", what(ready));
            session.execute("leaving out an index that was never finished", &sql)
        })
    }
}

/// Whether they are worth being built side by side by `sessions`.
pub(super) fn side_by_side(indexes: &[String], sessions: usize) -> bool {
    indexes.len().min(sessions) > 1
}

/// Says that the indexes of a table are not to be read; [`build`] takes it back.
///
/// # Errors
/// [`EngineError`].
pub(super) fn hide(session: &mut Session, number: u32) -> Result<(), EngineError> {
    let sql = format!("UPDATE pg_index SET indisvalid = false WHERE indrelid = {number} AND indislive");
    session.execute("hiding indexes", &sql)
}

/// Builds the indexes of a table whose rows are committed; the sessions share them out among themselves.
///
/// # Errors
/// [`RewriteError`]; indexes are then missing.
pub(super) fn build(
    session: &mut Session,
    others: &mut [Session],
    (table, number): (&Table, u32),
    indexes: Vec<String>,
) -> Result<(), RewriteError> {
    let sessions = (others.len() + 1).min(indexes.len()).max(1);
    let settings = format!(
        "SET LOCAL max_parallel_maintenance_workers = 0; SET LOCAL maintenance_work_mem = '{}MB'",
        MEMORY_MB / sessions
    );
    let queue = Mutex::new(indexes.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = |session: &mut Session| -> Result<(), RewriteError> {
        while let Some(index) = next() {
            session.execute("beginning", &format!("BEGIN; {settings}"))?;
            as_applications_do(session, table, |session| {
                let action = format!("building the index {index} of {}", table.name);
                Ok(session.execute(&action, &format!("REINDEX INDEX {index}"))?)
            })?;
            session.execute("committing an index", "COMMIT")?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let others = others.iter_mut().take(sessions - 1);
        let others: Vec<_> = others.map(|session| scope.spawn(|| work(session))).collect();
        let own = work(session);
        others.into_iter().fold(own, |done, other| {
            let other = other
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            done.and(other)
        })
    })?;
    refuse_hidden(session, table, number)
}

/// Each build takes back that its index is invalid. One that does not would leave a branch without it.
fn refuse_hidden(session: &mut Session, table: &Table, number: u32) -> Result<(), RewriteError> {
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM pg_index WHERE indrelid = {number} AND indislive AND NOT indisvalid)"
    );
    if session.value("looking at indexes", &sql)?.as_deref() == Some("f") {
        return Ok(());
    }
    Err(RewriteError::Engine(EngineError::Unfit {
        service: session.service().clone(),
        message: format!("an index of {} was not built anew", table.name),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_index_or_one_session_is_no_reason_to_commit_first() {
        let indexes = ["a", "b"].map(str::to_owned);
        assert!(side_by_side(&indexes, 2));
        assert!(side_by_side(&indexes, 4));
        assert!(!side_by_side(&indexes, 1));
        assert!(!side_by_side(&indexes[..1], 4));
        assert!(!side_by_side(&[], 4));
    }
}
