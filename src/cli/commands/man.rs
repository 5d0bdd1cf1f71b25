//! `envclone man`.

use std::process::ExitCode;

use clap::Command;

use crate::cli::{CommandError, output};

/// Print the manual page of envclone or of one of its commands, for `man -l -`
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Command to print the page of, for example branch or pool create
    command: Vec<String>,
}

pub(in crate::cli) fn run(command: Command, args: &Args) -> Result<ExitCode, CommandError> {
    let wanted = std::iter::once("envclone")
        .chain(args.command.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join("-");
    let unknown = || CommandError::usage(format!("there is no command {}", args.command.join(" ")));
    let page = pages(command)?
        .into_iter()
        .find(|(name, _)| *name == format!("{wanted}.1"));
    let (_, page) = page.ok_or_else(unknown)?;
    output::bytes(&page)?;
    Ok(ExitCode::SUCCESS)
}

/// Every manual page, by the name of its file.
pub(super) fn pages(command: Command) -> Result<Vec<(String, Vec<u8>)>, CommandError> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    let mut waiting = vec![command];
    while let Some(command) = waiting.pop() {
        waiting.extend(
            command
                .get_subcommands()
                .filter(|sub| !sub.is_hide_set())
                .cloned(),
        );
        let page = clap_mangen::Man::new(command).source(concat!("envclone ", env!("CARGO_PKG_VERSION")));
        let mut text = Vec::new();
        page.render(&mut text).map_err(CommandError::internal)?;
        pages.push((page.get_filename(), text));
    }
    pages.sort();
    Ok(pages)
}
