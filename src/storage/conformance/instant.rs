//! One instant: a writer appends a growing number to a file in each of several volumes in turn, and snapshots are taken
//! meanwhile. In none of them may the files disagree by more than the one write in flight.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use super::{Breach, Ground, Outcome, hold, incoming};
use crate::storage::{Object, Role};

const VOLUMES: [&str; 3] = ["db", "uploads", "queue"];
/// In at most so many a control must have failed once.
const CONTROL: u64 = 300;

/// How far the writer is, and whether it is held.
#[derive(Default)]
struct Progress {
    state: Mutex<State>,
    changed: Condvar,
    stop: AtomicBool,
}

#[derive(Default)]
struct State {
    /// How often it wrote to each volume; `None` once it ended.
    rounds: Option<u64>,
    /// Whether it is to wait.
    held: bool,
}

impl Progress {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    fn set(&self, rounds: Option<u64>) {
        self.change(|state| state.rounds = rounds);
    }

    fn hold(&self, held: bool) {
        self.change(|state| state.held = held);
    }

    fn end(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.hold(false);
    }

    fn wait_while(&self, condition: impl Fn(&State) -> bool) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(state, |state| condition(state)));
    }

    /// Waits until each volume was written to twice more than now, or the writer ended.
    fn wait_for_two_rounds(&self) {
        let now = self.state.lock().unwrap_or_else(PoisonError::into_inner).rounds;
        let Some(enough) = now.map(|now| now + 2) else {
            return;
        };
        self.wait_while(|state| state.rounds.is_some_and(|now| now < enough));
    }
}

/// Appends 1, 2, 3, … to a file of each volume, one volume after the other, until told to stop.
fn write_in_turn(files: &[File], synced: bool, progress: &Progress) -> io::Result<()> {
    for number in 1u64.. {
        for file in files {
            progress.wait_while(|state| state.held);
            file.write_all_at(&number.to_le_bytes(), (number - 1) * 8)?;
            if synced {
                file.sync_data()?;
            }
        }
        progress.set(Some(number));
        if progress.stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(())
}

/// The last number in a file, of which all before it must be there as well.
fn last_number(volume: &Path) -> io::Result<u64> {
    let bytes = match fs::read(volume.join("numbers")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        read => read?,
    };
    let numbers = bytes.chunks_exact(8).map(|eight| {
        let eight = eight.try_into().map_err(io::Error::other)?;
        Ok::<_, io::Error>(u64::from_le_bytes(eight))
    });
    let mut last = 0;
    for (at, number) in (1u64..).zip(numbers) {
        // A hole, or room that was taken and not filled: what comes after it is torn off.
        if number? != at {
            return Ok(u64::MAX);
        }
        last = at;
    }
    Ok(last)
}

/// Whether the volumes are as they were at some moment: each as far as the one written after it, or one further, in all
/// at most one apart.
fn is_one_moment(volumes: &[PathBuf]) -> io::Result<bool> {
    let ends = volumes.iter().map(|volume| last_number(volume));
    let ends = ends.collect::<io::Result<Vec<_>>>()?;
    let falling = ends.windows(2).all(|pair| pair[0] >= pair[1]);
    let (most, least) = (ends.first().unwrap_or(&0), ends.last().unwrap_or(&0));
    Ok(falling && most.saturating_sub(*least) <= 1 && *most < u64::MAX)
}

/// A root on which a writer writes while `look` looks `times` times; how often it found no one moment. Ends early at the first
/// where `until_first`.
fn count(
    ground: &dyn Ground,
    (synced, times, until_first): (bool, u64, bool),
    look: impl Fn(&Path, u64, &Progress) -> Result<Vec<PathBuf>, Breach>,
) -> Result<u64, Breach> {
    let root = ground.pool().join("production");
    ground.make_root_of(&root, &VOLUMES)?;
    let open = |volume: &&str| File::create(root.join(volume).join("numbers"));
    let files = VOLUMES.iter().map(open).collect::<io::Result<Vec<_>>>()?;
    let progress = Progress::default();
    progress.set(Some(0));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let written = write_in_turn(&files, synced, &progress);
            progress.set(None);
            written
        });
        let looked = (|| {
            let mut wrong = 0;
            for number in 0..times {
                let volumes = look(&root, number, &progress)?;
                if !is_one_moment(&volumes)? {
                    wrong += 1;
                }
                if wrong > 0 && until_first {
                    break;
                }
            }
            Ok(wrong)
        })();
        progress.end();
        let written = writer.join();
        written.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        looked
    })
}

fn by_the_driver(ground: &dyn Ground, root: &Path, number: u64) -> Result<Vec<PathBuf>, Breach> {
    let storage = ground.storage();
    let snapshot = storage.snapshot(root, &incoming(number, Role::Snapshot)?)?;
    clone_of(ground, &snapshot, number)
}

/// The writer, which would be in the way of all else, writes while the snapshot is taken, from before to after it.
fn beside_the_writer(
    ground: &dyn Ground,
    root: &Path,
    number: u64,
    progress: &Progress,
) -> Result<Vec<PathBuf>, Breach> {
    progress.hold(false);
    progress.wait_for_two_rounds();
    let snapshot = ground
        .storage()
        .snapshot(root, &incoming(number, Role::Snapshot)?)?;
    progress.wait_for_two_rounds();
    progress.hold(true);
    clone_of(ground, &snapshot, number)
}

fn clone_of(ground: &dyn Ground, snapshot: &Object, number: u64) -> Result<Vec<PathBuf>, Breach> {
    let storage = ground.storage();
    let clone = storage.clone_of(snapshot, &incoming(number, Role::Clone)?)?;
    Ok(VOLUMES.iter().map(|volume| clone.path.join(volume)).collect())
}

pub(super) fn of_all_that_was_synced(ground: &dyn Ground) -> Outcome {
    if !ground.is_atomic() {
        return Ok(());
    }
    let times = ground.snapshots_under_load();
    let wrong = count(ground, (true, times, false), |root, number, progress| {
        beside_the_writer(ground, root, number, progress)
    })?;
    hold(wrong == 0, "volumes of one snapshot are of different moments")
}

pub(super) fn one_by_one_is_none(ground: &dyn Ground) -> Outcome {
    let one_by_one = |root: &Path, number: u64, progress: &Progress| {
        let one = |volume: &&str| {
            let path = ground.snapshot_of_one(root, volume, &format!("one-{number}"))?;
            progress.wait_for_two_rounds();
            Ok(path)
        };
        VOLUMES.iter().map(one).collect()
    };
    let wrong = count(ground, (true, 1, true), one_by_one)?;
    hold(wrong > 0, "the control did not fail: the check sees nothing")
}

pub(super) fn of_what_was_not_synced(ground: &dyn Ground) -> Outcome {
    if !ground.is_atomic() {
        return Ok(());
    }
    let orders = ground.orders_unsynced();
    let times = if orders {
        ground.snapshots_under_load()
    } else {
        CONTROL
    };
    let wrong = count(ground, (false, times, true), |root, number, progress| {
        if orders {
            beside_the_writer(ground, root, number, progress)
        } else {
            by_the_driver(ground, root, number)
        }
    })?;
    if orders {
        hold(wrong == 0, "writes that were not synced are out of order")
    } else {
        hold(wrong > 0, "the control did not fail: the check sees nothing")
    }
}
