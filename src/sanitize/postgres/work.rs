//! From the ledger to what each table needs.

use crate::sanitize::key::MaskingKey;
use crate::sanitize::ledger::{ColumnEntry, Fate, Ledger, TableEntry};
use crate::sanitize::rules::Action;
use crate::sanitize::schema::{Schema, TableKind, TableName};
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

/// What the tables need, the largest first, so that two workers end at about the same time.
pub(super) fn table_work(
    schema: &Schema,
    ledger: &Ledger,
    key: &MaskingKey,
) -> Result<Vec<TableWork>, SpecError> {
    let mut work = Vec::new();
    for entry in ledger
        .tables
        .iter()
        .filter(|entry| entry.kind == TableKind::Ordinary)
    {
        let Some(table) = schema.table(&entry.name) else {
            continue;
        };
        let columns = masked_columns(entry, key)?;
        if entry.emptied {
            work.push((table.bytes, TableWork::Empty(entry.name.clone())));
        } else if !columns.is_empty() {
            work.push((table.bytes, TableWork::Rewrite(entry.name.clone(), columns)));
        } else if table.has_dropped_columns || entry.deletes.is_some() {
            work.push((table.bytes, TableWork::Rebuild(entry.name.clone())));
        }
    }
    work.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    Ok(work.into_iter().map(|(_, work)| work).collect())
}

fn masked_columns(entry: &TableEntry, key: &MaskingKey) -> Result<Vec<ColumnWork>, SpecError> {
    entry
        .columns
        .iter()
        .filter_map(|column| column_work(column, key).transpose())
        .collect()
}

/// What replaces the values of a column; `None` if nothing does.
pub(super) fn column_work(column: &ColumnEntry, key: &MaskingKey) -> Result<Option<ColumnWork>, SpecError> {
    let Fate::Mask(masking) = &column.fate else {
        return Ok(None);
    };
    let mut rules = Vec::with_capacity(masking.rules.len());
    for rule in &masking.rules {
        let transform = match &rule.action {
            Action::Mask(spec) => Some(transform::compile(spec, &masking.column, key)?),
            Action::Keep { .. } => None,
        };
        rules.push(Rule {
            condition: rule.condition.clone(),
            transform,
        });
    }
    Ok(Some(ColumnWork {
        name: column.name.clone(),
        rules,
    }))
}

/// The transforms of a column, for the receipt.
pub(super) fn transform_names(column: &ColumnEntry) -> String {
    let Fate::Mask(masking) = &column.fate else {
        return String::new();
    };
    let name = |rule: &crate::sanitize::rules::ColumnRule| match &rule.action {
        Action::Mask(spec) => spec.name.clone(),
        Action::Keep { .. } => "keep".to_owned(),
    };
    masking.rules.iter().map(name).collect::<Vec<_>>().join(", ")
}
