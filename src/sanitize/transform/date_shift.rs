//! `date-shift`: all days move by the same secret number of days, so that intervals and order stay.

use super::letters::number;
use super::text::scrambled;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness, day,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "date-shift",
    summary: "moves every date by one secret number of days; intervals, order and time of day stay",
    params: &[
        Param {
            name: "days",
            summary: "how far they move at most, back or forth (default 365)",
        },
        Param {
            name: "keep-weekday",
            summary: "true: by whole weeks",
        },
        Param {
            name: "domain",
            summary: "a name: columns with the same domain move together, others do not (default: one for all)",
        },
    ],
    accepts: &[Family::Date, Family::Time, Family::Text],
    uniqueness: Uniqueness::Preserved,
    build,
};

/// A hundred years.
const MOST: usize = 36_525;

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let text = column.family() == Family::Text;
    if !text && !day::holds_days(column.base()) {
        return Err(SpecError::Type {
            transform: ENTRY.name,
            type_name: column.type_name.clone(),
            accepts: "date, timestamp or text".to_owned(),
        });
    }
    if text && column.unique {
        return Err(SpecError::Unique {
            transform: ENTRY.name,
            why: "scrambles texts that are no dates, which can become the same",
            instead: column.unique_alternative(),
        });
    }
    let weeks = params.flag("keep-weekday")?;
    let days = params
        .number("days", if weeks { 7 } else { 1 }, MOST)?
        .unwrap_or(365);
    Ok(Box::new(DateShift {
        shift: shift(key, params.domain()?, days, weeks),
        other: key.digester(Kind::Text),
    }))
}

/// By how many days a domain moves: never 0.
pub(super) fn shift(key: &MaskingKey, domain: &str, days: usize, weeks: bool) -> i64 {
    let digest = key.digest(Kind::Shift, domain);
    let step = if weeks { 7 } else { 1 };
    let size = i64::try_from(1 + number(&digest, 0, days / step)).unwrap_or(1);
    let step = if weeks { 7 } else { 1 };
    if digest[31] & 1 == 0 {
        size * step
    } else {
        -size * step
    }
}

struct DateShift {
    shift: i64,
    other: Digester,
}

impl Transform for DateShift {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        match day::read(value.trim()) {
            Some(read) => day::write(read.number + self.shift, read.rest, out),
            // Of no person.
            None if matches!(value, "infinity" | "-infinity") => out.push_str(value),
            None => return scrambled(&self.other, ENTRY.name, value, false, out),
        }
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused, spec};
    use super::*;

    fn moved(params: &str, type_name: &str, value: &str) -> String {
        masked(&*compiled(&spec("date-shift", params), &column(type_name)), value)
    }

    #[test]
    fn intervals_order_and_time_of_day_stay() {
        let days = |text: &str| day::read(text).unwrap().number;
        let one = moved("", "date", "2024-02-28");
        let other = moved("", "timestamptz", "2024-03-01 10:11:12.5+01");
        assert_eq!(days(&other) - days(&one), 2);
        assert!(other.ends_with(" 10:11:12.5+01"));
        assert_ne!(one, "2024-02-28");
        assert!((days(&one) - days("2024-02-28")).abs() <= 365);
        let near = moved("days = 1", "date", "2024-02-28");
        assert_eq!((days(&near) - days("2024-02-28")).abs(), 1);
        let week = moved("keep-weekday = true", "date", "2024-02-28");
        assert_eq!((days(&week) - days("2024-02-28")) % 7, 0);
        assert_ne!(moved("domain = 'births'", "date", "2024-02-28"), one);
    }

    #[test]
    fn no_day_is_moved_by_nothing() {
        for domain in 0..500 {
            for days in [1, 7, 8, 365] {
                let by = shift(&super::super::tests::key(), &domain.to_string(), days, days > 6);
                assert!(by != 0 && usize::try_from(by.unsigned_abs()).unwrap() <= days);
            }
        }
    }

    #[test]
    fn what_is_no_date_is_scrambled_and_other_types_are_refused() {
        assert_eq!(moved("", "timestamp", "infinity"), "infinity");
        assert_ne!(moved("", "text", "in spring"), "in spring");
        assert_eq!(moved("", "text", ""), "");
        for type_name in ["time", "interval", "timetz"] {
            refused(&Spec::named("date-shift"), &column(type_name));
        }
        for params in ["days = 0", "days = 40000", "days = 6\nkeep-weekday = true"] {
            refused(&spec("date-shift", params), &column("date"));
        }
        refused(
            &Spec::named("date-shift"),
            &Column {
                unique: true,
                ..column("text")
            },
        );
        compiled(
            &Spec::named("date-shift"),
            &Column {
                unique: true,
                ..column("date")
            },
        );
    }
}
