//! Foreign keys: both ends of one must get the same fakes, and no row may refer to a deleted one.

use std::collections::{BTreeMap, BTreeSet};

use super::super::rules::{Action, ColumnRules, DatabaseRules, Place, Problem};
use super::super::schema::{Column, ForeignKey, Table};
use super::super::transform;
use super::ground::{Ground, Link, Node, Reference, plain};

fn rules_of<'a>(rules: &'a DatabaseRules, table: &Table, column: &str) -> Option<&'a ColumnRules> {
    rules.get(&table.name)?.columns.get(column)
}

fn masks(rules: Option<&ColumnRules>) -> bool {
    rules.is_some_and(|rules| {
        rules
            .rules
            .iter()
            .any(|rule| matches!(rule.action, Action::Mask(_)))
    })
}

fn nulls(rules: Option<&ColumnRules>) -> bool {
    matches!(rules.and_then(ColumnRules::unconditional), Some(Action::Mask(spec)) if spec.name == "null")
}

fn deletes<'a>(rules: &'a DatabaseRules, table: &Table) -> Option<&'a Place> {
    rules.get(&table.name)?.empties()
}

/// Whether rules null so much of the referring columns that no row refers to another any more.
fn refers_to_nothing(rules: &DatabaseRules, from: &Table, key: &ForeignKey) -> bool {
    let mut nulled = key
        .columns
        .iter()
        .map(|column| nulls(rules_of(rules, from, column)));
    if key.match_full {
        nulled.all(|null| null)
    } else {
        nulled.any(|null| null)
    }
}

/// Everything about rules that foreign keys forbid.
pub(super) fn problems(ground: &Ground<'_>) -> Vec<Problem> {
    let deleted = ground
        .references
        .iter()
        .filter_map(|reference| deleted_target(ground, reference));
    let unlike = ground.links.iter().filter_map(|link| unlike_ends(ground, link));
    deleted.chain(unlike).collect()
}

/// Rows that would refer to deleted ones.
fn deleted_target(ground: &Ground<'_>, reference: &Reference<'_>) -> Option<Problem> {
    let rules = ground.evidence.rules;
    let Reference { from, key, to } = *reference;
    let at = deletes(rules, to)?;
    if deletes(rules, from).is_some() || refers_to_nothing(rules, from, key) {
        return None;
    }
    let service = ground.evidence.service;
    Some(Problem {
        message: format!(
            "the rows of {service}.{} cannot be deleted: {service}.{} refers to them by {}; delete those rows too \
             (rows = \"delete\"), or rule the column \"null\"",
            to.name,
            from.name,
            key.columns.join(", "),
        ),
        at: at.clone(),
    })
}

/// Ends of a foreign key that would get different values.
fn unlike_ends(ground: &Ground<'_>, link: &Link<'_>) -> Option<Problem> {
    let rules = ground.evidence.rules;
    if deletes(rules, link.from).is_some() || deletes(rules, link.to).is_some() {
        return None;
    }
    let from = rules_of(rules, link.from, link.column);
    let to = rules_of(rules, link.to, link.to_column);
    let masked = [from, to].into_iter().flatten().find(|end| masks(Some(end)))?;
    let alike = match (
        from.and_then(ColumnRules::unconditional),
        to.and_then(ColumnRules::unconditional),
    ) {
        (Some(from), Some(to)) => from == to && !ground.reads_rows(from, link.to, link.to_column),
        _ => false,
    };
    if alike || refers_to_nothing(rules, link.from, link.key) {
        return None;
    }
    let service = ground.evidence.service;
    Some(Problem {
        message: format!(
            "{service}.{}.{} refers to {service}.{}.{}: both need the same transform with the same parameters and \
             without a where, one that reads no other column, or neither a transform",
            link.from.name, link.column, link.to.name, link.to_column
        ),
        at: masked.at.clone(),
    })
}

/// For columns that are masked on both ends of foreign keys: what all of them are compiled for. Without it, a limit
/// of characters or a unique index on one end alone would give the ends different fakes.
pub(super) fn shared_columns(ground: &Ground<'_>) -> BTreeMap<Node, transform::Column> {
    let rules = ground.evidence.rules;
    let masked = |link: &&Link<'_>| {
        let from = rules_of(rules, link.from, link.column);
        masks(from) && masks(rules_of(rules, link.to, link.to_column)) && !nulls(from)
    };
    let mut shared = BTreeMap::new();
    for group in groups(ground.links.iter().filter(masked)) {
        for (node, column) in targets(ground, &group) {
            shared.insert(node, column);
        }
    }
    shared
}

/// What transforms are compiled for that must give the same on all these columns: the shortest limit, and unique if
/// one is.
pub(super) fn targets(ground: &Ground<'_>, group: &BTreeSet<Node>) -> Vec<(Node, transform::Column)> {
    let columns: Vec<(&Node, &Column)> = group
        .iter()
        .filter_map(|node| Some((node, ground.column(node)?.1)))
        .collect();
    let max_chars = columns.iter().filter_map(|(_, column)| column.max_chars).min();
    let unique = columns.iter().any(|(_, column)| column.unique);
    let target = |column: &Column| transform::Column {
        max_chars,
        unique,
        ..plain(column)
    };
    columns
        .into_iter()
        .map(|(node, column)| (node.clone(), target(column)))
        .collect()
}

/// Columns that these links tie together.
pub(super) fn groups<'l>(links: impl Iterator<Item = &'l Link<'l>>) -> Vec<BTreeSet<Node>> {
    let mut groups: Vec<BTreeSet<Node>> = Vec::new();
    for link in links {
        let mut merged = BTreeSet::from([
            (link.from.name.clone(), link.column.to_owned()),
            (link.to.name.clone(), link.to_column.to_owned()),
        ]);
        groups.retain(|group| {
            let apart = group.is_disjoint(&merged);
            if !apart {
                merged.extend(group.iter().cloned());
            }
            apart
        });
        groups.push(merged);
    }
    groups
}
