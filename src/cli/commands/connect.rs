//! `envclone connect`.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cli::{CommandError, Global, context, terminal};
use crate::model::EnvName;
use crate::ops;

/// Open the engine's own client on a service of a branch, inside its sandbox
///
/// The client is logged in as the role of the URL, and reads statements from a pipe as well. It sees nothing of the branch's
/// processes, nor they of it. What the server sends reaches your terminal as it is, escape sequences included, as with ssh.
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
    let code = ops::connect(&app, &name, &args.service, &args.client, terminal::kind())?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
