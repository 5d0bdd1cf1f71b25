//! `envclone init`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::{CommandError, Global, context, output};
use crate::model::ProjectName;
use crate::ops::{self, InitRequest};

/// Find services on this host; write a configuration, a first rule file and the masking key
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Name of the project [default: the name of the database that is found]
    #[arg(long, value_name = "NAME")]
    project: Option<ProjectName>,
    /// Mounted Btrfs, or dataset, in which branches live [default: the Btrfs that holds the root; a dataset beside it]
    #[arg(long, value_name = "PATH")]
    pool: Option<PathBuf>,
    /// Subvolume or dataset that holds production [default: the one that holds the server that is found]
    #[arg(long, value_name = "PATH")]
    root: Option<PathBuf>,
    /// Where envclone remembers [default: /var/lib/envclone]
    #[arg(long, value_name = "PATH")]
    state: Option<PathBuf>,
    /// Where its sockets and locks are [default: /run/envclone]
    #[arg(long, value_name = "PATH")]
    run: Option<PathBuf>,
}

pub(in crate::cli) fn run(global: &Global, args: &Args) -> Result<ExitCode, CommandError> {
    context::need_root()?;
    let report = ops::init(&InitRequest {
        config: global.config.clone(),
        project: args.project.clone(),
        pool: args.pool.clone(),
        root: args.root.clone(),
        state: args.state.clone(),
        run: args.run.clone(),
    })?;
    if global.json {
        output::json(&report)?;
        return Ok(ExitCode::SUCCESS);
    }
    let lines = |verb: &str, paths: &[PathBuf]| -> String {
        let line = |path: &PathBuf| format!("{verb}: {}\n", path.display());
        paths.iter().map(line).collect()
    };
    output::data(&(lines("written", &report.written) + &lines("kept", &report.kept)))?;
    for note in &report.notes {
        output::warn(global, &format!("note: {note}"));
    }
    output::note(
        global,
        "Read the configuration; then: envclone doctor, envclone sanitize scan, envclone sanitize check",
    );
    Ok(ExitCode::SUCCESS)
}
