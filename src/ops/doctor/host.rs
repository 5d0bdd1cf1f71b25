//! The host: programs, and what the kernel allows.

use std::fs;
use std::path::Path;

use super::Problem;
use crate::exec::{Tool, package_of};
use crate::ops::{App, driver};

/// Programs that commands run, whatever the services are.
const TOOLS: [&str; 5] = ["bwrap", "setpriv", "ip", "mount", "umount"];
/// What a sandbox is made of.
const NAMESPACES: [&str; 5] = ["mnt", "net", "pid", "ipc", "uts"];

/// What is missing on this host: for the storage of a project, or, where there is no configuration yet, for one that the host
/// has programs for.
pub fn check_host(app: Option<&App>) -> Vec<Problem> {
    let storages = app.map_or_else(driver::installed, |app| vec![app.storage.advice()]);
    let mut problems = Vec::new();
    if !nix::unistd::geteuid().is_root() {
        problems.push(Problem::new(
            "not-root",
            "user",
            "envclone needs root; most could not be checked",
            "sudo envclone doctor",
        ));
    }
    let needed = storages.iter().flat_map(|storage| storage.programs());
    for tool in TOOLS.iter().chain(needed) {
        if let Err(missing) = Tool::find(tool) {
            let fix = package_of(tool).map(|package| format!("apt-get install {package}"));
            let fix = fix.unwrap_or_else(|| "install it".to_owned());
            problems.push(Problem::new("tool-missing", tool, missing.to_string(), fix));
        }
    }
    let filesystems: Vec<&str> = storages.iter().map(|storage| storage.filesystem()).collect();
    problems.extend(check_kernel(Path::new("/"), &filesystems));
    problems
}

/// What the kernel below `root` (`/`, or a test's copy of it) lacks; one of the filesystems will do.
fn check_kernel(root: &Path, filesystems: &[&str]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for namespace in NAMESPACES {
        let name = format!("{namespace} namespaces");
        let limit = root.join(format!("proc/sys/user/max_{namespace}_namespaces"));
        let none = fs::read_to_string(&limit).is_ok_and(|text| text.trim() == "0");
        if root
            .join("proc/self/ns")
            .join(namespace)
            .symlink_metadata()
            .is_err()
        {
            problems.push(Problem::new(
                "kernel",
                name,
                "the kernel has none",
                "boot a kernel that has them",
            ));
        } else if none {
            let fix = format!("sysctl user.max_{namespace}_namespaces=10000");
            problems.push(Problem::new("kernel", name, "the kernel allows none", fix));
        }
    }
    if !root.join("proc/sys/kernel/seccomp/actions_avail").exists() {
        let fix = "boot a kernel with CONFIG_SECCOMP_FILTER";
        problems.push(Problem::new(
            "kernel",
            "seccomp",
            "the kernel filters no system calls",
            fix,
        ));
    }
    if !filesystems.iter().any(|filesystem| knows(root, filesystem)) {
        let name = filesystems.join(" or ");
        let message = format!("the kernel knows no {name}, and there is no module of it");
        let fix = format!("boot a kernel with {name}, or install its module");
        problems.push(Problem::new("kernel", name, message, fix));
    }
    problems
}

/// Whether a filesystem is built in or loaded, or a module of the running kernel.
fn knows(root: &Path, filesystem: &str) -> bool {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let listed = read("proc/filesystems")
        .lines()
        .any(|line| line.trim_start_matches("nodev").trim() == filesystem);
    let modules = Path::new("lib/modules").join(read("proc/sys/kernel/osrelease").trim());
    let names_it = |file: &str| {
        let text = read(&modules.join(file).to_string_lossy());
        text.lines()
            .any(|line| line.contains(&format!("/{filesystem}.ko")))
    };
    listed || names_it("modules.dep") || names_it("modules.builtin")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host that lacks nothing.
    fn host() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("proc/filesystems", "nodev\tproc\n\text4\n\tbtrfs\n");
        write("proc/sys/kernel/osrelease", "6.1.0\n");
        write("proc/sys/kernel/seccomp/actions_avail", "errno allow\n");
        for namespace in NAMESPACES {
            write(&format!("proc/self/ns/{namespace}"), "");
            write(&format!("proc/sys/user/max_{namespace}_namespaces"), "31234\n");
        }
        dir
    }

    #[test]
    fn a_kernel_that_has_everything_is_fine() {
        assert_eq!(check_kernel(host().path(), &["btrfs"]), []);
        assert_eq!(check_kernel(host().path(), &["btrfs", "zfs"]), []);
    }

    #[test]
    fn what_the_kernel_lacks_or_forbids_is_named() {
        let host = host();
        fs::write(host.path().join("proc/filesystems"), "nodev\tproc\n").unwrap();
        fs::write(host.path().join("proc/sys/user/max_net_namespaces"), "0\n").unwrap();
        fs::remove_file(host.path().join("proc/self/ns/uts")).unwrap();
        fs::remove_file(host.path().join("proc/sys/kernel/seccomp/actions_avail")).unwrap();
        let problems = check_kernel(host.path(), &["btrfs"]);
        let objects: Vec<&str> = problems.iter().map(|problem| problem.object.as_str()).collect();
        assert_eq!(objects, ["net namespaces", "uts namespaces", "seccomp", "btrfs"]);
        assert_eq!(problems[0].fix, "sysctl user.max_net_namespaces=10000");
    }

    #[test]
    fn a_module_that_is_not_loaded_is_as_good() {
        let host = host();
        fs::write(host.path().join("proc/filesystems"), "").unwrap();
        let modules = host.path().join("lib/modules/6.1.0");
        fs::create_dir_all(&modules).unwrap();
        fs::write(
            modules.join("modules.dep"),
            "kernel/fs/btrfs/btrfs.ko: kernel/lib/raid6.ko\nupdates/dkms/zfs.ko.xz: updates/dkms/spl.ko.xz\n",
        )
        .unwrap();
        assert_eq!(check_kernel(host.path(), &["btrfs"]), []);
        assert_eq!(check_kernel(host.path(), &["zfs"]), []);
        assert_eq!(check_kernel(host.path(), &["bcachefs"]).len(), 1);
    }
}
