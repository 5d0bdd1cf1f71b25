//! `envclone config`.

use std::process::ExitCode;

use serde_json::json;

use crate::cli::{CommandError, Global, output};
use crate::config::{Config, Origin, Setting};

/// Print the configuration in effect, and where each value comes from
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {}

pub(in crate::cli) fn run(global: &Global, _: &Args) -> Result<ExitCode, CommandError> {
    let config = Config::load(&global.config)?;
    if global.json {
        let paths = |texts: &[(std::path::PathBuf, String)]| -> Vec<_> {
            texts.iter().map(|(path, _)| path.clone()).collect()
        };
        output::json(&json!({
            "schema": 1,
            "path": config.path(),
            "policy": config.policy_hash(),
            "settings": config.origins(),
            "rules": paths(config.rule_texts()),
            "lists": config.lists().iter().map(|list| &list.path).collect::<Vec<_>>(),
            "after": paths(config.after_texts()),
        }))?;
    } else {
        output::data(&describe(&config))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Lines that a configuration could have, each with its origin as a comment.
fn describe(config: &Config) -> String {
    let settings: Vec<(String, String)> = config.origins().iter().map(line).collect();
    let widths = settings.iter().map(|(setting, _)| setting.chars().count());
    let width = widths.filter(|width| *width <= 60).max().unwrap_or_default();
    let mut lines = vec![format!("# {}", config.path().display())];
    lines.extend(
        settings
            .iter()
            .map(|(setting, origin)| format!("{setting:<width$}  # {origin}")),
    );
    let rules = config.rule_texts().iter().map(|(path, _)| path);
    let lists = config.lists().iter().map(|list| &list.path);
    let after = config.after_texts().iter().map(|(path, _)| path);
    let files = rules.chain(lists).chain(after);
    lines.extend(files.map(|path| format!("# read: {}", path.display())));
    lines.join("\n") + "\n"
}

fn line(setting: &Setting) -> (String, String) {
    let origin = match setting.origin {
        Origin::Default => "default".to_owned(),
        Origin::Line(line) => format!("line {line}"),
    };
    if setting.value.is_null() {
        return (format!("# {}", setting.key), "not set".to_owned());
    }
    (setting.to_string(), origin)
}
