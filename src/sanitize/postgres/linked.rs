//! Rows in which the fake of one column depends on others: all that is read is decoded first, then columns are replaced
//! in the order in which they depend on each other. Tables without such a column never come here.

use crate::sanitize::copy_text::{Row, write_field};
use crate::sanitize::transform::{Masked, State, Transform};

use super::masker::{MaskFault, Masker, repeats};
use super::rewrite::ColumnWork;

/// What is kept from row to row.
pub(super) struct Linked {
    /// For each work and each of its rules, the stored columns that it reads.
    reads: Vec<Vec<Vec<(usize, State)>>>,
    /// The stored columns that any rule reads.
    needed: Vec<usize>,
    /// For each stored column that is needed, its value in this row.
    originals: Vec<Cell>,
    /// For each work, what the row gets.
    fakes: Vec<Cell>,
    /// The works, each after those whose fakes it reads.
    order: Vec<usize>,
}

/// A value of the row.
#[derive(Default, Clone)]
struct Cell {
    text: String,
    state: CellState,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum CellState {
    #[default]
    Unchanged,
    Text,
    Null,
}

impl Cell {
    fn set(&mut self, value: Option<&str>) {
        self.text.clear();
        self.text.push_str(value.unwrap_or_default());
        self.state = if value.is_some() {
            CellState::Text
        } else {
            CellState::Null
        };
    }

    fn value(&self) -> Option<&str> {
        (self.state == CellState::Text).then_some(self.text.as_str())
    }
}

impl Linked {
    /// `None` where no rule reads another column. A column that is not stored reads as NULL; the ledger refuses it.
    pub(super) fn of(columns: &[&str], work: &[ColumnWork]) -> Option<Self> {
        let stored = |name: &str| columns.iter().position(|column| *column == name);
        let of_rule = |transform: Option<&dyn Transform>| -> Vec<(usize, State)> {
            let reads = transform.map(Transform::reads).unwrap_or_default();
            reads
                .iter()
                .map(|read| (stored(&read.column).unwrap_or(usize::MAX), read.state))
                .collect()
        };
        let reads: Vec<Vec<Vec<(usize, State)>>> = work
            .iter()
            .map(|work| {
                work.rules
                    .iter()
                    .map(|rule| of_rule(rule.transform.as_deref()))
                    .collect()
            })
            .collect();
        let all = || reads.iter().flatten().flatten();
        let mut needed: Vec<usize> = all().map(|(column, _)| *column).collect();
        if needed.is_empty() {
            return None;
        }
        needed.sort_unstable();
        needed.dedup();
        let waits = |number: &usize| {
            reads
                .get(*number)
                .is_some_and(|rules| rules.iter().flatten().any(|(_, state)| *state == State::Masked))
        };
        let (late, early): (Vec<usize>, Vec<usize>) = (0..work.len()).partition(waits);
        Some(Self {
            needed,
            originals: vec![Cell::default(); columns.len()],
            fakes: vec![Cell::default(); work.len()],
            order: early.into_iter().chain(late).collect(),
            reads,
        })
    }

    /// Decodes what is read in this row, and forgets the fakes of the row before.
    fn begin(&mut self, row: &Row<'_>, scratch: &mut String) -> Result<(), MaskFault> {
        for index in &self.needed {
            if let Some(cell) = self.originals.get_mut(*index) {
                cell.set(row.value(*index, scratch).map_err(MaskFault::Copy)?);
            }
        }
        for fake in &mut self.fakes {
            fake.state = CellState::Unchanged;
        }
        Ok(())
    }

    /// The values that a rule reads.
    fn values(&self, number: usize, rule: usize, work_of: &[Option<usize>]) -> Vec<Option<&str>> {
        let reads = self.reads.get(number).and_then(|rules| rules.get(rule));
        let value = |(column, state): &(usize, State)| {
            let fake = match state {
                State::Original => None,
                State::Masked => work_of.get(*column).copied().flatten(),
            };
            let fake = fake
                .and_then(|number| self.fakes.get(number))
                .filter(|fake| fake.state != CellState::Unchanged);
            fake.or_else(|| self.originals.get(*column)).and_then(Cell::value)
        };
        reads.into_iter().flatten().map(value).collect()
    }
}

impl Masker<'_> {
    /// One row, where columns depend on each other.
    pub(super) fn mask_linked(
        &mut self,
        linked: &mut Linked,
        line: &[u8],
        batch: &mut Vec<u8>,
    ) -> Result<(), MaskFault> {
        let row = self.splitter.split(line).map_err(MaskFault::Copy)?;
        linked.begin(&row, &mut self.scratch)?;
        for at in 0..linked.order.len() {
            let Some(number) = linked.order.get(at).copied() else {
                continue;
            };
            let (Some(column), Some(count)) = (self.work.get(number), self.done.columns.get_mut(number))
            else {
                continue;
            };
            let index = self.work_of.iter().position(|work| *work == Some(number));
            let Some(index) = index else { continue };
            let first = self.first_condition.get(number).copied().unwrap_or(self.stored);
            let Some(rule) = column.rule_of(&row, first) else {
                continue;
            };
            let Some(transform) = column.rules.get(rule).and_then(|rule| rule.transform.as_deref()) else {
                continue;
            };
            let value = row.value(index, &mut self.scratch).map_err(MaskFault::Copy)?;
            if value.is_none() && !transform.masks_null() {
                continue;
            }
            self.out.clear();
            let read = linked.values(number, rule, &self.work_of);
            let masked = transform
                .apply_in_row(value, &read, &mut self.out)
                .map_err(|error| MaskFault::Transform(column.name.clone(), error))?;
            let fake = match masked {
                Masked::Value => Some(self.out.as_str()),
                Masked::Null => None,
                Masked::Kept => continue,
            };
            count.values += 1;
            count.unchanged += u64::from(fake.is_some_and(|fake| repeats(value, fake)));
            if let Some(cell) = linked.fakes.get_mut(number) {
                cell.set(fake);
            }
        }
        for index in 0..self.stored {
            if index > 0 {
                batch.push(b'\t');
            }
            let number = self.work_of.get(index).copied().flatten();
            let fake = number.and_then(|number| linked.fakes.get(number));
            match fake.filter(|fake| fake.state != CellState::Unchanged) {
                Some(fake) => write_field(fake.value(), batch),
                None => batch.extend_from_slice(row.raw(index)),
            }
        }
        Ok(())
    }
}
