//! Event triggers that fire whatever a session says (`ENABLE ALWAYS`, `ENABLE REPLICA`): a statement of envclone's own would call a
//! function of the data as the superuser. They are off while originals can be reached. Since PostgreSQL 17 the sessions say
//! so (`event_triggers`); before, nothing but the catalog does.

use crate::engine::EngineError;
use crate::engine::postgres::Session;

/// Event triggers that were switched off: their numbers, and how they were on.
#[derive(Debug, Default)]
pub(super) struct Stilled(Vec<(String, String)>);

impl Stilled {
    /// Switches them off in the database of `session`.
    ///
    /// # Errors
    /// [`EngineError`].
    pub(super) fn still(session: &mut Session) -> Result<Self, EngineError> {
        let found = "SELECT oid, evtenabled FROM pg_event_trigger WHERE evtenabled IN ('A', 'R')";
        let rows = session.rows("looking for event triggers", found)?;
        let pair = |row: Vec<Option<String>>| {
            let mut row = row.into_iter().flatten();
            Some((row.next()?, row.next()?))
        };
        let found: Vec<_> = rows.into_iter().filter_map(pair).collect();
        if !found.is_empty() {
            let off = "UPDATE pg_event_trigger SET evtenabled = 'D' WHERE evtenabled IN ('A', 'R')";
            session.execute("switching event triggers off", off)?;
        }
        Ok(Self(found))
    }

    /// Switches them on again.
    ///
    /// # Errors
    /// [`EngineError`].
    pub(super) fn give_back(self, session: &mut Session) -> Result<(), EngineError> {
        for (number, enabled) in &self.0 {
            let on = format!("UPDATE pg_event_trigger SET evtenabled = '{enabled}' WHERE oid = {number}");
            session.execute("switching an event trigger on", &on)?;
        }
        Ok(())
    }
}
