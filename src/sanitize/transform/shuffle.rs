//! `shuffle`: the values of a column go to other rows of their table. They stay real.
//!
//! The server moves them while rows are read out (`sanitize/postgres/shuffled.rs`), in an order that is drawn from the masking key:
//! here they only pass. So it is a rule of a whole column, never one inside another rule.

use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, Row, Transform, TransformError,
    Uniqueness,
};
use crate::model::hex;
use crate::sanitize::key::Kind;

pub(super) const ENTRY: Entry = Entry {
    name: "shuffle",
    summary: "moves the values to other rows of the table (of a partitioned one, of their partition); they stay real, so that the \
              column is not anonymous, and the receipt lists it as kept",
    params: &[
        Param {
            name: "group",
            summary: "a name that columns of the table share whose values stay together, such as city and postcode (default: each for \
                      itself)",
        },
        Param {
            name: "allow-real",
            summary: "true, if the values may be names, addresses or whatever else says who somebody is (default: such columns are \
                      refused)",
        },
    ],
    accepts: Family::EVERY,
    uniqueness: Uniqueness::Preserved,
    build,
};

fn build(params: &Params<'_>, _: &Column, key: &MaskingKey) -> Compiled {
    params.flag("allow-real")?;
    Ok(Box::new(Shuffle(Order {
        secret: hex(&key.digest(Kind::Permutation, ENTRY.name)),
        group: params.text("group")?.map(str::to_owned),
    })))
}

/// What the order is drawn from in which values move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Drawn from the masking key; nothing of the key can be told from it.
    pub secret: String,
    /// What columns share whose values stay together.
    pub group: Option<String>,
}

struct Shuffle(Order);

impl Transform for Shuffle {
    fn apply(&self, _: &str, _: &mut String) -> Result<Masked, TransformError> {
        Ok(Masked::Kept)
    }

    fn may_repeat(&self) -> bool {
        true
    }

    fn moves(&self) -> Option<&Order> {
        Some(&self.0)
    }

    fn originals(&self, _: &str, _: Row<'_>, _: &mut dyn FnMut(&str)) {}

    fn kept(&self, value: &str, _: Row<'_>, show: &mut dyn FnMut(&str)) {
        show(value);
    }

    fn keeps(&self) -> Vec<(String, String)> {
        let why = "real values, moved there by shuffle: not anonymous";
        vec![("in other rows".to_owned(), why.to_owned())]
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, compiled, key, refused, spec};
    use super::super::{Spec, SpecError, compile};
    use super::*;

    #[test]
    fn values_pass_are_called_kept_and_are_no_originals() {
        let shuffle = compiled(&spec("shuffle", "group = 'place'"), &column("text"));
        assert_eq!(shuffle.apply("Paris", &mut String::new()), Ok(Masked::Kept));
        let mut shown = Vec::new();
        shuffle.originals("Paris", &[], &mut |_| panic!("it stays"));
        shuffle.kept("Paris", &[], &mut |value| shown.push(value.to_owned()));
        assert_eq!(shown, ["Paris"]);
        assert!(shuffle.keeps()[0].1.contains("not anonymous"));
        assert_eq!(shuffle.moves().unwrap().group.as_deref(), Some("place"));
    }

    #[test]
    fn the_order_is_the_keys() {
        let secret = |key: &MaskingKey| {
            let made = compile(&Spec::named("shuffle"), &column("text"), key).unwrap();
            made.moves().unwrap().secret.clone()
        };
        assert_eq!(secret(&key()), secret(&key()));
        assert_ne!(secret(&key()), secret(&MaskingKey::from_bytes([1; 32])));
        assert!(!secret(&key()).contains(&hex(key().reveal())));
    }

    #[test]
    fn it_is_refused_inside_other_rules_where_it_would_leave_values_as_they_are() {
        for rule in [
            "transform = 'json'\npaths = { '$.a' = 'shuffle' }",
            "transform = 'php'\npaths = { '$.a' = { transform = 'shuffle', allow-real = true } }",
            "transform = 'by-key'\nkey = 'k'\nrules = { a = 'shuffle' }\nelse = 'null'",
            "transform = 'by-key'\nkey = 'k'\nrules = { a = 'null' }\nelse = 'shuffle'",
        ] {
            let mut params: toml::Table = rule.parse().unwrap();
            let name = params.remove("transform").unwrap().as_str().unwrap().to_owned();
            let refused = refused(&Spec { name, params }, &column("text")).to_string();
            assert!(
                refused.contains("shuffle moves the values of a whole column"),
                "{refused}"
            );
        }
        let wrong = refused(&spec("shuffle", "allow-real = 'yes'"), &column("text"));
        assert!(matches!(wrong, SpecError::Value { .. }));
    }
}
