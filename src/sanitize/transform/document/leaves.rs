//! The plain values of a document with the names they go by, for who decides what rules it should have.

use super::super::TransformError;
use super::super::paths::{Cursor, Paths};
use super::{Fake, Form, Leaf, Visit};

/// Shows each text and number of a document, with the nearest name above it and whether it is a text, up to where the text is
/// no document of this form any more: a sample holds beginnings.
pub(in crate::sanitize::transform) fn leaves(
    form: &Form,
    text: &str,
    show: &mut dyn FnMut(&str, &str, bool),
) {
    let mut out = zeroize::Zeroizing::new(Vec::new());
    // Where it ends early, what was shown until then is what there is.
    let _ = (form.walk)(text.as_bytes(), &Paths::default(), &mut Leaves { show }, &mut out);
}

struct Leaves<'a> {
    show: &'a mut dyn FnMut(&str, &str, bool),
}

impl Visit for Leaves<'_> {
    fn key(&mut self, _: &Cursor, _: &str) -> Result<Option<String>, TransformError> {
        Ok(None)
    }

    fn leaf(&mut self, _: &Cursor, name: &str, leaf: Leaf<'_>) -> Result<Fake, TransformError> {
        match leaf {
            Leaf::Text(text) => (self.show)(name, text, true),
            Leaf::Number(number) => (self.show)(name, number, false),
            Leaf::Bool(_) => {}
        }
        Ok(Fake::Keep)
    }

    fn drops(&mut self, _: &Cursor) -> bool {
        false
    }

    fn opaque(&mut self, _: &Cursor) -> Result<(), TransformError> {
        Ok(())
    }
}
