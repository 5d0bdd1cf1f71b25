//! `email`: an address at a domain reserved for documentation, readable and unique.
//!
//! `given.family.code@example.com`: the names make it readable, the 13 characters of code (65 bits) make it unique.
//! Columns too short for it get `given.code@…` or `code@…`. It is lower case. Addresses that differ only by case or by
//! Unicode normal form are one person and get one fake but for its case: a column that tells `A@…` from `a@…` goes on to do so,
//! also in a unique index, and a comparison without regard to case (`lower(…)`, `citext`) finds them equal as before. White
//! space around an address is no part of it and stays around the fake, so that addresses which differ by it alone, and are two
//! values to a unique index, go on to. Only what `char(n)` pads with is left out.

use super::letters::{CODE_UNIQUE, code, number, vary_case};
use super::name::ADDRESS_NAMES;
use super::sized::Login;
use super::written::surrounded;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness,
};
use crate::sanitize::key::{self, Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "email",
    summary: "replaces an e-mail address by a unique, readable one at a domain that receives nothing",
    params: &[Param {
        name: "domain",
        summary: "example.com (default), example.org or example.net",
    }],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::Preserved,
    build,
};

/// Domains that RFC 2606 reserves: mail to them reaches nobody.
pub(super) const DOMAINS: [&str; 3] = ["example.com", "example.org", "example.net"];

/// The shortest code on a column that is not unique: 40 bits.
pub(super) const CODE_SHORT: usize = 8;

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let domain = params.choice("domain", &DOMAINS)?;
    if let Some(size) = params.size()? {
        return Login::build(ENTRY.name, domain, size, column, key);
    }
    let tail = 1 + domain.len();
    let room = column.max_chars.map_or(usize::MAX, |max| max as usize);
    let code_length = if column.fits(CODE_UNIQUE + tail) || column.unique {
        CODE_UNIQUE
    } else {
        CODE_SHORT
    };
    if code_length + tail > room {
        return Err(SpecError::Length {
            transform: ENTRY.name,
            needs: code_length + tail,
            max_chars: column.max_chars.unwrap_or_default(),
            instead: "use hmac, which fits shorter columns",
        });
    }
    Ok(Box::new(Email {
        digester: key.digester(Kind::Email),
        domain,
        code_length,
        room,
        padded: matches!(column.base(), "bpchar" | "character" | "char"),
    }))
}

struct Email {
    digester: Digester,
    domain: &'static str,
    code_length: usize,
    room: usize,
    /// Whether the type pads with spaces, which then tell nothing.
    padded: bool,
}

impl Transform for Email {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let (before, address, after) = surrounded(value);
        if address.is_empty() {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        let after = if self.padded { "" } else { after };
        let spaces = before.chars().count() + after.chars().count();
        let least = self.code_length + 1 + self.domain.len();
        if spaces > 0 && spaces + least > self.room {
            self.write_tight(value, out);
            return Ok(Masked::Value);
        }
        out.push_str(before);
        self.write(address, self.room - spaces, out);
        out.push_str(after);
        Ok(Masked::Value)
    }
}

impl Email {
    /// Where the column has no room for the white space: it is left out, and the code is that of the value with it.
    fn write_tight(&self, value: &str, out: &mut String) {
        code(&self.digester.digest(value), self.code_length, out);
        out.push('@');
        out.push_str(self.domain);
    }

    fn write(&self, value: &str, room: usize, out: &mut String) {
        let start = out.len();
        let (digest, exact) = key::email(value, |canonical| {
            (self.digester.digest(canonical), canonical == value)
        });
        let names = &*ADDRESS_NAMES;
        let first = &names.first[number(&digest, 16, names.first.len())];
        let last = &names.last[number(&digest, 24, names.last.len())];
        let rest = self.code_length + 1 + self.domain.len();
        if first.len() + 1 + rest <= room {
            out.push_str(first);
            out.push('.');
            if first.len() + last.len() + 2 + rest <= room {
                out.push_str(last);
                out.push('.');
            }
        }
        code(&digest, self.code_length, out);
        out.push('@');
        out.push_str(self.domain);
        if !exact && let Some(fake) = out.get_mut(start..) {
            vary_case(fake, &self.digester.digest(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused, sized, spec};
    use super::*;

    fn email(column: &Column) -> Box<dyn Transform> {
        compiled(&Spec::named("email"), column)
    }

    fn unique(max: u32) -> Column {
        Column {
            unique: true,
            ..sized(max)
        }
    }

    #[test]
    fn fakes_are_readable_reserved_and_never_change() {
        let email = email(&column("text"));
        assert_eq!(
            masked(&*email, "anna@shop.example"),
            "emmett.douglas.9rhubfc2c7sbk@example.com"
        );
        assert_eq!(
            masked(&*email, "not an address"),
            "noemy.nienow.9ngp92vzxxbdk@example.com"
        );
    }

    #[test]
    fn one_person_gets_one_fake() {
        let email = email(&column("citext"));
        let fake = masked(&*email, "jos\u{e9}@shop.example");
        assert_eq!(masked(&*email, " jos\u{e9}@shop.example "), format!(" {fake} "));
        assert_eq!(
            masked(&*email, " JOSE\u{301}@Shop.Example").to_lowercase(),
            format!(" {fake}")
        );
        assert_eq!(
            masked(
                &*compiled(&Spec::named("email"), &unique(255)),
                "jos\u{e9}@shop.example"
            ),
            fake
        );
    }

    #[test]
    fn addresses_that_differ_by_case_stay_different_and_equal_without_regard_to_it() {
        for column in [unique(25), unique(255), column("text")] {
            let email = email(&column);
            let written = [
                "anna@shop.example",
                "Anna@shop.example",
                "ANNA@SHOP.EXAMPLE",
                "aNNa@shop.example",
            ];
            let fakes = written.map(|value| masked(&*email, value));
            assert_eq!(fakes.iter().collect::<HashSet<_>>().len(), 4, "{fakes:?}");
            assert!(
                fakes.iter().all(|fake| fake.to_lowercase() == fakes[0]),
                "{fakes:?}"
            );
            assert_eq!(masked(&*email, written[2]), fakes[2]);
        }
    }

    #[test]
    fn addresses_that_differ_by_white_space_alone_stay_different_also_without_regard_to_case() {
        let written = [
            "anna@shop.example",
            " anna@shop.example",
            "anna@shop.example ",
            "anna@shop.example\n",
            "Anna@shop.example  ",
            "\u{a0}anna@shop.example",
        ];
        for column in [
            unique(25),
            unique(26),
            unique(27),
            unique(60),
            column("text"),
            column("citext"),
        ] {
            let email = email(&column);
            let fakes = written.map(|value| masked(&*email, value));
            assert_eq!(
                fakes
                    .iter()
                    .map(|fake| fake.to_lowercase())
                    .collect::<HashSet<_>>()
                    .len(),
                6,
                "{fakes:?}"
            );
            assert!(fakes.iter().all(|fake| column.holds(fake)), "{fakes:?}");
        }
        let padded = Column {
            max_chars: Some(30),
            ..column("bpchar")
        };
        let email = email(&padded);
        assert_eq!(
            masked(&*email, "anna@shop.example             "),
            masked(&*email, "anna@shop.example")
        );
    }

    #[test]
    fn empty_values_stay() {
        assert_eq!(masked(&*email(&column("text")), ""), "");
        assert_eq!(masked(&*email(&column("text")), "  "), "  ");
    }

    #[test]
    fn shorter_columns_get_shorter_forms() {
        let long = masked(&*email(&sized(60)), "anna@shop.example");
        let (_, code) = long.rsplit_once('.').unwrap().0.rsplit_once('.').unwrap();
        assert_eq!(
            masked(&*email(&sized(25)), "anna@shop.example"),
            format!("{code}.com")
        );
        assert_eq!(
            masked(&*email(&sized(24)), "anna@shop.example"),
            format!("{}@example.com", &code[..8])
        );
        for max in 20..70 {
            assert!(masked(&*email(&sized(max)), "anna@shop.example").len() <= max as usize);
        }
    }

    #[test]
    fn too_short_columns_are_refused() {
        let needs = |column: &Column| match refused(&Spec::named("email"), column) {
            SpecError::Length { needs, .. } => needs,
            other => panic!("{other}"),
        };
        assert_eq!(needs(&sized(19)), 20);
        assert_eq!(needs(&unique(24)), 25);
        email(&unique(25));
    }

    #[test]
    fn only_reserved_domains_are_taken() {
        let email = compiled(&spec("email", "domain = 'example.org'"), &column("text"));
        assert!(masked(&*email, "a@b.example").ends_with("@example.org"));
        let error = refused(&spec("email", "domain = 'gmail.com'"), &column("text"));
        assert_eq!(
            error.to_string(),
            "parameter domain of email must be one of example.com, example.org, example.net"
        );
    }

    #[test]
    fn a_hundred_thousand_addresses_stay_different() {
        for column in [unique(25), unique(255)] {
            let email = email(&column);
            let mut seen = HashSet::new();
            for n in 0..100_000 {
                assert!(seen.insert(masked(&*email, &format!("person{n}@shop.example"))));
            }
        }
    }
}
