//! Ctrl-C and `kill`: a flag that sagas look at between their steps.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::CommandError;

/// A flag that SIGINT, SIGTERM and SIGHUP set.
pub(super) fn interrupted() -> Result<Arc<AtomicBool>, CommandError> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGHUP,
    ] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).map_err(CommandError::internal)?;
    }
    Ok(flag)
}
