//! `envclone logs`.

use std::io::{Read, Write};
use std::process::ExitCode;

use crate::cli::{CommandError, Global, context};
use crate::model::EnvName;
use crate::ops;

/// Print the log of a service of a branch
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Branch
    env: String,
    /// Service
    service: String,
}

pub(in crate::cli) fn run(global: &Global, args: &Args) -> Result<ExitCode, CommandError> {
    let name: EnvName = args.env.parse()?;
    let app = context::app(global, &format!("logs {name}"))?;
    let path = ops::log_path(&app, &name, &args.service)?;
    let mut file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(ExitCode::SUCCESS),
        Err(error) => return Err(CommandError::internal(error)),
    };
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut buffer).map_err(CommandError::internal)?;
        if read == 0 || std::io::stdout().lock().write_all(&buffer[..read]).is_err() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}
