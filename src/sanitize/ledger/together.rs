//! Rules to begin with for columns of one row that belong together: the parts of a name, of an address, a key and its value.

use super::super::detect::{self, Finding, PersonalKind as Kind};
use super::super::schema::{Column, Table, TypeFamily};
use super::super::transform::Spec;
use super::ground::Ground;
use super::suggestion::is_fixed;

/// A rule that reads other columns of the row, and what the column is taken for where it alone did not tell.
pub(super) type Together = Option<(Spec, Option<Finding>)>;

/// The rule that suits this column beside its neighbours, if they belong together.
pub(super) fn specs(
    ground: &Ground<'_>,
    table: &Table,
    column: &Column,
    found: Option<&Finding>,
) -> Together {
    if column.family == TypeFamily::Text
        && let Some(together) = by_key(ground, table, column, found)
    {
        return Some(together);
    }
    let part = found?.kind;
    let spec = match part {
        Kind::FirstName | Kind::LastName | Kind::FullName | Kind::Username => {
            person(ground, table, column, part)
        }
        Kind::Street | Kind::City | Kind::Postcode | Kind::Region | Kind::Country => {
            address(ground, table, column, part)
        }
        _ => None,
    };
    spec.map(|spec| (spec, None))
}

/// Columns of one person or address in this table, with what they hold: those that a transform can be put on.
fn group<'a>(
    ground: &Ground<'_>,
    table: &'a Table,
    column: &Column,
    kinds: &[Kind],
) -> Vec<(&'a Column, Kind)> {
    let owner = detect::owner(&column.name);
    let of_group = |other: &'a Column| {
        let node = (table.name.clone(), other.name.clone());
        if other.family != TypeFamily::Text || detect::owner(&other.name) != owner || is_fixed(ground, &node)
        {
            return None;
        }
        let kind = ground.finding(&node)?.kind;
        kinds.contains(&kind).then_some((other, kind))
    };
    table.columns.iter().filter_map(of_group).collect()
}

/// Parts of a person. Where the row has the person's e-mail address, it says who that is: `email` then gives the same name
/// wherever the address stands.
fn person(ground: &Ground<'_>, table: &Table, column: &Column, part: Kind) -> Option<Spec> {
    let kinds = [
        Kind::FirstName,
        Kind::LastName,
        Kind::FullName,
        Kind::Username,
        Kind::Email,
    ];
    let group = group(ground, table, column, &kinds);
    if group.len() < 2 {
        return None;
    }
    let mut addresses = group.iter().filter(|(_, kind)| *kind == Kind::Email);
    let mut params = match (addresses.next(), addresses.next()) {
        (Some((email, _)), None) => vec![("of", email.name.clone())],
        _ => whose(ground, table, column)?,
    };
    params.push((
        "part",
        match part {
            Kind::FirstName => "first",
            Kind::LastName => "last",
            Kind::Username => "username",
            _ => "full",
        }
        .to_owned(),
    ));
    Some(spec("person", params))
}

/// Parts of an address.
fn address(ground: &Ground<'_>, table: &Table, column: &Column, part: Kind) -> Option<Spec> {
    let kinds = [
        Kind::Street,
        Kind::City,
        Kind::Postcode,
        Kind::Region,
        Kind::Country,
    ];
    let group = group(ground, table, column, &kinds);
    let alone = group.len() < 2;
    // A street alone may be a whole address; a second line of one holds anything.
    let first_street = group
        .iter()
        .find(|(_, kind)| *kind == Kind::Street)
        .is_none_or(|(street, _)| street.name == column.name);
    if part == Kind::Street && (alone || !first_street) {
        return None;
    }
    let mut params = whose(ground, table, column)?;
    let part = match part {
        Kind::City => "city",
        Kind::Postcode => "postcode",
        Kind::Region => "region",
        Kind::Country => "country",
        _ => "street",
    };
    params.push(("part", part.to_owned()));
    Some(spec("address", params))
}

fn spec(name: &str, params: Vec<(&'static str, String)>) -> Spec {
    let params = params
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()));
    Spec {
        name: name.to_owned(),
        params: params.collect(),
    }
}

/// The key of the row, and what it counts: the same number means something else in another table.
fn whose(ground: &Ground<'_>, table: &Table, column: &Column) -> Option<Vec<(&'static str, String)>> {
    let mut keys = table.columns.iter().filter(|column| column.primary_key);
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) if !key.generated && key.name != column.name => key,
        _ => return None,
    };
    let (of, _) = ground.referred_to(
        ground.tables.table(&table.name)?,
        ground.column(&(table.name.clone(), key.name.clone()))?.1,
    );
    let mut entity = of.name.name.clone();
    let owner = detect::owner(&column.name);
    if !owner.is_empty() {
        entity = format!("{entity} {owner}");
    }
    if entity.contains('\0') {
        return None;
    }
    Some(vec![("of", key.name.clone()), ("entity", entity)])
}

/// Most keys that a rule lists.
const KEYS: usize = 40;

/// In a table of keys and values, each personal key decides; other values are looked through.
fn by_key(ground: &Ground<'_>, table: &Table, column: &Column, found: Option<&Finding>) -> Together {
    let holder = key_of(table, column)?;
    let samples = ground.evidence.samples;
    let mut keys = samples(&table.name, &holder.name);
    keys.sort_unstable();
    keys.dedup();
    let target = ground.target(table, column);
    let fits = |spec: &&Spec| super::transform::compile(spec, &target, ground.evidence.key).is_ok();
    let mut rules = toml::Table::new();
    // A key that is no plain word could be a value of a row.
    for key in keys
        .iter()
        .filter(|key| is_word(key) && detect::speaks_clearly(key))
        .take(KEYS)
    {
        let suggested = detect::suggest_by_name(key, &target);
        if let Some(spec) = suggested.iter().find(fits) {
            rules.insert(key.clone(), detect::inner(spec));
        }
    }
    if rules.is_empty() {
        return None;
    }
    let values = samples(&table.name, &column.name);
    let other = detect::any_value(&target, &values)
        .into_iter()
        .find(|spec| fits(&spec))?;
    let mut spec = Spec::named("by-key");
    spec.params.insert("key".to_owned(), holder.name.clone().into());
    spec.params.insert("rules".to_owned(), rules.into());
    spec.params.insert("else".to_owned(), detect::inner(&other));
    let taken_for = found.cloned().unwrap_or_else(|| Finding {
        kind: Kind::Structured,
        confidence: 0.7,
        evidence: vec!["name", "validator"],
    });
    Some((spec, Some(taken_for)))
}

fn is_word(key: &str) -> bool {
    key.len() <= 60
        && key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// The column of keys beside a column of values: `meta_key` beside `meta_value`, `name` beside `value`.
fn key_of<'a>(table: &'a Table, column: &Column) -> Option<&'a Column> {
    const KEYS: [&str; 8] = [
        "key",
        "name",
        "code",
        "field",
        "attribute",
        "property",
        "option",
        "setting",
    ];
    let name = column.name.to_ascii_lowercase();
    let stem = name.strip_suffix("value")?;
    let is = |other: &Column, key: &str| {
        let other_name = other.name.to_ascii_lowercase();
        let rest = other_name.strip_prefix(stem);
        let rest = rest.or_else(|| other_name.strip_prefix(stem.trim_end_matches('_')));
        other.family == TypeFamily::Text && !other.generated && rest == Some(key)
    };
    let named = |key: &&str| table.columns.iter().find(|other| is(other, key));
    KEYS.iter().find_map(named)
}
