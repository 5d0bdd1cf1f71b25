//! What happens to the values inside a document, whatever its form: by paths, and for what no path names.
//!
//! The forms (`json`, `php`, `urlencoded`) walk through a text and ask a [`Visit`] at each name and each plain value; what it
//! does not change they pass on byte by byte.

mod kept;
mod leaves;
mod masking;

use std::sync::atomic::{AtomicBool, Ordering};

use kept::Kept;
pub(super) use leaves::leaves;
use masking::Masking;

use super::nested::{Said, below, inside, said};
use super::paths::{Cursor, Paths};
use super::redact::Scanner;
use super::{
    Column, ColumnDefault, Masked, MaskingKey, Param, Params, Read, Row, SpecError, Transform,
    TransformError, compile,
};

pub(super) const PATHS: Param = Param {
    name: "paths",
    summary: "what happens to the values at each path, such as { \"$.contacts[*].email\" = \"email\" }: a transform, or \
              { keep = \"reason\" }. A path holds for all that lies below it, until a closer one (required)",
};
pub(super) const UNLISTED: Param = Param {
    name: "unlisted",
    summary: "values that no path names: scan (default) replaces what looks personal by name or by form, keep leaves them, \
              redact makes texts empty and numbers 0",
};
pub(super) const INVALID: Param = Param {
    name: "invalid",
    summary: "a value that does not parse: error (default) stops the run, redact scrambles it as a whole",
};

/// How deep a document may be nested.
pub(super) const DEEPEST: usize = 512;
/// How deep documents may stand in texts of documents, where all of them are scanned.
const DOCUMENTS: usize = 4;

/// A plain value of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaf<'a> {
    Text(&'a str),
    /// As it is written.
    Number(&'a str),
    Bool(bool),
}

/// What becomes of a plain value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fake {
    Keep,
    Null,
    Text(String),
    /// A text of as many characters, each written in the way of the one in its place.
    Alike(String),
    /// As it is to be written.
    Number(String),
    Bool(bool),
}

/// Is asked at each place of a document.
pub(super) trait Visit {
    /// What a name becomes; `None` leaves it.
    fn key(&mut self, at: &Cursor, key: &str) -> Result<Option<String>, TransformError>;

    /// What a plain value becomes. `name` is the nearest name above it.
    fn leaf(&mut self, at: &Cursor, name: &str, leaf: Leaf<'_>) -> Result<Fake, TransformError>;

    /// Whether the whole object or array here becomes null.
    fn drops(&mut self, at: &Cursor) -> bool;

    /// A part that cannot be looked into: whether it may stay.
    fn opaque(&mut self, at: &Cursor) -> Result<(), TransformError>;
}

/// Why a walk ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The text is no document of this form.
    Syntax,
    /// It is nested too deep.
    Depth,
    /// A value could not be replaced.
    Transform(TransformError),
}

impl From<TransformError> for Fault {
    fn from(error: TransformError) -> Self {
        Self::Transform(error)
    }
}

/// A form of documents.
pub(super) struct Form {
    /// The transform's name.
    pub(super) name: &'static str,
    /// What it takes, for messages.
    pub(super) expected: &'static str,
    /// Walks through a text and appends what it becomes.
    pub(super) walk: Walk,
}

/// Walks through a text by paths, asks what becomes of it, and appends that.
type Walk = fn(&[u8], &Paths, &mut dyn Visit, &mut Vec<u8>) -> Result<(), Fault>;

/// What happens to the values at one path.
enum Action {
    /// For this reason.
    Keep(String),
    Mask {
        /// For texts.
        text: Option<Box<dyn Transform>>,
        /// For numbers, where the transform takes any.
        number: Option<Box<dyn Transform>>,
        /// For true and false.
        boolean: Option<Box<dyn Transform>>,
        /// Whether it is `null`, which also takes whole objects.
        nulls: bool,
        /// Where what it reads begins in the row.
        reads: usize,
    },
}

enum Unlisted {
    Keep,
    Scan(Box<Scanner>),
    Redact,
}

/// What is done to documents of one column.
pub(super) struct Document {
    form: &'static Form,
    paths: Paths,
    names: Vec<String>,
    actions: Vec<Action>,
    met: Vec<AtomicBool>,
    unlisted: Unlisted,
    /// For values that do not parse, where they may.
    invalid: Option<Box<dyn Transform>>,
    /// For names of members, which can hold an address.
    keys: Box<Scanner>,
    reads: Vec<Read>,
    bytes: bool,
    /// Characters that the column takes.
    column: Column,
}

impl Document {
    pub(super) fn build(
        form: &'static Form,
        params: &Params<'_>,
        column: &Column,
        key: &MaskingKey,
    ) -> Result<Self, SpecError> {
        let Some(given) = params.get("paths") else {
            return Err(SpecError::Missing {
                transform: form.name,
                param: "paths",
                expected: "paths and what happens there, such as { \"$.contacts[*].email\" = \"email\" }",
            });
        };
        let given = given.as_table().ok_or_else(|| {
            params.wrong("paths", "a table, such as { \"$.email\" = \"email\" }".to_owned())
        })?;
        let mut document = Self {
            form,
            paths: Paths::default(),
            names: Vec::new(),
            actions: Vec::new(),
            met: Vec::new(),
            unlisted: match params.choice("unlisted", &["scan", "keep", "redact"])? {
                "keep" => Unlisted::Keep,
                "redact" => Unlisted::Redact,
                _ => Unlisted::Scan(Box::new(Scanner::new(key)?)),
            },
            invalid: match params.choice("invalid", &["error", "redact"])? {
                "redact" => Some(scrambled(column, key)?),
                _ => None,
            },
            keys: Box::new(Scanner::new(key)?),
            reads: Vec::new(),
            bytes: column.family() == super::Family::Bytes,
            column: column.clone(),
        };
        for (path, rule) in given {
            document.add(path, rule, key)?;
        }
        Ok(document)
    }

    fn add(&mut self, path: &str, rule: &toml::Value, key: &MaskingKey) -> Result<(), SpecError> {
        let transform = self.form.name;
        self.paths.add(path).map_err(|why| SpecError::Rule {
            transform,
            at: path.to_owned(),
            message: why.0.to_owned(),
        })?;
        let action = match said(transform, path, rule)? {
            Said::Keep(reason) => Action::Keep(reason),
            Said::Mask(spec) => {
                let of = |type_name: &str| {
                    let inner = Column {
                        type_name: type_name.to_owned(),
                        max_chars: None,
                        not_null: false,
                        unique: self.column.unique,
                        default: ColumnDefault::None,
                    };
                    compile(&spec, &inner, key)
                };
                let first = |types: &[&str]| types.iter().find_map(|name| of(name).ok());
                let text = match of("text") {
                    Ok(text) => Some(text),
                    Err(SpecError::Type { .. }) => {
                        first(&["timestamp with time zone", "date", "uuid", "inet"])
                    }
                    Err(why) => return Err(inside(transform, path, &why)),
                };
                let number = first(&["numeric", "bigint", "integer"]);
                if text.is_none() && number.is_none() {
                    let why = of("text").err().map_or_else(String::new, |why| why.to_string());
                    return Err(SpecError::Rule {
                        transform,
                        at: path.to_owned(),
                        message: why,
                    });
                }
                let reads = self.reads.len();
                let some = text.as_ref().or(number.as_ref());
                self.reads
                    .extend(some.into_iter().flat_map(|made| made.reads().to_vec()));
                Action::Mask {
                    text,
                    number,
                    boolean: first(&["boolean"]),
                    nulls: spec.name == "null",
                    reads,
                }
            }
        };
        self.names.push(path.to_owned());
        self.actions.push(action);
        self.met.push(AtomicBool::new(false));
        Ok(())
    }

    fn walk(&self, value: &[u8], visit: &mut dyn Visit, out: &mut Vec<u8>) -> Result<(), Fault> {
        (self.form.walk)(value, &self.paths, visit, out)
    }

    fn refused(&self, fault: Fault) -> TransformError {
        match fault {
            Fault::Syntax => TransformError::Document {
                transform: self.form.name,
                expected: self.form.expected,
            },
            Fault::Depth => TransformError::Deep {
                transform: self.form.name,
                levels: DEEPEST,
            },
            Fault::Transform(error) => error,
        }
    }

    fn replaced(&self, value: &str, row: Row<'_>) -> Result<Vec<u8>, Fault> {
        let mut visit = Masking {
            document: self,
            row,
            depth: 0,
            show: None,
        };
        let mut out = Vec::with_capacity(value.len() + value.len() / 8);
        if self.bytes {
            self.walk(&unhex(value).ok_or(Fault::Syntax)?, &mut visit, &mut out)?;
        } else {
            self.walk(value.as_bytes(), &mut visit, &mut out)?;
        }
        Ok(out)
    }

    fn is_empty(&self, value: &str) -> bool {
        value.trim().is_empty() || self.bytes && value == r"\x"
    }
}

/// What of the row a transform reads, which begins at `reads`.
fn part<'r>(made: &dyn Transform, reads: usize, row: Row<'r>) -> Row<'r> {
    let row = row.get(reads..).and_then(|row| row.get(..made.reads().len()));
    row.unwrap_or_default()
}

/// What a value that does not parse becomes, where the owner allows it.
fn scrambled(column: &Column, key: &MaskingKey) -> Result<Box<dyn Transform>, SpecError> {
    let name = if column.family() == super::Family::Bytes {
        "hmac"
    } else {
        "text"
    };
    compile(&super::Spec::named(name), column, key)
}

impl Transform for Document {
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
        let value = value.unwrap_or_default();
        if self.is_empty(value) {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        let start = out.len();
        match self.replaced(value, row) {
            Ok(bytes) if self.bytes => {
                out.push_str(r"\x");
                out.push_str(&crate::model::hex(&bytes));
            }
            Ok(bytes) => out.push_str(&String::from_utf8(bytes).map_err(|_| self.refused(Fault::Syntax))?),
            Err(Fault::Syntax | Fault::Depth) if self.invalid.is_some() => {
                if let Some(whole) = &self.invalid {
                    return whole.apply(value, out);
                }
            }
            Err(fault) => return Err(self.refused(fault)),
        }
        if out.get(start..).is_some_and(|made| !self.column.holds(made)) {
            return Err(TransformError::TooLong {
                transform: self.form.name,
            });
        }
        Ok(Masked::Value)
    }

    fn originals(&self, value: &str, row: Row<'_>, show: &mut dyn FnMut(&str)) {
        let mut shown = Vec::new();
        let whole = {
            let mut note = |text: &str| shown.push(zeroize::Zeroizing::new(text.to_owned()));
            let mut visit = Masking {
                document: self,
                row,
                depth: 0,
                show: Some(&mut note),
            };
            let mut out = zeroize::Zeroizing::new(Vec::new());
            let bytes = if self.bytes {
                unhex(value)
            } else {
                Some(value.as_bytes().to_vec())
            };
            bytes.is_none_or(|bytes| self.walk(&bytes, &mut visit, &mut out).is_err())
        };
        if whole {
            return show(value);
        }
        shown.iter().for_each(|text| show(text));
    }

    fn kept(&self, value: &str, row: Row<'_>, show: &mut dyn FnMut(&str)) {
        let bytes = if self.bytes {
            unhex(value)
        } else {
            Some(value.as_bytes().to_vec())
        };
        let Some(bytes) = bytes.map(zeroize::Zeroizing::new) else {
            return;
        };
        let mut shown = Vec::new();
        let mut note = |text: &str| shown.push(zeroize::Zeroizing::new(text.to_owned()));
        let mut visit = Kept {
            document: self,
            row,
            show: &mut note,
        };
        let mut out = zeroize::Zeroizing::new(Vec::new());
        // Of what is no document nothing is kept.
        if self.walk(&bytes, &mut visit, &mut out).is_ok() {
            shown.iter().for_each(|text| show(text));
        }
    }

    fn keeps(&self) -> Vec<(String, String)> {
        let unlisted = match self.unlisted {
            Unlisted::Keep => Some("no path names them; unlisted is keep"),
            Unlisted::Scan(_) => Some(
                "no path names them, and they look personal neither by name nor by form; unlisted is scan",
            ),
            Unlisted::Redact => None,
        };
        let unlisted = unlisted.map(|why| ("other values".to_owned(), why.to_owned()));
        let actions = self.names.iter().zip(&self.actions);
        actions
            .flat_map(|(path, action)| match action {
                Action::Keep(reason) => vec![(path.clone(), reason.clone())],
                Action::Mask { text, .. } => {
                    let inner = text.as_ref().map(|made| made.keeps());
                    below(path, inner.unwrap_or_default())
                }
            })
            .chain(unlisted)
            .collect()
    }

    fn unmet(&self) -> Vec<String> {
        let met = |at: &AtomicBool| at.load(Ordering::Relaxed);
        self.names
            .iter()
            .zip(&self.met)
            .filter(|(_, at)| !met(at))
            .map(|(name, _)| name.clone())
            .collect()
    }
}

/// The bytes of `\x…`, as PostgreSQL writes bytea.
pub(in crate::sanitize) fn unhex(value: &str) -> Option<Vec<u8>> {
    let digits = value.strip_prefix(r"\x")?.as_bytes();
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    if digits.len() % 2 == 1 {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}
