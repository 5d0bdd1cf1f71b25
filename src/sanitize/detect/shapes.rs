//! What values are, whatever their column is called: names of people, streets, places, sexes, illnesses, bank codes, numbers that
//! states give, dates of birth, secrets.

use std::collections::HashSet;

use super::beside::Beside;
use super::values::{self, Profile};
use super::{ColumnSample, ENOUGH, Finding, PersonalKind, ids, known_names, known_places, names};

/// Values that are looked at, for each of which much is asked.
const MOST: usize = 60;

/// Shares, from 0 to 1, of the values that are not empty, and how many different ones there are.
struct Shapes {
    different: usize,
    given: f64,
    family: f64,
    made_of_a_name: f64,
    street: f64,
    city: f64,
    region: f64,
    country: f64,
    sex: f64,
    sure_sex: f64,
    health: f64,
    bank_code: f64,
    national: f64,
    point: f64,
    postcode: f64,
    /// Postcodes that are more than digits.
    sure_postcode: f64,
    social: f64,
    /// Names of files as people give them, without a folder.
    upload: f64,
    /// Numbers with something between or before their digits.
    formatted: f64,
    /// Words of at most a few, as names and titles have them.
    short: f64,
}

impl Shapes {
    fn of(values: &[String]) -> Self {
        let filled: Vec<&str> = values
            .iter()
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
            .take(MOST)
            .collect();
        let lower: Vec<String> = filled.iter().map(|value| value.to_lowercase()).collect();
        #[expect(clippy::cast_precision_loss, reason = "at most MOST")]
        let share = |is: &dyn Fn(&str) -> bool| {
            filled.iter().filter(|value| is(value)).count() as f64 / filled.len().max(1) as f64
        };
        #[expect(clippy::cast_precision_loss, reason = "at most MOST")]
        let lower = |is: &dyn Fn(&str) -> bool| {
            lower.iter().filter(|value| is(value)).count() as f64 / lower.len().max(1) as f64
        };
        let different: HashSet<&&str> = filled.iter().collect();
        Self {
            different: different.len(),
            given: lower(&|value| known_names::given_or_family(value).0),
            family: lower(&|value| known_names::given_or_family(value).1),
            made_of_a_name: share(&|value| {
                !value.contains(char::is_whitespace) && known_names::is_made_of_a_name(value)
            }),
            street: lower(&|value| {
                known_places::is_street(value) || known_places::is_part_of_a_building(value)
            }),
            city: lower(&known_places::is_city),
            region: lower(&known_places::is_region),
            country: lower(&known_places::is_country),
            sex: lower(&|value| known_places::sex(value).0),
            sure_sex: lower(&|value| known_places::sex(value).1),
            health: lower(&known_places::is_of_health),
            bank_code: share(&is_bank_code),
            national: share(&ids::is_some_number),
            point: share(&is_point),
            postcode: share(&|value| postcode(value).is_some()),
            sure_postcode: share(&|value| postcode(value) == Some(true)),
            social: share(&is_social),
            upload: share(&is_upload),
            formatted: share(&|value| value.contains(['+', ' ', '-', '.', '/', '('])),
            short: share(&|value| value.split_whitespace().count() <= 4),
        }
    }
}

/// What nothing but the values of a column of texts says.
pub(super) fn told(profile: &Profile, column: &ColumnSample<'_>, beside: &Beside) -> Option<Finding> {
    use PersonalKind as Kind;
    if profile.count < ENOUGH || profile.structured > 0.3 {
        return None;
    }
    let shapes = Shapes::of(column.values);
    let various = shapes.different >= ENOUGH;
    let most_differ = shapes.different * 10 > profile.count.min(MOST) * 8;
    let place = shapes.city.max(shapes.region).max(shapes.country);
    let single = profile.spaces < 0.2;
    let of_people = beside.person || names::is_of_people(column.table);
    // What a table lists for others to refer to is nobody's.
    let somewhere = various && (of_people || beside.is_of_a_visit() || !names::is_of_places(column.table));
    // "oak-chair" and "shop/green-lamp" name things.
    let made_of_names = various && single && shapes.made_of_a_name > 0.4 && !names::is_a_way(column.column);
    let rules = [
        (shapes.social > 0.5, Kind::Url),
        (various && shapes.street > 0.3, Kind::Street),
        (
            shapes.different <= 12 && shapes.different >= 2 && shapes.sex > 0.95 && shapes.sure_sex > 0.1,
            Kind::Gender,
        ),
        (various && shapes.health > 0.4 && shapes.short > 0.8, Kind::Health),
        (various && shapes.bank_code > 0.8, Kind::BankAccount),
        (various && shapes.national > 0.8, Kind::NationalId),
        (various && shapes.point > 0.8, Kind::Geo),
        (
            various
                && profile.phone > 0.8
                && (profile.international_phone > 0.1 || shapes.formatted > 0.5)
                && !names::is_a_digest_or_key(column.column),
            Kind::Phone,
        ),
        (
            somewhere && shapes.country > 0.6 && shapes.country > shapes.city,
            Kind::Country,
        ),
        (
            somewhere && shapes.city > 0.4 && shapes.city >= shapes.region,
            Kind::City,
        ),
        (somewhere && shapes.region > 0.4, Kind::Region),
        (
            various && profile.person > 0.4 && profile.person > place && profile.url < 0.1,
            name(&shapes, profile),
        ),
        (made_of_names && profile.url > 0.5, Kind::Url),
        (made_of_names && profile.file > 0.5, Kind::FileName),
        (made_of_names && profile.person < 0.9, Kind::Username),
        (shapes.upload > 0.6 && most_differ, Kind::FileName),
        (various && is_old(column.values, of_people), Kind::BirthDate),
        (
            somewhere && shapes.postcode > 0.9 && shapes.sure_postcode > 0.05,
            Kind::Postcode,
        ),
        (
            profile.token > 0.8
                && most_differ
                && !are_dates(column.values)
                && !values::are_numbers_or_uuids(column.values)
                && (beside.is_of_a_session() || !names::is_a_digest_or_key(column.column))
                && !values::are_public_ids(column.table, column.values),
            Kind::Credential,
        ),
    ];
    let (_, kind) = rules.iter().find(|(told, _)| *told)?;
    Some(Finding::new(*kind, 0.6, &["validator"]))
}

/// Of names of people, which.
fn name(shapes: &Shapes, profile: &Profile) -> PersonalKind {
    if profile.spaces > 0.4 {
        PersonalKind::FullName
    } else if shapes.given >= shapes.family {
        PersonalKind::FirstName
    } else {
        PersonalKind::LastName
    }
}

/// Whether these dates, one with another, are those on which people were born: most of them long ago, over many years.
pub(super) fn are_births(values: &[String], beside: &Beside, table: &str) -> bool {
    is_old(values, beside.person || names::is_of_people(table))
}

/// Fewest dates by which births are told.
const DATES: usize = 20;

/// Where nothing says that rows are of people, dates must be older, and lie further apart.
fn is_old(values: &[String], of_people: bool) -> bool {
    let filled = values.iter().filter(|value| !value.trim().is_empty()).count();
    let mut years: Vec<u32> = values.iter().filter_map(|value| year_of(value.trim())).collect();
    years.sort_unstable();
    let at = |part: usize| years.get(years.len() * part / 10).copied().unwrap_or(0);
    let (middle, apart) = if of_people { (2000, 20) } else { (1985, 30) };
    years.len() >= DATES
        && years.len() * 10 >= filled * 9
        && at(1) >= 1900
        && at(5) <= middle
        && at(9) >= at(1) + apart
}

/// Whether most of these are dates, whose time makes them look like something that nobody should guess.
fn are_dates(values: &[String]) -> bool {
    let dates = values.iter().filter(|value| year_of(value.trim()).is_some());
    dates.count() * 2 > values.len()
}

/// The year of a date that is written as most are: `1985-04-12`, `12.04.1985`, `4/12/1985`, with or without a time.
fn year_of(text: &str) -> Option<u32> {
    let date = text.split(['T', ' ']).next()?;
    let parts: Vec<&str> = date.split(['-', '.', '/']).collect();
    let [first, middle, last] = parts[..] else {
        return None;
    };
    let short = |part: &str| matches!(part.len(), 1 | 2) && part.bytes().all(|byte| byte.is_ascii_digit());
    let year = match (first.len(), last.len()) {
        (4, _) if short(middle) && short(last) => first,
        (_, 4) if short(first) && short(middle) => last,
        _ => return None,
    };
    year.parse().ok().filter(|year| (1850..=2100).contains(year))
}

/// Whether whole numbers are years in which people were born.
pub(super) fn are_birth_years(values: &[String]) -> bool {
    let years: Vec<u32> = values.iter().filter_map(|value| value.parse().ok()).collect();
    let fine = |year: &u32| (1900..=2020).contains(year);
    let least = years.iter().min().copied().unwrap_or(0);
    let most = years.iter().max().copied().unwrap_or(0);
    let old = years.iter().filter(|year| **year <= 2000).count();
    years.len() >= DATES
        && years.len() == values.len()
        && years.iter().all(fine)
        && most >= least + 20
        && old * 2 > years.len()
}

/// A bank's code by ISO 9362: four letters, a country, two letters or digits, and perhaps three of a branch.
fn is_bank_code(text: &str) -> bool {
    matches!(text.len(), 8 | 11)
        && text.is_ascii()
        && text.bytes().take(6).all(|byte| byte.is_ascii_uppercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && ids::is_country_code(&text[4..6])
}

/// Latitude and longitude in one text, by some decimals.
fn is_point(text: &str) -> bool {
    let inner = text
        .trim_start_matches("POINT")
        .trim_matches(|c| matches!(c, '(' | ')' | ' '));
    let parts: Vec<&str> = inner
        .split([',', ';', ' '])
        .filter(|part| !part.is_empty())
        .collect();
    let degrees = |part: &&str| {
        let decimals = part
            .split_once('.')
            .is_some_and(|(_, decimals)| decimals.len() >= 3);
        decimals && part.parse::<f64>().is_ok_and(|degrees| degrees.abs() <= 180.0)
    };
    parts.len() == 2 && parts.iter().all(degrees)
}

/// Whether a text has the form of a postcode; `true` where it is more than digits.
fn postcode(text: &str) -> Option<bool> {
    // `#` is a digit, `@` a letter.
    const FORMS: [&str; 17] = [
        "####",
        "#####",
        "######",
        "##-###",
        "#####-####",
        "#####-###",
        "####-###",
        "### ##",
        "###-####",
        "#### @@",
        "####@@",
        "@# #@@",
        "@## #@@",
        "@@# #@@",
        "@@## #@@",
        "@#@ #@@",
        "@@#@ #@@",
    ];
    let fits = |form: &&str| {
        form.len() == text.len()
            && form.bytes().zip(text.bytes()).all(|(form, byte)| match form {
                b'#' => byte.is_ascii_digit(),
                b'@' => byte.is_ascii_uppercase(),
                other => byte == other,
            })
    };
    let form = FORMS.iter().find(|form| fits(form))?;
    Some(form.contains(['-', ' ', '@']))
}

/// Whether a text is the name of a file of a kind that people send.
fn is_upload(text: &str) -> bool {
    const KINDS: [&str; 22] = [
        "pdf", "jpg", "jpeg", "png", "gif", "heic", "tif", "tiff", "doc", "docx", "odt", "rtf", "xls",
        "xlsx", "ods", "csv", "zip", "eml", "msg", "mp3", "mp4", "wav",
    ];
    let kind = text
        .rsplit_once('.')
        .filter(|(stem, _)| !stem.is_empty() && !stem.contains('/'));
    kind.is_some_and(|(_, kind)| KINDS.contains(&kind.to_ascii_lowercase().as_str()))
}

/// Whether a text is the address of somebody's page on a network of people.
fn is_social(text: &str) -> bool {
    const HOSTS: [&str; 13] = [
        "facebook.com/",
        "twitter.com/",
        "x.com/",
        "linkedin.com/in/",
        "linkedin.com/pub/",
        "instagram.com/",
        "github.com/",
        "gitlab.com/",
        "medium.com/@",
        "t.me/",
        "xing.com/profile/",
        "mastodon.social/@",
        "tiktok.com/@",
    ];
    let lower = text.to_lowercase();
    let rest = lower
        .split_once("://")
        .map_or(lower.as_str(), |(_, rest)| rest)
        .trim_start_matches("www.");
    HOSTS
        .iter()
        .any(|host| rest.strip_prefix(host).is_some_and(|who| !who.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::super::{ColumnSample, detect_beside};
    use super::*;

    fn told_of(type_name: &str, values: &[&str]) -> Option<&'static str> {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        let columns = [("first_name", "text"), ("email", "text"), ("xq", type_name)];
        let beside = Beside::of("zz", columns);
        let sample = ColumnSample {
            table: "zz",
            column: "xq",
            type_name,
            values: &values,
        };
        detect_beside(&sample, &beside).map(|found| found.kind.name())
    }

    #[test]
    fn values_alone_tell_what_a_column_holds_whose_name_says_nothing() {
        for (values, kind) in [
            (
                &[
                    "Calle Mayor 3",
                    "12 rue de la Paix",
                    "Hauptstraße 7",
                    "9 High Street",
                    "ul. Długa 4",
                ][..],
                "street",
            ),
            (&["Berlin", "Paris", "Madrid", "Utrecht", "Roma"], "city"),
            (&["Bayern", "Ontario", "Texas", "Lombardia", "Galicia"], "region"),
            (&["France", "Polska", "España", "Italia", "Sverige"], "country"),
            (&["male", "female", "m", "f", "other", "male"], "gender"),
            (
                &["asthma", "nut allergy", "epilepsy", "diabetes", "vegan"],
                "health",
            ),
            (
                &["DEUTDEFF", "BNPAFRPPXXX", "INGBNL2A", "BCITITMM", "BREXPLPW"],
                "bank-account",
            ),
            (
                &[
                    "12345678Z",
                    "44051401359",
                    "900-12-3456",
                    "DE123456789",
                    "255081416802538",
                ],
                "national-id",
            ),
            (
                &[
                    "48.85, 2.352",
                    "52.520, 13.405",
                    "40.417, -3.703",
                    "41.894, 12.483",
                    "50.450, 30.523",
                ],
                "-",
            ),
            (
                &[
                    "48.851, 2.352",
                    "52.520, 13.405",
                    "40.417, -3.703",
                    "41.894, 12.483",
                    "50.450, 30.523",
                ],
                "geo",
            ),
            (
                &["jsmith", "anna.k", "mueller42", "piotr-nowak", "the_real_emma"],
                "username",
            ),
            (
                &["Nowak", "Svensson", "Kovács", "Fernández", "Kowalska"],
                "last-name",
            ),
            (&["Zofia", "Łukasz", "Begoña", "Linnéa", "Tomáš"], "first-name"),
            (
                &[
                    "https://www.linkedin.com/in/a",
                    "https://twitter.com/b",
                    "https://github.com/c",
                    "www.facebook.com/d",
                    "https://t.me/e",
                ],
                "url",
            ),
            (&["75011", "SW1A 1AA", "00-950", "1012 AB", "28013"], "postcode"),
            (
                &["alpha", "green", "house lamp", "INV-204", "R123456", "default"],
                "-",
            ),
        ] {
            assert_eq!(told_of("text", values).unwrap_or("-"), kind, "{values:?}");
        }
    }

    #[test]
    fn dates_of_long_ago_over_many_years_are_of_births_in_a_table_of_people() {
        let births: Vec<String> = (0..40).map(|n| format!("{}-03-1{}", 1945 + n, n % 9)).collect();
        let recent: Vec<String> = (0..40)
            .map(|n| format!("20{}-03-1{}", 10 + n % 15, n % 9))
            .collect();
        let of = |values: &[String], type_name| {
            told_of(type_name, &values.iter().map(String::as_str).collect::<Vec<_>>())
        };
        assert_eq!(of(&births, "date"), Some("birth-date"));
        assert_eq!(of(&births, "text"), Some("birth-date"));
        assert_eq!(of(&recent, "date"), None);
        let moments: Vec<String> = recent
            .iter()
            .zip(10..)
            .map(|(date, n)| format!("{date}T21:45:{n}+00:00"))
            .collect();
        assert_eq!(of(&moments, "text"), None);
        assert_eq!(year_of("12.04.1985"), Some(1985));
        assert_eq!(year_of("1985-04-12 10:00:00"), Some(1985));
        assert_eq!(year_of("192.168.1985"), None);
        let years: Vec<String> = (1950..1990).map(|year| year.to_string()).collect();
        assert!(are_birth_years(&years) && !are_birth_years(&recent));
    }
}
