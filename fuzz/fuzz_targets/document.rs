// Shared by the targets of document forms: what is kept stays byte by byte, what is replaced still parses.

use envclone::sanitize::key::MaskingKey;
use envclone::sanitize::transform::{Column, ColumnDefault, Spec, Transform, compile};

fn made(name: &str, params: &str) -> Box<dyn Transform> {
    let spec = Spec {
        name: name.to_owned(),
        params: params.parse().unwrap(),
    };
    let column = Column {
        type_name: "text".to_owned(),
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
