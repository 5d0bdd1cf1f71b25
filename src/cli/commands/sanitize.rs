//! `envclone sanitize`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Map, json};

use crate::cli::progress::Progress;
use crate::cli::{CommandError, Global, context, output, signals};
use crate::model::{EnvName, ServiceName};
use crate::ops::branch::{self, Look};
use crate::ops::{self, App};
use crate::sanitize::inspection::{Inspection, PersonalColumn, PlannedTable, PlannedWork};
use crate::sanitize::transform::{self, Explanation};

/// Hold the rules against an environment, or look for personal data in it
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check that rules decide about every column and file; the environment is only read
    Check {
        /// Environment to look at [default: the production]
        env: Option<String>,
    },
    /// Show what would be done to each table and what it would cost, before anything is done; the environment is only read
    Plan {
        /// Environment to look at [default: the production]
        env: Option<String>,
    },
    /// Look for personal data, whatever the rules say; the environment is only read
    Scan {
        /// Environment to look at [default: the production]
        env: Option<String>,
        /// Write a rule file to start from, where there is no file yet
        #[arg(long, value_name = "FILE")]
        write: Option<PathBuf>,
    },
    /// Explain a transform: its parameters, the columns that it takes, what it does to unique values
    Explain {
        /// Transform to explain [default: list all]
        transform: Option<String>,
    },
}

pub(in crate::cli) fn run(global: &Global, args: &Args) -> Result<ExitCode, CommandError> {
    match &args.action {
        Action::Check { env } => check(global, env.as_deref()),
        Action::Plan { env } => plan(global, env.as_deref()),
        Action::Scan { env, write } => scan(global, env.as_deref(), write.as_ref()),
        Action::Explain { transform: None } => list(global),
        Action::Explain {
            transform: Some(name),
        } => explain(global, name),
    }
}

/// Every transform with its one line.
fn list(global: &Global) -> Result<ExitCode, CommandError> {
    let all: Vec<Explanation> = transform::ALL.iter().map(transform::explain).collect();
    if global.json {
        output::json(&json!({ "schema": 1, "transforms": all }))?;
    } else {
        let width = all.iter().map(|one| one.name.len()).max().unwrap_or_default();
        let lines = all
            .iter()
            .map(|one| format!("{:<width$}  {}\n", one.name, one.summary));
        output::data(&lines.collect::<String>())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn explain(global: &Global, name: &str) -> Result<ExitCode, CommandError> {
    let entry = transform::find(name)
        .ok_or_else(|| CommandError::usage(transform::SpecError::unknown_transform(name).to_string()))?;
    let explanation = transform::explain(entry);
    if global.json {
        output::json(&json!({ "schema": 1, "transform": explanation }))?;
    } else {
        output::data(&explanation.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check(global: &Global, env: Option<&str>) -> Result<ExitCode, CommandError> {
    let env = env.map(str::parse).transpose()?;
    context::changing(global, "sanitize check", |app| check_in(global, app, env))
}

fn check_in(global: &Global, app: &App, env: Option<EnvName>) -> Result<ExitCode, CommandError> {
    let (environment, found) = look(global, app, env, Look::Check)?;
    if global.json {
        let service = |one: &Inspection| {
            let summary =
                json!({ "engine": one.engine, "ruled": one.ruled, "kept": one.kept, "exempt": one.exempt });
            (one.service.to_string(), summary)
        };
        let services: Map<_, _> = found.iter().map(service).collect();
        output::json(&json!({ "schema": 1, "environment": environment, "services": services }))?;
    } else {
        let lines = found.iter().map(|one| {
            let (kept, exempt) = (one.kept.len(), one.exempt.len());
            format!(
                "{}: {} ruled, {kept} kept, {exempt} exempt; nothing is undecided\n",
                one.service, one.ruled
            )
        });
        output::data(&lines.collect::<String>())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(global: &Global, env: Option<&str>) -> Result<ExitCode, CommandError> {
    let env = env.map(str::parse).transpose()?;
    context::changing(global, "sanitize plan", |app| plan_in(global, app, env))
}

fn plan_in(global: &Global, app: &App, env: Option<EnvName>) -> Result<ExitCode, CommandError> {
    let (environment, found) = look(global, app, env, Look::Plan)?;
    let plans: Vec<&PlannedWork> = found.iter().filter_map(|one| one.plan.as_ref()).collect();
    let tables: Vec<PlannedTable> = plans.iter().flat_map(|plan| plan.tables()).collect();
    let bytes: u64 = tables.iter().map(|table| table.bytes).sum();
    let seconds = plans.iter().map(|plan| plan.seconds()).fold(0.0, f64::max);
    if global.json {
        let seconds = (seconds * 1000.0).round() / 1000.0;
        output::json(&json!({
            "schema": 1, "environment": environment, "tables": tables, "bytes": bytes, "seconds": seconds,
        }))?;
    } else {
        output::data(&plan_table(&tables, bytes, seconds))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A size for people.
#[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut amount = bytes as f64 / 1000.0;
    let mut units = UNITS.into_iter();
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        if amount < 1000.0 {
            break;
        }
        (amount, unit) = (amount / 1000.0, next);
    }
    format!("{amount:.1} {unit}")
}

/// One line for each table in which anything is done, and the sum.
fn plan_table(tables: &[PlannedTable], bytes: u64, seconds: f64) -> String {
    let (idle, busy): (Vec<_>, Vec<_>) = tables.iter().partition(|table| table.strategy == "skip");
    let name = |one: &PlannedTable| format!("{}.{}", one.service, one.table);
    let width = busy
        .iter()
        .map(|one| name(one).chars().count())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for one in &busy {
        let rows = match &one.deletes {
            Some(condition) => format!("about {} rows, without those where {condition}", one.rows),
            None => format!("about {} rows", one.rows),
        };
        let columns = if one.columns > 0 {
            format!(", {} columns replaced", one.columns)
        } else {
            String::new()
        };
        text.push_str(&format!(
            "{:<width$}  {:<9}  {:>10}  {:>7.1} s  {rows}{columns}\n",
            name(one),
            one.strategy,
            size(one.bytes),
            one.seconds
        ));
    }
    text.push_str(&format!(
        "{} of {} tables stay as they are; about {} will no longer be shared with the snapshot, in about {seconds:.1} s\n",
        idle.len(),
        tables.len(),
        size(bytes)
    ));
    text
}

fn scan(global: &Global, env: Option<&str>, write: Option<&PathBuf>) -> Result<ExitCode, CommandError> {
    let env = env.map(str::parse).transpose()?;
    context::changing(global, "sanitize scan", |app| scan_in(global, app, env, write))
}

fn scan_in(
    global: &Global,
    app: &App,
    env: Option<EnvName>,
    write: Option<&PathBuf>,
) -> Result<ExitCode, CommandError> {
    if let Some(path) = write {
        ops::check_free(path)?;
    }
    let (_, found) = look(global, app, env, Look::Scan)?;
    if let Some(path) = write {
        ops::write_first_rules(app, &found, path)?;
        output::note(
            global,
            &format!("{} is written: read every line of it.", path.display()),
        );
    }
    let unseen: Vec<&ServiceName> = found
        .iter()
        .filter(|one| one.unseen)
        .map(|one| &one.service)
        .collect();
    for service in &unseen {
        output::warn(
            global,
            &format!("{service} was not looked at: envclone cannot survey its engine yet."),
        );
    }
    let columns: Vec<PersonalColumn> = found.iter().flat_map(Inspection::personal).collect();
    if global.json {
        output::json(&json!({ "schema": 1, "columns": columns, "not_looked_at": unseen }))?;
    } else {
        output::data(&table(&columns))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn look(
    global: &Global,
    app: &App,
    env: Option<EnvName>,
    what: Look,
) -> Result<(EnvName, Vec<Inspection>), CommandError> {
    let environment = env.map_or_else(|| ops::default_environment(app), Ok)?;
    let name = match what {
        Look::Check => "check",
        Look::Plan => "plan",
        Look::Scan => "scan",
    };
    let command = format!("sanitize {name} {environment}");
    let request = ops::inspection_of(environment.clone(), global.lock_timeout, command)?;
    let interrupted = signals::interrupted()?;
    let mut progress = Progress::new(global);
    let teller = progress.clone();
    let tell = |text: &str| teller.tell(text);
    let found = branch::inspect(app, &request, what, &mut progress, &tell, &interrupted);
    progress.clear();
    Ok((environment, found?))
}

/// One line for each column, in three columns of text.
fn table(columns: &[PersonalColumn]) -> String {
    let name = |one: &PersonalColumn| format!("{}.{}.{}", one.service, one.table, one.column);
    let width = columns
        .iter()
        .map(|one| name(one).chars().count())
        .max()
        .unwrap_or_default();
    let line = |one: &PersonalColumn| {
        let (name, kind, evidence) = (name(one), one.kind.name(), one.evidence.join(", "));
        format!("{name:<width$}  {kind:<12}  {:.2}  {evidence}\n", one.confidence)
    };
    columns.iter().map(line).collect()
}
