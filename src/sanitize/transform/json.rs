//! `json`: values inside a JSON document, by paths. What no path names and nothing changes is passed on as it is written:
//! the order of members, members of the same name, the form of numbers and white space.

use super::document::{DEEPEST, Document, Fake, Fault, Form, INVALID, Leaf, PATHS, UNLISTED, Visit};
use super::paths::{Cursor, Paths, Step};
use super::{Column, Compiled, Entry, Family, MaskingKey, Params, Uniqueness};

pub(super) const ENTRY: Entry = Entry {
    name: "json",
    summary: "replaces values inside JSON documents, each path by a transform of its own",
    params: &[PATHS, UNLISTED, INVALID],
    accepts: &[Family::Json, Family::Text, Family::Bytes],
    // What stands at each path is held against the column for itself.
    uniqueness: Uniqueness::Preserved,
    build,
};

pub(super) static FORM: Form = Form {
    name: "json",
    expected: "JSON",
    walk,
};

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    Ok(Box::new(Document::build(&FORM, params, column, key)?))
}

/// An object or array that is open.
struct Open {
    at: Cursor,
    object: bool,
    /// The number of the element that comes next.
    next: u64,
    /// The name above it.
    name: String,
}

/// A walk through a text.
struct Walk<'t, 'v> {
    text: &'t [u8],
    paths: &'v Paths,
    visit: &'v mut dyn Visit,
    out: &'v mut Vec<u8>,
    /// Where the next byte is read.
    here: usize,
    /// What was passed on already.
    copied: usize,
    open: Vec<Open>,
    /// How many are open within one that is dropped as a whole, and where that begins.
    dropped: Option<(usize, usize)>,
}

pub(super) fn walk(
    text: &[u8],
    paths: &Paths,
    visit: &mut dyn Visit,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    Walk {
        text,
        paths,
        visit,
        out,
        here: 0,
        copied: 0,
        open: Vec::new(),
        dropped: None,
    }
    .run()
}

impl Walk<'_, '_> {
    fn run(mut self) -> Result<(), Fault> {
        let (mut at, mut name) = (self.paths.root(), String::new());
        loop {
            self.value(at, name)?;
            match self.after_value()? {
                Some(next) => (at, name) = next,
                None => break,
            }
        }
        if self.here != self.text.len() {
            return Err(Fault::Syntax);
        }
        self.out
            .extend_from_slice(self.text.get(self.copied..).unwrap_or_default());
        Ok(())
    }

    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.here) {
            self.here += 1;
        }
        self.text.get(self.here).copied()
    }

    /// One value; of an object or array only its beginning.
    fn value(&mut self, at: Cursor, name: String) -> Result<(), Fault> {
        match self.peek().ok_or(Fault::Syntax)? {
            byte @ (b'{' | b'[') => self.open(at, name, byte == b'{'),
            b'"' => {
                let from = self.here;
                let text = self.string()?;
                self.leaf(&at, &name, Leaf::Text(&text), from)
            }
            b't' => self.word(b"true", &at, &name, Some(Leaf::Bool(true))),
            b'f' => self.word(b"false", &at, &name, Some(Leaf::Bool(false))),
            b'n' => self.word(b"null", &at, &name, None),
            _ => {
                let from = self.here;
                self.here = number_end(self.text, from).ok_or(Fault::Syntax)?;
                let number = self.text.get(from..self.here).unwrap_or_default();
                let number = std::str::from_utf8(number).map_err(|_| Fault::Syntax)?;
                self.leaf(&at, &name, Leaf::Number(number), from)
            }
        }
    }

    fn open(&mut self, at: Cursor, name: String, object: bool) -> Result<(), Fault> {
        if self.open.len() >= DEEPEST {
            return Err(Fault::Depth);
        }
        if self.dropped.is_none() && self.visit.drops(&at) {
            self.dropped = Some((self.open.len(), self.here));
        }
        self.here += 1;
        self.open.push(Open {
            at,
            object,
            next: 0,
            name,
        });
        Ok(())
    }

    /// What comes after a value (or after the beginning of an object or array): the place of the next one, or the end.
    fn after_value(&mut self) -> Result<Option<(Cursor, String)>, Fault> {
        // A bracket that was just opened may close at once, but not after a comma.
        let mut first = matches!(
            self.here.checked_sub(1).and_then(|before| self.text.get(before)),
            Some(b'{' | b'[')
        ) && self.open.last().is_some_and(|open| open.next == 0);
        loop {
            let byte = self.peek();
            let Some(open) = self.open.last_mut() else {
                return Ok(None);
            };
            match byte.ok_or(Fault::Syntax)? {
                b'}' if open.object => self.close(),
                b']' if !open.object => self.close(),
                b',' if !first => {
                    self.here += 1;
                    return self.next().map(Some);
                }
                _ if first => return self.next().map(Some),
                _ => return Err(Fault::Syntax),
            }
            first = false;
        }
    }

    /// The place of the next member or element, with its name read.
    fn next(&mut self) -> Result<(Cursor, String), Fault> {
        let object = self.open.last().is_some_and(|open| open.object);
        let key = if object { Some(self.key()?) } else { None };
        let open = self.open.last_mut().ok_or(Fault::Syntax)?;
        let number = open.next;
        open.next += 1;
        let step = key.as_deref().map_or(Step::Index(number), Step::Key);
        let at = self.paths.step(&open.at, step);
        let name = key.unwrap_or_else(|| open.name.clone());
        Ok((at, name))
    }

    fn key(&mut self) -> Result<String, Fault> {
        if self.peek() != Some(b'"') {
            return Err(Fault::Syntax);
        }
        let from = self.here;
        let key = self.string()?;
        if let Some(open) = self.open.last()
            && let Some(other) = self.visit.key(&open.at, &key)?
        {
            let written = self.text.get(from..self.here).unwrap_or_default();
            if other.chars().count() == key.chars().count() {
                self.replace(from, |out| write_alike(written, &other, out));
            } else {
                self.replace(from, |out| write_string(&other, out));
            }
        }
        if self.peek() != Some(b':') {
            return Err(Fault::Syntax);
        }
        self.here += 1;
        Ok(key)
    }

    fn close(&mut self) {
        self.here += 1;
        self.open.pop();
        if let Some((depth, from)) = self.dropped
            && depth == self.open.len()
        {
            self.dropped = None;
            self.replace(from, |out| out.extend_from_slice(b"null"));
        }
    }

    fn word(&mut self, word: &[u8], at: &Cursor, name: &str, leaf: Option<Leaf<'_>>) -> Result<(), Fault> {
        let from = self.here;
        if !self.text.get(from..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(Fault::Syntax);
        }
        self.here += word.len();
        leaf.map_or(Ok(()), |leaf| self.leaf(at, name, leaf, from))
    }

    fn leaf(&mut self, at: &Cursor, name: &str, leaf: Leaf<'_>, from: usize) -> Result<(), Fault> {
        match self.visit.leaf(at, name, leaf)? {
            Fake::Keep => {}
            Fake::Null => self.replace(from, |out| out.extend_from_slice(b"null")),
            Fake::Bool(truth) => self.replace(from, |out| {
                out.extend_from_slice(if truth { b"true" } else { b"false" });
            }),
            Fake::Number(number) => self.replace(from, |out| out.extend_from_slice(number.as_bytes())),
            Fake::Text(text) => self.replace(from, |out| write_string(&text, out)),
            Fake::Alike(text) => {
                let written = self.text.get(from..self.here).unwrap_or_default();
                self.replace(from, |out| write_alike(written, &text, out));
            }
        }
        Ok(())
    }

    /// Passes on what stands before `from`, then what `write` gives instead of the bytes from there to here.
    fn replace(&mut self, from: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if self.dropped.is_some() {
            return;
        }
        self.out
            .extend_from_slice(self.text.get(self.copied..from).unwrap_or_default());
        write(self.out);
        self.copied = self.here;
    }

    /// The string that begins here.
    fn string(&mut self) -> Result<String, Fault> {
        let (text, end) = string(self.text, self.here).ok_or(Fault::Syntax)?;
        self.here = end;
        Ok(text)
    }
}

/// The string whose opening quote stands at `from`, without its escapes, and where it ends. Halves of surrogate pairs and
/// NUL, which no text of PostgreSQL holds, read as U+FFFD.
fn string(text: &[u8], from: usize) -> Option<(String, usize)> {
    let mut at = from + 1;
    let mut plain = at;
    let mut out = String::new();
    let piece = |from: usize, to: usize| std::str::from_utf8(text.get(from..to)?).ok();
    loop {
        match *text.get(at)? {
            b'"' => {
                out.push_str(piece(plain, at)?);
                return Some((out, at + 1));
            }
            b'\\' => {
                out.push_str(piece(plain, at)?);
                let (c, end) = escaped(text, at + 1)?;
                out.push(c);
                (at, plain) = (end, end);
            }
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

/// The character of an escape, whose letter stands at `at`, and where it ends.
fn escaped(text: &[u8], at: usize) -> Option<(char, usize)> {
    let c = match *text.get(at)? {
        byte @ (b'"' | b'\\' | b'/') => char::from(byte),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let unit = four(text, at + 1)?;
            let end = at + 5;
            if (0xd800..0xdc00).contains(&unit)
                && text.get(end..end + 2) == Some(br"\u")
                && let Some(low @ 0xdc00..0xe000) = four(text, end + 2)
            {
                let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                return Some((char::from_u32(code)?, end + 6));
            }
            let c = char::from_u32(unit).filter(|c| *c != '\0');
            return Some((c.unwrap_or(char::REPLACEMENT_CHARACTER), end));
        }
        _ => return None,
    };
    Some((c, at + 1))
}

fn four(text: &[u8], at: usize) -> Option<u32> {
    text.get(at..at + 4)?
        .iter()
        .try_fold(0, |code, byte| Some(code << 4 | char::from(*byte).to_digit(16)?))
}

/// Where the number that begins at `from` ends.
pub(super) fn number_end(text: &[u8], from: usize) -> Option<usize> {
    let digits = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        at + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut at = from;
    if text.get(at) == Some(&b'-') {
        at += 1;
    }
    let whole = digits(at);
    if whole == at || text.get(at) == Some(&b'0') && whole > at + 1 {
        return None;
    }
    at = whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == at + 1 {
            return None;
        }
        at = fraction;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == at + 1 + sign {
            return None;
        }
        at = exponent;
    }
    Some(at)
}

/// A text as a JSON string.
fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    text.chars().for_each(|c| write_char(c, out));
    out.push(b'"');
}

fn write_char(c: char, out: &mut Vec<u8>) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        c if c < ' ' => out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes()),
        c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// A text with as many characters as the string that is `written` like this, each in the way of the one in its place.
fn write_alike(written: &[u8], text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut at = 1;
    for c in text.chars() {
        let escape = match written.get(at) {
            Some(b'\\') => escaped(written, at + 1),
            _ => None,
        };
        let Some((was, end)) = escape else {
            write_char(c, out);
            let next = |byte: &u8| *byte < 0x80 || *byte >= 0xc0;
            let rest = written.get(at + 1..).unwrap_or_default();
            at += 1 + rest.iter().position(next).unwrap_or(rest.len());
            continue;
        };
        let token = written.get(at..end).unwrap_or_default();
        if was == c {
            out.extend_from_slice(token);
        } else if token.starts_with(br"\u") {
            let capitals = token.iter().any(|byte| (b'A'..=b'F').contains(byte));
            for unit in c.encode_utf16(&mut [0; 2]) {
                let escape = if capitals {
                    format!("\\u{unit:04X}")
                } else {
                    format!("\\u{unit:04x}")
                };
                out.extend_from_slice(escape.as_bytes());
            }
        } else {
            write_char(c, out);
        }
        at = end;
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, compiled, key, masked, refused, spec};
    use super::super::{Spec, Transform, TransformError, compile};
    use super::*;

    fn json(params: &str) -> Box<dyn Transform> {
        compiled(&spec("json", params), &column("jsonb"))
    }

    fn originals(transform: &dyn Transform, value: &str) -> Vec<String> {
        let mut shown = Vec::new();
        transform.originals(value, &[], &mut |text| shown.push(text.to_owned()));
        shown
    }

    const ANNA: &str = "emmett.douglas.9rhubfc2c7sbk@example.com";

    #[test]
    fn only_the_values_at_the_paths_change_and_all_else_stays_byte_by_byte() {
        let transform =
            json("unlisted = 'keep'\npaths = { '$.contacts[*].email' = 'email', '$.*.phone' = 'phone' }");
        let value = "{ \"b\":1.50e+02 ,\n \"a\" : [ ] , \"contacts\":[{\"email\":\"anna\\u0040shop.example\",\"x\":\"\\u00e9\\/\"}, 7],\
                     \"b\":-0, \"m\":{\"phone\":\"+33 6 12 34 56 78\"},\"n\":null, \"t\":true}";
        let fake = masked(&*transform, value);
        let phone = masked(
            &*compiled(&Spec::named("phone"), &column("text")),
            "+33 6 12 34 56 78",
        );
        let expected = value
            .replace("anna\\u0040shop.example", ANNA)
            .replace("+33 6 12 34 56 78", &phone);
        assert_eq!(fake, expected);
        assert_eq!(
            originals(&*transform, value),
            ["anna@shop.example", "+33 6 12 34 56 78"]
        );
    }

    #[test]
    fn what_no_path_names_is_kept_scanned_or_redacted() {
        let value = r#"{"email":"anna@shop.example","note":"ask ben@shop.example!","city_code":"x7","n":4,"t":true,"last_name":"Zwölfender"}"#;
        assert_eq!(masked(&*json("paths = {}\nunlisted = 'keep'"), value), value);
        assert_eq!(
            masked(
                &*json("paths = { '$.n' = { keep = 'a count' } }\nunlisted = 'redact'"),
                value
            ),
            r#"{"email":"","note":"","city_code":"","n":4,"t":true,"last_name":""}"#
        );
        let scanned = masked(&*json("paths = {}"), value);
        assert!(
            scanned.contains(ANNA)
                && scanned.contains(r#""note":"ask "#)
                && scanned.contains("@example.com!"),
            "{scanned}"
        );
        assert!(
            !scanned.contains("shop.example") && !scanned.contains("Zwölfender"),
            "{scanned}"
        );
        assert!(
            scanned.contains(r#""city_code":"x7","n":4,"t":true"#),
            "{scanned}"
        );
        let shown = originals(&*json("paths = {}"), value);
        assert_eq!(shown, ["anna@shop.example", "ben@shop.example", "Zwölfender"]);
    }

    #[test]
    fn addresses_that_stand_as_names_are_replaced_unless_they_are_kept() {
        let value = r#"{"anna@shop.example":{"seen":1}}"#;
        assert_eq!(
            masked(&*json("paths = {}"), value),
            format!(r#"{{"{ANNA}":{{"seen":1}}}}"#)
        );
        assert_eq!(masked(&*json("paths = {}\nunlisted = 'keep'"), value), value);
        assert_eq!(masked(&*json("paths = { '$' = { keep = 'x' } }"), value), value);
    }

    #[test]
    fn documents_in_texts_of_documents_are_scanned_too() {
        let inner = r#"a:1:{s:5:"email";s:17:"anna@shop.example";}"#;
        let value = serde_json::json!({ "raw": inner, "more": "{\"to\":\"anna@shop.example\"}" }).to_string();
        let fake: serde_json::Value = serde_json::from_str(&masked(&*json("paths = {}"), &value)).unwrap();
        assert_eq!(
            fake["raw"],
            format!(r#"a:1:{{s:5:"email";s:{}:"{ANNA}";}}"#, ANNA.len())
        );
        assert_eq!(fake["more"], format!("{{\"to\":\"{ANNA}\"}}"));
    }

    #[test]
    fn a_rule_holds_for_all_below_and_null_takes_the_whole() {
        let value =
            r#"{"person":{"first":"Anna","tags":["Ann",3]},"gone":{"a":[1,{"b":"x"}],"c":"y"},"left":"z"}"#;
        let transform = json(
            "unlisted = 'keep'\npaths = { '$.person' = 'hmac', '$.gone' = 'null', '$.person.tags[1]' = { keep = 'n' } }",
        );
        let fake: serde_json::Value = serde_json::from_str(&masked(&*transform, value)).unwrap();
        assert!(fake["gone"].is_null() && fake["left"] == "z" && fake["person"]["tags"][1] == 3);
        assert_eq!(fake["person"]["first"].as_str().unwrap().len(), 26);
        assert_eq!(fake["person"]["tags"][0].as_str().unwrap().len(), 26);
    }

    #[test]
    fn numbers_stay_numbers_where_the_transform_gives_one() {
        let transform = json(
            "unlisted = 'keep'\npaths = { '$.p' = 'phone', '$.f' = { transform = 'fixed', value = 7 }, '$.h' = 'hmac', '$.b' = { transform = 'fixed', value = false } }",
        );
        let fake: serde_json::Value = serde_json::from_str(&masked(
            &*transform,
            r#"{"p":33612345678,"f":12.5,"h":99,"b":true}"#,
        ))
        .unwrap();
        assert!(
            fake["p"].is_u64() && fake["p"] != 33_612_345_678_u64 && fake["f"] == 7 && fake["b"] == false
        );
        assert!(fake["h"].is_string());
    }

    #[test]
    fn what_does_not_parse_stops_the_run_and_is_not_shown() {
        let transform = json("paths = { '$.a' = 'email' }");
        for value in [
            "{",
            "}",
            "{\"a\":}",
            "{\"a\" 1}",
            "[1,]",
            "{\"a\":1,}",
            "[1 2]",
            "nul",
            "01",
            "1.",
            "-",
            "\"a",
            "\"\\x\"",
            "\"\\u12g4\"",
            "{\"a\":1}}",
            "[}",
            "{]",
            "\"\t\"",
            "{1:2}",
            "kanari@shop.example",
            "[,1]",
            "+1",
            "1e",
        ] {
            let mut out = String::new();
            let error = transform.apply(value, &mut out).unwrap_err();
            assert!(
                matches!(
                    error,
                    TransformError::Document {
                        transform: "json",
                        ..
                    }
                ),
                "{value}"
            );
            assert!(!error.to_string().contains("kanari"));
            assert_eq!(originals(&*transform, value), [value], "offered as a whole");
        }
        for value in ["1", "\"x\"", "null", " true ", "[]", "{}", " [ ] ", "[[],{}]"] {
            masked(&*transform, value);
        }
    }

    #[test]
    fn a_value_that_does_not_parse_is_scrambled_where_the_owner_says_so() {
        let transform = compiled(&spec("json", "paths = {}\ninvalid = 'redact'"), &column("text"));
        let fake = masked(&*transform, "kanari {");
        assert!(fake != "kanari {" && fake.ends_with(" {") && fake.len() == 8);
    }

    #[test]
    fn nesting_is_limited_and_takes_no_stack() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let transform = json("paths = {}");
        assert_eq!(masked(&*transform, &deep(DEEPEST)), deep(DEEPEST));
        let error = transform.apply(&deep(1_000_000), &mut String::new()).unwrap_err();
        assert!(matches!(error, TransformError::Deep { .. }));
    }

    #[test]
    fn halves_of_surrogates_and_nul_are_read_and_left_where_they_may_stay() {
        let value = r#"{"a":"\ud83d\ude00 \ud800x \u0000","b":"\ud83d\ude00"}"#;
        assert_eq!(masked(&*json("paths = {}\nunlisted = 'keep'"), value), value);
        let fake = masked(&*json("paths = { '$.*' = 'text' }"), value);
        assert!(
            fake.contains("😀") && serde_json::from_str::<serde_json::Value>(&fake).is_ok(),
            "{fake}"
        );
    }

    #[test]
    fn bytes_are_documents_as_well() {
        let transform = compiled(&spec("json", "paths = { '$.e' = 'email' }"), &column("bytea"));
        let value = format!("\\x{}", crate::model::hex(br#"{"e":"anna@shop.example"}"#));
        let expected = format!(
            "\\x{}",
            crate::model::hex(format!(r#"{{"e":"{ANNA}"}}"#).as_bytes())
        );
        assert_eq!(masked(&*transform, &value), expected);
        assert_eq!(masked(&*transform, "\\x"), "\\x");
    }

    #[test]
    fn rules_that_cannot_apply_are_refused_with_their_path() {
        let say = |params: &str| refused(&spec("json", params), &column("jsonb")).to_string();
        assert_eq!(
            say(""),
            "json needs the parameter paths: paths and what happens there, such as { \"$.contacts[*].email\" = \"email\" }"
        );
        assert_eq!(
            say("paths = { 'a' = 'email' }"),
            "json, a: a path begins with $, such as $.contacts[*].email"
        );
        assert!(
            say("paths = { '$.a' = 'emial' }")
                .starts_with("json, $.a: there is no transform \"emial\"; did you mean \"email\"?")
        );
        assert!(say("paths = { '$.a' = 'keep' }").contains("keep needs its reason"));
        assert!(
            say("paths = { '$.a' = { transform = 'email', where = 'x' } }")
                .contains("where stands in the rule of the column")
        );
        assert!(say("paths = { '$.a' = 'email', \"$['a']\" = 'null' }").contains("written twice"));
        assert!(say("paths = {}\nunlisted = 'x'").contains("one of scan, keep, redact"));
        let unique = Column {
            unique: true,
            ..column("text")
        };
        assert!(compile(&spec("json", "paths = { '$.a' = 'name' }"), &unique, &key()).is_err());
        let short = compiled(
            &spec("json", "paths = { '$.a' = 'email' }\nunlisted = 'keep'"),
            &Column {
                max_chars: Some(30),
                ..column("text")
            },
        );
        let error = short
            .apply(r#"{"a":"anna@x.example"}"#, &mut String::new())
            .unwrap_err();
        assert!(matches!(error, TransformError::TooLong { .. }));
    }

    #[test]
    fn paths_that_met_nothing_are_told() {
        let transform = json("unlisted = 'keep'\npaths = { '$.a' = 'email', '$.emial' = 'email' }");
        masked(&*transform, r#"{"a":"x"}"#);
        assert_eq!(transform.unmet(), ["$.emial"]);
    }
}
