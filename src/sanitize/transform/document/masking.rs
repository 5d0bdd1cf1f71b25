//! What becomes of each value of a document: what its path says, or what is done to those that no path names.

use std::sync::atomic::Ordering;

use super::super::paths::{Cursor, Paths};
use super::super::redact::Scanner;
use super::super::{Masked, Row, TransformError};
use super::{Action, DOCUMENTS, Document, Fake, Fault, Form, Leaf, Unlisted, Visit, part};

/// Replaces, and shows what it replaces where somebody wants to see.
pub(super) struct Masking<'a> {
    pub(super) document: &'a Document,
    pub(super) row: Row<'a>,
    /// Documents that this one stands in.
    pub(super) depth: usize,
    pub(super) show: Option<&'a mut dyn FnMut(&str)>,
}

impl Masking<'_> {
    fn show(&mut self, text: &str) {
        if let Some(show) = &mut self.show {
            show(text);
        }
    }

    fn shown(leaf: Leaf<'_>) -> &str {
        match leaf {
            Leaf::Text(text) | Leaf::Number(text) => text,
            Leaf::Bool(_) => "",
        }
    }

    fn by_path(&mut self, number: usize, leaf: Leaf<'_>) -> Result<Fake, TransformError> {
        let document = self.document;
        if let Some(met) = document.met.get(number) {
            met.store(true, Ordering::Relaxed);
        }
        let Some(Action::Mask {
            text,
            number,
            boolean,
            reads,
            ..
        }) = document.actions.get(number)
        else {
            return Ok(Fake::Keep);
        };
        let (made, original) = match leaf {
            Leaf::Text(value) => (text, value),
            Leaf::Number(value) => (if number.is_some() { number } else { text }, value),
            Leaf::Bool(value) => (boolean, if value { "true" } else { "false" }),
        };
        let Some(made) = made else {
            // True and false tell nothing; a text where only numbers are expected is another document than the owner knows.
            return match leaf {
                Leaf::Bool(_) => Ok(Fake::Keep),
                _ => Err(TransformError::Form {
                    transform: document.form.name,
                    expected: "value of the type that the transform at its path takes",
                }),
            };
        };
        let row = part(&**made, *reads, self.row);
        if let Some(show) = &mut self.show {
            made.originals(original, row, *show);
        }
        let mut out = String::new();
        match made.apply_in_row(Some(original), row, &mut out)? {
            Masked::Value => {}
            Masked::Null => return Ok(Fake::Null),
            Masked::Kept => return Ok(Fake::Keep),
        }
        Ok(match leaf {
            Leaf::Number(_) if is_number(&out) => Fake::Number(out),
            Leaf::Bool(_) if matches!(out.as_str(), "true" | "false") => Fake::Bool(out == "true"),
            _ => Fake::Text(out),
        })
    }

    /// A document in a text of this one, where all is scanned.
    fn scan_document(&mut self, text: &str) -> Result<Option<String>, TransformError> {
        let forms: &[&Form] = match text.trim_start().as_bytes().first() {
            Some(b'{' | b'[') => &[&super::super::json::FORM],
            Some(b'a' | b'O' | b's') => &[&super::super::php::FORM],
            _ => return Ok(None),
        };
        if self.depth >= DOCUMENTS {
            return Ok(None);
        }
        for form in forms {
            let mut out = Vec::new();
            self.depth += 1;
            let walked = (form.walk)(text.as_bytes(), &Paths::default(), self, &mut out);
            self.depth -= 1;
            match walked {
                Ok(()) => return Ok(String::from_utf8(out).ok()),
                Err(Fault::Transform(error)) => return Err(error),
                Err(Fault::Syntax | Fault::Depth) => {}
            }
        }
        Ok(None)
    }

    fn scan(&mut self, scanner: &Scanner, name: &str, leaf: Leaf<'_>) -> Result<Fake, TransformError> {
        let value = Self::shown(leaf);
        if let Leaf::Text(text) = leaf
            && let Some(document) = self.scan_document(text)?
        {
            return Ok(if document == text {
                Fake::Keep
            } else {
                Fake::Text(document)
            });
        }
        let mut out = String::new();
        let mut nothing = |_: &str| {};
        let show: &mut dyn FnMut(&str) = match &mut self.show {
            Some(show) => *show,
            None => &mut nothing,
        };
        Ok(match scanner.member(name, value, &mut out, show)? {
            None | Some(Masked::Kept) => Fake::Keep,
            Some(Masked::Null) => Fake::Null,
            Some(Masked::Value) if matches!(leaf, Leaf::Number(_)) && is_number(&out) => Fake::Number(out),
            Some(Masked::Value) => Fake::Text(out),
        })
    }
}

impl Visit for Masking<'_> {
    fn key(&mut self, at: &Cursor, key: &str) -> Result<Option<String>, TransformError> {
        let kept = match at.rule.and_then(|rule| self.document.actions.get(rule)) {
            Some(action) => matches!(action, Action::Keep(_)),
            None => matches!(self.document.unlisted, Unlisted::Keep),
        };
        if kept {
            return Ok(None);
        }
        let mut out = String::new();
        let mut nothing = |_: &str| {};
        let show: &mut dyn FnMut(&str) = match &mut self.show {
            Some(show) => *show,
            None => &mut nothing,
        };
        let changed = self.document.keys.spans(key, &mut out, show)?;
        Ok(changed.then_some(out))
    }

    fn leaf(&mut self, at: &Cursor, name: &str, leaf: Leaf<'_>) -> Result<Fake, TransformError> {
        // A document in a text of this one has no path of its own.
        if self.depth == 0
            && let Some(rule) = at.rule
        {
            return self.by_path(rule, leaf);
        }
        let document = self.document;
        match (&document.unlisted, leaf) {
            (Unlisted::Keep, _) | (_, Leaf::Bool(_)) => Ok(Fake::Keep),
            (Unlisted::Scan(scanner), leaf) => self.scan(scanner, name, leaf),
            (Unlisted::Redact, leaf) => {
                self.show(Self::shown(leaf));
                Ok(match leaf {
                    Leaf::Number(_) => Fake::Number("0".to_owned()),
                    _ => Fake::Text(String::new()),
                })
            }
        }
    }

    fn drops(&mut self, at: &Cursor) -> bool {
        let action = at.rule.and_then(|rule| self.document.actions.get(rule));
        !at.leads_on() && matches!(action, Some(Action::Mask { nulls: true, .. }))
    }

    fn opaque(&mut self, at: &Cursor) -> Result<(), TransformError> {
        let kept = match at.rule.and_then(|rule| self.document.actions.get(rule)) {
            Some(action) => matches!(action, Action::Keep(_)),
            None => matches!(self.document.unlisted, Unlisted::Keep) && at.is_free(),
        };
        if kept {
            return Ok(());
        }
        Err(TransformError::Form {
            transform: self.document.form.name,
            expected: "document that can be looked into (a class serializes itself there); keep that path, if it may stay",
        })
    }
}

/// Whether a text is a number as JSON writes them.
fn is_number(text: &str) -> bool {
    super::super::json::number_end(text.as_bytes(), 0) == Some(text.len())
}
