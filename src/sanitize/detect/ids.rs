//! Numbers that states give to people, told by their form and check digits.

/// A kind of number: whose, whether `national-id` makes such, and whether a code (without separators) is one.
struct Scheme {
    country: &'static str,
    made: bool,
    is: fn(&str) -> bool,
}

/// Single check digits are right in one of ten or so numbers by chance; nearly all of a sample must be.
static SCHEMES: [Scheme; 9] = [
    Scheme {
        country: "ES",
        made: true,
        is: is_spanish,
    },
    Scheme {
        country: "FR",
        made: true,
        is: is_french,
    },
    Scheme {
        country: "IT",
        made: false,
        is: is_italian,
    },
    Scheme {
        country: "PL",
        made: false,
        is: |code| weighted(code, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1], 10),
    },
    Scheme {
        country: "BR",
        made: false,
        is: |code| {
            varied(code)
                && weighted_last(code, &[10, 9, 8, 7, 6, 5, 4, 3, 2], 9)
                && weighted_last(code, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2], 10)
                && code.len() == 11
        },
    },
    Scheme {
        country: "DE",
        made: false,
        is: is_german,
    },
    Scheme {
        country: "NL",
        made: false,
        // The last digit counts minus one, which by 11 is 10.
        is: |code| varied(code) && weighted(code, &[9, 8, 7, 6, 5, 4, 3, 2, 10], 11),
    },
    Scheme {
        country: "PT",
        made: false,
        is: |code| code.len() == 9 && varied(code) && weighted_last(code, &[9, 8, 7, 6, 5, 4, 3, 2], 8),
    },
    Scheme {
        country: "CA",
        made: true,
        is: |code| code.len() == 9 && varied(code) && luhn(code),
    },
];

fn compact(value: &str) -> String {
    value
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '.' | '/'))
        .collect::<String>()
        .to_uppercase()
}

/// Whose numbers nearly all of these values are.
fn scheme(values: &[String]) -> Option<&'static Scheme> {
    let codes: Vec<String> = values
        .iter()
        .map(|value| compact(value))
        .filter(|code| !code.is_empty())
        .collect();
    let nearly_all = |scheme: &&Scheme| {
        let right = codes.iter().filter(|code| (scheme.is)(code)).count();
        right * 10 >= codes.len() * 9
    };
    SCHEMES.iter().filter(|_| !codes.is_empty()).find(nearly_all)
}

/// Whether nearly all of these values have the check digits of one country's numbers; of fewer than five nobody can tell.
pub(super) fn are_ids(values: &[String]) -> bool {
    const ENOUGH: usize = 5;
    let distinct: std::collections::BTreeSet<&String> =
        values.iter().filter(|value| !value.trim().is_empty()).collect();
    let american = values.iter().filter(|value| is_american(value)).count();
    distinct.len() >= ENOUGH && (scheme(values).is_some() || american * 10 >= values.len() * 9)
}

/// The country for `national-id`, if it makes such numbers.
pub(super) fn country(values: &[String]) -> Option<&'static str> {
    if let Some(scheme) = scheme(values) {
        return scheme.made.then_some(scheme.country);
    }
    let most = |is: fn(&str) -> bool| {
        !values.is_empty() && values.iter().filter(|value| is(value)).count() * 10 >= values.len() * 9
    };
    if most(is_american) {
        Some("US")
    } else if most(|value| is_british(&compact(value))) {
        Some("GB")
    } else {
        None
    }
}

/// Whether this is a number that some state gives, by its form and, where it has them, its check digits: a column may hold those
/// of several countries.
pub(super) fn is_some_number(value: &str) -> bool {
    let code = compact(value);
    SCHEMES.iter().any(|scheme| (scheme.is)(&code))
        || is_american(value)
        || is_british(&code)
        || is_for_taxes(value, &code)
        || is_australian(&code)
        // NIP, SIRET.
        || weighted_last_is_rest(&code, &[6, 5, 7, 2, 3, 4, 5, 6, 7])
        || code.len() == 14 && varied(&code) && luhn(&code)
}

/// Number for VAT of a country of the Union or near it, or an American employer's.
fn is_for_taxes(value: &str, code: &str) -> bool {
    const COUNTRIES: &str =
        "AT BE BG CH CY CZ DE DK EE EL ES FI FR GB HR HU IE IT LT LU LV MT NL NO PL PT RO SE SI SK";
    let european = code.is_ascii() && (10..=14).contains(&code.len()) && {
        let (country, number) = code.split_at(2);
        COUNTRIES.split(' ').any(|known| known == country)
            && number.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && number.bytes().filter(u8::is_ascii_digit).count() >= 7
    };
    let employer = value.split_once('-').is_some_and(|(first, last)| {
        first.len() == 2
            && last.len() == 7
            && first
                .bytes()
                .chain(last.bytes())
                .all(|byte| byte.is_ascii_digit())
    });
    european || employer
}

/// ABN (eleven digits by 89) and ACN (nine by 10).
fn is_australian(code: &str) -> bool {
    let Some(mut digits) = digits(code) else {
        return false;
    };
    let sum = |digits: &[u32], weights: &[u32]| {
        digits
            .iter()
            .zip(weights)
            .map(|(digit, weight)| digit * weight)
            .sum::<u32>()
    };
    match digits.len() {
        11 if digits.first().is_some_and(|first| *first > 0) => {
            if let Some(first) = digits.first_mut() {
                *first -= 1;
            }
            sum(&digits, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]).is_multiple_of(89)
        }
        9 => {
            let rest = sum(&digits, &[8, 7, 6, 5, 4, 3, 2, 1]) % 10;
            varied(code) && digits.last() == Some(&((10 - rest) % 10))
        }
        _ => false,
    }
}

/// Whether the last digit is the weighted sum of those before it, by 11.
fn weighted_last_is_rest(code: &str, weights: &[u32]) -> bool {
    digits(code).is_some_and(|digits| {
        let sum: u32 = digits
            .iter()
            .zip(weights)
            .map(|(digit, weight)| digit * weight)
            .sum();
        digits.len() == weights.len() + 1 && varied(code) && digits.last() == Some(&(sum % 11))
    })
}

/// Whether two letters are a country by ISO 3166.
pub(super) fn is_country_code(code: &str) -> bool {
    const CODES: &str = "AD AE AL AR AT AU BA BE BG BR BY CA CH CL CN CO CR CY CZ DE DK DO DZ EC EE EG ES FI FO FR GB GE GI GL GR GT \
        HK HR HU ID IE IL IN IQ IR IS IT JO JP KE KR KW KZ LB LI LT LU LV LY MA MC MD ME MK MT MU MX MY NG NL NO NZ OM PA PE PH PK PL \
        PS PT PY QA RO RS RU SA SE SG SI SK SM SN SV TH TN TR TW TZ UA UG US UY VA VE VG VN XK ZA";
    CODES.split(' ').any(|known| known == code)
}

fn digits(code: &str) -> Option<Vec<u32>> {
    code.chars().map(|c| c.to_digit(10)).collect()
}

/// Not the same digit nine times, which has right check digits in many countries.
fn varied(code: &str) -> bool {
    code.chars().any(|c| !code.starts_with(c))
}

fn weighted(code: &str, weights: &[u32], by: u32) -> bool {
    digits(code).is_some_and(|digits| {
        digits.len() == weights.len()
            && digits
                .iter()
                .zip(weights)
                .map(|(digit, weight)| digit * weight)
                .sum::<u32>()
                % by
                == 0
    })
}

/// Whether the digit at `at` is eleven less the weighted sum before it by 11, or 0.
fn weighted_last(code: &str, weights: &[u32], at: usize) -> bool {
    digits(code).is_some_and(|digits| {
        let sum: u32 = digits
            .iter()
            .zip(weights)
            .map(|(digit, weight)| digit * weight)
            .sum();
        let check = 11 - sum % 11;
        digits.get(at) == Some(&if check >= 10 { 0 } else { check })
    })
}

pub(super) fn luhn(code: &str) -> bool {
    let doubled = |(at, digit): (usize, u32)| match digit * if at % 2 == 1 { 2 } else { 1 } {
        high if high > 9 => high - 9,
        low => low,
    };
    digits(code).is_some_and(|digits| {
        digits
            .into_iter()
            .rev()
            .enumerate()
            .map(doubled)
            .sum::<u32>()
            .is_multiple_of(10)
    })
}

/// DNI and NIE: seven or eight digits and a letter by the remainder by 23.
fn is_spanish(code: &str) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let number = match code.as_bytes().first() {
        Some(b'X') => format!("0{}", &code[1..]),
        Some(b'Y') => format!("1{}", &code[1..]),
        Some(b'Z') => format!("2{}", &code[1..]),
        _ => code.to_owned(),
    };
    let Some((number, letter)) = number
        .is_ascii()
        .then(|| number.split_at(number.len().saturating_sub(1)))
    else {
        return false;
    };
    number.len() == 8
        && number
            .parse::<usize>()
            .is_ok_and(|number| letter.as_bytes().first() == LETTERS.get(number % 23))
}

/// NIR with its key: 97 less the remainder by 97; Corsica's letters stand for digits.
fn is_french(code: &str) -> bool {
    if code.len() != 15 || !code.is_ascii() || !code.starts_with(['1', '2']) {
        return false;
    }
    let number = match &code[5..7] {
        "2A" => format!("{}19{}", &code[..5], &code[7..13]),
        "2B" => format!("{}18{}", &code[..5], &code[7..13]),
        _ => code[..13].to_owned(),
    };
    match (number.parse::<u64>(), code[13..].parse::<u64>()) {
        (Ok(number), Ok(key)) => 97 - number % 97 == key,
        _ => false,
    }
}

/// Codice fiscale: its form has no like.
fn is_italian(code: &str) -> bool {
    const FORM: &[u8; 16] = b"@@@@@@##@##@###@";
    code.len() == FORM.len()
        && code.bytes().zip(FORM).all(|(byte, form)| {
            if *form == b'@' {
                byte.is_ascii_uppercase()
            } else {
                byte.is_ascii_alphanumeric()
            }
        })
}

/// Steueridentifikationsnummer: eleven digits, the last by ISO 7064, MOD 11,10.
fn is_german(code: &str) -> bool {
    let Some(digits) = digits(code).filter(|digits| digits.len() == 11 && digits.first() != Some(&0)) else {
        return false;
    };
    let product = digits.iter().take(10).fold(10, |product, digit| {
        let sum = (digit + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    digits.last() == Some(&((11 - product) % 10))
}

/// A social security number with its hyphens: without them it is any nine digits.
fn is_american(value: &str) -> bool {
    let parts: Vec<&str> = value.trim().split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [3, 2, 4]
        && parts
            .iter()
            .all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A National Insurance number: two letters, six digits, A to D.
fn is_british(code: &str) -> bool {
    let bytes = code.as_bytes();
    bytes.len() == 9
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..8].iter().all(u8::is_ascii_digit)
        && (b'A'..=b'D').contains(&bytes[8])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country_of(value: &str) -> Option<&'static str> {
        scheme(&[value.to_owned()]).map(|scheme| scheme.country)
    }

    #[test]
    fn check_digits_of_each_country_decide() {
        for (value, country) in [
            ("12345678Z", "ES"),
            ("X1234567L", "ES"),
            ("2 55 08 14 168 025 38", "FR"),
            ("RSSMRA85T10A562S", "IT"),
            ("44051401359", "PL"),
            ("529.982.247-25", "BR"),
            ("86095742719", "DE"),
            ("111222333", "NL"),
            ("046 454 286", "CA"),
        ] {
            assert_eq!(country_of(value), Some(country), "{value}");
        }
        for wrong in [
            "12345678A",
            "2 55 08 14 168 025 39",
            "44051401358",
            "529.982.247-26",
            "86095742718",
            "111111111",
            "",
            "é",
            "Xé",
        ] {
            assert_eq!(country_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_of_several_countries_are_told_one_by_one() {
        for number in [
            "12345678Z",
            "44051401359",
            "900-12-3456",
            "DE123456789",
            "12-3456789",
            "51 824 753 556",
            "004 085 616",
            "123-456-32-18",
            "73282932000074",
        ] {
            assert!(is_some_number(number), "{number}");
        }
        for other in [
            "12345678A",
            "INV-2024-17",
            "2024-01-31",
            "123456",
            "Anna",
            "51 824 753 550",
            "11111111111",
        ] {
            assert!(!is_some_number(other), "{other}");
        }
    }

    #[test]
    fn a_few_numbers_that_happen_to_be_right_are_no_ids() {
        let orders: Vec<String> = (100_000_000..100_000_100).map(|n| n.to_string()).collect();
        assert!(!are_ids(&orders));
        assert!(!are_ids(&["12345678Z".to_owned()]));
        let social: Vec<String> = (0..9).map(|n| format!("900-12-345{n}")).collect();
        assert!(are_ids(&social));
        assert_eq!(country(&social), Some("US"));
    }
}
