//! `age-band`: a date of birth, or an age, becomes another one of the same few years.

use super::letters::number;
use super::text::scrambled;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness, day,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "age-band",
    summary: "replaces a date of birth, or an age, by another one of the same few years, so that groups of age stay",
    params: &[Param {
        name: "years",
        summary: "how many years make a band, counted from the year 0 (default 5)",
    }],
    accepts: &[Family::Date, Family::Time, Family::Text, Family::Integer],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let ages = column.family() == Family::Integer;
    if column.family() == Family::Time && !day::holds_days(column.base()) {
        return Err(SpecError::Type {
            transform: ENTRY.name,
            type_name: column.type_name.clone(),
            accepts: "date, timestamp, integer or text".to_owned(),
        });
    }
    let years = params
        .number("years", if ages { 2 } else { 1 }, 100)?
        .unwrap_or(5);
    Ok(Box::new(AgeBand {
        digester: key.digester(Kind::Day),
        other: key.digester(Kind::Text),
        years: i64::try_from(years).unwrap_or(5),
        ages,
    }))
}

struct AgeBand {
    digester: Digester,
    other: Digester,
    years: i64,
    ages: bool,
}

impl AgeBand {
    /// Another number from `from` up to, and without, `to`.
    fn other_of(&self, value: i64, from: i64, to: i64) -> i64 {
        let digest = self.digester.digest(&value.to_string());
        let others = usize::try_from(to - from - 1).unwrap_or(1);
        let step = 1 + i64::try_from(number(&digest, 0, others)).unwrap_or(0);
        from + (value - from + step) % (to - from)
    }
}

impl Transform for AgeBand {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        if self.ages {
            let age: i64 = value.parse().map_err(|_| TransformError::Form {
                transform: ENTRY.name,
                expected: "age",
            })?;
            let band = age - age.rem_euclid(self.years);
            // No smaller number fits into the column.
            let band = if (i64::from(i16::MIN)..=i64::from(i16::MAX) - self.years).contains(&band) {
                band
            } else {
                age - i64::from(age > 0) * (self.years - 1)
            };
            out.push_str(&self.other_of(age, band, band + self.years).to_string());
            return Ok(Masked::Value);
        }
        let Some(read) = day::read(value.trim()) else {
            if matches!(value, "infinity" | "-infinity") {
                out.push_str(value);
                return Ok(Masked::Value);
            }
            return scrambled(&self.other, ENTRY.name, value, false, out);
        };
        let (year, _, _) = day::civil(read.number);
        let first = year - year.rem_euclid(self.years);
        let (from, to) = (day::number(first, 1, 1), day::number(first + self.years, 1, 1));
        day::write(self.other_of(read.number, from, to), read.rest, out);
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused, spec};
    use super::*;

    #[test]
    fn a_birthday_stays_within_its_band_and_is_another() {
        for years in [1, 5, 10] {
            let band = compiled(&spec("age-band", &format!("years = {years}")), &column("date"));
            for day in (-20_000..20_000).step_by(37) {
                let mut value = String::new();
                day::write(day, "", &mut value);
                let fake = masked(&*band, &value);
                let year = |text: &str| text[..4].parse::<i64>().unwrap().div_euclid(years);
                assert!(year(&fake) == year(&value) && fake != value, "{value} {fake}");
            }
        }
    }

    #[test]
    fn an_age_stays_within_its_band_and_is_another() {
        let band = compiled(&spec("age-band", "years = 10"), &column("int2"));
        for age in -50..150 {
            let fake: i64 = masked(&*band, &age.to_string()).parse().unwrap();
            assert!(fake.div_euclid(10) == i64::from(age).div_euclid(10) && fake != i64::from(age));
        }
        for value in ["32767", "-32768"] {
            assert!(masked(&*band, value).parse::<i16>().unwrap().to_string() != value);
        }
    }

    #[test]
    fn other_values_and_types() {
        let text = compiled(&Spec::named("age-band"), &column("text"));
        assert_ne!(masked(&*text, "spring 1980"), "spring 1980");
        assert_eq!(masked(&*text, ""), "");
        refused(&Spec::named("age-band"), &column("interval"));
        refused(&spec("age-band", "years = 1"), &column("int4"));
        refused(&spec("age-band", "years = 0"), &column("date"));
    }
}
