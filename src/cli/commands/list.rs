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
    let app = context::app(global, "list")?;
    let environments = ops::list::list(&app)?;
    if global.json {
        output::json(&json!({ "schema": 1, "environments": environments }))?;
    } else {
        output::data(&tree(&environments))?;
    }
    for (_, header) in ops::dead_runs(&app)? {
        output::say(&format!(
            "A run that died was making {}; the next command that changes something undoes it.",
            header.environment
        ));
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
    let mut text = String::new();
    let mut todo: Vec<(usize, &Environment)> = top(&children, None, 0);
    while let Some((depth, environment)) = todo.pop() {
        let name = format!("{}{}", "  ".repeat(depth), environment.name);
        let sanitized = if environment.sanitized { "sanitized" } else { "raw" };
        text.push_str(&format!(
            "{name:<32} {:<12} {:<9} {sanitized}\n",
            environment.kind.to_string(),
            environment.state.to_string()
        ));
        todo.extend(top(&children, Some(&environment.name), depth + 1));
    }
    text
}

fn top<'a>(
    children: &BTreeMap<Option<&EnvName>, Vec<&'a Environment>>,
    parent: Option<&EnvName>,
    depth: usize,
) -> Vec<(usize, &'a Environment)> {
    let found = children.get(&parent).into_iter().flatten();
    found.rev().map(|environment| (depth, *environment)).collect()
}
