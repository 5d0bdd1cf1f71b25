//! Structured values: JSON, PHP, YAML, mails, base64 of them, and whether they hold something of a person.

use super::values::{LONGEST, holds_email, holds_phone, is_ip, is_person, words};

/// The elements of an array, as the server writes it: `{a,"b, c",NULL}`.
pub(super) fn elements(array: &str) -> Vec<String> {
    let inner = array.trim().trim_start_matches('{').trim_end_matches('}');
    let mut elements = Vec::new();
    let (mut element, mut quoted, mut escaped) = (String::new(), false, false);
    for c in inner.chars() {
        match c {
            _ if escaped => {
                element.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => elements.push(std::mem::take(&mut element)),
            _ => element.push(c),
        }
    }
    elements.push(element);
    elements.retain(|element| !element.is_empty() && element != "NULL");
    elements
}

pub(super) fn is_structured(value: &str) -> bool {
    let pairs = |open: char, close: char| value.starts_with(open) && value.ends_with(close);
    let php = |c: char| {
        value.starts_with(c)
            && value.as_bytes().get(1) == Some(&b':')
            && value.as_bytes().get(2).is_some_and(u8::is_ascii_digit)
    };
    pairs('{', '}')
        || pairs('[', ']') && !value.starts_with("[[")
        || value.starts_with('{') && value.len() >= LONGEST / 2
        || php('a')
        || php('O')
        || php('s')
        || value.starts_with("---\n")
        || value.starts_with("BEGIN:V")
        || value.starts_with("Received:")
        || value.starts_with("From:")
        || value.starts_with("<?xml")
}

/// Whether keys or values of a blob are of a person.
pub(super) fn holds_personal_keys(blob: &str) -> bool {
    const KEYS: [&str; 20] = [
        "email",
        "e-mail",
        "phone",
        "first_name",
        "last_name",
        "firstname",
        "lastname",
        "address",
        "username",
        "password",
        "passwd",
        "secret",
        "token",
        "api_key",
        "street",
        "city",
        "birth",
        "ip_addr",
        "iban",
        "FN:",
    ];
    let lower = blob.to_lowercase();
    let key = |key: &str| {
        lower.match_indices(key).any(|(at, _)| {
            let after = lower[at + key.len()..].chars().next();
            after.is_some_and(|c| matches!(c, '"' | ':' | '\'' | '='))
        })
    };
    holds_email(blob)
        || holds_phone(blob)
        || KEYS.iter().any(|name| key(name))
        || words(blob).any(|word| is_ip(word) && word.contains('.'))
        || blob.split('"').any(|text| is_person(text) && text.contains(' '))
}

/// The text of bytes that the server shows as hexadecimal digits, if it is one.
pub(super) fn text_of_bytes(value: &str) -> Option<String> {
    let digits = value.strip_prefix("\\x")?.as_bytes();
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let bytes: Option<Vec<u8>> = digits
        .chunks(2)
        .take(LONGEST)
        .map(|pair| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect();
    String::from_utf8(bytes?)
        .ok()
        .filter(|text| text.chars().all(|c| !c.is_control() || c.is_whitespace()))
}

/// Text packed in base64, if it is that.
pub(super) fn base64(value: &str) -> Option<String> {
    if value.len() < 40 || value.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(value.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in value.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\n' | b'\r' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap_or(0));
            bits &= (1 << held) - 1;
        }
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| text.chars().all(|c| !c.is_control() || c.is_whitespace()))
}
