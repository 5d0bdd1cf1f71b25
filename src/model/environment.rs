//! Environments: their type and state.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::EnvName;

/// What an environment is for. envclone makes no `production`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvType {
    /// The original: declared in the configuration, never made or changed by envclone.
    Production,
    /// A shared copy before production.
    Staging,
    /// Anything else; the default of a new branch.
    Development,
}

impl fmt::Display for EnvType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Development => "development",
        })
    }
}

/// The text is no environment type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no environment type; use staging or development")]
pub struct EnvTypeError(String);

impl FromStr for EnvType {
    type Err = EnvTypeError;
    fn from_str(text: &str) -> Result<Self, EnvTypeError> {
        match text {
            "production" => Ok(Self::Production),
            "staging" => Ok(Self::Staging),
            "development" => Ok(Self::Development),
            other => Err(EnvTypeError(other.to_owned())),
        }
    }
}

/// Where an environment stands.
///
/// ```text
/// creating ──> sealed ──> ready <──> stopped
///     └──────────┴──> failed (something is left; destroy it)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvState {
    /// A run is making it.
    Creating,
    /// It exists, but no receipt does: nobody gets in.
    Sealed,
    /// Published.
    Ready,
    /// Published before; its memory is released, its data kept.
    Stopped,
    /// A run failed and could not undo everything.
    Failed,
    /// Past its end of life.
    Expired,
}

impl fmt::Display for EnvState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Creating => "creating",
            Self::Sealed => "sealed",
            Self::Ready => "ready",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Expired => "expired",
        })
    }
}

/// An environment as every JSON document shows it (docs/json-output.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Its name.
    pub name: EnvName,
    /// The environment it was branched from; production has none.
    pub parent: Option<EnvName>,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: EnvType,
    /// Where it stands.
    pub state: EnvState,
    /// Whether its personal data was replaced and that was proved.
    pub sanitized: bool,
    /// When it was made, RFC 3339 in UTC; production has none.
    pub created_at: Option<jiff::Timestamp>,
    /// When it expires.
    pub expires_at: Option<jiff::Timestamp>,
    /// Why it is stopped, where nobody asked for that.
    #[serde(default)]
    pub stopped_because: Option<String>,
}
