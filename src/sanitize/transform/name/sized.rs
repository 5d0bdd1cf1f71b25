//! Names that are as long as the names that they replace, word by word.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::super::preserve::Size;
use super::super::sized::SizedNames;
use super::super::written::surrounded;
use super::super::{Masked, MaskingKey, Transform, TransformError};
use super::{ENTRY, Lists, Part};
use crate::sanitize::key::{self, Digester, Kind};

/// How often another name is tried where it is the value itself.
const ATTEMPTS: u8 = 64;

/// Given names, or family names.
struct Pool {
    digester: Digester,
    names: SizedNames,
}

impl Pool {
    fn write(&self, part: &str, out: &mut String) -> Result<(), TransformError> {
        if !part.chars().any(char::is_alphanumeric) {
            out.push_str(part);
            return Ok(());
        }
        let start = out.len();
        for attempt in 0..ATTEMPTS {
            let digest = key::name(part, |canonical| self.digester.attempt(canonical, attempt));
            let mut random = ChaCha8Rng::from_seed(digest);
            self.names.write(part, &mut random, &|_| false, out);
            if out[start..] != *part {
                return Ok(());
            }
            out.truncate(start);
        }
        Err(TransformError::Exhausted {
            transform: ENTRY.name,
        })
    }
}

pub(super) struct SizedPerson {
    part: Part,
    first: Pool,
    last: Pool,
}

impl SizedPerson {
    pub(super) fn new(part: Part, lists: &'static Lists, size: Size, key: &MaskingKey) -> Self {
        let pool = |kind: Kind, names: &'static [super::Name]| Pool {
            digester: key.digester(kind),
            names: SizedNames::new(names.iter().map(|name| name.text), size),
        };
        Self {
            part,
            first: pool(Kind::FirstName, &lists.first),
            last: pool(Kind::LastName, &lists.last),
        }
    }
}

impl Transform for SizedPerson {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let (before, name, after) = surrounded(value);
        out.push_str(before);
        match (self.part, name.rfind(char::is_whitespace)) {
            (Part::Last, _) => self.last.write(name, out)?,
            // The last word is the family's, as in two columns.
            (Part::Full, Some(at)) => {
                let given = name.get(..at).unwrap_or_default().trim_end();
                let rest = name.get(given.len()..).unwrap_or_default();
                let family = rest.trim_start();
                self.first.write(given, out)?;
                out.push_str(rest.strip_suffix(family).unwrap_or_default());
                self.last.write(family, out)?;
            }
            _ => self.first.write(name, out)?,
        }
        out.push_str(after);
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{column, compiled, masked, sized, spec};
    use super::super::LOCALES;
    use super::*;

    fn name(params: &str) -> Box<dyn Transform> {
        compiled(&spec("name", params), &column("text"))
    }

    #[test]
    fn fakes_are_as_long_word_by_word_and_never_change() {
        let full = name("preserve = ['length']");
        let bytes = name("preserve = ['bytes']");
        assert_eq!(
            [
                masked(&*full, " Anna-Lena  O'Brien"),
                masked(&*full, "佐藤"),
                masked(&*bytes, "José García 佐藤"),
            ],
            [" Jody-Deja  N'Braun", "Bu", "Đefe Vázide 飉漰"]
        );
        assert_eq!(
            masked(&*full, "ANNA SMITH"),
            masked(&*full, "Anna Smith").to_uppercase()
        );
        for value in ["", " ", "--"] {
            assert_eq!(masked(&*full, value), value);
        }
        compiled(&spec("name", "preserve = ['length']"), &sized(1));
    }

    #[test]
    fn parts_in_one_column_and_in_two_belong_together() {
        for locale in LOCALES {
            for word in ["length", "bytes"] {
                let of = |part: &str| {
                    name(&format!(
                        "part = '{part}'\nlocale = '{locale}'\npreserve = ['{word}']"
                    ))
                };
                let together = format!(
                    "{}  {}",
                    masked(&*of("first"), "Zoë Maria"),
                    masked(&*of("last"), "Łukasz")
                );
                assert_eq!(masked(&*of("full"), "Zoë Maria  Łukasz"), together);
                assert_eq!(together.chars().count(), "Zoë Maria  Łukasz".chars().count());
            }
        }
    }

    #[test]
    fn no_word_becomes_itself() {
        let first = name("part = 'first'\npreserve = ['length']");
        for name in super::super::all() {
            let fake = masked(&*first, name);
            assert_eq!(fake.chars().count(), name.chars().count());
            let words =
                |text: &str| -> Vec<String> { text.split(['-', ' ', '\'']).map(str::to_lowercase).collect() };
            for (fake, word) in words(&fake).iter().zip(words(name)) {
                assert!(*fake != word || word.is_empty(), "{name}");
            }
        }
    }
}
