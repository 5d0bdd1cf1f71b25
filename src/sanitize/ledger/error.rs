//! Why there is no ledger: rules that cannot apply, or columns that nobody decided on.

use std::fmt;

use super::super::rules::{Problem, RulesError, table_header};
use super::super::schema::TableName;
use super::suggestion::Suggestion;
use crate::model::ServiceName;

/// Why there is no ledger.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LedgerError {
    /// Rules that cannot apply to this schema. Exit code 2.
    #[error(transparent)]
    Rules(RulesError),
    /// Columns that nothing classifies. Exit code 5.
    #[error(transparent)]
    Unclassified(UnclassifiedColumns),
}

impl LedgerError {
    pub(super) fn rules(problems: Vec<Problem>) -> Self {
        Self::Rules(RulesError { problems })
    }
}

/// A column that nothing classifies.
#[derive(Debug, Clone, PartialEq)]
pub struct Unclassified {
    /// Its service.
    pub service: ServiceName,
    /// Its table; of a partition, the table that it is a partition of.
    pub table: TableName,
    /// The column.
    pub column: String,
    /// Its type.
    pub type_name: String,
    /// What is wrong with the rules that it has, if it has any.
    pub because: Option<&'static str>,
    /// A rule to begin with.
    pub suggestion: Suggestion,
}

impl fmt::Display for Unclassified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name may hold a line break, and look like another line of the message.
        let name = format!("{}.{} ({})", self.table, self.column, self.type_name);
        write!(f, "{}.", self.service)?;
        for character in name.chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        match self.because {
            Some(because) => write!(f, ": {because}"),
            None => Ok(()),
        }
    }
}

/// All columns that nothing classifies; at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct UnclassifiedColumns {
    /// The columns, in the order of the schema.
    pub columns: Vec<Unclassified>,
}

impl UnclassifiedColumns {
    /// The columns, with those of a partition only where its parent does not list them already.
    pub(super) fn of(found: Vec<(bool, Unclassified)>) -> Self {
        let mut columns: Vec<Unclassified> = Vec::new();
        for (follows_parent, column) in found {
            let listed = |other: &Unclassified| other.table == column.table && other.column == column.column;
            if !follows_parent || !columns.iter().any(listed) {
                columns.push(column);
            }
        }
        Self { columns }
    }

    /// Rules to begin with, as text of a rule file.
    pub fn suggested_rules(&self) -> String {
        let mut text = String::new();
        let mut tables: Vec<(&ServiceName, &TableName)> = Vec::new();
        for column in &self.columns {
            if !tables.contains(&(&column.service, &column.table)) {
                tables.push((&column.service, &column.table));
            }
        }
        for (number, (service, table)) in tables.into_iter().enumerate() {
            if number > 0 {
                text.push('\n');
            }
            text.push_str(&table_header(service, table));
            text.push('\n');
            for column in &self.columns {
                if (&column.service, &column.table) == (service, table) {
                    text.push_str(&column.suggestion.line(&column.column));
                    text.push('\n');
                }
            }
        }
        text
    }
}

impl fmt::Display for UnclassifiedColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.columns.len() {
            1 => f.write_str("1 column is not classified:")?,
            number => write!(f, "{number} columns are not classified:")?,
        }
        for column in &self.columns {
            write!(f, "\n  {column}")?;
        }
        write!(
            f,
            "\ngive each a rule, or a keep with the reason why it may stay; to begin with:\n\n{}",
            self.suggested_rules().trim_end()
        )
    }
}

impl std::error::Error for UnclassifiedColumns {}
