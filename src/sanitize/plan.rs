//! What sanitizing a database will do, table by table: pure data, made from ledger and schema. It is what `sanitize plan` shows
//! and what an engine carries out.

use std::collections::BTreeSet;

use serde::Serialize;

use super::ledger::{Fate, Ledger, TableEntry};
use super::rules::ColumnRule;
use super::schema::{Lookup, Schema, Table, TableKind, TableName};
use super::transform;
use crate::model::ServiceName;

/// The work on one service's database.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SanitizePlan {
    /// The service.
    pub service: ServiceName,
    /// Every table that holds rows; work first, and of that the biggest first, so that two workers end together.
    pub tables: Vec<TablePlan>,
    /// Materialized views to compute again once the tables are done, each after those that it reads. A view may read a table
    /// through a function, which no catalog tells: all are computed again, or none where nothing is done.
    pub refresh: Vec<Refresh>,
}

/// The work on one table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TablePlan {
    /// The table.
    pub table: TableName,
    /// What is done to it.
    #[serde(flatten)]
    pub strategy: Strategy,
    /// The condition under which rows go before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletes: Option<String>,
    /// About how many rows it has.
    pub rows: u64,
    /// The bytes of its files.
    pub bytes: u64,
}

/// What is done to a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "strategy", rename_all = "kebab-case")]
pub enum Strategy {
    /// Nothing: its files stay shared with the snapshot.
    #[serde(rename = "skip")]
    Untouched,
    /// All rows go.
    #[serde(rename = "truncate")]
    Empty,
    /// All rows are written anew with these columns replaced, on their way through envclone.
    #[serde(rename = "stream")]
    Rewrite {
        /// The columns that are replaced, in the order of the table.
        columns: Vec<PlannedColumn>,
    },
    /// The server writes all rows anew as they are, since values of dropped columns are still in them, or deleted rows between
    /// them.
    #[serde(rename = "in-engine")]
    Rebuild,
}

/// A column whose values are replaced.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedColumn {
    /// The column.
    pub name: String,
    /// Its number in the table.
    pub position: u16,
    /// The rules, as a rule file has them; the first whose condition holds decides.
    pub rules: Vec<ColumnRule>,
    /// What their transforms are compiled for.
    #[serde(skip)]
    pub column: transform::Column,
}

/// A materialized view to compute again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refresh {
    /// The view.
    pub view: TableName,
    /// Whether it can be: one that reads a foreign table, directly or not, can only be emptied.
    pub with_data: bool,
}

impl SanitizePlan {
    /// The materialized views to compute again, in their order.
    pub fn views(&self) -> Vec<TableName> {
        self.refresh.iter().map(|refresh| refresh.view.clone()).collect()
    }

    /// What the ledger asks for.
    pub fn new(ledger: &Ledger, schema: &Schema) -> Self {
        let lookup = schema.lookup();
        let mut tables: Vec<TablePlan> = ledger
            .tables
            .iter()
            .filter(|entry| entry.kind == TableKind::Ordinary)
            .filter_map(|entry| Some(table_plan(entry, lookup.table(&entry.name)?)))
            .collect();
        tables.sort_by(|a, b| {
            let idle = |plan: &TablePlan| plan.strategy == Strategy::Untouched;
            let order = idle(a).cmp(&idle(b)).then(b.bytes.cmp(&a.bytes));
            order.then_with(|| a.table.cmp(&b.table))
        });
        Self {
            service: ledger.service.clone(),
            tables,
            refresh: refresh(schema, &lookup),
        }
    }

    /// Whether anything must be done to any table. If not, the snapshot is as clean as the rules ask for.
    pub fn needs_rewrite(&self) -> bool {
        self.changed().next().is_some()
    }

    /// The tables to which anything is done.
    pub fn changed(&self) -> impl Iterator<Item = &TableName> {
        let busy = |table: &&TablePlan| table.strategy != Strategy::Untouched;
        self.tables.iter().filter(busy).map(|table| &table.table)
    }
}

/// About how long one value takes to be replaced on its way, and one byte of a table with its indexes to be written anew, in
/// seconds; and what every rewrite takes beside that. From `docs/benchmarks.md` ("Masking": 1,000,000 rows of 7 replaced columns and
/// 380 MB with 4 indexes in 8.4 s, 100,000 in 2.2 s, on two cores), split as the profile in `docs/plan.md` does.
const PER_VALUE: f64 = 0.36e-6;
const PER_BYTE: f64 = 11e-9;
/// Starting, stopping, purging and proving, once for each service in which anything is done.
pub const BESIDE: f64 = 1.5;

/// How often each byte is written: into a file on its way, and into the table.
const WRITTEN: u64 = 2;

impl Strategy {
    /// Its name, as the plan's document has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Untouched => "skip",
            Self::Empty => "truncate",
            Self::Rewrite { .. } => "stream",
            Self::Rebuild => "in-engine",
        }
    }

    /// How many columns are replaced.
    pub fn columns(&self) -> usize {
        match self {
            Self::Rewrite { columns } => columns.len(),
            _ => 0,
        }
    }
}

impl TablePlan {
    /// About how many bytes the branch will no longer share with the snapshot for it.
    pub fn bytes_unshared(&self) -> u64 {
        match self.strategy {
            Strategy::Untouched | Strategy::Empty => 0,
            Strategy::Rewrite { .. } | Strategy::Rebuild => self.bytes,
        }
    }

    /// About how many seconds it takes, where no more than `max_write_rate` bytes a second may be written.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn seconds(&self, max_write_rate: Option<u64>) -> f64 {
        let bytes = self.bytes_unshared() as f64;
        let values = self.rows as f64 * self.strategy.columns() as f64;
        let worked = values * PER_VALUE + bytes * PER_BYTE;
        let rate = max_write_rate.filter(|_| self.strategy.columns() > 0);
        worked.max(rate.map_or(0.0, |rate| bytes * WRITTEN as f64 / rate.max(1) as f64))
    }
}

fn table_plan(entry: &TableEntry, table: &Table) -> TablePlan {
    let columns: Vec<PlannedColumn> = entry
        .columns
        .iter()
        .filter_map(|column| match &column.fate {
            Fate::Mask(masking) => Some(PlannedColumn {
                name: column.name.clone(),
                position: column.position,
                rules: masking.rules.clone(),
                column: masking.column.clone(),
            }),
            _ => None,
        })
        .collect();
    let strategy = if entry.emptied {
        Strategy::Empty
    } else if !columns.is_empty() {
        Strategy::Rewrite { columns }
    } else if table.has_dropped_columns || entry.deletes.is_some() {
        Strategy::Rebuild
    } else {
        Strategy::Untouched
    };
    TablePlan {
        table: entry.name.clone(),
        strategy,
        deletes: entry.deletes.clone(),
        rows: table.rows,
        bytes: table.bytes,
    }
}

/// All materialized views, each after those that it reads.
fn refresh(schema: &Schema, lookup: &Lookup<'_>) -> Vec<Refresh> {
    let mut far = BTreeSet::new();
    spread_out_of_reach(schema, &mut far);
    let mut walk = Walk {
        lookup,
        entered: BTreeSet::new(),
        order: Vec::new(),
    };
    for table in &schema.tables {
        walk.visit(table);
    }
    let refresh = |view: &TableName| Refresh {
        with_data: !far.contains(view),
        view: view.clone(),
    };
    walk.order.into_iter().map(refresh).collect()
}

/// Adds foreign tables, and whatever reads or is partitioned into what is out of reach.
pub fn spread_out_of_reach(schema: &Schema, out_of_reach: &mut BTreeSet<TableName>) {
    loop {
        let known = out_of_reach.len();
        for table in &schema.tables {
            let reads = table.reads.iter().any(|read| out_of_reach.contains(read));
            if table.kind == TableKind::Foreign || reads {
                out_of_reach.insert(table.name.clone());
            }
            if let Some(parent) = table
                .partition_of
                .as_ref()
                .filter(|_| out_of_reach.contains(&table.name))
            {
                out_of_reach.insert(parent.clone());
            }
        }
        if out_of_reach.len() == known {
            return;
        }
    }
}

/// A walk along what views read, from the bottom up.
struct Walk<'a> {
    lookup: &'a Lookup<'a>,
    entered: BTreeSet<&'a TableName>,
    order: Vec<&'a TableName>,
}

impl<'a> Walk<'a> {
    /// Visits a relation and all that it reads, without recursion: a chain of views may be long.
    fn visit(&mut self, start: &'a Table) {
        let lookup = self.lookup;
        let mut path = vec![(start, false)];
        while let Some((table, below_done)) = path.pop() {
            if below_done {
                if table.kind == TableKind::MaterializedView {
                    self.order.push(&table.name);
                }
            } else if self.entered.insert(&table.name) {
                path.push((table, true));
                let below = table.reads.iter().filter_map(|name| lookup.table(name));
                path.extend(below.map(|below| (below, false)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize::ledger::tests::{database, ledger_of};
    use crate::sanitize::schema::{Column, TypeFamily};

    fn text(name: &str) -> Column {
        Column::plain(name, "text", TypeFamily::Text)
    }

    fn table(name: &str, bytes: u64) -> Table {
        Table {
            bytes,
            ..Table::ordinary(TableName::new("p", name), vec![text("a")])
        }
    }

    fn view(name: &str, kind: TableKind, reads: &[&str]) -> Table {
        Table {
            kind,
            reads: reads.iter().map(|read| TableName::new("p", *read)).collect(),
            ..table(name, 0)
        }
    }

    fn plan(tables: Vec<Table>, rules: &str) -> SanitizePlan {
        let schema = Schema { tables };
        SanitizePlan::new(&ledger_of(&schema, rules).unwrap(), &schema)
    }

    #[test]
    fn each_table_gets_the_least_work_that_leaves_nothing_and_the_biggest_comes_first() {
        let dropped = Table {
            has_dropped_columns: true,
            ..table("dropped", 20)
        };
        let plan = plan(
            vec![table("kept", 99), table("masked", 10), dropped, table("gone", 30)],
            "[db.'p.kept']\na = { keep = 'x' }\n[db.'p.masked']\na = 'hmac'\n[db.'p.gone']\nrows = 'delete'\n\
             [db.'p.dropped']\na = { keep = 'x' }",
        );
        let order: Vec<&str> = plan.tables.iter().map(|plan| plan.table.name.as_str()).collect();
        assert_eq!(order, ["gone", "dropped", "masked", "kept"]);
        assert_eq!(plan.tables[0].strategy, Strategy::Empty);
        assert_eq!(plan.tables[1].strategy, Strategy::Rebuild);
        assert!(matches!(&plan.tables[2].strategy, Strategy::Rewrite { columns } if columns[0].name == "a"));
        assert_eq!(plan.tables[3].strategy, Strategy::Untouched);
        assert!(plan.needs_rewrite());
    }

    #[test]
    fn a_table_that_only_loses_rows_is_written_anew_by_the_server() {
        let rules = "[db.'p.t']\nrows = { action = 'delete', where = 'old' }\na = { keep = 'x' }";
        let plan = plan(vec![table("t", 9)], rules);
        assert_eq!(plan.tables[0].strategy, Strategy::Rebuild);
        assert_eq!(plan.tables[0].deletes.as_deref(), Some("old"));
    }

    #[test]
    fn costs_are_about_what_was_measured_and_follow_the_write_rate() {
        let columns = |count| -> Vec<PlannedColumn> {
            let masked = plan(vec![table("t", 0)], "[db.'p.t']\na = 'hmac'")
                .tables
                .remove(0);
            let Strategy::Rewrite { columns } = masked.strategy else {
                panic!("not rewritten");
            };
            columns.into_iter().cycle().take(count).collect()
        };
        let of = |strategy, rows| TablePlan {
            table: TableName::new("p", "t"),
            strategy,
            deletes: None,
            rows,
            bytes: rows * 380,
        };
        let stream = |rows| of(Strategy::Rewrite { columns: columns(7) }, rows);
        let large = stream(1_000_000).seconds(None) + BESIDE;
        assert!((7.4..9.4).contains(&large), "{large}");
        let small = stream(100_000).seconds(None) + BESIDE;
        assert!((1.9..2.5).contains(&small), "{small}");
        assert_eq!(stream(1_000_000).bytes_unshared(), 380_000_000);
        assert!((stream(1_000_000).seconds(Some(38_000_000)) - 20.0).abs() < 0.01);
        for nothing in [Strategy::Untouched, Strategy::Empty] {
            let plan = of(nothing, 1_000_000);
            assert!(plan.bytes_unshared() == 0 && plan.seconds(Some(1)) < 0.001);
        }
    }

    #[test]
    fn views_hold_no_rows_and_partitions_do() {
        let parent = Table {
            kind: TableKind::Partitioned,
            ..table("all", 0)
        };
        let leaf = Table {
            partition_of: Some(TableName::new("p", "all")),
            ..table("leaf", 5)
        };
        let rules = "[db.'p.all']\na = 'hmac'";
        let plan = plan(vec![parent, leaf, view("v", TableKind::View, &["all"])], rules);
        assert_eq!(plan.tables.len(), 1);
        assert_eq!(plan.tables[0].table.name, "leaf");
        assert!(matches!(plan.tables[0].strategy, Strategy::Rewrite { .. }));
    }

    #[test]
    fn materialized_views_are_refreshed_after_what_they_read_and_foreign_ones_emptied() {
        use TableKind::{Foreign, MaterializedView, View};
        let tables = || {
            vec![
                view("top", MaterializedView, &["mid", "t"]),
                view("mid", View, &["low"]),
                view("low", MaterializedView, &["t"]),
                view("far", MaterializedView, &["remote_view"]),
                view("remote_view", View, &["remote"]),
                view("remote", Foreign, &[]),
                view("of_parts", MaterializedView, &["parts"]),
                view("parts", TableKind::Partitioned, &[]),
                Table {
                    partition_of: Some(TableName::new("p", "parts")),
                    ..view("far_part", Foreign, &[])
                },
                view("circle", MaterializedView, &["circle", "gone"]),
                table("t", 1),
            ]
        };
        let masked = plan(
            tables(),
            "[db.'p.t']\na = 'hmac'\n[db.'p.parts']\na = { keep = 'x' }",
        );
        let order: Vec<(&str, bool)> = masked
            .refresh
            .iter()
            .map(|refresh| (refresh.view.name.as_str(), refresh.with_data))
            .collect();
        assert_eq!(
            order,
            [
                ("low", true),
                ("top", true),
                ("far", false),
                ("of_parts", false),
                ("circle", true)
            ]
        );
        let kept = plan(
            tables(),
            "[db.'p.t']\na = { keep = 'x' }\n[db.'p.parts']\na = { keep = 'x' }",
        );
        assert!(!kept.needs_rewrite());
    }

    #[test]
    fn a_plan_prints_as_json_with_its_rules_as_written() {
        let rules = "[db.'p.t']\na = [{ transform = 'text', mode = 'lorem', where = 'b' }, 'hmac']";
        let json = serde_json::to_value(plan(vec![table("t", 7)], rules)).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "service": "db",
                "tables": [{
                    "table": "p.t", "strategy": "stream", "rows": 0, "bytes": 7,
                    "columns": [{
                        "name": "a", "position": 0,
                        "rules": ["{ transform = \"text\", mode = \"lorem\", where = \"b\" }", "\"hmac\""],
                    }],
                }],
                "refresh": [],
            })
        );
    }

    #[test]
    fn the_database_of_the_ledgers_tests_can_be_planned() {
        let (schema, rules) = database();
        let plan = SanitizePlan::new(&ledger_of(&schema, rules).unwrap(), &schema);
        assert!(plan.needs_rewrite() && plan.refresh.len() == 1);
    }
}
