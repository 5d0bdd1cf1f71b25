//! What may be told of how a server failed to answer.

use std::fmt;

/// Why a server did not do what it was asked to, in words that hold no value of a row; with its own code, where it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    code: Option<String>,
    text: String,
}

impl Fault {
    /// The server said so itself, by this code; `text` is what is shown, the code included.
    pub fn answer(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            code: Some(code.into()),
            text: text.into(),
        }
    }

    /// The server's own code, as its engine writes codes.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Whether the code begins with this: engines number what belongs together alike.
    pub fn is(&self, code: &str) -> bool {
        self.code().is_some_and(|own| own.starts_with(code))
    }
}

/// No answer of the server's.
impl From<String> for Fault {
    fn from(text: String) -> Self {
        Self { code: None, text }
    }
}

impl From<&str> for Fault {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
