//! `username`: a login name, readable and unique.
//!
//! A given name and 13 characters of code (65 bits), or as much as the column holds. A login that is an e-mail address becomes
//! the one that the transform `email` gives.

use super::email::DOMAINS;
use super::letters::{CODE_UNIQUE, code, number, vary_case};
use super::name::ADDRESS_NAMES;
use super::sized::Login;
use super::written::surrounded;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Params, Spec, SpecError, Transform, TransformError,
    Uniqueness, compile,
};
use crate::sanitize::key::{self, Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "username",
    summary: "replaces a login name by a unique, readable one, and one that is an e-mail address as email does",
    params: &[],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::Preserved,
    build,
};

/// The shortest code on a column that is not unique.
const CODE_SHORT: usize = 4;

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    if let Some(size) = params.size()? {
        return Login::build(ENTRY.name, DOMAINS[0], size, column, key);
    }
    let room = column.max_chars.map_or(usize::MAX, |max| max as usize);
    let least = if column.unique { CODE_UNIQUE } else { CODE_SHORT };
    if room < least {
        return Err(SpecError::Length {
            transform: ENTRY.name,
            needs: least,
            max_chars: column.max_chars.unwrap_or_default(),
            instead: "use hmac, or delete the rows",
        });
    }
    Ok(Box::new(Username {
        digester: key.digester(Kind::Username),
        email: compile(&Spec::named("email"), column, key).ok(),
        code_length: CODE_UNIQUE.min(room),
        room,
    }))
}

struct Username {
    digester: Digester,
    /// `None` where no address fits.
    email: Option<Box<dyn Transform>>,
    code_length: usize,
    room: usize,
}

impl Transform for Username {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let (before, name, after) = surrounded(value);
        if name.is_empty() {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        if let Some(email) = self.email.as_deref().filter(|_| name.contains('@')) {
            return email.apply(value, out);
        }
        let spaces = before.chars().count() + after.chars().count();
        let fits = spaces + self.code_length <= self.room;
        let (room, seen) = if fits {
            (self.room - spaces, name)
        } else {
            (self.room, value)
        };
        if fits {
            out.push_str(before);
        }
        let start = out.len();
        self.write(seen, room, out);
        // Of four characters one may meet itself.
        if out[start..] == *name {
            out.truncate(start);
            code(&self.digester.attempt(name, 1), self.code_length, out);
        }
        if fits {
            out.push_str(after);
        }
        Ok(Masked::Value)
    }
}

impl Username {
    fn write(&self, name: &str, room: usize, out: &mut String) {
        let start = out.len();
        let (digest, exact) = key::email(name, |canonical| {
            (self.digester.digest(canonical), canonical == name)
        });
        let first = &ADDRESS_NAMES.first[number(&digest, 16, ADDRESS_NAMES.first.len())];
        if first.len() + 1 + self.code_length <= room {
            out.push_str(first);
            out.push('.');
        }
        code(&digest, self.code_length, out);
        if !exact && let Some(fake) = out.get_mut(start..) {
            vary_case(fake, &self.digester.digest(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::tests::{column, compiled, masked, refused, sized};
    use super::*;

    #[test]
    fn fakes_are_readable_and_never_change() {
        let username = compiled(&Spec::named("username"), &column("text"));
        assert_eq!(masked(&*username, "anna_k"), "margie.vtj2j21pmz73v");
        let email = compiled(&Spec::named("email"), &column("text"));
        assert_eq!(
            masked(&*username, "anna@shop.example"),
            masked(&*email, "anna@shop.example")
        );
        assert_eq!(masked(&*username, ""), "");
    }

    #[test]
    fn case_and_white_space_make_another_name_that_is_alike() {
        for max in [13, 14, 20, 60] {
            let unique = Column {
                unique: true,
                ..sized(max)
            };
            let username = compiled(&Spec::named("username"), &unique);
            let fakes =
                ["anna_k", "Anna_K", "ANNA_K", " anna_k", "anna_k "].map(|name| masked(&*username, name));
            assert_eq!(fakes.iter().collect::<HashSet<_>>().len(), 5, "{fakes:?}");
            assert!(fakes.iter().all(|fake| fake.chars().count() <= max as usize));
            assert_eq!(fakes[1].to_lowercase(), fakes[0]);
        }
    }

    #[test]
    fn short_columns_get_codes_and_shorter_ones_are_refused() {
        assert_eq!(
            masked(&*compiled(&Spec::named("username"), &sized(4)), "anna").len(),
            4
        );
        refused(&Spec::named("username"), &sized(3));
        refused(
            &Spec::named("username"),
            &Column {
                unique: true,
                ..sized(12)
            },
        );
    }
}
