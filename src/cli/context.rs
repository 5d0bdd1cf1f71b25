//! From the global options to what a command works with.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;

use crate::config::{Config, ConfigError, Trust};
use crate::ops::{App, OpsError};
use crate::runtime::Sandboxed;
use crate::state::{Layout, Store};
use crate::storage::Pools;

use super::{CommandError, Global, report};

/// Loads the configuration and opens state, storage and runtime. Only root may.
pub(super) fn app(global: &Global, command: &str) -> Result<App, CommandError> {
    need_root()?;
    let mut app = open_deferred(global, command)?;
    app.storage = App::open_storage(&app.config)?;
    Ok(app)
}

/// Runs a command that changes something. What dead runs have left that it could not undo is told in the end, whether it
/// did its own work or not.
pub(super) fn changing(
    global: &Global,
    command: &str,
    act: impl FnOnce(&App) -> Result<ExitCode, CommandError>,
) -> Result<ExitCode, CommandError> {
    let app = app(global, command)?;
    let ended = act(&app);
    match app.left_behind() {
        None => ended,
        Some(left) => Err(CommandError::also(left, ended.err())),
    }
}

/// As [`app`], for commands that only read: the pool is not looked at before it is needed, and need not be mounted.
pub(super) fn reader(global: &Global, command: &str) -> Result<App, CommandError> {
    need_root()?;
    Ok(open_deferred(global, command)?)
}

/// As [`reader`], for who wants to look at the error.
pub(super) fn open_deferred(global: &Global, command: &str) -> Result<App, OpsError> {
    let config = App::located(Config::load(&global.config)?)?;
    let layout = Layout {
        state_dir: config.storage().state.clone(),
        run_dir: config.storage().run.clone(),
        project: config.project().clone(),
    };
    let program = std::env::current_exe().map_err(|source| OpsError::Io {
        action: "finding",
        path: PathBuf::from("/proc/self/exe"),
        source,
    })?;
    let runtime = Sandboxed::new(layout.run_dir.clone(), layout.logs_dir(), program);
    let store = Store::open(layout)?
        .describing(command)
        .with_pool(&config.storage().pool);
    let storage = App::defer_storage(&config);
    Ok(App {
        config,
        store,
        storage,
        runtime: Box::new(runtime),
        left: Mutex::default(),
    })
}

/// Whether the caller is root.
pub(super) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Only root may make snapshots, namespaces and mounts.
pub(super) fn need_root() -> Result<(), CommandError> {
    if is_root() {
        Ok(())
    } else {
        Err(CommandError::forbidden("envclone needs root", "run it with sudo"))
    }
}

/// The state directory of the configuration, or the default one where there is no configuration yet.
pub(super) fn state_dir(global: &Global) -> Result<PathBuf, CommandError> {
    match Config::load(&global.config) {
        Ok(config) => Ok(config.storage().state.clone()),
        Err(ConfigError::Missing { .. }) => Ok(PathBuf::from(Config::DEFAULT_STATE)),
        Err(error) => Err(error.into()),
    }
}

/// Mounts the pools in files that `envclone pool create` made. One that fails does not keep the others from it.
pub(super) fn mount_pools(global: &Global) -> Result<(), CommandError> {
    let config = Config::load(&global.config)?;
    let pools = Pools::open(&config.storage().state, Trust::root())?;
    for pool in pools.mount_all()? {
        if let Err(error) = pool.mounted {
            report::print(&error.into(), global.json);
        }
    }
    Ok(())
}
