//! `generalize`: texts replaced by the group that they belong to.

use std::collections::BTreeMap;

use super::decimal::Decimal;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness,
};

pub(super) const ENTRY: Entry = Entry {
    name: "generalize",
    summary: "replaces texts by the group that they belong to: FR and DE by Europe, or 37 by 30-39",
    params: &[
        Param {
            name: "groups",
            summary: "the groups and what belongs to them: { Europe = [\"FR\", \"DE\"] }, compared without regard to case",
        },
        Param {
            name: "size",
            summary: "instead of groups, of numbers: how many make a group",
        },
        Param {
            name: "else",
            summary: "the group of everything else (default \"other\")",
        },
    ],
    accepts: &[Family::Text],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

fn build(params: &Params<'_>, column: &Column, _: &MaskingKey) -> Compiled {
    let size = params.number("size", 2, 1_000_000_000)?.map(|size| size as i128);
    let mut groups = BTreeMap::new();
    let expected = || params.wrong("groups", "a table of lists, each text in one of them".to_owned());
    match (params.get("groups"), size) {
        (Some(given), None) => {
            for (group, members) in given.as_table().ok_or_else(expected)? {
                fits(column, group)?;
                for member in members.as_array().ok_or_else(expected)? {
                    let member = member.as_str().ok_or_else(expected)?.trim().to_lowercase();
                    if groups.insert(member, group.clone()).is_some() {
                        return Err(expected());
                    }
                }
            }
        }
        (None, Some(_)) => {}
        (Some(_), Some(_)) => return Err(params.wrong("size", "left out where groups are given".to_owned())),
        (None, None) => return Err(params.missing("groups", "groups, or for numbers size")),
    }
    let otherwise = params.text("else")?.unwrap_or("other").to_owned();
    fits(column, &otherwise)?;
    Ok(Box::new(Generalize {
        groups,
        size,
        otherwise,
        column: column.clone(),
    }))
}

fn fits(column: &Column, group: &str) -> Result<(), SpecError> {
    match column.max_chars {
        Some(max_chars) if !column.holds(group) => Err(SpecError::Length {
            transform: ENTRY.name,
            needs: group.chars().count(),
            max_chars,
            instead: "give groups shorter names, or else",
        }),
        _ => Ok(()),
    }
}

struct Generalize {
    groups: BTreeMap<String, String>,
    size: Option<i128>,
    otherwise: String,
    column: Column,
}

impl Transform for Generalize {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        if value.trim().is_empty() {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        let group = match self.size {
            Some(size) => Decimal::read(value).map(|number| band(number, size)),
            None => self.groups.get(&value.trim().to_lowercase()).cloned(),
        };
        let group = group.filter(|group| self.column.holds(group));
        out.push_str(group.as_ref().unwrap_or(&self.otherwise));
        Ok(Masked::Value)
    }
}

fn band(number: Decimal, size: i128) -> String {
    let whole = number.mantissa.div_euclid(10i128.pow(number.scale.min(38)));
    let low = whole - whole.rem_euclid(size);
    format!("{low}-{}", low + size - 1)
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused, sized, spec};

    #[test]
    fn texts_become_their_group() {
        let groups = spec(
            "generalize",
            "groups = { Europe = ['FR', 'DE'], America = ['US'] }",
        );
        let generalize = compiled(&groups, &column("text"));
        assert_eq!(
            ["fr", "DE ", "US", "JP", ""].map(|value| masked(&*generalize, value)),
            ["Europe", "Europe", "America", "other", ""]
        );
        let bands = compiled(&spec("generalize", "size = 10\nelse = '?'"), &column("text"));
        assert_eq!(
            ["37", "30", "-1", "9.5", "old"].map(|value| masked(&*bands, value)),
            ["30-39", "30-39", "-10--1", "0-9", "?"]
        );
        let short = compiled(&spec("generalize", "size = 10\nelse = '?'"), &sized(3));
        assert_eq!(["7", "37"].map(|value| masked(&*short, value)), ["0-9", "?"]);
    }

    #[test]
    fn groups_that_do_not_fit_are_refused() {
        for params in [
            "",
            "groups = []",
            "groups = { a = 'b' }",
            "groups = { a = ['x'], b = ['X'] }",
            "groups = { a = ['x'] }\nsize = 5",
            "size = 1",
            "groups = { toolong = ['x'] }\nelse = ''",
            "size = 5\nelse = 'other'",
        ] {
            refused(&spec("generalize", params), &sized(4));
        }
        refused(&Spec::named("generalize"), &column("int4"));
    }
}
