//! `envclone stop`.

use std::process::ExitCode;

use crate::cli::{CommandError, Global, context, report};
use crate::model::EnvName;
use crate::ops;

/// Stop a branch: release its memory, keep its data, port and password
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Branch to stop
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    env: Option<String>,
    /// Stop every branch that runs, for a shutdown of the host; `start --all` brings them back
    #[arg(long)]
    all: bool,
}

pub(in crate::cli) fn run(global: &Global, args: &Args) -> Result<ExitCode, CommandError> {
    if let Some(name) = &args.env {
        let name: EnvName = name.parse()?;
        return context::changing(global, &format!("stop {name}"), |app| {
            ops::stop(app, &name, global.lock_timeout)?;
            Ok(ExitCode::SUCCESS)
        });
    }
    context::changing(global, "stop --all", |app| {
        let mut code = ExitCode::SUCCESS;
        for (_, stopped) in ops::stop_all(app, global.lock_timeout)? {
            if let Err(error) = stopped {
                code = report::print(&error.into(), global.json);
            }
        }
        Ok(code)
    })
}
