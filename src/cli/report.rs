//! How a failure is told: `error:`, `caused by:`, `hint:`, once, and the exit code.

use std::error::Error;
use std::process::ExitCode;

use serde_json::json;

use super::output;
use crate::exec::{ExecError, ToolMissing, package_of};
use crate::ops::OpsError;
use crate::sanitize::service::ServiceError;
use crate::state::LockError;
use crate::storage::StorageError;

/// A failed command.
#[derive(Debug)]
pub struct CommandError {
    code: u8,
    error: anyhow::Error,
    hint: Option<String>,
    left: Vec<String>,
}

impl CommandError {
    /// Something that should not happen.
    pub(super) fn internal(error: impl Error + Send + Sync + 'static) -> Self {
        Self {
            code: 1,
            error: error.into(),
            hint: None,
            left: Vec::new(),
        }
    }

    /// What dead runs have left, told with what the command itself failed of.
    pub(super) fn also(left: OpsError, failed: Option<Self>) -> Self {
        let left = Self::from(left);
        let Some(failed) = failed else {
            return left;
        };
        Self {
            code: left.code,
            hint: failed.hint.or(left.hint),
            left: failed.left.into_iter().chain(left.left).collect(),
            error: failed.error,
        }
    }

    /// A mistake of the command line.
    pub(super) fn usage(message: String) -> Self {
        Self {
            code: 2,
            error: anyhow::Error::msg(message),
            hint: None,
            left: Vec::new(),
        }
    }

    /// Not permitted.
    pub(super) fn forbidden(message: &'static str, hint: &str) -> Self {
        Self {
            code: 3,
            error: anyhow::Error::msg(message),
            hint: Some(hint.to_owned()),
            left: Vec::new(),
        }
    }
}

impl<E: Into<OpsError>> From<E> for CommandError {
    fn from(error: E) -> Self {
        let error: OpsError = error.into();
        Self {
            code: error.exit_code(),
            left: error.left(),
            hint: hint(&error),
            error: error.into(),
        }
    }
}

const ROOM: &str = "`envclone list` shows branches that could be destroyed";

/// What to do next, where the message does not say it itself.
fn hint(error: &OpsError) -> Option<String> {
    if let Some(missing) = find::<ToolMissing>(error) {
        let package = package_of(&missing.program)?;
        return Some(format!("apt-get install {package}"));
    }
    let of_step = match error {
        OpsError::Saga(saga) => saga.cause.find(),
        other => Some(other),
    };
    if let Some(OpsError::NoRoom { .. } | OpsError::StoppedForRoom { .. } | OpsError::Full { .. }) = of_step {
        return Some(ROOM.to_owned());
    }
    match error {
        OpsError::Unclean { .. } => {
            return Some(
                "mend what the lines \"left behind\" say, then `envclone doctor --fix` tries again"
                    .to_owned(),
            );
        }
        OpsError::PoolInUse { branches: true, .. } => {
            return Some("`envclone list` names the branches; destroy them first".to_owned());
        }
        OpsError::PoolInUse { branches: false, .. } => {
            return Some("`--delete-data` removes it with all that it holds".to_owned());
        }
        OpsError::Lock(LockError::Held { .. }) => {
            return Some("`--lock-timeout 1m` waits for it".to_owned());
        }
        _ => {}
    }
    match find::<StorageError>(error)? {
        StorageError::NotAPool { driver: "zfs", .. } => {
            Some("name a dataset as the pool, or choose driver = \"auto\"".to_owned())
        }
        StorageError::NotAPool { .. } | StorageError::NoDriver { .. } => {
            Some("`envclone pool create PATH --size N` makes a pool in a file".to_owned())
        }
        StorageError::NotARoot { .. } => Some(
            "an environment's root must be one Btrfs subvolume (`btrfs subvolume create PATH`), or the mount point of a ZFS dataset".to_owned(),
        ),
        StorageError::Nested { .. } => {
            Some("make the nested subvolumes plain directories of the root".to_owned())
        }
        StorageError::Mixed { found: "ZFS", .. } => {
            Some("choose a dataset of the root's zpool as the pool".to_owned())
        }
        StorageError::OtherFilesystem { .. } | StorageError::Mixed { .. } => {
            Some("choose a pool on the filesystem of the root".to_owned())
        }
        StorageError::NoSpace { .. } => Some(ROOM.to_owned()),
        _ => None,
    }
}

/// The first error of type `E` in the chain, also within one that only passes it on.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        let mut link = Some(error);
        while let Some(error) = link {
            if let Some(found) = error.downcast_ref::<E>() {
                return Some(found);
            }
            link = passed_on(error);
        }
        next = error.source();
    }
    None
}

/// What a transparent error holds: its `source` is already the next link.
fn passed_on<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(error) = error.downcast_ref::<OpsError>() {
        return match error {
            OpsError::Storage(inner) => Some(inner),
            OpsError::Runtime(inner) => Some(inner),
            OpsError::Service(inner) => Some(inner),
            _ => None,
        };
    }
    if let Some(error) = error.downcast_ref::<ServiceError>() {
        return match error {
            ServiceError::Engine(inner) => Some(inner),
            ServiceError::Runtime(inner) => Some(inner),
            _ => None,
        };
    }
    match error.downcast_ref::<ExecError>()? {
        ExecError::Missing(inner) => Some(inner),
        _ => None,
    }
}

/// The chain without links that only repeat the one before.
fn causes(error: &anyhow::Error) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for link in error.chain() {
        let text = link.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
    }
    texts.remove(0);
    texts
}

/// What is wrong, without usage and tips.
fn first_paragraph(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let lines: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// Tells a failure on stderr.
pub(super) fn print(error: &CommandError, as_json: bool) -> ExitCode {
    let message = error.error.to_string();
    let causes = causes(&error.error);
    if as_json {
        let document = json!({ "error": {
            "code": error.code, "message": message, "causes": causes, "hint": error.hint, "left": error.left,
        }});
        output::say(&document.to_string());
        return ExitCode::from(error.code);
    }
    output::say(&format!("error: {message}"));
    for cause in causes {
        output::say(&format!("caused by: {cause}"));
    }
    for left in &error.left {
        output::say(&format!("left behind: {left}"));
    }
    if let Some(hint) = &error.hint {
        output::say(&format!("hint: {hint}"));
    }
    ExitCode::from(error.code)
}

/// Help and version are data; a wrong command line is usage.
pub(super) fn usage(error: &clap::Error, as_json: bool) -> ExitCode {
    if error.use_stderr() && as_json {
        return print(&CommandError::usage(first_paragraph(&error.to_string())), true);
    }
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::RuntimeError;

    #[test]
    fn a_hint_is_found_within_errors_that_only_pass_another_on() {
        let missing = ToolMissing {
            program: "bwrap".to_owned(),
        };
        let error = OpsError::from(RuntimeError::Exec(missing.into()));
        assert_eq!(hint(&error).as_deref(), Some("apt-get install bubblewrap"));
        let error = OpsError::from(StorageError::NoSpace { pool: "/srv".into() });
        assert_eq!(hint(&error).as_deref(), Some(ROOM));
    }
}
