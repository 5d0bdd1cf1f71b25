//! The `envclone` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    envclone::cli::internal::run(&args[1..]).unwrap_or_else(|| envclone::cli::run(args))
}
