//! The ZFS driver: an environment's root is a dataset, its volumes may be datasets below it; one recursive snapshot is one
//! instant, proved by equal `createtxg`.
//!
//! envclone's own part of a pool is a directory in the pool's dataset, as on Btrfs; beside it is a dataset of the same name
//! that is never mounted and holds all clones. At each place lies a file that names the datasets or snapshots of the
//! object, and the directory at which they are mounted. What is ours has the run that made it as a property of its own
//! (`envclone:run`, source local), what is settled a mark that names its guid; both are checked with the guid before
//! anything is destroyed, and then by exact name, one dataset after the other: nothing here uses `-R`, `-f` or `promote`,
//! and `-r` for the one snapshot only.
//!
//! A snapshot cannot go before its clones. What is to be destroyed earlier is told to go with the last of them
//! (`destroy -d`); a clone of which snapshots are still needed stays as a husk without mark and mount, until they go.

mod advice;
mod ask;
mod devices;
mod error;
mod holders;
mod host;
mod husk;
mod mark;
mod mounting;
mod moved;
mod own;
mod parse;
mod plan;
mod remove;
mod root;
mod strays;

use std::path::{Path, PathBuf};

use super::home::{Home, from_volume};
use super::working::{WITHIN, Working};
use super::{
    Advice, Capabilities, Mark, Object, ObjectId, Owned, Place, RootFacts, Storage, StorageError, Stray,
    Usage, Volume,
};
use crate::exec::{Invocation, Tool};
use crate::model::RunId;
pub(super) use devices::{devices_of_tree, points_of_tree};
pub use error::ZfsError;
use host::{check_state, key_not_loaded, loaded_version};
use mounting::{Hidden, dataset_at};
use parse::Table;
use plan::{Target, Tree, dataset_of, is_within, zpool_of};

/// `ZFS_SUPER_MAGIC` of `sys/zfs_vfsops_os.h`.
const MAGIC: rustix::fs::FsWord = 0x2fc1_2fc1;
const OLDEST: (u32, u32) = (2, 1);
const DRIVER: &str = "zfs";
/// One pool on ZFS: a dataset in which branches live.
#[derive(Debug)]
pub struct Zfs {
    pool: PathBuf,
    dataset: String,
    version: (u32, u32),
    /// What each dataset of a clone may hold, in bytes.
    branch_size: Option<u64>,
    home: Home,
    datasets_tool: Tool,
    pools_tool: Tool,
}

impl Zfs {
    /// What ZFS can do, whatever the pool.
    pub const CAPABILITIES: Capabilities = Capabilities {
        driver: DRIVER,
        atomic: true,
        snapshot_may_go: false,
    };
    /// What ZFS needs of the host.
    pub const ADVICE: &dyn Advice = &advice::OnZfs;

    /// Opens the pool, the directory at which a dataset is mounted; makes its `.envclone` where it is not there.
    ///
    /// # Errors
    /// [`ZfsError::NoModule`], [`ZfsError::TooOld`], [`ZfsError::PoolState`]; [`StorageError::NotAPool`] where no dataset is
    /// mounted; [`StorageError::NotOurs`] where something else has the name of envclone's own part.
    pub fn open(pool: &Path) -> Result<Self, StorageError> {
        Self::open_as(pool, loaded_version()?)
    }

    /// For tests: [`Zfs::open`] as if this version of ZFS, no later than the real one, were loaded.
    #[doc(hidden)]
    pub fn open_as(pool: &Path, version: (u32, u32)) -> Result<Self, StorageError> {
        if version < OLDEST {
            let found = format!("{}.{}", version.0, version.1);
            return Err(ZfsError::TooOld { found }.into());
        }
        if let Some(name) = pool.to_str().filter(|_| pool.is_relative()) {
            return Err(Self::why_not_mounted(name));
        }
        let volume = Volume::open(pool).map_err(|error| from_volume("opening", pool, error))?;
        let mounts = mounting::table()?;
        let dataset = dataset_at(pool, &mounts).filter(|_| is_zfs(&volume).unwrap_or(false));
        let dataset = dataset.map(str::to_owned).ok_or_else(|| StorageError::NotAPool {
            pool: pool.to_owned(),
            driver: DRIVER,
        })?;
        let find = |program| {
            Tool::find(program).map_err(|error| StorageError::Tool {
                action: "opening",
                path: pool.to_owned(),
                source: error.into(),
            })
        };
        let (zfs, zpool) = (find("zfs")?, find("zpool")?);
        check_state(&zpool, zpool_of(&dataset), pool)?;
        let opened = Self {
            pool: pool.to_owned(),
            dataset,
            version,
            branch_size: None,
            home: Home::open(pool)?,
            datasets_tool: zfs,
            pools_tool: zpool,
        };
        opened.ensure_home_dataset()?;
        Ok(opened)
    }

    /// With a limit for what each dataset of a clone may hold, in bytes (`refquota`), in place of the origin's own.
    #[must_use]
    pub fn limiting_branches(self, branch_size: Option<u64>) -> Self {
        Self { branch_size, ..self }
    }

    /// The dataset that holds all clones.
    fn home_dataset(&self) -> String {
        format!("{}/.envclone", self.dataset)
    }

    fn ensure_home_dataset(&self) -> Result<(), StorageError> {
        let name = self.home_dataset();
        if self.has_home_dataset(&name)? {
            return Ok(());
        }
        match self.zfs("making", &self.pool, &plan::home_arguments(&name)) {
            Ok(_) => Ok(()),
            // Another run made it just now.
            Err(_) if matches!(self.has_home_dataset(&name), Ok(true)) => Ok(()),
            Err(failed) => Err(failed),
        }
    }

    fn has_home_dataset(&self, name: &str) -> Result<bool, StorageError> {
        match self.facts(name, &["guid", plan::HOME])? {
            Some(facts) if facts.local(plan::HOME) == Some("1") => Ok(true),
            Some(_) => Err(not_ours(
                Path::new(name),
                "it is a dataset that envclone did not make",
            )),
            None => Ok(false),
        }
    }

    /// Takes the snapshot that `tree` names, of datasets that are `sources`, and proves that it is of one instant.
    fn take(
        &self,
        work: &Working,
        (root, sources): (&Path, &Tree),
        tree: &Tree,
        run: &RunId,
    ) -> Result<ObjectId, StorageError> {
        let words = plan::snapshot_arguments(tree.root(), run);
        self.zfs_at(work, "taking a snapshot of", root, &words)?;
        let table = self.get(&tree.names(), &["guid", "createtxg"])?;
        let (now, _) = self.tree_of(root)?;
        let same = if now == *sources {
            Ok(())
        } else {
            Err("datasets came or went meanwhile".to_owned())
        };
        if let Err(why) = same.and_then(|()| plan::one_instant(tree, &table)) {
            let root = sources.root().to_owned();
            return Err(ZfsError::NotOneInstant { root, why }.into());
        }
        Ok(ObjectId(table[tree.root()].value("guid").to_owned()))
    }

    /// A snapshot of ours, and what its clones are to have from its datasets: in one command, unless something is amiss.
    fn snapshot_with_sources(&self, snapshot: &Object) -> Result<(Tree, Table), StorageError> {
        let copied = plan::copied_properties(self.version);
        let place = self.place_of(&snapshot.path)?;
        if let Ok(Some(tree)) = self.names(&place) {
            let mut names: Vec<&str> = tree.names().into_iter().map(dataset_of).collect();
            names.push(tree.root());
            let table = self.get(&names, &[&own::OF_OBJECT[..], &copied].concat());
            let is_it = |table: &Table| own::is_this(&table[tree.root()], &snapshot.id);
            if let Ok(table) = table
                && is_it(&table)
            {
                return Ok((tree, table));
            }
        }
        let (_, tree, _) = self.exact(snapshot)?;
        let sources: Vec<&str> = tree.names().into_iter().map(dataset_of).collect();
        let table = self.get(&sources, &copied)?;
        Ok((tree, table))
    }

    /// Makes the clones that `tree` names, of the snapshots that are `origins`; `table`: [`plan::copied_properties`] of the
    /// datasets of those.
    fn make_clones(
        &self,
        work: &Working,
        (origins, table): (&Tree, &Table),
        tree: &Tree,
        run: &RunId,
    ) -> Result<ObjectId, StorageError> {
        let mut pairs: Vec<(&str, &str)> = origins.names().into_iter().zip(tree.names()).collect();
        // A dataset before those below it.
        pairs.sort_by_key(|(_, to)| *to);
        for (from, to) in pairs {
            let target = Target {
                to,
                run,
                version: self.version,
                limit: self.branch_size,
            };
            let words = plan::clone_arguments(from, &table[dataset_of(from)], &target);
            self.zfs_at(work, "cloning", Path::new(from), &words)?;
        }
        let facts = self.facts(tree.root(), &["guid", "origin"])?.unwrap_or_default();
        if facts.value("origin") != origins.root() {
            return Err(not_ours(
                Path::new(tree.root()),
                "it is a clone of something else",
            ));
        }
        Ok(ObjectId(facts.value("guid").to_owned()))
    }

    /// Mounts a tree at its place.
    fn mount_tree(&self, tree: &Tree, path: &Path, hidden: Hidden) -> Result<(), StorageError> {
        mounting::mount(tree, path, hidden).map_err(|failed| {
            // The kernel says no more than that it is not permitted.
            let keys = self
                .get_those_there(&tree.names(), &["keystatus"])
                .unwrap_or_default();
            let locked = keys
                .iter()
                .find(|(_, facts)| facts.value("keystatus") == plan::LOCKED);
            locked.map_or(failed, |(dataset, _)| key_not_loaded(dataset).into())
        })
    }

    /// After a failure: what was made at a place goes again.
    fn give_up(&self, place: &Place, failed: StorageError) -> StorageError {
        match self.clear(place) {
            Ok(()) => failed,
            Err(left) => left,
        }
    }
}

impl Storage for Zfs {
    fn capabilities(&self) -> Capabilities {
        Self::CAPABILITIES
    }

    fn advice(&self) -> &'static dyn Advice {
        Self::ADVICE
    }

    fn inspect(&self, root: &Path) -> Result<RootFacts, StorageError> {
        self.mount_own(root)?;
        let (tree, table) = self.tree_of(root)?;
        self.check_names(&tree)?;
        self.check_encryption(&tree, &table)?;
        self.check_size(&table)?;
        Ok(RootFacts {
            id: ObjectId(table[tree.root()].value("guid").to_owned()),
            warnings: Vec::new(),
        })
    }

    fn snapshot(&self, root: &Path, place: &Place) -> Result<Object, StorageError> {
        self.mount_own(root)?;
        let run = own::run_of(place)?;
        let (sources, _) = self.tree_of(root)?;
        let tree = sources.snapshots(&own::snapshot_name(run.as_str(), &own::suffix()?))?;
        let work = self.prepare(place, &tree)?;
        let taken = self.take(&work, (root, &sources), &tree, run);
        drop(work);
        match taken {
            Ok(id) => Ok(Object {
                id,
                path: self.path_of(place),
            }),
            Err(failed) => Err(self.give_up(place, failed)),
        }
    }

    fn clone_of(&self, snapshot: &Object, place: &Place) -> Result<Object, StorageError> {
        let run = own::run_of(place)?;
        let (origins, table) = self.snapshot_with_sources(snapshot)?;
        if !origins.is_snapshot() {
            return Err(not_ours(&snapshot.path, "it is writable, so it is no snapshot"));
        }
        if self.branch_size.is_some() {
            // It may have been lowered since the snapshot was taken.
            self.check_size(&self.get(&origins.names(), &["referenced"])?)?;
        }
        let name = own::clone_name(&self.home_dataset(), run.as_str(), &own::suffix()?);
        let tree = origins.clones(&name)?;
        let work = self.prepare(place, &tree)?;
        let path = self.path_of(place);
        let made = self
            .make_clones(&work, (&origins, &table), &tree, run)
            .and_then(|id| self.mount_tree(&tree, &path, Hidden::Goes).map(|()| id));
        drop(work);
        match made {
            Ok(id) => Ok(Object { id, path }),
            Err(failed) => Err(self.give_up(place, failed)),
        }
    }

    fn settle(&self, object: &Object, place: &Place, mark: &Mark) -> Result<Object, StorageError> {
        self.home.check_settle(&object.id, place, mark)?;
        let settled = Object {
            id: object.id.clone(),
            path: self.path_of(place),
        };
        if let Some((_, facts)) = self.look(place)? {
            // Repeated after it was done.
            if own::id_of(&facts) == object.id && own::mark_of(&facts).as_ref() == Some(mark) {
                return Ok(settled);
            }
            return Err(StorageError::Exists { path: settled.path });
        }
        let (from, tree, facts) = self.exact(object)?;
        self.claim(&from, &facts)?;
        self.sweep(place)?;
        self.home.prepare(place)?;
        let words = [
            "set",
            &format!("{}={}", plan::MARK, mark::write(mark)),
            tree.root(),
        ];
        self.zfs("marking", &object.path, &words.map(str::to_owned))?;
        // The directory above what is mounted: the mounts go with it.
        self.home.rename(&from, place)?;
        self.home.tidy(&from)?;
        Ok(settled)
    }

    fn destroy(&self, object: &Object) -> Result<(), StorageError> {
        match self.exact_to_go(object) {
            Ok((place, going)) => {
                self.claim(&place, &going.table[going.tree.root()])?;
                self.remove(&place, &going)
            }
            Err(StorageError::NotFound { path }) => {
                self.forget(&path)?;
                Err(StorageError::NotFound { path })
            }
            Err(error) => Err(error),
        }
    }

    fn discard_incoming(&self, run: &RunId) -> Result<(), StorageError> {
        self.leave_what_is_gone(run)?;
        let Some(paths) = self.home.incoming(run)? else {
            return Ok(());
        };
        // In the order of their names: a checkpoint before the clone that it is of, that before its origin.
        let mut unknown = None;
        for place in paths.iter().filter_map(|path| Place::from_relative(path)) {
            match self.clear(&place) {
                Ok(()) => {}
                // What the run made may have lost what says so: its place is not forgotten, or nobody would know of it.
                Err(error @ StorageError::NotOurs { .. }) => unknown = unknown.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        match unknown {
            Some(error) => Err(error),
            None => self.home.remove_incoming(run),
        }
    }

    fn owned(&self) -> Result<Vec<Owned>, StorageError> {
        self.owned_now()
    }

    fn strays(&self) -> Result<Vec<Stray>, StorageError> {
        self.strays_now()
    }

    fn mount(&self, object: &Object) -> Result<(), StorageError> {
        let (_, tree, _) = self.exact(object)?;
        self.mount_tree(&tree, &object.path, Hidden::Stays)
    }

    fn shared(&self, _object: &Object, _files: &[PathBuf]) -> Result<Option<Vec<PathBuf>>, StorageError> {
        Ok(None)
    }

    fn usage(&self) -> Result<Usage, StorageError> {
        let names: Vec<&str> = plan::with_ancestors(&self.dataset).collect();
        let table = self.get(&names, &["used", "available"])?;
        let number = |name: &str, property| table[name].number(property).map_err(ZfsError::from);
        let free = number(&self.dataset, "available")?;
        // What is free is a part of the topmost that has no more, which a quota limits, it may be; they are not read at one instant.
        let about = free.saturating_add(free / 64).saturating_add(64 << 20);
        let mut whole = self.dataset.as_str();
        for name in names.into_iter().rev() {
            if number(name, "available")? <= about {
                whole = name;
                break;
            }
        }
        Ok(Usage {
            total: number(whole, "used")?.saturating_add(number(whole, "available")?),
            free,
        })
    }

    fn exclusive(&self, object: &Object) -> Result<Option<u64>, StorageError> {
        let (_, tree, _) = self.exact(object)?;
        // What was not written out yet is counted nowhere.
        let sync = Invocation::new(&self.pools_tool).args(["sync", zpool_of(&self.dataset)]);
        sync.timeout(WITHIN).run().map_err(|source| StorageError::Tool {
            action: "measuring",
            path: object.path.clone(),
            source,
        })?;
        let property = if tree.is_snapshot() {
            "used"
        } else {
            "usedbydataset"
        };
        let table = self.get(&tree.names(), &[property])?;
        let bytes = table.values().map(|facts| facts.number(property));
        let bytes: Vec<u64> = bytes.collect::<Result<_, _>>().map_err(ZfsError::from)?;
        Ok(Some(bytes.iter().sum()))
    }
}

pub(super) fn is_zfs(volume: &Volume) -> Result<bool, StorageError> {
    let stat = rustix::fs::fstatfs(volume.as_fd()).map_err(|errno| StorageError::Io {
        action: "looking at",
        path: volume.path().to_owned(),
        source: errno.into(),
    })?;
    Ok(stat.f_type == MAGIC)
}

fn not_ours(path: &Path, reason: &str) -> StorageError {
    StorageError::NotOurs {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}
