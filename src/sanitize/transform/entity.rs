//! Whose values they are: parts of one fake person or address are drawn from the key of their row.

use super::{Params, Read, Row, SpecError};
use crate::sanitize::key::{self, Digester, Kind, MaskingKey};

/// Draws what belongs to the key of a row.
pub(super) struct Entity {
    /// The column that holds the key.
    pub(super) reads: [Read; 1],
    /// What the key is of: the same number of a customer and of an order are two things.
    of: String,
    by_key: Digester,
    by_email: Digester,
}

impl Entity {
    /// From the parameters `of` (the column) and `entity`.
    pub(super) fn build(
        params: &Params<'_>,
        transform: &'static str,
        kind: Kind,
        key: &MaskingKey,
    ) -> Result<Self, SpecError> {
        let given = params.get("of").ok_or(SpecError::Missing {
            transform,
            param: "of",
            expected: "the column whose value says whose it is, such as \"id\"",
        })?;
        let column = given
            .as_str()
            .ok_or_else(|| params.wrong("of", "the name of a column".to_owned()))?;
        let entity = match params.get("entity") {
            None => "",
            Some(given) => given
                .as_str()
                .filter(|text| !text.contains('\0'))
                .ok_or_else(|| params.wrong("entity", "a text".to_owned()))?,
        };
        Ok(Self {
            reads: [Read::original(column)],
            of: format!("{entity}\0"),
            by_key: key.digester(kind),
            by_email: key.digester(Kind::Email),
        })
    }

    /// The digest of the row's key. A row without one goes by the value itself, so that it is replaced all the same. A key that
    /// is an e-mail address gives the person whose name stands in the fake of that address.
    pub(super) fn digest(&self, row: Row<'_>, value: &str) -> [u8; 32] {
        let key = row
            .first()
            .copied()
            .flatten()
            .map(str::trim)
            .filter(|key| !key.is_empty());
        match key {
            Some(address) if address.contains('@') => {
                key::email(address, |canonical| self.by_email.digest(canonical))
            }
            Some(key) => self.by_key.digest(&format!("{}{key}", self.of)),
            None => key::name(value, |canonical| {
                self.by_key.digest(&format!("{}\0{canonical}", self.of))
            }),
        }
    }
}
