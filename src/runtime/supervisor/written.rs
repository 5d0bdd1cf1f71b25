//! How much a branch writes: what all processes of its sandboxes together made the storage take (`write_bytes` of
//! `/proc/<pid>/io`, counted when a page becomes dirty, and kept for children that ended by whoever waited for them).
//!
//! On copy-on-write storage each write takes new room, also one in place, so this is what a branch takes; and it is known
//! at once, for every kind of storage, where the size of a tree would have to be walked. A call that takes room without
//! writing (`fallocate`) is not to be had inside (`seccomp`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::freeze::namespace;

/// How far back counts: who writes now is to be found, not who wrote yesterday.
const LAST_MINUTE: Duration = Duration::from_secs(60);

/// What a branch wrote so far, and when.
#[derive(Default)]
pub(super) struct Written {
    /// By PID namespace, when it was last looked at.
    last: BTreeMap<PathBuf, u64>,
    /// All that was seen to be written since the first look.
    sum: u64,
    /// The sum at earlier looks, oldest first.
    looks: VecDeque<(Instant, u64)>,
}

impl Written {
    /// Looks at the processes in these PID namespaces.
    pub(super) fn look(&mut self, inside: &BTreeSet<PathBuf>) {
        self.take(Instant::now(), by_namespace(Path::new("/proc"), inside));
    }

    fn take(&mut self, now: Instant, found: BTreeMap<PathBuf, u64>) {
        for (namespace, bytes) in &found {
            // What was written before the first look is not known to be recent.
            let before = self.last.get(namespace).copied();
            let before = before.unwrap_or(if self.looks.is_empty() { *bytes } else { 0 });
            self.sum = self.sum.saturating_add(bytes.saturating_sub(before));
        }
        self.last = found;
        self.looks.push_back((now, self.sum));
        while self
            .looks
            .get(1)
            .is_some_and(|(at, _)| now.duration_since(*at) >= LAST_MINUTE)
        {
            self.looks.pop_front();
        }
    }

    /// Bytes written within the last minute, as far as it was looked.
    pub(super) fn lately(&self) -> u64 {
        self.looks.front().map_or(0, |(_, then)| self.sum - then)
    }

    /// Forgets: there is room again, and nobody looks.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

fn by_namespace(proc: &Path, inside: &BTreeSet<PathBuf>) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(proc).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Ok(namespace) = namespace(pid)
            && inside.contains(&namespace)
        {
            // One that ended meanwhile is counted by its parent from now on.
            let io = fs::read_to_string(entry.path().join("io")).unwrap_or_default();
            *found.entry(namespace).or_default() += parse(&io).unwrap_or(0);
        }
    }
    found
}

/// `write_bytes` of `/proc/<pid>/io`.
fn parse(io: &str) -> Option<u64> {
    let value = io.lines().find_map(|line| line.strip_prefix("write_bytes:"));
    value?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_counts_is_read() {
        let io = "rchar: 6976\nwchar: 1\nsyscr: 10\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 40960\ncancelled_write_bytes: 9\n";
        assert_eq!(parse(io), Some(40960));
        assert_eq!(parse("rchar: 1\n"), None);
        assert!(parse(&fs::read_to_string("/proc/self/io").unwrap()).is_some());
    }

    #[test]
    fn only_the_last_minute_counts_and_what_ends_takes_nothing_back() {
        let begun = Instant::now();
        let mut written = Written::default();
        let mut at = |second: u64, found: &[(&str, u64)]| {
            let found = found.iter().map(|(name, bytes)| (PathBuf::from(name), *bytes));
            written.take(begun + Duration::from_secs(second), found.collect());
            written.lately()
        };
        assert_eq!(at(0, &[("a", 900)]), 0);
        assert_eq!(at(10, &[("a", 1000)]), 100);
        // Another sandbox of the branch, and one that ended.
        assert_eq!(at(20, &[("a", 1000), ("b", 50)]), 150);
        assert_eq!(at(30, &[("b", 40)]), 150);
        assert_eq!(at(30, &[("b", 60)]), 170);
        assert_eq!(at(70, &[("b", 60)]), 70);
        assert_eq!(at(200, &[("b", 61)]), 1);
        written.forget();
        assert_eq!(written.lately(), 0);
    }
}
