//! What makes the clone's recovery short: a checkpoint on the source just before the snapshot.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use postgres::config::Host;

use crate::engine::account::as_account;
use crate::engine::{EngineError, ServiceSetup};
use crate::exec::Invocation;
use crate::runtime::{Rootfs, Sees};

use super::identify::Identity;

/// WAL since the last checkpoint above which a `CHECKPOINT` on the source is worth its writes, in bytes.
const WORTH_A_CHECKPOINT: u64 = 64 << 20;

/// Where a client looks for sockets unless it is told where: as Debian builds it, and as PostgreSQL itself does.
const USUAL_SOCKETS: [&str; 3] = ["/var/run/postgresql", "/run/postgresql", "/tmp"];

/// What was done on the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quiesced {
    /// It was asked for a checkpoint.
    Checkpointed,
    /// Little WAL was waiting.
    NotNeeded,
    /// No way to it is configured.
    NotConfigured,
}

/// Asks the running source for a checkpoint when much WAL is waiting. The client runs as the service's own account, with
/// no other rights, no longer than `limit`, and only until `interrupted` is set.
///
/// # Errors
/// [`EngineError::SourceSilent`] after the limit, [`EngineError::Server`] when it refuses: neither stops a branch.
pub fn quiesce(
    setup: &ServiceSetup,
    identity: &Identity,
    limit: Duration,
    interrupted: &AtomicBool,
) -> Result<Quiesced, EngineError> {
    let Some(source) = &setup.source else {
        return Ok(Quiesced::NotConfigured);
    };
    let deadline = Instant::now() + limit;
    let waiting = ask(setup, identity, source, WAITING_WAL, limit, interrupted)?;
    let waiting: u64 = waiting.trim().parse().unwrap_or(u64::MAX);
    if waiting < WORTH_A_CHECKPOINT {
        return Ok(Quiesced::NotNeeded);
    }
    ask(
        setup,
        identity,
        source,
        "CHECKPOINT",
        deadline.saturating_duration_since(Instant::now()),
        interrupted,
    )?;
    Ok(Quiesced::Checkpointed)
}

/// Every name with its schema: the owner of a database of the source may have put another one in front by its search
/// path, which would act with the rights of whom `source` names.
///
/// A standby says how far it has replayed, and its checkpoint begins where the branch's recovery will.
const WAITING_WAL: &str = "SELECT pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() \
    THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END, redo_lsn)::pg_catalog.int8 \
    FROM pg_catalog.pg_control_checkpoint()";

/// The client of the server's version, from where the server is.
fn client(identity: &Identity, source: &str) -> Result<Invocation, String> {
    let client = identity.client();
    match &identity.rootfs {
        None => {
            let run = as_account(&identity.account).map_err(|missing| missing.to_string())?;
            Ok(run.arg(client))
        }
        Some(path) => {
            let rootfs = Rootfs::open(path).map_err(|error| error.to_string())?;
            let run = rootfs.run(&identity.account, &client, &way_to(source));
            run.map_err(|error| error.to_string())
        }
    }
}

/// What a client must see of this host to reach a source.
fn way_to(source: &str) -> Sees {
    let config = source.parse::<postgres::Config>().unwrap_or_default();
    let hosts = config.get_hosts();
    let directory = |host: &Host| match host {
        Host::Unix(directory) => Some(directory.clone()),
        Host::Tcp(_) => None,
    };
    let directories: Vec<PathBuf> = hosts.iter().filter_map(directory).collect();
    Sees {
        network: directories.len() < hosts.len() || !config.get_hostaddrs().is_empty(),
        directories: if hosts.is_empty() {
            USUAL_SOCKETS.map(PathBuf::from).into()
        } else {
            directories
        },
    }
}

fn ask(
    setup: &ServiceSetup,
    identity: &Identity,
    source: &str,
    sql: &str,
    limit: Duration,
    interrupted: &AtomicBool,
) -> Result<String, EngineError> {
    let failed = |fault: String| EngineError::Server {
        service: setup.name.clone(),
        action: "preparing the source".to_owned(),
        fault: fault.into(),
    };
    let run = client(identity, source)
        .map_err(failed)?
        .args([
            "--no-psqlrc",
            "--no-password",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
        ])
        .arg(format!("--dbname={source}"))
        .arg(format!("--command={sql}"))
        .env("PGCONNECT_TIMEOUT", limit.as_secs().clamp(2, 30).to_string())
        .env("PGAPPNAME", "envclone")
        .timeout(limit)
        .run_until(interrupted);
    match run {
        Ok(output) => Ok(output.text()),
        Err(crate::exec::ExecError::Timeout { .. }) => Err(EngineError::SourceSilent {
            service: setup.name.clone(),
            limit,
        }),
        Err(crate::exec::ExecError::Failed { status, .. }) => {
            Err(failed(format!("psql ended with {status}")))
        }
        Err(other) => Err(failed(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_a_root_file_system_sees_the_way_to_the_source_and_nothing_else() {
        let by_socket = way_to("postgres:///shop?host=/srv/sock&user=postgres");
        assert_eq!(by_socket.directories, [PathBuf::from("/srv/sock")]);
        assert!(!by_socket.network);
        let by_network = way_to("postgres://db.internal/shop");
        assert!(by_network.directories.is_empty() && by_network.network);
        assert!(way_to("hostaddr=192.0.2.1 dbname=shop").network);
        let usual = way_to("postgres:///shop");
        assert_eq!(usual.directories, USUAL_SOCKETS.map(PathBuf::from));
        assert!(!usual.network);
    }
}
