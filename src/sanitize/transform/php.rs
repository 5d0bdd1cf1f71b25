//! `php`: values inside what PHP's `serialize` wrote. Strict, and nothing is ever made of it: no class is known here, no
//! object is built. Lengths are counted anew, references keep their numbers, since every value stays one value.

use super::document::{DEEPEST, Document, Fake, Fault, Form, INVALID, Leaf, PATHS, UNLISTED, Visit};
use super::paths::{Cursor, Paths, Step};
use super::{Column, Compiled, Entry, Family, MaskingKey, Params, Uniqueness};

pub(super) const ENTRY: Entry = Entry {
    name: "php",
    summary: "replaces values inside what PHP serialized, each path by a transform of its own",
    params: &[PATHS, UNLISTED, INVALID],
    accepts: &[Family::Text, Family::Bytes],
    // What stands at each path is held against the column for itself.
    uniqueness: Uniqueness::Preserved,
    build,
};

pub(super) static FORM: Form = Form {
    name: "php",
    expected: "value that PHP serialized",
    walk,
};

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    Ok(Box::new(Document::build(&FORM, params, column, key)?))
}

/// An array or object that is open.
struct Open {
    at: Cursor,
    /// Entries that are still to come.
    left: u64,
    object: bool,
    name: String,
}

struct Walk<'t, 'v> {
    text: &'t [u8],
    paths: &'v Paths,
    visit: &'v mut dyn Visit,
    out: &'v mut Vec<u8>,
    here: usize,
    copied: usize,
    open: Vec<Open>,
    /// Values so far: what references count by.
    values: u64,
}

fn walk(text: &[u8], paths: &Paths, visit: &mut dyn Visit, out: &mut Vec<u8>) -> Result<(), Fault> {
    Walk {
        text,
        paths,
        visit,
        out,
        here: 0,
        copied: 0,
        open: Vec::new(),
        values: 0,
    }
    .run()
}

impl<'t> Walk<'t, '_> {
    fn run(mut self) -> Result<(), Fault> {
        let (mut at, mut name) = (self.paths.root(), String::new());
        loop {
            self.value(at, name)?;
            while self.open.last().is_some_and(|open| open.left == 0) {
                self.expect(b"}")?;
                self.open.pop();
            }
            if self.open.is_empty() {
                break;
            }
            (at, name) = self.key()?;
        }
        if self.here != self.text.len() {
            return Err(Fault::Syntax);
        }
        self.out
            .extend_from_slice(self.text.get(self.copied..).unwrap_or_default());
        Ok(())
    }

    fn expect(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if !self
            .text
            .get(self.here..)
            .is_some_and(|rest| rest.starts_with(bytes))
        {
            return Err(Fault::Syntax);
        }
        self.here += bytes.len();
        Ok(())
    }

    /// The bytes up to `end`, which is passed over.
    fn until(&mut self, end: u8) -> Result<&'t [u8], Fault> {
        let rest = self.text.get(self.here..).unwrap_or_default();
        let length = memchr::memchr(end, rest).ok_or(Fault::Syntax)?;
        self.here += length + 1;
        rest.get(..length).ok_or(Fault::Syntax)
    }

    /// A length or a count, written as PHP writes it, up to `end`.
    fn count(&mut self, end: u8) -> Result<u64, Fault> {
        let digits = self.until(end)?;
        if digits.is_empty()
            || digits.len() > 1 && digits.first() == Some(&b'0')
            || !digits.iter().all(u8::is_ascii_digit)
        {
            return Err(Fault::Syntax);
        }
        let digits = std::str::from_utf8(digits).map_err(|_| Fault::Syntax)?;
        digits.parse().map_err(|_| Fault::Syntax)
    }

    /// `length:"bytes"`.
    fn quoted(&mut self) -> Result<&'t [u8], Fault> {
        let length = usize::try_from(self.count(b':')?).map_err(|_| Fault::Syntax)?;
        self.expect(b"\"")?;
        let end = self.here.checked_add(length).ok_or(Fault::Syntax)?;
        let bytes = self.text.get(self.here..end).ok_or(Fault::Syntax)?;
        self.here = end;
        self.expect(b"\"")?;
        Ok(bytes)
    }

    fn integer(&mut self) -> Result<&'t str, Fault> {
        let digits = self.until(b';')?;
        let text = std::str::from_utf8(digits).map_err(|_| Fault::Syntax)?;
        let number: i64 = text.parse().map_err(|_| Fault::Syntax)?;
        if number.to_string() == text {
            Ok(text)
        } else {
            Err(Fault::Syntax)
        }
    }

    fn value(&mut self, at: Cursor, name: String) -> Result<(), Fault> {
        let from = self.here;
        let tag = *self.text.get(from).ok_or(Fault::Syntax)?;
        self.here += 1;
        self.expect(if tag == b'N' { b";" } else { b":" })?;
        if tag != b'R' {
            self.values += 1;
        }
        match tag {
            b'N' => Ok(()),
            b'b' => match self.until(b';')? {
                digit @ (b"0" | b"1") => self.leaf(&at, &name, Leaf::Bool(digit == b"1"), from),
                _ => Err(Fault::Syntax),
            },
            b'i' => {
                let number = self.integer()?;
                self.leaf(&at, &name, Leaf::Number(number), from)
            }
            b'd' => {
                let number = float(self.until(b';')?).ok_or(Fault::Syntax)?;
                self.leaf(&at, &name, Leaf::Number(number), from)
            }
            b's' => {
                let bytes = self.quoted()?;
                self.expect(b";")?;
                self.text_leaf(&at, &name, bytes, from)
            }
            b'a' => self.open(at, name, false),
            b'O' => {
                class(self.quoted()?)?;
                self.expect(b":")?;
                self.open(at, name, true)
            }
            b'E' => {
                let label = self.quoted()?;
                let (of, case) =
                    label.split_at(label.iter().position(|byte| *byte == b':').ok_or(Fault::Syntax)?);
                class(of)?;
                class(case.get(1..).unwrap_or_default())?;
                self.expect(b";")
            }
            b'C' => self.custom(&at),
            b'r' | b'R' => {
                let number = self.count(b';')?;
                // It refers to a value before it.
                let before = if tag == b'r' { self.values - 1 } else { self.values };
                if (1..=before).contains(&number) {
                    Ok(())
                } else {
                    Err(Fault::Syntax)
                }
            }
            _ => Err(Fault::Syntax),
        }
    }

    /// What a class wrote itself, which only it can read.
    fn custom(&mut self, at: &Cursor) -> Result<(), Fault> {
        class(self.quoted()?)?;
        self.expect(b":")?;
        let length = usize::try_from(self.count(b':')?).map_err(|_| Fault::Syntax)?;
        self.expect(b"{")?;
        self.here = self.here.checked_add(length).ok_or(Fault::Syntax)?;
        self.expect(b"}")?;
        Ok(self.visit.opaque(at)?)
    }

    fn open(&mut self, at: Cursor, name: String, object: bool) -> Result<(), Fault> {
        if self.open.len() >= DEEPEST {
            return Err(Fault::Depth);
        }
        let left = self.count(b':')?;
        self.expect(b"{")?;
        self.open.push(Open {
            at,
            left,
            object,
            name,
        });
        Ok(())
    }

    /// The key of the next entry.
    fn key(&mut self) -> Result<(Cursor, String), Fault> {
        let from = self.here;
        let open = self.open.last_mut().ok_or(Fault::Syntax)?;
        open.left -= 1;
        let (object, above) = (open.object, open.name.clone());
        let tag = self.text.get(from..from + 2).ok_or(Fault::Syntax)?;
        self.here += 2;
        match tag {
            b"i:" => {
                let number: i64 = self.integer()?.parse().map_err(|_| Fault::Syntax)?;
                let open = self.open.last().ok_or(Fault::Syntax)?;
                Ok((self.paths.step(&open.at, Step::Number(number)), above))
            }
            b"s:" => {
                let bytes = self.quoted()?;
                self.expect(b";")?;
                // Private and protected properties carry their class before the name, between NULs.
                let name = bytes.rsplit(|byte| *byte == 0).next().unwrap_or(bytes);
                let name = String::from_utf8_lossy(name).into_owned();
                let open = self.open.last().ok_or(Fault::Syntax)?;
                let at = self.paths.step(&open.at, Step::Key(&name));
                if !object && let Some(other) = self.visit.key(&open.at, &name)? {
                    self.replace(from, |out| write_string(&other, out));
                }
                Ok((at, name))
            }
            _ => Err(Fault::Syntax),
        }
    }

    fn text_leaf(&mut self, at: &Cursor, name: &str, bytes: &[u8], from: usize) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(bytes);
        self.leaf(at, name, Leaf::Text(&text), from)
    }

    fn leaf(&mut self, at: &Cursor, name: &str, leaf: Leaf<'_>, from: usize) -> Result<(), Fault> {
        match self.visit.leaf(at, name, leaf)? {
            Fake::Keep => {}
            Fake::Null => self.replace(from, |out| out.extend_from_slice(b"N;")),
            Fake::Bool(truth) => self.replace(from, |out| {
                out.extend_from_slice(if truth { b"b:1;" } else { b"b:0;" });
            }),
            Fake::Number(number) => self.replace(from, |out| {
                let whole = number
                    .parse::<i64>()
                    .is_ok_and(|whole| whole.to_string() == number);
                out.extend_from_slice(if whole { b"i:" } else { b"d:" });
                out.extend_from_slice(number.as_bytes());
                out.push(b';');
            }),
            Fake::Text(text) | Fake::Alike(text) => self.replace(from, |out| write_string(&text, out)),
        }
        Ok(())
    }

    fn replace(&mut self, from: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.out
            .extend_from_slice(self.text.get(self.copied..from).unwrap_or_default());
        write(self.out);
        self.copied = self.here;
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("s:{}:\"{text}\";", text.len()).as_bytes());
}

/// Names of classes and cases: letters, digits, `_` and `\`, and whatever is no ASCII.
fn class(name: &[u8]) -> Result<(), Fault> {
    let fine = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'\\') || !byte.is_ascii();
    if !name.is_empty() && name.iter().all(fine) {
        Ok(())
    } else {
        Err(Fault::Syntax)
    }
}

/// A floating number as PHP writes it.
fn float(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    if matches!(text, "INF" | "-INF" | "NAN") {
        return Some(text);
    }
    let fine = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    (fine && text.parse::<f64>().is_ok()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, compiled, masked, spec};
    use super::super::{Transform, TransformError};

    const ANNA: &str = "emmett.douglas.9rhubfc2c7sbk@example.com";

    fn php(params: &str) -> Box<dyn Transform> {
        compiled(&spec("php", params), &column("text"))
    }

    #[test]
    fn values_at_paths_change_lengths_are_counted_and_the_rest_stays() {
        // serialize(['user' => (object)['email' => 'anna@shop.example', 'n' => 1.5], 'list' => ['é', true, null], -3 => 1])
        let value = r#"a:3:{s:4:"user";O:8:"stdClass":2:{s:5:"email";s:17:"anna@shop.example";s:1:"n";d:1.5;}s:4:"list";a:3:{i:0;s:2:"é";i:1;b:1;i:2;N;}i:-3;i:1;}"#;
        let transform = php(
            "unlisted = 'keep'\npaths = { '$.user.email' = 'email', '$.list[0]' = { transform = 'fixed', value = 'ßü' } }",
        );
        let expected = value
            .replace(
                "s:17:\"anna@shop.example\"",
                &format!("s:{}:\"{ANNA}\"", ANNA.len()),
            )
            .replace("s:2:\"é\"", "s:4:\"ßü\"");
        assert_eq!(masked(&*transform, value), expected);
    }

    #[test]
    fn references_and_enumerations_keep_their_numbers() {
        // $a = ['x' => 'anna@shop.example', 'e' => Suit::Hearts]; $a['y'] = &$a['x']; $o = new stdClass; [$a, $o, $o]
        let value = r#"a:3:{i:0;a:3:{s:1:"x";s:17:"anna@shop.example";s:1:"e";E:11:"Suit:Hearts";s:1:"y";R:3;}i:1;O:8:"stdClass":0:{}i:2;r:5;}"#;
        let fake = masked(&*php("unlisted = 'keep'\npaths = { '$..x' = 'email' }"), value);
        assert_eq!(
            fake,
            value.replace(
                "s:17:\"anna@shop.example\"",
                &format!("s:{}:\"{ANNA}\"", ANNA.len())
            )
        );
        let nulled = masked(&*php("unlisted = 'keep'\npaths = { '$..x' = 'null' }"), value);
        assert_eq!(nulled, value.replace("s:17:\"anna@shop.example\"", "N"));
    }

    #[test]
    fn one_address_gets_one_fake_in_php_in_json_in_php_and_in_text() {
        let json = r#"{"to":"anna@shop.example"}"#;
        let value = format!(
            "a:3:{{s:1:\"j\";s:{}:\"{json}\";s:4:\"note\";s:26:\"please ask anna@shop.example\";s:1:\"p\";s:26:\"a:1:{{i:0;s:9:\"a@b.testx\";}}\";}}",
            json.len()
        )
        .replace("s:26:\"please ask anna@shop.example\"", "s:28:\"please ask anna@shop.example\"");
        let rules = "paths = { '$.j' = { transform = 'json', paths = { '$.to' = 'email' } }, \
                     '$.p' = { transform = 'php', paths = { '$[0]' = 'email' } } }";
        let fake = masked(&*php(rules), &value);
        assert_eq!(fake.matches(ANNA).count(), 2, "{fake}");
        assert!(
            fake.contains(&format!("s:{}:\"{{\"to\":\"{ANNA}\"}}\"", ANNA.len() + 9)),
            "{fake}"
        );
        assert!(!fake.contains("a@b.testx"));
        masked(&*php("paths = {}"), &fake);
        assert_eq!(
            masked(&*php("paths = {}\nunlisted = 'keep'"), &fake),
            fake,
            "it still parses"
        );
    }

    #[test]
    fn private_properties_are_named_without_their_class() {
        let transform = compiled(
            &spec("php", "unlisted = 'keep'\npaths = { '$.email' = 'email' }"),
            &column("bytea"),
        );
        let object =
            b"O:4:\"User\":2:{s:11:\"\0User\0email\";s:17:\"anna@shop.example\";s:4:\"\0*\0x\";i:1;}";
        let fake = masked(&*transform, &format!("\\x{}", crate::model::hex(object)));
        assert!(fake.contains(&crate::model::hex(ANNA.as_bytes())));
        assert!(
            fake.contains(&crate::model::hex(b"s:11:\"\0User\0email\""))
                && fake.ends_with(&crate::model::hex(b"s:4:\"\0*\0x\";i:1;}"))
        );
    }

    #[test]
    fn what_is_not_exactly_what_php_writes_stops_the_run() {
        let transform = php("paths = { '$.a' = 'email' }");
        for value in [
            "kanari",
            "s:3:\"ab\";",
            "s:1:\"ab\";",
            "s:2:\"ab\"",
            "a:1:{i:0;}",
            "a:2:{i:0;i:1;}",
            "a:0:{i:0;i:1;}",
            "i:01;",
            "i:x;",
            "i:1",
            "b:2;",
            "N",
            "N;N;",
            "a:1:{b:1;i:1;}",
            "a:01:{i:0;i:1;}",
            "O:3:\"a b\":0:{}",
            "O:1:\"a\":1:{i:0;i:1;",
            "r:1;",
            "a:1:{i:0;R:9;}",
            "d:1,5;",
            "d:;",
            "S:1:\"a\";",
            "x:1;",
            "",
            "a:99999999999999999999:{}",
            "s:18446744073709551615:\"a\";",
            "E:3:\"abc\";",
        ] {
            if value.is_empty() {
                continue;
            }
            let error = transform.apply(value, &mut String::new()).unwrap_err();
            assert!(
                matches!(error, TransformError::Document { transform: "php", .. }),
                "{value}: {error}"
            );
        }
        for value in [
            "N;",
            "i:-5;",
            "d:0.1;",
            "d:-INF;",
            "d:1.0E+25;",
            "b:0;",
            "a:0:{}",
            "s:0:\"\";",
            "O:8:\"stdClass\":0:{}",
            "a:1:{i:0;r:1;}",
        ] {
            assert_eq!(masked(&*php("paths = {}\nunlisted = 'keep'"), value), value);
        }
        let deep = "a:1:{i:0;".repeat(100_000);
        assert!(matches!(
            transform.apply(&deep, &mut String::new()),
            Err(TransformError::Deep { .. })
        ));
    }

    #[test]
    fn what_a_class_wrote_itself_stays_only_where_it_may() {
        let value = r#"a:1:{s:1:"c";C:11:"ArrayObject":21:{x:i:0;a:0:{};m:a:0:{}}}"#;
        assert_eq!(
            masked(&*php("paths = { '$.c' = { keep = 'settings' } }"), value),
            value
        );
        assert!(php("paths = {}").apply(value, &mut String::new()).is_err());
        assert!(
            php("paths = { '$.c' = 'email' }")
                .apply(value, &mut String::new())
                .is_err()
        );
    }
}
