//! What a JSON document becomes: its texts and numbers are replaced as those of columns are, and so are personal names of
//! members. All else stays byte by byte: the other names, the order of members, members of the same name, null, true and
//! false, white space. A character that is written as an escape stays one.

use zeroize::Zeroizing;

use super::super::document::{DEEPEST, Fake, Fault, Leaf, Visit};
use super::super::json;
use super::super::paths::{Cursor, Paths};
use super::super::redact::Scanner;
use super::super::{Compiled, Masked, MaskingKey, Params, Row, Transform, TransformError};
use super::{ENTRY, Like, date};
use crate::sanitize::detect::is_full_name;

/// The parameter that says which names of members are replaced.
pub(super) const NAMES: &str = "names";

pub(super) fn build(params: &Params<'_>, key: &MaskingKey) -> Compiled {
    let personal = match params.choice(NAMES, &["personal", "all"])? {
        "all" => None,
        _ => Some(Box::new(Scanner::new(key)?)),
    };
    Ok(Box::new(Document {
        // What programs count with is no larger.
        like: Like::new(key, Some((-i128::MAX, i128::MAX))),
        personal,
    }))
}

struct Document {
    like: Like,
    /// Tells which names are personal; `None` where all are replaced.
    personal: Option<Box<Scanner>>,
}

impl Document {
    fn text(&self, value: &str) -> String {
        let mut out = String::with_capacity(value.len());
        self.like.text(value, &mut out);
        out
    }

    /// What a name becomes, where it is replaced; `show` is called with what is.
    fn name(&self, name: &str, show: &mut dyn FnMut(&str)) -> Result<Option<String>, TransformError> {
        let Some(personal) = &self.personal else {
            show(name);
            return Ok(Some(self.text(name)));
        };
        if is_full_name(name) {
            show(name);
            return Ok(Some(self.text(name)));
        }
        let mut spans: Vec<Zeroizing<String>> = Vec::new();
        let mut others = Zeroizing::new(String::new());
        personal.spans(name, &mut others, &mut |span| {
            spans.push(Zeroizing::new(span.to_owned()));
        })?;
        if spans.is_empty() {
            return Ok(None);
        }
        let mut fake = name.to_owned();
        // The longest first: one may stand in another.
        spans.sort_by_key(|span| std::cmp::Reverse(span.len()));
        spans.dedup();
        for span in spans {
            show(&span);
            fake = fake.replace(span.as_str(), &self.text(&span));
        }
        Ok(Some(fake))
    }

    fn walk(&self, value: &str, show: &mut dyn FnMut(&str), out: &mut Vec<u8>) -> Result<(), TransformError> {
        let mut visit = Masking { document: self, show };
        json::walk(value.as_bytes(), &Paths::default(), &mut visit, out).map_err(|fault| match fault {
            Fault::Syntax => TransformError::Form {
                transform: ENTRY.name,
                expected: json::FORM.expected,
            },
            Fault::Depth => TransformError::Deep {
                transform: ENTRY.name,
                levels: DEEPEST,
            },
            Fault::Transform(error) => error,
        })
    }
}

impl Transform for Document {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let mut made = Vec::with_capacity(value.len());
        self.walk(value, &mut |_| {}, &mut made)?;
        let made = std::str::from_utf8(&made).map_err(|_| TransformError::Form {
            transform: ENTRY.name,
            expected: json::FORM.expected,
        })?;
        out.push_str(made);
        Ok(Masked::Value)
    }

    fn originals(&self, value: &str, _: Row<'_>, show: &mut dyn FnMut(&str)) {
        let mut shown = Vec::new();
        let mut note = |text: &str| shown.push(Zeroizing::new(text.to_owned()));
        let mut out = Zeroizing::new(Vec::new());
        if self.walk(value, &mut note, &mut out).is_err() {
            return show(value);
        }
        shown.iter().for_each(|text| show(text));
    }

    fn keeps(&self) -> Vec<(String, String)> {
        let why = "they hold nothing that looks personal; names = \"all\" replaces them";
        let names = self.personal.as_ref();
        names
            .map(|_| ("other names of members".to_owned(), why.to_owned()))
            .into_iter()
            .collect()
    }
}

struct Masking<'a> {
    document: &'a Document,
    show: &'a mut dyn FnMut(&str),
}

impl Visit for Masking<'_> {
    fn key(&mut self, _: &Cursor, key: &str) -> Result<Option<String>, TransformError> {
        self.document.name(key, self.show)
    }

    fn leaf(&mut self, _: &Cursor, _: &str, leaf: Leaf<'_>) -> Result<Fake, TransformError> {
        Ok(match leaf {
            Leaf::Bool(_) => Fake::Keep,
            Leaf::Number(number) => {
                (self.show)(number);
                let mut out = String::with_capacity(number.len());
                self.document.like.number(number, &mut out);
                Fake::Number(out)
            }
            Leaf::Text(text) => {
                if !date::is_nobodys(text) {
                    (self.show)(text);
                }
                Fake::Alike(self.document.text(text))
            }
        })
    }

    fn drops(&mut self, _: &Cursor) -> bool {
        false
    }

    fn opaque(&mut self, _: &Cursor) -> Result<(), TransformError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::super::tests::{column, compiled, masked, refused, spec};
    use super::super::super::{Column, Spec, compile};
    use super::*;

    fn like(type_name: &str) -> Box<dyn Transform> {
        compiled(&Spec::named("like"), &column(type_name))
    }

    fn originals(value: &str) -> Vec<String> {
        let mut shown = Vec::new();
        like("jsonb").originals(value, &[], &mut |text| shown.push(text.to_owned()));
        shown
    }

    #[test]
    fn leaves_become_what_columns_of_them_become_and_all_else_stays() {
        let value = "{ \"b\":1.50e+02 ,\n \"a\" : [ ] , \"who\":[{\"mail\":\"anna@shop.example\",\"x\":\"\"}, 7],\
                     \"b\":-12.30, \"m\":{\"id\": 4711},\"n\":null, \"t\":true, \"\": {}}";
        let fake = masked(&*like("json"), value);
        let mut expected = value.to_owned();
        for (type_name, part) in [
            ("text", "anna@shop.example"),
            ("numeric", "-12.30"),
            ("int4", "4711"),
            ("numeric", "1.50e+02"),
        ] {
            expected = expected.replace(part, &masked(&*like(type_name), part));
        }
        let seven = masked(&*like("int4"), "7");
        assert_eq!(fake, expected.replace(", 7]", &format!(", {seven}]")));
        assert_ne!(fake, value);
        assert_eq!(
            originals(value),
            ["1.50e+02", "anna@shop.example", "", "7", "-12.30", "4711"]
        );
    }

    #[test]
    fn plain_values_and_empty_documents_are_documents() {
        for value in ["null", "true", " [ ] ", "{}", "\"\"", "0", "-0.0", "[[],{}]"] {
            assert_eq!(masked(&*like("jsonb"), value), value);
        }
        assert_ne!(masked(&*like("jsonb"), "\"anna\""), "\"anna\"");
        assert_ne!(masked(&*like("jsonb"), "17"), "17");
    }

    #[test]
    fn escapes_stay_escapes_of_the_same_length() {
        let value = r#"["\u00e9t\u00C9!\/\n\"\\","\ud83d\ude00 \ud800x \u0000","\ud835\udc00\uD835\uDC01"]"#;
        let fake = masked(&*like("json"), value);
        assert_eq!(fake.len(), value.len());
        let bare = |text: &str| text.replace(|c: char| c.is_ascii_alphanumeric(), "x");
        assert_eq!(bare(&fake), bare(value));
        assert!(
            fake.contains(r#"!\/\n\"\\""#) && fake.contains(r"\ud83d\ude00 \ud800"),
            "{fake}"
        );
        assert!(fake.contains(r" \u0000") && !fake.contains(r"\u00e9"), "{fake}");
        let text: Vec<String> = serde_json::from_str(r#"["\u00e9t\u00C9!\/\n\"\\"]"#).unwrap();
        let faked: Value =
            serde_json::from_str(fake.split_once(",\"").unwrap().0.trim_start_matches('[')).unwrap();
        assert_eq!(faked, masked(&*like("text"), &text[0]));
    }

    #[test]
    fn names_of_members_that_are_personal_are_replaced_as_values_are() {
        let mail = masked(&*like("text"), "anna@shop.example");
        let person = masked(&*like("text"), "Anna Smith");
        let value = r#"{"anna@shop.example":{"to":"anna@shop.example"},"mail:anna@shop.example":1,"Anna Smith":{},"first_name":null}"#;
        let fake = masked(&*like("jsonb"), value);
        let one = masked(&*like("int4"), "1");
        assert_eq!(
            fake,
            format!(
                r#"{{"{mail}":{{"to":"{mail}"}},"mail:{mail}":{one},"{person}":{{}},"first_name":null}}"#
            )
        );
        assert_eq!(
            originals(value),
            [
                "anna@shop.example",
                "anna@shop.example",
                "anna@shop.example",
                "1",
                "Anna Smith"
            ]
        );
        let all = compiled(&spec("like", "names = 'all'"), &column("jsonb"));
        let fake = masked(&*all, r#"{"first_name":null,"17":true}"#);
        assert!(
            !fake.contains("first_name") && !fake.contains("17") && fake.contains('_'),
            "{fake}"
        );
        assert_eq!(all.keeps(), []);
        assert_eq!(like("jsonb").keeps().len(), 1);
    }

    #[test]
    fn only_documents_have_names() {
        for type_name in ["text", "int4", "date"] {
            let error = refused(&spec("like", "names = 'all'"), &column(type_name));
            assert!(error.to_string().contains("only json and jsonb"), "{error}");
        }
        refused(&spec("like", "names = 'none'"), &column("jsonb"));
        let unique = Column {
            unique: true,
            ..column("jsonb")
        };
        compiled(&Spec::named("like"), &unique);
    }

    #[test]
    fn what_does_not_parse_or_is_too_deep_stops_the_run_and_is_not_shown() {
        for value in ["{", "kanari", "{\"a\":1,}", "01", "\"a", ""] {
            let error = like("jsonb").apply(value, &mut String::new()).unwrap_err();
            assert!(matches!(error, TransformError::Form { .. }), "{value}");
            assert!(!error.to_string().contains("kanari"));
            assert_eq!(originals(value), [value], "offered as a whole");
        }
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(masked(&*like("jsonb"), &deep(DEEPEST)), deep(DEEPEST));
        let error = like("jsonb")
            .apply(&deep(1_000_000), &mut String::new())
            .unwrap_err();
        assert!(matches!(error, TransformError::Deep { .. }));
    }

    #[test]
    fn numbers_of_any_size_stay_on_their_side_of_what_types_hold() {
        let number = |value: &str| masked(&*like("jsonb"), value);
        for (value, most) in [
            ("32767", "32767"),
            ("2147483647", "2147483647"),
            ("9007199254740991", "9007199254740991"),
            ("9223372036854775807", "9223372036854775807"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            for n in 0..40u128 {
                let value = value.parse::<u128>().unwrap() - n;
                let fake = number(&value.to_string()).parse::<u128>().unwrap();
                assert!(fake <= most.parse().unwrap() && fake != value, "{value} {fake}");
                let above = most.parse::<u128>().unwrap() + 1 + n;
                let fake = number(&above.to_string()).parse::<u128>().unwrap();
                assert!(fake > most.parse().unwrap() && fake != above, "{above} {fake}");
                let below = -i128::try_from(above).unwrap();
                let fake = number(&below.to_string()).parse::<i128>().unwrap();
                assert!(
                    (fake < -(i128::try_from(most.parse::<u128>().unwrap()).unwrap() + 1)) == (n > 0),
                    "{below} {fake}"
                );
            }
        }
        let long = "12345678901234567890".repeat(20);
        assert_eq!(number(&long).len(), long.len());
        assert_ne!(number(&long), long);
        assert_eq!(number(&format!("-0.{long}e-7")).len(), long.len() + 6);
    }

    #[test]
    fn equal_numbers_stay_equal_however_they_are_written() {
        let number = |value: &str| masked(&*like("jsonb"), value).parse::<f64>().unwrap();
        for (one, other) in [("20000", "20000.0"), ("7", "7.00"), ("-1.5", "-1.500")] {
            assert!((number(one) - number(other)).abs() < 1e-9, "{one} {other}");
        }
    }

    /// What programs see of a document beside its values.
    fn shape(value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(
                text.chars()
                    .map(|c| match c {
                        c if c.is_uppercase() => 'X',
                        c if c.is_alphabetic() => 'x',
                        c if c.is_numeric() => '9',
                        c => c,
                    })
                    .collect(),
            ),
            Value::Number(number) => Value::String(
                number
                    .to_string()
                    .replace(|c: char| c.is_ascii_digit() && c != '0', "9"),
            ),
            Value::Array(items) => items.iter().map(shape).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), shape(value)))
                .collect(),
            other => other.clone(),
        }
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "\\PC{0,30}".prop_map(Value::String),
            any::<String>().prop_map(|text| Value::String(text.replace('\0', " "))),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map("[a-z_]{0,8}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_document_keeps_its_shape_its_length_and_its_duplicates(one in document(), other in document()) {
            let (transform, again) = (like("jsonb"), like("jsonb"));
            for written in [one.to_string(), serde_json::to_string_pretty(&one).unwrap()] {
                let fake = masked(&*transform, &written);
                prop_assert_eq!(fake.len(), written.len());
                prop_assert_eq!(fake.chars().count(), written.chars().count());
                prop_assert_eq!(&fake, &masked(&*again, &written));
                let parsed: Value = serde_json::from_str(&fake).unwrap();
                let digits = |value: &Value| shape(value).to_string().replace('0', "9");
                prop_assert_eq!(digits(&parsed), digits(&one));
            }
            let (fake, another) = (masked(&*transform, &one.to_string()), masked(&*transform, &other.to_string()));
            prop_assert_eq!(fake == another, one == other);
        }

        #[test]
        fn what_is_no_document_is_refused(value in "\\PC{0,20}") {
            let parses = serde_json::from_str::<serde::de::IgnoredAny>(&value).is_ok();
            let made = compile(&Spec::named("like"), &column("json"), &super::super::super::tests::key());
            prop_assert_eq!(made.unwrap().apply(&value, &mut String::new()).is_ok(), parses);
        }
    }
}
