//! The rules to start from.

use super::values::is_hexadecimal_address;
use super::{Finding, PersonalKind, documents, ids};
use crate::sanitize::transform::{Column, Family, Spec};

/// The transforms that suit what was found, on this column, the best first; `values` is a sample of it, and may be empty.
/// The first that compiles is the one to take. A column that must stay unique or may not be NULL has others than one that
/// need not, and where none is left the type of the column may still offer one.
pub fn suggest(finding: &Finding, column: &Column, values: &[String]) -> Vec<Spec> {
    let mut specs = match column.family() {
        Family::Text => text(finding.kind, column, values),
        Family::Uuid => vec![Spec::named("uuid")],
        Family::Bytes => vec![Spec::named("null"), Spec::named("hmac")],
        Family::Json => vec![json(values, false)],
        Family::Network => vec![Spec::named(network(finding.kind))],
        Family::Date | Family::Time => vec![Spec::named("date-shift")],
        Family::Integer | Family::BigInteger | Family::Decimal => number(finding.kind, values),
        Family::Boolean | Family::Other => Vec::new(),
    };
    if !column.not_null {
        specs.push(Spec::named("null"));
    }
    // NULL of a part of a key, and the same for all, are refused when they are compiled; NULL of NOT NULL as well.
    specs.retain(|spec| spec.name != "null" || !column.not_null && !column.unique);
    specs
}

pub(super) fn with(name: &str, params: &[(&str, &str)]) -> Spec {
    let mut spec = Spec::named(name);
    for (param, value) in params {
        spec.params.insert((*param).to_owned(), (*value).into());
    }
    spec
}

/// JSON with a rule for each personal path of the sample; what stands at others is looked through.
fn json(values: &[String], text: bool) -> Spec {
    document("json", documents::json_paths(values), text)
}

fn document(name: &str, paths: toml::Table, text: bool) -> Spec {
    let mut spec = Spec::named(name);
    spec.params.insert("paths".to_owned(), paths.into());
    if text {
        // One that does not parse must not stop the first branch, nor stay.
        spec.params.insert("invalid".to_owned(), "redact".into());
    }
    spec
}

fn network(kind: PersonalKind) -> &'static str {
    if kind == PersonalKind::Mac { "mac" } else { "ip" }
}

fn number(kind: PersonalKind, values: &[String]) -> Vec<Spec> {
    use PersonalKind as Kind;
    match kind {
        Kind::Phone => vec![phone(values), Spec::named("permute")],
        Kind::Card => vec![Spec::named("card"), Spec::named("permute")],
        Kind::BirthDate => vec![Spec::named("age-band")],
        // A place moves by some kilometres: 0.1 degrees are 11 km of latitude.
        Kind::Geo => {
            let mut noise = Spec::named("noise");
            noise.params.insert("amount".to_owned(), 0.1.into());
            vec![noise]
        }
        _ => vec![Spec::named("permute")],
    }
}

fn phone(values: &[String]) -> Spec {
    match phone_country(values) {
        Some(country) => with("phone", &[("country", country)]),
        None => Spec::named("phone"),
    }
}

fn text(kind: PersonalKind, column: &Column, values: &[String]) -> Vec<Spec> {
    use PersonalKind as Kind;
    let scrambled = || with("text", &[("mode", "scramble")]);
    let mut specs = match kind {
        Kind::Email => vec![Spec::named("email")],
        Kind::Username => vec![Spec::named("username")],
        Kind::FirstName => vec![with("name", &[("part", "first")])],
        Kind::LastName => vec![with("name", &[("part", "last")])],
        Kind::FullName => vec![Spec::named("name")],
        Kind::Company => vec![Spec::named("company")],
        Kind::Phone => vec![phone(values)],
        Kind::Ip if mostly_hexadecimal(values) => Vec::new(),
        Kind::Ip => vec![Spec::named("ip")],
        Kind::Mac => vec![Spec::named("mac")],
        Kind::Url => vec![Spec::named("url")],
        Kind::Card => vec![Spec::named("card")],
        Kind::BankAccount => vec![Spec::named("iban")],
        Kind::NationalId => ids::country(values)
            .map(|country| with("national-id", &[("country", country)]))
            .into_iter()
            .collect(),
        Kind::BirthDate => vec![Spec::named("date-shift")],
        Kind::Credential => credential(column, values),
        Kind::Structured => structured(column, values),
        // Of a few words or letters, a scramble makes none that an application knows.
        Kind::Gender | Kind::Health | Kind::Geo | Kind::UserAgent if !column.not_null => {
            vec![Spec::named("null")]
        }
        _ => Vec::new(),
    };
    if column.unique {
        specs.push(Spec::named("hmac"));
    } else if kind == Kind::Structured && column.not_null {
        specs.push(with("fixed", &[("value", "")]));
    } else if kind != Kind::Structured {
        specs.push(scrambled());
    }
    specs
}

/// A hash that opens every account where the form of the hashes is known; else nothing, or a code where there must be one.
fn credential(column: &Column, values: &[String]) -> Vec<Spec> {
    if let Some(framework) = framework(values) {
        return vec![with("password", &[("framework", framework)]), Spec::named("hmac")];
    }
    if column.not_null || column.unique {
        vec![Spec::named("hmac")]
    } else {
        vec![Spec::named("null")]
    }
}

/// A document by its paths. Its fakes are longer than its values, so that a short column might not take them.
fn structured(column: &Column, values: &[String]) -> Vec<Spec> {
    const ROOM: u32 = 4000;
    if column.max_chars.is_some_and(|max| max < ROOM) {
        return Vec::new();
    }
    match documents::form(values) {
        Some(documents::Form::Json) => vec![json(values, true)],
        Some(documents::Form::Php) => vec![document("php", documents::php_paths(values), true)],
        Some(documents::Form::UrlEncoded) => {
            vec![document("urlencoded", documents::pair_paths(values), true)]
        }
        None => Vec::new(),
    }
}

/// For a value of many kinds, as tables of keys and values have them: documents by their form, and scrambled otherwise.
pub fn any_value(column: &Column, values: &[String]) -> Vec<Spec> {
    let mut specs = structured(column, values);
    specs.push(with("text", &[("mode", "scramble")]));
    specs
}

/// What a value that goes by this name, but whose neighbours are not known, becomes; `None` where the name says nothing.
pub fn suggest_by_name(name: &str, column: &Column) -> Vec<Spec> {
    let sample = super::ColumnSample {
        table: "",
        column: name,
        type_name: &column.type_name,
        values: &[],
    };
    let nullable = Column {
        not_null: false,
        ..column.clone()
    };
    super::detect(&sample).map_or_else(Vec::new, |found| suggest(&found, &nullable, &[]))
}

/// Whose password hashes most of these values are, as the transform `password` calls it.
fn framework(values: &[String]) -> Option<&'static str> {
    const STARTS: [(&str, &str); 8] = [
        ("$2y$", "laravel"),
        ("$2a$", "rails"),
        ("$2b$", "bcrypt"),
        ("$argon2id$", "argon2id"),
        ("pbkdf2_sha256$", "django"),
        ("$wp$", "wordpress"),
        ("$P$", "wordpress-phpass"),
        ("$S$", "drupal7"),
    ];
    let filled = values.iter().filter(|value| !value.trim().is_empty()).count();
    let most = |start: &str| values.iter().filter(|value| value.starts_with(start)).count() * 2 > filled;
    STARTS
        .iter()
        .find(|(start, _)| most(start))
        .map(|(_, name)| *name)
}

/// The country of most telephone numbers that have an international prefix: those without one are likely its, too.
fn phone_country(values: &[String]) -> Option<&'static str> {
    const CODES: [(&str, &str); 6] = [
        ("33", "FR"),
        ("49", "DE"),
        ("44", "GB"),
        ("353", "IE"),
        ("46", "SE"),
        ("61", "AU"),
    ];
    let international: Vec<&str> = values
        .iter()
        .filter_map(|value| value.trim().strip_prefix('+').or(value.trim().strip_prefix("00")))
        .collect();
    let most = |code: &str| {
        international
            .iter()
            .filter(|number| number.starts_with(code))
            .count()
            * 2
            > international.len()
    };
    CODES.iter().find(|(code, _)| most(code)).map(|(_, name)| *name)
}

/// Whether most of these addresses are written as hexadecimal digits, which `ip` does not take.
fn mostly_hexadecimal(values: &[String]) -> bool {
    values
        .iter()
        .filter(|value| is_hexadecimal_address(value))
        .count()
        * 2
        > values.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize::key::MaskingKey;
    use crate::sanitize::transform::ColumnDefault;
    use crate::sanitize::transform::compile;

    fn found(kind: PersonalKind) -> Finding {
        Finding {
            kind,
            confidence: 1.0,
            evidence: Vec::new(),
        }
    }

    #[test]
    fn of_what_is_suggested_something_always_compiles() {
        let key = MaskingKey::from_bytes([3; 32]);
        let samples: [&[&str]; 4] = [
            &[],
            &[r#"{"email":"a@b.test"}"#],
            &[r#"a:1:{s:5:"email";s:8:"a@b.test";}"#],
            &["email=a%40b.test&x=1"],
        ];
        for kind in PersonalKind::ALL {
            for (not_null, unique) in [(false, false), (true, false), (false, true), (true, true)] {
                for max_chars in [None, Some(255), Some(30), Some(13), Some(2)] {
                    for values in samples {
                        // Ten characters of a code are the least that stay unique.
                        if unique && max_chars == Some(2) {
                            continue;
                        }
                        let column = Column {
                            type_name: "character varying".to_owned(),
                            max_chars,
                            not_null,
                            unique,
                            default: ColumnDefault::None,
                        };
                        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
                        let specs = suggest(&found(kind), &column, &values);
                        let fits = specs.iter().any(|spec| compile(spec, &column, &key).is_ok());
                        assert!(fits, "{kind:?} {column:?} {specs:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn each_kind_has_the_transform_that_was_made_for_it() {
        let first = |kind, type_name: &str, values: &[&str]| {
            let column = Column {
                type_name: type_name.to_owned(),
                max_chars: None,
                not_null: true,
                unique: false,
                default: ColumnDefault::None,
            };
            let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
            let spec = suggest(&found(kind), &column, &values)
                .into_iter()
                .next()
                .unwrap();
            format!("{} {}", spec.name, toml::Value::Table(spec.params))
        };
        for (kind, type_name, values, expected) in [
            (PersonalKind::Ip, "inet", &[][..], "ip {}"),
            (PersonalKind::Ip, "text", &["203.0.113.9"], "ip {}"),
            (PersonalKind::Mac, "macaddr", &[], "mac {}"),
            (PersonalKind::BankAccount, "text", &[], "iban {}"),
            (PersonalKind::Card, "bigint", &[], "card {}"),
            (PersonalKind::BirthDate, "date", &[], "date-shift {}"),
            (PersonalKind::BirthDate, "integer", &[], "age-band {}"),
            (PersonalKind::Username, "text", &[], "username {}"),
            (PersonalKind::Company, "text", &[], "company {}"),
            (PersonalKind::Url, "text", &[], "url {}"),
            (
                PersonalKind::Phone,
                "text",
                &["+33 6 12 34 56 78"],
                r#"phone { country = "FR" }"#,
            ),
            (
                PersonalKind::NationalId,
                "text",
                &["12345678Z"],
                r#"national-id { country = "ES" }"#,
            ),
            (
                PersonalKind::Credential,
                "text",
                &["$2y$10$abc"],
                r#"password { framework = "laravel" }"#,
            ),
            (
                PersonalKind::Structured,
                "jsonb",
                &[
                    r#"{"contacts":[{"email":"a@b.test"}],"n":1}"#,
                    r#"{"contacts":[]}"#,
                ],
                r#"json { paths = { "$.contacts[*].email" = "email" } }"#,
            ),
            (
                PersonalKind::Structured,
                "text",
                &[r#"a:1:{s:5:"email";s:8:"a@b.test";}"#],
                r#"php { invalid = "redact", paths = { "$..email" = "email" } }"#,
            ),
        ] {
            assert_eq!(first(kind, type_name, values), expected);
        }
    }
}
