//! Identifiers that envclone makes: runs and branches.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An identifier is not of the expected number of lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an identifier of {digits} hexadecimal digits")]
pub struct IdError {
    text: String,
    digits: usize,
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $type:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// A new one, from the kernel's random numbers.
            ///
            /// # Errors
            /// When the kernel gives none.
            pub fn random() -> Result<Self, getrandom::Error> {
                let mut bytes = [0u8; $bytes];
                getrandom::fill(&mut bytes)?;
                Ok(Self(super::hex(&bytes)))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let digits = $bytes * 2;
                let hexadecimal = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
                if text.len() == digits && text.bytes().all(hexadecimal) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError { text: text.to_owned(), digits })
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(id: $type) -> String {
                id.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

hex_id!(
    /// One run of a changing command; names its journal and its place in `incoming/`.
    RunId, 8
);
hex_id!(
    /// One branch for as long as it exists, across stops and starts; names its directory below
    /// `/run/envclone`, and is short because a Unix socket's path has at most 107 bytes.
    BranchId, 4
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_ids_parse_back_and_foreign_text_does_not() {
        let id = BranchId::random().unwrap();
        assert_eq!(id.as_str().parse::<BranchId>().unwrap(), id);
        assert!("../../ab".parse::<BranchId>().is_err());
        assert!("ABCDEF01".parse::<BranchId>().is_err());
    }
}
