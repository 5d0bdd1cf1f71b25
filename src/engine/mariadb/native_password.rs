//! What `mysql_native_password` stores of a password.

use sha1::{Digest, Sha1};

use crate::model::{Secret, hex};

/// The verifier of a password, `*` and 40 hexadecimal digits: the password itself never reaches a statement.
pub(super) fn verifier(password: &Secret) -> String {
    let once = Sha1::digest(password.reveal().as_bytes());
    let twice = Sha1::digest(once);
    format!("*{}", hex(&twice).to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_is_that_of_the_server() {
        // SELECT PASSWORD('mariadb')
        let password = Secret::new("mariadb".to_owned());
        assert_eq!(verifier(&password), "*54958E764CE10E50764C2EECBB71D01F08549980");
    }
}
