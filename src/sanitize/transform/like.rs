//! `like`: a value that shows the same bugs: as long in characters and in bytes, of the same classes and case, with the same
//! spaces and signs in the same places, and as different from the others as it was.
//!
//! Texts and numbers go through a permutation of all values of their shape, so that equal values stay equal and
//! different ones different, exactly, also when they are compared without regard to case. A text of more than
//! 24 letters and digits is drawn from its digest instead: there are so many of its shape that no two meet. The first
//! letter or digit stays in its part of the alphabet, a number as long as it was and on its side of where types of programs
//! end: the broad order stays. Dates all move by the same number of weeks, also where they are texts, so that intervals, order and
//! weekdays stay. White space, signs and emoji stay as they are. Of documents all stays but texts, numbers and personal names of
//! members.

mod date;
mod document;
mod number;
mod text;

use super::date_shift::{MOST_DAYS, shift};
use super::permutation::Permutation;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, Spec, SpecError, Transform,
    TransformError, Uniqueness, compile,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "like",
    summary: "replaces a value by one that shows the same bugs: length, bytes, classes, case, spaces, duplicates, broad order, \
              intervals between dates, the structure of JSON",
    params: &[Param {
        name: document::NAMES,
        summary: "of JSON: which names of members are replaced: personal (default: names of people, and addresses, telephone \
                  numbers and the like wherever they stand in a name) or all",
    }],
    accepts: &[
        Family::Text,
        Family::Integer,
        Family::BigInteger,
        Family::Decimal,
        Family::Date,
        Family::Time,
        Family::Uuid,
        Family::Json,
    ],
    uniqueness: Uniqueness::Preserved,
    build,
};

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let other = |name: &str, params: toml::Table| {
        let name = name.to_owned();
        compile(&Spec { name, params }, column, key)
    };
    if column.family() == Family::Json {
        return document::build(params, key);
    }
    if params.get(document::NAMES).is_some() {
        return Err(params.wrong(
            document::NAMES,
            "left out where there are no documents: only json and jsonb columns have names".to_owned(),
        ));
    }
    match column.family() {
        Family::Uuid => return other("uuid", toml::Table::new()),
        Family::Date | Family::Time => {
            let weeks = toml::Table::from_iter([("keep-weekday".to_owned(), true.into())]);
            return other("date-shift", weeks);
        }
        _ => {}
    }
    let floating = !matches!(column.family(), Family::Text) && column.integers().is_none();
    if column.base() == "money" || (floating && column.unique) {
        return Err(SpecError::Type {
            transform: ENTRY.name,
            type_name: column.type_name.clone(),
            accepts: "that hold numbers exactly".to_owned(),
        });
    }
    Ok(Box::new(Whole {
        like: Like::new(key, column.integers()),
        numeric: column.family() != Family::Text,
    }))
}

/// What texts and numbers become, wherever they stand.
struct Like {
    permutation: Permutation,
    digester: Digester,
    /// The least and the largest whole number that is held exactly.
    limits: Option<(i128, i128)>,
    /// By how many days dates move.
    shift: i64,
}

impl Like {
    fn new(key: &MaskingKey, limits: Option<(i128, i128)>) -> Self {
        Self {
            permutation: Permutation::new(key, "like"),
            digester: key.digester(Kind::Text),
            limits,
            shift: shift(key, "", MOST_DAYS, true),
        }
    }
}

/// For values of columns.
struct Whole {
    like: Like,
    /// Whether the column holds numbers.
    numeric: bool,
}

impl Transform for Whole {
    fn may_repeat(&self) -> bool {
        true
    }

    fn originals(&self, value: &str, _: super::Row<'_>, show: &mut dyn FnMut(&str)) {
        if self.numeric || !date::is_nobodys(value) {
            show(value);
        }
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        if self.numeric {
            self.like.number(value, out);
        } else {
            self.like.text(value, out);
        }
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::super::tests::{column, compiled, masked, refused};
    use super::*;

    fn like(type_name: &str, value: &str) -> String {
        masked(&*compiled(&Spec::named("like"), &column(type_name)), value)
    }

    #[test]
    fn a_fake_looks_like_its_value_and_never_changes() {
        assert_eq!(
            like("text", "Müller-Lüdenscheidt  x\u{a0}7 😀"),
            "Lærgbj-Gêasfsuefzzv  h\u{a0}9 😀"
        );
        assert!(like("text", "007").starts_with('0'));
        for value in ["", " ", "-", "😀", "0"] {
            assert_eq!(like("text", value), value);
        }
    }

    #[test]
    fn every_short_text_of_a_shape_comes_out_once_and_never_as_itself() {
        let transform = compiled(&Spec::named("like"), &column("text"));
        let mut seen = HashSet::new();
        for a in b'a'..=b'z' {
            for b in b'0'..=b'9' {
                let value = format!("{}{}", char::from(a), char::from(b));
                let fake = masked(&*transform, &value);
                assert_ne!(fake, value);
                assert!(seen.insert(fake));
                let single = char::from(a).to_string();
                assert_ne!(masked(&*transform, &single), single);
            }
        }
    }

    #[test]
    fn numbers_keep_digits_sign_scale_and_half_and_stay_different() {
        for type_name in ["int4", "numeric"] {
            let transform = compiled(&Spec::named("like"), &column(type_name));
            let mut seen = HashSet::new();
            for n in (-5_000..5_000).chain(2_147_480_000..2_147_483_647) {
                let (value, fake) = (n.to_string(), masked(&*transform, &n.to_string()));
                assert!(
                    fake.len() == value.len() && (fake != value || n == 0),
                    "{value} {fake}"
                );
                assert!(fake.parse::<i32>().is_ok() || type_name == "numeric");
                assert!(seen.insert(fake));
            }
        }
        let transform = compiled(&Spec::named("like"), &column("numeric"));
        let mut seen = HashSet::new();
        for n in 0..10_000 {
            let value = format!("{}.{:02}", n / 100, n % 100);
            let fake = masked(&*transform, &value);
            assert_eq!(fake.len(), value.len(), "{value} {fake}");
            assert!(
                seen.insert(super::super::decimal::Decimal::read(&fake).unwrap().mantissa),
                "{value} {fake}"
            );
        }
        assert_ne!(like("numeric(3,-2)", "12300"), "12300");
        assert_eq!(like("float8", "NaN"), "NaN");
        assert!(like("float8", "1.5e+20").ends_with("e+20"));
        assert!(like("numeric", "12.500").ends_with("00"));
    }

    #[test]
    fn dates_and_uuids_go_to_their_own_transforms() {
        let days = |value: &str| super::super::day::read(&like("date", value)).unwrap().number;
        assert_eq!(days("2024-03-01") - days("2024-02-28"), 2);
        assert_eq!((days("2024-02-28") - 19_781) % 7, 0);
        assert_eq!(&like("uuid", "f47ac10b-58cc-4372-a567-0e02b2c3d479")[14..15], "4");
        refused(&Spec::named("like"), &column("money"));
        refused(&Spec::named("like"), &column("time"));
        refused(
            &Spec::named("like"),
            &Column {
                unique: true,
                ..column("float8")
            },
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn the_shape_of_any_text_stays(value in prop_oneof!["\\PC{0,40}", "[A-Za-zÀ-ÿ0-9 ]{0,12}", "[\u{370}-\u{4ff}\u{4e00}-\u{4fff}]{0,8}"]) {
            let fake = like("text", &value);
            prop_assert_eq!(fake.len(), value.len());
            prop_assert_eq!(fake.chars().count(), value.chars().count());
            for (one, other) in value.chars().zip(fake.chars()) {
                prop_assert_eq!(one.is_alphabetic(), other.is_alphabetic());
                prop_assert_eq!(one.is_numeric(), other.is_numeric());
                prop_assert_eq!(one.is_uppercase(), other.is_uppercase());
                prop_assert_eq!(one.is_whitespace(), other.is_whitespace());
                prop_assert!(one.is_alphanumeric() || one == other);
            }
        }

        #[test]
        fn texts_are_equal_without_regard_to_case_only_where_they_were(one in "[A-Ca-cÄä0-1]{1,3}", other in "[A-Ca-cÄä0-1]{1,3}") {
            let (fake, another) = (like("text", &one), like("text", &other));
            prop_assert_eq!(fake == another, one == other);
            prop_assert_eq!(fake.to_lowercase() == another.to_lowercase(), one.to_lowercase() == other.to_lowercase());
        }
    }
}
