//! Keeps a rewrite from taking the whole disk: production shares it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A limit on what all workers together write.
pub(super) struct Pace {
    rate: Option<u64>,
    began: Instant,
    written: AtomicU64,
}

impl Pace {
    /// `rate` in bytes a second; no limit without it.
    pub(super) fn new(rate: Option<u64>) -> Self {
        Self {
            rate: rate.filter(|rate| *rate > 0),
            began: Instant::now(),
            written: AtomicU64::new(0),
        }
    }

    /// Counts what was written, and waits until that much may have been.
    pub(super) fn wrote(&self, bytes: usize) {
        let Some(rate) = self.rate else { return };
        let written = self.written.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        let due = self.began + due_after(written, rate);
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::park_timeout(left);
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
        Pace::new(None).wrote(usize::MAX);
        Pace::new(Some(0)).wrote(usize::MAX);
    }

    #[test]
    fn a_worker_waits_for_its_turn() {
        let pace = Pace::new(Some(1_000_000));
        let clock = Instant::now();
        pace.wrote(50_000);
        assert!(
            clock.elapsed() >= Duration::from_millis(45),
            "{:?}",
            clock.elapsed()
        );
    }
}
