// Shared by the targets of document forms: what is kept stays byte by byte, what is replaced still parses.

use envclone::sanitize::key::MaskingKey;
use envclone::sanitize::transform::{Column, ColumnDefault, Spec, Transform, compile};

fn made(name: &str, params: &str) -> Box<dyn Transform> {
    made_for(name, params, "text")
}

fn made_for(name: &str, params: &str, type_name: &str) -> Box<dyn Transform> {
    let spec = Spec {
        name: name.to_owned(),
        params: params.parse().unwrap(),
    };
    let column = Column {
        type_name: type_name.to_owned(),
        max_chars: None,
        not_null: false,
        unique: false,
        default: ColumnDefault::None,
    };
    compile(&spec, &column, &MaskingKey::from_bytes([7; 32])).unwrap_or_else(|error| panic!("{error}"))
}

pub fn check(name: &str, value: &str) {
    let kept = made(name, "paths = {}\nunlisted = 'keep'");
    let mut out = String::new();
    let whole = kept.apply(value, &mut out).is_ok();
    assert!(!whole || out == value);
    for params in ["paths = {}", "paths = { '$..email' = 'email', '$.*' = 'hmac' }\nunlisted = 'redact'"] {
        let transform = made(name, params);
        let mut fake = String::new();
        if transform.apply(value, &mut fake).is_ok() {
            assert!(whole && kept.apply(&fake, &mut String::new()).is_ok());
        }
        transform.originals(value, &[], &mut |_| {});
    }
}

/// Documents that look like what they were: taken where JSON is, as long as they were, and JSON again.
#[allow(dead_code, reason = "one target calls it")]
pub fn like(value: &str) {
    let whole = made("json", "paths = {}\nunlisted = 'keep'").apply(value, &mut String::new()).is_ok();
    for params in ["", "names = 'all'"] {
        let transform = made_for("like", params, "json");
        let mut fake = String::new();
        match transform.apply(value, &mut fake) {
            Ok(_) => {
                assert!(whole);
                assert!(params != "" || fake.chars().count() == value.chars().count() || value.contains("\\"));
                assert!(transform.apply(&fake, &mut String::new()).is_ok());
            }
            Err(_) => assert!(!whole || value.trim().is_empty()),
        }
        transform.originals(value, &[], &mut |_| {});
    }
}
