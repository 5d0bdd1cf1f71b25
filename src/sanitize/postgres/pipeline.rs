//! Rows that wait in files go through the masker, on several cores at once, and come out in their order. So the cores that
//! the server leaves free while it loads rows have work, and what was masked never lies in a file of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::ScopedJoinHandle;

use memchr::{memchr, memchr_iter};

use super::masker::{MaskFault, Masker};
use super::rewrite::Rewritten;
use super::seen::Seen;

/// How many bytes of rows are masked at once, and how many rows: what they become can be far longer.
const PIECE: usize = 256 << 10;
const ROWS: usize = 4096;

/// How many bytes may be on their way, as they were and as they became; one piece always may, so that a row can have any length.
const ON_THEIR_WAY: usize = 6 << 20;

/// Buffers of more are not kept for others.
const SPARE: usize = 4 * PIECE;

/// Why rows did not come through.
pub(super) enum PipelineFault<E> {
    /// The files.
    Read(io::Error),
    /// A value.
    Mask(MaskFault),
    /// Whoever took them.
    Take(E),
    /// A thread ended before its work was done.
    Thread,
}

/// Masks all rows of `files`, each of which holds whole rows, by as many maskers as there are, and gives the results to `take`
/// in the order of the rows.
///
/// # Errors
/// [`PipelineFault`]; some rows may have been taken.
pub(super) fn mask_all<E: Send>(
    files: &mut [File],
    maskers: Vec<Masker<'_>>,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(Rewritten, Seen), PipelineFault<E>> {
    let waiting = Waiting::new(files);
    let (ready, made) = mpsc::channel::<Result<Made, PipelineFault<E>>>();
    let (taken, ended) = std::thread::scope(|scope| {
        let waiting = &waiting;
        let start = |masker| {
            let ready = ready.clone();
            scope.spawn(move || work(masker, waiting, &ready))
        };
        let workers: Vec<_> = maskers.into_iter().map(start).collect();
        drop(ready);
        let taken = take_in_order(&made, waiting, &mut take);
        // Whoever still waits for room, or would read on, is to end.
        waiting.stop();
        drop(made);
        let ended: Vec<_> = workers.into_iter().map(ScopedJoinHandle::join).collect();
        (taken, ended)
    });
    let count = taken?;
    let mut whole: Option<(Rewritten, Seen)> = None;
    for worker in ended {
        let (rewritten, seen) = worker.map_err(|_| PipelineFault::Thread)?;
        match &mut whole {
            Some(whole) => {
                whole.0.add(&rewritten);
                whole.1.merge(seen);
            }
            None => whole = Some((rewritten, seen)),
        }
    }
    let state = waiting.lock();
    let all = state.next == count && state.file == state.files.len() && state.begun.is_empty();
    drop(state);
    whole.filter(|_| all).ok_or(PipelineFault::Thread)
}

/// Rows that were masked.
struct Made {
    /// Number of the piece.
    number: usize,
    /// How much room it took: as it was, and as it became.
    room: usize,
    rows: Vec<u8>,
}

/// Masks piece after piece until none is left, or nobody wants them.
fn work<E>(
    mut masker: Masker<'_>,
    waiting: &Waiting<'_>,
    ready: &mpsc::Sender<Result<Made, PipelineFault<E>>>,
) -> (Rewritten, Seen) {
    let _ending = Ending(waiting);
    let mut piece = Vec::new();
    loop {
        let made = match waiting.next(&mut piece) {
            Ok(None) => break,
            Ok(Some((number, spare))) => mask(&mut masker, &piece, spare)
                .map(|rows| waiting.made(number, &piece, rows))
                .map_err(PipelineFault::Mask),
            Err(error) => Err(PipelineFault::Read(error)),
        };
        let failed = made.is_err();
        if ready.send(made).is_err() || failed {
            break;
        }
        piece.clear();
        if piece.capacity() > SPARE {
            piece = Vec::new();
        }
    }
    masker.end()
}

/// Ends the others with a thread that panics: the room that it took would never be given back.
struct Ending<'w, 'f>(&'w Waiting<'f>);

impl Drop for Ending<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

fn mask(masker: &mut Masker<'_>, piece: &[u8], spare: Vec<u8>) -> Result<Vec<u8>, MaskFault> {
    let mut from = 0;
    for end in memchr_iter(b'\n', piece) {
        masker.mask(&piece[from..end])?;
        from = end + 1;
    }
    masker.take(spare)
}

/// Gives what comes to `take` in the order of its numbers; how many pieces those were.
fn take_in_order<E>(
    made: &mpsc::Receiver<Result<Made, PipelineFault<E>>>,
    waiting: &Waiting<'_>,
    take: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<usize, PipelineFault<E>> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    while let Ok(made) = made.recv() {
        let made = made?;
        early.insert(made.number, made);
        while let Some(made) = early.remove(&next) {
            take(&made.rows).map_err(PipelineFault::Take)?;
            waiting.taken(made);
            next += 1;
        }
    }
    Ok(next)
}

/// The rows that nobody has masked yet.
struct Waiting<'a> {
    state: Mutex<State<'a>>,
    /// Something was taken.
    room: Condvar,
}

struct State<'a> {
    files: &'a mut [File],
    /// Number of the file that is read.
    file: usize,
    /// The beginning of a row whose end was not read yet.
    begun: Vec<u8>,
    /// Number of the next piece.
    next: usize,
    on_their_way: usize,
    spares: Vec<Vec<u8>>,
    stopped: bool,
}

impl<'a> Waiting<'a> {
    fn new(files: &'a mut [File]) -> Self {
        Self {
            state: Mutex::new(State {
                files,
                file: 0,
                begun: Vec::new(),
                next: 0,
                on_their_way: 0,
                spares: Vec::new(),
                stopped: false,
            }),
            room: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the next rows into `piece`, which is empty, as soon as there is room; their number, and a buffer for what they
    /// become.
    fn next(&self, piece: &mut Vec<u8>) -> io::Result<Option<(usize, Vec<u8>)>> {
        let full = |state: &mut State<'_>| !state.stopped && state.on_their_way >= ON_THEIR_WAY;
        let state = self.room.wait_while(self.lock(), full);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if state.stopped || !state.read(piece)? {
            return Ok(None);
        }
        state.on_their_way += piece.len();
        state.next += 1;
        Ok(Some((state.next - 1, state.spares.pop().unwrap_or_default())))
    }

    fn made(&self, number: usize, piece: &[u8], rows: Vec<u8>) -> Made {
        self.lock().on_their_way += rows.len();
        Made {
            number,
            room: piece.len() + rows.len(),
            rows,
        }
    }

    fn taken(&self, made: Made) {
        let mut state = self.lock();
        state.on_their_way -= made.room;
        if made.rows.capacity() <= SPARE {
            state.spares.push(made.rows);
        }
        drop(state);
        self.room.notify_all();
    }

    fn stop(&self) {
        self.lock().stopped = true;
        self.room.notify_all();
    }
}

impl State<'_> {
    /// Reads whole rows, at least one; whether there were any.
    fn read(&mut self, piece: &mut Vec<u8>) -> io::Result<bool> {
        piece.append(&mut self.begun);
        let mut whole = memchr(b'\n', piece).is_some();
        while piece.len() < PIECE || !whole {
            let Some(file) = self.files.get_mut(self.file) else {
                break;
            };
            let before = piece.len();
            if file.take(PIECE as u64).read_to_end(piece)? == 0 {
                self.file += 1;
                // With its file every row ends.
                if piece.last().is_some_and(|last| *last != b'\n') {
                    piece.push(b'\n');
                }
            }
            whole = whole || memchr(b'\n', &piece[before..]).is_some();
        }
        let end = memchr_iter(b'\n', piece).take(ROWS).last();
        let end = end.map_or(0, |last| last + 1);
        self.begun.extend_from_slice(&piece[end..]);
        piece.truncate(end);
        Ok(end > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::super::rewrite::{ColumnWork, Rule};
    use super::super::seen::Originals;
    use super::*;
    use crate::sanitize::key::MaskingKey;
    use crate::sanitize::needle::NeedleSet;
    use crate::sanitize::schema::TableName;
    use crate::sanitize::transform::{Masked, Transform, TransformError};

    /// Turns a value round; refuses one, and panics at another.
    struct Turn;

    impl Transform for Turn {
        fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
            assert_ne!(value, "panic");
            if value == "refused" {
                return Err(TransformError::Exhausted { transform: "turn" });
            }
            out.extend(value.chars().rev());
            Ok(Masked::Value)
        }
    }

    fn file(rows: &[String]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(rows.concat().as_bytes()).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file
    }

    /// What comes out of files with these rows, and how many rows there were.
    fn masked(
        files: &[Vec<String>],
        maskers: usize,
        take: impl FnMut(&[u8]) -> Result<(), &'static str>,
    ) -> Result<(String, u64), PipelineFault<&'static str>> {
        let mut files: Vec<File> = files.iter().map(|rows| file(rows)).collect();
        masked_files(&mut files, maskers, take)
    }

    fn masked_files(
        files: &mut [File],
        maskers: usize,
        mut take: impl FnMut(&[u8]) -> Result<(), &'static str>,
    ) -> Result<(String, u64), PipelineFault<&'static str>> {
        let needles = NeedleSet::builder(&MaskingKey::from_bytes([9; 32])).build();
        let originals = Originals {
            needles: &needles,
            of_replaced: &[],
        };
        let rule = Rule {
            condition: None,
            transform: Some(Box::new(Turn)),
        };
        let work = [ColumnWork {
            name: "name".to_owned(),
            rules: vec![rule],
        }];
        let table = TableName::new("shop", "people");
        let masker = || Masker::new(&table, &["id", "name"], &work, 0, originals);
        let maskers = std::iter::repeat_with(masker).take(maskers).collect();
        let mut out = Vec::new();
        let (rewritten, _) = mask_all(files, maskers, |rows| {
            out.extend_from_slice(rows);
            take(rows)
        })?;
        Ok((String::from_utf8(out).unwrap(), rewritten.rows))
    }

    fn rows(from: usize, to: usize) -> Vec<String> {
        let name = |number: usize| format!("{number}-").repeat(1 + number % 40);
        (from..to)
            .map(|number| format!("{number}\t{}\n", name(number)))
            .collect()
    }

    fn turned(files: &[Vec<String>]) -> String {
        let row = |row: &String| {
            let (id, name) = row.strip_suffix('\n').unwrap_or(row).split_once('\t').unwrap();
            format!("{id}\t{}\n", name.chars().rev().collect::<String>())
        };
        files.iter().flatten().map(row).collect()
    }

    #[test]
    fn rows_of_several_files_come_out_in_their_order_whoever_masked_them() {
        let mut last = rows(40_000, 40_010);
        last.push("40010\tends without a line feed".to_owned());
        let long = format!("7\t{}\n", "long row ".repeat(ON_THEIR_WAY / 6));
        let middle = [rows(30_000, 30_001), vec![long], rows(30_001, 40_000)].concat();
        let files = [rows(0, 30_000), vec![], middle, last];
        let expected = turned(&files);
        for maskers in [1, 2, 5] {
            let (out, count) = masked(&files, maskers, |_| Ok(())).ok().unwrap();
            assert!(out == expected, "other rows come out of {maskers} maskers");
            assert_eq!(count, 40_012);
        }
        assert_eq!(
            masked(&[vec![], vec![]], 3, |_| Ok(())).ok().unwrap(),
            (String::new(), 0)
        );
    }

    #[test]
    fn a_piece_is_of_few_rows_however_short_they_are() {
        let short: Vec<String> = (0..200_000).map(|number| format!("{number}\tx\n")).collect();
        let mut most = 0;
        let (out, count) = masked(&[short], 2, |rows| {
            most = most.max(rows.len());
            Ok(())
        })
        .ok()
        .unwrap();
        assert_eq!((count, out.lines().count()), (200_000, 200_000));
        assert!(most <= ROWS * "199999\tx\n".len(), "{most}");
    }

    #[test]
    fn little_is_read_while_nobody_takes() {
        let all: Vec<String> = (0..16_000)
            .map(|number| format!("{number}\t{}\n", "x".repeat(1000)))
            .collect();
        let mut files = [file(&all)];
        // It shares its place with the file that is read.
        let mut place = files[0].try_clone().unwrap();
        let mut read = None;
        let taken = masked_files(&mut files, 2, |_| {
            // Waits until nothing more is read: the maskers have no room, or have come to the end.
            let (mut at, mut still) = (0, 0);
            while read.is_none() && still < 20_000 {
                let now = place.stream_position().unwrap();
                still = if now == at && at > 0 { still + 1 } else { 0 };
                at = now;
                std::thread::yield_now();
            }
            read.get_or_insert(at);
            Ok(())
        });
        assert_eq!(taken.ok().unwrap().1, 16_000);
        // Each piece counts as it was and as it became, and each masker may have one more.
        let most = (ON_THEIR_WAY / 2 + 4 * PIECE) as u64;
        assert!(read.is_some_and(|read| read <= most), "{read:?} of {most}");
    }

    #[test]
    fn whatever_fails_ends_all_and_is_told() {
        let with = |bad: &str| {
            let bad = vec![format!("8\t{bad}\n")];
            [[rows(0, 30_000), bad, rows(30_000, 90_000)].concat()]
        };
        let fault = masked(&with("refused"), 3, |_| Ok(()));
        assert!(matches!(
            fault,
            Err(PipelineFault::Mask(MaskFault::Transform(column, _))) if column == "name"
        ));
        let fault = masked(&with("panic"), 3, |_| Ok(()));
        assert!(matches!(fault, Err(PipelineFault::Thread)));
        let mut left = 3;
        let fault = masked(&with("fine"), 3, |_| {
            left -= 1;
            if left == 0 { Err("full") } else { Ok(()) }
        });
        assert!(matches!(fault, Err(PipelineFault::Take("full"))));
    }
}
