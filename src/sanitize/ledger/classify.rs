//! What happens to each column: by its rule, by its type, or nothing yet.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::super::detect;
use super::super::rules::{Action, ColumnRules};
use super::super::schema::{Column, Table, TableKind, TypeFamily};
use super::ground::{Ground, Node};
use super::suggestion::Suggestion;
use super::{Exemption, Fate, Masking, Unclassified};

const LEAVES_ROWS: &str =
    "its last rule has a where, which leaves rows that no rule takes; add a rule without one";

type Verdict = Result<Fate, Box<Unclassified>>;

/// Decides column by column.
pub(super) struct Classifier<'a> {
    ground: &'a Ground<'a>,
    /// What was found for columns by their own values: each is sampled once.
    own: RefCell<BTreeMap<Node, Option<Exemption>>>,
}

impl<'a> Classifier<'a> {
    pub(super) fn new(ground: &'a Ground<'a>) -> Self {
        let own = RefCell::default();
        Self { ground, own }
    }

    /// Whether rules delete all rows of this table.
    pub(super) fn is_emptied(&self, root: &Table) -> bool {
        let rules = self.ground.evidence.rules.get(&root.name);
        rules.is_some_and(|rules| rules.empties().is_some())
    }

    /// The condition under which rules delete rows of this table, where they do not delete all.
    pub(super) fn deletes(&self, root: &Table) -> Option<String> {
        let rules = self.ground.evidence.rules.get(&root.name)?;
        rules.deletes_where().map(str::to_owned)
    }

    /// The verdicts on a table that has rules of its own.
    pub(super) fn table(&self, root: &'a Table) -> Vec<(String, Verdict)> {
        root.columns
            .iter()
            .map(|column| (column.name.clone(), self.column(root, column)))
            .collect()
    }

    /// The verdicts on a table, taken over from those on its root where it is a partition.
    pub(super) fn partition(
        &self,
        table: &'a Table,
        root: &'a Table,
        of_root: &[(String, Verdict)],
    ) -> Vec<(String, u16, Verdict)> {
        let verdict = |column: &'a Column| {
            if let Some(nothing_stored) = stores_nothing(table.kind) {
                return Ok(Fate::Exempt(nothing_stored));
            }
            let known = of_root.iter().find(|(name, _)| *name == column.name);
            known.map_or_else(|| self.column(root, column), |(_, verdict)| verdict.clone())
        };
        table
            .columns
            .iter()
            .map(|column| (column.name.clone(), column.position, verdict(column)))
            .collect()
    }

    fn column(&self, table: &'a Table, column: &'a Column) -> Verdict {
        if let Some(nothing_stored) = stores_nothing(table.kind) {
            return Ok(Fate::Exempt(nothing_stored));
        }
        if self.is_emptied(table) {
            return Ok(Fate::Deleted);
        }
        let rules = self.ground.evidence.rules.get(&table.name);
        if let Some(rules) = rules.and_then(|rules| rules.columns.get(&column.name)) {
            if rules.leaves_rows() {
                return Err(self.unclassified(table, column, Some(LEAVES_ROWS)));
            }
            return Ok(self.ruled(table, column, rules));
        }
        match self.exemption(table, column) {
            Some(why) => Ok(Fate::Exempt(why)),
            None => Err(self.unclassified(table, column, None)),
        }
    }

    fn ruled(&self, table: &Table, column: &Column, rules: &ColumnRules) -> Fate {
        let mut reasons = Vec::new();
        for rule in &rules.rules {
            match &rule.action {
                Action::Keep { reason } => reasons.push(reason.as_str()),
                Action::Mask(_) => {
                    return Fate::Mask(Masking {
                        rules: rules.rules.clone(),
                        column: self.ground.target(table, column),
                    });
                }
            }
        }
        Fate::Keep {
            reason: reasons.join("; "),
        }
    }

    /// Why the column needs no rule. Columns that foreign keys tie together need none or all need one.
    fn exemption(&self, table: &'a Table, column: &'a Column) -> Option<Exemption> {
        if column.generated && !column.computed_by_data {
            return Some(Exemption::Generated);
        }
        let Some(group) = self.ground.group(table, column) else {
            return self.own_exemption(table, column);
        };
        let mut columns = group.iter().filter_map(|node| self.ground.column(node));
        if !columns.all(|(table, column)| self.is_harmless(table, column)) {
            return None;
        }
        let (to_table, to_column) = self.ground.referred_to(table, column);
        if (&to_table.name, &to_column.name) == (&table.name, &column.name) {
            return self.own_exemption(table, column);
        }
        Some(Exemption::Reference {
            table: to_table.name.clone(),
            column: to_column.name.clone(),
        })
    }

    /// Whether the column needs no rule for its own values. Those of a referring column are those of another one.
    fn is_harmless(&self, table: &'a Table, column: &'a Column) -> bool {
        let (end_table, end) = self.ground.referred_to(table, column);
        let circle = self.ground.refers(end_table, end);
        let other = (&end_table.name, &end.name) != (&table.name, &column.name);
        if other && !circle {
            return true;
        }
        (column.generated && !column.computed_by_data)
            || self.is_emptied(table)
            || self.own_exemption(table, column).is_some()
    }

    fn own_exemption(&self, table: &'a Table, column: &'a Column) -> Option<Exemption> {
        let node = (table.name.clone(), column.name.clone());
        if let Some(known) = self.own.borrow().get(&node) {
            return known.clone();
        }
        let found = self.by_own_values(table, column);
        self.own.borrow_mut().insert(node, found.clone());
        found
    }

    fn by_own_values(&self, table: &Table, column: &Column) -> Option<Exemption> {
        match column.family {
            TypeFamily::Boolean => Some(Exemption::Boolean),
            TypeFamily::Enum => Some(Exemption::Enum),
            TypeFamily::Integer if column.primary_key && column.sequence => Some(Exemption::SequenceKey),
            family if family.is_scalar() => {
                let samples = (self.ground.evidence.samples)(&table.name, &column.name);
                let personal = self.ground.look(table, column, &samples).is_some()
                    || detect::are_phones(&column.type_name, &samples);
                (!personal).then_some(Exemption::Scalar {
                    samples: samples.len(),
                })
            }
            _ => None,
        }
    }

    fn unclassified(
        &self,
        table: &'a Table,
        column: &'a Column,
        because: Option<&'static str>,
    ) -> Box<Unclassified> {
        Box::new(Unclassified {
            service: self.ground.evidence.service.clone(),
            table: table.name.clone(),
            column: column.name.clone(),
            type_name: column.type_text(),
            because,
            suggestion: Suggestion::of(self.ground, table, column),
        })
    }
}

/// Why the columns of this kind of relation hold nothing of their own.
fn stores_nothing(kind: TableKind) -> Option<Exemption> {
    match kind {
        TableKind::View => Some(Exemption::View),
        TableKind::MaterializedView => Some(Exemption::MaterializedView),
        TableKind::Foreign => Some(Exemption::Foreign),
        TableKind::Ordinary | TableKind::Partitioned => None,
    }
}
