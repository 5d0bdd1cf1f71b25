//! From the plan to what is done to each table: its transforms are made.

use crate::sanitize::key::MaskingKey;
use crate::sanitize::ledger::{ColumnEntry, Fate};
use crate::sanitize::plan::{PlannedColumn, SanitizePlan, Strategy};
use crate::sanitize::rules::{Action, ColumnRule};
use crate::sanitize::schema::TableName;
use crate::sanitize::transform::{self, SpecError};

use super::rewrite::{ColumnWork, Rule};

/// What one table needs.
pub(super) enum TableWork {
    /// Its rows go.
    Empty(TableName),
    /// Some of its columns are replaced.
    Rewrite(TableName, Vec<ColumnWork>),
    /// It is rewritten as it is, since dropped columns are still in its rows, or deleted rows between them.
    Rebuild(TableName),
}

impl TableWork {
    /// The table.
    pub(super) fn table(&self) -> &TableName {
        match self {
            Self::Empty(table) | Self::Rewrite(table, _) | Self::Rebuild(table) => table,
        }
    }
}

impl TableWork {
    /// Whether it is about large objects, which lie in a catalog.
    pub(super) fn is_of_large_objects(&self) -> bool {
        self.table().schema == "pg_catalog"
    }
}

/// What the tables of a plan need, in its order.
///
/// # Errors
/// [`SpecError`]; the ledger compiled the same.
pub(super) fn table_work(plan: &SanitizePlan, key: &MaskingKey) -> Result<Vec<TableWork>, SpecError> {
    let work = plan.tables.iter().map(|table| {
        let name = table.table.clone();
        Ok(match &table.strategy {
            Strategy::Untouched => None,
            Strategy::Empty => Some(TableWork::Empty(name)),
            Strategy::Rebuild => Some(TableWork::Rebuild(name)),
            Strategy::Rewrite { columns } => {
                let work =
                    |column: &PlannedColumn| compiled(&column.name, &column.rules, &column.column, key);
                Some(TableWork::Rewrite(
                    name,
                    columns.iter().map(work).collect::<Result<_, _>>()?,
                ))
            }
        })
    });
    work.filter_map(Result::transpose).collect()
}

/// What replaces the values of a column; `None` if nothing does.
pub(super) fn column_work(column: &ColumnEntry, key: &MaskingKey) -> Result<Option<ColumnWork>, SpecError> {
    let Fate::Mask(masking) = &column.fate else {
        return Ok(None);
    };
    compiled(&column.name, &masking.rules, &masking.column, key).map(Some)
}

fn compiled(
    name: &str,
    rules: &[ColumnRule],
    column: &transform::Column,
    key: &MaskingKey,
) -> Result<ColumnWork, SpecError> {
    let rule = |rule: &ColumnRule| {
        let transform = match &rule.action {
            Action::Mask(spec) => Some(transform::compile(spec, column, key)?),
            Action::Keep { .. } => None,
        };
        Ok(Rule {
            condition: rule.condition.clone(),
            transform,
        })
    };
    Ok(ColumnWork {
        name: name.to_owned(),
        rules: rules.iter().map(rule).collect::<Result<_, _>>()?,
    })
}

/// The transforms of a column, for the receipt.
pub(super) fn transform_names(column: &ColumnEntry) -> String {
    let Fate::Mask(masking) = &column.fate else {
        return String::new();
    };
    let name = |rule: &ColumnRule| match &rule.action {
        Action::Mask(spec) => spec.name.clone(),
        Action::Keep { .. } => "keep".to_owned(),
    };
    masking.rules.iter().map(name).collect::<Vec<_>>().join(", ")
}
