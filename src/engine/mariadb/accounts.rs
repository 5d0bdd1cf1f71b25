//! Who gets in: nobody but envclone while a branch is sealed, by a password that exists for that long.

use crate::model::Secret;

use super::native_password::verifier;

/// envclone's own account, which goes at publish.
pub const OWN_ACCOUNT: &str = "envclone-sealed";
/// Where it and every other client of a branch comes from.
pub(super) const LOOPBACK: &str = "127.0.0.1";

/// What the URL needs.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The database.
    pub database: String,
    /// The account's name.
    pub user: String,
    /// Its new password.
    pub password: Secret,
}

/// Accounts that are no roles. The server takes nothing but the literal `true` for one.
pub(super) const OF_USERS: &str = "COALESCE(JSON_EXTRACT(Priv, '$.is_role'), 'false') <> 'true'";

/// What a row of an account is that the server and its functions for JSON may read in different ways, once all others have each of
/// these names once: one with a name twice, or written with escapes.
const AMBIGUOUS: &str = "LOCATE('\\\\u', Priv) > 0 OR COALESCE(JSON_EXTRACT(Priv, '$.is_role'), 'true') <> 'true' \
    OR Priv RLIKE '(?s)\"(is_role|plugin|authentication_string|auth_or|account_locked)\".*\"\\\\1\"'";

/// Accounts with something that a password may be compared with: a hash as `mysql_native_password` keeps it.
pub(super) const WITH_A_HASH: &str = "Priv RLIKE '[0-9A-Fa-f]{40}'";

/// What the first start runs before it takes any connection, a statement a line. The server goes on to serve whatever becomes of them;
/// but envclone's own account comes last, so that where one of them fails nobody gets in, and nothing is published.
///
/// Accounts stay, locked and with a verifier that none can match: views and routines are defined in their names.
pub(super) fn lock_all(password: &Secret) -> String {
    let own = format!("'{OWN_ACCOUNT}'@'{LOOPBACK}'");
    [
        "SET SESSION sql_log_bin = 0".to_owned(),
        "SET SESSION sql_mode = ''".to_owned(),
        // They would win over the accounts of whoever comes from loopback.
        "DELETE FROM mysql.global_priv WHERE User = ''".to_owned(),
        format!(
            "UPDATE mysql.global_priv SET Priv = JSON_SET(JSON_REMOVE(Priv, '$.auth_or', '$.authentication_string'), \
             '$.plugin', 'mysql_native_password', '$.authentication_string', 'invalid', '$.account_locked', true) WHERE {OF_USERS}"
        ),
        format!(
            "UPDATE mysql.global_priv SET Priv = JSON_REMOVE(Priv, '$.auth_or', '$.plugin', '$.authentication_string') WHERE NOT ({OF_USERS})"
        ),
        format!("DELETE FROM mysql.global_priv WHERE {AMBIGUOUS} OR {WITH_A_HASH}"),
        "FLUSH PRIVILEGES".to_owned(),
        format!(
            "CREATE OR REPLACE USER {own} IDENTIFIED VIA mysql_native_password USING '{}'",
            verifier(password)
        ),
        format!("GRANT ALL PRIVILEGES ON *.* TO {own} WITH GRANT OPTION"),
    ]
    .map(|statement| statement + ";\n")
    .concat()
}

/// Whether an account of this host lets in who comes from loopback, which the server takes for `localhost`, too.
pub(super) fn lets_loopback_in(host: &str) -> bool {
    let pattern = host.to_ascii_lowercase();
    ["localhost", LOOPBACK].iter().any(|from| like(from, &pattern))
}

/// SQL's `LIKE`, as far as hosts use it: `%` for anything, `_` for one character.
fn like(text: &str, pattern: &str) -> bool {
    let mut characters = pattern.chars();
    match characters.next() {
        None => text.is_empty(),
        Some('%') => {
            let rest = characters.as_str();
            text.char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .any(|at| like(&text[at..], rest))
        }
        Some(wanted) => {
            let mut own = text.chars();
            own.next().is_some_and(|found| wanted == '_' || wanted == found)
                && like(own.as_str(), characters.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_of_this_host_and_of_all_hosts_let_loopback_in() {
        for host in [
            "localhost",
            "LocalHost",
            "127.0.0.1",
            "%",
            "127.%",
            "127.0.0._",
            "local%",
        ] {
            assert!(lets_loopback_in(host), "{host}");
        }
        for host in [
            "10.0.0.%",
            "db.example.com",
            "::1",
            "",
            "127.0.0.2",
            "192.168.0.0/255.255.0.0",
        ] {
            assert!(!lets_loopback_in(host), "{host}");
        }
    }

    #[test]
    fn the_account_that_opens_the_door_is_made_when_all_others_are_locked() {
        let text = lock_all(&Secret::new("mariadb".to_owned()));
        let place = |what: &str| text.find(what).unwrap();
        assert!(place("account_locked") < place("FLUSH PRIVILEGES"));
        assert!(place("FLUSH PRIVILEGES") < place("CREATE OR REPLACE USER"));
        assert!(!text.contains("'mariadb'"), "a password is in a statement");
    }
}
