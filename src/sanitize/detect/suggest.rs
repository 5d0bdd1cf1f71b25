//! The rule to start from.

use super::{Finding, PersonalKind};
use crate::sanitize::transform::{Column, Family, Spec};

/// The transform that suits what was found, on this column: unique and NOT NULL columns get one that keeps them
/// so. `None` where no transform suits; the type of the column may still offer one.
pub fn suggest(finding: &Finding, column: &Column) -> Option<Spec> {
    let null = || (!column.not_null && !column.unique).then(|| Spec::named("null"));
    match column.family() {
        Family::Text => Some(text(finding.kind, column)),
        Family::Uuid => Some(Spec::named("uuid")),
        Family::Bytes => null().or_else(|| Some(Spec::named("hmac"))),
        Family::BigInteger | Family::Decimal if finding.kind == PersonalKind::Phone && !column.unique => {
            Some(Spec::named("phone"))
        }
        Family::Json if column.not_null && !column.unique => Some(with("fixed", "value", "{}")),
        _ => null(),
    }
}

fn with(name: &str, param: &str, value: &str) -> Spec {
    let mut spec = Spec::named(name);
    spec.params.insert(param.to_owned(), value.into());
    spec
}

fn text(kind: PersonalKind, column: &Column) -> Spec {
    use PersonalKind as Kind;
    let short = |least: u32| column.max_chars.is_some_and(|max| max < least);
    if column.unique {
        return match kind {
            Kind::Email if !short(25) => Spec::named("email"),
            _ => Spec::named("hmac"),
        };
    }
    match kind {
        Kind::Email if !short(20) => Spec::named("email"),
        Kind::FirstName if !short(8) => with("name", "part", "first"),
        Kind::LastName if !short(8) => with("name", "part", "last"),
        Kind::FullName if !short(16) => Spec::named("name"),
        Kind::Phone if !short(14) => Spec::named("phone"),
        // Codes whose form an application may check are better gone than wrong.
        Kind::Credential
        | Kind::Card
        | Kind::BankAccount
        | Kind::NationalId
        | Kind::Structured
        | Kind::BirthDate
        | Kind::Ip
        | Kind::Mac
        | Kind::Url
        | Kind::Health
        | Kind::Geo
        | Kind::UserAgent
        | Kind::Gender
            if !column.not_null =>
        {
            Spec::named("null")
        }
        Kind::Username | Kind::Credential => Spec::named("hmac"),
        Kind::Structured => with("fixed", "value", ""),
        _ => with("text", "mode", "scramble"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize::key::MaskingKey;
    use crate::sanitize::transform::compile;

    const KINDS: [PersonalKind; 27] = [
        PersonalKind::FirstName,
        PersonalKind::LastName,
        PersonalKind::FullName,
        PersonalKind::Username,
        PersonalKind::Email,
        PersonalKind::Phone,
        PersonalKind::Street,
        PersonalKind::City,
        PersonalKind::Postcode,
        PersonalKind::Region,
        PersonalKind::Country,
        PersonalKind::Geo,
        PersonalKind::BirthDate,
        PersonalKind::Gender,
        PersonalKind::Health,
        PersonalKind::NationalId,
        PersonalKind::BankAccount,
        PersonalKind::Card,
        PersonalKind::Ip,
        PersonalKind::Mac,
        PersonalKind::UserAgent,
        PersonalKind::Url,
        PersonalKind::Company,
        PersonalKind::FreeText,
        PersonalKind::Credential,
        PersonalKind::Structured,
        PersonalKind::FileName,
    ];

    #[test]
    fn what_is_suggested_for_a_text_column_always_compiles() {
        let key = MaskingKey::from_bytes([3; 32]);
        for kind in KINDS {
            for (not_null, unique) in [(false, false), (true, false), (false, true), (true, true)] {
                for max_chars in [None, Some(255), Some(30), Some(13)] {
                    let column = Column {
                        type_name: "character varying".to_owned(),
                        max_chars,
                        not_null,
                        unique,
                    };
                    let finding = Finding {
                        kind,
                        confidence: 1.0,
                        evidence: Vec::new(),
                    };
                    let spec = suggest(&finding, &column).unwrap();
                    let compiled = compile(&spec, &column, &key);
                    assert!(
                        compiled.is_ok(),
                        "{kind:?} {column:?} {spec:?} {:?}",
                        compiled.err()
                    );
                }
            }
        }
    }
}
