//! What sanitizing a database will do, table by table: pure data, made from ledger and schema, run by dumb code.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Materialized views to compute again once the tables are done, each after those that it reads.
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
    Untouched,
    /// All rows go.
    Empty,
    /// All rows are written anew with these columns replaced.
    Rewrite {
        /// The columns that are replaced, in the order of the table.
        columns: Vec<PlannedColumn>,
    },
    /// All rows are written anew as they are, since values of dropped columns are still in them.
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
        let mut plan = Self {
            service: ledger.service.clone(),
            tables,
            refresh: Vec::new(),
        };
        // A view may read a table through a function, which no catalog tells: all are computed again, or none.
        if plan.needs_rewrite() {
            plan.refresh = refresh(schema, &lookup);
        }
        plan
    }

    /// Whether anything must be done to any table. If not, the snapshot is as clean as the rules ask for.
    pub fn needs_rewrite(&self) -> bool {
        self.tables
            .iter()
            .any(|table| table.strategy != Strategy::Untouched)
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
    } else if table.has_dropped_columns {
        Strategy::Rebuild
    } else {
        Strategy::Untouched
    };
    TablePlan {
        table: entry.name.clone(),
        strategy,
        rows: table.rows,
        bytes: table.bytes,
    }
}

/// All materialized views, each after those that it reads.
fn refresh(schema: &Schema, lookup: &Lookup<'_>) -> Vec<Refresh> {
    let mut walk = Walk {
        lookup,
        entered: BTreeSet::new(),
        foreign: BTreeMap::new(),
        order: Vec::new(),
    };
    for table in &schema.tables {
        walk.visit(table);
    }
    walk.order
}

/// A walk along what views read, from the bottom up.
struct Walk<'a> {
    lookup: &'a Lookup<'a>,
    entered: BTreeSet<&'a TableName>,
    /// For relations that were left: whether they read a foreign table.
    foreign: BTreeMap<&'a TableName, bool>,
    order: Vec<Refresh>,
}

impl<'a> Walk<'a> {
    /// Visits a relation and all that it reads, without recursion: a chain of views may be long.
    fn visit(&mut self, start: &'a Table) {
        let mut path = vec![(start, false)];
        while let Some((table, below_done)) = path.pop() {
            if below_done {
                self.leave(table);
            } else if self.entered.insert(&table.name) {
                path.push((table, true));
                path.extend(self.below(table).map(|below| (below, false)));
            }
        }
    }

    /// What the query of a view names.
    fn below(&self, table: &'a Table) -> impl Iterator<Item = &'a Table> + use<'a> {
        let lookup = self.lookup;
        table.reads.iter().filter_map(move |name| lookup.table(name))
    }

    fn leave(&mut self, table: &'a Table) {
        let below = self
            .below(table)
            .any(|below| self.foreign.get(&below.name).copied().unwrap_or_default());
        let foreign = table.kind == TableKind::Foreign || below;
        self.foreign.insert(&table.name, foreign);
        if table.kind == TableKind::MaterializedView {
            self.order.push(Refresh {
                view: table.name.clone(),
                with_data: !foreign,
            });
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
                view("circle", MaterializedView, &["circle", "gone"]),
                table("t", 1),
            ]
        };
        let masked = plan(tables(), "[db.'p.t']\na = 'hmac'");
        let order: Vec<(&str, bool)> = masked
            .refresh
            .iter()
            .map(|refresh| (refresh.view.name.as_str(), refresh.with_data))
            .collect();
        assert_eq!(
            order,
            [("low", true), ("top", true), ("far", false), ("circle", true)]
        );
        let kept = plan(tables(), "[db.'p.t']\na = { keep = 'x' }");
        assert!(!kept.needs_rewrite() && kept.refresh.is_empty());
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
                    "table": "p.t", "strategy": "rewrite", "rows": 0, "bytes": 7,
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
