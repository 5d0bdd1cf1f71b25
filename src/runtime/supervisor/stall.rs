//! Whether the processes of a sandbox do anything: a server that waits for what its users planted (a FIFO in the place
//! of a file) would be waited for in vain.

use std::fs;
use std::time::{Duration, Instant};

/// How long a server that is not ready yet may do nothing at all.
const STALLED: Duration = Duration::from_secs(20);
/// How often that is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What a sandbox has done so far.
pub(super) struct Stall {
    ticks: u64,
    since: Instant,
}

impl Stall {
    pub(super) fn begin() -> Self {
        Self {
            ticks: 0,
            since: Instant::now(),
        }
    }

    /// Looks at the sandbox of the init process `init`; whether nothing has happened in it for too long.
    pub(super) fn look(&mut self, init: u32) -> bool {
        let (ticks, busy) = work_of(init);
        if busy || ticks != self.ticks {
            self.ticks = ticks;
            self.since = Instant::now();
        }
        self.since.elapsed() >= STALLED
    }
}

/// Processor time of all processes in the PID namespace of `init`, and whether one of them runs or waits for a disk.
fn work_of(init: u32) -> (u64, bool) {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let inside = namespace(&init.to_string());
    let (mut ticks, mut busy) = (0u64, false);
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name
            .to_str()
            .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
        else {
            continue;
        };
        if inside.is_none() || namespace(pid) != inside {
            continue;
        }
        let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
        if let Some((state, own)) = parse(&stat) {
            ticks = ticks.wrapping_add(own);
            busy |= matches!(state, b'R' | b'D');
        }
    }
    (ticks, busy)
}

/// State and processor time out of `/proc/<pid>/stat`; what follows the name, which may hold anything.
fn parse(stat: &[u8]) -> Option<(u8, u64)> {
    let name_ends = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(name_ends + 2..)?).ok()?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let time = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let state = fields.first()?.bytes().next()?;
    Some((state, time(11)?.wrapping_add(time(12)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_time_are_read_behind_a_name_that_pretends() {
        let stat = b"42 (a) R 1 (b) S 1 42 42 0 -1 4194560 5 0 0 0 17 25 0 0 20 0 1 0 9 9 9";
        assert_eq!(parse(stat), Some((b'S', 42)));
        assert_eq!(parse(b"42 (a) S 1"), None);
        assert_eq!(parse(b""), None);
    }
}
