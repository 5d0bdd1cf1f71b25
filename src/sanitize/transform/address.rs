//! `address`: street, city, postcode and region of a row belong together, and look like those of its country. No such house
//! need exist: cities and their postcodes are real, streets and numbers are drawn from common ones.

mod street;

use street::SizedStreet;

use super::entity::Entity;
use super::letters::number;
use super::places::{COUNTRIES, City, Country};
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, Read, Row, SpecError, Transform,
    TransformError, Uniqueness,
};
use crate::sanitize::key::Kind;

pub(super) const ENTRY: Entry = Entry {
    name: "address",
    summary: "replaces the parts of a postal address so that all columns of a row tell of the same fake address",
    params: &[
        Param {
            name: "part",
            summary: "what the column holds: full (default: all on one line), street, city, postcode, region or country",
        },
        Param {
            name: "of",
            summary: "the column whose value says whose address it is, such as \"id\" (required)",
        },
        Param {
            name: "entity",
            summary: "what that column counts, such as \"customer\", where the same number means something else elsewhere",
        },
        Param {
            name: "country",
            summary: "whose addresses to give: US (default), CA, DE, ES, FR, GB, IT or NL",
        },
    ],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Full,
    Street,
    City,
    Postcode,
    Region,
    Country,
}

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let part = match params.choice(
        "part",
        &["full", "street", "city", "postcode", "region", "country"],
    )? {
        "street" => Part::Street,
        "city" => Part::City,
        "postcode" => Part::Postcode,
        "region" => Part::Region,
        "country" => Part::Country,
        _ => Part::Full,
    };
    let codes = COUNTRIES.each_ref().map(|country| country.code);
    let code = params.choice("country", &codes)?;
    let country = COUNTRIES.iter().find(|country| country.code == code);
    let country = country.unwrap_or(&COUNTRIES[0]);
    let entity = Entity::build(params, ENTRY.name, Kind::Address, key)?;
    if let Some(size) = params.size()? {
        return Ok(Box::new(SizedStreet::new(entity, country, size)));
    }
    let address = Address {
        part,
        entity,
        country,
        column: column.clone(),
    };
    match column.max_chars {
        Some(max_chars) if address.needs() > max_chars as usize => Err(SpecError::Length {
            transform: ENTRY.name,
            needs: address.needs(),
            max_chars,
            instead: "use text, which keeps the length",
        }),
        _ => Ok(Box::new(address)),
    }
}

struct Address {
    part: Part,
    entity: Entity,
    country: &'static Country,
    column: Column,
}

/// Highest number of a house.
const HOUSES: usize = 180;

impl Address {
    /// Of countries and regions there are too few for another one; they tell nothing of one person.
    fn is_one_of_few(&self) -> bool {
        matches!(self.part, Part::Country | Part::Region)
    }

    /// The shortest column in which some of them fit.
    fn needs(&self) -> usize {
        let chars = |text: &str| text.chars().count();
        let street = || {
            self.country
                .streets
                .iter()
                .map(|street| chars(street))
                .min()
                .unwrap_or_default()
                + 4
        };
        let city = |of: &dyn Fn(&City) -> usize| self.country.cities.iter().map(of).min().unwrap_or_default();
        match self.part {
            Part::Street => street(),
            Part::City => city(&|city| chars(city.name)),
            Part::Postcode => city(&|city| chars(city.postcode)),
            Part::Region => city(&|city| chars(city.region).min(chars(city.code))),
            Part::Country => 2,
            Part::Full => street() + 4 + city(&|city| chars(city.name) + chars(city.postcode)),
        }
    }

    /// The fake of one attempt: the first is the one that all columns of the row agree on.
    fn make(&self, digest: &[u8; 32], attempt: usize, value: &str, out: &mut String) {
        let (cities, streets) = (self.country.cities, self.country.streets);
        let step = |at: usize, count: usize| (number(digest, at, count) + attempt) % count;
        let Some(city) = cities.get(step(0, cities.len())) else {
            return;
        };
        let house = (number(digest, 16, HOUSES) + attempt) % HOUSES + 1;
        let street = streets
            .get(step(8, streets.len()))
            .map_or_else(String::new, |street| street.replace('#', &house.to_string()));
        let postcode = postcode(city.postcode, digest, attempt);
        let short = value.trim().chars().count() <= 3;
        match self.part {
            Part::Street => out.push_str(&street),
            Part::City => out.push_str(city.name),
            Part::Postcode => out.push_str(&postcode),
            Part::Region if short && !city.code.is_empty() => out.push_str(city.code),
            Part::Region => out.push_str(city.region),
            Part::Country => out.push_str(match value.trim().chars().count() {
                2 => self.country.code,
                3 => self.country.code3,
                _ if !self.column.holds(self.country.name) => self.country.code,
                _ => self.country.name,
            }),
            Part::Full if self.country.postcode_first => {
                out.push_str(&format!("{street}, {postcode} {}", city.name));
            }
            Part::Full if city.code.is_empty() => {
                out.push_str(&format!("{street}, {} {postcode}", city.name));
            }
            Part::Full => out.push_str(&format!("{street}, {}, {} {postcode}", city.name, city.code)),
        }
    }
}

/// A postcode by its pattern: `#` is a digit, `@` a letter.
fn postcode(pattern: &str, digest: &[u8; 32], attempt: usize) -> String {
    // Without letters that postcodes of these countries leave out.
    const LETTERS: &[u8; 20] = b"ABDEFGHJLNPQRSTUWXYZ";
    let mut drawn = number(digest, 24, usize::MAX).wrapping_add(attempt);
    let mut draw = |count: usize| {
        let one = drawn % count;
        drawn /= count;
        one
    };
    pattern
        .chars()
        .map(|c| match c {
            '#' => char::from(b'0' + u8::try_from(draw(10)).unwrap_or_default()),
            '@' => char::from(LETTERS[draw(LETTERS.len())]),
            c => c,
        })
        .collect()
}

impl Transform for Address {
    fn may_repeat(&self) -> bool {
        self.is_one_of_few()
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        self.apply_in_row(Some(value), &[], out)
    }

    fn reads(&self) -> &[Read] {
        &self.entity.reads
    }

    fn apply_in_row(
        &self,
        value: Option<&str>,
        row: Row<'_>,
        out: &mut String,
    ) -> Result<Masked, TransformError> {
        let value = value.unwrap_or_default();
        if value.trim().is_empty() {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        let digest = self.entity.digest(row, value);
        let start = out.len();
        for attempt in 0..256 {
            self.make(&digest, attempt, value, out);
            let made = out.get(start..).unwrap_or_default();
            if self.column.holds(made) && (self.is_one_of_few() || !made.eq_ignore_ascii_case(value.trim())) {
                return Ok(Masked::Value);
            }
            out.truncate(start);
        }
        Err(TransformError::Exhausted {
            transform: ENTRY.name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, compiled, refused, sized, spec};
    use super::super::{Spec, Transform};
    use super::*;

    fn made(part: &str, country: &str, column: &Column) -> Box<dyn Transform> {
        compiled(
            &spec(
                "address",
                &format!("part = '{part}'\ncountry = '{country}'\nof = 'id'"),
            ),
            column,
        )
    }

    fn fake(transform: &dyn Transform, value: &str, key: &str) -> String {
        let mut out = String::new();
        transform
            .apply_in_row(Some(value), &[Some(key)], &mut out)
            .unwrap();
        out
    }

    #[test]
    fn all_parts_tell_of_one_address_of_the_country() {
        for country in &COUNTRIES {
            let part = |part| made(part, country.code, &column("text"));
            for id in 0..300 {
                let id = id.to_string();
                let at = |name| fake(&*part(name), "x", &id);
                let city = country
                    .cities
                    .iter()
                    .find(|city| city.name == at("city"))
                    .unwrap();
                let (postcode, full) = (at("postcode"), at("full"));
                assert_eq!(postcode.len(), city.postcode.len());
                let like = |(c, p): (char, char)| match p {
                    '#' => c.is_ascii_digit(),
                    '@' => c.is_ascii_uppercase(),
                    p => c == p,
                };
                assert!(
                    postcode.chars().zip(city.postcode.chars()).all(like),
                    "{postcode}"
                );
                assert!(
                    full.starts_with(&at("street")) && full.contains(city.name) && full.contains(&postcode),
                    "{full}"
                );
                assert_eq!(fake(&*part("region"), "Somewhere", &id), city.region);
                assert!(!at("street").contains('#'));
            }
        }
    }

    #[test]
    fn the_country_keeps_its_form_and_nobody_keeps_his_address() {
        let country = made("country", "FR", &column("text"));
        assert_eq!(
            ["DE", "deu", "Germany"].map(|value| fake(&*country, value, "1")),
            ["FR", "FRA", "France"]
        );
        for part in ["street", "city", "postcode", "full"] {
            let transform = made(part, "GB", &column("text"));
            let own = fake(&*transform, "x", "7");
            assert_ne!(fake(&*transform, &own, "7"), own);
        }
        assert_eq!(fake(&*made("full", "FR", &column("text")), "x", "7"), GOLDEN[0]);
        assert_eq!(fake(&*made("full", "US", &column("text")), "x", "7"), GOLDEN[1]);
    }
    const GOLDEN: [&str; 2] = [
        "1 allée des Tilleuls, 69003 Lyon",
        "1 Main Street, Portland, OR 97203",
    ];

    #[test]
    fn fakes_fit_or_the_rule_is_refused() {
        for part in ["street", "city", "postcode", "region", "country", "full"] {
            for max in 2..60 {
                let rule = spec("address", &format!("part = '{part}'\ncountry = 'NL'\nof = 'id'"));
                let Ok(made) = super::super::compile(&rule, &sized(max), &super::super::tests::key()) else {
                    continue;
                };
                for id in 0..60 {
                    let mut out = String::new();
                    // What fits by chance alone is an error and not a longer value.
                    if made
                        .apply_in_row(Some("x"), &[Some(&id.to_string())], &mut out)
                        .is_ok()
                    {
                        assert!(out.chars().count() <= max as usize);
                    }
                }
            }
        }
        assert!(matches!(
            refused(&Spec::named("address"), &column("text")),
            SpecError::Missing { param: "of", .. }
        ));
    }
}
