//! Commands: arguments in, printing out. One file per command below `commands/`; no logic here.
//!
//! Data goes to stdout, talk to stderr. Every failure ends in [`report`], which alone knows exit codes.

pub mod internal;

mod commands;
mod context;
mod follow;
mod output;
mod progress;
mod report;
mod signals;
mod terminal;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};

use commands::{
    branch, completions, config, connect, destroy, doctor, exec, generate, init, list, logs, man, pool,
    sanitize, show, start, stop, url,
};

pub use report::CommandError;

/// Branch a whole production environment by copy-on-write, sealed until its personal data is proved gone
#[derive(Debug, Parser)]
#[command(
    name = "envclone",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// Configuration file
    #[arg(long, value_name = "FILE", env = "ENVCLONE_CONFIG", hide_env_values = true, default_value = crate::config::Config::DEFAULT_PATH, global = true)]
    config: PathBuf,
    /// Print one JSON document
    #[arg(long, global = true)]
    json: bool,
    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more about what is being done
    #[arg(short, long, global = true)]
    verbose: bool,
    /// How long to wait for another run, for example 30s or 5m
    #[arg(long, value_name = "DURATION", env = "ENVCLONE_LOCK_TIMEOUT", hide_env_values = true, default_value = "0s", value_parser = duration, global = true)]
    lock_timeout: Duration,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Pool(pool::Args),
    Branch(branch::Args),
    List(list::Args),
    Show(show::Args),
    Url(url::Args),
    Connect(connect::Args),
    Exec(exec::Args),
    Logs(logs::Args),
    Stop(stop::Args),
    Start(start::Args),
    Destroy(destroy::Args),
    Sanitize(sanitize::Args),
    Config(config::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    Man(man::Args),
    #[command(hide = true)]
    Generate(generate::Args),
}

/// Parses the arguments, runs the command, and says how it ended.
pub fn run(args: Vec<OsString>) -> ExitCode {
    // Known before the arguments are parsed, for the error if they cannot be.
    let asks_json = args
        .iter()
        .take_while(|arg| *arg != "--")
        .any(|arg| arg == "--json");
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return report::usage(&error, asks_json),
    };
    let json = cli.global.json;
    match dispatch(cli) {
        Ok(code) => code,
        Err(error) => report::print(&error, json),
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode, CommandError> {
    let global = cli.global;
    match cli.command {
        Command::Branch(args) => branch::run(&global, &args),
        Command::List(args) => list::run(&global, &args),
        Command::Show(args) => show::run(&global, &args),
        Command::Url(args) => url::run(&global, &args),
        Command::Connect(args) => connect::run(&global, &args),
        Command::Exec(args) => exec::run(&global, &args),
        Command::Logs(args) => logs::run(&global, &args),
        Command::Stop(args) => stop::run(&global, &args),
        Command::Start(args) => start::run(&global, &args),
        Command::Destroy(args) => destroy::run(&global, &args),
        Command::Init(args) => init::run(&global, &args),
        Command::Pool(args) => pool::run(&global, &args),
        Command::Sanitize(args) => sanitize::run(&global, &args),
        Command::Doctor(args) => doctor::run(&global, &args),
        Command::Config(args) => config::run(&global, &args),
        Command::Completions(args) => completions::run(Cli::command(), &args),
        Command::Man(args) => man::run(Cli::command(), &args),
        Command::Generate(args) => generate::run(Cli::command(), &args),
    }
}

/// `90s`, `5m`, `1h 30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Duration::try_from(span).map_err(|_| "a duration is not negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(duration("1h 30m").unwrap(), Duration::from_secs(5400));
        assert!(duration("-5s").is_err());
        assert!(duration("soon").is_err());
    }
}
