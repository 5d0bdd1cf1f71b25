//! `envclone list`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::{CommandError, Global, context, output};
use crate::model::{EnvName, Environment};
use crate::ops;

/// List environments as a tree
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {}

pub(in crate::cli) fn run(global: &Global, _: &Args) -> Result<ExitCode, CommandError> {
    let app = context::reader(global, "list")?;
    let environments = ops::list::list(&app)?;
    if global.json {
        output::json(&json!({ "schema": 1, "environments": environments }))?;
    } else {
        output::data(&tree(&environments))?;
    }
    for (_, header) in ops::dead_runs(&app)? {
        let text = format!(
            "The run `{}` died; the next command that changes something undoes it.",
            header.command
        );
        output::warn(global, &text);
    }
    Ok(ExitCode::SUCCESS)
}

/// Children below their parent, indented; one whose parent is gone stands at the left.
fn tree(environments: &[Environment]) -> String {
    let mut children: BTreeMap<Option<&EnvName>, Vec<&Environment>> = BTreeMap::new();
    let known = |name: &&EnvName| environments.iter().any(|environment| environment.name == **name);
    for environment in environments {
        children
            .entry(environment.parent.as_ref().filter(known))
            .or_default()
            .push(environment);
    }
    let mut rows = Vec::new();
    let mut todo: Vec<(usize, &Environment)> = top(&children, None, 0);
    while let Some((depth, environment)) = todo.pop() {
        rows.push((format!("{}{}", "  ".repeat(depth), environment.name), environment));
        todo.extend(top(&children, Some(&environment.name), depth + 1));
    }
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    rows.iter()
        .map(|(name, environment)| row(name, width, environment))
        .collect()
}

fn row(name: &str, width: usize, environment: &Environment) -> String {
    let (kind, state) = (environment.kind.to_string(), environment.state.to_string());
    // Of what envclone did not make, nothing is said but that it is the original.
    let what = match (&environment.parent, environment.sanitized) {
        (None, _) => "original",
        (Some(_), true) => "sanitized",
        (Some(_), false) => "raw",
    };
    let why = environment.stopped_because.as_ref();
    let why = why.map_or(String::new(), |why| format!("  {why}"));
    format!("{name:<width$}  {kind:<11}  {state:<8}  {what}{why}\n")
}

fn top<'a>(
    children: &BTreeMap<Option<&EnvName>, Vec<&'a Environment>>,
    parent: Option<&EnvName>,
    depth: usize,
) -> Vec<(usize, &'a Environment)> {
    let found = children.get(&parent).into_iter().flatten();
    found.rev().map(|environment| (depth, *environment)).collect()
}
