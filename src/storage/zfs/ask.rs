//! Running `zfs`, and asking it.

use std::io;
use std::path::Path;

use super::super::StorageError;
use super::super::working::{WITHIN, Working};
use super::parse::{self, Facts, Table};
use super::plan::is_within;
use super::{Zfs, ZfsError};
use crate::exec::{Captured, Invocation};

/// What may be in and below a dataset, but for bookmarks.
pub(super) const EVERYTHING: &str = "filesystem,volume,snapshot";
/// A failure with less than this free is taken for a full pool.
const FULL_BELOW: u64 = 16 << 20;

impl Zfs {
    /// Runs `zfs`. A failure, on a full pool, of what needs room is [`StorageError::NoSpace`].
    pub(super) fn zfs(
        &self,
        action: &'static str,
        path: &Path,
        words: &[String],
    ) -> Result<Captured, StorageError> {
        self.run_zfs(Invocation::new(&self.datasets_tool), action, path, words)
    }

    /// The same, holding the lock on what is worked at; see [`Working`].
    pub(super) fn zfs_at(
        &self,
        work: &Working,
        action: &'static str,
        path: &Path,
        words: &[String],
    ) -> Result<Captured, StorageError> {
        let invocation = work.held_by(Invocation::new(&self.datasets_tool));
        self.run_zfs(invocation, action, path, words)
    }

    fn run_zfs(
        &self,
        invocation: Invocation,
        action: &'static str,
        path: &Path,
        words: &[String],
    ) -> Result<Captured, StorageError> {
        invocation.args(words).timeout(WITHIN).run().map_err(|source| {
            if needs_room(words) && self.free().is_ok_and(|free| free < FULL_BELOW) {
                let pool = self.pool.clone();
                return StorageError::NoSpace { pool };
            }
            let path = path.to_owned();
            StorageError::Tool { action, path, source }
        })
    }

    /// What is free, as the kernel says it without a program.
    pub(super) fn free(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(self.home.volume().as_fd())?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// `zfs get` of exact names, all of which must be there.
    pub(super) fn get(&self, names: &[&str], properties: &[&str]) -> Result<Table, StorageError> {
        self.get_with(&[], names, properties, |name| names.contains(&name))
    }

    /// `zfs get` of a dataset and everything of `types` that lies below it.
    pub(super) fn get_below(
        &self,
        name: &str,
        types: &str,
        properties: &[&str],
    ) -> Result<Table, StorageError> {
        self.get_with(&["-r", "-t", types], &[name], properties, |found| {
            is_within(found, name)
        })
    }

    pub(super) fn get_with(
        &self,
        options: &[&str],
        names: &[&str],
        properties: &[&str],
        asked: impl Fn(&str) -> bool,
    ) -> Result<Table, StorageError> {
        let mut words = vec!["get", "-Hp"];
        words.extend(options);
        let list = properties.join(",");
        words.extend(["-o", "name,property,value,source", &list]);
        words.extend(names);
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let path = Path::new(names.first().copied().unwrap_or_default());
        let text = self.zfs("looking at", path, &words)?.text();
        let table = parse::table(&text, properties, asked).map_err(ZfsError::from)?;
        parse::check_all_there(&table, names).map_err(ZfsError::from)?;
        Ok(table)
    }

    /// The properties of one dataset or snapshot; `None` where there is none of that name. Whatever else keeps it from being
    /// read is an error: what is there and cannot be read must never pass for gone.
    pub(super) fn facts(&self, name: &str, properties: &[&str]) -> Result<Option<Facts>, StorageError> {
        match self.get(&[name], properties) {
            Ok(mut table) => Ok(table.remove(name)),
            Err(_) if matches!(self.is_absent(name), Ok(true)) => Ok(None),
            Err(failed) => Err(failed),
        }
    }

    /// Whether there is no dataset or snapshot of that name: the one that it would be in can be listed, and does not have it, or
    /// is not there either.
    fn is_absent(&self, name: &str) -> Result<bool, StorageError> {
        let Some((above, _)) = name.rsplit_once(['@', '/']) else {
            return Ok(false);
        };
        match self.list(&["-d", "1"], above) {
            Ok(names) => Ok(!names.iter().any(|listed| listed == name)),
            Err(failed) => match self.is_absent(above) {
                Ok(true) => Ok(true),
                _ => Err(failed),
            },
        }
    }

    /// The names of a dataset and of what is below it, with snapshots; `options` say how deep.
    pub(super) fn list(&self, options: &[&str], dataset: &str) -> Result<Vec<String>, StorageError> {
        // Sorted by name, nothing but names is read from the pool.
        let fixed = ["list", "-H", "-o", "name", "-s", "name", "-t", EVERYTHING];
        let words = fixed.iter().chain(options).chain([&dataset]);
        let words: Vec<String> = words.map(|word| (*word).to_owned()).collect();
        let text = self.zfs("listing", Path::new(dataset), &words)?.text();
        let below = |name: &str| is_within(name, dataset);
        Ok(parse::names(&text, dataset, below).map_err(ZfsError::from)?)
    }
}

/// Whether a command of `zfs` is one of those that a full pool keeps from their work: others fail for reasons of their own.
fn needs_room(words: &[String]) -> bool {
    let first = words.first().map(String::as_str);
    matches!(first, Some("snapshot" | "clone" | "create" | "set"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::super::super::home::Home;
    use super::*;
    use crate::exec::Tool;

    const SNAPSHOT: &str = "tank/shop@envclone-1";

    /// A driver whose `zfs get` and `zfs list` are these scripts.
    fn asking(get: &str, list: &str) -> (tempfile::TempDir, Zfs) {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("zfs");
        let text = format!("#!/bin/sh\ncase $1 in get) {get};; list) {list};; esac\n");
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let pool = dir.path().join("pool");
        fs::create_dir(&pool).unwrap();
        let tool = || Tool::at(&script).unwrap();
        let zfs = Zfs {
            home: Home::open(&pool).unwrap(),
            pool,
            dataset: "tank/envclone".to_owned(),
            version: (2, 3),
            branch_size: None,
            datasets_tool: tool(),
            pools_tool: tool(),
        };
        (dir, zfs)
    }

    fn is_there(get: &str, list: &str) -> Result<bool, StorageError> {
        let (_dir, zfs) = asking(get, list);
        let facts = zfs.facts(SNAPSHOT, &["guid"])?;
        let listed = zfs.get_those_there(&[SNAPSHOT], &["guid"])?;
        assert_eq!(listed.contains_key(SNAPSHOT), facts.is_some());
        Ok(facts.is_some())
    }

    /// The kernel may have no room for another program, the answer may hold a tab that somebody put into a property, …
    const FAILURES: [&str; 5] = [
        "exit 1",
        "kill -9 $$",
        "printf 'tank/shop@envclone-1\\tguid\\t7\\t8\\t-\\n'",
        "printf 'tank/shop@envclone-1\\tguid\\t7\\tgone\\n'",
        ":",
    ];

    #[test]
    fn what_cannot_be_read_is_gone_only_where_a_listing_does_not_have_it() {
        for get in FAILURES {
            assert!(
                !is_there(get, "printf 'tank/shop\\ntank/shop/db\\n'").unwrap(),
                "{get}"
            );
            for list in [
                "printf 'tank/shop\\ntank/shop@envclone-1\\n'",
                "printf 'tank/shop/db\\n'",
                "printf 'tank/shop\\nelsewhere\\n'",
                "exit 1",
                "kill -9 $$",
                ":",
            ] {
                assert!(is_there(get, list).is_err(), "{get}; {list}");
            }
        }
        let get = "printf 'tank/shop@envclone-1\\tguid\\t7\\t-\\n'";
        assert!(is_there(get, "exit 1").unwrap());
    }

    #[test]
    fn only_what_needs_room_fails_for_want_of_it() {
        for words in [&["snapshot", "-r"][..], &["clone"], &["create"], &["set"]] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert!(needs_room(&words), "{words:?}");
        }
        for word in ["destroy", "get", "list"] {
            assert!(!needs_room(&[word.to_owned(), "-d".to_owned()]), "{word}");
        }
    }

    #[test]
    fn what_is_in_something_that_is_gone_is_gone() {
        let list = "case \"$*\" in *tank/shop) exit 1;; *) printf 'tank\\ntank/other\\n';; esac";
        assert!(!is_there("exit 1", list).unwrap());
        let list = "case \"$*\" in *tank/shop) exit 1;; *) printf 'tank\\ntank/shop\\n';; esac";
        assert!(is_there("exit 1", list).is_err());
    }
}
