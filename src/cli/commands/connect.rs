//! `envclone connect`.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cli::{CommandError, Global, context};
use crate::model::EnvName;
use crate::ops;

/// Open the engine's own client on a service of a branch, inside its sandbox
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Branch
    env: String,
    /// Service
    service: String,
    /// Arguments for the client
    #[arg(last = true, value_name = "ARGS")]
    client: Vec<OsString>,
}

pub(in crate::cli) fn run(global: &Global, args: &Args) -> Result<ExitCode, CommandError> {
    let name: EnvName = args.env.parse()?;
    let app = context::reader(global, &format!("connect {name}"))?;
    let code = ops::connect(&app, &name, &args.service, &args.client)?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
