//! `person`: first name, last name, full name, e-mail address and user name of a row belong to one person who does not exist.
//!
//! Who that is follows from the value of a key column alone, so that two tables with the same key agree. The code in an
//! address or user name follows from the original itself, so that different ones stay different, and it is the code that
//! `email` gives the same address.

use super::email::{CODE_SHORT, DOMAINS};
use super::entity::Entity;
use super::letters::{CODE_UNIQUE, code, number, vary_case};
use super::name::{LOCALES, Lists, Name, in_address, lists_of};
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, Read, Row, SpecError, Transform,
    TransformError, Uniqueness,
};
use crate::sanitize::key::{self, Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "person",
    summary: "replaces the parts of a person's name and address so that all columns of a row tell of the same fake person",
    params: &[
        Param {
            name: "part",
            summary: "what the column holds: full (default), first or last, which unique columns do not take; email or username, which they do",
        },
        Param {
            name: "of",
            summary: "the column whose value says who it is, such as \"id\", or \"customer_id\" in another table (required)",
        },
        Param {
            name: "entity",
            summary: "what that column counts, such as \"customer\", where the same number means different people elsewhere",
        },
        Param {
            name: "locale",
            summary: "en (default), fr, de, it, nl, pt or pt-br",
        },
    ],
    accepts: &[Family::Text],
    // A name is refused on a unique column below; addresses and user names stay unique.
    uniqueness: Uniqueness::Preserved,
    build,
};

/// Fewest names that a short column may be left with.
const FEWEST: usize = 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    First,
    Last,
    Full,
    Email,
    Username,
}

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let part = match params.choice("part", &["full", "first", "last", "email", "username"])? {
        "first" => Part::First,
        "last" => Part::Last,
        "email" => Part::Email,
        "username" => Part::Username,
        _ => Part::Full,
    };
    let is_name = matches!(part, Part::First | Part::Last | Part::Full);
    if column.unique && is_name {
        return Err(SpecError::Unique {
            transform: ENTRY.name,
            why: "can give two people the same name",
            instead: column.unique_alternative(),
        });
    }
    let person = Person {
        part,
        entity: Entity::build(params, ENTRY.name, Kind::Person, key)?,
        lists: lists_of(params.choice("locale", &LOCALES)?),
        codes: key.digester(if part == Part::Email {
            Kind::Email
        } else {
            Kind::Opaque
        }),
        code_length: if column.unique || part == Part::Email && column.fits(CODE_UNIQUE + 12) {
            CODE_UNIQUE
        } else if part == Part::Email {
            CODE_SHORT
        } else {
            SHORT_USERNAME
        },
        room: column.max_chars.map_or(usize::MAX, |max| max as usize),
    };
    match column.max_chars {
        Some(max_chars) if person.needs() > max_chars as usize => Err(SpecError::Length {
            transform: ENTRY.name,
            needs: person.needs(),
            max_chars,
            instead: "use hmac or text, which fit shorter columns",
        }),
        _ => Ok(Box::new(person)),
    }
}

/// Characters of the code of a user name that need not be unique.
const SHORT_USERNAME: usize = 4;

struct Person {
    part: Part,
    entity: Entity,
    lists: &'static Lists,
    codes: Digester,
    code_length: usize,
    room: usize,
}

impl Person {
    /// The shortest column that leaves enough names.
    fn needs(&self) -> usize {
        let shortest = |names: &[Name]| {
            let mut lengths: Vec<usize> = names.iter().map(|name| name.chars).collect();
            lengths.sort_unstable();
            lengths.get(FEWEST - 1).copied().unwrap_or_default()
        };
        let (first, last) = (shortest(&self.lists.first), shortest(&self.lists.last));
        match self.part {
            Part::First => first,
            Part::Last => last,
            Part::Full => first + 1 + last,
            Part::Email => self.code_length + 1 + DOMAINS[0].len(),
            Part::Username => self.code_length,
        }
    }

    fn full(&self, digest: &[u8; 32], value: &str, out: &mut String) {
        let (given, family) = value
            .trim()
            .rsplit_once(char::is_whitespace)
            .unwrap_or((value, value));
        // The family name takes what a short column has left, but leaves room for a given name.
        let shortest = self
            .lists
            .first
            .iter()
            .map(|name| name.chars)
            .min()
            .unwrap_or_default();
        let last = pick(
            &self.lists.last,
            digest,
            24,
            family,
            self.room.saturating_sub(shortest + 1),
        );
        let room = self.room.saturating_sub(last.chars + 1);
        let first = pick(&self.lists.first, digest, 16, given, room);
        out.push_str(first.text);
        out.push(' ');
        out.push_str(last.text);
    }

    fn names(&self, digest: &[u8; 32]) -> [String; 2] {
        let first = pick(&self.lists.first, digest, 16, "", usize::MAX);
        let last = pick(&self.lists.last, digest, 24, "", usize::MAX);
        [in_address(first.text), in_address(last.text)]
    }

    fn email(&self, digest: &[u8; 32], value: &str, out: &mut String) {
        let start = out.len();
        let (of_value, exact) = key::email(value, |canonical| {
            (self.codes.digest(canonical), canonical == value.trim())
        });
        let [first, last] = self.names(digest);
        let rest = self.code_length + 1 + DOMAINS[0].len();
        if first.len() + 1 + rest <= self.room {
            out.push_str(&first);
            out.push('.');
            if first.len() + last.len() + 2 + rest <= self.room {
                out.push_str(&last);
                out.push('.');
            }
        }
        code(&of_value, self.code_length, out);
        out.push('@');
        out.push_str(DOMAINS[0]);
        if !exact && let Some(fake) = out.get_mut(start..) {
            vary_case(fake, &self.codes.digest(value.trim()));
        }
    }

    fn username(&self, digest: &[u8; 32], value: &str, out: &mut String) {
        let [first, last] = self.names(digest);
        let of_value = self.codes.digest(value);
        if first.len() + last.len() + 2 + self.code_length <= self.room {
            out.push_str(&first);
            out.push('.');
            out.push_str(&last);
            out.push('.');
        } else if last.len() + 1 + self.code_length <= self.room {
            out.push_str(&last);
            out.push('.');
        }
        code(&of_value, self.code_length, out);
    }
}

/// The name that a digest draws, or the next that fits and is not `other`. Both depend on nothing else, so that a name in a
/// column of its own and the same name within a full one still meet.
fn pick(names: &'static [Name], digest: &[u8; 32], at: usize, other: &str, room: usize) -> Name {
    let start = number(digest, at, names.len());
    let fits = |name: &&Name| name.chars <= room && !same(name.text, other);
    let round = names.iter().cycle().skip(start).take(names.len());
    round
        .clone()
        .find(fits)
        .or_else(|| round.clone().next())
        .copied()
        .unwrap_or(Name { text: "", chars: 0 })
}

fn same(one: &str, other: &str) -> bool {
    !other.is_empty() && key::name(one, |one| key::name(other, |other| one == other))
}

impl Transform for Person {
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
        match self.part {
            Part::First => out.push_str(pick(&self.lists.first, &digest, 16, value, self.room).text),
            Part::Last => out.push_str(pick(&self.lists.last, &digest, 24, value, self.room).text),
            Part::Full => self.full(&digest, value, out),
            Part::Email => self.email(&digest, value, out),
            Part::Username => self.username(&digest, value, out),
        }
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::tests::{column, compiled, refused, sized, spec};
    use super::super::{Spec, SpecError, Transform};
    use super::*;

    fn made(params: &str, column: &Column) -> Box<dyn Transform> {
        compiled(&spec("person", params), column)
    }

    fn fake(transform: &dyn Transform, value: &str, key: Option<&str>) -> String {
        let mut out = String::new();
        assert_eq!(
            transform.apply_in_row(Some(value), &[key], &mut out).unwrap(),
            Masked::Value
        );
        out
    }

    #[test]
    fn all_parts_tell_of_one_person_and_never_change() {
        let parts = ["first", "last", "full", "email", "username"]
            .map(|part| made(&format!("part = '{part}'\nof = 'id'"), &column("text")));
        let values = ["Anna", "Smith", "Anna Smith", "anna@shop.example", "anna"];
        let fakes: Vec<String> = parts
            .iter()
            .zip(values)
            .map(|(part, value)| fake(&**part, value, Some("7")))
            .collect();
        assert_eq!(fakes, GOLDEN);
        assert_eq!(fakes[2], format!("{} {}", fakes[0], fakes[1]));
        assert_ne!(fake(&*parts[2], "Anna Smith", Some("8")), fakes[2]);
        assert_eq!(
            fake(&*parts[2], "somebody else", Some(" 7 ")),
            fakes[2],
            "the key alone decides"
        );
    }
    const GOLDEN: [&str; 5] = [
        "Jaqueline",
        "Kozey",
        "Jaqueline Kozey",
        "jaqueline.kozey.9rhubfc2c7sbk@example.com",
        "jaqueline.kozey.6fm2",
    ];

    #[test]
    fn whose_key_is_an_address_is_the_person_in_its_fake() {
        let email = compiled(&Spec::named("email"), &column("text"));
        let mut address = String::new();
        email.apply("Anna@Shop.example", &mut address).unwrap();
        let [first, part] =
            ["first", "email"].map(|part| made(&format!("part = '{part}'\nof = 'mail'"), &column("text")));
        assert_eq!(
            fake(&*part, "Anna@Shop.example", Some("anna@shop.example ")),
            address
        );
        let first = fake(&*first, "Kanarina", Some("anna@shop.example"));
        assert!(
            address.to_lowercase().starts_with(&first.to_lowercase()),
            "{address} {first}"
        );
    }

    #[test]
    fn another_entity_is_another_person_and_a_row_without_a_key_goes_by_its_value() {
        let [plain, staff] =
            ["", "entity = 'staff'\n"].map(|entity| made(&format!("{entity}of = 'id'"), &column("text")));
        assert_ne!(
            fake(&*plain, "Anna Smith", Some("7")),
            fake(&*staff, "Anna Smith", Some("7"))
        );
        let guest = fake(&*plain, "Anna Smith", None);
        assert_eq!(guest, fake(&*plain, "ANNA  smith", Some("")));
        assert_ne!(guest, fake(&*plain, "Ben Smith", None));
        assert_eq!(fake(&*plain, " ", Some("7")), " ");
    }

    #[test]
    fn nobody_gets_the_name_he_has() {
        let [first, last, full] = ["first", "last", "full"]
            .map(|part| made(&format!("part = '{part}'\nof = 'id'"), &column("text")));
        for id in 0..500 {
            let id = id.to_string();
            let (own_first, own_last) = (fake(&*first, "x", Some(&id)), fake(&*last, "x", Some(&id)));
            let other_first = fake(&*first, &own_first.to_uppercase(), Some(&id));
            let other_last = fake(&*last, &own_last, Some(&id));
            assert!(other_first != own_first && other_last != own_last);
            assert_eq!(
                fake(&*full, &format!("{own_first} {own_last}"), Some(&id)),
                format!("{other_first} {other_last}")
            );
        }
    }

    #[test]
    fn addresses_and_user_names_stay_unique_and_fit() {
        for (part, max) in [("email", 40), ("email", 25), ("username", 13), ("username", 60)] {
            let unique = Column {
                unique: true,
                ..sized(max)
            };
            let transform = made(&format!("part = '{part}'\nof = 'id'"), &unique);
            let fakes: HashSet<String> = (0..20_000)
                .map(|n| fake(&*transform, &format!("user {n}"), Some("7")))
                .collect();
            assert_eq!(fakes.len(), 20_000);
            assert!(fakes.iter().all(|fake| fake.len() <= max as usize));
        }
        for max in 3..30 {
            for part in ["first", "last", "full"] {
                let rule = spec("person", &format!("part = '{part}'\nof = 'id'"));
                match super::super::compile(&rule, &sized(max), &super::super::tests::key()) {
                    Ok(made) => (0..200).for_each(|id| {
                        let fake = fake(&*made, "Anna Smith", Some(&id.to_string()));
                        assert!(
                            (2..=max as usize).contains(&fake.chars().count()),
                            "{part} {max} {fake}"
                        );
                    }),
                    Err(error) => assert!(matches!(error, SpecError::Length { .. })),
                }
            }
        }
    }

    #[test]
    fn rules_that_cannot_apply_are_refused() {
        assert!(matches!(
            refused(&Spec::named("person"), &column("text")),
            SpecError::Missing { param: "of", .. }
        ));
        let unique = Column {
            unique: true,
            ..column("text")
        };
        assert!(matches!(
            refused(&spec("person", "of = 'id'"), &unique),
            SpecError::Unique { .. }
        ));
        assert!(matches!(
            refused(
                &spec("person", "of = 'id'\npart = 'email'"),
                &Column {
                    unique: true,
                    ..sized(20)
                }
            ),
            SpecError::Length { .. }
        ));
    }
}
