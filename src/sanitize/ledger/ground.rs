//! What rules are held against, looked up once: tables by name, foreign keys between tables that have rules.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::detect::{Beside, ColumnSample, Finding, detect_beside};
use super::super::rules::Action;
use super::super::schema::{Column, ForeignKey, Lookup, Table, TableName};
use super::super::transform;
use super::Evidence;

/// A column of a table that has rules of its own.
pub(super) type Node = (TableName, String);

/// A foreign key between tables that have rules of their own (no partitions).
pub(super) struct Reference<'a> {
    pub(super) from: &'a Table,
    pub(super) key: &'a ForeignKey,
    pub(super) to: &'a Table,
}

/// One referring column and the one it refers to.
pub(super) struct Link<'a> {
    pub(super) from: &'a Table,
    pub(super) column: &'a str,
    pub(super) to: &'a Table,
    pub(super) to_column: &'a str,
    pub(super) key: &'a ForeignKey,
}

/// The evidence, and what was looked up in it.
pub(super) struct Ground<'a> {
    pub(super) evidence: &'a Evidence<'a>,
    pub(super) tables: Lookup<'a>,
    pub(super) references: Vec<Reference<'a>>,
    pub(super) links: Vec<Link<'a>>,
    /// For columns that are masked on both ends of foreign keys: what all of them are compiled for.
    pub(super) shared: BTreeMap<Node, transform::Column>,
    /// Columns that foreign keys tie together, each group once.
    groups: Vec<BTreeSet<Node>>,
    /// For each of these columns, its group in `groups`.
    group_of: BTreeMap<Node, usize>,
    /// Columns that some level of a partitioned table is partitioned by, under the name of its root.
    partition_keys: BTreeSet<(&'a TableName, &'a str)>,
    /// For each referring column, its first validated link.
    by_column: HashMap<(&'a TableName, &'a str), usize>,
    /// What columns look like they hold; each is sampled once for it.
    findings: RefCell<BTreeMap<Node, Option<Finding>>>,
    /// What the columns of a table say of each other.
    beside: RefCell<BTreeMap<TableName, Beside>>,
}

impl<'a> Ground<'a> {
    pub(super) fn of(evidence: &'a Evidence<'a>) -> Self {
        let tables = evidence.schema.lookup();
        let references = references(evidence, &tables);
        let links = links(&references);
        let mut by_column = HashMap::new();
        for (number, link) in links.iter().enumerate() {
            if link.key.validated {
                by_column.entry((&link.from.name, link.column)).or_insert(number);
            }
        }
        let groups = super::references::groups(links.iter());
        let group_of = groups
            .iter()
            .enumerate()
            .flat_map(|(number, group)| group.iter().map(move |node| (node.clone(), number)))
            .collect();
        let all_columns = evidence
            .schema
            .tables
            .iter()
            .flat_map(|table| table.columns.iter().map(move |column| (table, column)));
        let partition_keys = all_columns
            .filter(|(_, column)| column.in_partition_key)
            .map(|(table, column)| (&tables.root(table).name, column.name.as_str()))
            .collect();
        let mut ground = Self {
            evidence,
            tables,
            references,
            links,
            shared: BTreeMap::new(),
            groups,
            group_of,
            partition_keys,
            by_column,
            findings: RefCell::default(),
            beside: RefCell::default(),
        };
        ground.shared = super::references::shared_columns(&ground);
        ground
    }

    /// What a column looks like it holds.
    pub(super) fn finding(&self, node: &Node) -> Option<Finding> {
        if let Some(known) = self.findings.borrow().get(node) {
            return known.clone();
        }
        let (table, column) = self.column(node)?;
        let values = (self.evidence.samples)(&table.name, &column.name);
        let found = self.look(table, column, &values);
        self.findings.borrow_mut().insert(node.clone(), found.clone());
        found
    }

    /// What these values of a column look like beside the other columns of its table.
    pub(super) fn look(&self, table: &Table, column: &Column, values: &[String]) -> Option<Finding> {
        let name = table.name.to_string();
        let mut known = self.beside.borrow_mut();
        let beside = known.entry(table.name.clone()).or_insert_with(|| {
            let columns = table.columns.iter();
            Beside::of(
                &name,
                columns.map(|column| (column.name.as_str(), column.type_name.as_str())),
            )
        });
        let sample = ColumnSample {
            table: &name,
            column: &column.name,
            type_name: &column.type_name,
            values,
        };
        detect_beside(&sample, beside)
    }

    /// What a column's transforms are compiled for.
    pub(super) fn target(&self, table: &Table, column: &Column) -> transform::Column {
        let shared = self.shared.get(&(table.name.clone(), column.name.clone()));
        shared.cloned().unwrap_or_else(|| plain(column))
    }

    /// Whether what a rule gives depends on more than the value: two rows with one value may then get two.
    pub(super) fn reads_rows(&self, action: &Action, table: &Table, column: &str) -> bool {
        let (Action::Mask(spec), Some(column)) = (action, table.column(column)) else {
            return false;
        };
        transform::compile(spec, &plain(column), self.evidence.key).is_ok_and(|made| !made.reads().is_empty())
    }

    /// Whether rows of this table, or of a partition of it, lie where they lie because of this column.
    pub(super) fn in_partition_key(&self, table: &Table, column: &Column) -> bool {
        self.partition_keys.contains(&(&table.name, column.name.as_str()))
    }

    /// The columns that foreign keys tie this one to, itself among them; `None` if it is tied to none.
    pub(super) fn group(&self, table: &Table, column: &Column) -> Option<&BTreeSet<Node>> {
        let number = self.group_of.get(&(table.name.clone(), column.name.clone()))?;
        self.groups.get(*number)
    }

    /// The column of a node.
    pub(super) fn column(&self, (table, column): &Node) -> Option<(&'a Table, &'a Column)> {
        let table = self.tables.table(table)?;
        Some((table, table.column(column)?))
    }

    /// Whether all values of this column are values of another one.
    pub(super) fn refers(&self, table: &Table, column: &Column) -> bool {
        self.by_column.contains_key(&(&table.name, column.name.as_str()))
    }

    /// The column at the end of the chain of foreign keys that begins here; itself, if it refers to none.
    pub(super) fn referred_to(&self, table: &'a Table, column: &'a Column) -> (&'a Table, &'a Column) {
        let mut end = (table, column);
        // No chain is longer than all links, unless it is a circle, where any end is as good.
        for _ in 0..self.links.len() {
            let link = self.by_column.get(&(&end.0.name, end.1.name.as_str()));
            let next = link
                .and_then(|number| self.links.get(*number))
                .and_then(|link| Some((link.to, link.to.column(link.to_column)?)));
            match next {
                Some(next) => end = next,
                None => break,
            }
        }
        end
    }
}

/// A column as transforms know it.
pub(super) fn plain(column: &Column) -> transform::Column {
    transform::Column {
        type_name: column.type_name.clone(),
        max_chars: column.max_chars,
        not_null: column.not_null,
        unique: column.unique,
        default: column.default.clone(),
    }
}

/// Every foreign key once, however many partitions repeat it.
fn references<'a>(evidence: &'a Evidence<'a>, tables: &Lookup<'a>) -> Vec<Reference<'a>> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for table in &evidence.schema.tables {
        let from = tables.root(table);
        for key in &table.foreign_keys {
            let Some(to) = tables.table(&key.to_table) else {
                continue;
            };
            let to = tables.root(to);
            if seen.insert((&from.name, &key.columns, &to.name, &key.to_columns)) {
                found.push(Reference { from, key, to });
            }
        }
    }
    found
}

fn links<'a>(references: &[Reference<'a>]) -> Vec<Link<'a>> {
    let of = |reference: &Reference<'a>| {
        let Reference { from, key, to } = *reference;
        key.columns
            .iter()
            .zip(&key.to_columns)
            .map(move |(column, to_column)| Link {
                from,
                column,
                to,
                to_column,
                key,
            })
    };
    references.iter().flat_map(of).collect()
}
