//! Why a rule's transform cannot be made for a column.

use super::{ALL, Entry};
use crate::sanitize::nearest::nearest;

/// Why a rule cannot apply; found before any row is touched. The caller names the column and the rule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No transform of that name.
    #[error("there is no transform {name:?}{}", did_you_mean(nearest.as_deref(), &known()))]
    Transform {
        /// As given.
        name: String,
        /// The name that was perhaps meant.
        nearest: Option<String>,
    },
    /// The transform has no parameter of that name.
    #[error("{transform} has no parameter {param:?}{}", did_you_mean(nearest.as_deref(), known))]
    Param {
        /// Name of the transform.
        transform: &'static str,
        /// As given.
        param: String,
        /// The name that was perhaps meant.
        nearest: Option<String>,
        /// What there is, for the message.
        known: String,
    },
    /// A parameter that must be given is not there.
    #[error("{transform} needs the parameter {param}: {expected}")]
    Missing {
        /// Name of the transform.
        transform: &'static str,
        /// Name of the parameter.
        param: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A parameter of the wrong type or value.
    #[error("parameter {param} of {transform} must be {expected}")]
    Value {
        /// Name of the transform.
        transform: &'static str,
        /// Name of the parameter.
        param: &'static str,
        /// What it must be.
        expected: String,
    },
    /// The transform does not take columns of this type.
    #[error("{transform} takes columns of type {accepts}, not {type_name}")]
    Type {
        /// Name of the transform.
        transform: &'static str,
        /// Type of the column.
        type_name: String,
        /// Types that it takes.
        accepts: String,
    },
    /// NULL into a NOT NULL column.
    #[error("{transform} gives NULL, which the column refuses (NOT NULL); {instead}")]
    NotNull {
        /// Name of the transform.
        transform: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// A DEFAULT that cannot be written to every row.
    #[error("{transform} gives every row the column's DEFAULT, {why}")]
    Default {
        /// Name of the transform.
        transform: &'static str,
        /// What is wrong with it, and what to do.
        why: &'static str,
    },
    /// Equal values into a unique column.
    #[error("{transform} {why}, but the column is unique; {instead}")]
    Unique {
        /// Name of the transform.
        transform: &'static str,
        /// What it does to values.
        why: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// A fake cannot keep what the rule asks for.
    #[error("{transform} cannot preserve {word} in a column of type {type_name}: {why}")]
    Preserve {
        /// Name of the transform.
        transform: &'static str,
        /// What the rule asks for.
        word: &'static str,
        /// Type of the column.
        type_name: String,
        /// Why not, and what can.
        why: String,
    },
    /// A rule inside the transform's rule cannot apply.
    #[error("{transform}, {at}: {message}")]
    Rule {
        /// Name of the transform.
        transform: &'static str,
        /// Where in the rule: a path, or a key.
        at: String,
        /// What is wrong there.
        message: String,
    },
    /// The column is too short for a fake.
    #[error("{transform} needs {needs} characters here, the column holds {max_chars}; {instead}")]
    Length {
        /// Name of the transform.
        transform: &'static str,
        /// Characters that are needed.
        needs: usize,
        /// Characters that there are.
        max_chars: u32,
        /// What to do.
        instead: &'static str,
    },
}

impl SpecError {
    /// That there is no transform of this name, with the one that was perhaps meant.
    pub fn unknown_transform(name: &str) -> Self {
        Self::Transform {
            name: name.to_owned(),
            nearest: nearest(name, ALL.iter().map(|entry| entry.name)).map(str::to_owned),
        }
    }

    pub(super) fn unknown_param(entry: &Entry, param: &str) -> Self {
        let names = || entry.params.iter().map(|known| known.name);
        Self::Param {
            transform: entry.name,
            param: param.to_owned(),
            nearest: nearest(param, names()).map(str::to_owned),
            known: match names().collect::<Vec<_>>().join(", ") {
                none if none.is_empty() => "it has none".to_owned(),
                names => format!("it has: {names}"),
            },
        }
    }
}

fn known() -> String {
    let names: Vec<&str> = ALL.iter().map(|entry| entry.name).collect();
    format!("there are: {}", names.join(", "))
}

fn did_you_mean(nearest: Option<&str>, known: &str) -> String {
    match nearest {
        Some(name) => format!("; did you mean {name:?}?"),
        None => format!("; {known}"),
    }
}
