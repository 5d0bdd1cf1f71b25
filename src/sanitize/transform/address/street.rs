//! Streets that are as long as the streets that they replace, word by word; what kind of street it is stays.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::super::entity::Entity;
use super::super::name::lists_of;
use super::super::places::Country;
use super::super::preserve::Size;
use super::super::sized::SizedNames;
use super::super::{Masked, Read, Row, Transform, TransformError};
use super::ENTRY;

/// Kinds of streets and the small words around them, in small letters.
const KINDS: [&str; 64] = [
    "allee",
    "allée",
    "alley",
    "am",
    "an",
    "av",
    "ave",
    "avenida",
    "avenue",
    "bd",
    "bis",
    "blvd",
    "boulevard",
    "calle",
    "chemin",
    "close",
    "corso",
    "court",
    "crescent",
    "ct",
    "de",
    "del",
    "della",
    "der",
    "des",
    "di",
    "dr",
    "drive",
    "du",
    "el",
    "gasse",
    "gracht",
    "im",
    "impasse",
    "la",
    "laan",
    "lane",
    "las",
    "le",
    "les",
    "ln",
    "los",
    "paseo",
    "piazza",
    "place",
    "platz",
    "plaza",
    "plein",
    "quai",
    "rd",
    "road",
    "rue",
    "square",
    "st",
    "str",
    "straat",
    "strasse",
    "straße",
    "street",
    "ter",
    "via",
    "viale",
    "way",
    "weg",
];

/// How often another one is tried where it is the value itself.
const ATTEMPTS: u8 = 64;

pub(super) struct SizedStreet {
    entity: Entity,
    names: SizedNames,
}

impl SizedStreet {
    /// With names of the country's people, after whom streets are called.
    pub(super) fn new(entity: Entity, country: &Country, size: Size) -> Self {
        let lists = lists_of(match country.code {
            "DE" => "de",
            "ES" => "pt",
            "FR" => "fr",
            "IT" => "it",
            "NL" => "nl",
            _ => "en",
        });
        Self {
            entity,
            names: SizedNames::new(lists.last.iter().map(|name| name.text), size),
        }
    }
}

fn is_kind(word: &str) -> bool {
    KINDS.contains(&word.to_lowercase().as_str())
}

impl Transform for SizedStreet {
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
        if !value.chars().any(char::is_alphanumeric) {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        let mut digest = self.entity.digest(row, value);
        let words = value.split(|c: char| !c.is_alphanumeric());
        let only_kinds = words.filter(|word| !word.is_empty()).all(is_kind);
        let stays = |word: &str| !only_kinds && is_kind(word);
        let start = out.len();
        for _ in 0..ATTEMPTS {
            let mut random = ChaCha8Rng::from_seed(digest);
            self.names.write(value, &mut random, &stays, out);
            if out[start..] != *value {
                return Ok(Masked::Value);
            }
            out.truncate(start);
            digest[0] = digest[0].wrapping_add(1);
        }
        Err(TransformError::Exhausted {
            transform: ENTRY.name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{column, compiled, refused, sized, spec};
    use super::*;

    fn street(params: &str, id: &str, value: &str) -> String {
        let params = format!("part = 'street'\nof = 'id'\n{params}");
        let transform = compiled(&spec("address", &params), &column("text"));
        let mut out = String::new();
        assert_eq!(
            transform.apply_in_row(Some(value), &[Some(id)], &mut out),
            Ok(Masked::Value)
        );
        out
    }

    #[test]
    fn streets_are_as_long_and_of_their_kind_and_belong_to_the_row() {
        let length = "preserve = ['length']\ncountry = 'FR'";
        let fakes = ["12 bis rue de la Paix", "7 High Street", "Rue 7", "Street"].map(|value| {
            let fake = street(length, "17", value);
            assert_eq!(fake.chars().count(), value.chars().count());
            assert!(fake != value);
            fake
        });
        assert_eq!(
            fakes,
            ["34 bis rue de la Cros", "3 Jung Street", "Rue 3", "Combes"]
        );
        assert_eq!(street(length, "17", "7 High Street"), fakes[1]);
        assert_ne!(street(length, "18", "7 High Street"), fakes[1]);
        let bytes = street("preserve = ['bytes']", "17", "Żółta 12/3");
        assert_eq!((bytes.len(), bytes.chars().count()), ("Żółta 12/3".len(), 10));
        assert_eq!(street(length, "17", " - "), " - ");
    }

    #[test]
    fn only_streets_are_as_long_and_short_columns_are_taken() {
        compiled(
            &spec("address", "part = 'street'\nof = 'id'\npreserve = ['length']"),
            &sized(3),
        );
        for part in ["full", "city", "postcode"] {
            let error = refused(
                &spec(
                    "address",
                    &format!("part = '{part}'\nof = 'id'\npreserve = ['length']"),
                ),
                &column("text"),
            );
            assert!(
                error.to_string().contains("it preserves nothing there"),
                "{error}"
            );
        }
    }
}
