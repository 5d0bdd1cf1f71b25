//! Destruction: dataset after dataset by exact name, each checked to be ours, and nothing before all of them were.

use std::path::Path;

use super::super::{Place, StorageError};
use super::parse::{self, Table};
use super::plan::{self, RUN, Tree, dataset_of, is_within};
use super::{Zfs, ZfsError, holders, mounting, not_ours};
use crate::exec::Invocation;

/// What is asked of everything that goes, or hangs on what goes.
const TO_GO: [&str; 6] = ["type", "origin", "userrefs", "clones", RUN, plan::HUSK];
/// How often it is tried to destroy what nobody seems to use.
const ATTEMPTS: usize = 10;
const EVERYTHING: &str = "filesystem,volume,snapshot";

impl Zfs {
    /// Destroys whatever is at a place in `incoming/`, half made or whole; nothing is fine.
    pub(super) fn clear(&self, place: &Place) -> Result<(), StorageError> {
        match self.look(place)? {
            Some((tree, _)) => self.remove(place, &tree),
            None if self.home.is_taken(place)? => self.vacate(place),
            None => Ok(()),
        }
    }

    /// Destroys the object at a place, which is ours, or lets it go with what hangs on it.
    pub(super) fn remove(&self, place: &Place, tree: &Tree) -> Result<(), StorageError> {
        let origin = if tree.is_snapshot() {
            self.remove_snapshot(place, tree)?;
            dataset_of(tree.root()).to_owned()
        } else {
            self.remove_clone(place, tree)?
        };
        self.vacate(place)?;
        self.reap(dataset_of(&origin))
    }

    fn remove_snapshot(&self, place: &Place, tree: &Tree) -> Result<(), StorageError> {
        let mut there = Vec::new();
        for name in tree.names() {
            // One that was destroyed by a run that was killed.
            let Some(facts) = self.facts(name, &TO_GO)? else {
                continue;
            };
            if facts.local(RUN).is_none() {
                return Err(not_ours(Path::new(name), "no run of envclone's made it"));
            }
            let held = !matches!(facts.value("userrefs"), "0" | "-");
            if held && matches!(facts.value("clones"), "" | "-") {
                return Err(ZfsError::Held {
                    tags: self.holds(name)?,
                    snapshot: name.to_owned(),
                }
                .into());
            }
            self.only_our_clones(name, facts.value("clones"))?;
            there.push(name);
        }
        mounting::unmount(tree, &self.path_of(place))?;
        // At once, or, where there are clones of it, with the last of them.
        there
            .into_iter()
            .rev()
            .try_for_each(|name| self.destroy_one(name, &["-d"]))
    }

    /// Destroys a clone, or makes a husk of it; what it is a clone of.
    fn remove_clone(&self, place: &Place, tree: &Tree) -> Result<String, StorageError> {
        let table = self.get_below(tree.root(), EVERYTHING, &TO_GO)?;
        only_ours(tree.root(), &table)?;
        for (name, facts) in &table {
            self.only_our_clones(name, facts.value("clones"))?;
        }
        let origin = table[tree.root()].value("origin").to_owned();
        mounting::unmount(tree, &self.path_of(place))?;
        if table.keys().any(|name| name.contains('@')) {
            let husk = ["set", &format!("{}=on", plan::HUSK), tree.root()];
            self.zfs("putting aside", Path::new(tree.root()), &husk.map(str::to_owned))?;
        } else {
            self.destroy_all(&table)?;
        }
        Ok(origin)
    }

    /// Destroys a husk that nothing needs any more, then the husk that it was a clone of, and so on.
    fn reap(&self, dataset: &str) -> Result<(), StorageError> {
        let home = format!("{}/", self.home_dataset());
        let mut next = dataset.to_owned();
        while let Some(below) = next.strip_prefix(&home) {
            let root = format!("{home}{}", below.split('/').next().unwrap_or_default());
            if self.facts(&root, &["guid"])?.is_none() {
                return Ok(());
            }
            let table = self.get_below(&root, EVERYTHING, &TO_GO)?;
            let is_husk = table[&root].local(plan::HUSK) == Some("on");
            let needed = table.keys().any(|name| name.contains('@'));
            if !is_husk || needed || only_ours(&root, &table).is_err() {
                return Ok(());
            }
            self.destroy_all(&table)?;
            table[&root]
                .value("origin")
                .split('@')
                .next()
                .unwrap_or_default()
                .clone_into(&mut next);
        }
        Ok(())
    }

    /// Destroys datasets, those below others first.
    fn destroy_all(&self, table: &Table) -> Result<(), StorageError> {
        table
            .keys()
            .rev()
            .try_for_each(|name| self.destroy_one(name, &[]))
    }

    /// Destroys one dataset or snapshot by its exact name, waiting for namespaces that are being taken apart.
    fn destroy_one(&self, name: &str, options: &[&str]) -> Result<(), StorageError> {
        let mut words = vec!["destroy".to_owned()];
        words.extend(options.iter().map(|option| (*option).to_owned()));
        words.push(name.to_owned());
        let mut held = Vec::new();
        let mut attempts = 0;
        let done = mounting::patiently(|| match self.zfs("destroying", Path::new(name), &words) {
            Ok(_) => Some(Ok(())),
            Err(error) => {
                attempts += 1;
                held = holders::of(name, None);
                // A namespace without processes may still be there for a moment.
                (held.is_empty() && attempts >= ATTEMPTS).then_some(Err(error))
            }
        });
        done.unwrap_or_else(|| {
            let dataset = name.to_owned();
            Err(ZfsError::Busy {
                dataset,
                holders: held,
            }
            .into())
        })
    }

    /// A dataset that a person cloned from a snapshot of ours would keep it for good.
    fn only_our_clones(&self, snapshot: &str, clones: &str) -> Result<(), ZfsError> {
        let home = self.home_dataset();
        let foreign = clones
            .split(',')
            .filter(|clone| !matches!(*clone, "" | "-") && !is_within(clone, &home));
        let others: Vec<String> = foreign.map(|clone| format!("its clone {clone}")).collect();
        if others.is_empty() {
            return Ok(());
        }
        let object = snapshot.to_owned();
        Err(ZfsError::Dependents { object, others })
    }

    /// The tags that hold a snapshot.
    fn holds(&self, snapshot: &str) -> Result<Vec<String>, StorageError> {
        let asked = Invocation::new(&self.datasets_tool)
            .args(["holds", "-H", snapshot])
            .run();
        let text = asked.map_err(|source| StorageError::Tool {
            action: "looking at",
            path: Path::new(snapshot).to_owned(),
            source,
        })?;
        Ok(parse::holds(&text.text(), snapshot).map_err(ZfsError::from)?)
    }
}

/// Everything in and below a clone must have been made by a run of ours: datasets that a person made in it, and snapshots
/// that another tool took of it, are not ours to destroy.
fn only_ours(root: &str, table: &Table) -> Result<(), ZfsError> {
    let foreign = |(name, facts): &(&String, &parse::Facts)| {
        facts.local(RUN).is_none() || !is_within(name, root) || facts.value("type") == "volume"
    };
    let others: Vec<String> = table
        .iter()
        .filter(foreign)
        .map(|(name, _)| name.clone())
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(ZfsError::Dependents {
        object: root.to_owned(),
        others,
    })
}
