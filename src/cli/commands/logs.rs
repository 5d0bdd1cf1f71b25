//! `envclone logs`.

use std::process::ExitCode;

use crate::cli::follow::Follow;
use crate::cli::{CommandError, Global, context, output};
use crate::model::EnvName;
use crate::ops;

/// Print the log of a service of a branch
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Branch
    env: String,
    /// Service
    service: String,
    /// Go on printing what is added, until Ctrl-C or until the branch is destroyed
    #[arg(short, long)]
    follow: bool,
}

pub(in crate::cli) fn run(global: &Global, args: &Args) -> Result<ExitCode, CommandError> {
    let name: EnvName = args.env.parse()?;
    let app = context::reader(global, &format!("logs {name}"))?;
    let path = ops::log_path(&app, &name, &args.service)?;
    let mut log = Follow::open(&path).map_err(CommandError::internal)?;
    loop {
        while let Some(part) = log.read().map_err(CommandError::internal)? {
            if !output::untrusted(part)? {
                return Ok(ExitCode::SUCCESS);
            }
        }
        if !args.follow || !log.wait().map_err(CommandError::internal)? {
            return Ok(ExitCode::SUCCESS);
        }
    }
}
