//! Destruction: dataset after dataset by exact name, each checked to be ours, and nothing before all of them were.

use std::path::Path;

use super::super::working::Working;
use super::super::{Object, Place, StorageError};
use super::ask::EVERYTHING;
use super::parse::{self, Table};
use super::plan::{self, Part, RUN, Tree, dataset_of, is_within};
use super::{Zfs, ZfsError, holders, mounting, not_ours, own};
use crate::exec::Invocation;
use crate::model::RunId;

/// What is asked of everything that goes, or hangs on what goes.
const TO_GO: [&str; 8] = [
    "guid",
    "type",
    "origin",
    "userrefs",
    "clones",
    RUN,
    plan::MARK,
    plan::HUSK,
];
/// What is asked of a snapshot when its clones go.
const OF_ORIGIN: [&str; 3] = ["userrefs", "clones", "defer_destroy"];
/// How often it is tried to destroy what nobody seems to use.
const ATTEMPTS: usize = 10;

/// An object that is to go.
pub(super) struct Going {
    work: Working,
    /// What it consists of.
    pub(super) tree: Tree,
    /// All that is to go with it.
    pub(super) table: Table,
}

impl Zfs {
    /// Destroys whatever is at a place in `incoming/`, half made or whole; nothing is fine.
    pub(super) fn clear(&self, place: &Place) -> Result<(), StorageError> {
        match self.look_at_all(place)? {
            Some(mut going) => {
                self.add_latecomers(&mut going)?;
                self.remove(place, &going)
            }
            None if self.home.is_taken(place)? => self.leave(place),
            None => Ok(()),
        }
    }

    /// A dataset that came below the root while its snapshot was taken has one of that name as well, which is written down nowhere.
    fn add_latecomers(&self, going: &mut Going) -> Result<(), StorageError> {
        let Going { tree, table, .. } = going;
        let Some((root, snapshot)) = tree.root().split_once('@') else {
            return Ok(());
        };
        let known = tree.names();
        let listed = self.list(&["-r"], root)?;
        let is_late = |name: &&str| {
            let of = name.split_once('@').map(|(_, snapshot)| snapshot);
            of == Some(snapshot) && !known.contains(name)
        };
        let late: Vec<&str> = listed.iter().map(String::as_str).filter(is_late).collect();
        let run = table[tree.root()].local(RUN).map(str::to_owned);
        for (name, facts) in self.get_those_there(&late, &TO_GO)? {
            if facts.local(RUN) == run.as_deref() {
                let at = None;
                tree.parts.push(Part {
                    name: name.clone(),
                    at,
                });
                table.insert(name, facts);
            }
        }
        Ok(())
    }

    /// Tidies the places of settled objects of a run that were destroyed by one that was killed then.
    pub(super) fn leave_what_is_gone(&self, run: &RunId) -> Result<(), StorageError> {
        for place in self.home.places()? {
            if !matches!(place, Place::Environment { .. }) {
                continue;
            }
            self.sweep_empty(&place);
            if let Ok(Some(tree)) = self.names(&place)
                && own::is_of_run(&tree, run)
                && self.find(&place, &["guid"])?.is_none()
            {
                self.leave(&place)?;
            }
        }
        Ok(())
    }

    /// The object at a place, which is the one that is meant, with everything that is to go with it.
    pub(super) fn exact_to_go(&self, object: &Object) -> Result<(Place, Going), StorageError> {
        let place = self.place_of(&object.path)?;
        let going = self.look_at_all(&place)?.ok_or_else(|| StorageError::NotFound {
            path: object.path.clone(),
        })?;
        own::check_id(object, &going.table[going.tree.root()])?;
        Ok((place, going))
    }

    /// The object at a place, as [`Zfs::look`], with everything that is to go with it.
    fn look_at_all(&self, place: &Place) -> Result<Option<Going>, StorageError> {
        let work = self.work_at(place)?;
        let (Some(work), Some(mut tree)) = (work, self.names(place)?) else {
            return Ok(None);
        };
        let table = if tree.is_snapshot() {
            let table = self.get_those_there(&tree.names(), &TO_GO)?;
            if table.contains_key(tree.root()) {
                table
            } else if let Some(moved) = self.elsewhere(&tree)? {
                tree = moved;
                self.get_those_there(&tree.names(), &TO_GO)?
            } else {
                table
            }
        } else {
            self.all_below(tree.root())?.unwrap_or_default()
        };
        let root = Path::new(tree.root());
        match table.get(tree.root()).map(|facts| facts.local(RUN)) {
            None => Ok(None),
            Some(None) => Err(not_ours(root, "no run of envclone's made it")),
            Some(Some(by)) => match place {
                Place::Incoming { run, .. } if run.as_str() != by => {
                    Err(not_ours(root, "another run made it"))
                }
                _ => Ok(Some(Going { work, tree, table })),
            },
        }
    }

    /// A dataset and all below it; `None` where there is none of that name.
    pub(super) fn all_below(&self, root: &str) -> Result<Option<Table>, StorageError> {
        match self.get_below(root, EVERYTHING, &TO_GO) {
            Ok(table) => Ok(Some(table)),
            Err(failed) => match self.facts(root, &["guid"])? {
                None => Ok(None),
                Some(_) => Err(failed),
            },
        }
    }

    /// Destroys the object at a place, which is ours, or lets it go with what hangs on it.
    pub(super) fn remove(&self, place: &Place, going: &Going) -> Result<(), StorageError> {
        let origin = if going.tree.is_snapshot() {
            self.remove_snapshot(place, going)?;
            dataset_of(going.tree.root()).to_owned()
        } else {
            self.remove_clone(place, going)?
        };
        self.reap(&going.work, dataset_of(&origin))?;
        self.vacate(place)
    }

    fn remove_snapshot(&self, place: &Place, going: &Going) -> Result<(), StorageError> {
        let Going { work, tree, table } = going;
        let mut there = Vec::new();
        for name in tree.names() {
            // One that was destroyed by a run that was killed.
            let Some(facts) = table.get(name) else {
                continue;
            };
            if facts.local(RUN) != table[tree.root()].local(RUN) {
                let reason = "the run that made what it belongs to did not make it";
                return Err(not_ours(Path::new(name), reason));
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
        let at_once = |name: &&str| matches!(table[*name].value("clones"), "" | "-");
        let at_once = there.iter().copied().filter(at_once).map(str::to_owned);
        self.husks_go_too(dataset_of(tree.root()), at_once.collect())?;
        mounting::unmount(tree, &self.path_of(place))?;
        // At once, or, where there are clones of it, with the last of them.
        there
            .into_iter()
            .rev()
            .try_for_each(|name| self.destroy_one(work, name, &["-d"], &[]))
    }

    /// Destroys a clone, or makes a husk of it; what it is a clone of.
    fn remove_clone(&self, place: &Place, going: &Going) -> Result<String, StorageError> {
        let Going { work, tree, table } = going;
        let names = tree.names();
        only_ours(tree.root(), table, |name, _| names.contains(&name))?;
        for (name, facts) in table {
            self.only_our_clones(name, facts.value("clones"))?;
        }
        let origin = table[tree.root()].value("origin").to_owned();
        let is_needed = table.keys().any(|name| name.contains('@'));
        if !is_needed {
            let going = self.origins_go_too(table)?;
            self.husks_go_too(dataset_of(&origin), going)?;
        }
        let devices = mounting::devices(tree, &self.path_of(place))?;
        mounting::unmount(tree, &self.path_of(place))?;
        self.detach(place)?;
        let removed = if is_needed {
            self.put_aside(work, tree, table)
        } else {
            self.destroy_all(work, table, &devices)
        };
        if removed.is_err() {
            self.put_back(place, tree);
        }
        removed.map(|()| origin)
    }

    /// What could not be destroyed is where it was again, so that it is seen there, and told as left.
    fn put_back(&self, place: &Place, tree: &Tree) {
        // The error to report is why it was not destroyed.
        let _ = self.attach(place);
        let _ = self.mount_tree(tree, &self.path_of(place), mounting::Hidden::Stays);
    }

    /// The snapshots that go with the last of their clones, which these are. One stays when somebody holds it, or made a clone
    /// of it, and with it, unseen, all that it holds of production.
    pub(super) fn origins_go_too(&self, clones: &Table) -> Result<Vec<String>, StorageError> {
        let origins = clones.values().map(|facts| facts.value("origin"));
        let origins: Vec<&str> = origins.filter(|origin| origin.contains('@')).collect();
        if origins.is_empty() {
            return Ok(Vec::new());
        }
        let mut going = Vec::new();
        for (name, facts) in self.get(&origins, &OF_ORIGIN)? {
            if facts.value("defer_destroy") != "on" {
                continue;
            }
            self.only_our_clones(&name, facts.value("clones"))?;
            let mut others = facts.value("clones").split(',');
            if !others.all(|clone| clones.contains_key(clone)) {
                continue;
            }
            if facts.value("userrefs") != "0" {
                let tags = self.holds(&name)?;
                return Err(ZfsError::Held { snapshot: name, tags }.into());
            }
            going.push(name);
        }
        Ok(going)
    }

    /// Destroys datasets, those below others first. `devices`: see [`holders::of`].
    pub(super) fn destroy_all(
        &self,
        work: &Working,
        table: &Table,
        devices: &[u64],
    ) -> Result<(), StorageError> {
        table
            .keys()
            .rev()
            .try_for_each(|name| self.destroy_one(work, name, &[], devices))
    }

    /// Destroys one dataset or snapshot by its exact name, waiting for namespaces that are being taken apart.
    fn destroy_one(
        &self,
        work: &Working,
        name: &str,
        options: &[&str],
        devices: &[u64],
    ) -> Result<(), StorageError> {
        let mut words = vec!["destroy".to_owned()];
        words.extend(options.iter().map(|option| (*option).to_owned()));
        words.push(name.to_owned());
        let mut held = Vec::new();
        let mut attempts = 0;
        let done = mounting::patiently(
            || match self.zfs_at(work, "destroying", Path::new(name), &words) {
                Ok(_) => Some(Ok(())),
                Err(error) => {
                    attempts += 1;
                    held = holders::of(name, devices);
                    // A namespace without processes may still be there for a moment.
                    (held.is_empty() && attempts >= ATTEMPTS).then(|| match self.facts(name, &["guid"]) {
                        // What several branches hung on goes with the last of them, and two may have been that.
                        Ok(None) => Ok(()),
                        _ => Err(error),
                    })
                }
            },
        );
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
/// that another tool took of it, are not ours to destroy. A property of ours is not enough: its datasets are those that
/// `is_part` says, made by one run, and snapshots have the name that their run gave them.
pub(super) fn only_ours(
    root: &str,
    table: &Table,
    is_part: impl Fn(&str, &parse::Facts) -> bool,
) -> Result<(), ZfsError> {
    let run = table[root].local(RUN);
    let is_ours = |name: &str, facts: &parse::Facts| match facts.value("type") {
        "filesystem" => run.is_some() && facts.local(RUN) == run && is_part(name, facts),
        "snapshot" => own::is_named_by_its_run(name, facts),
        _ => false,
    };
    let foreign = |(name, facts): &(&String, &parse::Facts)| !is_within(name, root) || !is_ours(name, facts);
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
