//! The URL of a branch's database.

use std::net::{IpAddr, SocketAddr};

use crate::model::{Secret, percent_encoded};

/// A URL as clients of MariaDB and MySQL read it; names are percent-encoded.
pub(super) fn url(user: &str, password: &Secret, host: IpAddr, port: u16, database: &str) -> Secret {
    Secret::new(format!(
        "mysql://{}:{}@{}/{}",
        percent_encoded(user),
        percent_encoded(password.reveal()),
        SocketAddr::new(host, port),
        percent_encoded(database)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_url_are_percent_encoded() {
        let password = Secret::new("p@:/".to_owned());
        let url = url("a b", &password, "::1".parse().unwrap(), 20001, "x/y");
        assert_eq!(url.reveal(), "mysql://a%20b:p%40%3A%2F@[::1]:20001/x%2Fy");
    }
}
