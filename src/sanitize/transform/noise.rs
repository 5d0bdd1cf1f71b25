//! `noise`: numbers a little larger or smaller.

use super::bucket::refuse_money;
use super::decimal::Decimal;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, Transform, TransformError, Uniqueness,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "noise",
    summary: "makes numbers a little larger or smaller; the same number always by the same",
    params: &[
        Param {
            name: "ratio",
            summary: "by how much of the number at most, between 0 and 1 (default 0.1); 0 stays 0",
        },
        Param {
            name: "amount",
            summary: "by how much at most; instead of ratio",
        },
        Param {
            name: "min",
            summary: "the least number that comes out",
        },
        Param {
            name: "max",
            summary: "the largest number that comes out",
        },
    ],
    accepts: &[Family::Integer, Family::BigInteger, Family::Decimal],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    refuse_money(ENTRY.name, column)?;
    let ratio = params.decimal("ratio")?;
    let amount = params.decimal("amount")?;
    if ratio.is_some_and(|ratio| ratio <= 0.0 || ratio > 1.0) {
        return Err(params.wrong("ratio", "more than 0 and at most 1".to_owned()));
    }
    if amount.is_some_and(|amount| amount <= 0.0) {
        return Err(params.wrong("amount", "more than 0".to_owned()));
    }
    if ratio.is_some() && amount.is_some() {
        return Err(params.wrong("amount", "left out where ratio is given".to_owned()));
    }
    let (min, max) = (params.decimal("min")?, params.decimal("max")?);
    if min.zip(max).is_some_and(|(min, max)| min >= max) {
        return Err(params.wrong("max", "more than min".to_owned()));
    }
    Ok(Box::new(Noise {
        digester: key.digester(Kind::Number),
        ratio: ratio.unwrap_or(0.1),
        amount,
        min: min.unwrap_or(f64::NEG_INFINITY),
        max: max.unwrap_or(f64::INFINITY),
        column: column.clone(),
    }))
}

struct Noise {
    digester: Digester,
    ratio: f64,
    amount: Option<f64>,
    min: f64,
    max: f64,
    column: Column,
}

/// What stands in a column of numbers and is none.
pub(super) fn is_no_number(value: &str) -> bool {
    matches!(value, "NaN" | "Infinity" | "-Infinity")
}

impl Transform for Noise {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        if is_no_number(value) {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        let number = Decimal::read(value).ok_or(TransformError::Form {
            transform: ENTRY.name,
            expected: "number of at most 36 digits",
        })?;
        let Some(step) = self.step(value, number) else {
            out.push_str(value);
            return Ok(Masked::Value);
        };
        let moved = |step: i128| Decimal {
            mantissa: number.mantissa + step,
            scale: number.scale,
        };
        let fits = |fake: &Decimal| fake.fits(&self.column) && self.within(*fake);
        // Where one direction leads out of the column, the other does not.
        let fake = [moved(step), moved(-step)].into_iter().find(fits);
        let fake = fake
            .or_else(|| self.limit(number))
            .ok_or(TransformError::Exhausted {
                transform: ENTRY.name,
            })?;
        fake.write(out);
        Ok(Masked::Value)
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "noise need not be exact, and is far below the limits of the types"
)]
impl Noise {
    /// By how many units of the last place a number moves: never 0. `None` for a 0 that has nothing to move by.
    fn step(&self, value: &str, number: Decimal) -> Option<i128> {
        let digest = self.digester.digest(value);
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&digest[..8]);
        // From -1 up to 1.
        let random = (u64::from_be_bytes(bytes) >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
        let most = match self.amount {
            Some(amount) => amount * 10f64.powi(number.scale.cast_signed()),
            None => self.ratio * number.mantissa.unsigned_abs() as f64,
        };
        if number.mantissa == 0 && self.amount.is_none() {
            return None;
        }
        let step = (random * most).round() as i128;
        Some(if step == 0 {
            if random < 0.0 { -1 } else { 1 }
        } else {
            step
        })
    }

    fn within(&self, number: Decimal) -> bool {
        let number = number.mantissa as f64 / 10f64.powi(number.scale.cast_signed());
        (self.min..=self.max).contains(&number)
    }

    /// The nearest limit that the rule sets, where the number is not within them.
    fn limit(&self, number: Decimal) -> Option<Decimal> {
        let factor = 10f64.powi(number.scale.cast_signed());
        let value = number.mantissa as f64 / factor;
        let limit = if value <= self.min { self.min } else { self.max };
        let limit = if limit.is_finite() { limit } else { self.min };
        let fake = Decimal {
            mantissa: (limit * factor).round() as i128,
            scale: number.scale,
        };
        (limit.is_finite() && fake != number && fake.fits(&self.column)).then_some(fake)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, compiled, masked, refused, spec};
    use super::*;

    fn noise(params: &str, type_name: &str, value: &str) -> String {
        masked(&*compiled(&spec("noise", params), &column(type_name)), value)
    }

    #[test]
    fn numbers_move_within_the_ratio_and_never_stay() {
        for n in 1..2_000 {
            let value = n * 13;
            let fake: i32 = noise("", "int4", &value.to_string()).parse().unwrap();
            assert!(
                fake != value && (fake - value).abs() <= (value / 10).max(1) + 1,
                "{value} {fake}"
            );
            let fake = noise("amount = 5", "numeric(10,2)", &format!("{value}.25"));
            let difference = fake.parse::<f64>().unwrap() - f64::from(value) - 0.25;
            assert!(
                difference != 0.0 && difference.abs() <= 5.01 && fake.contains('.'),
                "{fake}"
            );
        }
        assert_eq!(noise("", "int4", "0"), "0");
        assert_ne!(noise("amount = 3", "int4", "0"), "0");
        assert_eq!(noise("", "float8", "NaN"), "NaN");
    }

    #[test]
    fn fakes_fit_the_column_and_the_limits_of_the_rule() {
        for (params, type_name, value) in [
            ("", "int2", "32767"),
            ("", "int2", "-32768"),
            ("", "numeric(4,2)", "99.99"),
            ("ratio = 1", "int8", "9223372036854775807"),
        ] {
            let fake = noise(params, type_name, value);
            assert!(
                fake != value && Decimal::read(&fake).unwrap().fits(&column(type_name)),
                "{fake}"
            );
        }
        for n in 0..500 {
            let fake: i32 = noise("amount = 50\nmin = 0\nmax = 100", "int4", &n.to_string())
                .parse()
                .unwrap();
            assert!((0..=100).contains(&fake), "{n} {fake}");
        }
    }

    #[test]
    fn senseless_parameters_are_refused() {
        for params in [
            "ratio = 0",
            "ratio = 2",
            "amount = -1",
            "ratio = 0.5\namount = 1",
            "min = 2\nmax = 1",
            "ratio = 'x'",
        ] {
            refused(&spec("noise", params), &column("int4"));
        }
        refused(&spec("noise", ""), &column("money"));
    }
}
