//! The URL of a branch's database.

use crate::model::{Secret, percent_encoded};

/// A URL as libpq reads it; names are percent-encoded.
pub fn url(role: &str, password: &Secret, host: std::net::IpAddr, port: u16, database: &str) -> Secret {
    let host = std::net::SocketAddr::new(host, port);
    let text = format!(
        "postgres://{}:{}@{host}/{}",
        percent_encoded(role),
        percent_encoded(password.reveal()),
        percent_encoded(database)
    );
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_url_are_percent_encoded() {
        let url = url(
            "a b",
            &Secret::new("p@:/".to_owned()),
            "::1".parse().unwrap(),
            20001,
            "x/y",
        );
        assert_eq!(url.reveal(), "postgres://a%20b:p%40%3A%2F@[::1]:20001/x%2Fy");
    }
}
