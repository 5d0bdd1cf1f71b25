//! Data on stdout, talk on stderr.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::{CommandError, Global};

/// Prints data: text, which ends in a line break of its own. Names in it may have been chosen by a branch's users: on a
/// terminal their control characters are shown instead of obeyed.
pub(super) fn data(text: &str) -> Result<(), CommandError> {
    if io::stdout().is_terminal() {
        return bytes(printable(text.as_bytes()).as_bytes());
    }
    bytes(text.as_bytes())
}

/// Prints data as it is.
pub(super) fn bytes(bytes: &[u8]) -> Result<(), CommandError> {
    let mut stdout = io::stdout().lock();
    tolerate_closed(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

/// Prints what a branch's server wrote; `false` where nobody reads on. On a terminal control characters are shown
/// instead of obeyed: the server's users may be hostile.
pub(super) fn untrusted(bytes: &[u8]) -> Result<bool, CommandError> {
    let mut stdout = io::stdout().lock();
    let written = if stdout.is_terminal() {
        stdout.write_all(printable(bytes).as_bytes())
    } else {
        stdout.write_all(bytes)
    };
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true).map_err(CommandError::internal),
    }
}

/// Text without control characters but for line breaks and tabs.
pub(super) fn printable(bytes: &[u8]) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c,
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    String::from_utf8_lossy(bytes).chars().map(shown).collect()
}

/// Prints one JSON document.
pub(super) fn json(document: &impl Serialize) -> Result<(), CommandError> {
    let mut text = serde_json::to_string_pretty(document).map_err(CommandError::internal)?;
    text.push('\n');
    data(&text)
}

/// Talks to a person: on a terminal, or where asked to by `-v`; silent in cron.
pub(super) fn note(global: &Global, line: &str) {
    if global.verbose || (!global.quiet && io::stderr().is_terminal()) {
        say(line);
    }
}

/// Warns, unless only errors are wanted.
pub(super) fn warn(global: &Global, line: &str) {
    if !global.quiet {
        say(line);
    }
}

/// Says what must be said. Names in it may have been chosen by a branch's users.
pub(super) fn say(line: &str) {
    // Nobody can be told that stderr is closed.
    let _ = writeln!(io::stderr().lock(), "{}", printable(line.as_bytes()));
}

/// A reader that has seen enough (`| head`) is no failure.
fn tolerate_closed(result: io::Result<()>) -> Result<(), CommandError> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CommandError::internal(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_given_orders_by_a_log() {
        assert_eq!(
            printable(b"a\tb\n\x1b[2J\x07\xc2\x9bc"),
            "a\tb\n\u{fffd}[2J\u{fffd}\u{fffd}c"
        );
    }
}
