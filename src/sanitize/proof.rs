//! The proof: a search of every byte of a stopped tree for originals. A [`Proof`] exists only where none was found.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::storage::{Descend, Kind, ObjectId, Volume, VolumeError, data_segments};

use super::needle::{Hit, NeedleSet, Searcher};

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;
/// How many places are named where originals were found.
const NAMED: usize = 5;

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// Originals are still there.
    #[error("{found} originals were found, for example {}; the branch stays sealed", places.join(", "))]
    Found {
        /// How many different ones.
        found: usize,
        /// Where, as `column in file`; never the value.
        places: Vec<String>,
    },
    /// The search does not find what is planted, so it proves nothing.
    #[error("the search missed an original that was planted to test it")]
    Blind,
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
        matches!(self, Self::Found { .. } | Self::Blind)
    }
}

/// The record that sanitizing left nothing, bound to the tree and to the policy.
#[derive(Debug)]
pub struct Proof {
    object: ObjectId,
    policy: String,
    needles: u64,
    bytes: u64,
    not_covered: Vec<String>,
}

impl Proof {
    /// Searches the tree at `root`, which nothing may be writing to.
    ///
    /// # Errors
    /// [`ProofError`]; anything but a search of every file that found nothing is one.
    pub fn search(
        root: &Path,
        object: ObjectId,
        policy: String,
        sets: &[&NeedleSet],
    ) -> Result<Self, ProofError> {
        let bytes = search_tree(root, Path::new(""), sets)?;
        let count: usize = sets.iter().map(|set| set.len()).sum();
        Ok(Self {
            object,
            policy,
            needles: u64::try_from(count).unwrap_or(u64::MAX),
            bytes,
            not_covered: sets
                .iter()
                .flat_map(|set| set.coverage())
                .filter_map(not_covered)
                .collect(),
        })
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

/// Searches everything below `part` of the tree at `root`; the bytes searched.
///
/// # Errors
/// [`ProofError`].
pub fn search_tree(root: &Path, part: &Path, sets: &[&NeedleSet]) -> Result<u64, ProofError> {
    if sets.iter().any(|set| !set.is_empty() && !set.control()) {
        return Err(ProofError::Blind);
    }
    let volume = Volume::open(root)?;
    let mut searchers: Vec<Searcher<'_>> = sets.iter().map(|set| set.searcher()).collect();
    let mut buffer = vec![0; CHUNK];
    let (mut bytes, mut found, mut places) = (0, 0, Vec::new());
    volume.walk(part, |path, entry| {
        if entry.entry.kind != Kind::File {
            return Ok::<_, ProofError>(Descend::Into);
        }
        let failed = |source| ProofError::Io {
            file: path.display().to_string(),
            source,
        };
        let mut file = entry.open_file()?;
        bytes += feed(&mut file, &mut buffer, &mut searchers).map_err(failed)?;
        for (searcher, set) in searchers.iter_mut().zip(sets) {
            for hit in searcher.finish().hits {
                found += 1;
                if places.len() < NAMED {
                    places.push(place(set, &hit, path));
                }
            }
        }
        Ok(Descend::Into)
    })?;
    if found > 0 {
        return Err(ProofError::Found { found, places });
    }
    Ok(bytes)
}

/// Feeds the data of a file to all searchers; holes are passed over, so that a sparse file costs nothing.
fn feed(file: &mut std::fs::File, buffer: &mut [u8], searchers: &mut [Searcher<'_>]) -> io::Result<u64> {
    let segments: Vec<_> = data_segments(file).collect::<io::Result<_>>()?;
    let (mut at, mut bytes) = (0_u64, 0_u64);
    for segment in segments {
        searchers
            .iter_mut()
            .for_each(|searcher| searcher.skip(segment.offset - at));
        file.seek(SeekFrom::Start(segment.offset))?;
        let mut left = segment.len;
        while left > 0 {
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
    Ok(bytes)
}

fn place(set: &NeedleSet, hit: &Hit, path: &Path) -> String {
    let sources: Vec<String> = set
        .sources(hit.needle)
        .map(std::string::ToString::to_string)
        .collect();
    format!(
        "{} in {} at byte {}",
        sources.join(" and "),
        path.display(),
        hit.first_offset
    )
}

fn not_covered(coverage: &super::needle::Coverage) -> Option<String> {
    let left_out = [
        (coverage.too_short, "too short to search for"),
        (coverage.vocabulary, "words that fakes are made of"),
        (coverage.not_sampled, "not in the sample"),
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
