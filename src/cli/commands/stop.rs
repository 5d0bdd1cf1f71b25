//! `envclone stop`.

use std::process::ExitCode;

use crate::cli::{CommandError, Global, context};
use crate::model::EnvName;
use crate::ops;

/// Stop a branch: release its memory, keep its data, port and password
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Branch to stop
    env: String,
}

pub(in crate::cli) fn run(global: &Global, args: &Args) -> Result<ExitCode, CommandError> {
    let name: EnvName = args.env.parse()?;
    let app = context::app(global, &format!("stop {name}"))?;
    ops::stop(&app, &name, global.lock_timeout)?;
    Ok(ExitCode::SUCCESS)
}
