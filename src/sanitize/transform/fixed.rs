//! `fixed`: every value becomes the same, given in the rule.

use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness,
};

pub(super) const ENTRY: Entry = Entry {
    name: "fixed",
    summary: "replaces every value by one that the rule gives; NULL stays NULL",
    params: &[Param {
        name: "value",
        summary: "the value: a text, a number or a boolean; must fit the column (required)",
    }],
    accepts: Family::EVERY,
    uniqueness: Uniqueness::Lossy,
    build,
};

fn build(params: &Params<'_>, column: &Column, _: &MaskingKey) -> Compiled {
    let given = params.get("value").ok_or(SpecError::Missing {
        transform: ENTRY.name,
        param: "value",
        expected: "the text, number or boolean that replaces every value",
    })?;
    Ok(Box::new(Fixed(literal(params, "value", given, column)?)))
}

/// A value that a rule gives for a column, as text.
pub(super) fn literal(
    params: &Params<'_>,
    param: &'static str,
    given: &toml::Value,
    column: &Column,
) -> Result<String, SpecError> {
    let value = match given {
        toml::Value::String(text) if !text.contains('\0') => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Boolean(flag) => flag.to_string(),
        toml::Value::Datetime(time) => time.to_string(),
        _ => {
            return Err(params.wrong(
                param,
                "a text without NUL, a number, a boolean or a date".to_owned(),
            ));
        }
    };
    if !is_of(column.family(), &value) {
        return Err(params.wrong(param, format!("of the column's type, {}", column.type_name)));
    }
    match column.max_chars {
        Some(max_chars) if !column.holds(&value) => Err(SpecError::Length {
            transform: params.transform(),
            needs: value.chars().count(),
            max_chars,
            instead: "give a shorter value",
        }),
        _ => Ok(value),
    }
}

/// Whether a text can be of that family; where PostgreSQL's input is richer than this check, its common forms.
fn is_of(family: Family, value: &str) -> bool {
    match family {
        Family::Integer => value.parse::<i32>().is_ok(),
        Family::BigInteger => value.parse::<i64>().is_ok(),
        Family::Decimal => value.parse::<f64>().is_ok(),
        Family::Boolean => matches!(value, "true" | "false" | "t" | "f"),
        Family::Date => value.parse::<jiff::civil::Date>().is_ok(),
        Family::Uuid => super::uuid::digits(value).is_some(),
        Family::Json => serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok(),
        Family::Text | Family::Time | Family::Bytes | Family::Network | Family::Other => true,
    }
}

struct Fixed(String);

impl Transform for Fixed {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, _: &str, out: &mut String) -> Result<Masked, TransformError> {
        out.push_str(&self.0);
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, compiled, masked, refused, spec};
    use super::*;

    #[test]
    fn every_value_becomes_the_given_one() {
        let fixed = compiled(&spec("fixed", "value = 'x@example.com'"), &column("text"));
        assert_eq!(masked(&*fixed, "anna@shop.example"), "x@example.com");
        let fixed = compiled(&spec("fixed", "value = 0"), &column("integer"));
        assert_eq!(masked(&*fixed, "42"), "0");
    }

    #[test]
    fn a_value_that_the_column_cannot_hold_is_refused() {
        for (type_name, value) in [
            ("integer", "'x'"),
            ("integer", "1.5"),
            ("boolean", "1"),
            ("date", "'2024-13-01'"),
            ("jsonb", "'{'"),
            ("uuid", "'0'"),
            ("text", "[1]"),
        ] {
            let refused = refused(&spec("fixed", &format!("value = {value}")), &column(type_name));
            assert!(
                matches!(refused, SpecError::Value { .. }),
                "{type_name} {value}: {refused}"
            );
        }
    }

    #[test]
    fn a_missing_or_too_long_value_is_refused() {
        assert!(matches!(
            refused(&Spec::named("fixed"), &column("text")),
            SpecError::Missing { param: "value", .. }
        ));
        let short = Column {
            max_chars: Some(3),
            ..column("character varying(3)")
        };
        assert!(matches!(
            refused(&spec("fixed", "value = 'éééé'"), &short),
            SpecError::Length {
                needs: 4,
                max_chars: 3,
                ..
            }
        ));
        assert_eq!(
            masked(&*compiled(&spec("fixed", "value = 'ééé'"), &short), "abc"),
            "ééé"
        );
    }

    use super::super::Spec;
}
