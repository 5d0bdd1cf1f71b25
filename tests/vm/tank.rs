//! A production's storage on ZFS: its root is a dataset with one below it for the database, beside a pool of envclone's own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::pool::Ground;
use crate::pool::run;
use crate::production::{Production, server_programs};
use crate::zfs_pool::ZfsPool;

/// The zpool, and where envclone's part of it is mounted.
pub struct Tank {
    zpool: ZfsPool,
    path: PathBuf,
    is_encrypted: bool,
}

impl Tank {
    /// A zpool of `size_mb` MiB in a directory of the caller's, with further options of `zpool create`.
    pub fn below(dir: &Path, size_mb: u64, options: &[&str]) -> Self {
        let zpool = ZfsPool::below(dir, size_mb, options);
        let path = zpool.path().join("envclone");
        Self {
            zpool,
            path,
            is_encrypted: false,
        }
    }

    /// The same, where production has a raw key, and envclone's part, as is required then, one of its own: a passphrase.
    pub fn encrypted_below(dir: &Path, size_mb: u64) -> Self {
        Self {
            is_encrypted: true,
            ..Self::below(dir, size_mb, &[])
        }
    }

    /// Makes a dataset with a key of its own, which lies in a file, as an administrator does.
    fn make_encrypted(&self, name: &str, format: &str, key: &[u8]) {
        let file = self.zpool.base().join(format!("{name}.key"));
        fs::write(&file, key).unwrap();
        let settings = [
            "encryption=on".to_owned(),
            format!("keyformat={format}"),
            format!("keylocation=file://{}", file.display()),
        ];
        let options = settings.iter().flat_map(|setting| ["-o", setting]);
        let words: Vec<&str> = ["create"].into_iter().chain(options).collect();
        run("zfs", &[&words[..], &[&self.zpool.dataset(name)]].concat());
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
        let make = |name| drop(run("zfs", &["create", &self.zpool.dataset(name)]));
        if self.is_encrypted {
            self.make_encrypted("envclone", "passphrase", b"a long passphrase");
            self.make_encrypted("prod", "raw", &[7; 32]);
        } else {
            ["envclone", "prod"].into_iter().for_each(make);
        }
        // As for a database; a clone does not have them by itself.
        let settings = [
            "-o",
            "recordsize=16K",
            "-o",
            "logbias=throughput",
            "-o",
            "atime=off",
        ];
        run(
            "zfs",
            &[&["create"], &settings[..], &[&self.zpool.dataset("prod/db")]].concat(),
        );
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

/// A production on ZFS of which only the uploads are configured: its branches take a fraction of the time.
pub fn of_files() -> Production {
    Production::of_files_on(|dir| Box::new(Tank::below(dir, 512, &[])))
}

/// A production that runs on encrypted datasets.
pub fn encrypted_production() -> Production {
    let make = |dir: &Path| -> Box<dyn Ground> { Box::new(Tank::encrypted_below(dir, 1024)) };
    Production::started(Production::stopped_on(make, Path::new(server_programs())))
}

fn of(size_mb: u64, options: &[&str]) -> Production {
    Production::stopped_on(
        |dir| Box::new(Tank::below(dir, size_mb, options)),
        Path::new(server_programs()),
    )
}
