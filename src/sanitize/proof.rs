//! The proof: a search of every byte of a stopped tree for originals. A [`Proof`] exists only where none was found.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::ScopedJoinHandle;

use crate::storage::{Descend, Kind, ObjectId, Volume, VolumeError, data_segments};

use super::needle::{Hit, NeedleSet, Searcher};
use super::stored::{Piece, Stored};

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;
/// The most threads that search; each takes half a megabyte.
const SEARCHERS: usize = 8;
/// Files that are open and wait.
const QUEUED: usize = 16;
/// How many places are named where originals were found.
const NAMED: usize = 5;

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// Originals are still there.
    #[error("{found} originals were found, for example {}; give what holds them a rule, or keep it with a reason", places.join(", "))]
    Found {
        /// How many different ones.
        found: usize,
        /// Where, as `column in file`; never the value.
        places: Vec<String>,
        /// All files that hold any, relative to the root.
        files: Vec<PathBuf>,
    },
    /// What is to be new is not.
    #[error("{} files that sanitizing wrote share storage with what was there before, for example {}; nothing was published", files.len(), files.first().map(|file| file.display().to_string()).unwrap_or_default())]
    Shared {
        /// The files, relative to the root.
        files: Vec<PathBuf>,
    },
    /// The search does not find what is planted, so it proves nothing.
    #[error("the search missed an original that was planted to test it")]
    Blind,
    /// Ctrl-C, or a signal.
    #[error("interrupted")]
    Interrupted,
    /// A file could not be read.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// A file could not be read.
    #[error("reading {file} for the proof failed")]
    Io {
        /// The file, relative to the root.
        file: String,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
}

impl ProofError {
    /// Whether personal data is the reason, not the host.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Found { .. } | Self::Shared { .. } | Self::Blind)
    }
}

/// The record that sanitizing left nothing, bound to the tree and to the policy.
#[derive(Debug)]
pub struct Proof {
    object: ObjectId,
    policy: String,
    needles: u64,
    bytes: u64,
    written_anew: Option<u64>,
    not_covered: Vec<String>,
}

impl Proof {
    /// Searches the tree at `root`, which nothing may be writing to: every byte, and what `stored` takes out of its files; until
    /// `interrupted` is set.
    ///
    /// # Errors
    /// [`ProofError`]; anything but a search of every file that found nothing is one.
    pub fn search(
        root: &Path,
        object: ObjectId,
        policy: String,
        sets: &[&NeedleSet],
        stored: &[&dyn Stored],
        interrupted: &AtomicBool,
    ) -> Result<Self, ProofError> {
        let read = search_tree(root, Path::new(""), sets, stored, interrupted)?;
        let count: usize = sets.iter().map(|set| set.len()).sum();
        Ok(Self {
            object,
            policy,
            needles: u64::try_from(count).unwrap_or(u64::MAX),
            bytes: read.bytes,
            written_anew: None,
            not_covered: sets
                .iter()
                .flat_map(|set| set.coverage())
                .filter_map(not_covered)
                .chain(
                    (read.in_part > 0)
                        .then(|| format!("{} compressed values were searched in part only", read.in_part)),
                )
                .collect(),
        })
    }

    /// Adds that of `anew`, the files that sanitizing wrote, none is in `shared`: those that share storage with what was there
    /// before, where the storage can tell.
    ///
    /// # Errors
    /// [`ProofError::Shared`] where one does.
    pub fn sharing(mut self, anew: usize, shared: Option<Vec<PathBuf>>) -> Result<Self, ProofError> {
        match shared {
            Some(files) if !files.is_empty() => return Err(ProofError::Shared { files }),
            told => self.written_anew = told.map(|_| u64::try_from(anew).unwrap_or(u64::MAX)),
        }
        Ok(self)
    }

    /// How many files were written anew and share no storage with what was there before; [`None`] where that cannot be told.
    pub fn written_anew(&self) -> Option<u64> {
        self.written_anew
    }

    /// What was searched.
    pub fn object(&self) -> &ObjectId {
        &self.object
    }

    /// The policy that was in force.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// How many originals were searched for.
    pub fn needles(&self) -> u64 {
        self.needles
    }

    /// How many bytes were searched.
    pub fn bytes_scanned(&self) -> u64 {
        self.bytes
    }

    /// What the search could not cover, by column.
    pub fn not_covered(&self) -> &[String] {
        &self.not_covered
    }
}

/// What a search that found nothing has read.
#[derive(Debug, Clone, Copy, Default)]
pub struct HaveRead {
    /// Bytes of files.
    pub bytes: u64,
    /// Values that could be taken out of their files in part only.
    pub in_part: u64,
}

/// Searches everything below `part` of the tree at `root`, until `interrupted` is set. Files are shared out among the cores.
///
/// # Errors
/// [`ProofError`].
pub fn search_tree(
    root: &Path,
    part: &Path,
    sets: &[&NeedleSet],
    stored: &[&dyn Stored],
    interrupted: &AtomicBool,
) -> Result<HaveRead, ProofError> {
    if sets.iter().any(|set| !set.is_empty() && !set.control()) {
        return Err(ProofError::Blind);
    }
    let volume = Volume::open(root)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (files, waiting) = mpsc::sync_channel::<Opened>(QUEUED);
    let waiting = Mutex::new(waiting);
    let (walked, searched) = std::thread::scope(|scope| {
        let search = || search_files(&waiting, sets, stored, interrupted);
        let workers: Vec<_> = (0..cores.min(SEARCHERS)).map(|_| scope.spawn(search)).collect();
        let mut number = 0;
        let walked = volume.walk(part, |path, entry| {
            if entry.entry.kind == Kind::File {
                let (path, file) = (path.to_owned(), entry.open_file()?);
                files
                    .send(Opened { number, path, file })
                    .map_err(|sent| ProofError::Io {
                        file: sent.0.path.display().to_string(),
                        source: io::ErrorKind::BrokenPipe.into(),
                    })?;
                number += 1;
            }
            Ok::<_, ProofError>(Descend::Into)
        });
        drop(files);
        let searched: Vec<_> = workers.into_iter().map(ScopedJoinHandle::join).collect();
        (walked, searched)
    });
    walked?;
    let mut whole = Searched::default();
    for part in searched {
        whole.add(part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
    }
    if whole.found > 0 {
        whole.places.sort_unstable();
        let places = whole.places.into_iter().take(NAMED).map(|(_, place)| place);
        return Err(ProofError::Found {
            found: whole.found,
            places: places.collect(),
            files: whole.files,
        });
    }
    Ok(whole.read)
}

/// A file that waits for its search, with its number in the order of the tree.
struct Opened {
    number: usize,
    path: PathBuf,
    file: File,
}

/// What came of some of the files.
#[derive(Default)]
struct Searched {
    read: HaveRead,
    found: usize,
    /// The first of them, by the number of the file.
    places: Vec<(usize, String)>,
    /// The files that hold them.
    files: Vec<PathBuf>,
}

impl Searched {
    fn add(&mut self, other: Self) {
        self.read.bytes += other.read.bytes;
        self.read.in_part += other.read.in_part;
        self.found += other.found;
        self.places.extend(other.places);
        self.files.extend(other.files);
    }
}

/// Searches files until no more come. After an error they are only taken, so that whoever sends them comes to his end.
fn search_files(
    waiting: &Mutex<mpsc::Receiver<Opened>>,
    sets: &[&NeedleSet],
    stored: &[&dyn Stored],
    interrupted: &AtomicBool,
) -> Result<Searched, ProofError> {
    let mut searchers: Vec<Searcher<'_>> = sets.iter().map(|set| set.searcher()).collect();
    let mut buffer = vec![0; CHUNK];
    let mut searched = Ok(Searched::default());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(opened) = next() {
        if let Ok(so_far) = &mut searched
            && let Err(source) = search_file(
                opened,
                sets,
                stored,
                &mut searchers,
                &mut buffer,
                so_far,
                interrupted,
            )
        {
            searched = Err(source);
        }
    }
    searched
}

fn search_file(
    mut opened: Opened,
    sets: &[&NeedleSet],
    stored: &[&dyn Stored],
    searchers: &mut [Searcher<'_>],
    buffer: &mut [u8],
    searched: &mut Searched,
    interrupted: &AtomicBool,
) -> Result<(), ProofError> {
    let path = opened.path.clone();
    let fail = |source| ProofError::Io {
        file: path.display().to_string(),
        source,
    };
    let fed = feed(&mut opened.file, buffer, searchers, interrupted).map_err(fail)?;
    searched.read.bytes += fed.ok_or(ProofError::Interrupted)?;
    note_hits(&opened, sets, searchers, searched, |hit| {
        format!("at byte {}", hit.first_offset)
    });
    for stored in stored.iter().filter(|stored| stored.holds(&opened.path)) {
        let in_part = stored.values(&mut opened.file, &mut |piece| {
            for searcher in &mut *searchers {
                match piece {
                    Piece::More(bytes) => searcher.feed(bytes),
                    // No needle is in two values.
                    Piece::End => searcher.skip(1),
                }
            }
        });
        searched.read.in_part += in_part.map_err(fail)?;
        note_hits(&opened, sets, searchers, searched, |_| {
            "compressed, or in chunks of TOAST".to_owned()
        });
    }
    Ok(())
}

fn note_hits(
    opened: &Opened,
    sets: &[&NeedleSet],
    searchers: &mut [Searcher<'_>],
    searched: &mut Searched,
    whereabouts: impl Fn(&Hit) -> String,
) {
    for (searcher, set) in searchers.iter_mut().zip(sets) {
        for hit in searcher.finish().hits {
            searched.found += 1;
            if searched.files.last() != Some(&opened.path) {
                searched.files.push(opened.path.clone());
            }
            if searched.places.len() < NAMED {
                let place = format!("{} {}", place(set, &hit, &opened.path), whereabouts(&hit));
                searched.places.push((opened.number, place));
            }
        }
    }
}

/// Feeds the data of a file to all searchers; holes are passed over, so that a sparse file costs nothing. How many bytes it
/// was; nothing once `interrupted` is set, since the file was not searched then.
fn feed(
    file: &mut File,
    buffer: &mut [u8],
    searchers: &mut [Searcher<'_>],
    interrupted: &AtomicBool,
) -> io::Result<Option<u64>> {
    let segments: Vec<_> = data_segments(file).collect::<io::Result<_>>()?;
    let (mut at, mut bytes) = (0_u64, 0_u64);
    for segment in segments {
        searchers
            .iter_mut()
            .for_each(|searcher| searcher.skip(segment.offset - at));
        file.seek(SeekFrom::Start(segment.offset))?;
        let mut left = segment.len;
        while left > 0 {
            if interrupted.load(Ordering::SeqCst) {
                return Ok(None);
            }
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let read = file.read(&mut buffer[..want])?;
            if read == 0 {
                break;
            }
            searchers
                .iter_mut()
                .for_each(|searcher| searcher.feed(&buffer[..read]));
            left -= read as u64;
            bytes += read as u64;
        }
        at = segment.offset + segment.len;
    }
    Ok((!interrupted.load(Ordering::SeqCst)).then_some(bytes))
}

fn place(set: &NeedleSet, hit: &Hit, path: &Path) -> String {
    let sources: Vec<String> = set
        .sources(hit.needle)
        .map(std::string::ToString::to_string)
        .collect();
    format!("{} in {}", sources.join(" and "), path.display())
}

fn not_covered(coverage: &super::needle::Coverage) -> Option<String> {
    let left_out = [
        (coverage.too_short, "too short to search for"),
        (coverage.vocabulary, "words that fakes are made of"),
        (coverage.not_sampled, "not in the sample"),
        (
            coverage.binary,
            "parts that are stored in a form which is not searched for",
        ),
        (coverage.in_kept, "also in kept columns, fakes or the schema"),
    ];
    let parts: Vec<String> = left_out
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| format!("{count} {why}"))
        .collect();
    (!parts.is_empty()).then(|| {
        format!(
            "{}: of {} values {}",
            coverage.source,
            coverage.offered,
            parts.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize::key::MaskingKey;
    use crate::sanitize::needle::Source;

    fn needles(originals: &[&str]) -> NeedleSet {
        let mut builder = NeedleSet::builder(&MaskingKey::from_bytes([9; 32]));
        let column = builder.column(Source {
            service: "db".to_owned(),
            table: "shop.people".to_owned(),
            column: "email".to_owned(),
        });
        originals
            .iter()
            .for_each(|original| builder.offer(column, original));
        builder.build()
    }

    #[test]
    fn every_file_of_a_tree_is_searched_and_the_first_that_hold_an_original_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let needles = needles(&["xanthippe@zwoelf.test", "Hottentottenhausen"]);
        for number in 0..60 {
            let place = directory.path().join(format!("{:02}", number / 10));
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join(number.to_string()), vec![b'x'; 3 * number]).unwrap();
        }
        let tree = Path::new("");
        let never = AtomicBool::new(false);
        let search = || search_tree(directory.path(), tree, &[&needles], &[], &never);
        let read = search().unwrap();
        assert_eq!(read.bytes, 3 * (0..60).sum::<u64>());
        for number in [59, 33, 8, 21, 47, 12, 55] {
            let place = directory.path().join(format!("{:02}/{number}", number / 10));
            std::fs::write(place, format!("{}xanthippe@zwoelf.test", "-".repeat(number))).unwrap();
        }
        let Err(ProofError::Found {
            found,
            places,
            mut files,
        }) = search()
        else {
            panic!("nothing was found");
        };
        let expected = [
            ("00/8", 8),
            ("01/12", 12),
            ("02/21", 21),
            ("03/33", 33),
            ("04/47", 47),
        ];
        let expected = expected.map(|(file, at)| format!("db shop.people.email in {file} at byte {at}"));
        assert_eq!((found, places), (7, expected.to_vec()));
        files.sort();
        let all = ["00/8", "01/12", "02/21", "03/33", "04/47", "05/55", "05/59"];
        assert_eq!(files, all.map(PathBuf::from));
    }

    #[test]
    fn an_interrupted_search_proves_nothing_and_ends_within_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let needles = needles(&["xanthippe@zwoelf.test"]);
        std::fs::write(directory.path().join("clean"), "nothing of the kind").unwrap();
        let tree = Path::new("");
        let interrupted = AtomicBool::new(true);
        let search = || search_tree(directory.path(), tree, &[&needles], &[], &interrupted);
        assert!(matches!(search(), Err(ProofError::Interrupted)));
        interrupted.store(false, Ordering::SeqCst);
        search().unwrap();
        // Data without an end: whoever read on would not come back.
        std::fs::write(directory.path().join("first"), vec![b'x'; 1 << 20]).unwrap();
        let mut file = File::open(directory.path().join("first")).unwrap();
        interrupted.store(true, Ordering::SeqCst);
        let fed = feed(&mut file, &mut [0; 16], &mut [], &interrupted).unwrap();
        assert_eq!((fed, file.stream_position().unwrap()), (None, 0));
    }
}
