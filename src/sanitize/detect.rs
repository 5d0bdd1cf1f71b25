//! What a column looks like it holds: a proposal to the owner of the data, never a decision.
//!
//! Three witnesses: the name (and the table's), the type, and a sample of values with validators. A name that speaks
//! clearly is believed unless the values contradict it; a vague one needs the values; values alone suffice where a
//! form or a check digit makes them certain. Pure; the sample comes from the caller and is not kept.

mod blobs;
mod documents;
mod ids;
mod names;
mod neighbours;
mod suggest;
mod values;
mod words;

use serde::{Deserialize, Serialize};

pub use documents::inner;
pub use names::{owner, speaks_clearly};
pub use suggest::{any_value, suggest, suggest_by_name};

use super::transform::Family;
use names::{Hint, Strength};
use values::Profile;

/// What personal data a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersonalKind {
    /// Given name.
    FirstName,
    /// Family name.
    LastName,
    /// Whole name of a person.
    FullName,
    /// Login name, nick or account identifier.
    Username,
    /// E-mail address, or a list of them.
    Email,
    /// Telephone or fax number.
    Phone,
    /// Street and house number, or a whole address.
    Street,
    /// City.
    City,
    /// Postal code.
    Postcode,
    /// State, province, county.
    Region,
    /// Country.
    Country,
    /// Latitude, longitude, place.
    Geo,
    /// Date of birth.
    BirthDate,
    /// Sex or gender.
    Gender,
    /// State of health.
    Health,
    /// A number given by a state.
    NationalId,
    /// Account number, bank code.
    BankAccount,
    /// Card number or a part of it.
    Card,
    /// Network address.
    Ip,
    /// Hardware address.
    Mac,
    /// Browser.
    UserAgent,
    /// URL or handle that identifies a person.
    Url,
    /// Firm or organization.
    Company,
    /// Prose by or about people.
    FreeText,
    /// Password, token, key, session.
    Credential,
    /// JSON, PHP or YAML that holds personal data.
    Structured,
    /// Name of an uploaded file.
    FileName,
}

impl PersonalKind {
    /// Every kind.
    pub const ALL: [Self; 27] = [
        Self::FirstName,
        Self::LastName,
        Self::FullName,
        Self::Username,
        Self::Email,
        Self::Phone,
        Self::Street,
        Self::City,
        Self::Postcode,
        Self::Region,
        Self::Country,
        Self::Geo,
        Self::BirthDate,
        Self::Gender,
        Self::Health,
        Self::NationalId,
        Self::BankAccount,
        Self::Card,
        Self::Ip,
        Self::Mac,
        Self::UserAgent,
        Self::Url,
        Self::Company,
        Self::FreeText,
        Self::Credential,
        Self::Structured,
        Self::FileName,
    ];

    /// As `sanitize scan --json` shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstName => "first-name",
            Self::LastName => "last-name",
            Self::FullName => "full-name",
            Self::Username => "username",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Street => "street",
            Self::City => "city",
            Self::Postcode => "postcode",
            Self::Region => "region",
            Self::Country => "country",
            Self::Geo => "geo",
            Self::BirthDate => "birth-date",
            Self::Gender => "gender",
            Self::Health => "health",
            Self::NationalId => "national-id",
            Self::BankAccount => "bank-account",
            Self::Card => "card",
            Self::Ip => "ip",
            Self::Mac => "mac",
            Self::UserAgent => "user-agent",
            Self::Url => "url",
            Self::Company => "company",
            Self::FreeText => "free-text",
            Self::Credential => "credential",
            Self::Structured => "structured",
            Self::FileName => "file-name",
        }
    }
}

/// A column and some of its values, none of them NULL.
#[derive(Debug, Clone, Copy)]
pub struct ColumnSample<'a> {
    /// Name of the table, with or without its schema.
    pub table: &'a str,
    /// Name of the column.
    pub column: &'a str,
    /// As `format_type` writes it.
    pub type_name: &'a str,
    /// The sample; may be empty.
    pub values: &'a [String],
}

/// What a column was taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The kind of personal data.
    pub kind: PersonalKind,
    /// From 0 to 1.
    pub confidence: f64,
    /// Which of `name`, `type` and `validator` spoke for it.
    pub evidence: Vec<&'static str>,
}

impl Finding {
    fn new(kind: PersonalKind, confidence: f64, evidence: &[&'static str]) -> Self {
        Self {
            kind,
            confidence,
            evidence: evidence.to_vec(),
        }
    }
}

/// Fewest values that can contradict a name.
const ENOUGH: usize = 5;

/// What the column looks like it holds, if it looks personal.
pub fn detect(column: &ColumnSample<'_>) -> Option<Finding> {
    let hint = names::hint(column.table, column.column);
    let family = Family::of(column.type_name);
    match family {
        Family::Boolean => None,
        Family::Date | Family::Time => {
            birth(hint).then(|| Finding::new(PersonalKind::BirthDate, 0.95, &["name", "type"]))
        }
        Family::Network if column.type_name.trim_start().starts_with("macaddr") => {
            Some(Finding::new(PersonalKind::Mac, 0.9, &["type"]))
        }
        Family::Network => (!loopback(column.values)).then(|| Finding::new(PersonalKind::Ip, 0.9, &["type"])),
        Family::Integer | Family::BigInteger | Family::Decimal => numeric(column, family, hint),
        Family::Uuid | Family::Bytes => hint
            .filter(|hint| hint.kind == PersonalKind::Credential && hint.strength == Strength::Strong)
            .map(|hint| Finding::new(hint.kind, 0.7, &["name"])),
        Family::Text | Family::Json | Family::Other => textual(column, family, hint),
    }
}

fn birth(hint: Option<Hint>) -> bool {
    hint.is_some_and(|hint| hint.kind == PersonalKind::BirthDate && hint.strength == Strength::Strong)
}

fn loopback(values: &[String]) -> bool {
    !values.is_empty()
        && values
            .iter()
            .all(|value| value.starts_with("127.") || value == "::1")
}

fn numeric(column: &ColumnSample<'_>, family: Family, hint: Option<Hint>) -> Option<Finding> {
    if let Some(hint) =
        hint.filter(|hint| hint.kind == PersonalKind::Geo && hint.strength == Strength::Strong)
    {
        return (family == Family::Decimal).then(|| Finding::new(hint.kind, 0.9, &["name", "type"]));
    }
    // What is measured of a body is no whole number that refers to something.
    if hint.is_some_and(|hint| hint.kind == PersonalKind::Health && hint.strength == Strength::Strong)
        && family == Family::Decimal
    {
        return Some(Finding::new(PersonalKind::Health, 0.75, &["name", "type"]));
    }
    if birth(hint) && family == Family::Integer {
        return Some(Finding::new(PersonalKind::BirthDate, 0.8, &["name"]));
    }
    let numbers = [
        PersonalKind::Phone,
        PersonalKind::NationalId,
        PersonalKind::Card,
        PersonalKind::BankAccount,
        PersonalKind::Ip,
    ];
    let profile = Profile::of(column.values);
    let hinted = hint.filter(|hint| numbers.contains(&hint.kind) && hint.strength == Strength::Strong);
    if profile.card > 0.9 && profile.count >= ENOUGH {
        return Some(Finding::new(PersonalKind::Card, 0.9, &["validator"]));
    }
    if hint.is_none() && family == Family::BigInteger && phones(column.values) {
        return Some(Finding::new(PersonalKind::Phone, 0.7, &["validator"]));
    }
    let hint = hinted?;
    // "phone_id", "ip_count": small numbers are references and counters.
    let long = profile.count < ENOUGH || profile.long_number > 0.5;
    long.then(|| Finding::new(hint.kind, 0.8, &["name"]))
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

fn textual(column: &ColumnSample<'_>, family: Family, hint: Option<Hint>) -> Option<Finding> {
    let profile = Profile::of(column.values);
    let speaks = profile.count >= ENOUGH;
    if speaks && let Some(finding) = certain(&profile, family, hint, column) {
        return Some(finding);
    }
    if family == Family::Json {
        let doubtful = hint.is_some() && !speaks;
        return doubtful.then(|| Finding::new(PersonalKind::Structured, 0.6, &["name", "type"]));
    }
    let hint = hint?;
    if !speaks {
        let confidence = match hint.strength {
            Strength::Strong => 0.8,
            Strength::Vague => return None,
        };
        return Some(Finding::new(hint.kind, confidence, &["name"]));
    }
    if let Some(share) = checked(hint.kind, &profile) {
        return match share {
            share if share > 0.3 => Some(Finding::new(hint.kind, 0.97, &["name", "validator"])),
            // Very few addresses beside other texts: still addresses.
            share if share > 0.05 => Some(Finding::new(hint.kind, 0.6, &["name", "validator"])),
            _ => None,
        };
    }
    believed(hint, &profile, column)
}

/// What values alone tell.
fn certain(
    profile: &Profile,
    family: Family,
    hint: Option<Hint>,
    column: &ColumnSample<'_>,
) -> Option<Finding> {
    let hinted = |kind| hint.is_some_and(|hint| hint.kind == kind);
    let by = |kind: PersonalKind, confidence: f64| {
        let evidence: &[&str] = if hinted(kind) {
            &["name", "validator"]
        } else {
            &["validator"]
        };
        Finding::new(kind, if hinted(kind) { 0.98 } else { confidence }, evidence)
    };
    if profile.structured > 0.3 {
        return match profile.structured_personal {
            share if share > 0.02 => Some(by(PersonalKind::Structured, 0.9)),
            _ => None,
        };
    }
    if family == Family::Json {
        return (profile.structured_personal > 0.02).then(|| by(PersonalKind::Structured, 0.9));
    }
    let forms = [
        (PersonalKind::Email, profile.email, 0.5),
        // "4.2.0.1" is a version, too.
        (
            PersonalKind::Ip,
            if names::is_version(column.column) {
                0.0
            } else {
                profile.ip
            },
            0.5,
        ),
        (PersonalKind::BankAccount, profile.iban, 0.3),
        (PersonalKind::Card, profile.card, 0.8),
        (PersonalKind::UserAgent, profile.user_agent, 0.6),
        (PersonalKind::Mac, profile.mac, 0.8),
        (PersonalKind::Credential, profile.secret, 0.3),
        (PersonalKind::Phone, profile.international_phone, 0.3),
        (PersonalKind::Company, profile.company, 0.2),
    ];
    if profile.hexadecimal > 0.5 && profile.hexadecimal_six > 0.05 {
        return Some(by(PersonalKind::Ip, 0.9));
    }
    if ids::are_ids(column.values) && hint.is_none_or(|hint| hint.kind != PersonalKind::Phone) {
        return Some(by(PersonalKind::NationalId, 0.9));
    }
    let form = forms.iter().find(|(_, share, least)| share > least);
    if let Some((kind, ..)) = form {
        // A login that is an e-mail address is called by its form.
        return Some(by(*kind, 0.9));
    }
    if profile.prose > 0.25 && (profile.personal_prose > 0.02 || profile.naming_prose > 0.15) {
        return Some(by(PersonalKind::FreeText, 0.85));
    }
    if hint.is_none() {
        if profile.structured_personal > 0.02 {
            return Some(by(PersonalKind::Structured, 0.7));
        }
        if profile.person > 0.5 {
            return Some(by(PersonalKind::FullName, 0.7));
        }
        if profile.holds_email > 0.05 {
            return Some(by(
                if profile.prose > 0.1 {
                    PersonalKind::FreeText
                } else {
                    PersonalKind::Email
                },
                0.6,
            ));
        }
    }
    None
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
            let numbers = profile.long_number > 0.5 || values::are_numbers_or_uuids(column.values);
            strong && !numbers || profile.holds_email > 0.1
        }
        Kind::Street => {
            profile.digits > if strong { 0.2 } else { 0.6 } && profile.url < 0.5 && profile.spaces > 0.3
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
        Kind::FileName => strong && profile.file > 0.5,
        _ => strong,
    };
    let confidence = if strong { 0.85 } else { 0.65 };
    let evidence: &[&str] = if strong { &["name"] } else { &["name", "validator"] };
    fits.then(|| Finding::new(hint.kind, confidence, evidence))
}

/// Whether a text is nothing but the name of a person: two words or more, of which one is a well-known given or family name.
pub fn is_full_name(text: &str) -> bool {
    text.trim().contains(char::is_whitespace) && values::is_person(text)
}

/// Whether numbers, identifiers, dates or times look personal by their name or by their values; if not, the ledger
/// exempts the column.
pub fn looks_personal_number(table: &str, column: &str, type_name: &str, values: &[String]) -> bool {
    let sample = ColumnSample {
        table,
        column,
        type_name,
        values,
    };
    if detect(&sample).is_some() {
        return true;
    }
    Family::of(type_name) == Family::BigInteger && phones(values)
}

/// Whether nearly all of these numbers are telephone numbers in international form of one country: eleven or
/// twelve digits with the same start, which neither counters nor times in milliseconds (13) have.
fn phones(values: &[String]) -> bool {
    let like =
        |value: &&String| (11..=12).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
    let count = values.iter().filter(like).count();
    let start = |value: &String| value.get(..2).map(str::to_owned);
    let starts: std::collections::BTreeSet<_> = values.iter().filter(like).map(start).collect();
    values.len() >= 20 && count * 10 >= values.len() * 9 && starts.len() <= 3
}

#[cfg(test)]
mod tests;
