//! What `zfs` and `zpool` print with `-Hp`, read strictly. Tested on literal output of ZFS 2.1, 2.3 and 2.4 (`parse/`).
//!
//! Values of user properties may hold tabs and line breaks, and whoever may set them may imitate lines. So only columns
//! `name,property,value,source` are asked for, of named properties; what was not asked for, is missing, or comes twice
//! makes the answer unreadable, which is an error, never a wrong answer.

use std::collections::BTreeMap;

/// The program printed what it should not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{command}` printed what is not understood: {line:?}")]
pub struct Unreadable {
    command: &'static str,
    line: String,
}

fn unreadable(command: &'static str, line: &str) -> Unreadable {
    Unreadable {
        command,
        line: line.chars().take(200).collect(),
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The property has none (`-`): it cannot be set, or is not there.
    None,
    /// Set on the object itself.
    Local,
    /// Nobody set it.
    Default,
    /// Inherited, received, or only for this mount.
    Elsewhere,
}

/// The value of one property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) value: String,
    pub(super) source: Source,
}

/// The properties of one dataset or snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    cells: BTreeMap<String, Cell>,
}

impl Facts {
    /// The value of a property; `-` where it has none.
    pub(super) fn value(&self, property: &str) -> &str {
        self.cells.get(property).map_or("-", |cell| cell.value.as_str())
    }

    /// The value, if it was set on the object itself.
    pub(super) fn local(&self, property: &str) -> Option<&str> {
        let cell = self.cells.get(property)?;
        (cell.source == Source::Local).then_some(cell.value.as_str())
    }

    /// The value, unless nobody set it anywhere.
    pub(super) fn chosen(&self, property: &str) -> Option<&str> {
        let cell = self.cells.get(property)?;
        let chosen = matches!(cell.source, Source::Local | Source::Elsewhere);
        (chosen && cell.value != "-").then_some(cell.value.as_str())
    }

    /// A property that is a number.
    pub(super) fn number(&self, property: &'static str) -> Result<u64, Unreadable> {
        number(property, self.value(property))
    }
}

/// Facts by name, of everything that the program told of.
pub(super) type Table = BTreeMap<String, Facts>;

/// Reads the answer of `zfs get -Hp -o name,property,value,source PROPERTIES …`. `asked` says whether a name was asked for.
pub(super) fn table(
    text: &str,
    properties: &[&str],
    asked: impl Fn(&str) -> bool,
) -> Result<Table, Unreadable> {
    let command = "zfs get";
    let mut table = Table::new();
    for line in text.lines() {
        let wrong = || unreadable(command, line);
        let mut fields = line.split('\t');
        let (Some(name), Some(property), Some(value), Some(source), None) = (
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
        ) else {
            return Err(wrong());
        };
        let source = source_of(source).ok_or_else(wrong)?;
        if name.is_empty() || !asked(name) || !properties.contains(&property) {
            return Err(wrong());
        }
        let value = value.to_owned();
        let cells = &mut table.entry(name.to_owned()).or_default().cells;
        if cells
            .insert(property.to_owned(), Cell { value, source })
            .is_some()
        {
            return Err(wrong());
        }
    }
    match table
        .iter()
        .find(|(_, facts)| facts.cells.len() != properties.len())
    {
        Some((name, _)) => Err(unreadable(command, name)),
        None => Ok(table),
    }
}

/// Reads the answer of `zfs list -H -o name … DATASET`: the dataset and what `asked` says may be listed with it.
pub(super) fn names(
    text: &str,
    dataset: &str,
    asked: impl Fn(&str) -> bool,
) -> Result<Vec<String>, Unreadable> {
    let command = "zfs list";
    let names: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Some(wrong) = names.iter().find(|name| name.contains('\t') || !asked(name)) {
        return Err(unreadable(command, wrong));
    }
    // What was cut short must not tell that something is not there.
    if names.iter().any(|name| name == dataset) {
        Ok(names)
    } else {
        Err(unreadable(command, text))
    }
}

/// Checks that these are among what was told of.
pub(super) fn check_all_there(table: &Table, names: &[&str]) -> Result<(), Unreadable> {
    match names.iter().find(|name| !table.contains_key(**name)) {
        Some(missing) => Err(unreadable("zfs get", &format!("nothing of {missing}"))),
        None => Ok(()),
    }
}

fn source_of(text: &str) -> Option<Source> {
    match text {
        "-" => Some(Source::None),
        "local" => Some(Source::Local),
        "default" => Some(Source::Default),
        "received" | "temporary" => Some(Source::Elsewhere),
        other => other
            .strip_prefix("inherited from ")
            .filter(|from| !from.is_empty())
            .map(|_| Source::Elsewhere),
    }
}

/// Reads the answer of `zpool get -Hp -o property,value health,readonly POOL`.
pub(super) fn pool_state(text: &str) -> Result<(String, bool), Unreadable> {
    let command = "zpool get";
    let lines: Vec<&str> = text.lines().collect();
    let [health, readonly] = lines.as_slice() else {
        return Err(unreadable(command, text));
    };
    let health = health.strip_prefix("health\t").filter(|state| plain(state));
    let readonly = match *readonly {
        "readonly\toff" => Some(false),
        "readonly\ton" => Some(true),
        _ => None,
    };
    health
        .map(str::to_owned)
        .zip(readonly)
        .ok_or_else(|| unreadable(command, text))
}

fn plain(state: &str) -> bool {
    !state.is_empty() && state.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The tags in the answer of `zfs holds -H SNAPSHOT`: name, tag and time, in which there are blanks.
pub(super) fn holds(text: &str, snapshot: &str) -> Result<Vec<String>, Unreadable> {
    text.lines()
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            match fields.as_slice() {
                [name, tag, _time] if *name == snapshot && !tag.is_empty() => Ok((*tag).to_owned()),
                _ => Err(unreadable("zfs holds", line)),
            }
        })
        .collect()
}

/// The version in `/sys/module/zfs/version`: `2.3.9-1`, `2.2.2-0ubuntu9.1`, `2.4.0-rc1`.
pub(super) fn version(text: &str) -> Result<(u32, u32), Unreadable> {
    let wrong = || unreadable("/sys/module/zfs/version", text);
    let line = text.strip_suffix('\n').unwrap_or(text);
    let mut parts = line.splitn(3, '.');
    let (major, minor, rest) = (parts.next(), parts.next(), parts.next());
    if !rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        return Err(wrong());
    }
    let part = |text: Option<&str>| {
        let text = text.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
        text.and_then(|text| text.parse().ok()).ok_or_else(wrong)
    };
    Ok((part(major)?, part(minor)?))
}

fn number(property: &'static str, text: &str) -> Result<u64, Unreadable> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(unreadable("zfs get", &format!("{property} {text}")));
    }
    text.parse()
        .map_err(|_| unreadable("zfs get", &format!("{property} {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ZFS 2.3.9, `zfs get -Hp -o name,property,value,source …`.
    const CLONE: &str = "tank/e1files\tguid\t16542035767320945260\t-
tank/e1files\torigin\ttank/shop/files@e1\t-
tank/e1files\tquota\t0\tdefault
tank/e1files\tcompression\tlz4\tinherited from tank
tank/e1files\tsetuid\toff\tlocal
tank/e1files\tenvclone:mark\t-\t-
";
    const PROPERTIES: [&str; 6] = [
        "guid",
        "origin",
        "quota",
        "compression",
        "setuid",
        "envclone:mark",
    ];

    fn read(text: &str) -> Result<Table, Unreadable> {
        table(text, &PROPERTIES, |name| name == "tank/e1files")
    }

    #[test]
    fn properties_are_read_with_their_sources() {
        let table = read(CLONE).unwrap();
        let facts = &table["tank/e1files"];
        assert_eq!(facts.number("guid").unwrap(), 16_542_035_767_320_945_260);
        assert_eq!(facts.value("origin"), "tank/shop/files@e1");
        assert_eq!(facts.local("setuid"), Some("off"));
        assert_eq!(facts.local("compression"), None, "inherited");
        assert_eq!(facts.local("envclone:mark"), None, "not set");
        assert!(facts.number("compression").is_err());
        assert_eq!(read("").unwrap(), Table::new());
    }

    /// What the programs of each version printed for one pool.
    const PRINTED: [(&str, &str); 3] = [
        ("2.1.11", include_str!("parse/printed-2.1.11.txt")),
        ("2.3.9", include_str!("parse/printed-2.3.9.txt")),
        ("2.4.4", include_str!("parse/printed-2.4.4.txt")),
    ];

    /// The answer to the command that asks for these properties, and those.
    fn answer<'a>(printed: &'a str, asked: &str) -> (&'a str, Vec<&'a str>) {
        let found = printed.split("$ ").find(|part| part.contains(asked)).unwrap();
        let (command, answer) = found.split_once('\n').unwrap();
        let mut words = command.split(' ').skip_while(|word| !word.starts_with("name,"));
        let list = words.nth(1).unwrap_or_default();
        (answer, list.split(',').collect())
    }

    #[test]
    fn what_the_programs_of_each_version_print_is_read() {
        for (version, printed) in PRINTED {
            let read = |asked: &str| {
                let (answer, properties) = answer(printed, asked);
                table(answer, &properties, |name| name.starts_with("tank")).unwrap()
            };
            let root = read("encryption,createtxg");
            assert_eq!(root.len(), 3, "{version}");
            assert_eq!(
                root["tank/shop/db"].number("guid").unwrap(),
                9_146_191_438_901_757_535
            );
            assert_eq!(root["tank/shop/group"].local("canmount"), Some("off"));
            assert_eq!(root["tank/shop"].chosen("mountpoint"), Some("/tank/shop"));
            assert_eq!(root["tank/shop"].number("referenced").unwrap(), 24576);

            let snapshot = "tank/shop@envclone-0000000000000001-ab12";
            let ours = read("origin,userrefs");
            assert_eq!(ours["tank/envclone/c"].value("origin"), snapshot);
            assert_eq!(
                ours["tank/envclone/c"].local("envclone:run"),
                Some("0000000000000001")
            );
            assert_eq!(ours["tank/envclone/c"].local("envclone:husk"), None);
            assert_eq!(ours[snapshot].value("clones"), "tank/envclone/c");
            assert_eq!(read("defer_destroy")[snapshot].value("userrefs"), "0");

            let copied = &read("special_small_blocks")["tank/envclone/c"];
            assert_eq!(
                (copied.value("recordsize"), copied.chosen("refquota")),
                ("131072", None)
            );
            assert_eq!(copied.chosen("compression"), Some("lz4"));
            let secret = &read("keystatus tank/secret")["tank/secret"];
            assert_eq!(secret.value("keystatus"), "unavailable");
            assert_eq!(
                read("used,available")["tank"].number("available").unwrap(),
                368_625_664
            );

            let holder = "tank/shop/db@envclone-0000000000000001-ab12";
            let (held, _) = answer(printed, "holds");
            assert_eq!(holds(held, holder).unwrap(), ["keep me"], "{version}");
            let (state, _) = answer(printed, "health,readonly");
            assert_eq!(pool_state(state).unwrap(), ("ONLINE".to_owned(), false));
        }
    }

    #[test]
    fn sources_of_all_versions_are_known_and_others_are_not() {
        for source in [
            "-",
            "default",
            "local",
            "received",
            "temporary",
            "inherited from tank/a b",
        ] {
            assert!(source_of(source).is_some(), "{source}");
        }
        for source in ["", "none", "inherited", "inherited from ", "Local"] {
            assert!(source_of(source).is_none(), "{source}");
        }
    }

    #[test]
    fn too_few_and_too_many_columns_are_unreadable() {
        for (from, to) in [
            ("\tlocal", ""),
            ("\tlocal", "\tlocal\t"),
            ("envclone:mark\t-\t-", "envclone:mark\thas\ttab\tlocal"),
            ("envclone:mark\t-\t-", "envclone:mark\tline\nbreak\tlocal"),
            ("setuid\toff", "devices\toff"),
            ("tank/e1files\tsetuid", "tank/e2files\tsetuid"),
            ("tank/e1files\tquota\t0\tdefault\n", ""),
        ] {
            assert!(read(&CLONE.replacen(from, to, 1)).is_err(), "{from:?} -> {to:?}");
        }
    }

    #[test]
    fn a_value_that_imitates_lines_is_unreadable() {
        let forged = "x\tlocal\ntank/e1files\tguid\t1\t-\ntank/e1files\tenvclone:mark\tmine\tlocal";
        let text = CLONE.replacen("envclone:mark\t-\t-", &format!("envclone:mark\t{forged}"), 1);
        assert!(read(&text).is_err());
        let other = CLONE.replacen("-\t-\n", "x\tlocal\ntank/other\tguid\t1\t-\n", 1);
        assert!(read(&other).is_err());
    }

    #[test]
    fn a_listing_is_read_whole_or_not_at_all() {
        let listed = "tank/a\ntank/a/b c\ntank/a@x\n";
        let read = |text: &str| names(text, "tank/a", |name| name.starts_with("tank/a"));
        assert_eq!(read(listed).unwrap(), ["tank/a", "tank/a/b c", "tank/a@x"]);
        for text in ["", "tank/a/b\n", "tank/a\ntank/b\n", "tank/a\t1\n", "tank/a\n\n"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_answer_that_lacks_what_was_asked_for_is_unreadable() {
        let table = read(CLONE).unwrap();
        check_all_there(&table, &["tank/e1files"]).unwrap();
        assert!(check_all_there(&table, &["tank/e1files", "tank/e2files"]).is_err());
    }

    #[test]
    fn names_with_blanks_are_read() {
        let text = "tank/a b@x y\tguid\t7\t-\n";
        let table = table(text, &["guid"], |_| true).unwrap();
        assert_eq!(table["tank/a b@x y"].value("guid"), "7");
    }

    #[test]
    fn states_of_a_pool_are_read() {
        assert_eq!(
            pool_state("health\tONLINE\nreadonly\toff\n").unwrap(),
            ("ONLINE".to_owned(), false)
        );
        assert_eq!(
            pool_state("health\tSUSPENDED\nreadonly\ton\n").unwrap(),
            ("SUSPENDED".to_owned(), true)
        );
        for text in [
            "",
            "health\tONLINE\n",
            "health\t\nreadonly\toff\n",
            "health\tONLINE\nreadonly\t-\n",
        ] {
            assert!(pool_state(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn holders_of_a_snapshot_are_read() {
        let text = "tank/a@x\tkeep me\tSun Nov 22 18:03 2026\ntank/a@x\t.send-1-2\tSun Nov 22 18:03 2026\n";
        assert_eq!(holds(text, "tank/a@x").unwrap(), ["keep me", ".send-1-2"]);
        assert_eq!(holds("", "tank/a@x").unwrap(), Vec::<String>::new());
        for text in [
            "tank/a@y\tt\tSun\n",
            "tank/a@x\tt\n",
            "tank/a@x\t\tSun\n",
            "tank/a@x\ta\tb\tSun\n",
        ] {
            assert!(holds(text, "tank/a@x").is_err(), "{text:?}");
        }
    }

    #[test]
    fn versions_of_all_distributions_are_read() {
        for (text, version_read) in [
            ("2.1.11-1\n", (2, 1)),
            // https://github.com/openzfs/zfs/issues/14651
            ("2.1.9-1\n", (2, 1)),
            ("2.2.2-0ubuntu9.1\n", (2, 2)),
            ("2.3.9-1\n", (2, 3)),
            ("2.4.0-rc1\n", (2, 4)),
            ("2.4.4-1\n", (2, 4)),
            ("0.8.3-1ubuntu12.18\n", (0, 8)),
        ] {
            assert_eq!(version(text).unwrap(), version_read);
        }
        for text in ["", "2\n", "2.3\n", "zfs-2.3.1\n", "2..1\n", "2.3.x\n"] {
            assert!(version(text).is_err(), "{text:?}");
        }
    }
}
