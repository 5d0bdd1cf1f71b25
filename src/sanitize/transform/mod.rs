//! Transforms: one file each, listed in [`ALL`], made by [`compile`].
//!
//! A transform is pure: a value in, a fake out, by nothing but the masking key. NULL never reaches it. What can be
//! known to go wrong from the rule and the column alone is refused by [`compile`], before any row is touched.
//! Who runs them on rows is the executor; `keep` and `rows = "delete"` are the ledger's, not transforms.
//!
//! An empty value, or one of white space only, stays as it is with every keyed transform: it holds nothing.

mod address;
mod age_band;
mod alphabet;
mod bucket;
mod by_key;
mod card;
mod choice;
mod column;
mod company;
mod date_shift;
mod day;
mod decimal;
mod default;
mod derive;
mod dictionary;
mod document;
mod email;
mod empty;
mod entity;
mod explain;
mod fixed;
mod generalize;
mod hmac;
mod iban;
mod ip;
mod json;
mod letters;
mod like;
mod mac;
mod mask;
mod name;
mod national_id;
mod nested;
mod noise;
mod null;
mod params;
mod password;
mod paths;
mod permutation;
mod permute;
mod person;
mod phone;
mod php;
mod places;
mod preserve;
mod redact;
mod regex_replace;
mod row;
mod shuffle;
mod sized;
mod spec_error;
mod template;
mod text;
mod truncate;
mod url;
mod urlencoded;
mod username;
mod uuid;
mod vocabulary;
mod written;

use serde::{Deserialize, Serialize};

pub use column::{Column, Family};
pub(super) use document::unhex;
pub use explain::{Example, Explanation, Parameter, explain, page};
pub use params::{Param, Params};
pub use preserve::{Preserves, Word};
pub use row::{Read, Row, State};
pub use shuffle::Order;
pub use spec_error::SpecError;
pub use vocabulary::in_vocabulary;

use super::key::MaskingKey;
pub use super::schema::ColumnDefault;

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Masked {
    /// It was replaced by what was appended to the buffer.
    Value,
    /// It was replaced by NULL; nothing was appended.
    Null,
    /// It stays as it is, by a rule inside the transform's rule; nothing was appended.
    Kept,
}

/// A value that the transform cannot replace. Holds no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransformError {
    /// The value has not the form that the transform needs.
    #[error(
        "{transform} met a value that is no {expected}; use another transform for this column, such as hmac or null"
    )]
    Form {
        /// Name of the transform.
        transform: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// The value is no document that can be taken apart.
    #[error(
        "{transform} met a value that is no {expected}; a rule with a where can take such rows, or invalid = \"redact\""
    )]
    Document {
        /// Name of the transform.
        transform: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// The value is nested too deep.
    #[error("{transform} met a value that is nested more than {levels} levels deep")]
    Deep {
        /// Name of the transform.
        transform: &'static str,
        /// The limit.
        levels: usize,
    },
    /// The column cannot hold the replacement.
    #[error(
        "{transform} made a value that is longer than the column takes; use another transform for this column"
    )]
    TooLong {
        /// Name of the transform.
        transform: &'static str,
    },
    /// The row has a key that the rule does not list.
    #[error(
        "{transform} met a key that its rules do not list; list every key that the rows have, or say with else what happens \
         to the others"
    )]
    Unlisted {
        /// Name of the transform.
        transform: &'static str,
    },
    /// No fake differs from the value, which only values of a few characters can cause.
    #[error(
        "{transform} found no replacement that differs from the value; use another transform for this column"
    )]
    Exhausted {
        /// Name of the transform.
        transform: &'static str,
    },
}

/// Replaces values. One is used by many threads at once.
pub trait Transform: Send + Sync {
    /// Appends the replacement of `value` to `out`, which the caller empties and keeps from value to value.
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError>;

    /// Whether NULL is replaced too (by what it gives for an empty text). Otherwise NULL stays NULL.
    fn masks_null(&self) -> bool {
        false
    }

    /// Other columns of the row that decide too. One that reads any is called by [`Self::apply_in_row`].
    fn reads(&self) -> &[Read] {
        &[]
    }

    /// [`Self::apply`] for a value whose row is known: `row` holds what [`Self::reads`] asks for. NULL comes only to one
    /// that masks it.
    fn apply_in_row(
        &self,
        value: Option<&str>,
        row: Row<'_>,
        out: &mut String,
    ) -> Result<Masked, TransformError> {
        let _ = row;
        self.apply(value.unwrap_or_default(), out)
    }

    /// Whether values have moved to other rows before they come here, and in what order.
    fn moves(&self) -> Option<&Order> {
        None
    }

    /// Parts of the rule that met no value so far, as the rule file writes them.
    fn unmet(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether a value may come out as it was, by what the transform does: a number in the bucket that it begins, a date cut to
    /// the month whose first day it is. What comes out as it was is no original that has to be gone.
    fn may_repeat(&self) -> bool {
        false
    }

    /// Shows each original that [`Self::apply_in_row`] would remove, in plain text: the value itself, or those inside it.
    /// A value that cannot be taken apart is shown as a whole.
    fn originals(&self, value: &str, row: Row<'_>, show: &mut dyn FnMut(&str)) {
        if self.may_repeat() {
            let mut out = zeroize::Zeroizing::new(String::new());
            let made = self.apply_in_row(Some(value), row, &mut out);
            if made == Ok(Masked::Value) && out.as_str() == value {
                return;
            }
        }
        show(value);
    }

    /// Shows what of a value stays by the owner's own word, a `keep` inside the rule, in plain text. It comes with a reason,
    /// unlike what only no rule names.
    fn kept(&self, value: &str, row: Row<'_>, show: &mut dyn FnMut(&str)) {
        let _ = (value, row, show);
    }

    /// The owner's `keep`s inside the rule: where, and why, for the receipt.
    fn keeps(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// Whether different values stay different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uniqueness {
    /// Values of different canonical form get different fakes, but for a chance of 2^-64 per pair.
    Preserved,
    /// Fakes come from a set that can be smaller than the set of values.
    NotGuaranteed,
    /// All values become the same.
    Lossy,
}

/// A rule's transform, as the rule file has it (`"email"` or `{ transform = "email", … }`), not yet checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// Name of the transform.
    pub name: String,
    /// Everything in the rule's table but `transform` itself.
    pub params: toml::Table,
}

impl Spec {
    /// A transform without parameters.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            params: toml::Table::new(),
        }
    }
}

/// A transform for one column, or why there can be none.
pub type Compiled = Result<Box<dyn Transform>, SpecError>;

/// What is known of a transform before it meets a column.
pub struct Entry {
    /// Its name in rules.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Its parameters.
    pub params: &'static [Param],
    /// Types of columns that it takes.
    pub accepts: &'static [Family],
    /// What it does to unique values.
    pub uniqueness: Uniqueness,
    build: fn(&Params<'_>, &Column, &MaskingKey) -> Compiled,
}

/// All transforms, by name.
pub static ALL: &[Entry] = &[
    address::ENTRY,
    age_band::ENTRY,
    bucket::ENTRY,
    by_key::ENTRY,
    card::ENTRY,
    choice::ENTRY,
    company::ENTRY,
    date_shift::ENTRY,
    default::ENTRY,
    derive::ENTRY,
    dictionary::ENTRY,
    email::ENTRY,
    empty::ENTRY,
    fixed::ENTRY,
    generalize::ENTRY,
    hmac::ENTRY,
    iban::ENTRY,
    ip::ENTRY,
    json::ENTRY,
    like::ENTRY,
    mac::ENTRY,
    mask::ENTRY,
    name::ENTRY,
    national_id::ENTRY,
    noise::ENTRY,
    null::ENTRY,
    password::ENTRY,
    permute::ENTRY,
    person::ENTRY,
    phone::ENTRY,
    php::ENTRY,
    redact::ENTRY,
    regex_replace::ENTRY,
    shuffle::ENTRY,
    template::ENTRY,
    text::ENTRY,
    truncate::ENTRY,
    url::ENTRY,
    urlencoded::ENTRY,
    username::ENTRY,
    uuid::ENTRY,
];

/// Shows the plain values of what PHP serialized: the nearest name above each, the value, and whether it is a text.
pub(super) fn php_values(text: &str, show: &mut dyn FnMut(&str, &str, bool)) {
    document::leaves(&php::FORM, text, show);
}

/// Like [`php_values`], of JSON.
pub(super) fn json_values(text: &str, show: &mut dyn FnMut(&str, &str, bool)) {
    document::leaves(&json::FORM, text, show);
}

/// Like [`php_values`], of URL-encoded pairs.
pub(super) fn pair_values(text: &str, show: &mut dyn FnMut(&str, &str, bool)) {
    document::leaves(&urlencoded::FORM, text, show);
}

/// The entry of a name.
pub fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}

/// Makes the transform of a rule for a column, or says why the rule cannot apply to it.
pub fn compile(spec: &Spec, column: &Column, key: &MaskingKey) -> Compiled {
    let entry = find(&spec.name).ok_or_else(|| SpecError::unknown_transform(&spec.name))?;
    let params = Params::check(entry, &spec.params)?;
    if !entry.accepts.contains(&column.family()) {
        return Err(SpecError::Type {
            transform: entry.name,
            type_name: column.type_name.clone(),
            accepts: Family::list(entry.accepts),
        });
    }
    if column.unique && entry.uniqueness != Uniqueness::Preserved {
        return Err(SpecError::Unique {
            transform: entry.name,
            why: match entry.uniqueness {
                Uniqueness::Lossy => "makes all values the same",
                _ => "can give two values the same fake",
            },
            instead: column.unique_alternative(),
        });
    }
    preserve::check(entry, &params, &spec.params, column, key)?;
    (entry.build)(&params, column, key)
}

#[cfg(test)]
mod mutations;
#[cfg(test)]
mod tests;
