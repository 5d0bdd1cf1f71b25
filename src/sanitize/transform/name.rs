//! `name`: names of people who do not exist, from the lists of the `fake` crate.
//!
//! The parts are faked one by one, so `Anna Smith` in one column and `Anna`, `Smith` in two others still belong
//! together. The crate's version is pinned, and the fakes of fixed inputs are tested, because a new list would
//! silently give every person a new name.

mod sized;

use std::sync::LazyLock;

use fake::locales::{DE_DE, Data, EN, FR_FR, IT_IT, NL_NL, PT_BR, PT_PT};
use sized::SizedPerson;

use super::letters::number;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness,
};
use crate::sanitize::key::{self, Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "name",
    summary: "replaces a person's name by one from lists of common names",
    params: &[
        Param {
            name: "part",
            summary: "what the column holds: full (default), first or last",
        },
        Param {
            name: "locale",
            summary: "en (default), fr, de, it, nl, pt or pt-br",
        },
    ],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

/// Names of one language: usable ones, each once.
pub(super) struct Lists {
    locale: &'static str,
    pub(super) first: Vec<Name>,
    pub(super) last: Vec<Name>,
}

#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) text: &'static str,
    pub(super) chars: usize,
}

static LISTS: LazyLock<[Lists; 7]> = LazyLock::new(|| {
    [
        lists::<EN>("en"),
        lists::<FR_FR>("fr"),
        lists::<DE_DE>("de"),
        lists::<IT_IT>("it"),
        lists::<NL_NL>("nl"),
        lists::<PT_PT>("pt"),
        lists::<PT_BR>("pt-br"),
    ]
});

/// The lists of a locale.
pub(super) fn lists_of(locale: &str) -> &'static Lists {
    LISTS
        .iter()
        .find(|lists| lists.locale == locale)
        .unwrap_or(&LISTS[0])
}

/// Languages that there are lists for; the first is the default.
pub(super) const LOCALES: [&str; 7] = ["en", "fr", "de", "it", "nl", "pt", "pt-br"];

fn lists<L: Data>(locale: &'static str) -> Lists {
    Lists {
        locale,
        first: usable(L::NAME_FIRST_NAME),
        last: usable(L::NAME_LAST_NAME),
    }
}

/// Some lists hold tabs, commas, decomposed letters and names twice.
fn usable(names: &'static [&'static str]) -> Vec<Name> {
    let mut seen = std::collections::HashSet::new();
    let fine = |name: &&str| {
        name.chars()
            .all(|c| c.is_alphabetic() || matches!(c, ' ' | '-' | '\''))
    };
    names
        .iter()
        .map(|name| name.trim())
        .filter(fine)
        .filter(|name| seen.insert(*name))
        .map(|text| Name {
            text,
            chars: text.chars().count(),
        })
        .collect()
}

/// Every name that a fake can hold.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    LISTS
        .iter()
        .flat_map(|lists| lists.first.iter().chain(&lists.last))
        .map(|name| name.text)
}

/// English given names and family names.
pub(super) fn english() -> (Vec<&'static str>, Vec<&'static str>) {
    let texts = |names: &[Name]| names.iter().map(|name| name.text).collect();
    (texts(&LISTS[0].first), texts(&LISTS[0].last))
}

/// The family names of a locale.
pub(super) fn family_names(locale: &str) -> impl Iterator<Item = &'static str> {
    let lists = LISTS
        .iter()
        .find(|lists| lists.locale == locale)
        .unwrap_or(&LISTS[0]);
    lists.last.iter().map(|name| name.text)
}

/// Names as they stand in fake e-mail addresses: ASCII letters in lower case.
pub(super) struct AddressNames {
    pub(super) first: Vec<String>,
    pub(super) last: Vec<String>,
}

pub(super) static ADDRESS_NAMES: LazyLock<AddressNames> = LazyLock::new(|| {
    let lower = |names: &[Name]| names.iter().map(|name| in_address(name.text)).collect();
    AddressNames {
        first: lower(&LISTS[0].first),
        last: lower(&LISTS[0].last),
    }
});

/// A name as it stands in an address: its ASCII letters in lower case.
pub(super) fn in_address(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphabetic);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// Fewest names that a short column may be left with.
const FEWEST: usize = 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    First,
    Last,
    Full,
}

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let part = match params.choice("part", &["full", "first", "last"])? {
        "first" => Part::First,
        "last" => Part::Last,
        _ => Part::Full,
    };
    let locale = params.choice("locale", &LOCALES)?;
    let lists = lists_of(locale);
    if let Some(size) = params.size()? {
        return Ok(Box::new(SizedPerson::new(part, lists, size, key)));
    }
    let room = column.max_chars.map_or(usize::MAX, |max| max as usize);
    let each = if part == Part::Full {
        room.saturating_sub(1) / 2
    } else {
        room
    };
    let names = Names {
        part,
        first: Pool::new(key.digester(Kind::FirstName), &lists.first, each),
        last: Pool::new(key.digester(Kind::LastName), &lists.last, each),
        room,
    };
    match column.max_chars {
        Some(max_chars) if names.too_few() => Err(SpecError::Length {
            transform: ENTRY.name,
            needs: needs(part, lists),
            max_chars,
            instead: "use text, which keeps the length",
        }),
        _ => Ok(Box::new(names)),
    }
}

/// The shortest column that leaves enough names.
fn needs(part: Part, lists: &Lists) -> usize {
    let shortest = |names: &[Name]| {
        let mut lengths: Vec<usize> = names.iter().map(|name| name.chars).collect();
        lengths.sort_unstable();
        lengths.get(FEWEST - 1).copied().unwrap_or(usize::MAX)
    };
    match part {
        Part::First => shortest(&lists.first),
        Part::Last => shortest(&lists.last),
        Part::Full => 2 * shortest(&lists.first).max(shortest(&lists.last)) + 1,
    }
}

/// The names of one part, and those that fit however long the other part is.
struct Pool {
    digester: Digester,
    names: &'static [Name],
    short: Vec<Name>,
}

impl Pool {
    fn new(digester: Digester, names: &'static [Name], limit: usize) -> Self {
        let short = names.iter().filter(|name| name.chars <= limit).copied().collect();
        Self {
            digester,
            names,
            short,
        }
    }

    /// The fake of a part, which is never the part itself.
    fn pick(&self, canonical: &str, attempt: u8) -> Name {
        let names = if attempt < ATTEMPTS {
            self.names
        } else {
            &self.short
        };
        let digest = self.digester.attempt(canonical, attempt);
        let at = number(&digest, 0, names.len());
        let picked = names[at];
        if key::name(picked.text, |same| same == canonical) {
            names[(at + 1) % names.len()]
        } else {
            picked
        }
    }
}

/// How often another name is tried when one does not fit, before only short ones are.
const ATTEMPTS: u8 = 6;

struct Names {
    part: Part,
    first: Pool,
    last: Pool,
    room: usize,
}

impl Names {
    fn too_few(&self) -> bool {
        let few = |pool: &Pool| pool.short.len() < FEWEST;
        match self.part {
            Part::First => few(&self.first),
            Part::Last => few(&self.last),
            Part::Full => few(&self.first) || few(&self.last),
        }
    }

    fn one(&self, pool: &Pool, canonical: &str, out: &mut String) {
        for attempt in 0..=ATTEMPTS {
            let name = pool.pick(canonical, attempt);
            if name.chars <= self.room {
                out.push_str(name.text);
                return;
            }
        }
    }

    fn full(&self, canonical: &str, out: &mut String) -> Result<(), TransformError> {
        let (given, family) = canonical.rsplit_once(' ').unwrap_or((canonical, canonical));
        let start = out.len();
        for attempt in 0..ATTEMPTS * 2 {
            let first = self.first.pick(given, attempt);
            let last = self.last.pick(family, attempt);
            if first.chars + 1 + last.chars > self.room {
                continue;
            }
            out.push_str(first.text);
            out.push(' ');
            out.push_str(last.text);
            // A family name of two words can make up for a part that was cut elsewhere.
            if !key::name(&out[start..], |same| same == canonical) {
                return Ok(());
            }
            out.truncate(start);
        }
        Err(TransformError::Exhausted {
            transform: ENTRY.name,
        })
    }
}

impl Transform for Names {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        if value.trim().is_empty() {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        key::name(value, |canonical| match self.part {
            Part::First => {
                self.one(&self.first, canonical, out);
                Ok(())
            }
            Part::Last => {
                self.one(&self.last, canonical, out);
                Ok(())
            }
            Part::Full => self.full(canonical, out),
        })?;
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused, sized, spec};
    use super::*;

    fn names(params: &str, column: &Column) -> Box<dyn Transform> {
        compiled(&spec("name", params), column)
    }

    #[test]
    fn the_fakes_of_fixed_inputs_never_change() {
        let fakes = |params| {
            let transform = names(params, &column("text"));
            ["Anna", "Smith", "Jean-Pierre", "佐藤"].map(|name| masked(&*transform, name))
        };
        assert_eq!(fakes("part = 'first'"), ["Annabel", "Drake", "Dax", "Rodolfo"]);
        assert_eq!(
            fakes("part = 'last'"),
            ["Schneider", "Kutch", "Gibson", "Mitchell"]
        );
        assert_eq!(
            fakes("part = 'full'"),
            [
                "Annabel Schneider",
                "Drake Kutch",
                "Dax Gibson",
                "Rodolfo Mitchell"
            ]
        );
        let last = |locale| {
            masked(
                &*names(&format!("part = 'last'\nlocale = '{locale}'"), &column("text")),
                "Smith",
            )
        };
        assert_eq!(
            LOCALES.map(last),
            [
                "Kutch", "Joubert", "Weiß", "Greco", "Peeters", "Oliveira", "Marés"
            ]
        );
    }

    #[test]
    fn the_lists_have_not_changed() {
        let sizes = LISTS
            .each_ref()
            .map(|lists| (lists.first.len(), lists.last.len()));
        assert_eq!(
            sizes,
            [
                (3007, 474),
                (1019, 864),
                (115, 112),
                (99, 49),
                (82, 100),
                (87, 107),
                (461, 181)
            ]
        );
        for name in all() {
            assert!(name.chars().count() >= 2, "{name}");
        }
    }

    #[test]
    fn parts_in_one_column_and_in_two_belong_together() {
        let [first, last, full] =
            ["first", "last", "full"].map(|part| names(&format!("part = '{part}'"), &column("text")));
        let together = format!("{} {}", masked(&*first, "ANNA"), masked(&*last, "smith"));
        assert_eq!(masked(&*full, "Anna  Smith"), together);
        let two = format!("{} {}", masked(&*first, "Anna Maria"), masked(&*last, "Smith"));
        assert_eq!(masked(&*full, "Anna Maria Smith"), two);
    }

    #[test]
    fn no_name_becomes_itself() {
        let first = names("part = 'first'", &column("text"));
        let last = names("part = 'last'", &column("text"));
        for name in all() {
            assert_ne!(masked(&*first, name), name);
            assert_ne!(masked(&*last, name), name);
        }
    }

    #[test]
    fn fakes_fit_short_columns_and_stay_the_same_where_they_fit() {
        let free = names("part = 'first'", &column("text"));
        for max in 4..12 {
            let short = names("part = 'first'", &sized(max));
            let full = names("part = 'full'", &sized(max + 5));
            for name in ["Anna", "Bartholomäus", "Zoë", "x"] {
                let fake = masked(&*short, name);
                assert!(fake.chars().count() <= max as usize);
                let unbounded = masked(&*free, name);
                assert!(unbounded.chars().count() > max as usize || unbounded == fake);
                assert!(masked(&*full, &format!("{name} Smith")).chars().count() <= max as usize + 5);
            }
        }
    }

    #[test]
    fn unique_and_too_short_columns_are_refused() {
        let unique = Column {
            unique: true,
            ..column("text")
        };
        assert_eq!(
            refused(&Spec::named("name"), &unique).to_string(),
            "name can give two values the same fake, but the column is unique; use hmac, or email for addresses"
        );
        assert!(matches!(
            refused(&Spec::named("name"), &sized(2)),
            SpecError::Length { max_chars: 2, .. }
        ));
        let SpecError::Length { needs, .. } = refused(&spec("name", "part = 'last'"), &sized(1)) else {
            panic!("a name of one character");
        };
        names("part = 'last'", &sized(u32::try_from(needs).unwrap()));
        refused(
            &spec("name", "part = 'last'"),
            &sized(u32::try_from(needs - 1).unwrap()),
        );
    }
}
