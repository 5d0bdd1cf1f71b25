//! Days of dates and timestamps, as PostgreSQL writes them in ISO style: `2024-03-05`, `2024-03-05 10:11:12.5+01`,
//! `0044-03-15 BC`.

/// A day and what follows it in the text.
pub(super) struct Day<'a> {
    /// Days since 1970-01-01, in the Gregorian calendar also before it.
    pub(super) number: i64,
    /// Time of day and zone, without `BC`.
    pub(super) rest: &'a str,
}

/// The day that a text begins with; `None` where it begins otherwise.
pub(super) fn read(value: &str) -> Option<Day<'_>> {
    let (text, before_christ) = match value.strip_suffix(" BC") {
        Some(text) => (text, true),
        None => (value, false),
    };
    let (year, rest) = text.split_once('-').filter(|(year, _)| year.len() >= 4)?;
    let month = rest.get(..2)?;
    let day = rest.get(3..5)?;
    let after = rest.get(5..)?;
    if rest.as_bytes().get(2) != Some(&b'-') || !(after.is_empty() || after.starts_with([' ', 'T'])) {
        return None;
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(year) || !digits(month) || !digits(day) {
        return None;
    }
    let year: i64 = year.parse().ok().filter(|year| *year < 10_000_000)?;
    let year = if before_christ { 1 - year } else { year };
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    let number = number(year, month, day);
    (civil(number) == (year, month, day)).then_some(Day { number, rest: after })
}

/// Appends a day and what follows it.
pub(super) fn write(number: i64, rest: &str, out: &mut String) {
    let (year, month, day) = civil(number);
    let (shown, christ) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    out.push_str(&format!("{shown:04}-{month:02}-{day:02}{rest}{christ}"));
}

/// Days since 1970-01-01 (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
pub(super) fn number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year (0 is 1 BC), month and day.
pub(super) fn civil(number: i64) -> (i64, i64, i64) {
    let days = number + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

/// Whether a type holds days: `date` and the timestamps, not times of day and intervals.
pub(super) fn holds_days(base: &str) -> bool {
    base == "date" || base.starts_with("timestamp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_a_thousand_years_reads_back() {
        for day in -250_000..250_000 {
            let mut text = String::new();
            write(day, " 10:11:12+01", &mut text);
            let read = read(&text).unwrap();
            assert_eq!((read.number, read.rest), (day, " 10:11:12+01"), "{text}");
        }
        assert_eq!(number(1970, 1, 1), 0);
        assert_eq!(number(2024, 2, 29), 19_782);
    }

    #[test]
    fn years_before_christ_and_far_ahead() {
        for text in [
            "0044-03-15 BC",
            "0001-01-01 BC",
            "5874897-12-31",
            "4713-01-01 12:00:00 BC",
        ] {
            let day = read(text).unwrap();
            let mut out = String::new();
            write(day.number, day.rest, &mut out);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn what_is_no_day_is_none() {
        for text in [
            "",
            "infinity",
            "-infinity",
            "2024-02-30",
            "2024-13-01",
            "24-01-01",
            "10:11:12",
            "2024-01-01x",
            "2024-1-1",
            "é-é-é",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
