//! `null`: every value becomes NULL.

use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Params, SpecError, Transform, TransformError,
    Uniqueness,
};

pub(super) const ENTRY: Entry = Entry {
    name: "null",
    summary: "replaces every value by NULL",
    params: &[],
    accepts: Family::EVERY,
    uniqueness: Uniqueness::Lossy,
    build,
};

fn build(_: &Params<'_>, column: &Column, _: &MaskingKey) -> Compiled {
    if column.not_null {
        return Err(SpecError::NotNull {
            transform: ENTRY.name,
            instead: match column.family() {
                Family::Text => "use fixed, text or hmac",
                Family::Uuid => "use uuid or fixed",
                _ => "use fixed",
            },
        });
    }
    Ok(Box::new(Null))
}

struct Null;

impl Transform for Null {
    fn apply(&self, _: &str, _: &mut String) -> Result<Masked, TransformError> {
        Ok(Masked::Null)
    }
}
