//! What a column looks like by its name and some of its values.

use super::super::transform::Spec;

/// Words of names that say what the values are, and the transform for them.
const WORDS: &[(&str, &[&str], Option<&str>)] = &[
    ("email", &["email", "mail", "mailbox"], Some("email")),
    (
        "phone",
        &["phone", "tel", "telephone", "mobile", "fax", "msisdn"],
        Some("phone"),
    ),
    (
        "name",
        &[
            "firstname",
            "lastname",
            "surname",
            "fullname",
            "givenname",
            "holder",
            "recipient",
        ],
        Some("name"),
    ),
    (
        "birth",
        &[
            "birth",
            "birthday",
            "birthdate",
            "birthyear",
            "dob",
            "born",
            "age",
            "death",
        ],
        None,
    ),
    (
        "identity",
        &[
            "ssn", "nin", "nir", "passport", "licence", "license", "national", "tax", "vat", "siren", "siret",
        ],
        None,
    ),
    (
        "account",
        &[
            "iban", "card", "pan", "cvv", "cvc", "account", "salary", "income", "pin",
        ],
        None,
    ),
    (
        "place",
        &[
            "lat",
            "latitude",
            "lon",
            "lng",
            "long",
            "longitude",
            "geo",
            "zip",
            "postcode",
            "postal",
        ],
        None,
    ),
    ("network", &["ip", "ipv4", "ipv6", "mac", "imei", "imsi"], None),
];

/// What the name says the values are, with the transform for text of this kind.
pub(super) fn by_name(column: &str) -> Option<(&'static str, Option<Spec>)> {
    let words = words(column);
    // "first_name" is two words in one language and one in another: neighbours count as one word too.
    let pairs = words.windows(2).map(<[String]>::concat);
    let said: Vec<String> = words.iter().cloned().chain(pairs).collect();
    WORDS
        .iter()
        .find(|(_, words, _)| said.iter().any(|word| words.contains(&word.as_str())))
        .map(|(kind, _, transform)| (*kind, transform.map(Spec::named)))
}

/// Whether numbers, dates, times or UUIDs may be personal: by their name, or because all are long numbers as
/// telephones, cards and national identities are.
pub(super) fn personal_number(column: &str, samples: &[String]) -> bool {
    let long = |value: &String| value.len() >= 9 && value.bytes().all(|b| b.is_ascii_digit());
    by_name(column).is_some() || (!samples.is_empty() && samples.iter().all(long))
}

/// The words of `birth_date`, `birthDate` and `BirthDate2`, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut before_lower = false;
    for c in name.chars() {
        let boundary = !c.is_alphabetic() || (c.is_uppercase() && before_lower);
        before_lower = c.is_lowercase();
        if boundary {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && c.is_alphabetic()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_by_word_in_any_style() {
        let kind = |name: &str| by_name(name).map(|(kind, _)| kind);
        assert_eq!(kind("billing_email"), Some("email"));
        assert_eq!(kind("phoneNumber2"), Some("phone"));
        assert_eq!(kind("first_name"), Some("name"));
        assert_eq!(kind("lastName"), Some("name"));
        assert_eq!(kind("BirthDate"), Some("birth"));
        assert_eq!(kind("page"), None);
        assert_eq!(kind("shipping_zone"), None);
        assert_eq!(kind("description"), None);
    }

    #[test]
    fn numbers_are_personal_by_name_or_when_all_are_long() {
        let values = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
        assert!(personal_number("birth_year", &[]));
        assert!(personal_number(
            "contact",
            &values(&["33612345678", "4917012345678"])
        ));
        assert!(!personal_number("stock", &values(&["3", "33612345678"])));
        assert!(!personal_number("stock", &[]));
    }
}
