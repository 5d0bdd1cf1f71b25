//! The rules of the owner, as rule files declare them: what happens to each column and each file.
//!
//! [`RuleSet::parse`] reads texts that `config` has read and trusts; nothing here does input or output. Whether a
//! rule fits the schema is the ledger's question. Errors carry file, line and caret.

mod error;
mod parse;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::file_rules::FileRules;
use super::schema::TableName;
use super::transform::Spec;
use crate::model::{EngineKind, ServiceName};

pub use crate::config::{List, Place, Problem};
pub use error::RulesError;
pub use write::{keep_line, mask_line, table_header};

/// All rules of a project, by service. Every configured service is in it, also one without rules.
#[derive(Debug, Clone)]
pub struct RuleSet {
    services: BTreeMap<ServiceName, ServiceRules>,
}

/// The rules of one service.
#[derive(Debug, Clone)]
pub enum ServiceRules {
    /// Of a database.
    Database(DatabaseRules),
    /// Of a directory of files.
    Files(FileRules),
}

/// The rules of one database, by table.
pub type DatabaseRules = BTreeMap<TableName, TableRules>;

/// What is declared for one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRules {
    /// Where its name first stands.
    pub at: Place,
    /// Which of its rows go, if any.
    pub delete_rows: Option<DeleteRows>,
    /// The rules of its columns.
    pub columns: BTreeMap<String, ColumnRules>,
}

/// Rows that go: `rows = "delete"`, or `rows = { action = "delete", where = "…" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteRows {
    /// Where it stands.
    pub at: Place,
    /// The SQL condition on the row under which it goes; `None`: all go.
    pub condition: Option<String>,
}

impl TableRules {
    /// Where it stands that all rows go, if they do.
    pub fn empties(&self) -> Option<&Place> {
        let rule = self.delete_rows.as_ref()?;
        rule.condition.is_none().then_some(&rule.at)
    }

    /// The condition under which rows go, where only some do.
    pub fn deletes_where(&self) -> Option<&str> {
        self.delete_rows.as_ref()?.condition.as_deref()
    }
}

/// What is declared for one column: at least one rule, the first whose condition holds decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRules {
    /// Where the column's name stands.
    pub at: Place,
    /// The rules, in their order. Only the last may be without a condition.
    pub rules: Vec<ColumnRule>,
}

/// One rule of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRule {
    /// Where it stands.
    pub at: Place,
    /// What it does with a value.
    pub action: Action,
    /// The SQL condition on the row under which it applies; `None`: always.
    pub condition: Option<String>,
}

/// What a rule does with a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Replaces it.
    Mask(Spec),
    /// Leaves it, because `reason`.
    Keep {
        /// Why the owner lets it stay; never blank.
        reason: String,
    },
}

impl Eq for Action {}

impl fmt::Display for ColumnRule {
    /// The rule as a rule file has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write::rule(&self.action, self.condition.as_deref()))
    }
}

impl Serialize for ColumnRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl ColumnRules {
    /// Whether some rows may be left that no rule applies to.
    pub fn leaves_rows(&self) -> bool {
        self.rules.last().is_none_or(|rule| rule.condition.is_some())
    }

    /// The only rule, if it is one without a condition.
    pub fn unconditional(&self) -> Option<&Action> {
        match self.rules.as_slice() {
            [rule] if rule.condition.is_none() => Some(&rule.action),
            _ => None,
        }
    }
}

impl RuleSet {
    /// Reads rule files, each given with the path that messages name.
    ///
    /// # Errors
    /// All problems of all files: text that is no TOML, a service that is not configured, keys, types and
    /// transforms that are not known, a keep without a reason, the same column ruled twice.
    pub fn parse(
        files: &[(PathBuf, String)],
        services: &BTreeMap<ServiceName, EngineKind>,
    ) -> Result<Self, RulesError> {
        Self::parse_with(files, &[], services)
    }

    /// The same, with the lists that the rules name.
    ///
    /// # Errors
    /// As [`Self::parse`]; a list that is not there, or whose lines are not of the form that its transform takes.
    pub fn parse_with(
        files: &[(PathBuf, String)],
        lists: &[List],
        services: &BTreeMap<ServiceName, EngineKind>,
    ) -> Result<Self, RulesError> {
        parse::rule_set(files, lists, services)
    }

    /// The rules of a service; `None` for one that is not configured.
    pub fn of(&self, service: &ServiceName) -> Option<&ServiceRules> {
        self.services.get(service)
    }

    /// The rules of a database service; `None` for a service that is not configured or is no database.
    pub fn database(&self, service: &ServiceName) -> Option<&DatabaseRules> {
        match self.services.get(service)? {
            ServiceRules::Database(rules) => Some(rules),
            ServiceRules::Files(_) => None,
        }
    }

    /// The rules of a `files` service; `None` for a service that is not configured or is none.
    pub fn files(&self, service: &ServiceName) -> Option<&FileRules> {
        match self.services.get(service)? {
            ServiceRules::Files(rules) => Some(rules),
            ServiceRules::Database(_) => None,
        }
    }
}
