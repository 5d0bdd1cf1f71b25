//! `derive`: a column that an application computed from others is computed again, from what they were replaced by.

use sha2::{Digest, Sha256};

use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, Read, Row, SpecError, Transform,
    TransformError, Uniqueness,
};

pub(super) const ENTRY: Entry = Entry {
    name: "derive",
    summary: "computes a value again from the replaced columns of its row, as in \"{first_name} {last_name}\"",
    params: &[Param {
        name: "from",
        summary: "text with columns in braces, each with changes after bars: {title|slug}, {email|trim|lower|sha256}; there is \
                  lower, upper, trim, slug, initial, local, domain, md5, sha256 (required)",
    }],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

/// A change to a value on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Lower,
    Upper,
    Trim,
    Slug,
    /// The first letter.
    Initial,
    /// Of an e-mail address, what stands before the @.
    Local,
    /// Of an e-mail address, what stands after it.
    Domain,
    Md5,
    Sha256,
}

const CHANGES: [(&str, Change); 9] = [
    ("lower", Change::Lower),
    ("upper", Change::Upper),
    ("trim", Change::Trim),
    ("slug", Change::Slug),
    ("initial", Change::Initial),
    ("local", Change::Local),
    ("domain", Change::Domain),
    ("md5", Change::Md5),
    ("sha256", Change::Sha256),
];

enum Piece {
    Text(String),
    /// The number of a column among those read.
    Column(usize, Vec<Change>),
}

fn build(params: &Params<'_>, column: &Column, _: &MaskingKey) -> Compiled {
    let given = params.get("from").ok_or(SpecError::Missing {
        transform: ENTRY.name,
        param: "from",
        expected: "a text with columns in braces, such as \"{first_name} {last_name}\"",
    })?;
    let parsed = given.as_str().and_then(|text| pieces(text).ok());
    let (pieces, reads) = parsed.filter(|(_, reads)| !reads.is_empty()).ok_or_else(|| {
        let names: Vec<&str> = CHANGES.iter().map(|(name, _)| *name).collect();
        params.wrong(
            "from",
            format!(
                "a text with columns in braces, such as \"{{first_name}} {{last_name|upper}}\"; {{{{ is a brace, after bars there \
                 is {}",
                names.join(", ")
            ),
        )
    })?;
    Ok(Box::new(Derive {
        pieces,
        reads,
        room: column.max_chars.map_or(usize::MAX, |max| max as usize),
    }))
}

/// Reads a template; the error says nothing, since there is one message for all.
fn pieces(text: &str) -> Result<(Vec<Piece>, Vec<Read>), ()> {
    let (mut pieces, mut reads, mut plain) = (Vec::new(), Vec::<Read>::new(), String::new());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
            plain.push(c);
            rest = after;
        } else if c == '}' {
            return Err(());
        } else if c == '{' {
            let (inner, after) = rest.get(1..).and_then(|rest| rest.split_once('}')).ok_or(())?;
            let mut parts = inner.split('|').map(str::trim);
            let column = parts
                .next()
                .filter(|name| !name.is_empty() && !name.contains('{'))
                .ok_or(())?;
            let change = |name| {
                CHANGES
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, change)| *change)
            };
            let changes = parts.map(change).collect::<Option<Vec<_>>>().ok_or(())?;
            let read = Read::masked(column);
            let number = reads.iter().position(|known| *known == read).unwrap_or_else(|| {
                reads.push(read);
                reads.len() - 1
            });
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Piece::Column(number, changes));
            rest = after;
        } else {
            plain.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    pieces.push(Piece::Text(plain));
    Ok((pieces, reads))
}

struct Derive {
    pieces: Vec<Piece>,
    reads: Vec<Read>,
    room: usize,
}

impl Transform for Derive {
    fn may_repeat(&self) -> bool {
        true
    }

    fn originals(&self, value: &str, _: Row<'_>, show: &mut dyn FnMut(&str)) {
        show(value);
    }

    /// Without its row there is nothing to compute from.
    fn apply(&self, _: &str, _: &mut String) -> Result<Masked, TransformError> {
        Ok(Masked::Null)
    }

    fn reads(&self) -> &[Read] {
        &self.reads
    }

    fn apply_in_row(
        &self,
        _: Option<&str>,
        row: Row<'_>,
        out: &mut String,
    ) -> Result<Masked, TransformError> {
        let mut made = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => made.push_str(text),
                Piece::Column(number, changes) => {
                    let value = row.get(*number).copied().flatten().unwrap_or_default();
                    let last = changes
                        .iter()
                        .fold(value.to_owned(), |value, change| changed(&value, *change));
                    made.push_str(&last);
                }
            }
        }
        // As an application would that has only so much room; white space comes from columns that are NULL.
        let made = made.trim();
        let end = made
            .char_indices()
            .nth(self.room)
            .map_or(made.len(), |(at, _)| at);
        out.push_str(made.get(..end).unwrap_or(made));
        Ok(Masked::Value)
    }
}

fn changed(value: &str, change: Change) -> String {
    match change {
        Change::Lower => value.to_lowercase(),
        Change::Upper => value.to_uppercase(),
        Change::Trim => value.trim().to_owned(),
        Change::Slug => slug(value),
        Change::Initial => value.trim().chars().take(1).collect(),
        Change::Local => value
            .rsplit_once('@')
            .map_or(value, |(local, _)| local)
            .to_owned(),
        Change::Domain => value.rsplit_once('@').map_or("", |(_, domain)| domain).to_owned(),
        Change::Md5 => crate::model::hex(&md5::Md5::digest(value.as_bytes())),
        Change::Sha256 => crate::model::hex(&Sha256::digest(value.as_bytes())),
    }
}

/// Lower-case ASCII letters and digits, with one hyphen for what stands between them.
fn slug(value: &str) -> String {
    let mut slug = String::new();
    for c in deunicode::deunicode(value).chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if c != '\'' && !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, compiled, refused, sized, spec};
    use super::super::{Spec, State};
    use super::*;

    fn derived(from: &str, row: &[Option<&str>], column: &Column) -> String {
        let mut rule = Spec::named("derive");
        rule.params.insert("from".to_owned(), from.into());
        let made = compiled(&rule, column);
        assert!(made.reads().iter().all(|read| read.state == State::Masked));
        let mut out = String::new();
        made.apply_in_row(Some("old"), row, &mut out).unwrap();
        out
    }

    #[test]
    fn columns_of_the_row_are_put_together() {
        let row = [Some("Zoë"), Some("O'Neil-Groß")];
        let text = column("text");
        assert_eq!(derived("{first} {last}", &row, &text), "Zoë O'Neil-Groß");
        assert_eq!(
            derived(
                "{first|initial|lower}.{last|slug} {{x}} {first|upper}",
                &row,
                &text
            ),
            "z.oneil-gross {x} ZOË"
        );
        assert_eq!(derived("{first} {last}", &[Some("Zoë"), None], &text), "Zoë");
        assert_eq!(
            derived(
                "{ mail | local }/{mail|domain}",
                &[Some("a.b@example.com")],
                &text
            ),
            "a.b/example.com"
        );
        assert_eq!(
            derived("{mail|trim|lower|md5}", &[Some(" A@example.com ")], &text),
            MD5
        );
        assert_eq!(
            derived("{mail|sha256}", &[Some("a@example.com")], &text).len(),
            64
        );
        assert_eq!(derived("{first|slug}-{last|slug}", &row, &sized(9)), "zoe-oneil");
    }
    // printf a@example.com | md5sum
    const MD5: &str = "b418773a2c51fb9777a1648346fa7394";

    #[test]
    fn templates_that_say_nothing_are_refused() {
        for from in ["", "plain", "{", "{a", "}", "{}", "{a|}", "{a|no}", "{a{b}"] {
            let mut rule = Spec::named("derive");
            rule.params.insert("from".to_owned(), from.into());
            assert!(
                matches!(refused(&rule, &column("text")), SpecError::Value { .. }),
                "{from}"
            );
        }
        assert!(matches!(
            refused(&spec("derive", ""), &column("text")),
            SpecError::Missing { .. }
        ));
    }
}
