//! A text that must not be shown.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// A password or key. `Debug` shows dots, there is no `Display`, and the memory is wiped on drop.
///
/// It serializes as its text, for the state files (root's, 0600) and for URLs in JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// A new password of 24 letters and digits (142 bits): safe in a URL without escaping.
    ///
    /// # Errors
    /// When the kernel gives no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut text = String::with_capacity(24);
        let mut bytes = [0u8; 64];
        while text.len() < 24 {
            getrandom::fill(&mut bytes)?;
            // 248 = 4 * 62: bytes above it would make some letters likelier than others.
            let fair = bytes.iter().filter(|byte| **byte < 248);
            text.extend(
                fair.map(|byte| char::from(ALPHABET[usize::from(byte % 62)]))
                    .take(24 - text.len()),
            );
        }
        bytes.zeroize();
        Ok(Self(text))
    }

    /// The text itself. Never for argv, logs or errors.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_text() {
        let secret = Secret::random().unwrap();
        assert_eq!(secret.reveal().len(), 24);
        assert!(!format!("{secret:?}").contains(secret.reveal()));
    }
}
