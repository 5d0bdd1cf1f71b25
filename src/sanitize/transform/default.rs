//! `default`: every value becomes what the column gets where a row says nothing.

use super::fixed::literal;
use super::{
    Column, ColumnDefault, Compiled, Entry, Family, Masked, MaskingKey, Params, SpecError, Transform,
    TransformError, Uniqueness,
};

pub(super) const ENTRY: Entry = Entry {
    name: "default",
    summary: "replaces every value by the column's DEFAULT, asked of the server once; NULL stays NULL",
    params: &[],
    accepts: Family::EVERY,
    uniqueness: Uniqueness::Lossy,
    build,
};

fn build(params: &Params<'_>, column: &Column, _: &MaskingKey) -> Compiled {
    let cannot = |why| SpecError::Default {
        transform: ENTRY.name,
        why,
    };
    match &column.default {
        ColumnDefault::None => Err(cannot("and it has none; use null, fixed or another transform")),
        ColumnDefault::EachRow => Err(cannot(
            "and it would be another one for each row, from a sequence or a random one; use permute, uuid or another transform",
        )),
        ColumnDefault::OfTheData => Err(cannot(
            "and that calls functions or types of the data, which are not called while tables are raw; use fixed",
        )),
        ColumnDefault::Value(None) if column.not_null => Err(SpecError::NotNull {
            transform: ENTRY.name,
            instead: "its DEFAULT is NULL; use fixed, text or hmac",
        }),
        ColumnDefault::Value(None) => Ok(Box::new(Default(None))),
        ColumnDefault::Value(Some(text)) => {
            let given = toml::Value::String(text.clone());
            Ok(Box::new(Default(Some(literal(params, "value", &given, column)?))))
        }
    }
}

struct Default(Option<String>);

impl Transform for Default {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, _: &str, out: &mut String) -> Result<Masked, TransformError> {
        Ok(match &self.0 {
            Some(text) => {
                out.push_str(text);
                Masked::Value
            }
            None => Masked::Null,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused};
    use super::*;

    fn with(type_name: &str, default: ColumnDefault) -> Column {
        Column {
            default,
            ..column(type_name)
        }
    }

    fn value(text: &str) -> ColumnDefault {
        ColumnDefault::Value(Some(text.to_owned()))
    }

    #[test]
    fn every_value_becomes_what_the_server_says_of_the_column() {
        let rule = Spec::named("default");
        for (type_name, text) in [
            ("text", "n/a"),
            ("text", ""),
            ("integer", "-1"),
            ("boolean", "false"),
            ("jsonb", "{}"),
            ("timestamp with time zone", "2026-01-01 00:00:00+00"),
            ("inet", "0.0.0.0"),
            ("shop.mood", "calm"),
        ] {
            let default = compiled(&rule, &with(type_name, value(text)));
            assert_eq!(masked(&*default, "anna@shop.example"), text);
        }
        let null = compiled(&rule, &with("text", ColumnDefault::Value(None)));
        assert_eq!(null.apply("x", &mut String::new()), Ok(Masked::Null));
    }

    #[test]
    fn what_is_no_one_value_for_every_row_is_refused() {
        let rule = Spec::named("default");
        for (default, said) in [
            (ColumnDefault::None, "it has none"),
            (ColumnDefault::EachRow, "another one for each row"),
            (ColumnDefault::OfTheData, "functions or types of the data"),
        ] {
            let refused = refused(&rule, &with("text", default)).to_string();
            assert!(refused.contains(said), "{refused}");
        }
        let not_null = Column {
            not_null: true,
            ..with("text", ColumnDefault::Value(None))
        };
        assert!(matches!(refused(&rule, &not_null), SpecError::NotNull { .. }));
        let unique = Column {
            unique: true,
            ..with("text", value("n/a"))
        };
        assert!(matches!(refused(&rule, &unique), SpecError::Unique { .. }));
        let short = Column {
            max_chars: Some(2),
            ..with("character varying(2)", value("n/a"))
        };
        assert!(matches!(refused(&rule, &short), SpecError::Length { .. }));
    }
}
