//! What a person sees while steps run: a line that changes on a terminal, plain lines with `-v`, nothing otherwise.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::{Global, output};
use crate::saga::Observer;

/// Watches a saga for a person.
#[derive(Clone)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    lines: bool,
}

impl Progress {
    /// For the terminal that stderr is, if it is one.
    pub(super) fn new(global: &Global) -> Self {
        let terminal = std::io::stderr().is_terminal() && !global.quiet && !global.verbose;
        let bar = terminal.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {prefix:<10} {wide_msg}")
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self {
            bar,
            lines: global.verbose,
        }
    }

    /// What is being done within a step.
    pub(super) fn tell(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(output::printable(text.as_bytes()).replace('\n', " "));
        } else if self.lines {
            output::say(&format!("  {text}"));
        }
    }

    fn line(&self, text: &str) {
        if self.lines {
            output::say(text);
        }
    }

    /// Takes the changing line away.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Progress {
    fn step_started(&mut self, name: &'static str) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(name);
            bar.set_message("");
        }
    }

    fn step_ended(&mut self, name: &'static str, ms: u64) {
        self.line(&format!("{name}: {ms} ms"));
    }

    fn step_skipped(&mut self, name: &'static str, reason: &str) {
        self.line(&format!("{name}: not needed ({reason})"));
    }

    fn undoing(&mut self, name: &str) {
        self.line(&format!("undoing {name}"));
        if let Some(bar) = &self.bar {
            bar.set_prefix("undoing");
            bar.set_message(name.to_owned());
        }
    }

    fn detail(&mut self, text: &str) {
        self.tell(text);
    }
}
