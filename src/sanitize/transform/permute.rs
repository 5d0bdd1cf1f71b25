//! `permute`: a whole number becomes another one of a range, and no two become the same.

use super::permutation::Permutation;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness,
};

pub(super) const ENTRY: Entry = Entry {
    name: "permute",
    summary: "replaces whole numbers by others of the same range; different ones stay different",
    params: &[
        Param {
            name: "from",
            summary: "the least number of the range (default: the numbers with as many digits as the value)",
        },
        Param {
            name: "to",
            summary: "the largest number of the range; given together with from",
        },
        Param {
            name: "domain",
            summary: "a name: columns with the same domain and range agree, others do not (default: one for all)",
        },
    ],
    accepts: &[Family::Integer, Family::BigInteger, Family::Decimal],
    uniqueness: Uniqueness::Preserved,
    build,
};

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let limits = column.integers();
    let range = match (params.integer("from")?, params.integer("to")?) {
        (None, None) => None,
        (Some(from), Some(to)) if from < to => Some((i128::from(from), i128::from(to))),
        (Some(_), Some(_)) => return Err(params.wrong("to", "more than from".to_owned())),
        (given, _) => {
            return Err(SpecError::Missing {
                transform: ENTRY.name,
                param: if given.is_some() { "to" } else { "from" },
                expected: "from and to are given together",
            });
        }
    };
    let Some(limits) = limits else {
        return Err(SpecError::Type {
            transform: ENTRY.name,
            type_name: column.type_name.clone(),
            accepts: "that hold whole numbers exactly".to_owned(),
        });
    };
    if let Some((from, to)) = range
        && (from < limits.0 || to > limits.1)
    {
        return Err(params.wrong(
            "to",
            format!("within what the column holds, {}", column.type_name),
        ));
    }
    Ok(Box::new(Permute {
        permutation: Permutation::new(key, params.domain()?),
        range,
        limits,
    }))
}

struct Permute {
    permutation: Permutation,
    range: Option<(i128, i128)>,
    limits: (i128, i128),
}

impl Permute {
    /// The range in which a number is replaced.
    fn range_of(&self, number: i128) -> (i128, i128) {
        self.range.unwrap_or_else(|| {
            let (least, most) = (self.limits.0.max(-i128::MAX), self.limits.1);
            let digits = number.unsigned_abs().checked_ilog10().unwrap_or(0);
            let low = if digits == 0 { 0 } else { 10i128.pow(digits) };
            let high = 10i128.checked_pow(digits + 1).map_or(i128::MAX, |next| next - 1);
            if number < 0 {
                ((-high).max(least), (-low).min(-1))
            } else {
                (low, high.min(most))
            }
        })
    }
}

impl Transform for Permute {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let form = TransformError::Form {
            transform: ENTRY.name,
            expected: "whole number of its range",
        };
        let number: i128 = value.trim().parse().map_err(|_| form)?;
        let (from, to) = self.range_of(number);
        if number < from || number > to {
            return Err(form);
        }
        let size = (to - from).unsigned_abs() + 1;
        let tweak = u64::from(number < 0);
        let next = self.permutation.next((number - from).unsigned_abs(), size, tweak);
        let next =
            next.and_then(|next| from.checked_add_unsigned(next))
                .ok_or(TransformError::Exhausted {
                    transform: ENTRY.name,
                })?;
        out.push_str(&next.to_string());
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::tests::{column, compiled, key, masked, refused, spec};
    use super::super::{Spec, compile};
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_their_sign() {
        let permute = compiled(&Spec::named("permute"), &column("int8"));
        for value in [
            "0",
            "7",
            "10",
            "99",
            "4711",
            "1234567890123",
            "-5",
            "-42",
            "9223372036854775807",
        ] {
            let fake = masked(&*permute, value);
            assert_eq!(fake.len(), value.len(), "{value} {fake}");
            assert_ne!(fake, value);
            fake.parse::<i64>().unwrap();
        }
        assert_eq!(masked(&*permute, "4711"), "3134");
    }

    #[test]
    fn the_whole_of_a_range_comes_out_once() {
        let permute = compiled(&spec("permute", "from = 100\nto = 1099"), &column("int4"));
        let fakes: HashSet<i32> = (100..1100)
            .map(|number: i32| masked(&*permute, &number.to_string()).parse().unwrap())
            .collect();
        assert_eq!(fakes, (100..1100).collect());
    }

    #[test]
    fn fakes_fit_small_types() {
        for (type_name, values) in [
            ("int2", ["32767", "-32768", "10000"]),
            ("int4", ["2147483647", "-2147483648", "1000000000"]),
        ] {
            let permute = compiled(&Spec::named("permute"), &column(type_name));
            for value in values {
                let fake: i128 = masked(&*permute, value).parse().unwrap();
                let (least, most) = column(type_name).integers().unwrap();
                assert!(fake >= least && fake <= most, "{type_name} {value} {fake}");
            }
        }
    }

    #[test]
    fn a_domain_is_a_permutation_of_its_own() {
        let of = |params: &str| masked(&*compiled(&spec("permute", params), &column("int8")), "123456");
        assert_eq!(of(""), of("domain = ''"));
        assert_ne!(of(""), of("domain = 'orders'"));
    }

    #[test]
    fn values_outside_the_range_are_an_error_and_senseless_ranges_refused() {
        let permute = compiled(&spec("permute", "from = 1\nto = 100"), &column("int4"));
        for value in ["0", "101", "x", "1.5"] {
            assert!(matches!(
                permute.apply(value, &mut String::new()),
                Err(TransformError::Form { .. })
            ));
        }
        for (params, type_name) in [
            ("from = 1", "int4"),
            ("to = 5", "int4"),
            ("from = 5\nto = 5", "int4"),
            ("from = 1\nto = 70000", "int2"),
            ("from = 1\nto = 1000", "numeric(2,0)"),
            ("", "float8"),
            ("", "money"),
        ] {
            refused(&spec("permute", params), &column(type_name));
        }
        assert!(
            compile(
                &Spec::named("permute"),
                &Column {
                    unique: true,
                    ..column("int8")
                },
                &key()
            )
            .is_ok()
        );
    }
}
