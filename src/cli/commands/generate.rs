//! `envclone generate`: what is generated from the command line and the transforms, and checked in; run by developers only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Command, ValueEnum};

use super::completions::{Shell, script};
use super::man::pages;
use crate::cli::CommandError;
use crate::sanitize::transform;

/// Write completions, manual pages and the page on transforms below a directory
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Directory that gets completions/, man/ and docs/transforms.md
    directory: PathBuf,
}

pub(in crate::cli) fn run(mut command: Command, args: &Args) -> Result<ExitCode, CommandError> {
    let completions = args.directory.join("completions");
    for shell in Shell::value_variants() {
        write(&completions, shell.file_name(), &script(*shell, &mut command))?;
    }
    let man = args.directory.join("man");
    for (name, page) in pages(command)? {
        write(&man, &name, &page)?;
    }
    let docs = args.directory.join("docs");
    write(&docs, "transforms.md", transform::page().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn write(directory: &Path, name: &str, content: &[u8]) -> Result<(), CommandError> {
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(directory.join(name), content))
        .map_err(CommandError::internal)
}
