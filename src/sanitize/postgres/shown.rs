//! Some values of each column, shown to the ledger to tell what it holds: of a few rows, and what the server's statistics, which cost
//! nothing to read, know of all others.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::engine::EngineError;
use crate::engine::postgres::{Session, quote_identifier, quote_literal};
use crate::sanitize::schema::{Schema, Table, TableKind, TableName};

use super::large::as_text;
use super::rewrite::quoted;

/// How many characters of each the ledger is shown: all columns of a table are held at once.
const LOOKED_AT: usize = 10_000;
/// How many values the ledger is shown of a column.
const FEW: usize = 100;
/// And how many of them tell something.
const ENOUGH: usize = 20;

/// Asks for column and value: of the most common values, and of those that part the others into shares of one size, some from all over
/// them (PostgreSQL manual, "`pg_stats`"). They are as the server writes them; no cast of the data is called. `OFFSET 0` keeps the
/// planner from writing the casts of a whole array out wherever it is named, to be done anew for each of its elements.
fn statistics_of(table: &TableName) -> String {
    format!(
        "SELECT attname, value FROM ( \
            SELECT attname, (most_common_vals::text::text[])[1:20] AS common, histogram_bounds::text::text[] AS bounds \
            FROM pg_catalog.pg_stats WHERE schemaname = {} AND tablename = {} OFFSET 0) AS known, LATERAL ( \
            SELECT unnest(common) AS value \
            UNION SELECT bounds[number] FROM generate_series(1, array_length(bounds, 1)) AS number \
                WHERE number % greatest(array_length(bounds, 1) / 40, 1) = 0) AS shown",
        quote_literal(&table.schema),
        quote_literal(&table.name)
    )
}

/// The rows of a table that the ledger is shown values of.
struct Shown {
    table: TableName,
    /// Whether there may be more rows than these.
    more: bool,
    /// By column, the values that are not NULL.
    values: BTreeMap<String, Vec<String>>,
}

/// Shows the ledger some values of columns: one question for each table, and another one where nearly all are NULL.
struct Samples<'s> {
    session: Session,
    schema: &'s Schema,
    /// Columns are asked for table by table, sometimes with one that they refer to.
    shown: Vec<Shown>,
    failed: Option<EngineError>,
}

impl Samples<'_> {
    /// Some values of a column; of a partitioned table, of its partitions that are here.
    ///
    /// # Errors
    /// Of the query: a column that cannot be looked at is not known to be harmless.
    fn of(&mut self, table: &TableName, column: &str) -> Result<Vec<String>, EngineError> {
        if !self.shown.iter().any(|shown| shown.table == *table) {
            self.shown.truncate(1);
            let shown = self.rows_of(table)?;
            self.shown.insert(0, shown);
        }
        let Some(at) = self.shown.iter().position(|shown| shown.table == *table) else {
            return Ok(Vec::new());
        };
        let shown = &self.shown[at];
        let known = shown.values.get(column).map(Vec::as_slice).unwrap_or_default();
        if known.len() >= ENOUGH || !shown.more {
            return Ok(known.to_vec());
        }
        let values = self.rows(table, &[column], true)?;
        let values: Vec<String> = values.into_iter().flatten().flatten().collect();
        self.shown[at].values.insert(column.to_owned(), values.clone());
        Ok(values)
    }

    fn rows_of(&mut self, table: &TableName) -> Result<Shown, EngineError> {
        let known = self.schema.table(table);
        let columns: Vec<&str> = known
            .map(|table| table.columns.iter().map(|column| column.name.as_str()).collect())
            .unwrap_or_default();
        let rows = self.rows(table, &columns, false)?;
        let mut shown = Shown {
            table: table.clone(),
            more: rows.len() >= FEW,
            values: BTreeMap::new(),
        };
        for row in rows {
            for (column, value) in columns.iter().zip(row) {
                let values = shown.values.entry((*column).to_owned()).or_default();
                values.extend(value);
            }
        }
        if shown.more {
            self.add_known_to_statistics(&mut shown)?;
        }
        Ok(shown)
    }

    /// The rows that were read are the oldest, it may be, and of one kind: values from all over the table, if it was analyzed.
    fn add_known_to_statistics(&mut self, shown: &mut Shown) -> Result<(), EngineError> {
        let sql = statistics_of(&shown.table);
        let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in self.session.rows("reading statistics", &sql)? {
            if let Ok([Some(column), Some(value)]) = <[_; 2]>::try_from(row) {
                known.entry(column).or_default().push(value);
            }
        }
        for (column, mut others) in known {
            let values = shown.values.entry(column).or_default();
            others.retain(|value| !values.contains(value));
            if others.len() >= ENOUGH {
                // What the first rows repeat says little about a column of that many values.
                let mut told = BTreeSet::new();
                values.retain(|value| told.insert(value.clone()));
            }
            values.append(&mut others);
        }
        Ok(())
    }

    /// Some rows of these columns; if `filled`, only those where the first is not NULL.
    fn rows(
        &mut self,
        table: &TableName,
        columns: &[&str],
        filled: bool,
    ) -> Result<Vec<Vec<Option<String>>>, EngineError> {
        let names: Vec<String> = columns.iter().map(|column| quote_identifier(column)).collect();
        let (Some(first), Some(from)) = (names.first(), rows_from(self.schema, table, &names)) else {
            return Ok(Vec::new());
        };
        let known = self.schema.table(table);
        let text = |column: &&str| match known.and_then(|table| table.column(column)) {
            Some(known) => format!("left({}, {LOOKED_AT})", as_text(known)),
            None => "NULL".to_owned(),
        };
        let shown: Vec<String> = columns.iter().map(text).collect();
        let only = if filled {
            format!(" WHERE {first} IS NOT NULL")
        } else {
            String::new()
        };
        let sql = format!("SELECT {} FROM {from}{only} LIMIT {FEW}", shown.join(", "));
        self.session.rows("sampling columns", &sql)
    }
}

/// Where the rows of a table come from; `None` if nowhere.
fn rows_from(schema: &Schema, table: &TableName, columns: &[String]) -> Option<String> {
    let is = |kind: TableKind| move |one: &Table| one.kind == kind;
    let partitioned = schema.table(table).is_some_and(is(TableKind::Partitioned));
    if !partitioned && !schema.tables.iter().any(is(TableKind::Foreign)) {
        return Some(quoted(table));
    }
    let tables = schema.lookup();
    let below = |one: &Table| {
        let parents = std::iter::successors(one.partition_of.as_ref(), |parent| {
            tables
                .table(parent)
                .and_then(|parent| parent.partition_of.as_ref())
        });
        parents.take(schema.tables.len()).any(|parent| parent == table)
    };
    let part_of_it = |one: &Table| one.name == *table || below(one);
    let far = |one: &Table| one.kind == TableKind::Foreign && part_of_it(one);
    if !partitioned && !schema.tables.iter().any(far) {
        return Some(quoted(table));
    }
    // Each partition for itself: the planner would simplify the expressions that the table, or one of its partitions, is
    // partitioned by, which may call code of the data. Some may be far away.
    let here = |one: &&Table| one.kind == TableKind::Ordinary && part_of_it(one);
    let part = |one: &Table| format!("SELECT {} FROM ONLY {}", columns.join(", "), quoted(&one.name));
    let parts: Vec<String> = schema.tables.iter().filter(here).map(part).collect();
    (!parts.is_empty()).then(|| format!("({}) AS here", parts.join(" UNION ALL ")))
}

/// Does something that wants samples, and gives the session back; an error of any sample is an error of the whole.
///
/// # Errors
/// That of the first sample that could not be had.
pub(super) fn with_samples<T>(
    session: Session,
    schema: &Schema,
    work: impl FnOnce(&dyn Fn(&TableName, &str) -> Vec<String>) -> T,
) -> Result<(T, Session), EngineError> {
    let state = RefCell::new(Samples {
        session,
        schema,
        shown: Vec::new(),
        failed: None,
    });
    let done = work(&|table, column| {
        let samples = &mut *state.borrow_mut();
        samples.of(table, column).unwrap_or_else(|error| {
            samples.failed.get_or_insert(error);
            Vec::new()
        })
    });
    match state.into_inner() {
        Samples {
            session,
            failed: None,
            ..
        } => Ok((done, session)),
        Samples {
            failed: Some(error), ..
        } => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of one kind in the schema `s`, and what it is a partition of.
    fn table(name: &str, kind: TableKind, of: Option<&str>) -> Table {
        Table {
            kind,
            partition_of: of.map(|of| TableName::new("s", of)),
            ..Table::ordinary(TableName::new("s", name), Vec::new())
        }
    }

    #[test]
    fn only_partitions_and_those_beside_far_ones_are_read_one_by_one() {
        let tables = vec![
            table("plain", TableKind::Ordinary, None),
            table("view", TableKind::MaterializedView, None),
            table("parted", TableKind::Partitioned, None),
            table("middle", TableKind::Partitioned, Some("parted")),
            table("leaf", TableKind::Ordinary, Some("middle")),
            table("beside", TableKind::Ordinary, Some("parted")),
            table("far", TableKind::Foreign, Some("parted")),
        ];
        let schema = Schema { tables };
        let from = |name: &str| rows_from(&schema, &TableName::new("s", name), &["x".to_owned()]);
        let leaf = "SELECT x FROM ONLY \"s\".\"leaf\"";
        let beside = "SELECT x FROM ONLY \"s\".\"beside\"";
        assert_eq!(
            from("parted"),
            Some(format!("({leaf} UNION ALL {beside}) AS here"))
        );
        assert_eq!(from("middle"), Some(format!("({leaf}) AS here")));
        assert_eq!(from("far"), None);
        // Neither has to do with the one that is far.
        assert_eq!(from("plain").as_deref(), Some("\"s\".\"plain\""));
        assert_eq!(from("view").as_deref(), Some("\"s\".\"view\""));
    }
}
