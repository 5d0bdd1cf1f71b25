//! `envclone exec`.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cli::{CommandError, Global, context, terminal};
use crate::model::EnvName;
use crate::ops;

/// Run a command in the sandbox of a service, as the service's account
///
/// On a terminal the command gets a terminal of its own; otherwise pipes. It has a process space of its own, in which it
/// neither sees nor signals the service's processes, and whatever it leaves behind ends with it. Its exit status is envclone's.
/// What it prints reaches your terminal as it is, escape sequences included, as with ssh: read what you do not trust through a
/// pager.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Branch
    env: String,
    /// Service
    service: String,
    /// Command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

pub(in crate::cli) fn run(global: &Global, args: &Args) -> Result<ExitCode, CommandError> {
    let name: EnvName = args.env.parse()?;
    let app = context::reader(global, &format!("exec {name}"))?;
    let code = ops::exec(&app, &name, &args.service, args.command.clone(), terminal::kind())?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
