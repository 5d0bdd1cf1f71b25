//! Decimal numbers as PostgreSQL writes them, exactly.

use super::Column;

/// `mantissa` / 10^`scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) mantissa: i128,
    pub(super) scale: u32,
}

/// Digits that are read; more are of no measured value.
const MOST_DIGITS: usize = 36;

impl Decimal {
    /// `-12.50`; also `1.5e+20` where a floating type wrote it. `None` for `NaN`, `Infinity` and longer numbers.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (text, exponent) = match text.split_once(['e', 'E']) {
            Some((text, exponent)) => (text, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{fraction}");
        let scale = i32::try_from(fraction.len()).ok()? - exponent;
        let zeros = usize::try_from(-scale).unwrap_or(0);
        if digits.len() + zeros > MOST_DIGITS || scale > 36 {
            return None;
        }
        let mantissa: i128 = format!("{digits}{}", "0".repeat(zeros)).parse().ok()?;
        Some(Self {
            mantissa,
            scale: u32::try_from(scale).unwrap_or(0),
        })
    }

    /// The same number with more digits after the point; `None` where it would have too many.
    pub(super) fn at(self, scale: u32) -> Option<i128> {
        let factor = 10i128.checked_pow(scale.checked_sub(self.scale)?)?;
        self.mantissa.checked_mul(factor)
    }

    /// Whether a column holds it.
    pub(super) fn fits(self, column: &Column) -> bool {
        let Some((least, most)) = column.integers() else {
            return true;
        };
        let factor = 10i128.checked_pow(self.scale).unwrap_or(i128::MAX);
        let whole = self.mantissa / factor;
        // Rounding to the column's digits may add one.
        let room = i128::from(column.precision().is_some_and(|(_, scale)| scale < self.scale));
        least + room <= whole && whole <= most - room
    }

    pub(super) fn write(self, out: &mut String) {
        if self.mantissa < 0 {
            out.push('-');
        }
        let digits = format!(
            "{:0width$}",
            self.mantissa.unsigned_abs(),
            width = self.scale as usize + 1
        );
        let (whole, fraction) = digits.split_at(digits.len() - self.scale as usize);
        out.push_str(whole);
        if !fraction.is_empty() {
            out.push('.');
            out.push_str(fraction);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::column;
    use super::*;

    #[test]
    fn numbers_read_back_as_they_were_written() {
        for text in [
            "0",
            "-1",
            "12.50",
            "-0.05",
            "1234567890123456789012345678.12",
            "0.000",
        ] {
            let mut out = String::new();
            Decimal::read(text).unwrap().write(&mut out);
            assert_eq!(out, text);
        }
        assert_eq!(
            Decimal::read("1.5e+3"),
            Some(Decimal {
                mantissa: 1500,
                scale: 0
            })
        );
        assert_eq!(
            Decimal::read("1.5e-05"),
            Some(Decimal {
                mantissa: 15,
                scale: 6
            })
        );
        for text in ["NaN", "Infinity", "", "1e300", "x", "$1.00"] {
            assert_eq!(Decimal::read(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_column_holds() {
        let fits = |text: &str, type_name: &str| Decimal::read(text).unwrap().fits(&column(type_name));
        assert!(fits("999.99", "numeric(5,2)") && !fits("1000", "numeric(5,2)"));
        assert!(!fits("999.999", "numeric(5,2)") && fits("998.999", "numeric(5,2)"));
        assert!(fits("32767", "int2") && !fits("32768", "int2") && !fits("-32769", "int2"));
        assert!(fits("1e30", "float8"));
    }
}
