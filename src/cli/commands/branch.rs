//! `envclone branch`.

use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use crate::cli::progress::Progress;
use crate::cli::{CommandError, Global, context, output, signals};
use crate::model::{BranchReport, EnvName, EnvType};
use crate::ops::App;
use crate::ops::branch::{self, BranchPlan, BranchRequest};
use crate::saga::Fault;

/// Make a branch of an environment: a private, sanitized, running copy
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Environment to branch
    parent: String,
    /// Name of the branch: a-z, 0-9 and -, at most 40 characters
    name: String,
    /// What it is for: development or staging
    #[arg(long = "type", value_name = "TYPE", default_value = "development")]
    kind: EnvType,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Die by SIGKILL after this line of the journal: for tests of what is left behind then
    #[arg(long, value_name = "N", hide = true)]
    die_after_line: Option<u64>,
}

pub(in crate::cli) fn run(global: &Global, args: &Args) -> Result<ExitCode, CommandError> {
    // Names are checked before anything else is looked at.
    let parent: EnvName = args.parent.parse()?;
    let name: EnvName = args.name.parse()?;
    let command = format!("branch {parent} {name}");
    let interrupted = signals::interrupted()?;
    let request = BranchRequest {
        parent,
        name,
        kind: args.kind,
        lock_timeout: global.lock_timeout,
        fault: args.die_after_line.map(Fault::KillAfter),
        command: command.clone(),
    };
    context::changing(global, &command, |app| {
        if args.dry_run {
            return plan(global, app, &request);
        }
        make(global, app, &request, &interrupted)
    })
}

fn plan(global: &Global, app: &App, request: &BranchRequest) -> Result<ExitCode, CommandError> {
    let plan = branch::plan(app, request)?;
    if global.json {
        output::json(&plan)?;
    } else {
        output::data(&describe_plan(&plan))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn make(
    global: &Global,
    app: &App,
    request: &BranchRequest,
    interrupted: &AtomicBool,
) -> Result<ExitCode, CommandError> {
    let mut progress = Progress::new(global);
    let teller = progress.clone();
    let done = branch::branch(
        app,
        request,
        &mut progress,
        &|text| teller.tell(text),
        interrupted,
    );
    progress.clear();
    let report = done?;
    if !report.environment.sanitized {
        // Whatever is asked to be quiet.
        output::say(
            "It is raw: its personal data was not replaced, as the configuration says for this type.",
        );
    }
    if global.json {
        output::json(&report)?;
    } else {
        say_what_was_done(global, &report);
        output::data(&format!(
            "{}\n",
            report.url.as_ref().map_or("", |url| url.reveal())
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn describe_plan(plan: &BranchPlan) -> String {
    let mut lines = vec![format!(
        "{} of {} ({}) into {}",
        plan.name,
        plan.parent,
        plan.root.display(),
        plan.pool.display()
    )];
    lines.extend(plan.services.iter().map(|service| format!("  service {service}")));
    let steps = plan.steps.iter().enumerate();
    lines.extend(steps.map(|(number, step)| format!("  {:>2} {step}", number + 1)));
    lines.extend(
        plan.warnings
            .iter()
            .map(|warning| format!("  warning: {warning}")),
    );
    lines.join("\n") + "\n"
}

fn say_what_was_done(global: &Global, report: &BranchReport) {
    let environment = &report.environment;
    output::note(global, &format!("{} is ready.", environment.name));
    if let Some(done) = &report.sanitization {
        let text = match &done.skipped {
            Some(reason) => format!("Nothing was rewritten: {reason}."),
            None => format!(
                "{} columns of {} tables replaced in {} rows; {} originals searched for in {} bytes, {} found.",
                done.columns, done.tables, done.rows, done.needles, done.bytes_scanned, done.found
            ),
        };
        output::note(global, &text);
    }
    if let Some(timings) = &report.timings_ms {
        output::note(global, &format!("{} ms in all.", timings.total));
    }
}
