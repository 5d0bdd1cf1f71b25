//! Rows that go under a condition of the owner. They are deleted before anything else is changed, all by one statement, so
//! that each condition sees all tables as the source has them; what stays of them on the pages goes when their tables are
//! rewritten.
//!
//! No trigger of the data acts meanwhile, so neither does a foreign key's `ON DELETE`: rows that stay must not refer to rows that
//! go. That is asked before anything is changed, and once more of what is left, since a condition may give another answer each
//! time.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::EngineError;
use crate::engine::postgres::{Session, quote_identifier};
use crate::sanitize::ledger::{Fate, Ledger, TableEntry};
use crate::sanitize::rules::{Action, ColumnRule};
use crate::sanitize::schema::{Column, ForeignKey, Lookup, Schema, Table, TableKind, TableName};
use crate::sanitize::service::ServiceError;

use super::large::as_text;
use super::rewrite::{quoted, refuse_views, regclass};
use super::spool::holds;

/// Refuses rules under which a row that stays would refer to one that goes.
///
/// # Errors
/// [`ServiceError::Mistaken`] with tables and constraint; a condition that is no SQL for the table.
pub(super) fn refuse_referred(
    session: &mut Session,
    schema: &Schema,
    ledger: &Ledger,
) -> Result<(), ServiceError> {
    let view = View::of(schema, ledger);
    for (table, condition) in view.losing() {
        let sql = format!(
            "SELECT EXISTS (SELECT FROM ONLY {} WHERE {})",
            quoted(&table.name),
            holds(condition)
        );
        let action = format!("holding the rows of {} against `where` of their rule", table.name);
        session.value(&action, &sql)?;
    }
    for reference in view.references() {
        view.refuse(session, &reference, Asked::Before)?;
    }
    Ok(())
}

/// Deletes the rows that go; how many of each table that loses some.
///
/// # Errors
/// [`ServiceError::Mistaken`] where one that stays refers to one that went.
pub(super) fn delete(
    session: &mut Session,
    schema: &Schema,
    ledger: &Ledger,
) -> Result<BTreeMap<TableName, u64>, ServiceError> {
    let view = View::of(schema, ledger);
    let losing: Vec<(&Table, &str)> = view.losing().collect();
    if losing.is_empty() {
        return Ok(BTreeMap::new());
    }
    session.execute("beginning", "BEGIN")?;
    let muted = mute_publications(session)?;
    let mut had = Vec::with_capacity(losing.len());
    for (table, _) in &losing {
        had.push(lay_bare(session, table)?);
    }
    let counts = session.rows("deleting rows", &statement(&losing))?;
    let counts = counts.into_iter().flatten().map(|count| count?.parse().ok());
    for reference in view.references().filter(|reference| reference.key.validated) {
        view.refuse(session, &reference, Asked::After)?;
    }
    for ((table, _), had) in losing.iter().zip(&had) {
        set_flags(session, table, had)?;
    }
    let_publications_speak(session, &muted)?;
    session.execute("committing", "COMMIT")?;
    let tables = losing.iter().map(|(table, _)| table.name.clone());
    Ok(tables.zip(counts.map(Option::unwrap_or_default)).collect())
}

/// One statement for all tables: its parts see the same rows, and none sees what another deletes (PostgreSQL manual,
/// "Data-Modifying Statements in WITH").
fn statement(losing: &[(&Table, &str)]) -> String {
    let part = |(number, (table, condition)): (usize, &(&Table, &str))| {
        let (name, condition) = (quoted(&table.name), holds(condition));
        format!("gone_{number} AS (DELETE FROM ONLY {name} WHERE {condition} RETURNING 1)")
    };
    let parts: Vec<String> = losing.iter().enumerate().map(part).collect();
    let count = |number| format!("(SELECT count(*) FROM gone_{number})");
    let counts: Vec<String> = (0..losing.len()).map(count).collect();
    // Rows instead of columns, of which there are at most 1664.
    format!(
        "WITH {} SELECT unnest(ARRAY[{}])",
        parts.join(", "),
        counts.join(", ")
    )
}

/// When rows that refer are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// While all rows are there.
    Before,
    /// When those that go are gone.
    After,
}

/// A foreign key whose target loses rows.
struct Reference<'a> {
    from: &'a Table,
    key: &'a ForeignKey,
    to: &'a Table,
}

/// The tables, and what the ledger says of them.
struct View<'a> {
    schema: &'a Schema,
    tables: Lookup<'a>,
    entries: BTreeMap<&'a TableName, &'a TableEntry>,
}

impl<'a> View<'a> {
    fn of(schema: &'a Schema, ledger: &'a Ledger) -> Self {
        let entries = ledger.tables.iter().map(|entry| (&entry.name, entry));
        Self {
            schema,
            tables: schema.lookup(),
            entries: entries.collect(),
        }
    }

    fn condition(&self, table: &Table) -> Option<&'a str> {
        self.entries.get(&table.name)?.deletes.as_deref()
    }

    /// The tables that lose rows, with their conditions; of a partitioned one its partitions.
    fn losing(&self) -> impl Iterator<Item = (&'a Table, &'a str)> + use<'a, '_> {
        let ordinary = |table: &&Table| table.kind == TableKind::Ordinary;
        let tables = self.schema.tables.iter().filter(ordinary);
        tables.filter_map(|table| Some((table, self.condition(table)?)))
    }

    /// Foreign keys between tables that have rules of their own, whose target loses rows.
    fn references(&self) -> impl Iterator<Item = Reference<'a>> + use<'a, '_> {
        let mut seen = BTreeSet::new();
        let of = |table: &'a Table| table.foreign_keys.iter().map(move |key| (table, key));
        let keys = self.schema.tables.iter().flat_map(of);
        keys.filter_map(move |(table, key)| {
            let from = self.tables.root(table);
            let to = self.tables.root(self.tables.table(&key.to_table)?);
            self.condition(to)?;
            let emptied = self.entries.get(&from.name).is_some_and(|entry| entry.emptied);
            let first = seen.insert((&from.name, &key.columns, &to.name, &key.to_columns));
            (first && !emptied).then_some(Reference { from, key, to })
        })
    }

    /// The tables that hold the rows of a table with rules of its own.
    fn leaves(&self, root: &'a Table) -> impl Iterator<Item = &'a Table> + use<'a, '_> {
        let tables = self.schema.tables.iter();
        tables.filter(move |table| {
            table.kind == TableKind::Ordinary && self.tables.root(table).name == root.name
        })
    }

    /// Refuses a foreign key by which a row that stays refers to none that stays.
    fn refuse(
        &self,
        session: &mut Session,
        reference: &Reference<'a>,
        asked: Asked,
    ) -> Result<(), ServiceError> {
        let Some(sql) = self.question(reference, asked) else {
            return Ok(());
        };
        let Reference { from, key, to } = reference;
        let action = format!("looking for rows of {} that refer to deleted ones", from.name);
        if session.value(&action, &sql)?.as_deref() != Some("t") {
            return Ok(());
        }
        Err(ServiceError::Mistaken {
            service: session.service().clone(),
            what: format!(
                "rows of {} that stay refer to rows of {} that its rule deletes (constraint {}, {}); what the key says of ON DELETE \
                 is not done: delete those rows too (rows = {{ action = \"delete\", where = \"…\" }}), or rule the column \"null\"",
                from.name,
                to.name,
                key.name,
                key.columns.join(", ")
            ),
        })
    }

    /// The question whether a row that stays refers to one that goes; `None` where no row refers to another any more.
    fn question(&self, reference: &Reference<'a>, asked: Asked) -> Option<String> {
        if self.refers_to_nothing(reference) {
            return None;
        }
        let Reference { from, key, to } = reference;
        let pairs: Vec<(&Column, &Column)> = key
            .columns
            .iter()
            .zip(&key.to_columns)
            .filter_map(|(here, there)| Some((from.column(here)?, to.column(there)?)))
            .collect();
        let alike = |(here, there): &(&Column, &Column)| {
            here.is_of_a_type_of_the_servers() && there.is_of_a_type_of_the_servers()
        };
        let list = |letter: &str, columns: Vec<(&Column, bool)>| {
            let one = |(number, (column, plain)): (usize, (&Column, bool))| {
                format!("{} AS {letter}{number}", compared(column, plain))
            };
            columns
                .into_iter()
                .enumerate()
                .map(one)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let here = list("here_", pairs.iter().map(|pair| (pair.0, alike(pair))).collect());
        let there = list("there_", pairs.iter().map(|pair| (pair.1, alike(pair))).collect());
        let filled =
            |(column, _): &(&Column, &Column)| format!("{} IS NOT NULL", quote_identifier(&column.name));
        let refers: Vec<String> = pairs.iter().map(filled).collect();
        let (mut stays, mut goes) = (refers.join(" AND "), "true".to_owned());
        if asked == Asked::Before {
            if let Some(condition) = self.condition(from) {
                stays.push_str(&format!(" AND ({}) IS NOT TRUE", holds(condition)));
            }
            goes = holds(self.condition(to)?);
        }
        let rows = |root, selected: &str, condition: &str| {
            let leaf = |leaf: &Table| {
                let name = quoted(&leaf.name);
                format!("SELECT {selected} FROM ONLY {name} WHERE {condition}")
            };
            self.leaves(root)
                .map(leaf)
                .collect::<Vec<_>>()
                .join(" UNION ALL ")
        };
        let (from, to) = (rows(from, &here, &stays), rows(to, &there, &goes));
        let same: Vec<String> = (0..pairs.len())
            .map(|number| format!("here_{number} = there_{number}"))
            .collect();
        let not = if asked == Asked::Before { "" } else { "NOT " };
        (!from.is_empty() && !to.is_empty()).then(|| {
            format!(
                "SELECT EXISTS (SELECT FROM ({from}) AS staying WHERE {not}EXISTS (SELECT FROM ({to}) AS others WHERE {}))",
                same.join(" AND ")
            )
        })
    }

    /// Whether rules null so much of the referring columns that no row refers to another any more.
    fn refers_to_nothing(&self, Reference { from, key, .. }: &Reference<'a>) -> bool {
        let entry = self.entries.get(&from.name);
        let mut nulled = key.columns.iter().map(|name| {
            let column = entry.and_then(|entry| entry.columns.iter().find(|column| column.name == *name));
            column.is_some_and(|column| match &column.fate {
                Fate::Mask(masking) => masking.rules.iter().all(nulls),
                _ => false,
            })
        });
        // With MATCH FULL all columns must be NULL for that.
        if key.match_full {
            nulled.all(|null| null)
        } else {
            nulled.any(|null| null)
        }
    }
}

fn nulls(rule: &ColumnRule) -> bool {
    matches!(&rule.action, Action::Mask(spec) if spec.name == "null")
}

/// A column of a key as it is compared. Operators of types of the data's are not called: such values are compared as text.
fn compared(column: &Column, plain: bool) -> String {
    match (plain, column.type_name.as_str()) {
        (true, _) => quote_identifier(&column.name),
        (false, "citext") => format!("lower({})", as_text(column)),
        (false, _) => as_text(column),
    }
}

/// Says that no publication wants to hear of deleted rows: of a table without a key it could not be told which they were.
/// Returns which did.
fn mute_publications(session: &mut Session) -> Result<Vec<String>, EngineError> {
    let sql = "UPDATE pg_publication SET pubdelete = false WHERE pubdelete RETURNING oid";
    let rows = session.rows("keeping deleted rows from publications", sql)?;
    Ok(rows.into_iter().flatten().flatten().collect())
}

fn let_publications_speak(session: &mut Session, publications: &[String]) -> Result<(), EngineError> {
    if publications.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE pg_publication SET pubdelete = true WHERE oid IN ({})",
        publications.join(", ")
    );
    session.execute("giving publications back", &sql)
}

/// Locks a table, and sees to it that neither a trigger nor a rule of the data acts on it; what it had.
fn lay_bare(session: &mut Session, table: &Table) -> Result<Vec<String>, EngineError> {
    let lock = format!("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE", quoted(&table.name));
    session.execute("locking a table", &lock)?;
    refuse_views(session, &table.name)?;
    let sql = format!(
        "SELECT relhastriggers, relhasrules FROM pg_class WHERE oid = {}",
        regclass(&table.name)
    );
    let rows = session.rows("reading a table's flags", &sql)?;
    let had = rows
        .into_iter()
        .flatten()
        .map(Option::unwrap_or_default)
        .collect();
    set_flags(session, table, &["f".to_owned(), "f".to_owned()])?;
    Ok(had)
}

fn set_flags(session: &mut Session, table: &Table, flags: &[String]) -> Result<(), EngineError> {
    let [triggers, rules] = flags else { return Ok(()) };
    let sql = format!(
        "UPDATE pg_class SET relhastriggers = '{triggers}', relhasrules = '{rules}' WHERE oid = {}",
        regclass(&table.name)
    );
    session.execute("setting a table's flags", &sql)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize::ledger::tests::ledger_of;
    use crate::sanitize::schema::TypeFamily;

    const RULES: &str =
        "[db.'p.people']\nrows = { action = 'delete', where = 'gone -- long' }\nname = 'hmac'\n";

    fn column(name: &str, type_name: &str, family: TypeFamily) -> Column {
        Column::plain(name, type_name, family)
    }

    fn integer(name: &str) -> Column {
        let sequence = name == "id";
        Column {
            sequence,
            primary_key: sequence,
            unique: sequence,
            ..column(name, "int8", TypeFamily::Integer)
        }
    }

    /// People, and orders that refer to them by two columns.
    fn schema() -> Schema {
        let name = TableName::new("p", "people");
        let people = vec![
            integer("id"),
            column("code", "citext", TypeFamily::Text),
            column("name", "text", TypeFamily::Text),
        ];
        let orders = vec![
            integer("id"),
            integer("person"),
            column("code", "citext", TypeFamily::Text),
        ];
        let key = ForeignKey {
            name: "orders_person".to_owned(),
            columns: vec!["person".to_owned(), "code".to_owned()],
            to_table: name.clone(),
            to_columns: vec!["id".to_owned(), "code".to_owned()],
            validated: true,
            match_full: false,
        };
        let orders = Table {
            foreign_keys: vec![key],
            ..Table::ordinary(TableName::new("p", "orders"), orders)
        };
        Schema {
            tables: vec![Table::ordinary(name, people), orders],
        }
    }

    /// The questions that are asked under more rules.
    fn questions(schema: &Schema, more: &str, asked: Asked) -> Vec<Option<String>> {
        let kept = "code = { keep = 'x' }\n";
        let ledger = ledger_of(schema, &format!("{RULES}{kept}[db.'p.orders']\n{more}")).unwrap();
        let view = View::of(schema, &ledger);
        let references = view.references();
        references
            .map(|reference| view.question(&reference, asked))
            .collect()
    }

    #[test]
    fn rows_that_stay_are_looked_up_among_those_that_go_and_then_among_those_that_stayed() {
        let rules = "rows = { action = 'delete', where = 'old' }\ncode = { keep = 'x' }\n";
        let here = "SELECT \"person\" AS here_0, lower(\"code\"::text) AS here_1 FROM ONLY \"p\".\"orders\" \
                    WHERE \"person\" IS NOT NULL AND \"code\" IS NOT NULL";
        let there =
            "SELECT \"id\" AS there_0, lower(\"code\"::text) AS there_1 FROM ONLY \"p\".\"people\" WHERE";
        let same = "WHERE here_0 = there_0 AND here_1 = there_1";
        let schema = schema();
        let before = format!(
            "SELECT EXISTS (SELECT FROM ({here} AND ((old\n) IS TRUE) IS NOT TRUE) AS staying \
             WHERE EXISTS (SELECT FROM ({there} (gone -- long\n) IS TRUE) AS others {same}))"
        )
        .replace(
            "lower(\"code\"::text)",
            "lower(CASE WHEN \"code\" IS DISTINCT FROM NULL THEN format('%s', \"code\") END)",
        );
        assert_eq!(questions(&schema, rules, Asked::Before), [Some(before)]);
        let after = questions(&schema, rules, Asked::After).remove(0).unwrap();
        assert!(!after.contains("gone") && !after.contains("old"), "{after}");
        assert!(
            after.contains("WHERE NOT EXISTS (SELECT FROM (SELECT \"id\" AS there_0"),
            "{after}"
        );
    }

    #[test]
    fn rows_that_go_or_refer_to_nothing_any_more_are_not_looked_for() {
        let mut schema = schema();
        assert!(questions(&schema, "rows = 'delete'", Asked::Before).is_empty());
        assert_eq!(questions(&schema, "code = 'null'", Asked::Before), [None]);
        // One column alone does not end a reference of this kind.
        schema.tables[1].foreign_keys[0].match_full = true;
        let people = questions(&schema, "code = { keep = 'x' }", Asked::Before);
        assert!(people[0].is_some());
    }

    #[test]
    fn all_tables_lose_their_rows_by_one_statement() {
        let (one, other) = (
            Table::ordinary(TableName::new("p", "a"), Vec::new()),
            Table::ordinary(TableName::new("p", "b"), Vec::new()),
        );
        assert_eq!(
            statement(&[(&one, "x"), (&other, "y -- z")]),
            "WITH gone_0 AS (DELETE FROM ONLY \"p\".\"a\" WHERE (x\n) IS TRUE RETURNING 1), \
             gone_1 AS (DELETE FROM ONLY \"p\".\"b\" WHERE (y -- z\n) IS TRUE RETURNING 1) \
             SELECT unnest(ARRAY[(SELECT count(*) FROM gone_0), (SELECT count(*) FROM gone_1)])"
        );
    }
}
