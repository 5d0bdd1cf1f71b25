//! `password`: the stored hash of one password that everybody knows, so that any account of a branch can be tried.
//!
//! The hashes are constants, made once (Django 4.2's number of rounds, bcrypt cost 10, argon2id with the OWASP minimum of
//! 19 MiB). Those of bcrypt and argon2id were checked with the libraries of those names, Django's is by a test here; those of
//! `phpass`, Drupal 7 and `WordPress` follow the published algorithms and were not tried on those applications. A hash for each row
//! would cost a tenth of a second a row and protect a password that is printed here.

use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness,
};

pub(super) const ENTRY: Entry = Entry {
    name: "password",
    summary: "replaces a stored password by the hash of \"envclone-Test-1\", which then opens every account of the branch",
    params: &[Param {
        name: "framework",
        summary: "whose form of hash: django, laravel, rails, symfony, wordpress (6.8 and newer), wordpress-phpass (older), \
                  drupal (10.1 and newer), drupal7, or the scheme bcrypt or argon2id; required",
    }],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::Lossy,
    build,
};

/// The password of every account.
#[cfg(test)]
const PASSWORD: &str = "envclone-Test-1";

const DJANGO: &str =
    "pbkdf2_sha256$600000$envclone0test0salt0000$f67XEu7WE75MCCdajhP9K6qIpb6UbeYnnNx2blZOXj8=";
const BCRYPT_2Y: &str = "$2y$10$sNKSoTY7Q.VI4AUfoCqjre28piDlbewLKNrR9BLw5Hh/yzefTxna2";
/// Ruby's bcrypt writes `2a`; for a password of ASCII the three letters mean the same.
const BCRYPT_2A: &str = "$2a$10$sNKSoTY7Q.VI4AUfoCqjre28piDlbewLKNrR9BLw5Hh/yzefTxna2";
const BCRYPT_2B: &str = "$2b$10$sNKSoTY7Q.VI4AUfoCqjre28piDlbewLKNrR9BLw5Hh/yzefTxna2";
/// bcrypt of the base64 of HMAC-SHA384 under the key `wp-sha384`.
const WORDPRESS: &str = "$wp$2y$10$phRVu508DZT.aEMKPHiN3ukQhDHnsY9ZIPrnJbjIYNNxevIZvdDCe";
const PHPASS: &str = "$P$BenvcloneCR81RpPhWxHlCIjUyGn7h0";
const DRUPAL_7: &str = "$S$DenvclonesXTv3DCIT66gYZtd4R0d2agxUR8chLVXZfpe6RKOkal";
const ARGON2ID: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Jlct1hZOaN3rcO2D6wVGmw$qQAhaVPQI2aqWhZTLwjhZfDVRPJp8vbDAnIV7wFUTtE";

const FRAMEWORKS: [&str; 10] = [
    "django",
    "laravel",
    "rails",
    "symfony",
    "wordpress",
    "wordpress-phpass",
    "drupal",
    "drupal7",
    "bcrypt",
    "argon2id",
];

fn build(params: &Params<'_>, column: &Column, _: &MaskingKey) -> Compiled {
    let hash = match params.optional_choice("framework", &FRAMEWORKS)? {
        None => {
            return Err(SpecError::Missing {
                transform: ENTRY.name,
                param: "framework",
                expected: "whose form of hash, such as django or bcrypt",
            });
        }
        Some("django") => DJANGO,
        Some("rails") => BCRYPT_2A,
        Some("bcrypt") => BCRYPT_2B,
        Some("wordpress") => WORDPRESS,
        Some("wordpress-phpass") => PHPASS,
        Some("drupal7") => DRUPAL_7,
        Some("argon2id") => ARGON2ID,
        // PHP's password_hash().
        Some(_) => BCRYPT_2Y,
    };
    match column.max_chars {
        Some(max_chars) if !column.fits(hash.len()) => Err(SpecError::Length {
            transform: ENTRY.name,
            needs: hash.len(),
            max_chars,
            instead: "use another framework, or fixed",
        }),
        _ => Ok(Box::new(Password(hash))),
    }
}

struct Password(&'static str);

impl Transform for Password {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        // An account without a password stays one that nobody can enter by it.
        out.push_str(if value.trim().is_empty() { value } else { self.0 });
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused, sized, spec};
    use super::*;

    fn hash(framework: &str) -> String {
        let spec = spec("password", &format!("framework = '{framework}'"));
        masked(&*compiled(&spec, &column("text")), "$2y$10$original")
    }

    #[test]
    fn each_framework_gets_the_form_that_it_reads() {
        for (framework, start, length) in [
            ("django", "pbkdf2_sha256$600000$", 88),
            ("laravel", "$2y$10$", 60),
            ("symfony", "$2y$10$", 60),
            ("drupal", "$2y$10$", 60),
            ("rails", "$2a$10$", 60),
            ("bcrypt", "$2b$10$", 60),
            ("wordpress", "$wp$2y$10$", 63),
            ("wordpress-phpass", "$P$B", 34),
            ("drupal7", "$S$D", 55),
            ("argon2id", "$argon2id$v=19$", 97),
        ] {
            let hash = hash(framework);
            assert!(
                hash.starts_with(start) && hash.len() == length,
                "{framework} {}",
                hash.len()
            );
        }
        assert!(ENTRY.summary.contains(PASSWORD));
    }

    #[test]
    fn djangos_hash_is_that_of_the_password() {
        let [_, rounds, salt, _] = DJANGO.split('$').collect::<Vec<_>>()[..] else {
            panic!()
        };
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(PASSWORD.as_bytes()).unwrap();
        let of =
            |bytes: &[u8]| -> [u8; 32] { mac.clone().chain_update(bytes).finalize().into_bytes().into() };
        let mut block = of(&[salt.as_bytes(), &[0, 0, 0, 1]].concat());
        let mut sum = block;
        for _ in 1..rounds.parse::<u32>().unwrap() {
            block = of(&block);
            sum.iter_mut().zip(block).for_each(|(one, other)| *one ^= other);
        }
        // python3: base64.b64decode('f67XEu7WE75MCCdajhP9K6qIpb6UbeYnnNx2blZOXj8=').hex()
        assert_eq!(crate::model::hex(&sum), DJANGO_HEX);
    }
    const DJANGO_HEX: &str = "7faed712eed613be4c08275a8e13fd2baa88a5be946de6279cdc766e564e5e3f";

    #[test]
    fn accounts_without_a_password_stay_so_and_parameters_are_checked() {
        let django = spec("password", "framework = 'django'");
        assert_eq!(masked(&*compiled(&django, &column("text")), ""), "");
        assert!(matches!(
            refused(&django, &sized(64)),
            SpecError::Length { needs: 88, .. }
        ));
        assert!(matches!(
            refused(&Spec::named("password"), &column("text")),
            SpecError::Missing { .. }
        ));
        refused(&spec("password", "framework = 'md5'"), &column("text"));
    }
}
