//! What the planner may not look at while tables are raw. For each question about a table it takes the expressions and conditions
//! of its indexes and the expressions of its statistics objects, and simplifies them: immutable functions with constant arguments
//! are executed for that, as whoever asks (`eval_const_expressions`). That is the superuser, and the functions may be anybody's.

use crate::engine::EngineError;
use crate::engine::postgres::Session;

use super::rights::with_rules;

/// The numbers of what has expressions that may call code of the data, by [`with_rules`]. `OF` is a query of numbers and trees.
const CALLING: &str = "SELECT DISTINCT id FROM (OF) AS trees (id, tree), regexp_matches(tree, '(funcid|:opno) (\\d+)', 'g') AS found \
    LEFT JOIN pg_operator AS o ON found[1] = ':opno' AND o.oid = found[2]::oid \
    JOIN pg_proc AS p ON p.oid = CASE WHEN found[1] = 'funcid' THEN found[2]::oid ELSE oprcode END \
    JOIN pg_language AS l ON l.oid = prolang WHERE FOREIGN \
    UNION SELECT id FROM (OF) AS trees (id, tree) WHERE tree ~ 'UNCLEAR'";

/// Indexes of the data with such expressions or conditions.
const INDEXES: &str = "SELECT indexrelid, concat(indexprs::text, indpred::text) FROM pg_index \
    WHERE indisvalid AND indrelid >= 16384 AND (indexprs IS NOT NULL OR indpred IS NOT NULL)";

/// Statistics objects with such expressions.
const STATISTICS: &str =
    "SELECT oid, stxexprs::text FROM pg_statistic_ext WHERE stxexprs IS NOT NULL AND stxrelid <> 0";

fn calling(of: &str) -> String {
    with_rules(CALLING).replace("(OF)", &format!("({of})"))
}

/// What was hidden.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    /// Numbers of indexes that are said to be invalid.
    indexes: Vec<String>,
    /// Numbers of statistics objects, and of the tables that they are of.
    statistics: Vec<(String, String)>,
}

impl Hidden {
    /// Hides what calls code of the data; before the first question about it.
    ///
    /// # Errors
    /// [`EngineError`].
    pub(super) fn hide(session: &mut Session) -> Result<Self, EngineError> {
        let first = |row: Vec<Option<String>>| row.into_iter().next().flatten();
        let found = session.rows("looking for code in indexes", &calling(INDEXES))?;
        let indexes: Vec<String> = found.into_iter().filter_map(first).collect();
        if !indexes.is_empty() {
            let sql = format!(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid IN ({})",
                indexes.join(", ")
            );
            session.execute("hiding indexes with code", &sql)?;
        }
        let statistics = format!(
            "SELECT oid, stxrelid FROM pg_statistic_ext WHERE oid IN ({})",
            calling(STATISTICS)
        );
        let pair = |row: Vec<Option<String>>| {
            let mut row = row.into_iter().flatten();
            Some((row.next()?, row.next()?))
        };
        let rows = session.rows("looking for code in statistics objects", &statistics)?;
        let statistics: Vec<(String, String)> = rows.into_iter().filter_map(pair).collect();
        for (number, _) in &statistics {
            let sql = format!("UPDATE pg_statistic_ext SET stxrelid = 0 WHERE oid = {number}");
            session.execute("hiding a statistics object with code", &sql)?;
        }
        Ok(Self { indexes, statistics })
    }

    /// Hides what code of the data has made since, it may be.
    ///
    /// # Errors
    /// [`EngineError`].
    pub(super) fn hide_more(&mut self, session: &mut Session) -> Result<(), EngineError> {
        let more = Self::hide(session)?;
        self.indexes.extend(more.indexes);
        self.statistics.extend(more.statistics);
        Ok(())
    }

    /// Gives everything back, once nothing is raw any more.
    ///
    /// # Errors
    /// [`EngineError`].
    pub(super) fn give_back(self, session: &mut Session) -> Result<(), EngineError> {
        if !self.indexes.is_empty() {
            let sql = format!(
                "UPDATE pg_index SET indisvalid = true WHERE indexrelid IN ({})",
                self.indexes.join(", ")
            );
            session.execute("giving indexes back", &sql)?;
        }
        for (number, table) in &self.statistics {
            let sql = format!("UPDATE pg_statistic_ext SET stxrelid = {table} WHERE oid = {number}");
            session.execute("giving a statistics object back", &sql)?;
        }
        Ok(())
    }

    /// Whether there is nothing to give back.
    pub(super) fn is_empty(&self) -> bool {
        self.indexes.is_empty() && self.statistics.is_empty()
    }
}
