//! How a value is written: what stands around it, and which characters of it only separate.

/// White space before a value, the value, and white space after it.
pub(super) fn surrounded(value: &str) -> (&str, &str, &str) {
    let inner = value.trim();
    let before = value.len() - value.trim_start().len();
    (&value[..before], inner, &value[before + inner.len()..])
}

/// The letters and digits of a code, in capitals, without what separates them.
pub(super) fn compact(value: &str) -> String {
    value
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

/// Writes a code in the places of the letters and digits of the value, in small letters where the value has them, if there
/// are as many; else as it is.
pub(super) fn write_alike(value: &str, code: &str, out: &mut String) {
    let places = value.chars().filter(char::is_ascii_alphanumeric).count();
    let separated =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-' | '/' | ':' | '\u{a0}');
    if places != code.len() || !value.chars().all(separated) {
        out.push_str(code);
        return;
    }
    let small = !value.bytes().any(|byte| byte.is_ascii_uppercase());
    let mut next = code.chars();
    for c in value.chars() {
        out.extend(if c.is_ascii_alphanumeric() {
            next.next()
                .map(|c| if small { c.to_ascii_lowercase() } else { c })
        } else {
            Some(c)
        });
    }
}

/// The digit that makes a row of digits pass the test of Luhn (ISO/IEC 7812-1, annex B) when it follows them.
pub(super) fn luhn(digits: &str) -> char {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0');
            match (at % 2, digit * 2) {
                (0, twice) if twice > 9 => twice - 9,
                (0, twice) => twice,
                _ => digit,
            }
        })
        .sum();
    char::from_digit((10 - sum % 10) % 10, 10).unwrap_or('0')
}

/// A long number of decimal digits, modulo a small one; letters count 10 to 35, as in an IBAN (ISO 13616, by ISO/IEC 7064).
pub(super) fn remainder(code: &str, modulus: u32) -> u32 {
    code.chars().fold(0, |rest, c| match c.to_digit(36) {
        Some(digit) if digit > 9 => (rest * 100 + digit) % modulus,
        Some(digit) => (rest * 10 + digit) % modulus,
        None => rest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_told_from_what_it_surrounds() {
        assert_eq!(surrounded(" \ta b\u{a0}"), (" \t", "a b", "\u{a0}"));
        assert_eq!(surrounded(""), ("", "", ""));
    }

    #[test]
    fn a_code_is_written_as_the_value_was() {
        let written = |value: &str, code: &str| {
            let mut out = String::new();
            write_alike(value, code, &mut out);
            out
        };
        assert_eq!(written("ab-12 c", "XY34Z"), "xy-34 z");
        assert_eq!(written("AB/12", "XY34"), "XY/34");
        assert_eq!(written("AB12 (old)", "XY34"), "XY34");
        assert_eq!(written("AB1", "XY34"), "XY34");
    }

    #[test]
    fn check_digits_of_published_examples() {
        assert_eq!(luhn("7992739871"), '3');
        assert_eq!(luhn("411111111111111"), '1');
        assert_eq!(remainder("3214282912345698765432161182", 97), 1);
        assert_eq!(remainder("WEST12345698765432GB82", 97), 1);
    }
}
