//! Husks: clones that were destroyed while snapshots of them are still needed. Each goes with the last of those, and then what it
//! was a clone of, and so on.

use super::super::working::Working;
use super::super::{Place, StorageError};
use super::Zfs;
use super::parse::Table;
use super::plan::{self, RUN, dataset_of, is_within};
use super::remove::only_ours;

impl Zfs {
    /// Tidies a place whose object is gone: a run may have been killed between the two, and before what was to go with it went.
    pub(super) fn leave(&self, place: &Place) -> Result<(), StorageError> {
        if let Some(work) = self.work_at(place)? {
            let home = self.home_dataset();
            let direct = ["-d", "1", "-t", "filesystem"];
            let table = self.get_with(&direct, &[&home], &[plan::HUSK], |name| is_within(name, &home))?;
            for (name, _) in table
                .iter()
                .filter(|(_, facts)| facts.local(plan::HUSK) == Some("on"))
            {
                self.reap(&work, name)?;
            }
        }
        self.vacate(place)
    }

    /// Destroys a husk that nothing needs any more, then the husk that it was a clone of, and so on.
    pub(super) fn reap(&self, work: &Working, dataset: &str) -> Result<(), StorageError> {
        let mut next = dataset.to_owned();
        while let Some((root, table)) = self.husk(&next)? {
            if is_needed(&table) {
                return Ok(());
            }
            only_ours(&root, &table)?;
            self.destroy_all(work, &table)?;
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
            only_ours(&root, &table)?;
            dataset_of(table[&root].value("origin")).clone_into(&mut next);
            going = self.origins_go_too(&table)?;
        }
        Ok(())
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
        let is_husk = table[&root].local(plan::HUSK) == Some("on");
        Ok(is_husk.then_some((root, table)))
    }
}

/// Whether a snapshot of ours is still taken of a husk; one of others keeps it from going, but does not need it.
fn is_needed(husk: &Table) -> bool {
    husk.iter()
        .any(|(name, facts)| name.contains('@') && facts.local(RUN).is_some())
}
