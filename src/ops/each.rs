//! The same for several environments, some of them at a time: one that takes its time keeps no other waiting.

use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::model::EnvName;

/// Does the same for all names, so many at a time; what came of each, in their order.
pub(super) fn side_by_side<T: Send>(
    names: Vec<EnvName>,
    at_a_time: usize,
    work: impl Fn(&EnvName) -> T + Sync,
) -> Vec<(EnvName, T)> {
    let threads = names.len().min(at_a_time);
    let waiting = Mutex::new(names.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                while let Some((at, name)) = next() {
                    let outcome = work(&name);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.push((at, name, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, ..)| *at);
    done.into_iter()
        .map(|(_, name, outcome)| (name, outcome))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn names(count: usize) -> Vec<EnvName> {
        (0..count)
            .map(|at| format!("env-{at}").parse().unwrap())
            .collect()
    }

    #[test]
    fn all_are_worked_on_side_by_side_and_told_of_in_order() {
        // Nobody gets past it alone.
        let all_are_there = Barrier::new(3);
        let done = side_by_side(names(3), 8, |_| all_are_there.wait());
        let done: Vec<EnvName> = done.into_iter().map(|(name, _)| name).collect();
        assert_eq!(done, names(3));
        assert!(side_by_side(names(0), 8, |_| ()).is_empty());
    }

    #[test]
    fn never_more_at_a_time_than_allowed() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let two = Barrier::new(2);
        let done = side_by_side(names(10), 2, |name| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            two.wait();
            now.fetch_sub(1, Ordering::SeqCst);
            name.to_string()
        });
        assert_eq!(most.into_inner(), 2);
        assert!(done.iter().all(|(name, said)| name.to_string() == *said));
        assert_eq!(done.len(), 10);
    }
}
