//! Data on stdout, talk on stderr.

use std::io::{self, Write};

use serde::Serialize;

use super::CommandError;

/// Prints data: text, which ends in a line break of its own.
pub(super) fn data(text: &str) -> Result<(), CommandError> {
    tolerate_closed(io::stdout().lock().write_all(text.as_bytes()))
}

/// Prints one JSON document.
pub(super) fn json(document: &impl Serialize) -> Result<(), CommandError> {
    let mut text = serde_json::to_string_pretty(document).map_err(CommandError::internal)?;
    text.push('\n');
    data(&text)
}

/// Talks.
pub(super) fn say(line: &str) {
    // Nobody can be told that stderr is closed.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A reader that has seen enough (`| head`) is no failure.
fn tolerate_closed(result: io::Result<()>) -> Result<(), CommandError> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CommandError::internal(error)),
        _ => Ok(()),
    }
}
