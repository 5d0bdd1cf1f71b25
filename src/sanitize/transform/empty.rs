//! `empty`: every value becomes the one that holds nothing, which a NOT NULL column takes.

use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Params, SpecError, Transform, TransformError,
    Uniqueness,
};

pub(super) const ENTRY: Entry = Entry {
    name: "empty",
    summary: "replaces every value by the empty one of its type: no text, 0, false, {}; NULL stays NULL",
    params: &[],
    accepts: Family::EVERY,
    uniqueness: Uniqueness::Lossy,
    build,
};

fn build(_: &Params<'_>, column: &Column, _: &MaskingKey) -> Compiled {
    match empty_of(column) {
        Some(text) => Ok(Box::new(Empty(text))),
        None => Err(SpecError::Type {
            transform: ENTRY.name,
            type_name: column.type_name.clone(),
            accepts: "with an empty value; use fixed".to_owned(),
        }),
    }
}

/// The empty value of a type, as PostgreSQL reads it.
fn empty_of(column: &Column) -> Option<&'static str> {
    let name = column.base();
    Some(match column.family() {
        Family::Text => "",
        Family::Integer | Family::BigInteger | Family::Decimal => "0",
        Family::Boolean => "false",
        Family::Date => "1970-01-01",
        Family::Time => match name {
            "interval" => "0",
            "time" | "timetz" => "00:00:00",
            other if other.starts_with("timestamp") => "1970-01-01 00:00:00+00",
            _ => "00:00:00",
        },
        Family::Uuid => "00000000-0000-0000-0000-000000000000",
        Family::Json => "{}",
        Family::Bytes => r"\x",
        Family::Network => match name {
            "macaddr" => "00:00:00:00:00:00",
            "macaddr8" => "00:00:00:00:00:00:00:00",
            _ => "0.0.0.0",
        },
        Family::Other => match name {
            "tsvector" | "tsquery" | "hstore" => "",
            // The catalog calls an array of texts `_text`; a type that somebody made has its schema before it.
            array if array.starts_with('_') || array.ends_with("[]") => "{}",
            range if !range.contains('.') && range.ends_with("multirange") => "{}",
            range if !range.contains('.') && range.ends_with("range") => "empty",
            _ => return None,
        },
    })
}

struct Empty(&'static str);

impl Transform for Empty {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, _: &str, out: &mut String) -> Result<Masked, TransformError> {
        out.push_str(self.0);
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused};
    use super::*;

    #[test]
    fn each_type_has_its_empty_value() {
        for (type_name, empty) in [
            ("varchar", ""),
            ("int4", "0"),
            ("numeric(10,2)", "0"),
            ("bool", "false"),
            ("date", "1970-01-01"),
            ("timestamptz", "1970-01-01 00:00:00+00"),
            ("time", "00:00:00"),
            ("interval", "0"),
            ("jsonb", "{}"),
            ("_text", "{}"),
            ("text[]", "{}"),
            ("daterange", "empty"),
            ("int4multirange", "{}"),
            ("tsvector", ""),
            ("bytea", r"\x"),
            ("inet", "0.0.0.0"),
            ("macaddr8", "00:00:00:00:00:00:00:00"),
        ] {
            let transform = compiled(&Spec::named("empty"), &column(type_name));
            assert_eq!(masked(&*transform, "anything"), empty, "{type_name}");
        }
    }

    #[test]
    fn types_without_an_empty_value_are_refused() {
        for type_name in ["point", "public.daterange", "public.mood"] {
            assert!(matches!(
                refused(&Spec::named("empty"), &column(type_name)),
                SpecError::Type { .. }
            ));
        }
    }
}
