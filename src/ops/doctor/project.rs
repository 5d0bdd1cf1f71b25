//! What the project declares: rules, key, pool, roots, servers.

use super::{Problem, chain};
use crate::ops::App;
use crate::ops::fit::fits;
use crate::state::KeyError;
use crate::storage::{PoolError, Pools, StorageError};

pub(super) fn check(app: &App) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Err(error) = app.rules() {
        let fix = "envclone sanitize check";
        problems.push(Problem::new(
            "rules",
            app.config.path().display(),
            chain(&error),
            fix,
        ));
    }
    if let Err(error) = app.store.key() {
        let fix = match error {
            KeyError::Missing { .. } => "envclone init".to_owned(),
            _ => format!(
                "chown root: {0} && chmod 0600 {0}",
                app.store.layout().key().display()
            ),
        };
        problems.push(Problem::new(
            "key",
            app.store.layout().key().display(),
            chain(&error),
            fix,
        ));
    }
    match app.storage.usage() {
        Ok(_) => {
            problems.extend(check_reserve(app));
            problems.extend(check_roots(app));
            problems.extend(check_servers(app));
        }
        Err(error) => problems.push(unusable_pool(app, &error)),
    }
    problems
}

fn unusable_pool(app: &App, error: &StorageError) -> Problem {
    let pool = app.pool();
    let state = &app.config.storage().state;
    let recorded = |pools: Pools| -> Result<bool, PoolError> {
        Ok(pools.list()?.iter().any(|record| record.path == pool))
    };
    let ours = Pools::open(state, crate::config::Trust::root()).and_then(recorded);
    let fix = match (app.storage.advice().mend(pool, error), ours) {
        (Some(fix), _) => fix,
        (None, Ok(true)) => "envclone start --all".to_owned(),
        (None, _) => format!("mount it, or: envclone pool create {} --size N", pool.display()),
    };
    Problem::new("pool", pool.display(), chain(error), fix)
}

fn check_reserve(app: &App) -> Option<Problem> {
    let error = app.refuse_without_room().err()?;
    let fix = "envclone list, then envclone destroy what is not needed";
    Some(Problem::new(
        "pool-reserve",
        app.pool().display(),
        chain(&error),
        fix,
    ))
}

fn check_roots(app: &App) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, environment) in app.config.environments() {
        match app.storage.inspect(&environment.root) {
            Ok(facts) => problems.extend(facts.warnings.into_iter().map(|warning| {
                let fix = "chattr -C its directory and copy the file anew, with the server stopped";
                Problem::new("nocow", name, warning, fix)
            })),
            Err(error) => {
                let mended = app.storage.advice().mend(&environment.root, &error);
                let fix = mended
                    .unwrap_or_else(|| format!("mend it, or name another root for [environments.{name}]"));
                problems.push(Problem::new(
                    "root",
                    environment.root.display(),
                    chain(&error),
                    fix,
                ));
            }
        }
    }
    problems
}

/// Whether there is a server for the data of each service.
fn check_servers(app: &App) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, environment) in app.config.environments() {
        // A root that cannot be looked at is a problem of its own.
        if app.storage.inspect(&environment.root).is_err() {
            continue;
        }
        for setup in app.setups(name).into_iter().flatten() {
            if let Err(error) = fits(&environment.root, &setup) {
                let fix = format!("do what the message says, or correct [services.{}]", setup.name);
                problems.push(Problem::new("server", &setup.name, chain(&error), fix));
            }
        }
    }
    problems
}
