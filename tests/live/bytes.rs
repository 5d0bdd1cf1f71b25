//! A search for byte strings in files that owes nothing to envclone's own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;

/// The needles that are in the files below `trees`, whatever the case of their letters, each with the files.
pub fn find<'a>(trees: &[&Path], needles: &'a [String]) -> BTreeMap<&'a str, BTreeSet<PathBuf>> {
    let search = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(needles)
        .unwrap();
    let mut found: BTreeMap<&str, BTreeSet<PathBuf>> = BTreeMap::new();
    let mut waiting: Vec<_> = trees.iter().map(|tree| tree.to_path_buf()).collect();
    while let Some(path) = waiting.pop() {
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap();
            for hit in search.find_overlapping_iter(&bytes) {
                let needle = needles[hit.pattern().as_usize()].as_str();
                found.entry(needle).or_default().insert(path.clone());
            }
        }
    }
    found
}

/// What everything below a directory is: paths, owners, modes, times of change, contents.
pub fn checksum(tree: &Path) -> String {
    use sha2::{Digest, Sha256};
    use std::os::unix::fs::MetadataExt;
    let mut paths = vec![tree.to_owned()];
    let mut waiting = vec![tree.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(&dir).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                waiting.push(entry.path());
            }
            paths.push(entry.path());
        }
    }
    paths.sort();
    let mut sum = Sha256::new();
    for path in paths {
        let about = fs::symlink_metadata(&path).unwrap();
        sum.update(path.as_os_str().as_encoded_bytes());
        sum.update(format!(
            "{:o} {} {} {} {}.{} {}.{}\n",
            about.mode(),
            about.uid(),
            about.gid(),
            about.size(),
            about.mtime(),
            about.mtime_nsec(),
            about.ctime(),
            about.ctime_nsec()
        ));
        if about.is_file() {
            sum.update(fs::read(&path).unwrap());
        }
    }
    format!("{:x?}", sum.finalize())
}
