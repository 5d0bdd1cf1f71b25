//! Whether a sample of values fits what the name of its column says.

use super::names::{self, Hint, Strength};
use super::values::{self, Profile};
use super::{ColumnSample, Finding, PersonalKind};

/// A hint that the values support.
pub(super) fn supported(hint: Hint, profile: &Profile, column: &ColumnSample<'_>) -> Option<Finding> {
    if let Some(share) = checked(hint.kind, profile) {
        return match share {
            share if share > 0.3 => Some(Finding::new(hint.kind, 0.97, &["name", "validator"])),
            // Very few addresses beside other texts: still addresses.
            share if share > 0.05 => Some(Finding::new(hint.kind, 0.6, &["name", "validator"])),
            _ => None,
        };
    }
    believed(hint, profile, column)
}

/// Kinds whose values have a form that can be checked.
fn checked(kind: PersonalKind, profile: &Profile) -> Option<f64> {
    Some(match kind {
        PersonalKind::Email => profile.email.max(profile.holds_email),
        PersonalKind::Phone => profile.phone,
        PersonalKind::Ip => profile.ip.max(profile.hexadecimal),
        PersonalKind::UserAgent => profile.user_agent,
        PersonalKind::Mac => profile.mac,
        _ => return None,
    })
}

/// A hint of a kind whose values have no form: whether they fit it at all.
fn believed(hint: Hint, profile: &Profile, column: &ColumnSample<'_>) -> Option<Finding> {
    use PersonalKind as Kind;
    let strong = hint.strength == Strength::Strong;
    if hint.kind == Kind::FullName && !strong && profile.file > 0.8 && profile.url < 0.1 {
        return Some(Finding::new(Kind::FileName, 0.6, &["validator"]));
    }
    let fits = match hint.kind {
        Kind::FirstName | Kind::LastName => strong || profile.person > 0.2,
        Kind::FullName => {
            if strong {
                profile.person > 0.05 || profile.capitalized > 0.6
            } else {
                profile.person > 0.2
            }
        }
        Kind::Username => {
            // Numbers are a name where the column is called one, and a reference where it says who did something.
            let numbers = profile.long_number > 0.5 || values::are_numbers_or_uuids(column.values);
            let named = names::is_named_account(column.column);
            let called = profile.spaces < 0.2 || profile.person > 0.2;
            strong && (named || !numbers && profile.token < 0.8 && called)
                || profile.holds_email > 0.1
                || !strong && handles(profile, column)
        }
        Kind::Street => {
            let whole = profile.digits > if strong { 0.2 } else { 0.6 } && profile.spaces > 0.3;
            let part = strong
                && (names::is_a_number(column.column) || profile.capitalized > 0.6 && profile.spaces > 0.1);
            (whole || part) && profile.url < 0.5
        }
        Kind::City | Kind::Region => {
            profile.url < 0.2 && profile.digits < 0.5 && (strong || profile.capitalized > 0.6)
        }
        Kind::Country => strong && profile.digits < 0.2,
        Kind::Postcode => profile.digits > 0.5,
        Kind::Credential => {
            (strong && profile.spaces < 0.3 || profile.token > 0.5)
                && !values::are_public_ids(column.table, column.values)
        }
        Kind::Company => strong && profile.digits < 0.5 && profile.structured < 0.1,
        Kind::Url => {
            if strong {
                profile.structured < 0.1
            } else {
                profile.holds_email > 0.05 || profile.url > 0.3 && names::is_of_people(column.table)
            }
        }
        Kind::FreeText => {
            if strong {
                profile.spaces > 0.3 || profile.url > 0.5
            } else {
                profile.personal_prose > 0.02
                    || profile.naming_prose > 0.15
                    || profile.structured_personal > 0.01
                    || profile.holds_email > 0.02
                    || profile.person > 0.05 && profile.prose > 0.1
            }
        }
        Kind::Structured => profile.structured_personal > 0.0,
        Kind::NationalId => profile.digits > if strong { 0.5 } else { 0.8 },
        Kind::Card | Kind::BankAccount => strong && profile.digits > 0.5,
        Kind::FileName => {
            // A short column cuts the endings off.
            strong && (profile.file > 0.1 || profile.url > 0.5) || profile.file > 0.8 && profile.url < 0.1
        }
        _ => strong,
    };
    let confidence = if strong { 0.85 } else { 0.65 };
    let evidence: &[&str] = if strong { &["name"] } else { &["name", "validator"] };
    fits.then(|| Finding::new(hint.kind, confidence, evidence))
}

/// Whether the values could be names of accounts: one word, nearly each another one, neither numbers nor codes.
pub(super) fn handles(profile: &Profile, column: &ColumnSample<'_>) -> bool {
    profile.spaces < 0.2
        && profile.token < 0.5
        && profile.url < 0.1
        && profile.long_number < 0.5
        && !values::are_numbers_or_uuids(column.values)
        && values::are_various(column.values)
}
