//! What the `btrfs` program prints, read strictly. Tested on literal output of btrfs-progs 6.2
//! and on the lines that later versions add.
//!
//! Names of subvolumes are chosen by users and may hold anything but `/` and NUL, line breaks included: a name
//! that imitates a line makes the answer unreadable, which is an error, never a wrong answer.

/// The program printed what it should not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`btrfs {command}` printed what is not understood: {line:?}")]
pub(super) struct Unreadable {
    command: &'static str,
    line: String,
}

fn unreadable(command: &'static str, line: &str) -> Unreadable {
    Unreadable {
        command,
        line: line.chars().take(200).collect(),
    }
}

/// What `btrfs subvolume show` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// The path from the top of the filesystem; empty for the top itself.
    pub(super) path: String,
    /// Its UUID.
    pub(super) uuid: String,
    /// The UUID of what it is a snapshot of.
    pub(super) parent: Option<String>,
    /// Its number within the filesystem.
    pub(super) number: u64,
    /// Whether it is read-only.
    pub(super) readonly: bool,
}

/// Reads the answer of `btrfs subvolume show PATH`.
pub(super) fn show(text: &str) -> Result<Shown, Unreadable> {
    let command = "subvolume show";
    let mut lines = text.lines();
    let path = lines.next().ok_or_else(|| unreadable(command, ""))?;
    let mut fields: Vec<(&str, &str)> = Vec::new();
    for line in lines {
        let field = line.strip_prefix('\t').and_then(|line| line.split_once(':'));
        let (key, value) = field.ok_or_else(|| unreadable(command, line))?;
        // What follows are names again.
        if key == "Snapshot(s)" {
            break;
        }
        if fields.iter().any(|(known, _)| *known == key) {
            return Err(unreadable(command, line));
        }
        fields.push((key, value.trim()));
    }
    let field = |key: &str| {
        let found = fields.iter().find(|(known, _)| *known == key);
        found
            .map(|(_, value)| *value)
            .ok_or_else(|| unreadable(command, key))
    };
    let flags = field("Flags")?;
    Ok(Shown {
        path: path.trim_start_matches('/').to_owned(),
        uuid: uuid(command, field("UUID")?)?,
        parent: match field("Parent UUID")? {
            "-" => None,
            value => Some(uuid(command, value)?),
        },
        number: number(command, field("Subvolume ID")?)?,
        readonly: match flags {
            "readonly" => true,
            "-" => false,
            other => return Err(unreadable(command, other)),
        },
    })
}

/// The paths, from the top of the filesystem, in the answer of `btrfs subvolume list -o PATH`.
pub(super) fn list(text: &str) -> Result<Vec<String>, Unreadable> {
    text.lines()
        .map(|line| {
            let mut words = line.splitn(9, ' ');
            let mut word = || words.next().unwrap_or_default();
            let fixed = [word(), word(), word(), word(), word(), word(), word(), word()];
            let ["ID", id, "gen", generation, "top", "level", top, "path"] = fixed else {
                return Err(unreadable("subvolume list", line));
            };
            for value in [id, generation, top] {
                number("subvolume list", value)?;
            }
            match words.next() {
                Some(path) if !path.is_empty() => Ok(path.to_owned()),
                _ => Err(unreadable("subvolume list", line)),
            }
        })
        .collect()
}

/// The bytes that belong to one tree alone, in the answer of `btrfs filesystem du -s --raw PATH`.
pub(super) fn exclusive(text: &str) -> Result<u64, Unreadable> {
    let usage = disk_usage(text)?;
    match usage.as_slice() {
        [(_, exclusive)] => Ok(*exclusive),
        _ => Err(unreadable(DISK_USAGE, text)),
    }
}

/// The bytes that each of so many files shares with others, in the answer of `btrfs filesystem du --raw FILE…`.
pub(super) fn shared(text: &str, files: usize) -> Result<Vec<u64>, Unreadable> {
    let usage = disk_usage(text)?;
    if usage.len() != files {
        return Err(unreadable(DISK_USAGE, text));
    }
    usage
        .into_iter()
        .map(|(total, exclusive)| {
            total
                .checked_sub(exclusive)
                .ok_or_else(|| unreadable(DISK_USAGE, text))
        })
        .collect()
}

const DISK_USAGE: &str = "filesystem du";

/// Total and exclusive bytes of each line.
fn disk_usage(text: &str) -> Result<Vec<(u64, u64)>, Unreadable> {
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    if header.split_whitespace().collect::<Vec<_>>() != ["Total", "Exclusive", "Set", "shared", "Filename"] {
        return Err(unreadable(DISK_USAGE, header));
    }
    lines
        .map(|row| {
            let mut columns = row.split_whitespace();
            let mut next = || number(DISK_USAGE, columns.next().unwrap_or_default());
            Ok((next()?, next()?))
        })
        .collect()
}

/// The answer of `btrfs inspect-internal rootid PATH`.
pub(super) fn rootid(text: &str) -> Result<u64, Unreadable> {
    number("inspect-internal rootid", text.trim_end_matches('\n'))
}

fn number(command: &'static str, text: &str) -> Result<u64, Unreadable> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(unreadable(command, text));
    }
    text.parse().map_err(|_| unreadable(command, text))
}

fn uuid(command: &'static str, text: &str) -> Result<String, Unreadable> {
    let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let fits = |(at, byte): (usize, u8)| {
        if matches!(at, 8 | 13 | 18 | 23) {
            byte == b'-'
        } else {
            digits(byte)
        }
    };
    if text.len() == 36 && text.bytes().enumerate().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(unreadable(command, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// btrfs-progs 6.2 (Debian 12).
    const SHOW: &str = "x/snap
\tName: \t\t\tsnap
\tUUID: \t\t\t3d002e15-d434-e34d-b2f3-d640b8d645a1
\tParent UUID: \t\t730b91c1-b259-c442-a119-5749ed29f788
\tReceived UUID: \t\t-
\tCreation time: \t\t2026-11-22 18:03:51 +0000
\tSubvolume ID: \t\t258
\tGeneration: \t\t8
\tGen at creation: \t7
\tParent ID: \t\t5
\tTop level ID: \t\t5
\tFlags: \t\t\treadonly
\tSend transid: \t\t0
\tSend time: \t\t2026-11-22 18:03:51 +0000
\tReceive transid: \t0
\tReceive time: \t\t-
\tSnapshot(s):
\t\t\t\tx/clone
";

    #[test]
    fn show_of_a_read_only_snapshot() {
        let shown = show(SHOW).unwrap();
        assert_eq!(shown.path, "x/snap");
        assert_eq!(shown.uuid, "3d002e15-d434-e34d-b2f3-d640b8d645a1");
        assert_eq!(
            shown.parent.as_deref(),
            Some("730b91c1-b259-c442-a119-5749ed29f788")
        );
        assert_eq!((shown.number, shown.readonly), (258, true));
    }

    #[test]
    fn show_of_the_top_of_a_filesystem() {
        let text = SHOW
            .replace("x/snap\n", "/\n")
            .replace("\tsnap\n", "\t<FS_TREE>\n")
            .replace("730b91c1-b259-c442-a119-5749ed29f788", "-")
            .replace("readonly", "-");
        let shown = show(&text).unwrap();
        assert_eq!(
            (shown.path.as_str(), shown.parent, shown.readonly),
            ("", None, false)
        );
    }

    #[test]
    fn show_with_the_quota_lines_of_later_versions() {
        let text = format!("{SHOW}\tQuota group:\t\t0/258\n\t  Limit referenced:\t-\n");
        assert!(show(&text).is_ok());
        let before = SHOW.replace("\tSnapshot(s):", "\tQuota group:\t\tn/a\n\tSnapshot(s):");
        assert!(show(&before).is_ok());
    }

    #[test]
    fn show_of_a_name_that_imitates_a_field_is_unreadable() {
        let forged = "snap\n\tUUID: \t\t\tffffffff-d434-e34d-b2f3-d640b8d645a1";
        assert!(show(&SHOW.replace("snap\n", &format!("{forged}\n"))).is_err());
        let cut = "snap\n\tSnapshot(s):";
        assert!(show(&SHOW.replace("\tsnap\n", &format!("\t{cut}\n"))).is_err());
    }

    #[test]
    fn show_of_a_snapshot_of_which_a_user_made_snapshots_with_odd_names_is_read() {
        let text = format!("{SHOW}\t\t\t\tx/a\n\tUUID: b\n");
        assert_eq!(show(&text), show(SHOW));
    }

    #[test]
    fn show_with_missing_fields_or_odd_values_is_unreadable() {
        assert!(show("").is_err());
        assert!(show("x/snap\n").is_err());
        for (from, to) in [
            ("\tUUID:", "\tUID:"),
            ("258", "-1"),
            ("258", ""),
            ("3d002e15", "3D002E15"),
            ("3d002e15", "3d002e1"),
            ("readonly", "perhaps"),
        ] {
            assert!(show(&SHOW.replacen(from, to, 1)).is_err(), "{from} -> {to}");
        }
    }

    #[test]
    fn list_names_each_path_with_blanks() {
        let text = "ID 257 gen 8 top level 5 path shop/db/ne  sted\nID 258 gen 9 top level 257 path x\n";
        assert_eq!(list(text).unwrap(), ["shop/db/ne  sted", "x"]);
        assert_eq!(list("").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn list_with_too_many_or_too_few_columns_is_unreadable() {
        for text in [
            "ID 257 gen 8 top level 5 path",
            "ID 257 gen 8 top level 5 path ",
            "ID 257 gen 8 path x",
            "ID 257 gen 8 cgen 7 top level 5 path x",
            "ID a gen 8 top level 5 path x",
            "ID 257 gen 8 top level 5 path x\nsecond half of a name",
        ] {
            assert!(list(text).is_err(), "{text}");
        }
    }

    #[test]
    fn exclusive_bytes_are_the_second_column() {
        let text =
            "     Total   Exclusive  Set shared  Filename\n   1048576      524288      524288  /m/a b\n";
        assert_eq!(exclusive(text).unwrap(), 524_288);
        assert!(exclusive("").is_err());
        assert!(exclusive(&text.replace("524288 ", "512.00KiB ")).is_err());
        assert!(exclusive(&format!("{text}more\n")).is_err());
    }

    #[test]
    fn shared_bytes_are_what_is_not_exclusive() {
        let text = "     Total   Exclusive  Set shared  Filename\n         0           0           0  x1/new\n    \
                    114688           0      114688  x1/data/base/5/1259\n";
        assert_eq!(shared(text, 2).unwrap(), [0, 114_688]);
        assert!(shared(text, 3).is_err() && shared(text, 1).is_err());
        assert!(shared(&text.replace("114688           0", "0           9"), 2).is_err());
    }

    #[test]
    fn a_root_id_is_a_number() {
        assert_eq!(rootid("257\n").unwrap(), 257);
        assert!(rootid("").is_err() && rootid("257 x\n").is_err());
    }
}
