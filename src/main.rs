//! The `envclone` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    envclone::cli::internal::run(&args).unwrap_or(ExitCode::from(2))
}
