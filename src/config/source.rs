//! How a running original is named that is reached by its socket: `mariadb:///?socket=/run/mysqld/mysqld.sock&user=backup`.

use std::path::PathBuf;

/// A running server, asked with the service's own account and without a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketSource {
    /// Its socket.
    pub socket: PathBuf,
    /// The account of the server; by default that which is named like the service's own.
    pub user: Option<String>,
}

impl SocketSource {
    /// Reads the text of `source`; in words what is wrong with it, without the text.
    ///
    /// # Errors
    /// Where it is no such URL.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "this is no URL of a socket; write mariadb:///?socket=/run/mysqld/mysqld.sock";
        let rest = text.strip_prefix("mariadb://").ok_or(FORM)?;
        if rest.contains('@') {
            return Err(
                "the source holds an account before `@`; remove it, and name an account without a password by `&user=`",
            );
        }
        let query = rest.strip_prefix("/?").ok_or(FORM)?;
        let (mut socket, mut user) = (None, None);
        for part in query.split('&') {
            match part.split_once('=') {
                Some(("socket", path)) if path.starts_with('/') && path.len() < 108 => {
                    socket = Some(PathBuf::from(path));
                }
                Some(("user", name)) if is_plain(name) => user = Some(name.to_owned()),
                _ => return Err(FORM),
            }
        }
        socket.map(|socket| Self { socket, user }).ok_or(FORM)
    }
}

fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && !name.starts_with('-') && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_socket_and_perhaps_an_account() {
        let source = SocketSource::parse("mariadb:///?socket=/run/mysqld/mysqld.sock&user=backup").unwrap();
        assert_eq!(source.socket, PathBuf::from("/run/mysqld/mysqld.sock"));
        assert_eq!(source.user.as_deref(), Some("backup"));
        for wrong in [
            "mariadb://root:secret@localhost/shop",
            "mariadb:///shop",
            "mariadb:///?socket=relative",
            "mariadb:///?socket=/s&password=x",
            "mariadb:///?user=a",
            "mariadb:///?socket=/s&user=--help",
            "postgres:///shop",
        ] {
            assert!(SocketSource::parse(wrong).is_err(), "{wrong}");
        }
    }
}
