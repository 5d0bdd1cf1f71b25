//! The forms in which an original may lie in a file: as the server writes it, or as an application put it into something
//! else. PHP's serialized texts hold their bytes as they are. No form is longer than [`GROWTH`] times the original.

use zeroize::Zeroizing;

use super::SHORTEST;

/// How many times as long as the original its longest form is: JSON writes a control character of one byte with six.
pub const GROWTH: usize = 6;

/// The fewest characters of base64 that are searched for: what eight bytes give, whatever stands before them.
const FRAGMENT: usize = 10;

/// Calls `form` with every form of an original, some of them several times. All are at least [`SHORTEST`] bytes long.
pub(super) fn forms(original: &[u8], form: &mut dyn FnMut(&[u8])) {
    let mut long_enough = |bytes: &[u8]| {
        if bytes.len() >= SHORTEST {
            form(bytes);
        }
    };
    long_enough(original);
    if let Ok(text) = std::str::from_utf8(original) {
        of_text(text, &mut long_enough);
    }
    for digits in [b"0123456789abcdef", b"0123456789ABCDEF"] {
        long_enough(&hex(original, digits));
    }
    for alphabet in [b"+/", b"-_"] {
        for before in 0..3 {
            let fragment = base64(original, before, *alphabet);
            if fragment.len() >= FRAGMENT {
                long_enough(&fragment);
            }
        }
    }
}

fn of_text(text: &str, form: &mut dyn FnMut(&[u8])) {
    let lower = Zeroizing::new(text.to_lowercase());
    form(lower.as_bytes());
    for ascii in [None, Some(false), Some(true)] {
        for slashes in [false, true] {
            form(json(text, ascii, slashes).as_bytes());
        }
    }
    for (kept, space) in ENCODERS {
        for capitals in [false, true] {
            form(url(text, kept, capitals, space).as_bytes());
        }
    }
    utf_16(text, form);
    if !text.is_ascii() {
        for text in [text, lower.as_str()] {
            for of in [WINDOWS_1252, LATIN_9] {
                if let Some(bytes) = single_bytes(text, of) {
                    form(&bytes);
                }
            }
        }
    }
}

/// A text as it stands between the quotes of a JSON string. `ascii`: whether, and with capitals, other characters are escaped.
fn json(text: &str, ascii: Option<bool>, slashes: bool) -> Zeroizing<String> {
    // Never moved, so that no copy of an original stays behind.
    let mut out = Zeroizing::new(String::with_capacity(text.len() * GROWTH));
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '/' if slashes => out.push_str("\\/"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' || (ascii.is_some() && !c.is_ascii()) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str("\\u");
                    for shift in [12, 8, 4, 0] {
                        let digit = u32::from(*unit >> shift & 15);
                        let digit = char::from_digit(digit, 16).unwrap_or_default();
                        out.push(if ascii == Some(true) {
                            digit.to_ascii_uppercase()
                        } else {
                            digit
                        });
                    }
                }
            }
            c => out.push(c),
        }
    }
    out
}

/// What encoders leave as it is beside letters and digits, and what a space becomes: PHP's `urlencode`, Python's `quote_plus`,
/// Java's `URLEncoder` and the forms of browsers; PHP's `rawurlencode`, JavaScript's `encodeURIComponent` and `encodeURI`,
/// Python's `quote`.
const ENCODERS: [(&[u8], &str); 7] = [
    (b"-_.", "+"),
    (b"-_.~", "+"),
    (b"-_.*", "+"),
    (b"-_.~", "%20"),
    (b"-_.!~*'()", "%20"),
    (b"-_.!~*'();/?:@&=+$,#", "%20"),
    (b"-_.~/", "%20"),
];

fn url(text: &str, kept: &[u8], capitals: bool, space: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len() * 3));
    let digits = if capitals {
        b"0123456789ABCDEF"
    } else {
        b"0123456789abcdef"
    };
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            out.push(char::from(byte));
        } else if byte == b' ' {
            out.push_str(space);
        } else {
            out.push('%');
            out.push(char::from(digits[usize::from(byte >> 4)]));
            out.push(char::from(digits[usize::from(byte & 15)]));
        }
    }
    out
}

/// Both orders of bytes. Where every second byte is 0, the bytes from the first that is not to the last are the same in both.
fn utf_16(text: &str, form: &mut dyn FnMut(&[u8])) {
    let mut big = Zeroizing::new(Vec::with_capacity(text.len() * 2));
    let mut little = Zeroizing::new(Vec::with_capacity(text.len() * 2));
    let mut narrow = true;
    for unit in text.encode_utf16() {
        narrow &= unit < 256;
        big.extend_from_slice(&unit.to_be_bytes());
        little.extend_from_slice(&unit.to_le_bytes());
    }
    if narrow {
        form(big.get(1..).unwrap_or_default());
    } else {
        form(&big);
        form(&little);
    }
}

fn hex(bytes: &[u8], digits: &[u8; 16]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len() * 2));
    for byte in bytes {
        out.extend([digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
    }
    out
}

/// The characters of base64 that these bytes alone decide, where `before` bytes (of three) stand before them.
fn base64(bytes: &[u8], before: usize, last: [u8; 2]) -> Zeroizing<Vec<u8>> {
    const PLAIN: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let skipped = (before * 8).next_multiple_of(6) - before * 8;
    let characters = (bytes.len() * 8).saturating_sub(skipped) / 6;
    let mut out = Zeroizing::new(Vec::with_capacity(characters));
    for number in 0..characters {
        let bit = skipped + number * 6;
        let (at, within) = (bit / 8, bit % 8);
        let next = bytes.get(at + 1).copied().unwrap_or(0);
        let both = u16::from_be_bytes([bytes[at], next]);
        let six = usize::from(both >> (10 - within) & 63);
        out.push(PLAIN.get(six).copied().unwrap_or(last[six & 1]));
    }
    out
}

/// The characters of an encoding of one byte each that are not at their place in Unicode.
type Moved = &'static [(char, u8)];

/// Windows-1252, and ISO 8859-1 with it.
const WINDOWS_1252: Moved = &[
    ('€', 0x80),
    ('‚', 0x82),
    ('ƒ', 0x83),
    ('„', 0x84),
    ('…', 0x85),
    ('†', 0x86),
    ('‡', 0x87),
    ('ˆ', 0x88),
    ('‰', 0x89),
    ('Š', 0x8a),
    ('‹', 0x8b),
    ('Œ', 0x8c),
    ('Ž', 0x8e),
    ('‘', 0x91),
    ('’', 0x92),
    ('“', 0x93),
    ('”', 0x94),
    ('•', 0x95),
    ('–', 0x96),
    ('—', 0x97),
    ('˜', 0x98),
    ('™', 0x99),
    ('š', 0x9a),
    ('›', 0x9b),
    ('œ', 0x9c),
    ('ž', 0x9e),
    ('Ÿ', 0x9f),
];

/// ISO 8859-15.
const LATIN_9: Moved = &[
    ('€', 0xa4),
    ('Š', 0xa6),
    ('š', 0xa8),
    ('Ž', 0xb4),
    ('ž', 0xb8),
    ('Œ', 0xbc),
    ('œ', 0xbd),
    ('Ÿ', 0xbe),
];

/// A text in an encoding of one byte for each character, where it has them all.
fn single_bytes(text: &str, moved: Moved) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    for c in text.chars() {
        let known = moved.iter().find(|(character, _)| *character == c);
        out.push(match known {
            Some((_, byte)) => *byte,
            None => u8::try_from(c).ok()?,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn all(original: &[u8]) -> BTreeSet<Vec<u8>> {
        let mut all = BTreeSet::new();
        forms(original, &mut |form| {
            all.insert(form.to_vec());
        });
        all
    }

    fn has(original: &str, forms: &[&[u8]]) {
        let all = all(original.as_bytes());
        for form in forms {
            assert!(all.contains(*form), "{:?}", String::from_utf8_lossy(form));
        }
    }

    #[test]
    fn each_encoder_s_way_to_write_a_text_is_among_them() {
        has(
            "Müller-Kanari 7/8~",
            &[
                "müller-kanari 7/8~".as_bytes(),
                br"M\u00fcller-Kanari 7/8~",
                br"M\u00FCller-Kanari 7\/8~",
                "Müller-Kanari 7\\/8~".as_bytes(),
                // PHP's urlencode and rawurlencode, JavaScript's encodeURIComponent and encodeURI.
                b"M%C3%BCller-Kanari+7%2F8%7E",
                b"M%C3%BCller-Kanari%207%2F8~",
                b"M%c3%bcller-Kanari%207%2f8~",
                b"M%C3%BCller-Kanari%207/8~",
                b"M\xfcller-Kanari 7/8~",
                b"m\xfcller-kanari 7/8~",
            ],
        );
        has("kanari7@vogel-post.test", &[b"kanari7%40vogel-post.test"]);
        has("Žofie Vogel", &[b"\x8eofie Vogel", b"\xb4ofie Vogel"]);
        has("kanarien\u{1}", &[br"kanarien\u0001"]);
    }

    #[test]
    fn both_orders_of_utf_16_and_both_cases_of_hex_are_among_them() {
        let holds = |original: &str, written: &[u8]| {
            let any = all(original.as_bytes())
                .iter()
                .any(|form| memchr::memmem::find(written, form).is_some());
            assert!(any, "{original} {written:?}");
        };
        for text in ["kanari77", "Kanari Žofie", "東京都千代田区千代田"] {
            let units: Vec<u16> = text.encode_utf16().collect();
            holds(
                text,
                &units
                    .iter()
                    .flat_map(|unit| unit.to_le_bytes())
                    .collect::<Vec<_>>(),
            );
            holds(
                text,
                &units
                    .iter()
                    .flat_map(|unit| unit.to_be_bytes())
                    .collect::<Vec<_>>(),
            );
            let digits = crate::model::hex(text.as_bytes());
            assert!(all(text.as_bytes()).contains(digits.as_bytes()));
            assert!(all(text.as_bytes()).contains(digits.to_uppercase().as_bytes()));
        }
    }

    #[test]
    fn a_plain_original_has_few_forms_and_bytes_that_are_no_text_fewer() {
        // As it is, UTF-16, two of hex, three of base64.
        assert_eq!(all(b"kanari77").len(), 7);
        assert_eq!(all(b"kanari7@vogel-post.test").len(), 8);
        // As they are, two of hex, three of base64 in two alphabets.
        assert_eq!(all(b"\xff\xd8kanari77\x00").len(), 9);
        assert!(all(b"kanar\xff").iter().all(|form| form.len() >= FRAGMENT));
    }

    /// Base64 as RFC 4648 tells it, written another way: six bits at a time from one long number of bits.
    fn encoded(bytes: &[u8], alphabet: &str) -> String {
        let bits = bytes
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |bit| usize::from(byte >> bit & 1)));
        let bits: Vec<usize> = bits.collect();
        let alphabet: Vec<char> = ('A'..='Z')
            .chain('a'..='z')
            .chain('0'..='9')
            .chain(alphabet.chars())
            .collect();
        bits.chunks(6)
            .map(|six| {
                let bit = |at: usize| six.get(at).copied().unwrap_or(0);
                alphabet[(0..6).fold(0, |number, at| number << 1 | bit(at))]
            })
            .collect()
    }

    proptest! {
        #[test]
        fn wherever_bytes_stand_in_base64_a_fragment_is_found(
            before in prop::collection::vec(any::<u8>(), 0..7),
            original in prop::collection::vec(any::<u8>(), 8..40),
            after in prop::collection::vec(any::<u8>(), 0..7),
        ) {
            let whole = [before, original.clone(), after].concat();
            let fragments = all(&original);
            for alphabet in ["+/", "-_"] {
                let text = encoded(&whole, alphabet);
                let held = fragments.iter().any(|one| one.len() >= FRAGMENT && memchr::memmem::find(text.as_bytes(), one).is_some());
                prop_assert!(held, "{} in {}", text, alphabet);
            }
        }

        #[test]
        fn no_form_is_longer_than_it_says(text in "\\PC{8,40}") {
            prop_assert!(all(text.as_bytes()).iter().all(|form| form.len() <= text.len() * GROWTH));
        }
    }
}
