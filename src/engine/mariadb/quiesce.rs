//! What makes the snapshot hold all that production acknowledged: its redo log on the disk, also where it syncs that once a second
//! only. Nothing that keeps a writer waiting.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::config::SocketSource;
use crate::engine::account::as_account;
use crate::engine::{EngineError, ServiceSetup};
use crate::exec::ExecError;

use super::identify::{CLIENT, Identity};

/// `LOCAL`: not for the binary log.
const FLUSH: &str = "FLUSH LOCAL ENGINE LOGS";

/// Asks the running source to put its logs on the disk. The client runs as the service's own account, with no other rights, no
/// longer than `limit`, and only until `interrupted` is set. What was done, in words.
///
/// # Errors
/// [`EngineError::SourceSilent`] after the limit, [`EngineError::Server`] when it refuses: neither stops a branch.
pub fn quiesce(
    setup: &ServiceSetup,
    identity: &Identity,
    limit: Duration,
    interrupted: &AtomicBool,
) -> Result<String, EngineError> {
    let Some(source) = setup.source.as_deref() else {
        return Ok("not configured".to_owned());
    };
    let failed = |fault: String| EngineError::Server {
        service: setup.name.clone(),
        action: "preparing the source".to_owned(),
        fault: fault.into(),
    };
    let source = SocketSource::parse(source).map_err(|wrong| failed(wrong.to_owned()))?;
    let mut run = as_account(&identity.account)
        .map_err(|missing| failed(missing.to_string()))?
        .arg(CLIENT)
        // Nobody's files: not of this host, and not of a home.
        .args([
            "--no-defaults",
            "--batch",
            "--skip-auto-rehash",
            "--protocol=socket",
        ])
        .arg(format!("--socket={}", source.socket.display()))
        .arg(format!("--connect-timeout={}", limit.as_secs().clamp(2, 30)));
    if let Some(user) = &source.user {
        run = run.arg(format!("--user={user}"));
    }
    match run
        .arg(format!("--execute={FLUSH}"))
        .timeout(limit)
        .run_until(interrupted)
    {
        Ok(_) => Ok("logs flushed".to_owned()),
        Err(ExecError::Timeout { .. }) => Err(EngineError::SourceSilent {
            service: setup.name.clone(),
            limit,
        }),
        Err(ExecError::Failed { status, .. }) => Err(failed(format!("mariadb ended with {status}"))),
        Err(other) => Err(failed(other.to_string())),
    }
}
