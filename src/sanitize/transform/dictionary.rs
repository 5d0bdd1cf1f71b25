//! `dictionary`: values replaced as a list of the owner says.

use std::collections::BTreeMap;

use super::fixed::literal;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, Spec, Transform, TransformError,
    Uniqueness, compile,
};

pub(super) const ENTRY: Entry = Entry {
    name: "dictionary",
    summary: "replaces values as a list says; what is not in it is an error, NULL or a code",
    params: &[
        Param {
            name: "values",
            summary: "the list, as a table: { \"old\" = \"new\" } (this or file is required)",
        },
        Param {
            name: "file",
            summary: "a file beside the rule file that holds the list: on each line a value, a tab, and what replaces it",
        },
        Param {
            name: "else",
            summary: "what happens to other values: error (default), null, or hmac for a code",
        },
    ],
    accepts: Family::EVERY,
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let given = params
        .get("values")
        .ok_or_else(|| params.missing("values", "a table of values and what replaces them"))?;
    let given = given
        .as_table()
        .filter(|table| !table.is_empty())
        .ok_or_else(|| params.wrong("values", "a table: { \"old\" = \"new\" }".to_owned()))?;
    let mut values = BTreeMap::new();
    for (old, new) in given {
        let new = literal(params, "values", new, column)?;
        if *old == new {
            return Err(params.wrong(
                "values",
                "without values that are replaced by themselves".to_owned(),
            ));
        }
        values.insert(old.clone(), new);
    }
    let otherwise = match params.choice("else", &["error", "null", "hmac"])? {
        "error" => None,
        other => Some(compile(&Spec::named(other), column, key)?),
    };
    Ok(Box::new(Dictionary { values, otherwise }))
}

struct Dictionary {
    values: BTreeMap<String, String>,
    otherwise: Option<Box<dyn Transform>>,
}

impl Transform for Dictionary {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        // char(n) pads with spaces.
        let known = self
            .values
            .get(value)
            .or_else(|| self.values.get(value.trim_end_matches(' ')));
        match (known, &self.otherwise) {
            (Some(new), _) => out.push_str(new),
            (None, Some(otherwise)) => return otherwise.apply(value, out),
            (None, None) => {
                return Err(TransformError::Form {
                    transform: ENTRY.name,
                    expected: "entry of its list",
                });
            }
        }
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::SpecError;
    use super::super::tests::{column, compiled, masked, refused, spec};
    use super::*;

    #[test]
    fn values_become_what_the_list_says() {
        let dictionary = compiled(
            &spec("dictionary", "values = { Paris = 'Lyon', Nice = 'Lille' }"),
            &column("text"),
        );
        assert_eq!(masked(&*dictionary, "Paris"), "Lyon");
        assert_eq!(masked(&*dictionary, "Nice  "), "Lille");
        let error = dictionary.apply("Rouen", &mut String::new()).unwrap_err();
        assert!(error.to_string().contains("no entry of its list") && !error.to_string().contains("Rouen"));
    }

    #[test]
    fn others_become_null_or_a_code() {
        let of = |other: &str| {
            compiled(
                &spec("dictionary", &format!("values = {{ a = 'b' }}\nelse = '{other}'")),
                &column("text"),
            )
        };
        assert_eq!(of("null").apply("x", &mut String::new()), Ok(Masked::Null));
        assert_eq!(
            masked(&*of("hmac"), "x"),
            masked(&*compiled(&Spec::named("hmac"), &column("text")), "x")
        );
    }

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        let not_null = Column {
            not_null: true,
            ..column("text")
        };
        assert!(matches!(
            refused(
                &spec("dictionary", "values = { a = 'b' }\nelse = 'null'"),
                &not_null
            ),
            SpecError::NotNull { .. }
        ));
        for params in [
            "",
            "values = []",
            "values = {}",
            "values = { a = 'a' }",
            "values = { a = 'b' }\nelse = 'keep'",
        ] {
            refused(&spec("dictionary", params), &column("text"));
        }
        refused(&spec("dictionary", "values = { a = 'b' }"), &column("int4"));
        refused(
            &spec("dictionary", "values = { 1 = 2 }\nelse = 'hmac'"),
            &column("int4"),
        );
    }
}
