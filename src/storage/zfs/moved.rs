//! Objects whose datasets were renamed since their names were written down: the zpool, the pool's dataset, or production's.

use super::super::{Place, StorageError};
use super::parse::Facts;
use super::plan::{self, Tree, dataset_of, is_within, zpool_of};
use super::{Zfs, own};

impl Zfs {
    /// The tree that is written down at a place of this pool, as it is called now: whatever its zpool and the pool's dataset were
    /// called then.
    pub(super) fn called_now(&self, tree: Tree) -> Result<Tree, StorageError> {
        let tree = match on_zpool(&tree, zpool_of(&self.dataset)) {
            Some(moved) => moved,
            None => tree,
        };
        match in_home(&tree, &self.home_dataset()) {
            // It may lie in another pool, of which this one's root is a branch.
            Some(moved) if self.facts(tree.root(), &["guid"])?.is_none() => Ok(moved),
            _ => Ok(tree),
        }
    }

    /// The tree that is written down at a place and is there, with the facts of its root; also where somebody renamed the dataset
    /// that it consists of snapshots of.
    pub(super) fn find(
        &self,
        place: &Place,
        properties: &[&str],
    ) -> Result<Option<(Tree, Facts)>, StorageError> {
        let Some(tree) = self.names(place)? else {
            return Ok(None);
        };
        if let Some(facts) = self.facts(tree.root(), properties)? {
            return Ok(Some((tree, facts)));
        }
        let Some(tree) = self.elsewhere(&tree)? else {
            return Ok(None);
        };
        let facts = self.facts(tree.root(), properties)?;
        Ok(facts.map(|facts| (tree, facts)))
    }

    /// Where the snapshots are that a tree named: no others have their name, in which there are their run and a random number.
    pub(super) fn elsewhere(&self, tree: &Tree) -> Result<Option<Tree>, StorageError> {
        let Some((dataset, snapshot)) = tree.root().split_once('@') else {
            return Ok(None);
        };
        let listed = self.list(&["-r"], zpool_of(&self.dataset))?;
        let Some(found) = topmost(&listed, snapshot) else {
            return Ok(None);
        };
        let facts = self.facts(found, &[plan::RUN])?.unwrap_or_default();
        if !own::is_named_by_its_run(found, &facts) {
            return Ok(None);
        }
        Ok(renamed(tree, dataset, dataset_of(found)))
    }
}

/// The snapshot of this name whose dataset holds all others that have one.
fn topmost<'a>(listed: &'a [String], snapshot: &str) -> Option<&'a str> {
    let of_name = |name: &&str| name.split_once('@').is_some_and(|(_, found)| found == snapshot);
    let mut found: Vec<&str> = listed.iter().map(String::as_str).filter(of_name).collect();
    found.sort_by_key(|name| name.len());
    let top = *found.first()?;
    let below = |name: &&str| is_within(dataset_of(name), dataset_of(top));
    found.iter().all(below).then_some(top)
}

/// The tree with `from` at the beginning of its names replaced; `None` where that changes nothing.
fn renamed(tree: &Tree, from: &str, to: &str) -> Option<Tree> {
    if from == to {
        return None;
    }
    let mut tree = tree.clone();
    for part in &mut tree.parts {
        if is_within(&part.name, from) {
            part.name.replace_range(..from.len(), to);
        }
    }
    Some(tree)
}

/// The tree on another zpool.
fn on_zpool(tree: &Tree, zpool: &str) -> Option<Tree> {
    renamed(tree, zpool_of(dataset_of(tree.root())), zpool)
}

/// A clone, or the snapshot of one, in another dataset that holds clones.
fn in_home(tree: &Tree, home: &str) -> Option<Tree> {
    let clone = dataset_of(tree.root());
    let (above, _) = clone.rsplit_once('/')?;
    if !above.ends_with("/.envclone") || own::run_in(clone).is_none() {
        return None;
    }
    renamed(tree, above, home)
}

#[cfg(test)]
mod tests {
    use super::super::plan::Part;
    use super::*;

    fn tree(names: &[&str]) -> Tree {
        let parts = names.iter().map(|name| Part {
            name: (*name).to_owned(),
            at: None,
        });
        Tree {
            schema: Tree::SCHEMA,
            parts: parts.collect(),
        }
    }

    const CLONE: [&str; 2] = [
        "tank/envclone/.envclone/0011223344556677-0a1b",
        "tank/envclone/.envclone/0011223344556677-0a1b/db",
    ];

    #[test]
    fn a_clone_is_looked_for_where_the_pool_is_now_and_production_where_it_was() {
        let moved = in_home(&tree(&CLONE), "tank/ec/.envclone").unwrap();
        assert_eq!(
            moved.names(),
            [
                "tank/ec/.envclone/0011223344556677-0a1b",
                "tank/ec/.envclone/0011223344556677-0a1b/db"
            ]
        );
        let snapshots = tree(&CLONE).snapshots("envclone-0011223344556677-2c3d").unwrap();
        let moved = in_home(&snapshots, "tank/ec/.envclone").unwrap();
        assert_eq!(
            moved.names()[1],
            "tank/ec/.envclone/0011223344556677-0a1b/db@envclone-0011223344556677-2c3d"
        );
        assert_eq!(in_home(&tree(&CLONE), "tank/envclone/.envclone"), None);
        for names in [
            "tank/shop@envclone-0011223344556677-0a1b",
            "tank/.envclone/shop",
            "tank/envclone/0011223344556677-0a1b",
        ] {
            assert_eq!(in_home(&tree(&[names]), "tank/ec/.envclone"), None, "{names}");
        }
    }

    #[test]
    fn all_names_follow_the_zpool() {
        let moved = on_zpool(&tree(&["tank/shop@x", "tank/shop/tank@x"]), "t2").unwrap();
        assert_eq!(moved.names(), ["t2/shop@x", "t2/shop/tank@x"]);
        assert_eq!(on_zpool(&tree(&["tank@x"]), "t2").unwrap().names(), ["t2@x"]);
        assert_eq!(on_zpool(&tree(&["tank/shop@x"]), "tank"), None);
    }

    #[test]
    fn snapshots_are_found_in_one_tree_of_datasets_or_not_at_all() {
        let listed = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let one = listed(&["t", "t/new/db@x", "t/new@x", "t/new@y", "t/new/db"]);
        assert_eq!(topmost(&one, "x"), Some("t/new@x"));
        assert_eq!(topmost(&one, "z"), None);
        assert_eq!(topmost(&listed(&["t/new@x", "t/newer@x"]), "x"), None);
    }
}
