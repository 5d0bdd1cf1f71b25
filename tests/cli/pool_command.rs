//! `envclone pool`.

use envclone::exec::Invocation;

use crate::host::{Host, ended};
use crate::pool::run;

/// Unmounts what a failed test left mounted, before the host's directory goes.
struct Mounted<'a>(&'a Host);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Invocation::of("umount")
            .unwrap()
            .args(["-q", "--"])
            .arg(self.0.path("pool"))
            .run();
    }
}

#[test]
fn a_pool_is_made_and_removed_without_a_configuration_of_its_own() {
    let host = Host::new();
    host.configure(&host.path("pool"), &host.path("pool/shop"));
    let _mounted = Mounted(&host);
    let path = host.path("pool");
    let path = path.to_str().unwrap();
    assert_eq!(
        host.run(&["pool", "create", path, "--size", "256M"]),
        ended(0, "", "")
    );
    assert_eq!(
        host.run(&["pool", "create", path, "--size", "256M"]),
        ended(
            2,
            "",
            "error: [DIR]/pool is there already; name another path, or remove it\n"
        )
    );
    run(
        "btrfs",
        &[
            "-q",
            "subvolume",
            "create",
            host.path("pool/shop").to_str().unwrap(),
        ],
    );
    assert_eq!(
        host.run(&["pool", "remove", path]),
        ended(
            2,
            "",
            "error: the pool [DIR]/pool was not removed: it holds shop\n\
             hint: `--delete-data` removes it with all that it holds\n"
        )
    );
    // After a boot of the host it is looked into all the same.
    run("umount", &[path]);
    assert_eq!(host.run(&["pool", "remove", path]).code, 2);
    assert!(host.path("pool/shop").exists());
    assert_eq!(
        host.run(&["--json", "pool", "remove", path, "--delete-data"])
            .code,
        0
    );
    assert_eq!(host.names(""), ["etc", "state"]);
    assert_eq!(
        host.run(&["pool", "remove", path]),
        ended(
            2,
            "",
            "error: [DIR]/pool is no pool that envclone made; it was left alone\n"
        )
    );
}

#[test]
fn a_pool_needs_a_size_that_makes_sense() {
    let host = Host::new();
    let path = host.path("pool");
    for (size, message) in [
        ("8", "write a whole number and M, G or T, for example 8G"),
        ("-8G", "write a whole number and M, G or T, for example 8G"),
        ("99999999T", "this is too large"),
    ] {
        let size = format!("--size={size}");
        let done = host.run(&["pool", "create", path.to_str().unwrap(), &size]);
        assert_eq!(done.code, 2);
        assert!(done.stderr.contains(message), "{}", done.stderr);
    }
    host.configure(&path, &host.path("pool/shop"));
    assert_eq!(
        host.run(&["pool", "create", path.to_str().unwrap(), "--size", "1M"]),
        ended(
            2,
            "",
            "error: a pool of 1048576 bytes is too small; it takes at least 268435456\n"
        )
    );
    assert_eq!(
        host.run(&["pool", "create", "pool", "--size", "256M"]),
        ended(2, "", "error: pool cannot be a pool: its path is not absolute\n")
    );
    assert_eq!(host.names("state/pools"), [""; 0]);
}
