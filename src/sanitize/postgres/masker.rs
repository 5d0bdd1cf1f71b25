//! Values of a row replaced, one row of COPY text after the other.

use crate::model::ServiceName;
use crate::sanitize::copy_text::{CopyError, Splitter, write_field};
use crate::sanitize::recent::Recent;
use crate::sanitize::schema::{Table, TableName};
use crate::sanitize::transform::{Masked, TransformError};

use super::linked::Linked;
use super::rewrite::{ColumnCount, ColumnWork, RewriteError, Rewritten, key_of};
use super::seen::{Originals, Seen, Watch};

/// Replaces values row by row.
pub(super) struct Masker<'a> {
    pub(super) splitter: Splitter,
    pub(super) stored: usize,
    /// For each stored column, which work it has.
    pub(super) work_of: Vec<Option<usize>>,
    pub(super) work: &'a [ColumnWork],
    /// For each work, where its conditions begin among the extra fields.
    pub(super) first_condition: Vec<usize>,
    /// For each work and each of its rules.
    recent: Vec<Vec<Recent>>,
    /// Where columns depend on each other.
    linked: Option<Linked>,
    pub(super) scratch: String,
    pub(super) out: String,
    /// The rows that were made and not yet taken.
    made: Vec<u8>,
    watch: Watch<'a>,
    pub(super) done: Rewritten,
}

pub(super) enum MaskFault {
    Copy(CopyError),
    Transform(String, TransformError),
}

impl MaskFault {
    pub(super) fn of(self, service: &ServiceName, table: &Table) -> RewriteError {
        let key = key_of(table);
        let (service, table) = (service.clone(), table.name.clone());
        match self {
            Self::Copy(source) => RewriteError::Copy {
                service,
                table,
                source,
            },
            Self::Transform(column, source) => RewriteError::Transform {
                service,
                table,
                column,
                key,
                source,
            },
        }
    }
}

/// Whether a fake is the value itself, where that holds anything.
pub(super) fn repeats(value: Option<&str>, fake: &str) -> bool {
    value == Some(fake) && fake.chars().any(char::is_alphanumeric)
}

impl<'a> Masker<'a> {
    pub(super) fn new(
        table: &TableName,
        columns: &[&str],
        work: &'a [ColumnWork],
        conditions: usize,
        originals: Originals<'a>,
    ) -> Self {
        let mut first_condition = Vec::with_capacity(work.len());
        let mut next = columns.len();
        for column in work {
            first_condition.push(next);
            next += column
                .rules
                .iter()
                .filter(|rule| rule.condition.is_some())
                .count();
        }
        Self {
            splitter: Splitter::new(columns.len() + conditions),
            stored: columns.len(),
            work_of: columns
                .iter()
                .map(|name| work.iter().position(|work| work.name == *name))
                .collect(),
            work,
            first_condition,
            recent: work
                .iter()
                .map(|column| column.rules.iter().map(|_| Recent::default()).collect())
                .collect(),
            linked: Linked::of(columns, work),
            scratch: String::new(),
            out: String::new(),
            made: Vec::new(),
            watch: Watch::new(originals, table, columns, conditions, work),
            done: Rewritten {
                rows: 0,
                columns: vec![ColumnCount::default(); work.len()],
            },
        }
    }

    /// Replaces what is to be replaced in a row.
    pub(super) fn mask(&mut self, line: &[u8]) -> Result<(), MaskFault> {
        let mut made = std::mem::take(&mut self.made);
        let done = match self.linked.take() {
            Some(mut linked) => {
                let done = self.mask_linked(&mut linked, line, &mut made);
                self.linked = Some(linked);
                done
            }
            None => self.mask_alone(line, &mut made),
        };
        made.push(b'\n');
        self.made = made;
        done?;
        self.done.rows += 1;
        self.watch
            .row(line, &self.made, &self.first_condition)
            .map_err(MaskFault::Copy)
    }

    /// Gives away the rows that were made, after originals were looked for in them. The next ones are made into `spare`.
    pub(super) fn take(&mut self, mut spare: Vec<u8>) -> Result<Vec<u8>, MaskFault> {
        self.watch
            .end(&self.made, &self.first_condition)
            .map_err(MaskFault::Copy)?;
        spare.clear();
        Ok(std::mem::replace(&mut self.made, spare))
    }

    /// What became of the rows that were taken.
    pub(super) fn end(self) -> (Rewritten, Seen) {
        (self.done, self.watch.seen)
    }

    /// One row, where no column depends on another.
    fn mask_alone(&mut self, line: &[u8], batch: &mut Vec<u8>) -> Result<(), MaskFault> {
        let row = self.splitter.split(line).map_err(MaskFault::Copy)?;
        for index in 0..self.stored {
            if index > 0 {
                batch.push(b'\t');
            }
            let Some(number) = self.work_of.get(index).copied().flatten() else {
                batch.extend_from_slice(row.raw(index));
                continue;
            };
            let (Some(column), Some(count)) = (self.work.get(number), self.done.columns.get_mut(number))
            else {
                continue;
            };
            let first = self.first_condition.get(number).copied().unwrap_or(self.stored);
            let rule = column.rule_of(&row, first);
            let recent = rule.and_then(|rule| self.recent.get_mut(number)?.get_mut(rule));
            let transform = rule.and_then(|rule| column.rules.get(rule)?.transform.as_deref());
            let (Some(transform), Some(recent)) = (transform, recent) else {
                batch.extend_from_slice(row.raw(index));
                continue;
            };
            let value = row.value(index, &mut self.scratch).map_err(MaskFault::Copy)?;
            if value.is_none() && !transform.masks_null() {
                batch.extend_from_slice(row.raw(index));
                continue;
            }
            self.out.clear();
            let original = value.unwrap_or_default();
            let masked = recent
                .fake(original, &mut self.out, |out| transform.apply(original, out))
                .map_err(|error| MaskFault::Transform(column.name.clone(), error))?;
            match masked {
                Masked::Value => {
                    count.values += 1;
                    count.unchanged += u64::from(repeats(value, &self.out));
                    write_field(Some(&self.out), batch);
                }
                Masked::Null => {
                    count.values += 1;
                    write_field(None, batch);
                }
                Masked::Kept => batch.extend_from_slice(row.raw(index)),
            }
        }
        Ok(())
    }
}
