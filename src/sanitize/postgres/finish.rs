//! What follows the rewrites on the running server: derived data is computed anew, and what the catalogs remember of
//! originals goes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::engine::EngineError;
use crate::engine::postgres::{Session, quote_literal};
use crate::sanitize::plan::spread_out_of_reach;
use crate::sanitize::schema::{Schema, TableName};

use super::rewrite::quoted;

/// What reading a materialized view that is empty ends with (`object_not_in_prerequisite_state`).
const UNPOPULATED: &str = "55000";
/// Class 08 of the error codes: connection exceptions (PostgreSQL manual, appendix A).
const NO_CONNECTION: &str = "08";

/// Runs a file of the owner's SQL as applications would be: with triggers, event triggers (which envclone's sessions switch off
/// where they can, since PostgreSQL 17), and the usual search path.
///
/// # Errors
/// [`EngineError`] with the file's name.
pub(super) fn run_owner_sql(
    session: &mut Session,
    path: &std::path::Path,
    sql: &str,
) -> Result<(), EngineError> {
    let usual = "SELECT set_config(name, 'on', false) FROM pg_settings WHERE name = 'event_triggers'; \
        SET session_replication_role = origin; SET search_path = \"$user\", public";
    session.execute("preparing for the owner's SQL", usual)?;
    session.execute(&format!("running {}", path.display()), sql)?;
    // Whatever the file has set or left open; what is reset goes back to what the session was opened with.
    session.execute("ending the owner's SQL", "ROLLBACK")?;
    session.execute("ending the owner's SQL", "DISCARD ALL")
}

/// Empties those of the materialized views that are filled, and returns them: while tables are replaced nothing may read originals
/// out of views of them.
///
/// # Errors
/// [`EngineError`].
pub(super) fn empty_views(
    session: &mut Session,
    views: &[TableName],
    numbers: &BTreeMap<TableName, u32>,
) -> Result<Vec<TableName>, EngineError> {
    let mut filled = Vec::new();
    for view in views {
        if is_populated(session, view)? {
            refuse_another(session, view, numbers.get(view))?;
            let sql = format!("REFRESH MATERIALIZED VIEW {} WITH NO DATA", quoted(view));
            session.execute(&format!("emptying {view}"), &sql)?;
            filled.push(view.clone());
        }
    }
    Ok(filled)
}

/// Refreshes materialized views, in the order given as far as they do not wait for each other; each must still be the one of its number.
/// Returns those that were left empty, since what they read is on
/// another server: nobody reads from there in a branch.
///
/// # Errors
/// [`EngineError`].
pub(super) fn refresh(
    session: &mut Session,
    schema: &Schema,
    views: &[TableName],
    numbers: &BTreeMap<TableName, u32>,
) -> Result<Vec<TableName>, EngineError> {
    // Their queries call functions as applications do, not by qualified names, and see the rows that their owner sees.
    let usual = "SET search_path = \"$user\", public; SET row_security = on";
    session.execute("setting the search path", usual)?;
    let mut out_of_reach = BTreeSet::new();
    spread_out_of_reach(schema, &mut out_of_reach);
    let mut emptied = Vec::new();
    let mut waiting: VecDeque<&TableName> = views.iter().collect();
    // How many were put off one after the other.
    let mut put_off = 0;
    while let Some(view) = waiting.pop_front() {
        let name = quoted(view);
        let action = format!("refreshing {view}");
        let refresh = format!("REFRESH MATERIALIZED VIEW {name}");
        refuse_another(session, view, numbers.get(view))?;
        if !out_of_reach.contains(view) {
            match session.execute(&action, &refresh) {
                Ok(()) => {
                    put_off = 0;
                    continue;
                }
                // One of its functions reads a view that has yet to be refreshed, which is written down nowhere.
                Err(EngineError::Server { fault, .. })
                    if fault.is(UNPOPULATED) && put_off < waiting.len() =>
                {
                    put_off += 1;
                    waiting.push_back(view);
                    continue;
                }
                // A function of its own tried to connect.
                Err(EngineError::Server { fault, .. }) if fault.is(NO_CONNECTION) => {
                    out_of_reach.insert(view.clone());
                    spread_out_of_reach(schema, &mut out_of_reach);
                }
                Err(error) => return Err(error),
            }
        }
        session.execute(&action, &format!("{refresh} WITH NO DATA"))?;
        emptied.push(view.clone());
    }
    let own = "SET search_path = pg_catalog; SET row_security = off";
    session.execute("setting the search path", own)?;
    Ok(emptied)
}

/// Refuses what code of the data, such as that of the view before, may have put in the place of a view. Asked so that no name of the
/// data's comes between, whatever the search path.
fn refuse_another(session: &mut Session, view: &TableName, number: Option<&u32>) -> Result<(), EngineError> {
    let name = quote_literal(&quoted(view));
    let sql = format!("SELECT {name}::pg_catalog.regclass::pg_catalog.oid");
    let found = session.value("looking at a materialized view", &sql)?;
    if found.is_some() && found == number.map(u32::to_string) {
        return Ok(());
    }
    Err(EngineError::Unfit {
        service: session.service().clone(),
        message: format!(
            "{view} is no longer the materialized view that it was: code of the data has changed the schema"
        ),
    })
}

/// Whether a materialized view can be read; tables always can, unless the owner's SQL has dropped them.
///
/// # Errors
/// [`EngineError`].
pub(super) fn is_populated(session: &mut Session, view: &TableName) -> Result<bool, EngineError> {
    let name = quote_literal(&quoted(view));
    let sql = format!("SELECT relispopulated::int FROM pg_class WHERE oid = to_regclass({name})");
    let populated = session.value("looking at a materialized view", &sql)?;
    Ok(populated.as_deref() == Some("1"))
}

/// Tables that need new statistics: schema and name, as SQL.
pub(super) type Analyzed = BTreeSet<(String, String)>;

/// Forgets the statistics of tables that were changed; the names, as SQL, of those that need new ones. The values of a
/// table are also in the statistics of the tables that it is a partition or child of, and of the expressions of its indexes.
///
/// # Errors
/// [`EngineError`].
pub(super) fn forget_statistics(
    session: &mut Session,
    changed: &[TableName],
) -> Result<Analyzed, EngineError> {
    let mut renewed = BTreeSet::new();
    for table in changed {
        let above = format!(
            "WITH RECURSIVE above(oid) AS (SELECT {}::regclass::oid \
             UNION SELECT inhparent FROM pg_inherits JOIN above ON inhrelid = oid) ",
            quote_literal(&quoted(table))
        );
        let plain = "DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM above UNION ALL \
                     SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT oid FROM above))";
        session.execute("forgetting statistics", &format!("{above}{plain}"))?;
        // Version 14 keeps a row for each statistics object and misses it when there is none.
        let extended = "UPDATE pg_statistic_ext_data SET stxdndistinct = NULL, stxddependencies = NULL, \
                        stxdmcv = NULL, stxdexpr = NULL WHERE stxoid IN \
                        (SELECT oid FROM pg_statistic_ext WHERE stxrelid IN (SELECT oid FROM above))";
        session.execute("forgetting extended statistics", &format!("{above}{extended}"))?;
        let names = "SELECT format('%I', nspname), format('%I', relname) FROM above JOIN pg_class c USING (oid) \
                     JOIN pg_namespace n ON n.oid = relnamespace";
        let names = session.rows("listing what is above a table", &format!("{above}{names}"))?;
        renewed.extend(names.into_iter().filter_map(|row| {
            let mut row = row.into_iter().flatten();
            Some((row.next()?, row.next()?))
        }));
    }
    Ok(renewed)
}

/// Gathers the statistics of `tables`, which the sessions share out among themselves.
///
/// # Errors
/// [`EngineError`].
pub(super) fn analyze(sessions: &mut [Session], tables: Analyzed) -> Result<(), EngineError> {
    let queue = Mutex::new(tables.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = |session: &mut Session| -> Result<(), EngineError> {
        while let Some((schema, table)) = next() {
            // Expressions of indexes call functions of the data; see the rewrite.
            let usual = format!("SET search_path = pg_catalog, {schema}, public");
            session.execute("setting the search path", &usual)?;
            let name = format!("{schema}.{table}");
            session.execute(&format!("analyzing {name}"), &format!("ANALYZE {name}"))?;
        }
        session.execute("setting the search path", "SET search_path = pg_catalog")
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = sessions
            .iter_mut()
            .map(|session| scope.spawn(|| work(session)))
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

/// Rewrites the catalogs that held values: statistics, and what rows that are older than a column have in it. Of what has no rows
/// itself, such as a partitioned table, that is forgotten first.
///
/// # Errors
/// [`EngineError`].
pub(super) fn rewrite_catalogs(session: &mut Session) -> Result<(), EngineError> {
    let without_rows = "UPDATE pg_attribute SET atthasmissing = false, attmissingval = NULL WHERE atthasmissing \
        AND attrelid IN (SELECT oid FROM pg_class WHERE relkind NOT IN ('r', 'm', 't'))";
    session.execute("forgetting what older rows had in new columns", without_rows)?;
    for catalog in ["pg_statistic", "pg_statistic_ext_data", "pg_attribute"] {
        session.execute("rewriting a catalog", &format!("VACUUM FULL {catalog}"))?;
    }
    Ok(())
}

/// Rewrites tables whose dropped columns are still in their rows.
///
/// # Errors
/// [`EngineError`].
pub(super) fn rebuild(session: &mut Session, table: &TableName) -> Result<(), EngineError> {
    session.execute(
        &format!("rebuilding {table}"),
        &format!("VACUUM FULL {}", quoted(table)),
    )
}

/// Removes all large objects and the pages that held them. No other session may have a transaction open: rows that it could see
/// are copied by `VACUUM FULL`, although they are dead (PostgreSQL, `heapam_relation_copy_for_cluster`).
///
/// # Errors
/// [`EngineError`]; [`EngineError::Unfit`] where pages are left.
pub(super) fn remove_large_objects(session: &mut Session) -> Result<(), EngineError> {
    session.execute(
        "removing large objects",
        "SELECT lo_unlink(oid) FROM pg_largeobject_metadata",
    )?;
    session.execute("rewriting pg_largeobject", "VACUUM FULL pg_largeobject")?;
    session.execute(
        "rewriting pg_largeobject_metadata",
        "VACUUM FULL pg_largeobject_metadata",
    )?;
    let left = session.value(
        "looking for what is left",
        "SELECT pg_relation_size('pg_largeobject')",
    )?;
    if left.as_deref() == Some("0") {
        return Ok(());
    }
    Err(EngineError::Unfit {
        service: session.service().clone(),
        message: "removed large objects are still on the pages that held them".to_owned(),
    })
}

/// The files that the relations of this database use, as `base/<database>/<number>` and `global/<number>`.
///
/// # Errors
/// [`EngineError`].
pub(super) fn files_in_use(session: &mut Session) -> Result<Vec<String>, EngineError> {
    let sql = "SELECT pg_relation_filepath(oid) FROM pg_class WHERE pg_relation_filepath(oid) IS NOT NULL";
    Ok(session
        .rows("listing files", sql)?
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect())
}
