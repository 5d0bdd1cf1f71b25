//! Keeps a rewrite from taking the whole disk: production shares it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often a worker that waits looks whether it is to end instead.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A limit on what all workers together write.
pub(super) struct Pace<'a> {
    rate: Option<u64>,
    began: Instant,
    written: AtomicU64,
    interrupted: &'a AtomicBool,
}

impl<'a> Pace<'a> {
    /// `rate` in bytes a second; no limit without it. Nobody waits any longer once `interrupted` is set.
    pub(super) fn new(rate: Option<u64>, interrupted: &'a AtomicBool) -> Self {
        Self {
            rate: rate.filter(|rate| *rate > 0),
            began: Instant::now(),
            written: AtomicU64::new(0),
            interrupted,
        }
    }

    /// Counts what was written, and waits until that much may have been, or until all is to end.
    pub(super) fn wrote(&self, bytes: usize) {
        let Some(rate) = self.rate else { return };
        let written = self.written.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        let due = self.began + due_after(written, rate);
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() || self.interrupted.load(Ordering::SeqCst) {
                return;
            }
            std::thread::park_timeout(left.min(LOOK_EVERY));
        }
    }
}

fn due_after(written: u64, rate: u64) -> Duration {
    let micros = u128::from(written) * 1_000_000 / u128::from(rate);
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_due_at_the_rate() {
        assert_eq!(due_after(10 << 20, 10 << 20), Duration::from_secs(1));
        assert_eq!(due_after(u64::MAX, 1), Duration::from_micros(u64::MAX));
        let never = AtomicBool::new(false);
        Pace::new(None, &never).wrote(usize::MAX);
        Pace::new(Some(0), &never).wrote(usize::MAX);
    }

    #[test]
    fn a_worker_waits_for_its_turn() {
        let never = AtomicBool::new(false);
        let pace = Pace::new(Some(1_000_000), &never);
        let clock = Instant::now();
        pace.wrote(50_000);
        assert!(
            clock.elapsed() >= Duration::from_millis(45),
            "{:?}",
            clock.elapsed()
        );
    }

    #[test]
    fn nobody_waits_any_longer_once_it_is_interrupted() {
        let interrupted = AtomicBool::new(false);
        let pace = Pace::new(Some(1), &interrupted);
        let ended = std::thread::scope(|scope| {
            // A week of writing.
            let waits = scope.spawn(|| pace.wrote(600_000));
            interrupted.store(true, Ordering::SeqCst);
            waits.join()
        });
        ended.unwrap();
    }
}
