//! `envclone destroy`.

use std::process::ExitCode;

use crate::cli::{CommandError, Global, context};
use crate::model::EnvName;
use crate::ops;

/// Destroy branches and all their data
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Branch to destroy (can be repeated)
    #[arg(required = true)]
    env: Vec<String>,
}

pub(in crate::cli) fn run(global: &Global, args: &Args) -> Result<ExitCode, CommandError> {
    let names: Vec<EnvName> = args
        .env
        .iter()
        .map(|name| name.parse())
        .collect::<Result<_, _>>()?;
    let command = format!("destroy {}", args.env.join(" "));
    context::changing(global, &command, |app| {
        for name in &names {
            ops::destroy::destroy(app, name, global.lock_timeout)?;
        }
        Ok(ExitCode::SUCCESS)
    })
}
