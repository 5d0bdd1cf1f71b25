//! The ledger: what happens to each column of a database, and why. A column that nothing classifies blocks.
//!
//! [`Ledger::build`] holds the rules of one service against its schema. It refuses first what cannot apply
//! (exit code 2), then what nobody has decided (exit code 5); a [`Ledger`] that exists is whole. Partitions follow
//! the rules of the table that they are partitions of.

mod apply;
mod classify;
mod error;
mod ground;
mod references;
mod suggestion;
mod together;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::key::MaskingKey;
use super::rules::{ColumnRule, DatabaseRules};
use super::schema::{Schema, Table, TableKind, TableName};
use super::transform;
use crate::model::ServiceName;

use ground::Ground;

pub use error::{LedgerError, Unclassified, UnclassifiedColumns};
pub use suggestion::Suggestion;

/// What a ledger is made from.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The service, for messages.
    pub service: &'a ServiceName,
    /// What its database holds.
    pub schema: &'a Schema,
    /// What the owner declared for it.
    pub rules: &'a DatabaseRules,
    /// The masking key, with which transforms are compiled to see that they fit.
    pub key: &'a MaskingKey,
    /// Some values of a column, as text; asked only where they decide something. Never shown.
    pub samples: &'a dyn Fn(&TableName, &str) -> Vec<String>,
}

/// What happens to the columns of one service: every one of them is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    /// The service.
    pub service: ServiceName,
    /// Every table, in the order of the schema.
    pub tables: Vec<TableEntry>,
}

/// What happens to one table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableEntry {
    /// The table.
    pub name: TableName,
    /// What it is.
    pub kind: TableKind,
    /// Whether all its rows go.
    pub emptied: bool,
    /// The SQL condition under which a row goes, where not all go.
    pub deletes: Option<String>,
    /// Every column, in the order of the schema.
    pub columns: Vec<ColumnEntry>,
}

/// What happens to one column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnEntry {
    /// The column.
    pub name: String,
    /// Its number in the table.
    pub position: u16,
    /// What happens to it.
    pub fate: Fate,
}

/// What happens to the values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// Values are replaced.
    Mask(Masking),
    /// Values stay, by a rule.
    Keep {
        /// The owner's reason; of several rules, all of them.
        reason: String,
    },
    /// Values stay or are computed again, without a rule.
    Exempt(Exemption),
    /// The rows are deleted.
    Deleted,
}

/// How the values of a column are replaced.
#[derive(Debug, Clone, PartialEq)]
pub struct Masking {
    /// The rules; the first whose condition holds decides, and the last has none.
    pub rules: Vec<ColumnRule>,
    /// What transforms are compiled for. Columns that refer to each other share it (the shortest limit, unique if
    /// one is), so that both ends get the same fakes.
    pub column: transform::Column,
}

/// Why a column needs no rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exemption {
    /// True or false.
    Boolean,
    /// A key that a sequence made.
    SequenceKey,
    /// Refers to an exempt column.
    Reference {
        /// The table referred to.
        table: TableName,
        /// The column in it.
        column: String,
    },
    /// Computed from other columns, and again when they change.
    Generated,
    /// One of the labels of a type of the schema.
    Enum,
    /// A number, UUID, date or time that looks personal neither by its name nor by these values.
    Scalar {
        /// How many values were looked at.
        samples: usize,
    },
    /// In a view, which holds no rows.
    View,
    /// In a materialized view, which is computed again.
    MaterializedView,
    /// In a foreign table, whose rows are on another server, out of reach for the branch.
    Foreign,
}

impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("true or false"),
            Self::SequenceKey => f.write_str("key from a sequence"),
            Self::Reference { table, column } => write!(f, "refers to {table}.{column}"),
            Self::Generated => f.write_str("computed from other columns"),
            Self::Enum => f.write_str("label of an enumerated type"),
            Self::Scalar { samples } => {
                write!(
                    f,
                    "looks personal neither by its name nor by {samples} of its values"
                )
            }
            Self::View => f.write_str("view, holds no rows"),
            Self::MaterializedView => f.write_str("materialized view, computed again"),
            Self::Foreign => f.write_str("foreign table, holds no rows here"),
        }
    }
}

impl Ledger {
    /// Holds the rules against the schema.
    ///
    /// # Errors
    /// [`LedgerError::Rules`] with every rule that cannot apply; if there is none, [`LedgerError::Unclassified`]
    /// with every column that nothing classifies and a rule to begin with.
    pub fn build(evidence: &Evidence<'_>) -> Result<Self, LedgerError> {
        Survey::take(evidence)?.complete()
    }

    /// All columns with what happens to them.
    pub fn columns(&self) -> impl Iterator<Item = (&TableEntry, &ColumnEntry)> {
        self.tables
            .iter()
            .flat_map(|table| table.columns.iter().map(move |column| (table, column)))
    }

    /// Columns that need no rule, for the receipt.
    pub fn exempt(&self) -> impl Iterator<Item = (&TableEntry, &ColumnEntry, &Exemption)> {
        self.columns().filter_map(|(table, column)| match &column.fate {
            Fate::Exempt(why) => Some((table, column, why)),
            _ => None,
        })
    }
}

/// What is decided of each column and what is not yet: what a first rule file is written from.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The service.
    pub service: ServiceName,
    /// Every table, in the order of the schema.
    pub tables: Vec<SurveyedTable>,
}

/// What is known of one table.
#[derive(Debug, Clone)]
pub struct SurveyedTable {
    /// The table.
    pub name: TableName,
    /// What it is.
    pub kind: TableKind,
    /// Whether its rules are those of the table that it is a partition of.
    pub follows_parent: bool,
    /// Whether all its rows go.
    pub emptied: bool,
    /// The SQL condition under which a row goes, where not all go.
    pub deletes: Option<String>,
    /// Every column with its number: its fate, or that there is none yet.
    pub columns: Vec<(String, u16, Result<Fate, Box<Unclassified>>)>,
}

impl Survey {
    /// Classifies as far as the rules go.
    ///
    /// # Errors
    /// [`LedgerError::Rules`] with every rule that cannot apply.
    pub fn take(evidence: &Evidence<'_>) -> Result<Self, LedgerError> {
        let ground = Ground::of(evidence);
        let mut problems = apply::problems(&ground);
        problems.extend(references::problems(&ground));
        if !problems.is_empty() {
            problems.sort_by(|a, b| (&a.at.file, a.at.line).cmp(&(&b.at.file, b.at.line)));
            return Err(LedgerError::rules(problems));
        }
        let classifier = classify::Classifier::new(&ground);
        // Roots first: a partition takes over what was found for its root, and samples are asked for once.
        let mut known = BTreeMap::new();
        for table in &evidence.schema.tables {
            let root = ground.tables.root(table);
            known
                .entry(root.name.clone())
                .or_insert_with(|| classifier.table(root));
        }
        let survey = |table: &Table| {
            let root = ground.tables.root(table);
            let of_root = known.get(&root.name).map(Vec::as_slice).unwrap_or_default();
            SurveyedTable {
                name: table.name.clone(),
                kind: table.kind,
                follows_parent: root.name != table.name,
                emptied: classifier.is_emptied(root),
                deletes: classifier.deletes(root),
                columns: classifier.partition(table, root, of_root),
            }
        };
        Ok(Self {
            service: evidence.service.clone(),
            tables: evidence.schema.tables.iter().map(survey).collect(),
        })
    }

    /// The ledger, if nothing is left to decide.
    ///
    /// # Errors
    /// [`LedgerError::Unclassified`].
    pub fn complete(self) -> Result<Ledger, LedgerError> {
        let mut open = Vec::new();
        let mut tables = Vec::new();
        for table in self.tables {
            let mut columns = Vec::new();
            for (name, position, fate) in table.columns {
                match fate {
                    Ok(fate) => columns.push(ColumnEntry { name, position, fate }),
                    Err(unclassified) => open.push((table.follows_parent, *unclassified)),
                }
            }
            tables.push(TableEntry {
                name: table.name,
                kind: table.kind,
                emptied: table.emptied,
                deletes: table.deletes,
                columns,
            });
        }
        if open.is_empty() {
            return Ok(Ledger {
                service: self.service,
                tables,
            });
        }
        Err(LedgerError::Unclassified(UnclassifiedColumns::of(open)))
    }
}

#[cfg(test)]
pub(crate) mod tests;
