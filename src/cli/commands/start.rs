//! `envclone start`.

use std::process::ExitCode;

use crate::cli::{CommandError, Global, context, output, report};
use crate::model::EnvName;
use crate::ops::{self, Started};

/// Start a stopped branch under the same URL
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Branch to start
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    env: Option<String>,
    /// Start every branch that was running when the host went down
    #[arg(long)]
    all: bool,
}

pub(in crate::cli) fn run(global: &Global, args: &Args) -> Result<ExitCode, CommandError> {
    if let Some(name) = &args.env {
        let name: EnvName = name.parse()?;
        return context::changing(global, &format!("start {name}"), |app| {
            tell(global, &ops::start(app, &name, global.lock_timeout)?);
            Ok(ExitCode::SUCCESS)
        });
    }
    context::mount_pools(global)?;
    context::changing(global, "start --all", |app| {
        let mut code = ExitCode::SUCCESS;
        for (_, started) in ops::start_all(app, global.lock_timeout)? {
            match started {
                Ok(started) => tell(global, &started),
                Err(error) => code = report::print(&error.into(), global.json),
            }
        }
        Ok(code)
    })
}

fn tell(global: &Global, started: &Started) {
    for note in &started.notes {
        output::say(&format!(
            "{} runs, but its URL lets nobody in: {note}",
            started.name
        ));
    }
    if started.went_back {
        output::say(&format!(
            "{} went back to its checkpoint: the host went down while it ran without syncing its writes.",
            started.name
        ));
    } else if started.ran {
        output::note(global, &format!("{} runs already.", started.name));
    }
}
