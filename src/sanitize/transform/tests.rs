//! What holds for every transform, and what the tests of each share.

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

pub(super) fn key() -> MaskingKey {
    MaskingKey::from_bytes(*b"a masking key for tests, 32 byte")
}

pub(super) fn column(type_name: &str) -> Column {
    Column {
        type_name: type_name.to_owned(),
        max_chars: None,
        not_null: false,
        unique: false,
        default: ColumnDefault::None,
    }
}

pub(super) fn sized(max: u32) -> Column {
    Column {
        max_chars: Some(max),
        ..column(&format!("character varying({max})"))
    }
}

pub(super) fn spec(name: &str, params: &str) -> Spec {
    Spec {
        name: name.to_owned(),
        params: params.parse().unwrap(),
    }
}

pub(super) fn compiled(spec: &Spec, column: &Column) -> Box<dyn Transform> {
    compile(spec, column, &key()).unwrap()
}

pub(super) fn refused(spec: &Spec, column: &Column) -> SpecError {
    match compile(spec, column, &key()) {
        Ok(_) => panic!("{spec:?} was taken for {column:?}"),
        Err(error) => error,
    }
}

pub(super) fn masked(transform: &dyn Transform, value: &str) -> String {
    let mut out = String::from("before");
    assert_eq!(transform.apply(value, &mut out).unwrap(), Masked::Value);
    assert!(!transform.masks_null());
    out.strip_prefix("before").unwrap().to_owned()
}

#[test]
fn entries_are_sorted_and_found_by_name() {
    assert!(ALL.is_sorted_by_key(|entry| entry.name));
    assert!(
        ALL.iter()
            .all(|entry| find(entry.name).is_some_and(|found| found.name == entry.name))
    );
    assert!(
        ALL.iter()
            .all(|entry| !entry.summary.ends_with('.') && !entry.accepts.is_empty())
    );
}

#[test]
fn unknown_transforms_and_parameters_are_named_with_the_nearest() {
    let say = |rule: &Spec| refused(rule, &column("text")).to_string();
    let names = ALL.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ");
    assert_eq!(
        say(&Spec::named("emial")),
        "there is no transform \"emial\"; did you mean \"email\"?"
    );
    assert_eq!(
        say(&Spec::named("encrypt")),
        format!("there is no transform \"encrypt\"; there are: {names}")
    );
    assert_eq!(
        say(&spec("text", "moed = 'lorem'")),
        "text has no parameter \"moed\"; did you mean \"mode\"?"
    );
    assert_eq!(
        say(&spec("null", "x = 1")),
        "null has no parameter \"x\"; it has none"
    );
    assert_eq!(
        say(&spec("name", "part = 1")),
        "parameter part of name must be one of full, first, last"
    );
    assert_eq!(
        say(&spec("hmac", "length = '8'")),
        "parameter length of hmac must be a whole number from 1 to 51"
    );
}

#[test]
fn null_and_fixed_are_refused_where_they_break_the_column() {
    let not_null = Column {
        not_null: true,
        ..column("text")
    };
    assert_eq!(
        refused(&Spec::named("null"), &not_null).to_string(),
        "null gives NULL, which the column refuses (NOT NULL); use fixed, text or hmac"
    );
    let unique = Column {
        unique: true,
        ..column("text")
    };
    for rule in [Spec::named("null"), spec("fixed", "value = 'x'")] {
        assert!(matches!(refused(&rule, &unique), SpecError::Unique { .. }));
    }
    let mut out = String::new();
    assert_eq!(
        compiled(&Spec::named("null"), &column("jsonb")).apply("{}", &mut out),
        Ok(Masked::Null)
    );
    assert_eq!(out, "");
}

#[test]
fn types_that_a_transform_does_not_take_are_refused() {
    for (name, type_name) in [
        ("email", "jsonb"),
        ("name", "integer"),
        ("uuid", "bytea"),
        ("hmac", "text[]"),
    ] {
        let error = refused(&Spec::named(name), &column(type_name));
        assert!(matches!(error, SpecError::Type { .. }), "{error}");
    }
}

#[test]
fn another_key_gives_other_fakes() {
    let other = key().for_branch(&"0000000f".parse().unwrap());
    for name in ["email", "hmac", "name", "phone", "text"] {
        let one = masked(
            &*compiled(&Spec::named(name), &column("text")),
            "Xanthippe 0612345678",
        );
        let two = masked(
            &*compile(&Spec::named(name), &column("text"), &other).unwrap(),
            "Xanthippe 0612345678",
        );
        assert_ne!(one, two, "{name}");
    }
}

fn keyed() -> Vec<Spec> {
    vec![
        spec("email", ""),
        spec("email", "domain = 'example.net'"),
        spec("hmac", ""),
        spec("hmac", "encoding = 'hex'"),
        spec("name", ""),
        spec("name", "part = 'first'\nlocale = 'de'"),
        spec("name", "part = 'last'\nlocale = 'pt-br'"),
        spec("phone", ""),
        spec("phone", "country = 'FR'"),
        spec("text", ""),
        spec("text", "mode = 'lorem'"),
        spec("age-band", ""),
        spec("card", ""),
        spec("choice", "values = ['a', 'b', 'c']"),
        spec("company", ""),
        spec("company", "locale = 'fr'"),
        spec("date-shift", ""),
        spec("iban", ""),
        spec("ip", ""),
        spec("ip", "keep-prefix = true"),
        spec("like", ""),
        spec("mac", ""),
        spec("mask", "left = 1"),
        spec("national-id", "country = 'ES'"),
        spec("national-id", "country = 'FR'"),
        spec("regex-replace", "pattern = '[a-m]'\nreplace = 'xyz'"),
        spec("template", "value = '{letters:4}-{digits:4}'"),
        spec("truncate", "length = 5"),
        spec("url", ""),
        spec("username", ""),
    ]
}

/// Whether a value holds nothing that could be replaced (see each transform).
fn holds_nothing(value: &str) -> bool {
    !value.chars().any(char::is_alphanumeric)
}

fn values() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        any::<String>().prop_map(|text| text.replace('\0', "")),
        "[A-Za-z0-9._]{1,12}@[a-z]{1,8}\\.(com|example)",
        "\\+?[0-9 ().-]{1,20}",
        "[A-Z][a-z]{1,9} [A-Z][a-zé'-]{1,12}",
        "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]",
        "[1-9][0-9]{1,2}\\.[0-9]{1,3}\\.[0-9]{1,2}\\.[0-9]",
        "(https?://)?[a-z]{1,9}\\.fr(/[a-z0-9.?=&%]{0,12})?",
        "[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[0-9]{4} ?[0-9]{3,10}",
        "[0-9]{8,16}[A-Z]?",
        "[ \t]{0,2}[a-z]{1,5}[ \n]{0,2}",
        "[ -~]{0,3}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn fakes_are_the_same_each_time_and_never_the_original(value in values()) {
        for rule in keyed() {
            let column = column("text");
            let (one, two) = (compiled(&rule, &column), compiled(&rule, &column));
            let fake = masked(&*one, &value);
            prop_assert_eq!(&fake, &masked(&*two, &value));
            // What `like` leaves: an only 0, and letters that are alone of their class.
            let alone = rule.name == "like" && !value.chars().any(|c| matches!(c, '1'..='9' | 'A'..='Z' | 'a'..='z'));
            // Every host's own address is nobody's.
            let own = |text: &str| text.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified());
            let nobodys = rule.name == "ip" && own(value.trim());
            prop_assert!(fake != value || holds_nothing(&value) || alone || nobodys, "{:?} kept {:?}", rule, value);
        }
    }

    #[test]
    fn fakes_fit_the_column(value in values(), max in 1u32..60) {
        let value: String = value.chars().take(max as usize).collect();
        for rule in keyed() {
            let Ok(transform) = compile(&rule, &sized(max), &key()) else { continue };
            let fake = masked(&*transform, &value);
            prop_assert!(fake.chars().count() <= max as usize, "{:?} {:?} {:?}", rule, value, fake);
        }
    }
}

/// Two of a million values meet in 64 bits of hash with a chance of 3 in a hundred million.
fn hash(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn stays_different(rule: &Spec, column: &Column, values: impl Iterator<Item = String>) {
    let transform = compiled(rule, column);
    let mut seen = std::collections::HashSet::with_capacity(1 << 20);
    let mut fake = String::new();
    for value in values {
        fake.clear();
        assert_eq!(transform.apply(&value, &mut fake), Ok(Masked::Value));
        assert!(seen.insert(hash(&fake)), "{rule:?} {value}");
        assert_ne!(fake, value, "{rule:?}");
    }
}

const MILLION: u32 = 1_000_000;

#[test]
fn codes_and_addresses_of_a_million_values_stay_different() {
    let unique = |max| Column {
        unique: true,
        ..sized(max)
    };
    let names = || (0..MILLION).map(|n| format!("person{n}@shop.example"));
    stays_different(&spec("hmac", "length = 13"), &unique(13), names());
    stays_different(
        &spec("hmac", "encoding = 'hex'\nlength = 16"),
        &unique(16),
        names(),
    );
    stays_different(&spec("email", ""), &unique(25), names());
}

#[test]
fn uuids_days_and_logins_of_many_values_stay_different() {
    let unique = |max| Column {
        unique: true,
        ..sized(max)
    };
    let uuids = (0..MILLION).map(|n| format!("{n:08x}-0000-4000-8000-000000000000"));
    stays_different(&spec("uuid", ""), &unique(36), uuids);
    stays_different(
        &spec("username", ""),
        &unique(13),
        (0..MILLION / 10).map(|n| format!("user{n}")),
    );
    let days = (0..MILLION).map(|n| {
        let mut text = String::new();
        day::write(i64::from(n), "", &mut text);
        text
    });
    let unique_day = Column {
        unique: true,
        ..column("date")
    };
    stays_different(&spec("date-shift", ""), &unique_day, days);
}

#[test]
fn numbers_of_a_hundred_thousand_values_stay_different() {
    // A tenth: each costs ten microseconds without optimization. It is a permutation, and tested as one.
    let unique = Column {
        unique: true,
        ..column("int4")
    };
    stays_different(
        &spec("permute", ""),
        &unique,
        (0..MILLION / 10).map(|n| n.to_string()),
    );
}

#[test]
fn likenesses_of_a_hundred_thousand_values_stay_different() {
    let unique = Column {
        unique: true,
        ..sized(20)
    };
    stays_different(
        &spec("like", ""),
        &unique,
        (0..MILLION / 10).map(|n| format!("Kunde {n:x}")),
    );
}

#[test]
fn every_transform_that_claims_to_keep_values_different_is_measured() {
    let measured = [
        "date-shift",
        "email",
        "hmac",
        "like",
        "permute",
        "username",
        "uuid",
    ];
    // These do what others do, or see the whole row, and have tests of their own.
    let apart = ["by-key", "json", "person", "php", "shuffle", "urlencoded"];
    let claims: Vec<&str> = ALL
        .iter()
        .filter(|entry| entry.uniqueness == Uniqueness::Preserved && !apart.contains(&entry.name))
        .map(|entry| entry.name)
        .collect();
    assert_eq!(claims, measured);
}
