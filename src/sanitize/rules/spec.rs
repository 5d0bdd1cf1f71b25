//! A transform as a rule names it.

use serde::{Deserialize, Serialize};

/// A transform and its parameters, not yet checked against a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// Its name.
    pub name: String,
    /// Its parameters.
    pub params: toml::Table,
}

/// The names of all transforms.
pub(super) const ALL: [&str; 7] = ["null", "fixed", "hmac", "email", "name", "phone", "text"];
