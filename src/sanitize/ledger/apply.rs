//! Whether each rule can apply to what it names.

use super::super::detect::PersonalKind;
use super::super::nearest::{did_you_mean, nearest};
use super::super::rules::{Action, ColumnRule, ColumnRules, Problem, TableRules};
use super::super::schema::{Column, Schema, Table, TableKind, TableName};
use super::super::transform::{self, Read, Spec, State};
use super::ground::Ground;

/// Every rule that names what is not there or cannot be done to it.
pub(super) fn problems(ground: &Ground<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, rules) in ground.evidence.rules {
        match ruled_table(ground, name) {
            Err(message) => problems.push(Problem {
                message,
                at: rules.at.clone(),
            }),
            Ok(table) => {
                problems.extend(some_rows(ground, table, rules));
                columns(ground, table, rules, &mut problems);
            }
        }
    }
    problems
}

/// The table of this name, if it can have rules.
fn ruled_table<'a>(ground: &Ground<'a>, name: &TableName) -> Result<&'a Table, String> {
    let service = ground.evidence.service;
    let Some(table) = ground.tables.table(name) else {
        return Err(format!(
            "{service} has no table {name}{}",
            nearest_table(ground.evidence.schema, name)
        ));
    };
    let root = ground.tables.root(table);
    if root.name != table.name {
        return Err(format!(
            "{service}.{name} is a partition; write its rules for {service}.{}, they hold for all partitions",
            root.name
        ));
    }
    match table.kind {
        TableKind::Ordinary | TableKind::Partitioned => Ok(table),
        TableKind::View => Err(format!(
            "{service}.{name} is a view and holds no rows; write rules for the tables it reads{}",
            reads(table)
        )),
        TableKind::MaterializedView => Err(format!(
            "{service}.{name} is a materialized view and is computed again; write rules for the tables it reads{}",
            reads(table)
        )),
        TableKind::Foreign => Err(format!(
            "{service}.{name} is a foreign table: its rows are on another server, which the branch cannot reach; \
             remove its rules"
        )),
    }
}

/// Why rows cannot be deleted by a condition.
fn some_rows(ground: &Ground<'_>, table: &Table, rules: &TableRules) -> Option<Problem> {
    let rule = rules.delete_rows.as_ref()?;
    // Its rows are pieces of large objects.
    if rule.condition.is_none() || table.name.schema != "pg_catalog" {
        return None;
    }
    Some(Problem {
        message: format!(
            "large objects of {} are deleted or kept all together: rows = \"delete\", or keep the column with a reason",
            ground.evidence.service
        ),
        at: rule.at.clone(),
    })
}

fn reads(view: &Table) -> String {
    let names: Vec<String> = view.reads.iter().map(TableName::to_string).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" ({})", names.join(", "))
    }
}

/// The table that was perhaps meant: one of the same name in another schema, else one of a similar name.
fn nearest_table(schema: &Schema, name: &TableName) -> String {
    if let Some(moved) = schema.tables.iter().find(|table| table.name.name == name.name) {
        return format!("; did you mean \"{}\"?", moved.name);
    }
    let names: Vec<String> = schema.tables.iter().map(|table| table.name.to_string()).collect();
    nearest(&name.to_string(), names.iter().map(String::as_str))
        .map_or_else(String::new, |near| format!("; did you mean {near:?}?"))
}

fn columns(ground: &Ground<'_>, table: &Table, rules: &TableRules, problems: &mut Vec<Problem>) {
    let title = format!("{}.{}", ground.evidence.service, table.name);
    for (name, rules) in &rules.columns {
        if let Some(column) = table.column(name) {
            problems.extend(column_problems(ground, table, column, rules));
            continue;
        }
        let near = did_you_mean(name, table.columns.iter().map(|column| column.name.as_str()));
        problems.push(Problem {
            message: format!("{title} has no column {name:?}{near}"),
            at: rules.at.clone(),
        });
    }
}

fn column_problems(ground: &Ground<'_>, table: &Table, column: &Column, rules: &ColumnRules) -> Vec<Problem> {
    let title = format!("{}.{}.{}", ground.evidence.service, table.name, column.name);
    if column.generated {
        let kept = rules
            .rules
            .iter()
            .all(|rule| matches!(rule.action, Action::Keep { .. }));
        if column.computed_by_data && kept {
            return Vec::new();
        }
        let why = if column.computed_by_data {
            "is computed by functions of the data and cannot be replaced; keep it with a reason, or delete the rows"
        } else {
            "is computed from other columns and cannot be ruled; rule those, it is computed again"
        };
        return vec![Problem {
            message: format!("{title} {why}"),
            at: rules.at.clone(),
        }];
    }
    let target = ground.target(table, column);
    let mut problems = Vec::new();
    for rule in &rules.rules {
        let Action::Mask(spec) = &rule.action else {
            continue;
        };
        let message = if let Some(why) = unmovable(ground, table, column, rules, spec) {
            Some(why)
        } else if ground.in_partition_key(table, column) {
            Some("its table is partitioned by it, and masked rows would belong elsewhere; keep it with a reason, or \
                 delete the rows"
                .to_owned())
        } else {
            match transform::compile(spec, &target, ground.evidence.key) {
                Ok(made) => unreadable(ground, table, column, made.reads()),
                Err(error) => Some(error.to_string()),
            }
        };
        problems.extend(message.map(|message| Problem {
            message: format!("{title}: {message}"),
            at: rule.at.clone(),
        }));
    }
    problems
}

/// What says of somebody what is true of many: values that may go to other rows.
const OF_MANY: [PersonalKind; 8] = [
    PersonalKind::City,
    PersonalKind::Postcode,
    PersonalKind::Region,
    PersonalKind::Country,
    PersonalKind::BirthDate,
    PersonalKind::Gender,
    PersonalKind::Health,
    PersonalKind::Company,
];

/// Why the values of a column cannot move to other rows, where the rule says so.
fn unmovable(
    ground: &Ground<'_>,
    table: &Table,
    column: &Column,
    rules: &ColumnRules,
    spec: &Spec,
) -> Option<String> {
    if spec.name != "shuffle" {
        return None;
    }
    if rules.unconditional().is_none() {
        return Some(
            "shuffle moves the values of all rows: it takes neither a where nor a rule beside it".to_owned(),
        );
    }
    if column.unique_with_others {
        return Some(
            "shuffle could give two rows the same, since a unique index is over this column and others, an expression or some \
             rows; use another transform"
                .to_owned(),
        );
    }
    if spec.params.get("allow-real").and_then(toml::Value::as_bool) == Some(true) {
        return None;
    }
    let found = ground.finding(&(table.name.clone(), column.name.clone()))?;
    (!OF_MANY.contains(&found.kind)).then(|| {
        format!(
            "shuffle keeps real values, and these look like {}, which says who somebody is; use another transform, or say \
             allow-real = true",
            found.kind.name()
        )
    })
}

/// Why a transform cannot read what it wants of the row.
fn unreadable(ground: &Ground<'_>, table: &Table, column: &Column, reads: &[Read]) -> Option<String> {
    let masked = |read: &&Read| read.state == State::Masked;
    for read in reads {
        let name = &read.column;
        let Some(other) = table.column(name) else {
            let near = did_you_mean(name, table.columns.iter().map(|column| column.name.as_str()));
            return Some(format!(
                "it reads the column {name:?}, which {} does not have{near}",
                table.name
            ));
        };
        if other.generated {
            return Some(format!(
                "it reads {name}, which is computed from other columns; name those"
            ));
        }
        if masked(&read) && (other.name == column.name || reads_masked(ground, table, name)) {
            return Some(format!(
                "it is computed from {name}, which is computed itself; name the columns that {name} comes from"
            ));
        }
    }
    let mut computed_from = reads.iter().filter(masked).peekable();
    let replaced = |read: &Read| rules_of(ground, table, &read.column).any(|_| true);
    if computed_from.peek().is_some() && !computed_from.any(replaced) {
        return Some(
            "none of the columns that it is computed from is replaced, so it would stay as it is".to_owned(),
        );
    }
    None
}

/// The transforms of a column's rules.
fn rules_of<'a>(
    ground: &'a Ground<'_>,
    table: &Table,
    column: &str,
) -> impl Iterator<Item = &'a transform::Spec> + use<'a> {
    let rules = ground.evidence.rules.get(&table.name);
    let rules = rules.and_then(|rules| rules.columns.get(column));
    let spec = |rule: &'a ColumnRule| match &rule.action {
        Action::Mask(spec) => Some(spec),
        Action::Keep { .. } => None,
    };
    rules.into_iter().flat_map(|rules| &rules.rules).filter_map(spec)
}

/// Whether any rule of a column is computed from replaced columns.
fn reads_masked(ground: &Ground<'_>, table: &Table, name: &str) -> bool {
    let Some(column) = table.column(name) else {
        return false;
    };
    let target = ground.target(table, column);
    rules_of(ground, table, name).any(|spec| {
        transform::compile(spec, &target, ground.evidence.key)
            .is_ok_and(|made| made.reads().iter().any(|read| read.state == State::Masked))
    })
}
