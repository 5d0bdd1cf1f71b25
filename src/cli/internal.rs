//! Processes of envclone's own: never typed by anybody, not in the help.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::gateway;
use crate::runtime::{self, SuperviseArgs};

/// Runs one of them, where the arguments name one.
pub fn run(args: &[OsString]) -> Option<ExitCode> {
    let name = args.first()?.to_str()?;
    match name {
        "__supervise" => Some(supervise(&args[1..])),
        // What went wrong has been told to whoever started the process; nobody reads its stderr.
        "__gateway" => Some(exit_code(gateway::serve().is_ok())),
        "__enter" => Some(ExitCode::from(
            u8::try_from(runtime::enter_and_run()).unwrap_or(1),
        )),
        _ => None,
    }
}

fn supervise(args: &[OsString]) -> ExitCode {
    let done = supervise_args(args).is_some_and(|args| runtime::supervise(&args).is_ok());
    exit_code(done)
}

fn supervise_args(args: &[OsString]) -> Option<SuperviseArgs> {
    let value = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)
    };
    Some(SuperviseArgs {
        branch: value("--branch")?.to_str()?.parse().ok()?,
        run_dir: PathBuf::from(value("--run-dir")?),
        log_dir: PathBuf::from(value("--log-dir")?),
    })
}

fn exit_code(done: bool) -> ExitCode {
    if done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_needs_a_branch_and_its_directories() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        let all = words("--branch 1f3a9c20 --run-dir /run/envclone --log-dir /var/log/envclone");
        assert_eq!(supervise_args(&all).unwrap().branch.as_str(), "1f3a9c20");
        assert!(supervise_args(&all[..4]).is_none());
        assert!(supervise_args(&words("--branch ../../x --run-dir /r --log-dir /l")).is_none());
        assert!(run(&words("list")).is_none());
    }
}
