//! `envclone doctor`.

use std::process::ExitCode;

use serde_json::json;

use crate::cli::{CommandError, Global, context, output};
use crate::ops::doctor::{self, Problem};

/// Find what is missing, unsafe or left over, and say what mends it
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Undo runs that died and remove what dead supervisors left; nothing else
    #[arg(long)]
    fix: bool,
}

pub(in crate::cli) fn run(global: &Global, args: &Args) -> Result<ExitCode, CommandError> {
    if args.fix {
        context::need_root()?;
    }
    let opened = context::is_root().then(|| context::open_deferred(global, "doctor"));
    let app = opened.as_ref().and_then(|opened| opened.as_ref().ok());
    let mut problems = doctor::check_host(app);
    let mut done = Vec::new();
    let mut unclean = false;
    if let Some(opened) = opened {
        match opened {
            Ok(app) => {
                if args.fix {
                    let (fixed, left) = doctor::fix(&app)?;
                    done = fixed;
                    unclean = !left.is_empty();
                    problems.extend(left);
                }
                problems.extend(doctor::check_project(&app)?);
            }
            Err(error) => problems.push(doctor::unusable(&error)),
        }
    }
    if global.json {
        output::json(&json!({ "schema": 1, "problems": problems, "fixed": done }))?;
    } else {
        output::data(&describe(&done, &problems))?;
    }
    // As every command that was to undo something and could not.
    let failed = if unclean {
        4
    } else {
        u8::from(!problems.is_empty())
    };
    Ok(ExitCode::from(failed))
}

fn describe(done: &[String], problems: &[Problem]) -> String {
    let mut lines = done.to_vec();
    if problems.is_empty() {
        lines.push("nothing is wrong".to_owned());
    }
    for problem in problems {
        lines.push(format!(
            "{} {}: {}",
            problem.kind, problem.object, problem.message
        ));
        lines.push(format!("  fix: {}", problem.fix));
    }
    lines.join("\n") + "\n"
}
