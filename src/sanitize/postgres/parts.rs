//! What of a value lies in PostgreSQL's files as bytes: the server writes a value's text another way than it stores it. A
//! `bytea` lies there as its bytes, a `jsonb` as its texts, an array as its elements, a search document as its words.

use zeroize::Zeroizing;

use crate::sanitize::schema::{Column, TypeFamily};
use crate::sanitize::transform::{json_values, unhex};

/// A part of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Lies in the files as this text.
    Text(&'a str),
    /// Lies in the files as these bytes.
    Bytes(&'a [u8]),
    /// Lies in the files in a form of the type's own.
    Binary,
}

/// Shows the parts of a value that `COPY` writes like this. One that was cut off is shown as far as it goes. What stands alone
/// in a column of numbers, dates or the like is shown as text, in which it may have been written elsewhere.
pub fn parts(column: &Column, value: &str, show: &mut dyn FnMut(Part<'_>)) {
    let own = column.type_name.rsplit('.').next().unwrap_or_default();
    match column.family {
        TypeFamily::Json => leaves(value, column.type_name == "json", show),
        TypeFamily::Bytes => bytes(value, show),
        TypeFamily::Array => elements(value, &mut |element| of_type(own, element, show)),
        TypeFamily::Composite => fields(value, b'(', b')', &mut |field| guessed(field, show)),
        TypeFamily::Range => range(column, value, show),
        TypeFamily::TextSearch => quoted(value, b'\'', &mut |word| show(Part::Text(word))),
        TypeFamily::Other if own == "hstore" => quoted(value, b'"', &mut |word| show(Part::Text(word))),
        // Arrays of types that the data made.
        TypeFamily::Other if own.starts_with('_') && value.starts_with(['{', '[']) => {
            elements(value, &mut |element| guessed(element, show));
        }
        _ => show(Part::Text(value)),
    }
}

/// An element of an array of the server's own type `array`.
fn of_type(array: &str, element: &str, show: &mut dyn FnMut(Part<'_>)) {
    match array {
        "_text" | "_varchar" | "_bpchar" | "_name" | "_xml" | "_char" => show(Part::Text(element)),
        "_json" | "_jsonb" => leaves(element, array == "_json", show),
        "_bytea" => bytes(element, show),
        "_tsvector" => quoted(element, b'\'', &mut |word| show(Part::Text(word))),
        "_record" => fields(element, b'(', b')', &mut |field| guessed(field, show)),
        _ => show(Part::Binary),
    }
}

/// The texts of a document, and its numbers where they lie as they are written. Names of members only where they are addresses:
/// others are words of a schema.
fn leaves(value: &str, as_written: bool, show: &mut dyn FnMut(Part<'_>)) {
    json_values(value, &mut |name, leaf, is_text| {
        if name.contains('@') {
            show(Part::Text(name));
        }
        if is_text || as_written {
            show(Part::Text(leaf));
        } else {
            show(Part::Binary);
        }
    });
}

fn bytes(value: &str, show: &mut dyn FnMut(Part<'_>)) {
    // A beginning may end in the middle of a byte.
    let whole = value.get(..value.len() / 2 * 2).unwrap_or(value);
    match unhex(whole).map(Zeroizing::new) {
        Some(bytes) => show(Part::Bytes(&bytes)),
        None => show(Part::Binary),
    }
}

/// Ranges of the server's own types are of numbers and times.
fn range(column: &Column, value: &str, show: &mut dyn FnMut(Part<'_>)) {
    if column.is_of_a_type_of_the_servers() || !value.starts_with(['[', '(']) {
        return show(Part::Binary);
    }
    fields(value, b'[', b']', &mut |bound| guessed(bound, show));
}

/// What may be a text, and what is a number, a time or a UUID by its looks.
fn guessed(value: &str, show: &mut dyn FnMut(Part<'_>)) {
    if value.starts_with(r"\x") {
        return bytes(value, show);
    }
    if value.len() > 2 && value.starts_with('(') && value.ends_with(')') {
        return fields(value, b'(', b')', &mut |field| guessed(field, show));
    }
    let of = |others: &str| value.chars().all(|c| c.is_ascii_digit() || others.contains(c));
    let number = of("-.") && value.parse::<f64>().is_ok();
    let time = (value.get(2..3) == Some(":") || value.get(4..5) == Some("-")) && of("-:.+ ");
    let uuid = value.len() == 36 && value.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if number || time || uuid {
        show(Part::Binary);
    } else {
        show(Part::Text(value));
    }
}

/// The elements of an array of any depth, without those that are NULL.
fn elements(value: &str, show: &mut dyn FnMut(&str)) {
    // Bounds other than the usual ones stand before it: `[0:1]={a,b}`.
    let value = match value.split_once("]={") {
        Some((bounds, _)) if bounds.starts_with('[') => &value[bounds.len() + 2..],
        _ => value,
    };
    separated(value, b"{", b"}", &mut |element, was_quoted| {
        if was_quoted || element != "NULL" {
            show(element);
        }
    });
}

/// The fields of a row, or the bounds of a range.
fn fields(value: &str, open: u8, close: u8, show: &mut dyn FnMut(&str)) {
    separated(value, &[open, b'('], &[close, b')'], &mut |field, _| show(field));
}

/// What stands between brackets and commas, without quotes, backslashes and doubled quotes; and whether any of it was quoted.
fn separated(value: &str, open: &[u8], close: &[u8], show: &mut dyn FnMut(&str, bool)) {
    // Never moved, so that no copy of an original stays behind.
    let mut item = Zeroizing::new(String::with_capacity(value.len()));
    let (mut quoted, mut was_quoted) = (false, false);
    let mut rest = value.chars().peekable();
    let mut end = |item: &mut String, was_quoted: &mut bool| {
        if !item.is_empty() {
            show(item, *was_quoted);
        }
        item.clear();
        *was_quoted = false;
    };
    while let Some(c) = rest.next() {
        let is = |of: &[u8]| u8::try_from(c).is_ok_and(|byte| of.contains(&byte));
        match c {
            '\\' => item.extend(rest.next()),
            '"' if quoted && rest.peek() == Some(&'"') => item.extend(rest.next()),
            '"' => {
                quoted = !quoted;
                was_quoted = true;
            }
            _ if quoted => item.push(c),
            ',' => end(&mut item, &mut was_quoted),
            // Within a text that is not quoted a bracket does not stand.
            _ if is(open) || is(close) => end(&mut item, &mut was_quoted),
            _ => item.push(c),
        }
    }
    end(&mut item, &mut was_quoted);
}

/// The words between quotes, in which a quote is doubled or escaped.
fn quoted(value: &str, quote: u8, show: &mut dyn FnMut(&str)) {
    let quote = char::from(quote);
    let mut word = Zeroizing::new(String::with_capacity(value.len()));
    let mut within = false;
    let mut rest = value.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            _ if !within => within = c == quote,
            '\\' => word.extend(rest.next()),
            _ if c == quote && rest.peek() == Some(&quote) => word.extend(rest.next()),
            _ if c == quote => {
                show(&word);
                word.clear();
                within = false;
            }
            _ => word.push(c),
        }
    }
    if !word.is_empty() {
        show(&word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts as they are, bytes as hex, `#` for what is not to be found.
    fn shown(type_name: &str, family: TypeFamily, value: &str) -> Vec<String> {
        let mut all = Vec::new();
        parts(&Column::plain("c", type_name, family), value, &mut |part| {
            all.push(match part {
                Part::Text(text) => text.to_owned(),
                Part::Bytes(bytes) => crate::model::hex(bytes),
                Part::Binary => "#".to_owned(),
            });
        });
        all
    }

    #[test]
    fn plain_values_are_their_own_part() {
        for (type_name, family) in [
            ("text", TypeFamily::Text),
            ("xml", TypeFamily::Xml),
            ("int8", TypeFamily::Integer),
            ("date", TypeFamily::Date),
            ("inet", TypeFamily::Network),
        ] {
            assert_eq!(shown(type_name, family, "{a,\"b\"}"), ["{a,\"b\"}"]);
        }
    }

    #[test]
    fn bytes_are_what_their_digits_say() {
        assert_eq!(shown("bytea", TypeFamily::Bytes, r"\x6b61ff"), ["6b61ff"]);
        assert_eq!(shown("bytea", TypeFamily::Bytes, r"\x6b61f"), ["6b61"]);
        assert_eq!(shown("bytea", TypeFamily::Bytes, r"ka\000na"), ["#"]);
    }

    #[test]
    fn documents_are_their_texts_and_addresses_among_their_names() {
        let value = r#"{"a@b.test": [1, "Zoë \"Z\"", true], "deep": {"tag": "blue"}, "n": 12.5"#;
        let texts = |type_name| shown(type_name, TypeFamily::Json, value);
        let zoe = "Zoë \"Z\"";
        assert_eq!(texts("jsonb"), ["a@b.test", "#", "a@b.test", zoe, "blue", "#"]);
        assert_eq!(texts("json"), ["a@b.test", "1", "a@b.test", zoe, "blue", "12.5"]);
    }

    #[test]
    fn arrays_are_their_elements() {
        let of = |type_name, value| shown(type_name, TypeFamily::Array, value);
        assert_eq!(
            of("_text", r#"{a,NULL,"NULL","b, {c}","d\"e\\f",{g}}"#),
            ["a", "NULL", "b, {c}", "d\"e\\f", "g"]
        );
        assert_eq!(of("_varchar", r#"[0:1]={a,"b ]={c"}"#), ["a", "b ]={c"]);
        assert_eq!(of("_text", r#"{kanari,"cut o"#), ["kanari", "cut o"]);
        assert_eq!(of("_text", "{}"), [""; 0]);
        assert_eq!(of("_bytea", r#"{"\\x6b61","\\xff"}"#), ["6b61", "ff"]);
        assert_eq!(of("_jsonb", r#"{"{\"a\": \"b c\", \"n\": 7}"}"#), ["b c", "#"]);
        assert_eq!(of("_int8", "{1,2}"), ["#", "#"]);
        let made = shown("shop._bird", TypeFamily::Other, r#"{"(1,Zwitscher)"}"#);
        assert_eq!(made, ["#", "Zwitscher"]);
    }

    #[test]
    fn rows_ranges_search_documents_and_pairs_are_what_they_hold() {
        let row = r#"("Anna ""A"" Meier",4711,1980-05-17,"1980-05-17 12:00:00+01",,"\\x6b61",+49 171 5512345,0b8a5f5e-7a6f-4f4c-9d3e-2f6f0c8c1a11)"#;
        assert_eq!(
            shown("shop.person", TypeFamily::Composite, row),
            ["Anna \"A\" Meier", "#", "#", "#", "6b61", "+49 171 5512345", "#"]
        );
        assert_eq!(shown("int4range", TypeFamily::Range, "[1,5)"), ["#"]);
        assert_eq!(
            shown("shop.names", TypeFamily::Range, "[Anna,\"Zoë Z\")"),
            ["Anna", "Zoë Z"]
        );
        assert_eq!(
            shown("tsvector", TypeFamily::TextSearch, "'anna':1A,3 'o''neil':2"),
            ["anna", "o'neil"]
        );
        assert_eq!(
            shown(
                "public.hstore",
                TypeFamily::Other,
                r#""mail"=>"a\"b@c.test", "none"=>NULL"#
            ),
            ["mail", "a\"b@c.test", "none"]
        );
        assert_eq!(shown("point", TypeFamily::Other, "(1,2)"), ["(1,2)"]);
    }
}
