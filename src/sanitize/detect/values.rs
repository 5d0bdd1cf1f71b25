//! What a sample of values says: the share of them that has a certain form.

use std::collections::HashSet;
use std::net::IpAddr;

use super::blobs::{base64, holds_personal_keys, is_structured};
use super::known_names::{is_name, is_written_together};

/// Shares, from 0 to 1, of the values that are not empty.
#[derive(Debug, Default)]
pub(super) struct Profile {
    pub(super) count: usize,
    /// E-mail addresses, or lists of them.
    pub(super) email: f64,
    /// Texts with an e-mail address inside.
    pub(super) holds_email: f64,
    /// Written like telephone numbers.
    pub(super) phone: f64,
    /// With a plus and a calling code.
    pub(super) international_phone: f64,
    pub(super) ip: f64,
    pub(super) mac: f64,
    /// Eight hexadecimal digits, or a prefix and 32: addresses as some applications store them.
    pub(super) hexadecimal: f64,
    /// Of these the longer ones, whose prefix nothing else has.
    pub(super) hexadecimal_six: f64,
    /// With correct check digits.
    pub(super) iban: f64,
    /// Sixteen digits or so, with a correct check digit.
    pub(super) card: f64,
    pub(super) user_agent: f64,
    pub(super) url: f64,
    /// Password hashes and keys whose first characters tell.
    pub(super) secret: f64,
    /// Long codes of letters and digits.
    pub(super) token: f64,
    /// Names with a well-known given or family name.
    pub(super) person: f64,
    /// Words that all begin with a capital letter, or have none.
    pub(super) capitalized: f64,
    /// Sentences.
    pub(super) prose: f64,
    /// Sentences with an e-mail address or a telephone number.
    pub(super) personal_prose: f64,
    /// Sentences that seem to name somebody.
    pub(super) naming_prose: f64,
    /// Ends like the name of a firm.
    pub(super) company: f64,
    /// JSON, PHP, YAML, vCard, mail headers.
    pub(super) structured: f64,
    /// Of these (also packed in base64) with personal keys or values.
    pub(super) structured_personal: f64,
    pub(super) digits: f64,
    pub(super) spaces: f64,
    /// Nine digits or more and nothing else.
    pub(super) long_number: f64,
    /// With an extension.
    pub(super) file: f64,
}

/// Values that are looked at, and bytes of each.
const MOST: usize = 500;
pub(super) const LONGEST: usize = 2000;

impl Profile {
    pub(super) fn of(values: &[String]) -> Self {
        let mut profile = Self::default();
        for value in values
            .iter()
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
            .take(MOST)
        {
            let end = (0..=value.len().min(LONGEST))
                .rev()
                .find(|at| value.is_char_boundary(*at));
            profile.add(&value[..end.unwrap_or(0)]);
            profile.count += 1;
        }
        profile.divide();
        profile
    }

    fn add(&mut self, value: &str) {
        let is = |share: &mut f64, yes: bool| *share += f64::from(u8::from(yes));
        let holds_email = holds_email(value);
        let structured = is_structured(value);
        let prose = !structured && value.split_whitespace().count() >= 4;
        is(&mut self.email, !structured && !prose && is_email(value));
        is(&mut self.holds_email, holds_email);
        is(&mut self.phone, is_phone(value));
        is(
            &mut self.international_phone,
            value.starts_with('+') && is_phone(value),
        );
        is(&mut self.ip, is_ip(value));
        is(&mut self.mac, is_mac(value));
        is(&mut self.hexadecimal, is_hexadecimal_address(value));
        is(
            &mut self.hexadecimal_six,
            value.starts_with("v6-") && is_hexadecimal_address(value),
        );
        is(&mut self.iban, is_iban(value));
        is(&mut self.card, is_card(value));
        is(&mut self.user_agent, is_user_agent(value));
        is(&mut self.url, value.contains("://") || value.starts_with("www."));
        is(&mut self.secret, is_secret(value));
        is(&mut self.token, is_token(value));
        is(&mut self.person, is_person(value));
        is(
            &mut self.capitalized,
            !value
                .split_whitespace()
                .any(|word| word.starts_with(char::is_lowercase)),
        );
        is(&mut self.prose, prose);
        is(
            &mut self.personal_prose,
            prose && (holds_email || holds_phone(value)),
        );
        is(&mut self.naming_prose, prose && holds_person(value));
        is(&mut self.company, is_company(value));
        is(&mut self.structured, structured);
        let decoded = if structured { None } else { base64(value) };
        let blob = decoded.as_deref().or(structured.then_some(value));
        is(
            &mut self.structured_personal,
            blob.is_some_and(holds_personal_keys),
        );
        is(&mut self.digits, value.bytes().any(|byte| byte.is_ascii_digit()));
        is(&mut self.spaces, value.contains(char::is_whitespace));
        is(
            &mut self.long_number,
            value.len() >= 9 && value.bytes().all(|byte| byte.is_ascii_digit()),
        );
        is(&mut self.file, is_file(value));
    }

    fn divide(&mut self) {
        #[expect(clippy::cast_precision_loss, reason = "at most MOST")]
        let count = self.count.max(1) as f64;
        for share in [
            &mut self.email,
            &mut self.holds_email,
            &mut self.phone,
            &mut self.international_phone,
            &mut self.ip,
            &mut self.mac,
            &mut self.hexadecimal,
            &mut self.hexadecimal_six,
            &mut self.iban,
            &mut self.card,
            &mut self.user_agent,
            &mut self.url,
            &mut self.secret,
            &mut self.token,
            &mut self.person,
            &mut self.capitalized,
            &mut self.prose,
            &mut self.personal_prose,
            &mut self.naming_prose,
            &mut self.company,
            &mut self.structured,
            &mut self.structured_personal,
            &mut self.digits,
            &mut self.spaces,
            &mut self.long_number,
            &mut self.file,
        ] {
            *share /= count;
        }
    }
}

fn is_address(word: &str) -> bool {
    let Some((local, domain)) = word.rsplit_once('@') else {
        return false;
    };
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '\'' | '%');
    !local.is_empty()
        && local.chars().all(fine)
        && domain.split('.').count() >= 2
        && domain
            .split('.')
            .all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'))
        && domain
            .rsplit('.')
            .next()
            .is_some_and(|top| top.chars().all(char::is_alphabetic))
}

/// The words of a text that could be addresses, without what is written around them.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| {
        c.is_whitespace() || matches!(c, ',' | ';' | '<' | '>' | '"' | '(' | ')' | '[' | ']' | '=' | ':')
    })
    .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
}

fn is_email(value: &str) -> bool {
    let mut parts = value.split([',', ';']).map(str::trim);
    parts.all(|part| {
        let address = part
            .rsplit_once('<')
            .map_or(part, |(_, address)| address.trim_end_matches('>'));
        is_address(address.trim_start_matches("mailto:"))
    })
}

pub(super) fn holds_email(value: &str) -> bool {
    value.contains('@') && words(value).any(is_address)
}

fn is_phone(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let separators = value.bytes().filter(|byte| b" .-/()".contains(byte)).count();
    let fine = value
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+ .-/()".contains(&byte));
    let dots = value.matches('.').count();
    fine && (7..=15).contains(&digits)
        // "1.2.34567" is a version, "2024-01-31" a date.
        && (value.starts_with(['+', '(', '0']) || separators >= 1 && dots == 0 && value.len() > 10 || digits >= 9 && dots == 0)
        && !is_date(value)
        && value.parse::<IpAddr>().is_err()
}

fn is_date(value: &str) -> bool {
    let parts: Vec<usize> = value.split(['-', '/', '.', ' ']).map(str::len).collect();
    matches!(parts.as_slice(), [4, 2, 2, ..] | [2, 2, 4, ..])
}

/// A plus sign and a telephone number within a text.
pub(super) fn holds_phone(value: &str) -> bool {
    value.match_indices(['+', '0', '(']).any(|(at, _)| {
        let rest = &value[at..];
        let end = rest
            .find(|c: char| !(c.is_ascii_digit() || "+ .-/()".contains(c)))
            .unwrap_or(rest.len());
        let number = rest[..end].trim_end_matches(|c: char| !c.is_ascii_digit());
        let before = value[..at].chars().next_back();
        number.len() >= 9 && is_phone(number) && !before.is_some_and(|c| c.is_alphanumeric() || c == '#')
    })
}

pub(super) fn is_ip(value: &str) -> bool {
    let address = value.split('/').next().unwrap_or(value);
    address
        .parse::<IpAddr>()
        .is_ok_and(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

fn is_mac(value: &str) -> bool {
    value.len() == 17
        && value
            .split([':', '-'])
            .all(|pair| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

pub(super) fn is_hexadecimal_address(value: &str) -> bool {
    let digits = value.strip_prefix("v6-").unwrap_or(value);
    matches!(digits.len(), 8 | 32)
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte))
}

fn is_iban(value: &str) -> bool {
    let compact: Vec<u8> = value.bytes().filter(|byte| *byte != b' ').collect();
    if !(15..=34).contains(&compact.len())
        || !compact[..2].iter().all(u8::is_ascii_uppercase)
        || !compact[2..4].iter().all(u8::is_ascii_digit)
        || !compact.iter().all(u8::is_ascii_alphanumeric)
    {
        return false;
    }
    let rest = compact[4..]
        .iter()
        .chain(&compact[..4])
        .fold(0u32, |rest, byte| match byte {
            b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
            letter => (rest * 100 + u32::from(letter.to_ascii_uppercase() - b'A') + 10) % 97,
        });
    rest == 1
}

fn is_card(value: &str) -> bool {
    let digits: Vec<u8> = value.bytes().filter(u8::is_ascii_digit).collect();
    let fine = value
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b" -".contains(&byte));
    if !fine || !(13..=19).contains(&digits.len()) || !matches!(digits[0], b'3'..=b'6') {
        return false;
    }
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let doubled = u32::from(digit - b'0') * if at % 2 == 1 { 2 } else { 1 };
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn is_user_agent(value: &str) -> bool {
    value.starts_with("Mozilla/") || value.starts_with("Opera/") || {
        let mut parts = value.splitn(2, '/');
        let name = parts.next().unwrap_or_default();
        let version = parts.next().unwrap_or_default();
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphabetic() || c == '-')
            && version.starts_with(|c: char| c.is_ascii_digit())
            && version
                .split(' ')
                .next()
                .is_some_and(|first| first.split('.').count() >= 2)
            && version
                .split('.')
                .take(2)
                .all(|part| part.chars().all(|c| c.is_ascii_digit()))
    }
}

fn is_secret(value: &str) -> bool {
    const STARTS: [&str; 16] = [
        "$2y$",
        "$2a$",
        "$2b$",
        "$argon2",
        "$P$",
        "$H$",
        "$S$",
        "$1$",
        "$5$",
        "$6$",
        "$pbkdf2",
        ":pbkdf2:",
        "pbkdf2_",
        "sk_live_",
        "-----BEGIN",
        "SCRAM-SHA-256$",
    ];
    STARTS.iter().any(|start| value.starts_with(start))
        || value.starts_with("eyJ") && value.matches('.').count() == 2
}

fn is_token(value: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+/=:.$".contains(&byte);
    value.len() >= 14
        && value.bytes().all(fine)
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !value.contains("://")
}

fn is_company(value: &str) -> bool {
    const ENDS: [&str; 20] = [
        "Ltd", "Ltd.", "Limited", "GmbH", "SARL", "SAS", "SA", "S.A.", "Inc", "Inc.", "LLC", "AG", "S.r.l.",
        "B.V.", "AB", "KG", "e.K.", "o.o.", "Corp", "& Sons",
    ];
    ENDS.iter()
        .any(|end| value.strip_suffix(end).is_some_and(|rest| rest.ends_with(' ')))
        || value.ends_with("株式会社")
}

/// Whether all values begin with the name of their table: public identifiers, not secrets.
pub(super) fn are_public_ids(table: &str, values: &[String]) -> bool {
    let table = table.rsplit('.').next().unwrap_or(table);
    let mut filled = values.iter().filter(|value| !value.is_empty()).peekable();
    filled.peek().is_some()
        && filled.all(|value| {
            value
                .rsplit_once('_')
                .is_some_and(|(prefix, _)| prefix.len() >= 3 && table.starts_with(prefix))
        })
}

/// Whether nearly each of these texts is another one, and neither a time, a number, an address on the web nor a code that a
/// program made: what is left tells one row from another.
pub(super) fn are_various(values: &[String]) -> bool {
    const FEWEST: usize = 5;
    let filled: Vec<&str> = values
        .iter()
        .map(|value| value.trim())
        .filter(|value| !value.is_empty())
        .collect();
    let different: HashSet<&str> = filled.iter().copied().collect();
    let made = filled.iter().filter(|value| is_made(value)).count();
    different.len() >= FEWEST && different.len() * 2 > filled.len() && made * 2 < filled.len()
}

/// Whether these texts are keys of other rows: numbers or UUIDs.
pub(super) fn are_numbers_or_uuids(values: &[String]) -> bool {
    let key = |value: &String| {
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
            || value.len() == 36 && value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    };
    values.iter().filter(|value| key(value)).count() * 2 > values.len()
}

/// Whether a program made this text: a time, a number, a URL, a digest, a UUID.
fn is_made(value: &str) -> bool {
    let hexadecimal = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    !value.chars().any(char::is_alphabetic)
        || value.len() >= 16 && value.bytes().all(hexadecimal)
        || value
            .get(..10)
            .is_some_and(|start| !start.contains(char::is_alphabetic) && is_date(start))
        || value.contains("://")
}

pub(super) fn is_person(value: &str) -> bool {
    let particle = |word: &str| {
        matches!(
            word,
            "de" | "van" | "von" | "der" | "den" | "la" | "el" | "ter" | "da" | "di" | "le"
        )
    };
    let fine = |c: char| c.is_alphabetic() || matches!(c, ' ' | ',' | '.' | '-' | '\'' | '’');
    let count = value.split_whitespace().count();
    is_written_together(value)
        || (1..=4).contains(&count)
            && value.chars().all(fine)
            && value
                .split_whitespace()
                .all(|word| !word.starts_with(char::is_lowercase) || particle(word))
            && value
                .split_whitespace()
                .any(|word| is_name(word) || word.split('-').any(is_name))
}

/// Two names after each other within a text, or one after a salutation.
fn holds_person(value: &str) -> bool {
    let capital =
        |word: &str| word.starts_with(char::is_uppercase) && word.chars().skip(1).any(char::is_lowercase);
    let words: Vec<&str> = value.split_whitespace().collect();
    words.windows(2).any(|pair| {
        let greeting = matches!(
            pair[0].trim_end_matches('.'),
            "Hi" | "Hello"
                | "Dear"
                | "Mr"
                | "Mrs"
                | "Ms"
                | "Herr"
                | "Frau"
                | "Hallo"
                | "Bonjour"
                | "Hola"
                | "Madame"
                | "Monsieur"
                | "Señor"
                | "Señora"
                | "Signor"
                | "Signora"
                | "Ciao"
                | "Gentile"
                | "Beste"
                | "Geachte"
                | "Mevrouw"
                | "Senhor"
                | "Senhora"
                | "Olá"
                | "Pan"
                | "Pani"
        );
        (capital(pair[1]) && greeting)
            || capital(pair[0])
                && capital(pair[1])
                && is_name(pair[0])
                && pair[0].ends_with(char::is_alphabetic)
    })
}

fn is_file(value: &str) -> bool {
    value.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty()
            && (2..=4).contains(&extension.len())
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_check_digits() {
        assert!(is_email("anna@shop.example") && is_email("Anna <anna@shop.example>, b@c.test"));
        assert!(!is_email("anna@shop") && !is_email("write to anna@shop.example"));
        assert!(holds_email("write to <anna@shop.example>."));
        assert!(is_iban("DE89 3704 0044 0532 0130 00") && !is_iban("DE88370400440532013000"));
        assert!(is_card("4111 1111 1111 1111") && !is_card("4111111111111112") && !is_card("1234567890123"));
        assert!(is_ip("203.0.113.9") && is_ip("2001:db8::1") && !is_ip("127.0.0.1") && !is_ip("4.2.1"));
        assert!(is_secret("$2y$10$abc") && is_secret("eyJh.eyJz.sig") && !is_secret("$20"));
        assert!(is_user_agent("curl/8.1.1") && !is_user_agent("image/jpeg") && !is_user_agent("path/2"));
        assert!(is_mac("00:1a:2b:3c:4d:5e"));
    }

    #[test]
    fn phones_are_told_from_dates_versions_and_codes() {
        for phone in [
            "+33 6 39 98 12 34",
            "(212) 555-0142",
            "07700 900123",
            "0152 28895123",
            "+15035550142",
        ] {
            assert!(is_phone(phone), "{phone}");
        }
        for other in [
            "2024-01-31",
            "31.01.2024",
            "4.2.1234567",
            "12345",
            "192.0.2.155",
            "R123456789",
        ] {
            assert!(!is_phone(other), "{other}");
        }
        assert!(holds_phone("Call +49 30 23125123, please") && !holds_phone("Order ID: #12345678901"));
    }

    #[test]
    fn people_are_told_from_things() {
        for person in ["Anna Smith", "SMITH, Anna", "Jean-Pierre", "Ludwig van Beethoven"] {
            assert!(is_person(person), "{person}");
        }
        for thing in ["Victoria sponge", "Main Street 4", "Oak chair", "north west"] {
            assert!(!is_person(thing), "{thing}");
        }
        assert!(holds_person("I spoke with Anna Smith today") && !holds_person("The parcel came late"));
    }

    #[test]
    fn blobs_are_looked_into() {
        assert!(
            is_structured(r#"{"a":1}"#)
                && is_structured(r#"a:1:{s:1:"a";i:1;}"#)
                && is_structured("---\nid: 1\n")
        );
        assert!(
            holds_personal_keys(r#"{"email":null}"#)
                && !holds_personal_keys(r#"{"version":2,"flags":["x"]}"#)
        );
        let packed = "YTozOntzOjU6ImVtYWlsIjtzOjE1OiJhbm5hQHNob3AudGVzdCI7fQ==";
        assert!(base64(packed).is_some_and(|text| holds_personal_keys(&text)));
        assert!(base64("not base64 at all, but a rather long sentence.").is_none());
    }
}
