//! What of a document stays by the owner's own word: the values below a path with a `keep`.

use super::super::paths::Cursor;
use super::super::{Row, TransformError};
use super::{Action, Document, Fake, Leaf, Visit, part};

/// Shows what is kept, and changes nothing.
pub(super) struct Kept<'a> {
    pub(super) document: &'a Document,
    pub(super) row: Row<'a>,
    pub(super) show: &'a mut dyn FnMut(&str),
}

impl<'a> Kept<'a> {
    fn action(&self, at: &Cursor) -> Option<&'a Action> {
        at.rule.and_then(|rule| self.document.actions.get(rule))
    }
}

impl Visit for Kept<'_> {
    fn key(&mut self, at: &Cursor, key: &str) -> Result<Option<String>, TransformError> {
        if let Some(Action::Keep(_)) = self.action(at) {
            (self.show)(key);
        }
        Ok(None)
    }

    fn leaf(&mut self, at: &Cursor, _: &str, leaf: Leaf<'_>) -> Result<Fake, TransformError> {
        if let Leaf::Text(value) | Leaf::Number(value) = leaf {
            match self.action(at) {
                Some(Action::Keep(_)) => (self.show)(value),
                Some(Action::Mask {
                    text: Some(made),
                    reads,
                    ..
                }) => made.kept(value, part(&**made, *reads, self.row), self.show),
                Some(Action::Mask { .. }) | None => {}
            }
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
