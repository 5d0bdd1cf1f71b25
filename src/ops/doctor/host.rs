//! The host: programs, and what the kernel allows.

use std::fs;
use std::path::Path;

use super::Problem;
use crate::exec::{Tool, package_of};

/// Programs that commands run, whatever the services are.
const TOOLS: [&str; 7] = ["bwrap", "setpriv", "ip", "btrfs", "mkfs.btrfs", "mount", "umount"];
/// What a sandbox is made of.
const NAMESPACES: [&str; 5] = ["mnt", "net", "pid", "ipc", "uts"];

/// What is missing on this host. Needs no configuration.
pub fn check_host() -> Vec<Problem> {
    let mut problems = Vec::new();
    if !nix::unistd::geteuid().is_root() {
        problems.push(Problem::new(
            "not-root",
            "user",
            "envclone needs root; most could not be checked",
            "sudo envclone doctor",
        ));
    }
    for tool in TOOLS {
        if let Err(missing) = Tool::find(tool) {
            let fix = package_of(tool).map(|package| format!("apt-get install {package}"));
            let fix = fix.unwrap_or_else(|| "install it".to_owned());
            problems.push(Problem::new("tool-missing", tool, missing.to_string(), fix));
        }
    }
    problems.extend(check_kernel(Path::new("/")));
    problems
}

/// What the kernel below `root` (`/`, or a test's copy of it) lacks.
fn check_kernel(root: &Path) -> Vec<Problem> {
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
    if !knows_btrfs(root) {
        let message = "the kernel knows no Btrfs, and there is no module of it";
        problems.push(Problem::new("kernel", "btrfs", message, "modprobe btrfs"));
    }
    problems
}

/// Whether Btrfs is built in or loaded, or a module of the running kernel.
fn knows_btrfs(root: &Path) -> bool {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let listed = read("proc/filesystems")
        .lines()
        .any(|line| line.trim_start_matches("nodev").trim() == "btrfs");
    let modules = Path::new("lib/modules").join(read("proc/sys/kernel/osrelease").trim());
    let names_it = |file: &str| {
        let text = read(&modules.join(file).to_string_lossy());
        text.lines().any(|line| line.contains("/btrfs.ko"))
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
        assert_eq!(check_kernel(host().path()), []);
    }

    #[test]
    fn what_the_kernel_lacks_or_forbids_is_named() {
        let host = host();
        fs::write(host.path().join("proc/filesystems"), "nodev\tproc\n").unwrap();
        fs::write(host.path().join("proc/sys/user/max_net_namespaces"), "0\n").unwrap();
        fs::remove_file(host.path().join("proc/self/ns/uts")).unwrap();
        fs::remove_file(host.path().join("proc/sys/kernel/seccomp/actions_avail")).unwrap();
        let problems = check_kernel(host.path());
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
            "kernel/fs/btrfs/btrfs.ko: kernel/lib/raid6.ko\n",
        )
        .unwrap();
        assert_eq!(check_kernel(host.path()), []);
    }
}
