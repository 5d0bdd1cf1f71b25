//! Husks: clones that were destroyed while snapshots of them are still needed. Each goes with the last of those, and then what it
//! was a clone of, and so on.

use std::path::Path;

use super::super::working::Working;
use super::super::{Place, StorageError};
use super::parse::{Facts, Table};
use super::plan::{HUSK, RUN, Tree, dataset_of, is_within};
use super::remove::only_ours;
use super::{Zfs, ZfsError, not_ours, own};

impl Zfs {
    /// Tidies a place whose object is gone: a run may have been killed between the two, and before what was to go with it went.
    pub(super) fn leave(&self, place: &Place) -> Result<(), StorageError> {
        if let Some(work) = self.work_at(place)? {
            self.nothing_else_of(place)?;
            let home = self.home_dataset();
            let direct = ["-d", "1", "-t", "filesystem"];
            let asked = ["guid", RUN, HUSK];
            let table = self.get_with(&direct, &[&home], &asked, |name| is_within(name, &home))?;
            for (name, _) in table.iter().filter(|(name, facts)| is_husk(name, facts)) {
                match self.reap(&work, name) {
                    // Another branch's, it may be; `doctor` tells of it.
                    Ok(()) | Err(StorageError::Zfs(ZfsError::Dependents { .. })) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        self.vacate(place)
    }

    /// Checks that no other snapshot is left of an object whose first one is gone, since a person destroyed that by itself.
    fn nothing_else_of(&self, place: &Place) -> Result<(), StorageError> {
        let Some(tree) = self.names(place)?.filter(Tree::is_snapshot) else {
            return Ok(());
        };
        let left = self.get_those_there(&tree.names(), &["defer_destroy"])?;
        match left
            .iter()
            .find(|(_, facts)| facts.value("defer_destroy") != "on")
        {
            Some((name, _)) => Err(not_ours(Path::new(name), "what it was a part of is gone")),
            None => Ok(()),
        }
    }

    /// Makes a husk of a clone. All of its datasets name the guid of its root: on any other dataset that value counts for nothing.
    pub(super) fn put_aside(&self, work: &Working, tree: &Tree, table: &Table) -> Result<(), StorageError> {
        let mark = format!("{HUSK}={}", table[tree.root()].value("guid"));
        let there = tree.names().into_iter().filter(|name| table.contains_key(*name));
        let (roots, parts): (Vec<&str>, Vec<&str>) = there.partition(|name| *name == tree.root());
        // The root is the last: only then it is one. One command sets them in an order of its own.
        for names in [parts, roots] {
            if names.is_empty() {
                continue;
            }
            let words = [&["set", &mark][..], &names].concat();
            let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            self.zfs_at(work, "putting aside", Path::new(tree.root()), &words)?;
        }
        Ok(())
    }

    /// Destroys a husk that nothing needs any more, then the husk that it was a clone of, and so on.
    pub(super) fn reap(&self, work: &Working, dataset: &str) -> Result<(), StorageError> {
        let mut next = dataset.to_owned();
        while let Some((root, table)) = self.husk(&next)? {
            if is_needed(&table) {
                return Ok(());
            }
            only_of_husk(&root, &table)?;
            self.destroy_all(work, &table, &[])?;
            dataset_of(table[&root].value("origin")).clone_into(&mut next);
        }
        Ok(())
    }

    /// Checks that the husks that go when these snapshots of a dataset do can go: one on which something of others hangs would
    /// stay, and with it, unseen, all that it holds of production.
    pub(super) fn husks_go_too(&self, dataset: &str, mut going: Vec<String>) -> Result<(), StorageError> {
        let mut next = dataset.to_owned();
        while !going.is_empty() {
            let Some((root, mut table)) = self.husk(&next)? else {
                return Ok(());
            };
            table.retain(|name, _| !going.contains(name));
            if is_needed(&table) {
                return Ok(());
            }
            only_of_husk(&root, &table)?;
            dataset_of(table[&root].value("origin")).clone_into(&mut next);
            going = self.origins_go_too(&table)?;
        }
        Ok(())
    }

    /// Whether a dataset is a husk of which snapshots are still needed.
    pub(super) fn is_needed_husk(&self, name: &str) -> Result<bool, StorageError> {
        if name.contains('@') {
            return Ok(false);
        }
        let husk = self.husk(name)?;
        Ok(husk.is_some_and(|(root, table)| root == name && is_needed(&table)))
    }

    /// The husk that a dataset belongs to: its root, and everything of it and hanging on it.
    fn husk(&self, dataset: &str) -> Result<Option<(String, Table)>, StorageError> {
        let home = format!("{}/", self.home_dataset());
        let Some(below) = dataset.strip_prefix(&home) else {
            return Ok(None);
        };
        let root = format!("{home}{}", below.split('/').next().unwrap_or_default());
        let Some(table) = self.all_below(&root)? else {
            return Ok(None);
        };
        Ok(is_husk(&root, &table[&root]).then_some((root, table)))
    }
}

/// Whether these are the facts of the root of a husk.
fn is_husk(name: &str, facts: &Facts) -> bool {
    facts.local(HUSK) == Some(facts.value("guid")) && own::is_named_by_its_run(name, facts)
}

/// Checks that a husk consists of nothing but what was put aside with its root, and of snapshots of ours.
fn only_of_husk(root: &str, table: &Table) -> Result<(), ZfsError> {
    let guid = table[root].value("guid");
    only_ours(root, table, |_, facts| facts.local(HUSK) == Some(guid))
}

/// Whether a snapshot of ours is still taken of a husk; one of others keeps it from going, but does not need it.
fn is_needed(husk: &Table) -> bool {
    husk.iter()
        .any(|(name, facts)| name.contains('@') && own::is_named_by_its_run(name, facts))
}
