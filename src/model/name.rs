//! Names of environments, services and projects: checked once, when they are parsed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a name was refused. The text says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("the {kind} name is empty")]
    Empty {
        /// `environment`, `service` or `project`.
        kind: &'static str,
    },
    /// Longer than the limit.
    #[error("the {kind} name {name:?} has {length} characters; at most {limit} are allowed")]
    TooLong {
        /// What is named.
        kind: &'static str,
        /// The name as given.
        name: String,
        /// Its length in characters.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A character outside of `[a-z0-9-]`.
    #[error("the {kind} name {name:?} holds {character:?}; only a-z, 0-9 and - are allowed")]
    Character {
        /// What is named.
        kind: &'static str,
        /// The name as given.
        name: String,
        /// The first character that is not allowed.
        character: char,
    },
    /// A hyphen at an end.
    #[error("the {kind} name {name:?} begins or ends with a hyphen")]
    Hyphen {
        /// What is named.
        kind: &'static str,
        /// The name as given.
        name: String,
    },
}

fn check(kind: &'static str, name: &str, limit: usize) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty { kind });
    }
    let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-';
    if let Some(character) = name.chars().find(|c| !allowed(c)) {
        return Err(NameError::Character {
            kind,
            name: name.to_owned(),
            character,
        });
    }
    let length = name.chars().count();
    if length > limit {
        return Err(NameError::TooLong {
            kind,
            name: name.to_owned(),
            length,
            limit,
        });
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(NameError::Hyphen {
            kind,
            name: name.to_owned(),
        });
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $limit:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                check($kind, name, $limit)?;
                Ok(Self(name.to_owned()))
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                name.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// The name of an environment: `[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?`.
    EnvName, "environment", 40
);
name_type!(
    /// The name of a service: as an environment's, at most 20 characters.
    ServiceName, "service", 20
);
name_type!(
    /// The name of a project: as an environment's.
    ProjectName, "project", 40
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_letters_digits_and_inner_hyphens_are_taken() {
        for name in ["a", "7", "fix-42", "a--b", &"x".repeat(40)] {
            assert_eq!(name.parse::<EnvName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn refused_names_say_why() {
        let say = |name: &str| name.parse::<EnvName>().unwrap_err().to_string();
        assert_eq!(say(""), "the environment name is empty");
        assert!(say("../../x").contains("holds '.'"));
        assert!(say("Fix_42").contains("holds 'F'"));
        assert!(say(&"x".repeat(41)).contains("has 41 characters; at most 40"));
        assert!(say("-a").contains("hyphen"));
        assert!(say("a\n").contains("holds '\\n'"));
        assert!("a".repeat(21).parse::<ServiceName>().is_err());
    }

    #[test]
    fn a_name_from_json_is_checked_too() {
        assert!(serde_json::from_str::<EnvName>("\"a/b\"").is_err());
    }
}
