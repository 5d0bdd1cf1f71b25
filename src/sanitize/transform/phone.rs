//! `phone`: numbers that regulators reserve for films and books, so that nobody is called.
//!
//! They are few (a hundred to some ten thousand by country): two people can share a fake.

use super::letters::number;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "phone",
    summary: "replaces a telephone number by one reserved for fiction, written in the same way",
    params: &[Param {
        name: "country",
        summary: "of numbers without an international prefix: AU, CA, DE, FR, GB, IE, SE or US (default)",
    }],
    accepts: &[Family::Text, Family::BigInteger, Family::Decimal],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

/// A country whose regulator reserves numbers for fiction.
struct Country {
    code: &'static str,
    calling: &'static str,
    /// Dialled before a national number.
    trunk: &'static str,
    /// National numbers without trunk prefix; each `#` stands for any digit.
    ranges: &'static [&'static str],
}

/// Most digits of a national number with trunk prefix, or of an international one.
const LONGEST: usize = 14;

/// Reserved by: US and CA the numbering plan (555-0100 to 555-0199 of every area), FR ARCEP (decision 2018-0881), GB Ofcom
/// ("Telephone numbers for drama use"), DE the Bundesnetzagentur (Mitteilung 148/2021), AU ACMA ("Phone numbers for use in
/// TV shows, films and creative works"), IE `ComReg` (numbers that begin with 020 91), SE PTS (2020).
///
/// Read in sources: the German ranges, 020 91X, 555-01XX, Leeds 0113 496; the mobile ones of FR, AU and SE only in software
/// that cites ARCEP, ACMA and PTS. Not read anywhere but taken as known: landlines of SE; 0191 498, 028 9649, 029 2018 and 03069 of GB.
static COUNTRIES: [Country; 8] = [
    Country {
        code: "US",
        calling: "1",
        trunk: "",
        ranges: &[
            "20255501##",
            "21255501##",
            "21355501##",
            "21455501##",
            "21555501##",
            "30355501##",
            "30555501##",
            "31255501##",
            "31355501##",
            "40455501##",
            "41255501##",
            "41555501##",
            "50355501##",
            "50455501##",
            "51255501##",
            "60255501##",
            "61255501##",
            "61755501##",
            "70255501##",
            "71355501##",
            "80155501##",
            "90155501##",
        ],
    },
    Country {
        code: "CA",
        calling: "1",
        trunk: "",
        ranges: &[
            "41655501##",
            "51455501##",
            "60455501##",
            "61355501##",
            "40355501##",
            "90255501##",
        ],
    },
    Country {
        code: "FR",
        calling: "33",
        trunk: "0",
        ranges: &[
            "19900####",
            "26191####",
            "35301####",
            "46571####",
            "53649####",
            "63998####",
        ],
    },
    Country {
        code: "GB",
        calling: "44",
        trunk: "0",
        ranges: &[
            "7700900###",
            "2079460###",
            "1134960###",
            "1144960###",
            "1154960###",
            "1164960###",
            "1174960###",
            "1184960###",
            "1214960###",
            "1314960###",
            "1414960###",
            "1514960###",
            "1614960###",
            "1632960###",
            "1914980###",
            "2896496###",
            "2920180###",
            "3069990###",
        ],
    },
    Country {
        code: "DE",
        calling: "49",
        trunk: "0",
        ranges: &[
            "3023125###",
            "6990009###",
            "4066969###",
            "2214710###",
            "8999998###",
        ],
    },
    Country {
        code: "AU",
        calling: "61",
        trunk: "0",
        ranges: &[
            "255500###",
            "270100###",
            "355500###",
            "370100###",
            "755500###",
            "770100###",
            "855500###",
            "870100###",
            "491570006",
            "491570156",
            "491570157",
            "491570158",
            "491570159",
            "491570110",
            "491570313",
            "491570737",
            "491571266",
            "491571491",
            "491571804",
            "491572549",
            "491572665",
            "491572983",
            "491573770",
        ],
    },
    Country {
        code: "IE",
        calling: "353",
        trunk: "0",
        ranges: &["2091#####"],
    },
    Country {
        code: "SE",
        calling: "46",
        trunk: "0",
        // 070-174 06 05 to 99 is the mobile range; of its first ten, five are somebody's.
        ranges: &[
            "3139006##",
            "4062804##",
            "8465004##",
            "9803192##",
            "70174061#",
            "70174062#",
            "70174063#",
            "70174064#",
            "70174065#",
            "70174066#",
            "70174067#",
            "70174068#",
            "70174069#",
        ],
    },
];

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let codes = COUNTRIES.each_ref().map(|country| country.code);
    let code = params.choice("country", &codes)?;
    let home = COUNTRIES
        .iter()
        .find(|country| country.code == code)
        .unwrap_or(&COUNTRIES[0]);
    match column.max_chars {
        Some(max_chars) if !column.fits(LONGEST) => Err(SpecError::Length {
            transform: ENTRY.name,
            needs: LONGEST,
            max_chars,
            instead: "use hmac or null",
        }),
        _ => Ok(Box::new(Phone {
            digester: key.digester(Kind::Phone),
            home,
            numeric: column.family() != Family::Text,
        })),
    }
}

struct Phone {
    digester: Digester,
    home: &'static Country,
    numeric: bool,
}

/// Digits of a number, at most [`Digits::MOST`]; more are folded in, so that long texts still differ.
struct Digits {
    bytes: [u8; Self::MOST],
    len: usize,
}

impl Digits {
    const MOST: usize = 40;

    fn new() -> Self {
        Self {
            bytes: [0; Self::MOST],
            len: 0,
        }
    }

    fn push(&mut self, text: &str) {
        for byte in text.bytes().filter(u8::is_ascii_digit) {
            if let Some(place) = self.bytes.get_mut(self.len) {
                *place = byte;
                self.len += 1;
            }
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

/// How a number was written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `+33 …`
    Plus,
    /// `0033 …`
    Zeros,
    /// `33…` in a column of numbers
    Bare,
    /// `06 …`
    National,
    /// `6…`, in a column of numbers, or where the trunk prefix is not written
    Significant,
}

impl Phone {
    /// The canonical form (`33639981234`), the country, and how it was written.
    fn read(&self, value: &str, canonical: &mut Digits) -> (&'static Country, Style) {
        let mut digits = Digits::new();
        digits.push(value);
        let text = digits.text();
        let international = if value.trim_start().starts_with('+') {
            Some((text, Style::Plus))
        } else if let Some(after) = text.strip_prefix("00") {
            Some((after, Style::Zeros))
        } else if self.numeric && text.len() > 10 && text.starts_with(self.home.calling) {
            Some((text, Style::Bare))
        } else {
            None
        };
        if let Some((text, style)) = international {
            // "+44 (0)20 …" is a common way to write both forms at once.
            let country = country_of(text).unwrap_or(self.home);
            match text.strip_prefix(country.calling) {
                Some(rest) => {
                    canonical.push(country.calling);
                    canonical.push(without_trunk(rest, country));
                }
                None => canonical.push(text),
            }
            return (country, style);
        }
        canonical.push(self.home.calling);
        let significant = without_trunk(text, self.home);
        canonical.push(significant);
        let style = if significant.len() < text.len() {
            Style::National
        } else {
            Style::Significant
        };
        (self.home, style)
    }
}

fn without_trunk<'a>(digits: &'a str, country: &Country) -> &'a str {
    if country.trunk.is_empty() {
        // North America writes "1" before the area code of a national number, too.
        return if digits.len() == 11 {
            digits.strip_prefix('1').unwrap_or(digits)
        } else {
            digits
        };
    }
    digits.strip_prefix(country.trunk).unwrap_or(digits)
}

/// The country of an international number: the one with the longest calling code that fits.
fn country_of(digits: &str) -> Option<&'static Country> {
    COUNTRIES
        .iter()
        .filter(|country| digits.starts_with(country.calling))
        .max_by_key(|country| (country.calling.len(), country.code == "US"))
}

/// A national number without trunk prefix, in a range that begins like the original, where there is one.
fn fictional(country: &Country, original: &str, digest: &[u8; 32], out: &mut Digits) {
    let alike = |range: &&&str| original.as_bytes().first() == range.as_bytes().first();
    let count = country.ranges.iter().filter(alike).count();
    let range = if count > 0 {
        country.ranges.iter().filter(alike).nth(number(digest, 0, count))
    } else {
        country.ranges.get(number(digest, 0, country.ranges.len()))
    };
    for (at, byte) in range.unwrap_or(&country.ranges[0]).bytes().enumerate() {
        let digit = if byte == b'#' {
            b'0' + digest[16 + at] % 10
        } else {
            byte
        };
        out.push(char::from(digit).encode_utf8(&mut [0; 4]));
    }
}

/// Writes the digits in the places of the value's own digits, if they are as many.
fn write_alike(value: &str, digits: &str, out: &mut String) -> bool {
    let separators =
        |c: char| c.is_ascii_digit() || matches!(c, ' ' | '.' | '-' | '/' | '(' | ')' | '+' | '\u{a0}');
    if value.bytes().filter(u8::is_ascii_digit).count() != digits.len() || !value.chars().all(separators) {
        return false;
    }
    let mut next = digits.chars();
    for c in value.chars() {
        out.extend(if c.is_ascii_digit() { next.next() } else { Some(c) });
    }
    true
}

impl Transform for Phone {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        if !value.chars().any(char::is_alphanumeric) {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        let mut canonical = Digits::new();
        let (country, style) = self.read(value, &mut canonical);
        let digits = canonical.text();
        let original = digits.strip_prefix(country.calling).unwrap_or_default();
        // A text without a number ("ask Anna") is its own canonical form.
        let canonical = if original.is_empty() { value } else { digits };
        let start = out.len();
        for attempt in 0..16 {
            let digest = self.digester.attempt(canonical, attempt);
            let mut fake = Digits::new();
            fake.push(match style {
                Style::Plus | Style::Bare => country.calling,
                Style::Zeros => "00",
                Style::National => country.trunk,
                Style::Significant => "",
            });
            if style == Style::Zeros {
                fake.push(country.calling);
            }
            if style == Style::National && country.trunk.is_empty() {
                fake.push("1");
            }
            fictional(country, original, &digest, &mut fake);
            if !write_alike(value, fake.text(), out) {
                out.push_str(if style == Style::Plus { "+" } else { "" });
                out.push_str(fake.text());
            }
            if out[start..] != *value {
                return Ok(Masked::Value);
            }
            out.truncate(start);
        }
        Err(TransformError::Exhausted {
            transform: ENTRY.name,
        })
    }
}

/// Whether a number, or a part of one, could be part of a fake.
pub(super) fn could_be_fake(value: &str) -> bool {
    let separators = |c: char| matches!(c, ' ' | '.' | '-' | '/' | '(' | ')' | '+' | '\u{a0}');
    if !value.chars().all(|c| c.is_ascii_digit() || separators(c)) {
        return false;
    }
    let mut digits = Digits::new();
    digits.push(value);
    let digits = digits.text().as_bytes();
    COUNTRIES.iter().any(|country| {
        country.ranges.iter().any(|range| {
            let international = format!("00{}{range}", country.calling);
            let national = format!(
                "{}{range}",
                if country.trunk.is_empty() {
                    "1"
                } else {
                    country.trunk
                }
            );
            [international, national]
                .iter()
                .any(|pattern| stands_in(digits, pattern.as_bytes()))
        })
    })
}

fn stands_in(digits: &[u8], pattern: &[u8]) -> bool {
    pattern.windows(digits.len().max(1)).any(|window| {
        window
            .iter()
            .zip(digits)
            .all(|(place, digit)| *place == b'#' || place == digit)
    })
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused, sized, spec};
    use super::*;

    fn phone(country: &str, value: &str) -> String {
        let spec = spec("phone", &format!("country = '{country}'"));
        masked(&*compiled(&spec, &column("text")), value)
    }

    fn digits(value: &str) -> String {
        value.chars().filter(char::is_ascii_digit).collect()
    }

    #[test]
    fn fakes_come_from_ranges_reserved_for_fiction() {
        for country in &COUNTRIES {
            for n in 0..200 {
                let fake = phone(
                    country.code,
                    &format!("+{}{}", country.calling, 20_000_000 + n * 7919),
                );
                assert!(could_be_fake(&fake), "{} {fake}", country.code);
            }
        }
        assert!(phone("FR", "06 12 34 56 78").starts_with("06 39 98 "));
        assert!(phone("FR", "+33612345678").starts_with("+3363998"));
        assert!(phone("FR", "01.42.34.56.78").starts_with("01.99.00."));
        assert!(phone("GB", "07911 123456").starts_with("07700 900"));
        assert!(phone("US", "(650) 253-0000").contains("555-01"));
    }

    #[test]
    fn one_number_has_one_fake_however_it_is_written() {
        let international = digits(&phone("FR", "+33 6 12 34 56 78"));
        assert_eq!(
            digits(&phone("FR", "0033612345678")),
            format!("00{international}")
        );
        assert_eq!(
            digits(&phone("FR", "06-12-34-56-78")),
            format!("0{}", &international[2..])
        );
        assert_eq!(digits(&phone("GB", "+33 (0)6 12 34 56 78")), international);
        assert_eq!(
            digits(&phone("US", "1-650-253-0000")),
            format!("1{}", digits(&phone("US", "650.253.0000")))
        );
    }

    #[test]
    fn the_way_of_writing_is_kept_where_the_digits_are_as_many() {
        let shape = |value: &str| value.replace(|c: char| c.is_ascii_digit(), "#");
        for value in [
            "+33 6 12 34 56 78",
            "06.12.34.56.78",
            "(06) 12-34-56-78",
            "0612345678",
        ] {
            assert_eq!(shape(&phone("FR", value)), shape(value));
        }
        assert_eq!(shape(&phone("FR", "06 12 34 56 78 (Anna)")), "##########");
        assert_eq!(shape(&phone("DE", "+49 151 234567890")), "+############");
    }

    #[test]
    fn texts_and_empty_values() {
        assert_eq!(phone("US", ""), "");
        assert_eq!(phone("US", " - "), " - ");
        let fake = phone("US", "ask Anna");
        assert!(could_be_fake(&fake) && fake != phone("US", "ask Bob"));
    }

    #[test]
    fn numbers_in_number_columns_stay_numbers() {
        let bigint = compiled(&spec("phone", "country = 'FR'"), &column("bigint"));
        let fake = masked(&*bigint, "33612345678");
        assert!(fake.starts_with("3363998") && fake.len() == 11, "{fake}");
        assert!(masked(&*bigint, "612345678").parse::<i64>().unwrap() < 1_000_000_000);
    }

    #[test]
    fn unique_short_and_unknown_are_refused() {
        let unique = Column {
            unique: true,
            ..column("text")
        };
        assert!(matches!(
            refused(&Spec::named("phone"), &unique),
            SpecError::Unique { .. }
        ));
        assert!(matches!(
            refused(&Spec::named("phone"), &sized(13)),
            SpecError::Length { .. }
        ));
        let error = refused(&spec("phone", "country = 'ES'"), &column("text"));
        assert_eq!(
            error.to_string(),
            "parameter country of phone must be one of US, CA, FR, GB, DE, AU, IE, SE"
        );
    }
}
