//! E-mail addresses and login names that are as long as their values.
//!
//! An address is at one of the domains for documentation where it is long enough, else at a name below `.test` (RFC 2606),
//! which needs 8 characters, or below `.zz`, which ISO 3166 leaves to users and no registry gives out. One of fewer than 6
//! characters has no room for a domain that nobody could have: its letters and digits are replaced by others.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::super::letters::{code, vary_case};
use super::super::name::ADDRESS_NAMES;
use super::super::preserve::Size;
use super::super::written::surrounded;
use super::super::{Column, Compiled, Masked, MaskingKey, SpecError, Transform, TransformError};
use super::{SizedNames, accented, below, scrambled};
use crate::sanitize::key::{self, Digester, Kind};

/// Characters before the `@` that a standard allows are 64; of longer addresses the domain grows.
const LOCAL: usize = 40;

/// Replaces addresses, or login names, by others of their length.
pub(in super::super) struct Login {
    transform: &'static str,
    /// For values without an `@`.
    digester: Digester,
    addresses: Digester,
    domain: &'static str,
    /// Whether values without an `@` become addresses, too.
    only_addresses: bool,
    names: SizedNames,
    size: Size,
}

impl Login {
    /// For `email` or `username`.
    pub(in super::super) fn build(
        transform: &'static str,
        domain: &'static str,
        size: Size,
        column: &Column,
        key: &MaskingKey,
    ) -> Compiled {
        if column.unique {
            return Err(SpecError::Unique {
                transform,
                why: "that is as long as its value can be the same for two short ones",
                instead: "use like, which preserves length and duplicates",
            });
        }
        // Of ASCII letters only, so that bytes need not be counted.
        let names = &*ADDRESS_NAMES;
        let names = names.first.iter().chain(&names.last).map(String::as_str);
        Ok(Box::new(Self {
            transform,
            digester: key.digester(Kind::Username),
            addresses: key.digester(Kind::Email),
            domain,
            only_addresses: transform == "email",
            names: SizedNames::new(names, Size::Length),
            size,
        }))
    }
}

/// How often another fake is tried where it is the value itself.
const ATTEMPTS: u8 = 64;

impl Transform for Login {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let (before, login, after) = surrounded(value);
        if !login.chars().any(char::is_alphanumeric) {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        for attempt in 0..ATTEMPTS {
            let fake = self.fake(login, attempt);
            if !fake.eq_ignore_ascii_case(login) {
                [before, &fake, after].iter().for_each(|part| out.push_str(part));
                return Ok(Masked::Value);
            }
        }
        Err(TransformError::Exhausted {
            transform: self.transform,
        })
    }
}

impl Login {
    fn fake(&self, login: &str, attempt: u8) -> String {
        let address = self.only_addresses || login.contains('@');
        let digester = if address { &self.addresses } else { &self.digester };
        let (digest, exact) = key::email(login, |canonical| {
            (digester.attempt(canonical, attempt), canonical == login)
        });
        let mut random = ChaCha8Rng::from_seed(digest);
        let chars = login.chars().count();
        let domain = if address {
            self.domain(chars, &mut random)
        } else {
            Some(String::new())
        };
        let Some(domain) = domain else {
            return scrambled(login, &mut random);
        };
        let local = self.local(chars - domain.len(), &digest, &mut random);
        let more = match self.size {
            Size::Length => 0,
            Size::Bytes => login.len() - chars,
        };
        let Some(local) = accented(&local, more) else {
            return scrambled(login, &mut random);
        };
        let mut fake = local + &domain;
        if !exact {
            vary_case(&mut fake, &digester.digest(login));
        }
        fake
    }

    /// What follows the local part of an address of so many characters; `None` where there is no room.
    fn domain(&self, chars: usize, random: &mut ChaCha8Rng) -> Option<String> {
        let own = 1 + self.domain.len();
        Some(match chars {
            0..=5 => return None,
            6..=7 => format!("@{}.zz", letter(random)),
            short if short <= own => format!("@{}.test", letter(random)),
            fits if fits - own <= 64 => format!("@{}", self.domain),
            long => format!("@{}.{}", self.words(long - LOCAL - own - 1, random), self.domain),
        })
    }

    /// So many characters of names, and a code behind them where there is room.
    fn local(&self, chars: usize, digest: &[u8; 32], random: &mut ChaCha8Rng) -> String {
        let length = if chars < 10 { chars } else { (chars / 2).min(13) };
        let mut local = if chars > length {
            self.words(chars - 1 - length, random) + "."
        } else {
            String::new()
        };
        code(digest, length, &mut local);
        local
    }

    /// Names with points between them.
    fn words(&self, chars: usize, random: &mut ChaCha8Rng) -> String {
        let mut words = String::with_capacity(chars);
        let mut left = chars;
        while left > 10 {
            let next = 5 + below(random, 4);
            words.push_str(&self.names.word(next, random));
            words.push('.');
            left -= next + 1;
        }
        words + &self.names.word(left, random)
    }
}

fn letter(random: &mut ChaCha8Rng) -> char {
    char::from(b"bcdfghjklmnpqrstvwxz"[below(random, 20)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::tests::{column, compiled, masked, refused, sized, spec};
    use super::*;

    fn made(name: &str, word: &str) -> Box<dyn Transform> {
        compiled(&spec(name, &format!("preserve = ['{word}']")), &column("text"))
    }

    #[test]
    fn addresses_of_each_length_are_at_domains_that_nobody_has() {
        let email = made("email", "length");
        for chars in 6..400 {
            let value = format!("{}@b.de", "a".repeat(chars - 5));
            let fake = masked(&*email, &value);
            assert_eq!(fake.len(), chars, "{fake}");
            let (local, domain) = fake.split_once('@').unwrap();
            let top = domain.rsplit('.').next().unwrap();
            let reserved = domain.ends_with("example.com") || matches!(top, "test" | "zz");
            assert!(reserved && !local.is_empty() && local.len() <= 64, "{fake}");
            assert!(
                !fake.contains("..") && !fake.contains(".@") && !fake.starts_with('.'),
                "{fake}"
            );
            assert!(
                domain.split('.').all(|label| (1..64).contains(&label.len())),
                "{fake}"
            );
        }
        assert_eq!(
            [
                masked(&*email, "anna@shop.example"),
                masked(&*email, "anna.kanari@mail.shop.example"),
                masked(&*email, "a@b.de"),
                masked(&*made("username", "length"), "anna_kanari_1983"),
            ],
            [
                "9rhub@example.com",
                "germaine.bg0j5y3y@example.com",
                "v@b.zz",
                "burnice.kkcn2uy1"
            ]
        );
    }

    #[test]
    fn one_person_gets_one_fake_and_short_columns_are_taken() {
        let email = made("email", "bytes");
        let fake = masked(&*email, "anna@shop.example");
        assert_eq!(
            masked(&*email, " Anna@shop.example ").to_lowercase(),
            format!(" {fake} ")
        );
        assert_ne!(masked(&*email, "Anna@shop.example"), fake);
        assert_eq!(masked(&*made("username", "bytes"), "anna@shop.example"), fake);
        compiled(&spec("email", "preserve = ['length']"), &sized(5));
        compiled(&spec("username", "preserve = ['length']"), &sized(1));
    }

    #[test]
    fn unique_columns_are_refused() {
        let unique = super::super::super::Column {
            unique: true,
            ..column("text")
        };
        for name in ["email", "username"] {
            let error = refused(&spec(name, "preserve = ['length']"), &unique).to_string();
            assert!(error.contains("the column is unique; use like"), "{error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn fakes_are_as_long_as_their_values(value in prop_oneof!["\\PC{0,40}", "[a-zÀ-ž]{1,9}@[a-z]{1,8}\\.[a-z]{2,3}", "[a-z0-9._é]{1,30}"]) {
            for name in ["email", "username"] {
                let fake = masked(&*made(name, "length"), &value);
                prop_assert_eq!(fake.chars().count(), value.chars().count());
                let fake = masked(&*made(name, "bytes"), &value);
                prop_assert_eq!((fake.len(), fake.chars().count()), (value.len(), value.chars().count()));
            }
        }
    }
}
