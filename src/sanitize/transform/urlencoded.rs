//! `urlencoded`: values inside a query or form, `name=Anna+Smith&address[city]=Paris`, by paths (`$.address.city`).

use super::document::{Document, Fake, Fault, Form, INVALID, Leaf, PATHS, UNLISTED, Visit};
use super::paths::{Cursor, Paths, Step};
use super::{Column, Compiled, Entry, Family, MaskingKey, Params, Uniqueness};

pub(super) const ENTRY: Entry = Entry {
    name: "urlencoded",
    summary: "replaces values inside URL-encoded pairs, each path by a transform of its own",
    params: &[PATHS, UNLISTED, INVALID],
    accepts: &[Family::Text],
    // What stands at each path is held against the column for itself.
    uniqueness: Uniqueness::Preserved,
    build,
};

pub(super) static FORM: Form = Form {
    name: "urlencoded",
    expected: "row of URL-encoded pairs",
    walk,
};

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    Ok(Box::new(Document::build(&FORM, params, column, key)?))
}

fn walk(text: &[u8], paths: &Paths, visit: &mut dyn Visit, out: &mut Vec<u8>) -> Result<(), Fault> {
    for (number, pair) in text.split(|byte| *byte == b'&').enumerate() {
        if number > 0 {
            out.push(b'&');
        }
        let equals = memchr::memchr(b'=', pair).ok_or(Fault::Syntax)?;
        let (key, value) = (&pair[..equals], &pair[equals + 1..]);
        let (name, text) = (decoded(key)?, decoded(value)?);
        let (at, nearest) = place(paths, &name);
        match visit.key(&paths.root(), &name)? {
            Some(other) => encode(&other, out),
            None => out.extend_from_slice(key),
        }
        out.push(b'=');
        match visit.leaf(&at, nearest, Leaf::Text(&text))? {
            Fake::Keep => out.extend_from_slice(value),
            Fake::Null => {}
            Fake::Text(fake) | Fake::Alike(fake) | Fake::Number(fake) => encode(&fake, out),
            Fake::Bool(truth) => out.push(if truth { b'1' } else { b'0' }),
        }
    }
    Ok(())
}

/// Where `address[lines][]` leads, and the nearest name.
fn place<'n>(paths: &Paths, name: &'n str) -> (Cursor, &'n str) {
    let (first, mut rest) = match name.find('[').filter(|at| *at > 0 && name.ends_with(']')) {
        Some(at) => name.split_at(at),
        None => (name, ""),
    };
    let mut at = paths.step(&paths.root(), Step::Key(first));
    let mut nearest = first;
    while let Some((inner, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let step = match inner {
            "" => Step::Index(0),
            inner => inner.parse().map_or(Step::Key(inner), Step::Number),
        };
        if let Step::Key(key) = step {
            nearest = key;
        }
        at = paths.step(&at, step);
        rest = after;
    }
    (at, nearest)
}

fn decoded(text: &[u8]) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                let (high, low) = (digit(), digit());
                let code = high.zip(low).map(|(high, low)| high << 4 | low);
                let code = code
                    .and_then(|code| u8::try_from(code).ok())
                    .filter(|code| *code != 0);
                bytes.push(code.ok_or(Fault::Syntax)?);
            }
            b' ' | 0..0x20 | b'"' | b'<' | b'>' => return Err(Fault::Syntax),
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| Fault::Syntax)
}

/// As forms are sent: letters, digits and `-._*` as they are, a space as `+`.
fn encode(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b' ' => out.push(b'+'),
            b'-' | b'.' | b'_' | b'*' => out.push(byte),
            byte if byte.is_ascii_alphanumeric() => out.push(byte),
            byte => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, compiled, masked, spec};
    use super::super::{Transform, TransformError};

    const ANNA: &str = "emmett.douglas.9rhubfc2c7sbk@example.com";

    fn form(params: &str) -> Box<dyn Transform> {
        compiled(&spec("urlencoded", params), &column("text"))
    }

    #[test]
    fn values_at_paths_change_and_the_rest_stays() {
        let rules = "unlisted = 'keep'\npaths = { '$.email' = 'email', '$.address.city' = { transform = 'fixed', value = 'Köln & Co' }, '$.tags[*]' = 'null' }";
        let value = "email=anna%40shop.example&x=%e9%20".replace("%e9", "%C3%A9")
            + "&address[city]=Paris&address%5Bzip%5D=7+5&tags[]=a&y=";
        assert_eq!(
            masked(&*form(rules), &value),
            format!(
                "email={}&x=%C3%A9%20&address[city]=K%C3%B6ln+%26+Co&address%5Bzip%5D=7+5&tags[]=&y=",
                ANNA.replace('@', "%40")
            )
        );
        let scanned = masked(&*form("paths = {}"), "q=anna%40shop.example&n=1");
        assert_eq!(scanned, format!("q={}&n=1", ANNA.replace('@', "%40")));
    }

    #[test]
    fn what_is_no_row_of_pairs_stops_the_run() {
        for value in ["kanari", "a=1&", "a=%4", "a=%zz", "a=%00", "a=%ff", "a=b c"] {
            let error = form("paths = {}").apply(value, &mut String::new()).unwrap_err();
            assert!(matches!(error, TransformError::Document { .. }), "{value}");
        }
    }
}
