//! `date-shift`: all days move by the same secret number of days, so that intervals and order stay; with `of` those of each
//! person by a number of their own, so that one known date does not give away the others.

use super::entity::Entity;
use super::letters::number;
use super::text::scrambled;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, Read, Row, SpecError, Transform,
    TransformError, Uniqueness, day,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "date-shift",
    summary: "moves every date by one secret number of days, or by one for each person; intervals, order and time of day stay",
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
        Param {
            name: "of",
            summary: "the column whose value says whose date it is, such as \"customer_id\": each moves by days of their own",
        },
        Param {
            name: "entity",
            summary: "what that column counts, such as \"customer\", where the same number means something else elsewhere",
        },
    ],
    accepts: &[Family::Date, Family::Time, Family::Text],
    uniqueness: Uniqueness::Preserved,
    build,
};

/// A hundred years.
const MOST: usize = 36_525;

/// How far dates move where the rule does not say.
pub(super) const MOST_DAYS: usize = 365;

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
        .unwrap_or(MOST_DAYS);
    let domain = params.domain()?;
    let entity = match (params.get("of"), params.get("entity")) {
        (None, None) => None,
        (None, Some(_)) => return Err(params.wrong("entity", "left out where there is no of".to_owned())),
        (Some(_), _) if !domain.is_empty() => {
            return Err(params.wrong("domain", "left out where of says whose date it is".to_owned()));
        }
        (Some(_), _) if column.unique => {
            return Err(SpecError::Unique {
                transform: ENTRY.name,
                why: "moves the dates of each by days of their own, so that two can become the same",
                instead: column.unique_alternative(),
            });
        }
        (Some(_), _) => Some(Entity::build(params, ENTRY.name, Kind::Shift, key)?),
    };
    Ok(Box::new(DateShift {
        shift: shift(key, domain, days, weeks),
        entity,
        days,
        weeks,
        other: key.digester(Kind::Text),
    }))
}

/// By how many days a domain moves: never 0.
pub(super) fn shift(key: &MaskingKey, domain: &str, days: usize, weeks: bool) -> i64 {
    drawn(&key.digest(Kind::Shift, domain), days, weeks)
}

fn drawn(digest: &[u8; 32], days: usize, weeks: bool) -> i64 {
    let (step, steps) = if weeks { (7, days / 7) } else { (1, days) };
    let size = i64::try_from(1 + number(digest, 0, steps)).unwrap_or(1);
    if digest[31] & 1 == 0 {
        size * step
    } else {
        -size * step
    }
}

struct DateShift {
    /// Where there is no `entity`.
    shift: i64,
    entity: Option<Entity>,
    days: usize,
    weeks: bool,
    other: Digester,
}

impl Transform for DateShift {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        self.apply_in_row(Some(value), &[], out)
    }

    fn reads(&self) -> &[Read] {
        self.entity.as_ref().map_or(&[], |entity| &entity.reads)
    }

    fn apply_in_row(
        &self,
        value: Option<&str>,
        row: Row<'_>,
        out: &mut String,
    ) -> Result<Masked, TransformError> {
        let value = value.unwrap_or_default();
        let shift = self.entity.as_ref().map_or(self.shift, |entity| {
            drawn(&entity.digest(row, value), self.days, self.weeks)
        });
        match day::read(value.trim()) {
            Some(read) => day::write(read.number + shift, read.rest, out),
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

    fn moved_of(params: &str, whose: Option<&str>, value: &str) -> i64 {
        let transform = compiled(&spec("date-shift", params), &column("date"));
        let mut out = String::new();
        let made = transform.apply_in_row(Some(value), &[whose], &mut out);
        assert_eq!(made, Ok(Masked::Value));
        day::read(&out).unwrap().number - day::read(value).unwrap().number
    }

    #[test]
    fn the_dates_of_one_person_move_together_and_those_of_others_otherwise() {
        let of = "of = 'customer_id'";
        let one = moved_of(of, Some("17"), "2024-02-28");
        assert!(one != 0 && one.abs() <= 365);
        for date in ["1970-01-01", "2024-12-31", "1899-06-15"] {
            assert_eq!(moved_of(of, Some("17"), date), one, "{date}");
        }
        let many: std::collections::BTreeSet<i64> = (0..200)
            .map(|id: u32| moved_of(of, Some(&id.to_string()), "2024-02-28"))
            .collect();
        assert!(many.len() > 100, "{}", many.len());
        assert_ne!(
            moved_of("of = 'id'\nentity = 'order'", Some("17"), "2024-02-28"),
            one
        );
        assert_ne!(moved_of(of, None, "2024-02-28"), 0, "whoever's it is");
        let weeks = moved_of("of = 'id'\nkeep-weekday = true", Some("17"), "2024-02-28");
        assert_eq!(weeks % 7, 0);
        let transform = compiled(&spec("date-shift", of), &column("date"));
        assert_eq!(transform.reads(), [Read::original("customer_id")]);
    }

    #[test]
    fn an_entity_is_of_a_column_and_no_unique_date_has_one() {
        for params in ["entity = 'order'", "of = 7", "of = 'id'\ndomain = 'births'"] {
            refused(&spec("date-shift", params), &column("date"));
        }
        let unique = Column {
            unique: true,
            ..column("date")
        };
        refused(&spec("date-shift", "of = 'id'"), &unique);
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
