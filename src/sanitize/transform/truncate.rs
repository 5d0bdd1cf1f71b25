//! `truncate`: dates cut to a year, month or hour, and texts to their beginning.

use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness, day,
};

pub(super) const ENTRY: Entry = Entry {
    name: "truncate",
    summary: "cuts dates to the beginning of their year, month or hour, and texts to their first characters",
    params: &[
        Param {
            name: "unit",
            summary: "of dates: year, quarter, month or week; of timestamps also day, hour or minute (required). What lies on \
                      such a beginning stays",
        },
        Param {
            name: "length",
            summary: "of texts: characters that stay, but never all of a value (required)",
        },
    ],
    accepts: &[Family::Date, Family::Time, Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

const UNITS: [&str; 7] = ["year", "quarter", "month", "week", "day", "hour", "minute"];

fn build(params: &Params<'_>, column: &Column, _: &MaskingKey) -> Compiled {
    let unit = params.optional_choice("unit", &UNITS)?;
    let length = params.number("length", 1, 10_000)?;
    if column.family() == Family::Text {
        return match (unit, length) {
            (None, Some(length)) => Ok(Box::new(Shorten(length))),
            (Some(_), _) => Err(params.wrong("unit", "left out, since the column holds texts".to_owned())),
            (None, None) => Err(params.missing("length", "how many characters of a text stay")),
        };
    }
    if !day::holds_days(column.base()) {
        return Err(SpecError::Type {
            transform: ENTRY.name,
            type_name: column.type_name.clone(),
            accepts: "date, timestamp or text".to_owned(),
        });
    }
    match (unit, length) {
        (Some("day" | "hour" | "minute"), None) if column.base() == "date" => Err(params.wrong(
            "unit",
            "year, quarter, month or week, since the column has no time of day".to_owned(),
        )),
        (Some(unit), None) => Ok(Box::new(Truncate(unit))),
        (_, Some(_)) => Err(params.wrong("length", "left out, since the column holds dates".to_owned())),
        (None, None) => Err(params.missing("unit", "year, quarter, month, week, day, hour or minute")),
    }
}

struct Shorten(usize);

impl Transform for Shorten {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let length = value.chars().count();
        if value.trim().is_empty() {
            out.push_str(value);
        } else {
            out.extend(value.chars().take(self.0.min(length - 1)));
        }
        Ok(Masked::Value)
    }
}

struct Truncate(&'static str);

impl Transform for Truncate {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let Some(read) = day::read(value) else {
            // `infinity` has no beginning.
            out.push_str(value);
            return Ok(Masked::Value);
        };
        let (year, month, _) = day::civil(read.number);
        let day = match self.0 {
            "year" => day::number(year, 1, 1),
            "quarter" => day::number(year, (month - 1) / 3 * 3 + 1, 1),
            "month" => day::number(year, month, 1),
            // The first of January 1970 was a Thursday.
            "week" => read.number - (read.number + 3).rem_euclid(7),
            _ => read.number,
        };
        let (time, zone) = match read.rest.find(['+', '-']) {
            Some(at) => read.rest.split_at(at),
            None => (read.rest, ""),
        };
        let kept = match (self.0, time.get(..3), time.get(..6)) {
            _ if time.is_empty() => String::new(),
            ("hour", Some(hour), _) => format!("{hour}:00:00"),
            ("minute", _, Some(minute)) => format!("{minute}:00"),
            _ => " 00:00:00".to_owned(),
        };
        day::write(day, &format!("{kept}{zone}"), out);
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused, spec};
    use super::*;

    fn cut(params: &str, type_name: &str, value: &str) -> String {
        masked(&*compiled(&spec("truncate", params), &column(type_name)), value)
    }

    #[test]
    fn dates_are_cut_to_the_beginning_of_their_unit() {
        for (unit, fake) in [
            ("year", "2024-01-01 00:00:00+02"),
            ("quarter", "2024-04-01 00:00:00+02"),
            ("month", "2024-05-01 00:00:00+02"),
            ("week", "2024-05-13 00:00:00+02"),
            ("day", "2024-05-15 00:00:00+02"),
            ("hour", "2024-05-15 10:00:00+02"),
            ("minute", "2024-05-15 10:11:00+02"),
        ] {
            assert_eq!(
                cut(
                    &format!("unit = '{unit}'"),
                    "timestamptz",
                    "2024-05-15 10:11:12.5+02"
                ),
                fake
            );
        }
        assert_eq!(cut("unit = 'year'", "date", "1983-08-14"), "1983-01-01");
        assert_eq!(cut("unit = 'year'", "date", "infinity"), "infinity");
    }

    #[test]
    fn texts_keep_their_beginning_but_never_all() {
        assert_eq!(cut("length = 2", "text", "75011"), "75");
        assert_eq!(cut("length = 9", "text", "75011"), "7501");
        assert_eq!(cut("length = 1", "text", "é"), "");
        assert_eq!(cut("length = 1", "text", ""), "");
    }

    #[test]
    fn parameters_must_suit_the_type() {
        for (params, type_name) in [
            ("", "date"),
            ("", "text"),
            ("unit = 'hour'", "date"),
            ("unit = 'year'", "text"),
            ("unit = 'year'\nlength = 2", "date"),
            ("unit = 'century'", "date"),
            ("unit = 'year'", "time"),
        ] {
            refused(&spec("truncate", params), &column(type_name));
        }
        assert!(matches!(
            refused(&Spec::named("truncate"), &column("date")),
            SpecError::Missing { .. }
        ));
    }
}
