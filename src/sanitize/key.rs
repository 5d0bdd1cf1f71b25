//! The masking key, and the canonical forms that make one value give one fake everywhere.
//!
//! A fake is drawn from HMAC-SHA256 over the kind of value and its canonical form, so it does not depend on the
//! column, the service or the transform that the value came from, and joins survive. It is pseudonymizing: who
//! holds the key can check guesses. The key never enters a branch.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use zeroize::{Zeroize, Zeroizing};

use crate::model::BranchId;

/// What a value is; the same text as another kind gives an unrelated digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An e-mail address; canonical form by [`email`].
    Email,
    /// A given name; canonical form by [`name`].
    FirstName,
    /// A family name; canonical form by [`name`].
    LastName,
    /// A person by a key of the data; canonical form: what the key is of, NUL, the key without white space around it.
    Person,
    /// An address by a key of the data; canonical form as of [`Self::Person`].
    Address,
    /// A telephone number; canonical form: digits, international where the country is known.
    Phone,
    /// A UUID; canonical form: 32 lower-case hexadecimal digits.
    Uuid,
    /// Prose; canonical form: the exact text.
    Text,
    /// Anything replaced by a code; canonical form: the exact text.
    Opaque,
    /// A login name; canonical form by [`email`].
    Username,
    /// A company's name; canonical form by [`name`].
    Company,
    /// An IBAN; canonical form: capitals and digits only.
    Iban,
    /// A payment card's number; canonical form: digits.
    Card,
    /// A number that a state gives to a person; canonical form: capitals and digits only.
    NationalId,
    /// An address of a host or a network; canonical form: as the standard library writes it.
    Ip,
    /// A hardware address; canonical form: lower-case hexadecimal digits.
    Mac,
    /// The name of a host; canonical form: lower case.
    Host,
    /// What is replaced by one of a list; canonical form: the exact text.
    Choice,
    /// A number; canonical form: the exact text.
    Number,
    /// A day; canonical form: days since 1970-01-01.
    Day,
    /// Not a value: what a permutation is drawn from; canonical form: its range and domain.
    Permutation,
    /// Not a value: by how many days dates move; canonical form: the domain.
    Shift,
    /// Not a value: which originals are searched for.
    Needle,
}

impl Kind {
    /// No tag holds a NUL, so tag + NUL + text can be split in one way only.
    fn tag(self) -> &'static [u8] {
        match self {
            Self::Email => b"email\0",
            Self::FirstName => b"first-name\0",
            Self::LastName => b"last-name\0",
            Self::Person => b"person\0",
            Self::Address => b"address\0",
            Self::Phone => b"phone\0",
            Self::Uuid => b"uuid\0",
            Self::Text => b"text\0",
            Self::Opaque => b"opaque\0",
            Self::Username => b"username\0",
            Self::Company => b"company\0",
            Self::Iban => b"iban\0",
            Self::Card => b"card\0",
            Self::NationalId => b"national-id\0",
            Self::Ip => b"ip\0",
            Self::Mac => b"mac\0",
            Self::Host => b"host\0",
            Self::Choice => b"choice\0",
            Self::Number => b"number\0",
            Self::Day => b"day\0",
            Self::Permutation => b"permutation\0",
            Self::Shift => b"shift\0",
            Self::Needle => b"needle\0",
        }
    }
}

const BRANCH_TAG: &[u8] = b"branch-key\0";

/// The project's 32 secret bytes, wiped on drop; `Debug` hides them and there is no `Display`.
#[derive(Clone)]
pub struct MaskingKey([u8; Self::LEN]);

impl MaskingKey {
    /// Length of a key in bytes.
    pub const LEN: usize = 32;

    /// Wraps a key.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// A new key from the kernel's random numbers.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut key = Self([0; Self::LEN]);
        getrandom::fill(&mut key.0)?;
        Ok(key)
    }

    /// The bytes themselves, to be stored in the key file and nowhere else.
    pub fn reveal(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// A key that no two branches share, for `key-scope = "branch"`.
    #[must_use]
    pub fn for_branch(&self, branch: &BranchId) -> Self {
        let mut mac = self.mac();
        mac.update(BRANCH_TAG);
        mac.update(branch.as_str().as_bytes());
        Self(mac.finalize().into_bytes().into())
    }

    /// HMAC-SHA256 over kind and canonical form.
    pub fn digest(&self, kind: Kind, canonical: &str) -> [u8; 32] {
        self.digester(kind).digest(canonical)
    }

    /// The same for many values of one kind: the key schedule is done once.
    pub fn digester(&self, kind: Kind) -> Digester {
        let mut mac = self.mac();
        mac.update(kind.tag());
        Digester { mac }
    }

    fn mac(&self) -> Hmac<Sha256> {
        // HMAC pads a key to the block size with zeros; done here, the length cannot be wrong.
        let mut block = [0u8; 64];
        block[..Self::LEN].copy_from_slice(&self.0);
        let mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        block.zeroize();
        mac
    }
}

impl Drop for MaskingKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for MaskingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskingKey(…)")
    }
}

/// Digests of one kind of value. Holds key material: keep it as short as the key.
#[derive(Clone)]
pub struct Digester {
    mac: Hmac<Sha256>,
}

impl Digester {
    /// The digest of a canonical form.
    pub fn digest(&self, canonical: &str) -> [u8; 32] {
        self.attempt(canonical, 0)
    }

    /// The digest for a further attempt, when the fake of the one before could not be used. Attempt 0 is
    /// [`Self::digest`]; later ones follow the text by a NUL, which no PostgreSQL text holds.
    pub fn attempt(&self, canonical: &str, attempt: u8) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(canonical.as_bytes());
        if attempt > 0 {
            mac.update(&[0, attempt]);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester(…)")
    }
}

/// Calls `then` with the canonical form of an e-mail address: trimmed, lower case, NFC.
///
/// Trimmed, because the spaces around an address are typing errors and `char(n)` pads with them. The local part is folded
/// too: it may differ by case in the standard's letter, but no provider of note tells such addresses apart.
pub fn email<T>(value: &str, then: impl FnOnce(&str) -> T) -> T {
    let value = value.trim();
    let mut buffer = [0u8; 128];
    match ascii_lower(value, &mut buffer) {
        Some(lower) => then(lower),
        None => then(&Zeroizing::new(value.to_lowercase().nfc().collect::<String>())),
    }
}

/// Calls `then` with the canonical form of a name: NFC, case folded, runs of white space as one space, trimmed.
///
/// Folding is upper then lower case, which makes ß and SS, ς and σ the same.
pub fn name<T>(value: &str, then: impl FnOnce(&str) -> T) -> T {
    let value = value.trim();
    let mut buffer = [0u8; 128];
    let single_spaced = !value.contains("  ") && !value.contains(|c: char| c.is_whitespace() && c != ' ');
    match single_spaced.then(|| ascii_lower(value, &mut buffer)).flatten() {
        Some(lower) => then(lower),
        None => then(&Zeroizing::new(folded(value))),
    }
}

fn folded(value: &str) -> String {
    let mut spaced = String::with_capacity(value.len());
    for word in value.split_whitespace() {
        if !spaced.is_empty() {
            spaced.push(' ');
        }
        spaced.push_str(word);
    }
    let lower = spaced.to_uppercase().to_lowercase();
    spaced.zeroize();
    match is_nfc_quick(lower.chars()) {
        IsNormalized::Yes => lower,
        _ => lower.nfc().collect(),
    }
}

/// The lower-case form of a short ASCII text, in the buffer: nearly every value, and no allocation.
fn ascii_lower<'b>(value: &str, buffer: &'b mut [u8; 128]) -> Option<&'b str> {
    let lower = buffer.get_mut(..value.len())?;
    if !value.is_ascii() {
        return None;
    }
    lower.copy_from_slice(value.as_bytes());
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hex;

    fn key() -> MaskingKey {
        MaskingKey::from_bytes([7; 32])
    }

    fn of_email(value: &str) -> [u8; 32] {
        email(value, |canonical| key().digest(Kind::Email, canonical))
    }

    fn of_name(value: &str) -> String {
        name(value, str::to_owned)
    }

    #[test]
    fn a_digest_is_hmac_sha256_of_tag_and_text_and_never_changes() {
        // printf 'email\0a@b.example' | openssl dgst -sha256 -mac hmac -macopt hexkey:0707…07
        let digest = key().digest(Kind::Email, "a@b.example");
        assert_eq!(hex(&digest), GOLDEN);
    }
    const GOLDEN: &str = "d7dab184739edf4a9dd90fe9b61458b8eb9330cebb0d8fc3e36d54fe58a99fec";

    #[test]
    fn kinds_and_branches_give_unrelated_digests() {
        let digests = [
            key().digest(Kind::Email, "x"),
            key().digest(Kind::Opaque, "x"),
            key()
                .for_branch(&"00000001".parse().unwrap())
                .digest(Kind::Email, "x"),
            key()
                .for_branch(&"00000002".parse().unwrap())
                .digest(Kind::Email, "x"),
            key().digester(Kind::Email).attempt("x", 1),
        ];
        for (at, one) in digests.iter().enumerate() {
            assert!(!digests[at + 1..].contains(one));
        }
    }

    #[test]
    fn one_address_has_one_canonical_form() {
        let plain = of_email("jos\u{e9}@example.com");
        assert_eq!(plain, of_email(" Jose\u{301}@EXAMPLE.com\t"));
        assert_eq!(of_email("a@b.example"), of_email("A@B.Example "));
        assert_ne!(of_email("a@b.example"), of_email("b@b.example"));
    }

    #[test]
    fn one_name_has_one_canonical_form() {
        assert_eq!(of_name("  Anna   MARIA\u{a0}Groß "), "anna maria gross");
        assert_eq!(of_name("ANNA MARIA GROSS"), "anna maria gross");
        assert_eq!(of_name("Zoe\u{308}"), of_name("Zo\u{eb}"));
        assert_eq!(of_name("ΝΊΚΟΣ"), of_name("νίκος"));
        assert_eq!(of_name(&"x ".repeat(300)), "x ".repeat(300).trim());
    }

    #[test]
    fn debug_hides_the_key() {
        let key = MaskingKey::from_bytes([0x5a; 32]);
        assert_eq!(
            format!("{key:?} {:?}", key.digester(Kind::Text)),
            "MaskingKey(…) Digester(…)"
        );
    }
}
