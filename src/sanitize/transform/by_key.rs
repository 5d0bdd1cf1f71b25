//! `by-key`: in a table of keys and values, the key of the row decides what happens to its value.

use super::nested::{Inner, below, inner};
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, Read, Row, SpecError, Transform,
    TransformError, Uniqueness,
};

pub(super) const ENTRY: Entry = Entry {
    name: "by-key",
    summary: "replaces a value by the transform that another column of its row, the key, decides",
    params: &[
        Param {
            name: "key",
            summary: "the column that holds the keys (required)",
        },
        Param {
            name: "rules",
            summary: "for each key a transform, or { keep = \"reason\" }, such as { billing_email = \"email\" }; a * in a key \
                      stands for anything (required)",
        },
        Param {
            name: "else",
            summary: "what happens to the values of other keys; without it, such a row stops the run",
        },
    ],
    accepts: Family::EVERY,
    // What stands at each key is held against the column for itself.
    uniqueness: Uniqueness::Preserved,
    build,
};

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let missing = |param, expected| SpecError::Missing {
        transform: ENTRY.name,
        param,
        expected,
    };
    let holder = params
        .get("key")
        .ok_or_else(|| missing("key", "the column that holds the keys"))?;
    let holder = holder
        .as_str()
        .ok_or_else(|| params.wrong("key", "the name of a column".to_owned()))?;
    let rules = params
        .get("rules")
        .ok_or_else(|| missing("rules", "keys and what happens to their values"))?;
    let rules = rules.as_table().ok_or_else(|| {
        params.wrong(
            "rules",
            "a table, such as { billing_email = \"email\" }".to_owned(),
        )
    })?;
    let mut by_key = ByKey {
        entries: Vec::new(),
        other: None,
        reads: vec![Read::original(holder)],
    };
    for (name, rule) in rules {
        let made = by_key.made(inner(ENTRY.name, name, rule, column, key)?);
        by_key.entries.push((name.clone(), made));
    }
    // A key that is named wins over a pattern, and a long pattern over a short one.
    by_key
        .entries
        .sort_by_key(|(name, _)| (name.contains('*'), std::cmp::Reverse(name.len())));
    if let Some(other) = params.get("else") {
        by_key.other = Some(by_key.made(inner(ENTRY.name, "else", other, column, key)?));
    }
    Ok(Box::new(by_key))
}

/// A rule, and where what it reads begins.
struct Made {
    inner: Inner,
    reads: usize,
}

struct ByKey {
    entries: Vec<(String, Made)>,
    other: Option<Made>,
    /// The key, then what the rules read.
    reads: Vec<Read>,
}

impl ByKey {
    fn made(&mut self, inner: Inner) -> Made {
        let reads = self.reads.len();
        self.reads.extend(
            inner
                .transform()
                .into_iter()
                .flat_map(|made| made.reads().to_vec()),
        );
        Made { inner, reads }
    }

    /// The rule of the row's key.
    fn of(&self, row: Row<'_>) -> Result<&Made, TransformError> {
        let listed = row.first().copied().flatten().and_then(|key| {
            let found = self.entries.iter().find(|(name, _)| matches(name, key));
            found.map(|(_, made)| made)
        });
        listed.or(self.other.as_ref()).ok_or(TransformError::Unlisted {
            transform: ENTRY.name,
        })
    }
}

/// What of the row a rule reads.
fn part<'r>(made: &Made, row: Row<'r>) -> Row<'r> {
    let count = made.inner.transform().map_or(0, |made| made.reads().len());
    row.get(made.reads..made.reads + count).unwrap_or_default()
}

/// Whether a key is meant by a name, in which each `*` stands for anything.
fn matches(name: &str, key: &str) -> bool {
    let mut parts = name.split('*');
    let Some(mut rest) = parts.next().and_then(|first| key.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    true
}

impl Transform for ByKey {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        self.apply_in_row(Some(value), &[], out)
    }

    fn reads(&self) -> &[Read] {
        &self.reads
    }

    fn apply_in_row(
        &self,
        value: Option<&str>,
        row: Row<'_>,
        out: &mut String,
    ) -> Result<Masked, TransformError> {
        let made = self.of(row)?;
        match made.inner.transform() {
            Some(transform) => transform.apply_in_row(value, part(made, row), out),
            None => Ok(Masked::Kept),
        }
    }

    fn originals(&self, value: &str, row: Row<'_>, show: &mut dyn FnMut(&str)) {
        match self.of(row) {
            Ok(made) => {
                if let Some(transform) = made.inner.transform() {
                    transform.originals(value, part(made, row), show);
                }
            }
            Err(_) => show(value),
        }
    }

    fn kept(&self, value: &str, row: Row<'_>, show: &mut dyn FnMut(&str)) {
        match self.of(row).map(|made| (&made.inner, part(made, row))) {
            Ok((Inner::Keep(_), _)) => show(value),
            Ok((Inner::Mask(transform), row)) => transform.kept(value, row, show),
            Err(_) => {}
        }
    }

    fn keeps(&self) -> Vec<(String, String)> {
        let named = self.entries.iter().map(|(name, made)| (name.as_str(), made));
        named
            .chain(self.other.iter().map(|made| ("else", made)))
            .flat_map(|(name, made)| match &made.inner {
                Inner::Keep(reason) => vec![(name.to_owned(), reason.clone())],
                Inner::Mask(transform) => below(name, transform.keeps()),
            })
            .collect()
    }

    fn unmet(&self) -> Vec<String> {
        let inner = self.entries.iter().map(|(_, made)| made).chain(&self.other);
        inner
            .filter_map(|made| made.inner.transform())
            .flat_map(Transform::unmet)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, refused, spec};
    use super::*;

    fn run(
        params: &str,
        key: Option<&str>,
        row: &[Option<&str>],
        value: &str,
    ) -> Result<(Masked, String), TransformError> {
        let made = compiled(&spec("by-key", params), &column("text"));
        let mut out = String::new();
        let row: Vec<Option<&str>> = [key].into_iter().chain(row.iter().copied()).collect();
        made.apply_in_row(Some(value), &row, &mut out)
            .map(|masked| (masked, out))
    }

    const RULES: &str = "key = 'k'\nrules = { mail = 'email', '_s_*' = 'null', '_s_open' = { keep = 'a flag' }, \
        who = { transform = 'person', of = 'owner' }, doc = { transform = 'json', paths = { '$.n' = { transform = 'person', of = 'author' } } } }";

    #[test]
    fn the_key_decides_and_what_is_not_listed_stops_the_run() {
        let run = |key, value| run(RULES, key, &[Some("7"), Some("7")], value);
        assert!(
            run(Some("mail"), "anna@shop.example")
                .unwrap()
                .1
                .ends_with("@example.com")
        );
        assert_eq!(run(Some("_s_12"), "x").unwrap().0, Masked::Null);
        assert_eq!(run(Some("_s_open"), "x").unwrap(), (Masked::Kept, String::new()));
        for key in [Some("Mail"), Some("mail "), Some("s_1"), None, Some("")] {
            assert_eq!(
                run(key, "kanari"),
                Err(TransformError::Unlisted { transform: "by-key" })
            );
        }
    }

    #[test]
    fn rules_inside_read_their_own_columns() {
        let made = compiled(&spec("by-key", RULES), &column("text"));
        let columns: Vec<&str> = made.reads().iter().map(|read| read.column.as_str()).collect();
        assert_eq!(columns, ["k", "author", "owner"]);
        let doc = run(
            RULES,
            Some("doc"),
            &[Some("7"), Some("8")],
            r#"{"n":"Anna Smith"}"#,
        )
        .unwrap()
        .1;
        let who = run(RULES, Some("who"), &[Some("8"), Some("7")], "Anna Smith")
            .unwrap()
            .1;
        assert_eq!(doc, format!(r#"{{"n":"{who}"}}"#));
    }

    #[test]
    fn others_have_a_default_where_the_owner_gives_one() {
        let params = format!("{RULES}\nelse = 'null'");
        assert_eq!(
            run(&params, Some("x"), &[None, None], "y").unwrap().0,
            Masked::Null
        );
        assert_eq!(run(&params, None, &[None, None], "y").unwrap().0, Masked::Null);
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (name, key, is) in [
            ("a*", "a", true),
            ("a*", "abc", true),
            ("*a", "ba", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "ace", true),
            ("a*c*e", "aec", false),
            ("*", "", true),
            ("a", "ab", false),
            ("a*a", "a", false),
            ("_x_*", "_x_", true),
            ("a*b", "ab", true),
        ] {
            assert_eq!(matches(name, key), is, "{name} {key}");
        }
    }

    #[test]
    fn rules_inside_are_held_against_the_column() {
        let not_null = Column {
            not_null: true,
            ..column("text")
        };
        assert!(
            refused(&spec("by-key", "key = 'k'\nrules = { a = 'null' }"), &not_null)
                .to_string()
                .starts_with("by-key, a: null gives NULL")
        );
        let unique = Column {
            unique: true,
            ..column("text")
        };
        assert!(
            refused(&spec("by-key", "key = 'k'\nrules = {}\nelse = 'name'"), &unique)
                .to_string()
                .starts_with("by-key, else: name can give")
        );
        assert!(matches!(
            refused(&Spec::named("by-key"), &column("text")),
            SpecError::Missing { param: "key", .. }
        ));
        assert!(matches!(
            refused(&spec("by-key", "key = 'k'"), &column("text")),
            SpecError::Missing { param: "rules", .. }
        ));
    }
}
