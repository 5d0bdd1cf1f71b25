//! `url`: another host, and a path of the same shape.

use super::letters::code;
use super::text::scrambled;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Params, SpecError, Transform, TransformError,
    Uniqueness,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "url",
    summary: "replaces the host of a URL by one below example.com and scrambles path and query; scheme, port, the ending of a \
              file and names of parameters stay, a login goes",
    params: &[],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

const DOMAIN: &str = ".example.com";
/// Characters of the code of a host.
const CODE: usize = 10;
/// `https://`, code and domain.
const LEAST: usize = 8 + CODE + DOMAIN.len();

fn build(_: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    match column.max_chars {
        Some(max_chars) if !column.fits(LEAST) => Err(SpecError::Length {
            transform: ENTRY.name,
            needs: LEAST,
            max_chars,
            instead: "use hmac or text",
        }),
        max_chars => Ok(Box::new(Url {
            host: key.digester(Kind::Host),
            other: key.digester(Kind::Text),
            room: max_chars.map_or(usize::MAX, |max| max as usize),
        })),
    }
}

struct Url {
    host: Digester,
    other: Digester,
    room: usize,
}

impl Transform for Url {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let start = out.len();
        let rest = match value.split_once("//") {
            Some((scheme, rest)) if is_scheme(scheme.trim_start()) => {
                out.push_str(scheme);
                out.push_str("//");
                let end = rest.find(['/', '?', '#', ' ']).unwrap_or(rest.len());
                self.authority(&rest[..end], out);
                &rest[end..]
            }
            _ => value,
        };
        self.path_and_query(rest, out)?;
        // A host that is longer than the one before may leave too little room: the end goes.
        if let Some((at, _)) = out[start..].char_indices().nth(self.room) {
            out.truncate(start + at);
        }
        if out[start..] != *value || !value.chars().any(char::is_alphanumeric) {
            return Ok(Masked::Value);
        }
        out.truncate(start);
        scrambled(&self.other, ENTRY.name, value, false, out)
    }
}

/// Whether the text before `//` is a scheme with its colon, or nothing.
fn is_scheme(text: &str) -> bool {
    text.is_empty()
        || text.strip_suffix(':').is_some_and(|name| {
            name.chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        })
}

impl Url {
    fn authority(&self, authority: &str, out: &mut String) {
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        // The colons of an IPv6 address stand in brackets.
        let port = host
            .rsplit_once(':')
            .filter(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
        let (host, port) = port.map_or((host, None), |(host, port)| (host, Some(port)));
        if !host.is_empty() {
            code(&self.host.digest(&host.to_lowercase()), CODE, out);
            out.push_str(DOMAIN);
        }
        if let Some(port) = port {
            out.push(':');
            out.push_str(port);
        }
    }

    fn path_and_query(&self, rest: &str, out: &mut String) -> Result<(), TransformError> {
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        let (path, query) = rest.split_at(end);
        for (at, segment) in path.split('/').enumerate() {
            if at > 0 {
                out.push('/');
            }
            let (name, ending) = match segment.rfind('.') {
                Some(dot) if dot > 0 && segment.len() - dot <= 6 => segment.split_at(dot),
                _ => (segment, ""),
            };
            self.piece(name, out)?;
            out.push_str(ending);
        }
        for (at, pair) in query.split_inclusive(['&', ';', '?', '#']).enumerate() {
            if at == 0 {
                out.push_str(pair);
                continue;
            }
            match pair.split_once('=') {
                Some((name, value)) => {
                    out.push_str(name);
                    out.push('=');
                    self.piece(value, out)?;
                }
                None => self.piece(pair, out)?,
            }
        }
        Ok(())
    }

    /// Text between separators. What is written as `%C3%A9` stays bytes in hexadecimal.
    fn piece(&self, text: &str, out: &mut String) -> Result<(), TransformError> {
        let mut rest = text;
        while let Some((plain, encoded)) = rest.split_once('%') {
            scrambled(&self.other, ENTRY.name, plain, false, out)?;
            let digits = encoded.bytes().take(2).take_while(u8::is_ascii_hexdigit).count();
            // Any character of ASCII letters does.
            out.push_str(if digits == 2 { "%78" } else { "%" });
            rest = encoded.get(if digits == 2 { 2 } else { 0 }..).unwrap_or_default();
        }
        scrambled(&self.other, ENTRY.name, rest, false, out)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused, sized};
    use super::*;

    fn url(value: &str) -> String {
        masked(&*compiled(&Spec::named("url"), &column("text")), value)
    }

    #[test]
    fn scheme_port_endings_and_names_stay_and_the_rest_goes() {
        let fake =
            url("https://anna:secret@shop.anna-smith.fr:8443/users/anna%C3%A9.jpg?mail=anna@x.fr&page=2#top");
        assert!(
            fake.starts_with("https://") && fake.contains(".example.com:8443/"),
            "{fake}"
        );
        assert!(
            fake.contains("%78%78.jpg?mail=") && fake.contains("&page="),
            "{fake}"
        );
        for original in ["anna", "secret", "shop", "users", "top"] {
            assert!(!fake.contains(original), "{fake}");
        }
        assert_eq!(fake.matches('/').count(), 4);
    }

    #[test]
    fn one_host_has_one_fake_whatever_follows_it() {
        let host = |text: &str| text.split('/').nth(2).unwrap().to_owned();
        assert_eq!(host(&url("https://a.fr/x")), host(&url("HTTP://A.FR/y")));
        assert_ne!(host(&url("https://a.fr/x")), host(&url("https://b.fr/x")));
    }

    #[test]
    fn paths_and_other_texts_are_scrambled() {
        let fake = url("/avatars/anna.png");
        assert!(
            fake.starts_with('/') && fake.contains(".png") && !fake.contains("anna"),
            "{fake}"
        );
        for value in [
            "anna",
            "www.anna.fr",
            "anna.smith",
            "x.y",
            "https://",
            "%",
            "a?b",
            "é/ü",
            "//",
            "?a",
        ] {
            let fake = url(value);
            assert!(
                fake != value || matches!(value, "https://" | "%" | "//"),
                "{value} {fake}"
            );
        }
        assert_eq!(url(""), "");
    }

    #[test]
    fn fakes_fit() {
        let short = compiled(&Spec::named("url"), &sized(30));
        assert!(masked(&*short, "https://a.fr/0123456789/123456").chars().count() <= 30);
        assert!(matches!(
            refused(&Spec::named("url"), &sized(29)),
            SpecError::Length { .. }
        ));
    }
}
