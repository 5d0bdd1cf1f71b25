//! Signals as something to wait for, beside descriptors.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::SigId;
use signal_hook::consts::SIGCHLD;
use signal_hook::low_level::{pipe, unregister};

/// Signals that come here instead of doing what they do; until it is dropped.
pub(super) struct Signals {
    bell: UnixStream,
    seen: Vec<(i32, Arc<AtomicBool>)>,
    registered: Vec<SigId>,
}

impl Signals {
    /// Begins to catch `wanted`, but for those that whoever started this process had it ignore (`nohup`, `&` in a script):
    /// the command ignores them, too. A child's end is waited for all the same.
    pub(super) fn begin(wanted: &[i32]) -> io::Result<Self> {
        let (bell, ring) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        let mut signals = Self {
            bell,
            seen: Vec::new(),
            registered: Vec::new(),
        };
        let ignored = ignored(&std::fs::read_to_string("/proc/self/status")?).unwrap_or(0);
        let heard = |signal: &&i32| **signal == SIGCHLD || ignored >> (**signal - 1) & 1 == 0;
        for signal in wanted.iter().filter(heard) {
            let flag = Arc::new(AtomicBool::new(false));
            let set = signal_hook::flag::register(*signal, Arc::clone(&flag))?;
            signals.registered.push(set);
            signals
                .registered
                .push(pipe::register(*signal, ring.try_clone()?)?);
            signals.seen.push((*signal, flag));
        }
        Ok(signals)
    }

    /// Those that came since the last time.
    pub(super) fn take(&self) -> Vec<i32> {
        let mut rings = [0; 64];
        while (&self.bell).read(&mut rings).is_ok_and(|read| read > 0) {}
        let came = |flag: &AtomicBool| flag.swap(false, Ordering::SeqCst);
        let seen = self.seen.iter().filter(|(_, flag)| came(flag));
        seen.map(|(signal, _)| *signal).collect()
    }
}

impl AsFd for Signals {
    /// Readable when one came.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            unregister(id);
        }
    }
}

/// The signals that a process ignores, out of its `/proc/<pid>/status`: the first of them in the lowest bit.
fn ignored(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_mask() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000180004a02\n";
        assert_eq!(ignored(status), Some(0x1001));
        assert_eq!(ignored("SigIgn:\tx\n"), None);
        assert_eq!(ignored(""), None);
    }
}
