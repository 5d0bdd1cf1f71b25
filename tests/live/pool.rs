//! A Btrfs pool of a test's own, in a loop file below a temporary directory; never left mounted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use envclone::exec::Invocation;

/// A mounted pool. Dropping it unmounts it, which detaches its loop device, and removes its file.
pub struct TestPool {
    path: PathBuf,
    dir_of_its_own: Option<tempfile::TempDir>,
}

/// The storage of a production: a pool for envclone, and a root of which it makes branches.
#[allow(dead_code, reason = "not every test binary with this module needs all of it")]
pub trait Ground {
    /// The name of its driver.
    fn driver(&self) -> &'static str;
    /// Where the pool is mounted.
    fn path(&self) -> &Path;
    /// Where production's root is, or will be, mounted.
    fn root(&self) -> PathBuf;
    /// What the configuration calls pool and root.
    fn names(&self) -> (String, String);
    /// Makes the root.
    fn make_root(&self);
    /// All that a run may have made in the storage, one by one.
    fn objects(&self) -> Vec<String>;
    /// Takes it out of the system and brings it back, as a boot of the host does; nothing may be open in it.
    fn remount(&self);
}

/// Longer than anything takes on a machine that is busy, or emulated, or both.
pub const LONG: Duration = Duration::from_secs(600);

/// Between two looks at what is waited for: a test that looked all the time would take the processor from it, and where there is only
/// one, as in the guest, most of that.
#[allow(dead_code, reason = "not every test binary with this module needs it")]
pub fn before_another_look() {
    std::thread::park_timeout(Duration::from_millis(5));
}

/// Runs a program that a test needs.
pub fn run(program: &str, args: &[&str]) -> String {
    let invocation = Invocation::of(program).unwrap().args(args).timeout(LONG);
    invocation.run().unwrap_or_else(|error| panic!("{error}")).text()
}

/// Makes a subvolume.
#[allow(dead_code, reason = "not every test binary with this module needs it")]
pub fn make_subvolume(path: &Path) {
    run("btrfs", &["subvolume", "create", "--", path.to_str().unwrap()]);
}

#[allow(dead_code, reason = "not every test binary with this module needs it")]
impl TestPool {
    /// Makes and mounts a pool of `size_mb` MiB (at least 128). Needs root.
    pub fn new(size_mb: u64) -> Self {
        Self::made_with(size_mb, &[])
    }

    /// The same with data and metadata mixed: when it is full, it is full for both.
    pub fn mixed(size_mb: u64) -> Self {
        Self::made_with(size_mb, &["--mixed"])
    }

    fn made_with(size_mb: u64, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut pool = Self::made_in(dir.path(), size_mb, options);
        pool.dir_of_its_own = Some(dir);
        pool
    }

    /// Like [`TestPool::new`], in a directory of the caller's, who removes it after the pool is dropped.
    pub fn below(dir: &Path, size_mb: u64) -> Self {
        Self::made_in(dir, size_mb, &[])
    }

    fn made_in(dir: &Path, size_mb: u64, options: &[&str]) -> Self {
        let image = dir.join("pool.img");
        let path = dir.join("pool");
        std::fs::File::create(&image)
            .unwrap()
            .set_len(size_mb << 20)
            .unwrap();
        std::fs::create_dir(&path).unwrap();
        let (image, mount_point) = (image.to_str().unwrap(), path.to_str().unwrap());
        run("mkfs.btrfs", &[options, &["-q", image]].concat());
        run("mount", &["-o", "loop,noatime,nosuid,nodev", image, mount_point]);
        Self {
            path,
            dir_of_its_own: None,
        }
    }

    /// The mount point.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Ground for TestPool {
    fn driver(&self) -> &'static str {
        "btrfs"
    }
    fn path(&self) -> &Path {
        &self.path
    }
    fn root(&self) -> PathBuf {
        self.path.join("prod")
    }
    fn names(&self) -> (String, String) {
        (self.path.display().to_string(), self.root().display().to_string())
    }
    fn make_root(&self) {
        make_subvolume(&self.root());
    }
    fn objects(&self) -> Vec<String> {
        let listing = run("btrfs", &["subvolume", "list", self.path.to_str().unwrap()]);
        let path = |line: &str| format!("subvolume {}", line.split(" path ").nth(1).unwrap());
        listing.lines().map(path).collect()
    }
    fn remount(&self) {
        let (image, path) = (self.path.with_extension("img"), self.path.to_str().unwrap());
        run("umount", &["--", path]);
        let options = ["-o", "loop,noatime,nosuid,nodev", image.to_str().unwrap(), path];
        run("mount", &options);
    }
}

impl Drop for TestPool {
    fn drop(&mut self) {
        let path = self.path.to_str().unwrap();
        let mut unmounted = Invocation::of("umount").unwrap().args(["--", path]).run();
        if unmounted.is_err() {
            // Something is still open in it; a lazy unmount lets the loop device go when that ends.
            unmounted = Invocation::of("umount").unwrap().args(["-l", "--", path]).run();
        }
        if !std::thread::panicking() {
            unmounted.unwrap();
        }
    }
}
