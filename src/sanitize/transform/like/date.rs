//! What a text becomes that is a date, or a date and a time, as ISO 8601 has it: it moves by as many weeks as dates of columns
//! do, so that it still parses, and that the intervals to those stay.

use super::super::day;

/// The days that move: years 2 to 9998, in whole weeks. Those beyond are nobody's, such as `9999-12-31` for never, and stay.
const FIRST: i64 = -718_797;
const DAYS: i64 = 3_651_326;

/// The date that a text is, all of it: its day, and what follows.
pub(super) fn read(value: &str) -> Option<day::Day<'_>> {
    let read = day::read(value).filter(|_| !value.ends_with(" BC"))?;
    (value.as_bytes().get(4) == Some(&b'-') && (read.rest.is_empty() || is_time(read.rest.get(1..)?)))
        .then_some(read)
}

/// Whether a day is nobody's.
fn stays(read: &day::Day<'_>) -> bool {
    !(FIRST..FIRST + DAYS).contains(&read.number)
}

/// Whether a text is a day that is nobody's, so that it is no original.
pub(super) fn is_nobodys(value: &str) -> bool {
    read(value).is_some_and(|read| stays(&read))
}

/// The text of the day that this one becomes.
pub(super) fn moved(read: &day::Day<'_>, by: i64, out: &mut String) {
    let number = if stays(read) {
        read.number
    } else {
        FIRST + (read.number - FIRST + by).rem_euclid(DAYS)
    };
    day::write(number, read.rest, out);
}

/// `10:11`, `10:11:12.5`, each also with a zone: `Z`, `+01`, `+0130`, `+01:30`.
fn is_time(text: &str) -> bool {
    let text = text.strip_suffix('Z').unwrap_or_else(|| {
        let zone = text.rfind(['+', '-']).unwrap_or(text.len());
        let (time, zone) = text.split_at(zone);
        let digits = zone.get(1..).unwrap_or_default().replace(':', "");
        let is_zone = matches!(digits.len(), 2 | 4)
            && zone.len() <= 6
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_zone { time } else { text }
    });
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let pairs: Vec<&str> = clock.split(':').collect();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    matches!(pairs.len(), 2 | 3)
        && pairs.iter().all(|pair| pair.len() == 2 && digits(pair))
        && (1..=9).contains(&fraction.len())
        && digits(fraction)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::super::tests::{column, compiled, masked};
    use super::super::super::{Spec, Transform};
    use super::*;

    fn like(type_name: &str) -> Box<dyn Transform> {
        compiled(&Spec::named("like"), &column(type_name))
    }

    #[test]
    fn dates_in_texts_and_documents_move_as_those_of_columns_do() {
        let of = |type_name: &str, value: &str| masked(&*like(type_name), value);
        for (type_name, value) in [
            ("date", "2024-02-28"),
            ("timestamptz", "1969-12-31 23:59:59.25+01"),
        ] {
            let moved = of(type_name, value);
            assert_ne!(moved, value);
            assert_eq!(of("text", value), moved);
            assert_eq!(of("jsonb", &format!("[\"{value}\"]")), format!("[\"{moved}\"]"));
        }
        for rest in ["T10:11:12Z", "T10:11", " 10:11:12.123456-0130", "T23:59:60+05:30"] {
            let moved = of("text", "2024-02-28");
            assert_eq!(of("text", &format!("2024-02-28{rest}")), format!("{moved}{rest}"));
        }
        for stays in ["9999-12-31", "9999-12-31T23:59:59Z", "0001-01-01"] {
            assert_eq!(of("text", stays), stays);
            // What stays must not be searched for.
            like("text").originals(stays, &[], &mut |_| panic!("{stays} is nobody's"));
            let document = format!("[\"{stays}\"]");
            like("jsonb").originals(&document, &[], &mut |_| panic!("{stays} is nobody's"));
        }
        let mut shown = 0;
        like("text").originals("2024-02-28", &[], &mut |_| shown += 1);
        assert_eq!(shown, 1);
    }

    #[test]
    fn what_only_begins_like_a_date_is_a_text() {
        for value in [
            "2024-02-30",
            "2024-02-28 Anna",
            "2024-02-28T",
            "2024-02-28 1:00",
            "2024-02-28T10:11:12.",
            "2024-02-28T10:11:12+1",
            "12024-02-28",
            "2024-02-28 BC",
            "2024-02-28 10",
        ] {
            let fake = masked(&*like("text"), value);
            assert!(
                read(value).is_none() && read(&fake).is_none() && fake.len() == value.len(),
                "{value} {fake}"
            );
        }
    }

    #[test]
    fn texts_of_the_shape_of_dates_stay_different_and_only_dates_become_dates() {
        let transform = like("text");
        let mut seen = HashSet::new();
        for n in (0..40_000).map(|n: u64| 20_000_000 + n) {
            let digits = n.to_string();
            let value = format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..]);
            let fake = masked(&*transform, &value);
            assert_eq!(read(&value).is_some(), read(&fake).is_some(), "{value} {fake}");
            assert!(fake != value && seen.insert(fake), "{value}");
        }
    }

    #[test]
    fn the_days_that_move_are_whole_weeks() {
        assert_eq!(day::number(2, 1, 1), FIRST);
        assert_eq!(DAYS % 7, 0);
        let last = FIRST + DAYS - 1;
        assert!(
            (day::number(9998, 12, 25)..=day::number(9998, 12, 31)).contains(&last),
            "{last}"
        );
    }
}
