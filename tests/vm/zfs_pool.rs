//! A ZFS pool of a test's own, on a sparse file; gone when dropped.

use std::fs;
use std::path::{Path, PathBuf};

use envclone::exec::Invocation;

/// A pool with a name that nothing else has, imported and mounted below a directory of its own.
pub struct ZfsPool {
    name: String,
    dir: tempfile::TempDir,
}

/// Runs a program that a test needs; what it printed.
#[track_caller]
pub fn run(program: &str, args: &[&str]) -> String {
    let invocation = Invocation::of(program).unwrap().args(args);
    invocation.run().unwrap_or_else(|error| panic!("{error}")).text()
}

#[allow(dead_code, reason = "not every test binary with this module needs all of it")]
impl ZfsPool {
    /// A pool of 1 GiB.
    pub fn new() -> Self {
        Self::of(1024, &[])
    }

    /// A pool of `size_mb` MiB (at least 64), with further options of `zpool create`, such as `-O`, `encryption=on`.
    pub fn of(size_mb: u64, options: &[&str]) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("envclone-test-")
            .tempdir_in("/var/lib")
            .unwrap();
        fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let name = format!(
            "t{}",
            dir.path().file_name().unwrap().to_str().unwrap().replace('-', "")
        );
        let pool = Self { name, dir };
        let file = pool.file();
        fs::File::create(&file).unwrap().set_len(size_mb << 20).unwrap();
        let mount_point = pool.path();
        let fixed = ["create", "-m", mount_point.to_str().unwrap()];
        // No cache file: nothing but its test brings it back.
        let cache = ["-o", "cachefile=none"];
        let last = [pool.name(), file.to_str().unwrap()];
        run("zpool", &[&fixed[..], &cache, options, &last].concat());
        pool
    }

    /// Its name, which is that of its root dataset.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A dataset in it: `dataset("shop/db")` is `POOL/shop/db`.
    pub fn dataset(&self, below: &str) -> String {
        format!("{}/{below}", self.name)
    }

    /// Where its root dataset is mounted.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("pool")
    }

    /// The directory of the test, for what is not in the pool.
    pub fn base(&self) -> &Path {
        self.dir.path()
    }

    /// Takes it out of the system and brings it back, as a boot does.
    pub fn reimport(&self) {
        run("zpool", &["export", self.name()]);
        let place = self.base().to_str().unwrap();
        run(
            "zpool",
            &["import", "-o", "cachefile=none", "-d", place, self.name()],
        );
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("vdev")
    }
}

impl Drop for ZfsPool {
    fn drop(&mut self) {
        let destroyed = Invocation::of("zpool")
            .unwrap()
            .args(["destroy", self.name()])
            .run();
        if !std::thread::panicking() {
            destroyed.unwrap();
        }
    }
}
