//! Pools in a file, made and removed.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use envclone::config::Trust;
use envclone::exec::Invocation;
use envclone::storage::{Btrfs, PoolError, Pools, SMALLEST_POOL};

use crate::pool::run;

/// A host's directories for state and pools. Dropping it unmounts what a failed test left mounted.
struct Host {
    dir: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["state", "srv"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self { dir }
    }
    fn pools(&self) -> Pools {
        Pools::open(
            &self.dir.path().join("state"),
            Trust::below(self.dir.path()).unwrap(),
        )
        .unwrap()
    }
    fn pool(&self) -> PathBuf {
        self.dir.path().join("srv/my pool")
    }
    /// What lies in the directory for pools, and how many records there are.
    fn left(&self) -> (Vec<String>, usize) {
        let names = |dir: &str| -> Vec<String> {
            let entries = std::fs::read_dir(self.dir.path().join(dir)).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        };
        (names("srv"), names("state/pools").len())
    }
    fn loop_devices(&self) -> usize {
        let listed = run("losetup", &["--list", "--noheadings", "--output", "BACK-FILE"]);
        let ours = self.dir.path().to_str().unwrap();
        listed.lines().filter(|line| line.contains(ours)).count()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = Invocation::of("umount")
            .unwrap()
            .args(["-q", "--"])
            .arg(self.pool())
            .run();
    }
}

#[test]
fn a_pool_in_a_file_is_made_mounted_again_and_removed() {
    let host = Host::new();
    let record = host.pools().create(&host.pool(), SMALLEST_POOL).unwrap();
    let image = std::fs::metadata(&record.image).unwrap();
    assert_eq!(image.permissions().mode() & 0o777, 0o600);
    assert!(
        image.blocks() * 512 >= SMALLEST_POOL,
        "all of its room is reserved"
    );
    drop(Btrfs::open(&host.pool()).unwrap());
    assert_eq!(host.loop_devices(), 1);

    let again = host.pools().create(&host.pool(), SMALLEST_POOL);
    assert!(matches!(again, Err(PoolError::Exists { .. })), "{again:?}");
    let mounted = host.pools().mount_all().unwrap();
    assert!(matches!(mounted[0].mounted, Ok(false)), "{mounted:?}");
    run("umount", &[host.pool().to_str().unwrap()]);
    std::fs::remove_dir(host.pool()).unwrap();
    let mounted = host.pools().mount_all().unwrap();
    assert!(matches!(mounted[0].mounted, Ok(true)), "{mounted:?}");
    assert!(
        host.pool().join(".envclone").is_dir(),
        "the same filesystem is back"
    );

    host.pools().remove(&host.pool()).unwrap();
    assert_eq!(host.left(), (vec![], 0));
    assert_eq!(host.loop_devices(), 0);
    assert!(matches!(
        host.pools().remove(&host.pool()),
        Err(PoolError::Unknown { .. })
    ));
}

#[test]
fn a_pool_that_cannot_be_made_leaves_nothing_behind() {
    let host = Host::new();
    let pools = host.pools();
    let too_small = pools.create(&host.pool(), SMALLEST_POOL - 1);
    assert!(
        matches!(too_small, Err(PoolError::TooSmall { .. })),
        "{too_small:?}"
    );
    let too_large = pools.create(&host.pool(), 1 << 45);
    assert!(
        matches!(too_large, Err(PoolError::NoRoom { .. })),
        "{too_large:?}"
    );
    for path in [
        "relative",
        "/",
        "/srv/../etc/pool,x",
        "/nonexistent/directory/pool",
    ] {
        assert!(pools.create(Path::new(path), SMALLEST_POOL).is_err(), "{path}");
    }
    assert_eq!(host.left(), (vec![], 0));
    assert_eq!(host.loop_devices(), 0);
}

#[test]
fn a_pool_is_not_made_over_what_is_there() {
    let host = Host::new();
    let image = host.dir.path().join("srv/my pool.img");
    std::fs::write(&image, "precious").unwrap();
    let refused = host.pools().create(&host.pool(), SMALLEST_POOL);
    assert!(matches!(refused, Err(PoolError::Exists { .. })), "{refused:?}");
    assert_eq!(std::fs::read(&image).unwrap(), b"precious");
    std::fs::remove_file(&image).unwrap();
    std::fs::create_dir(host.pool()).unwrap();
    std::fs::write(host.pool().join("precious"), "").unwrap();
    let refused = host.pools().create(&host.pool(), SMALLEST_POOL);
    assert!(matches!(refused, Err(PoolError::Exists { .. })), "{refused:?}");
    assert_eq!(host.left(), (vec!["my pool".to_owned()], 0));
}

#[test]
fn a_pool_is_not_made_where_others_can_write() {
    let host = Host::new();
    let open = host.dir.path().join("srv");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let refused = host.pools().create(&host.pool(), SMALLEST_POOL);
    assert!(matches!(refused, Err(PoolError::Unsafe { .. })), "{refused:?}");
    assert_eq!(host.left(), (vec![], 0));
}

#[test]
fn what_a_killed_create_left_is_cleared_by_the_next_one() {
    let host = Host::new();
    let record = host.pools().create(&host.pool(), SMALLEST_POOL).unwrap();
    let state = host.dir.path().join("state/pools");
    let file = std::fs::read_dir(&state).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"complete\":true", "\"complete\":false")).unwrap();
    assert!(
        host.pools().mount_all().unwrap().is_empty(),
        "a half pool is not mounted"
    );
    host.pools().create(&host.pool(), SMALLEST_POOL).unwrap();
    assert_eq!(host.loop_devices(), 1);
    host.pools().remove(&record.path).unwrap();
    assert_eq!(host.left(), (vec![], 0));
}

#[test]
fn an_image_that_was_exchanged_is_neither_mounted_nor_removed() {
    let host = Host::new();
    let record = host.pools().create(&host.pool(), SMALLEST_POOL).unwrap();
    run("umount", &[host.pool().to_str().unwrap()]);
    let aside = record.image.with_extension("aside");
    std::fs::rename(&record.image, &aside).unwrap();
    std::fs::write(&record.image, "precious").unwrap();
    let mounted = host.pools().mount_all().unwrap();
    assert!(
        matches!(mounted[0].mounted, Err(PoolError::Foreign { .. })),
        "{mounted:?}"
    );
    let removed = host.pools().remove(&host.pool());
    assert!(matches!(removed, Err(PoolError::Foreign { .. })), "{removed:?}");
    assert_eq!(std::fs::read(&record.image).unwrap(), b"precious");
}

#[test]
fn a_pool_in_use_is_not_removed() {
    let host = Host::new();
    host.pools().create(&host.pool(), SMALLEST_POOL).unwrap();
    let open = std::fs::File::create(host.pool().join("open")).unwrap();
    let removed = host.pools().remove(&host.pool());
    assert!(matches!(removed, Err(PoolError::Tool { .. })), "{removed:?}");
    assert!(host.pool().join("open").exists());
    drop(open);
    host.pools().remove(&host.pool()).unwrap();
    assert_eq!(host.left(), (vec![], 0));
}
