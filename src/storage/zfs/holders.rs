//! Who has a dataset open or mounted: what `dataset is busy` does not say.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::mountinfo;

/// How many are named.
const NAMED: usize = 5;

/// The processes that use a dataset, in words: by what they have open on `devices`, the numbers of its filesystem and of those that it
/// was mounted with, or, where there is no such process, by a mount in a namespace of their own. (Most namespaces follow the host's,
/// and hold nothing.)
pub(super) fn of(dataset: &str, devices: &[u64]) -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids: Vec<u32> = processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    let told = |what: &mut dyn FnMut(u32) -> Option<String>| {
        let found = pids.iter().filter_map(|pid| Some((*pid, what(*pid)?)));
        let found = found.map(|(pid, what)| format!("process {pid} ({}): {what}", who(pid)));
        found.take(NAMED).collect::<Vec<String>>()
    };
    let open = told(&mut |pid| open_on(&PathBuf::from(format!("/proc/{pid}")), devices));
    if !open.is_empty() {
        return open;
    }
    let own = fs::read_link("/proc/self/ns/mnt").ok();
    let mut seen: BTreeSet<PathBuf> = own.into_iter().collect();
    told(&mut |pid| mounted_by(pid, dataset, &mut seen))
}

/// Where a dataset is mounted in the namespace of a process, unless that is one of those seen before.
fn mounted_by(pid: u32, dataset: &str, seen: &mut BTreeSet<PathBuf>) -> Option<String> {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let namespace = fs::read_link(process.join("ns/mnt")).ok()?;
    if !seen.insert(namespace) {
        return None;
    }
    let mounts = mountinfo::parse(&fs::read(process.join("mountinfo")).ok()?).ok()?;
    let source = Path::new(dataset);
    let mount = mounts
        .iter()
        .find(|mount| mount.kind == "zfs" && mount.source == source)?;
    Some(format!("mounted at {} in its namespace", mount.point.display()))
}

/// What a process has of a filesystem.
fn open_on(process: &Path, devices: &[u64]) -> Option<String> {
    // Nothing is asked of files that may be far away, and not answer.
    if devices.is_empty() {
        return None;
    }
    let on = |path: &Path| fs::metadata(path).is_ok_and(|metadata| devices.contains(&metadata.dev()));
    for (link, what) in [
        ("cwd", "its working directory"),
        ("root", "its root"),
        ("exe", "its program"),
    ] {
        if on(&process.join(link)) {
            return Some(what.to_owned());
        }
    }
    let descriptors = fs::read_dir(process.join("fd")).ok()?;
    let open = descriptors.flatten().find(|entry| on(&entry.path()))?;
    let file = fs::read_link(open.path()).ok()?;
    Some(format!("has {} open", file.display()))
}

/// The program, and the unit that it belongs to.
fn who(pid: u32) -> String {
    let text = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let name = text("comm").trim_end().to_owned();
    match unit(&text("cgroup")) {
        Some(unit) => format!("{name}, unit {unit}"),
        None => name,
    }
}

/// The unit in the text of `/proc/PID/cgroup`.
fn unit(cgroup: &str) -> Option<&str> {
    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    let is_unit = |part: &&str| matches!(part.rsplit_once('.'), Some((_, "service" | "scope")));
    path.split('/').rfind(is_unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_found_in_the_path_of_a_cgroup() {
        assert_eq!(unit("0::/system.slice/cron.service\n"), Some("cron.service"));
        assert_eq!(
            unit("12:pids:/x\n0::/user.slice/user-0.slice/session-3.scope/sub\n"),
            Some("session-3.scope")
        );
        assert_eq!(unit("0::/\n"), None);
        assert_eq!(unit(""), None);
    }

    #[test]
    fn who_has_a_file_open_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let device = fs::metadata(dir.path()).unwrap().dev();
        let _file = fs::File::create(dir.path().join("held")).unwrap();
        let me = PathBuf::from(format!("/proc/{}", std::process::id()));
        assert!(open_on(&me, &[u64::MAX, device]).is_some());
        assert_eq!(open_on(&me, &[u64::MAX]), None);
        assert!(who(std::process::id()).len() > 1);
    }
}
