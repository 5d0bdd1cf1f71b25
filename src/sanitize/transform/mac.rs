//! `mac`: hardware addresses that are administered locally: no maker gives them out.

use super::text::scrambled;
use super::written::{compact, write_alike};
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness,
};
use crate::sanitize::key::{Digester, Kind};

pub(super) const ENTRY: Entry = Entry {
    name: "mac",
    summary: "replaces a hardware address, of 6 or 8 bytes, by one that is administered locally, written in the same way",
    params: &[Param {
        name: "keep-vendor",
        summary: "true: the maker's three bytes stay, but for the bit that says that the address is administered locally",
    }],
    accepts: &[Family::Network, Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

fn build(params: &Params<'_>, column: &Column, key: &MaskingKey) -> Compiled {
    if column.family() == Family::Network && !column.base().starts_with("macaddr") {
        return Err(SpecError::Type {
            transform: ENTRY.name,
            type_name: column.type_name.clone(),
            accepts: "macaddr, macaddr8 or text; use ip".to_owned(),
        });
    }
    Ok(Box::new(Mac {
        digester: key.digester(Kind::Mac),
        other: key.digester(Kind::Text),
        keep_vendor: params.flag("keep-vendor")?,
    }))
}

struct Mac {
    digester: Digester,
    other: Digester,
    keep_vendor: bool,
}

impl Transform for Mac {
    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        let code = compact(value);
        if !matches!(code.len(), 12 | 16) || !code.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return scrambled(&self.other, ENTRY.name, value, false, out);
        }
        for attempt in 0..16 {
            let digest = self.digester.attempt(&code, attempt);
            let mut fake = String::with_capacity(code.len());
            for at in 0..code.len() / 2 {
                let own = u8::from_str_radix(&code[at * 2..at * 2 + 2], 16).unwrap_or_default();
                let byte = if self.keep_vendor && at < 3 {
                    own
                } else {
                    digest[at]
                };
                // Not for a group, and administered locally (IEEE 802).
                let byte = if at == 0 {
                    (byte & 0b1111_1100) | 0b10
                } else {
                    byte
                };
                fake.push_str(&format!("{byte:02X}"));
            }
            if fake != code {
                write_alike(value, &fake, out);
                return Ok(Masked::Value);
            }
        }
        Err(TransformError::Exhausted {
            transform: ENTRY.name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused, spec};

    fn mac(params: &str, value: &str) -> String {
        masked(&*compiled(&spec("mac", params), &column("text")), value)
    }

    #[test]
    fn fakes_are_local_and_written_as_the_value() {
        for value in [
            "00:1a:2b:3c:4d:5e",
            "00-1A-2B-3C-4D-5E",
            "001a.2b3c.4d5e",
            "001A2B3C4D5E",
            "00:1a:2b:ff:fe:3c:4d:5e",
        ] {
            let fake = mac("", value);
            let shape = |text: &str| {
                text.chars()
                    .map(|c| if c.is_ascii_hexdigit() { 'x' } else { c })
                    .collect::<String>()
            };
            assert_eq!(shape(&fake), shape(value));
            assert_eq!(u8::from_str_radix(&fake[..2], 16).unwrap() & 3, 2, "{fake}");
            assert_eq!(value.contains('A'), fake == fake.to_uppercase());
        }
        assert_eq!(
            mac("", "001a2b3c4d5e"),
            mac("", "00:1a:2b:3c:4d:5e").replace(':', "")
        );
    }

    #[test]
    fn the_maker_can_stay() {
        assert!(mac("keep-vendor = true", "00:1a:2b:3c:4d:5e").starts_with("02:1a:2b:"));
    }

    #[test]
    fn what_is_no_such_address_is_scrambled_and_other_types_are_refused() {
        assert_ne!(mac("", "printer"), "printer");
        assert_eq!(mac("", ""), "");
        refused(&Spec::named("mac"), &column("inet"));
    }
}
