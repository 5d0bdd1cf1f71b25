//! What runs of envclone made and nothing remembers: datasets and snapshots with its properties that no place names.

use std::collections::BTreeSet;

use super::super::{StorageError, Stray};
use super::parse::Facts;
use super::plan::{HOME, RUN, zpool_of};
use super::{Zfs, own};

const OF_STRAY: [&str; 3] = ["guid", RUN, "defer_destroy"];

impl Zfs {
    /// Datasets right below the one that holds clones, and snapshots of the zpool. Listed before the places are read, and looked
    /// at again after that, so that nothing counts that a run makes or destroys meanwhile.
    pub(super) fn strays_now(&self) -> Result<Vec<Stray>, StorageError> {
        let home = self.home_dataset();
        let mut listed = self.list(&["-r"], zpool_of(&self.dataset))?;
        let below = format!("{home}/");
        listed.retain(|name| match name.strip_prefix(&below) {
            Some(clone) if !name.contains('@') => !clone.contains('/'),
            _ => name.contains('@') && own::run_in(name).is_some(),
        });
        let placed = self.placed_names()?;
        listed.retain(|name| !placed.contains(without_dataset(name)));
        let names: Vec<&str> = listed.iter().map(String::as_str).collect();
        let mut strays = Vec::new();
        let of_production = |name: &str| name.contains('@') && !name.starts_with(&below);
        let mut is_alone = None;
        for (name, facts) in self.get_those_there(&names, &OF_STRAY)? {
            // A snapshot that goes with the last of its clones, and a husk that something needs, are no strays.
            let is_ours = facts.local(RUN).is_some() && facts.value("defer_destroy") != "on";
            if !is_ours || self.is_needed_husk(&name)? {
                continue;
            }
            if of_production(&name) {
                let alone = match is_alone {
                    Some(alone) => alone,
                    None => self.is_only_pool()?,
                };
                is_alone = Some(alone);
                if !alone {
                    continue;
                }
            }
            strays.push(Stray {
                fix: format!("look at it, then: zfs destroy {name}"),
                name,
            });
        }
        if !strays.is_empty() {
            // Another run may have moved what it made from one place to the next while they were read one by one.
            let placed = self.placed_names()?;
            strays.retain(|stray| !placed.contains(without_dataset(&stray.name)));
        }
        Ok(strays)
    }

    /// What places name now, without the dataset that a snapshot is of.
    fn placed_names(&self) -> Result<BTreeSet<String>, StorageError> {
        let placed = self.placed()?;
        let names = placed.iter().flat_map(|(_, tree)| tree.names());
        Ok(names.map(|name| without_dataset(name).to_owned()).collect())
    }

    /// Whether no other pool of envclone's lies on this zpool: its snapshots of production are not told from forgotten ones here.
    fn is_only_pool(&self) -> Result<bool, StorageError> {
        let (zpool, home) = (zpool_of(&self.dataset), self.home_dataset());
        let table = self.get_below(zpool, "filesystem", &[HOME])?;
        let other = |(name, facts): (&String, &Facts)| *name != home && facts.local(HOME).is_some();
        Ok(!table.iter().any(other))
    }
}

/// The snapshot's own name, whatever its dataset is called by now; of a dataset all of its name.
fn without_dataset(name: &str) -> &str {
    name.find('@').map_or(name, |at| &name[at..])
}
