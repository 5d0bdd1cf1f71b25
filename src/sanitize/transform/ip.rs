//! `ip`: addresses that nobody has: of documentation (RFC 5737, RFC 3849) or private networks (RFC 1918, RFC 4193).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::text::scrambled;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "ip",
    summary: "replaces an IP address, version 4 or 6, by one of a range that nobody has",
    params: &[
        Param {
            name: "range",
            summary: "private (default; 10.0.0.0/8, fd00::/8) or documentation (192.0.2.0/24 and two more, 2001:db8::/32; of \
                      version 4 only 768 addresses)",
        },
        Param {
            name: "keep-prefix",
            summary: "true: the network stays, and only the last 8 bits of version 4 and 64 of version 6 are replaced",
        },
    ],
    accepts: &[Family::Network, Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

/// The longest address of version 6 as it is written, with the length of its network.
const LONGEST: usize = 43;

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    let documentation = params.choice("range", &["private", "documentation"])? == "documentation";
    let keep_prefix = params.flag("keep-prefix")?;
    if keep_prefix && params.get("range").is_some() {
        return Err(params.wrong("range", "left out where keep-prefix is given".to_owned()));
    }
    if column.base().starts_with("macaddr") {
        return Err(SpecError::Type {
            transform: ENTRY.name,
            type_name: column.type_name.clone(),
            accepts: "inet, cidr or text; use mac".to_owned(),
        });
    }
    match column.max_chars {
        Some(max_chars) if !column.fits(15) => Err(SpecError::Length {
            transform: ENTRY.name,
            needs: LONGEST,
            max_chars,
            instead: "use hmac or null",
        }),
        max_chars => Ok(Box::new(Ip {
            digester: key.digester(Kind::Ip),
            other: key.digester(Kind::Text),
            documentation,
            keep_prefix,
            network: column.base() == "cidr",
            room: max_chars.map_or(LONGEST, |max| max as usize),
        })),
    }
}

struct Ip {
    digester: Digester,
    other: Digester,
    documentation: bool,
    keep_prefix: bool,
    /// Whether the bits behind the prefix must be 0, as in `cidr`.
    network: bool,
    room: usize,
}

impl Transform for Ip {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let trimmed = value.trim();
        let (address, prefix) = match trimmed.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (trimmed, None),
        };
        let length: Option<u32> = prefix.and_then(|prefix| prefix.parse().ok());
        let Ok(address) = address.parse::<IpAddr>() else {
            return scrambled(&self.other, ENTRY.name, value, false, out);
        };
        // What means the host itself, or any, says nothing of a person.
        if address.is_loopback() || address.is_unspecified() {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        let canonical = address.to_canonical().to_string();
        let start = out.len();
        for attempt in 0..16 {
            let digest = self.digester.attempt(&canonical, attempt);
            let fake = match address {
                IpAddr::V4(address) => IpAddr::V4(self.version_4(address, &digest, length)),
                IpAddr::V6(address) => {
                    let fake = self.version_6(address, &digest, length);
                    IpAddr::V6(if self.keep_prefix {
                        fake
                    } else {
                        self.shortened(fake)
                    })
                }
            };
            let wide = self.network && fake == address;
            if fake != address || wide {
                out.push_str(&fake.to_string());
                if let Some(prefix) = prefix {
                    out.push('/');
                    out.push_str(prefix);
                }
                // A network so wide that there is no other stands for no person.
                if out[start..].chars().count() <= self.room {
                    return Ok(Masked::Value);
                }
                out.truncate(start);
            }
        }
        Err(TransformError::Exhausted {
            transform: ENTRY.name,
        })
    }
}

impl Ip {
    fn version_4(&self, address: Ipv4Addr, digest: &[u8; 32], length: Option<u32>) -> Ipv4Addr {
        let random = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        let (base, bits) = if self.keep_prefix {
            (address.to_bits(), 8)
        } else if self.documentation {
            let nets = [[192, 0, 2, 0], [198, 51, 100, 0], [203, 0, 113, 0]];
            (u32::from_be_bytes(nets[usize::from(digest[4]) % nets.len()]), 8)
        } else {
            (u32::from_be_bytes([10, 0, 0, 0]), 24)
        };
        let host = u32::MAX.checked_shr(32 - bits).unwrap_or(0);
        let fake = (base & !host) | (random & host);
        let keep = length.filter(|_| self.network).unwrap_or(32).min(32);
        Ipv4Addr::from_bits(fake & u32::MAX.checked_shl(32 - keep).unwrap_or(0))
    }

    /// An address with as many groups at its end as the column has room for: many are made for those of version 4 only.
    fn shortened(&self, fake: Ipv6Addr) -> Ipv6Addr {
        const WHOLE: usize = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".len();
        const GROUP: usize = ":ffff".len();
        if self.room >= WHOLE || self.network {
            return fake;
        }
        // With more there would be no zeros left that are written as "::".
        let (start, most) = if self.documentation {
            ("2001:db8::", 4)
        } else {
            ("fd00::", 5)
        };
        let groups = ((self.room.saturating_sub(start.len()) + 1) / GROUP).min(most);
        let network = if self.documentation {
            0x2001_0db8 << 96
        } else {
            0xfd << 120
        };
        let host = (1u128 << (16 * groups)) - 1;
        Ipv6Addr::from_bits(network | fake.to_bits() & host)
    }

    fn version_6(&self, address: Ipv6Addr, digest: &[u8; 32], length: Option<u32>) -> Ipv6Addr {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        let random = u128::from_be_bytes(bytes);
        let (base, bits) = if self.keep_prefix {
            (address.to_bits(), 64)
        } else if self.documentation {
            (0x2001_0db8 << 96, 96)
        } else {
            (0xfd << 120, 120)
        };
        let host = u128::MAX >> (128 - bits);
        let fake = (base & !host) | (random & host);
        let keep = length.filter(|_| self.network).unwrap_or(128).min(128);
        Ipv6Addr::from_bits(fake & u128::MAX.checked_shl(128 - keep).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::Ipv6Addr;

    use super::super::tests::{column, compiled, masked, refused, spec};
    use super::super::{Column, Spec};

    fn ip(params: &str, type_name: &str, value: &str) -> String {
        masked(&*compiled(&spec("ip", params), &column(type_name)), value)
    }

    #[test]
    fn fakes_are_of_the_range_and_of_the_version() {
        for n in 0..=255u8 {
            let v4 = format!("8.8.{n}.8");
            assert!(ip("", "inet", &v4).starts_with("10."));
            let fake = ip("range = 'documentation'", "text", &v4);
            assert!(
                ["192.0.2.", "198.51.100.", "203.0.113."]
                    .iter()
                    .any(|net| fake.starts_with(net)),
                "{fake}"
            );
            let fake = ip("keep-prefix = true", "text", &v4);
            assert!(fake.starts_with(&format!("8.8.{n}.")) && fake != v4);
            let v6 = format!("2a00:1450:4007:81{n:02x}::200e");
            assert!(ip("", "inet", &v6).starts_with("fd"));
            assert!(ip("range = 'documentation'", "inet", &v6).starts_with("2001:db8:"));
            assert!(ip("keep-prefix = true", "inet", &v6).starts_with("2a00:1450:4007:"));
        }
    }

    #[test]
    fn the_length_of_a_network_stays_and_cidr_has_no_bits_behind_it() {
        assert!(ip("", "inet", "8.8.8.8/16").ends_with("/16"));
        let fake = ip("", "cidr", "81.2.69.0/24");
        assert!(
            fake.starts_with("10.") && fake.ends_with(".0/24") && fake != "81.2.69.0/24",
            "{fake}"
        );
        assert!(ip("", "cidr", "2a00:1450::/32").ends_with("::/32"));
        assert_eq!(ip("", "cidr", "10.0.0.0/8"), "10.0.0.0/8");
    }

    #[test]
    fn one_address_has_one_fake_and_the_host_itself_stays() {
        assert_eq!(
            ip("", "text", "2A00:1450:0:0:0:0:0:1"),
            ip("", "inet", "2a00:1450::1")
        );
        for value in ["127.0.0.1", "::1", "0.0.0.0", "::", ""] {
            assert_eq!(ip("", "text", value), value);
        }
        assert_ne!(ip("", "text", "unknown"), "unknown");
    }

    #[test]
    fn a_column_that_takes_only_short_addresses_gets_short_ones() {
        for max_chars in 15..=43 {
            let column = Column {
                max_chars: Some(max_chars),
                ..column("character varying")
            };
            for params in ["", "range = 'documentation'"] {
                let ip = compiled(&spec("ip", params), &column);
                let mut seen = HashSet::new();
                for n in 0..500 {
                    let fake = masked(&*ip, &format!("2a00::{n:x}:1"));
                    assert!(
                        fake.len() <= max_chars as usize && fake.parse::<Ipv6Addr>().is_ok(),
                        "{fake}"
                    );
                    seen.insert(fake);
                }
                assert!(seen.len() > 480, "{max_chars} {}", seen.len());
            }
        }
        let narrow = Column {
            max_chars: Some(15),
            ..column("text")
        };
        let kept = compiled(&spec("ip", "keep-prefix = true"), &narrow);
        assert!(kept.apply("2a00:1450:4007:81::1", &mut String::new()).is_err());
    }

    #[test]
    fn other_types_and_senseless_parameters_are_refused() {
        refused(&Spec::named("ip"), &column("macaddr"));
        refused(&spec("ip", "keep-prefix = 1"), &column("inet"));
        refused(
            &spec("ip", "keep-prefix = true\nrange = 'private'"),
            &column("inet"),
        );
        refused(&spec("ip", "range = 'public'"), &column("inet"));
    }
}
