//! The hash of everything that decides what a branch may show.

use sha2::{Digest, Sha256};

use super::parts::Parts;
use crate::model::hex;

/// `sha256:` and the hash of rules, SQL, and what the file says about sanitizing and about services.
///
/// Left out is what changes no outcome: where files and programs lie, how fast it writes, how the original is asked, as
/// whom envclone seals.
pub(super) fn hash<'a>(parts: &Parts, texts: impl Iterator<Item = (&'static str, &'a str)>) -> String {
    let mut sanitize = parts.sanitize.clone();
    sanitize.max_write_rate = None;
    sanitize.rules.clear();
    sanitize.after.clear();
    let mut services = parts.services.clone();
    for service in services.values_mut() {
        service.source = None;
        service.durable = false;
        service.programs = None;
        service.rootfs = None;
        service.superuser = None;
    }
    let mut hasher = Sha256::new();
    let mut add = |kind: &str, bytes: &[u8]| {
        // Lengths keep two texts from being taken for another two.
        hasher.update(format!("{kind} {}\n", bytes.len()).as_bytes());
        hasher.update(bytes);
    };
    add("policy", b"1");
    // Maps are sorted by key, so the same configuration is the same text.
    add("sanitize", &serde_json::to_vec(&sanitize).unwrap_or_default());
    add("services", &serde_json::to_vec(&services).unwrap_or_default());
    for (kind, text) in texts {
        add(kind, text.as_bytes());
    }
    format!("sha256:{}", hex(&hasher.finalize()))
}
