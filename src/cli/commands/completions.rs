//! `envclone completions`.

use std::process::ExitCode;

use clap::{Command, ValueEnum};

use crate::cli::{CommandError, output};

/// Print completions for a shell
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Shell to print them for
    #[arg(value_enum)]
    shell: Shell,
}

/// Shells whose completions are installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(in crate::cli) fn run(mut command: Command, args: &Args) -> Result<ExitCode, CommandError> {
    output::bytes(&script(args.shell, &mut command))?;
    Ok(ExitCode::SUCCESS)
}

impl Shell {
    /// The file that the shell looks for.
    pub(super) fn file_name(self) -> &'static str {
        match self {
            Self::Bash => "envclone.bash",
            Self::Zsh => "_envclone",
            Self::Fish => "envclone.fish",
        }
    }
}

/// The completions of a shell.
pub(super) fn script(shell: Shell, command: &mut Command) -> Vec<u8> {
    let mut script = Vec::new();
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    clap_complete::generate(shell, command, "envclone", &mut script);
    script
}
