//! A ZFS pool of a test's own, on a sparse file; gone when dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use envclone::exec::{ExecError, Invocation};

use crate::pool::{before_another_look, run};

/// A pool with a name that nothing else has, imported and mounted below a directory of its own.
pub struct ZfsPool {
    name: String,
    dir: PathBuf,
    dir_of_its_own: Option<tempfile::TempDir>,
}

/// How long a pool may be busy with what is on its way.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs a program of ZFS, again while what it changes is busy: a sandbox of another test holds all mounts of the host until it is set up,
/// a private namespace until it ends.
pub fn patiently(program: &str, args: &[&str]) -> Result<(), ExecError> {
    let began = std::time::Instant::now();
    loop {
        match Invocation::of(program).unwrap().args(args).run() {
            Err(error) if error.to_string().contains("busy") && began.elapsed() < PATIENCE => {
                before_another_look();
            }
            ended => return ended.map(drop),
        }
    }
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
        let mut pool = Self::below(dir.path(), size_mb, options);
        pool.dir_of_its_own = Some(dir);
        pool
    }

    /// Like [`ZfsPool::of`], in a directory of the caller's, who removes it after the pool is dropped; nothing else has its name.
    pub fn below(dir: &Path, size_mb: u64, options: &[&str]) -> Self {
        let name = format!("t{}", dir.file_name().unwrap().to_str().unwrap().replace('-', ""));
        let pool = Self {
            name,
            dir: dir.to_owned(),
            dir_of_its_own: None,
        };
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
        self.dir.join("pool")
    }

    /// The directory of the test, for what is not in the pool.
    pub fn base(&self) -> &Path {
        &self.dir
    }

    /// Takes it out of the system and brings it back, as a boot does.
    pub fn reimport(&self) {
        patiently("zpool", &["export", self.name()]).unwrap();
        let place = self.base().to_str().unwrap();
        run(
            "zpool",
            &["import", "-o", "cachefile=none", "-d", place, self.name()],
        );
    }

    fn file(&self) -> PathBuf {
        self.dir.join("vdev")
    }
}

impl Drop for ZfsPool {
    fn drop(&mut self) {
        let destroyed = patiently("zpool", &["destroy", self.name()]);
        if !std::thread::panicking() {
            destroyed.unwrap();
        }
    }
}
