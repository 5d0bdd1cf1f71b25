//! What a column looks like it holds: a proposal to the owner of the data, never a decision.
//!
//! Three witnesses: the name (and the table's), the type, and a sample of values with validators. A name that speaks
//! clearly is believed unless the values contradict it; a vague one needs the values; values alone suffice where a
//! form or a check digit makes them certain, and, where no name says anything else, where most are known names of people or places.
//! In doubt a column is called personal. Pure; the sample comes from the caller and is not kept.

mod agents;
mod beside;
mod blobs;
mod documents;
mod ids;
mod known_names;
mod known_places;
mod names;
mod neighbours;
mod people;
mod phrases;
mod shapes;
mod suggest;
mod supported;
mod tables;
mod tokens;
mod vague;
mod values;
mod words;

use serde::{Deserialize, Serialize};

pub use beside::Beside;
pub use documents::inner;
pub use names::{owner, speaks_clearly};
pub use suggest::{any_value, suggest, suggest_by_name};

use super::transform::Family;
use names::{Hint, Strength};
use supported::{handles, supported};
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

/// What the column looks like it holds, if it looks personal, where nothing is known of its table's other columns.
pub fn detect(column: &ColumnSample<'_>) -> Option<Finding> {
    detect_beside(column, &Beside::default())
}

/// What the column looks like it holds, if it looks personal, beside the other columns of its table.
pub fn detect_beside(column: &ColumnSample<'_>, beside: &Beside) -> Option<Finding> {
    let hints = names::hints(column.table, column.column, beside);
    let family = Family::of(column.type_name);
    // `text[]` is `_text` in the catalog.
    let type_name = column.type_name.trim();
    if let Some(element) = type_name
        .strip_suffix("[]")
        .or_else(|| type_name.strip_prefix('_'))
    {
        return array(column, element, beside);
    }
    match family {
        Family::Boolean => None,
        Family::Date | Family::Time => date(column, &hints, beside),
        Family::Network if column.type_name.trim_start().starts_with("macaddr") => {
            Some(Finding::new(PersonalKind::Mac, 0.9, &["type"]))
        }
        Family::Network => (!loopback(column.values)).then(|| Finding::new(PersonalKind::Ip, 0.9, &["type"])),
        Family::Integer | Family::BigInteger | Family::Decimal => numeric(column, family, &hints),
        Family::Uuid => secret(&hints),
        Family::Bytes => secret(&hints).or_else(|| bytes(column, &hints, beside)),
        Family::Text | Family::Json | Family::Other => textual(column, family, &hints, beside),
    }
}

/// What the elements of an array look like.
fn array(column: &ColumnSample<'_>, element: &str, beside: &Beside) -> Option<Finding> {
    let elements: Vec<String> = column
        .values
        .iter()
        .flat_map(|value| blobs::elements(value))
        .collect();
    let sample = ColumnSample {
        type_name: element,
        values: &elements,
        ..*column
    };
    detect_beside(&sample, beside)
}

fn date(column: &ColumnSample<'_>, hints: &[Hint], beside: &Beside) -> Option<Finding> {
    if clear(hints, PersonalKind::BirthDate) {
        return Some(Finding::new(PersonalKind::BirthDate, 0.95, &["name", "type"]));
    }
    shapes::are_births(column.values, beside, column.table)
        .then(|| Finding::new(PersonalKind::BirthDate, 0.6, &["type", "validator"]))
}

/// Whether a name clearly says this, beside whatever else it says.
fn clear(hints: &[Hint], kind: PersonalKind) -> bool {
    hints
        .iter()
        .any(|hint| hint.kind == kind && hint.strength == Strength::Strong)
}

fn secret(hints: &[Hint]) -> Option<Finding> {
    clear(hints, PersonalKind::Credential).then(|| Finding::new(PersonalKind::Credential, 0.7, &["name"]))
}

/// Texts that are stored as bytes: names, addresses, cards of persons, mails, documents.
fn bytes(column: &ColumnSample<'_>, hints: &[Hint], beside: &Beside) -> Option<Finding> {
    let texts: Vec<String> = column
        .values
        .iter()
        .filter_map(|value| blobs::text_of_bytes(value))
        .collect();
    let enough = texts.len() >= ENOUGH && texts.len() * 2 > column.values.len();
    let sample = ColumnSample {
        values: &texts,
        ..*column
    };
    enough
        .then(|| textual(&sample, Family::Text, hints, beside))
        .flatten()
}

fn loopback(values: &[String]) -> bool {
    !values.is_empty()
        && values
            .iter()
            .all(|value| value.starts_with("127.") || value == "::1")
}

fn numeric(column: &ColumnSample<'_>, family: Family, hints: &[Hint]) -> Option<Finding> {
    let says = |kind| clear(hints, kind);
    if says(PersonalKind::Geo) {
        return (family == Family::Decimal).then(|| Finding::new(PersonalKind::Geo, 0.9, &["name", "type"]));
    }
    // What is measured of a body, or a code that stands for what it is like.
    if says(PersonalKind::Health) && family != Family::BigInteger {
        return Some(Finding::new(PersonalKind::Health, 0.75, &["name", "type"]));
    }
    if says(PersonalKind::Gender) && family == Family::Integer {
        return are_codes(column.values).then(|| Finding::new(PersonalKind::Gender, 0.8, &["name", "type"]));
    }
    // "country_of_birth" refers to a country.
    let place = says(PersonalKind::Country) || says(PersonalKind::City);
    if says(PersonalKind::BirthDate) && family != Family::Decimal && !place {
        return Some(Finding::new(PersonalKind::BirthDate, 0.8, &["name"]));
    }
    if family != Family::Decimal && shapes::are_birth_years(column.values) {
        return Some(Finding::new(PersonalKind::BirthDate, 0.6, &["validator"]));
    }
    // Numbers as parts of an address.
    let whole = family != Family::Decimal;
    if whole
        && says(PersonalKind::Postcode)
        && !names::is_a_reference(column.column)
        && are_of_digits(column.values, 3, 9)
    {
        return Some(Finding::new(PersonalKind::Postcode, 0.8, &["name"]));
    }
    if whole && says(PersonalKind::Street) && names::is_a_number(column.column) {
        return Some(Finding::new(PersonalKind::Street, 0.7, &["name"]));
    }
    let profile = Profile::of(column.values);
    if profile.card > 0.9 && profile.count >= ENOUGH {
        return Some(Finding::new(PersonalKind::Card, 0.9, &["validator"]));
    }
    if hints.is_empty() && family == Family::BigInteger && phones(column.values) {
        return Some(Finding::new(PersonalKind::Phone, 0.7, &["validator"]));
    }
    let numbers = [
        PersonalKind::Phone,
        PersonalKind::NationalId,
        PersonalKind::Card,
        PersonalKind::BankAccount,
        PersonalKind::Ip,
    ];
    let kind = hints
        .iter()
        .map(|hint| hint.kind)
        .find(|kind| numbers.contains(kind) && says(*kind))?;
    // "phone_id", "ip_count": small numbers are references and counters.
    let long = profile.count < ENOUGH || profile.long_number > 0.5;
    long.then(|| Finding::new(kind, 0.8, &["name"]))
}

/// Whether most of these numbers have so many digits.
fn are_of_digits(values: &[String], least: usize, most: usize) -> bool {
    let fine = values
        .iter()
        .filter(|value| (least..=most).contains(&value.len()))
        .count();
    fine * 2 >= values.len()
}

/// Whether these numbers are codes of one digit.
fn are_codes(values: &[String]) -> bool {
    values.iter().all(|value| value.len() <= 1)
}

fn textual(column: &ColumnSample<'_>, family: Family, hints: &[Hint], beside: &Beside) -> Option<Finding> {
    if names::is_of_a_mail(column.column) {
        return None;
    }
    let profile = Profile::of(column.values);
    let speaks = profile.count >= ENOUGH;
    if speaks && let Some(finding) = certain(&profile, family, hints, column) {
        return Some(finding);
    }
    if family == Family::Json {
        let doubtful = !hints.is_empty() && !speaks;
        return doubtful.then(|| Finding::new(PersonalKind::Structured, 0.6, &["name", "type"]));
    }
    if !speaks {
        let clear = hints.iter().find(|hint| hint.strength == Strength::Strong);
        return clear.map(|hint| Finding::new(hint.kind, 0.8, &["name"]));
    }
    let found = hints.iter().find_map(|hint| supported(*hint, &profile, column));
    let named = || {
        // What should be a name or an address of a person and is none, but an account's.
        let named = clear(hints, PersonalKind::FullName) || clear(hints, PersonalKind::Email);
        (named && handles(&profile, column))
            .then(|| Finding::new(PersonalKind::Username, 0.6, &["name", "validator"]))
    };
    found
        .or_else(named)
        .or_else(|| shapes::told(&profile, column, beside))
}

/// What values alone tell.
fn certain(profile: &Profile, family: Family, hints: &[Hint], column: &ColumnSample<'_>) -> Option<Finding> {
    let hinted = |kind| hints.iter().any(|hint| hint.kind == kind);
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
    if ids::are_ids(column.values) && !hinted(PersonalKind::Phone) {
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
    if hints.is_empty() {
        if profile.structured_personal > 0.02 {
            return Some(by(PersonalKind::Structured, 0.7));
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

/// Whether a text is nothing but the name of a person: two words or more, of which one is a well-known given or family name.
pub fn is_full_name(text: &str) -> bool {
    text.trim().contains(char::is_whitespace) && values::is_person(text)
}

/// Whether whole numbers are telephone numbers, whatever their column is called.
pub fn are_phones(type_name: &str, values: &[String]) -> bool {
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
