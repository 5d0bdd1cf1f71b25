//! A production's storage on ZFS: its root is a dataset with one below it for the database, beside a pool of envclone's own.

use std::path::{Path, PathBuf};

use crate::pool::Ground;
use crate::pool::run;
use crate::production::{Production, server_programs};
use crate::zfs_pool::ZfsPool;

/// The zpool, and where envclone's part of it is mounted.
pub struct Tank {
    zpool: ZfsPool,
    path: PathBuf,
}

impl Tank {
    /// A zpool of `size_mb` MiB in a directory of the caller's, with further options of `zpool create`.
    pub fn below(dir: &Path, size_mb: u64, options: &[&str]) -> Self {
        let zpool = ZfsPool::below(dir, size_mb, options);
        let path = zpool.path().join("envclone");
        Self { zpool, path }
    }
}

impl Ground for Tank {
    fn driver(&self) -> &'static str {
        "zfs"
    }
    fn path(&self) -> &Path {
        &self.path
    }
    fn root(&self) -> PathBuf {
        self.zpool.path().join("prod")
    }
    fn names(&self) -> (String, String) {
        (self.zpool.dataset("envclone"), self.zpool.dataset("prod"))
    }
    fn make_root(&self) {
        for name in ["envclone", "prod", "prod/db"] {
            run("zfs", &["create", &self.zpool.dataset(name)]);
        }
    }
    fn objects(&self) -> Vec<String> {
        let all = ["list", "-H", "-r", "-t", "all", "-o", "name", self.zpool.name()];
        let listing = run("zfs", &all);
        // What holds all clones is made by the first command, and stays.
        let home = self.zpool.dataset("envclone/.envclone");
        let names = listing.lines().filter(|name| **name != home);
        names.map(|name| format!("dataset {name}")).collect()
    }
    fn remount(&self) {
        self.zpool.reimport();
    }
}

/// A production that runs on ZFS.
pub fn production_on_zfs() -> Production {
    Production::started(of(1024, &[]))
}

/// A production on ZFS whose server was never started, for what is refused before one would matter.
pub fn quiet(options: &[&str]) -> Production {
    of(512, options)
}

fn of(size_mb: u64, options: &[&str]) -> Production {
    Production::stopped_on(
        |dir| Box::new(Tank::below(dir, size_mb, options)),
        Path::new(server_programs()),
    )
}
