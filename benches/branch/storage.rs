//! The storage that a bench runs on, and the bare commands of it: Btrfs in a loop file, or a zpool.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::host::{program, run};

/// What a pool is on.
pub enum Storage {
    Btrfs,
    /// The name of a zpool of the bench's own.
    Zfs(String),
}

impl Storage {
    /// Makes a Btrfs of `size` bytes in a sparse file, mounted at `pool`.
    pub fn btrfs(image: &Path, size: u64, pool: &Path) -> Result<Self> {
        fs::File::create(image)?.set_len(size)?;
        fs::create_dir(pool)?;
        run(program("mkfs.btrfs").arg("-q").arg(image))?;
        run(program("mount")
            .args(["-o", "loop,noatime,nosuid,nodev"])
            .arg(image)
            .arg(pool))?;
        Ok(Self::Btrfs)
    }

    /// Makes a zpool of `disk`, mounted at `pool`, with a dataset for envclone's branches.
    pub fn zfs(disk: &Path, pool: &Path) -> Result<Self> {
        let name = format!("bench{}", std::process::id());
        run(program("zpool")
            .args(["create", "-o", "cachefile=none", "-O", "atime=off", "-m"])
            .arg(pool)
            .arg(&name)
            .arg(disk))?;
        let storage = Self::Zfs(name);
        storage.make_root(pool, "envclone")?;
        Ok(storage)
    }

    /// Takes the pool away.
    pub fn end(&self, pool: &Path) {
        // Whatever still holds it open ends with the bench.
        let _ = match self {
            Self::Btrfs => {
                run(program("umount").arg(pool)).or_else(|_| run(program("umount").arg("-l").arg(pool)))
            }
            Self::Zfs(name) => run(program("zpool").args(["destroy", name])),
        };
    }

    /// Makes the root `name`, at `pool/name`.
    pub fn make_root(&self, pool: &Path, name: &str) -> Result<()> {
        let path = pool.join(name);
        match self {
            Self::Btrfs => run(program("btrfs").args(["subvolume", "create"]).arg(path))?,
            Self::Zfs(zpool) => run(program("zfs").args(["create", &format!("{zpool}/{name}")]))?,
        };
        Ok(())
    }

    /// Removes what [`Storage::make_root`] or [`Storage::copy`] made.
    pub fn delete(&self, pool: &Path, name: &str) -> Result<()> {
        match self {
            Self::Btrfs => run(program("btrfs")
                .args(["subvolume", "delete", "-c"])
                .arg(pool.join(name)))?,
            Self::Zfs(zpool) => run(program("zfs").args(["destroy", &format!("{zpool}/{name}")]))?,
        };
        Ok(())
    }

    /// A snapshot of a root and a writable clone of that, at `pool/copy`.
    pub fn copy(&self, pool: &Path, root: &str, copy: &str) -> Result<Copy> {
        let copied = Copy {
            pool: pool.to_owned(),
            names: self.names(root, copy),
        };
        let [snapshot, clone] = &copied.names;
        match self {
            Self::Btrfs => {
                let btrfs = || {
                    let mut command = program("btrfs");
                    command.args(["subvolume", "snapshot"]);
                    command
                };
                run(btrfs().arg("-r").arg(pool.join(root)).arg(pool.join(snapshot)))?;
                run(btrfs().arg(pool.join(snapshot)).arg(pool.join(clone)))?;
            }
            Self::Zfs(zpool) => {
                let name = |name: &str| format!("{zpool}/{name}");
                run(program("zfs").args(["snapshot", &name(snapshot)]))?;
                run(program("zfs").args(["clone", &name(snapshot), &name(clone)]))?;
            }
        }
        Ok(copied)
    }

    fn names(&self, root: &str, copy: &str) -> [String; 2] {
        let snapshot = match self {
            Self::Btrfs => format!("{copy}-snapshot"),
            Self::Zfs(_) => format!("{root}@{copy}"),
        };
        [snapshot, copy.to_owned()]
    }

    /// The lines of `[storage]` that name the pool, and what names a root.
    pub fn configuration(&self, pool: &Path, root: &str) -> (String, String) {
        match self {
            Self::Btrfs => (
                format!("driver = \"btrfs\"\npool = {:?}", pool.display().to_string()),
                pool.join(root).display().to_string(),
            ),
            Self::Zfs(zpool) => (
                format!("driver = \"zfs\"\npool = \"{zpool}/envclone\""),
                format!("{zpool}/{root}"),
            ),
        }
    }
}

/// A snapshot and its clone, by name.
pub struct Copy {
    pool: PathBuf,
    names: [String; 2],
}

impl Copy {
    /// Where the clone's files are.
    pub fn path(&self) -> PathBuf {
        self.pool.join(&self.names[1])
    }

    /// Removes both.
    pub fn delete(&self, storage: &Storage) {
        for name in self.names.iter().rev() {
            // One that was not made yet.
            let _ = storage.delete(&self.pool, name);
        }
    }
}
