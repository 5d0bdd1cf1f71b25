//! What an environment's root holds besides its services' volumes: the clone has it too, and nothing sanitizes it.

use std::path::{Path, PathBuf};

use crate::storage::{Kind, Volume, VolumeError};

/// How many entries are named.
const NAMED: usize = 5;

/// A line for the receipt about what `root` holds besides `volumes`, if it holds anything. Every service sees its own
/// volume alone, so that nothing in the branch gets at it.
///
/// # Errors
/// When a directory cannot be read.
pub(super) fn unclaimed(root: &Path, volumes: &[PathBuf]) -> Result<Option<String>, VolumeError> {
    let root = Volume::open(root)?;
    let mut found = Vec::new();
    look(&root, Path::new(""), volumes, &mut found)?;
    if found.is_empty() {
        return Ok(None);
    }
    let named: Vec<String> = found
        .iter()
        .take(NAMED)
        .map(|path| path.display().to_string())
        .collect();
    let more = match found.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Ok(Some(format!(
        "what the root holds besides the services' volumes was cloned as it is, where no service sees it: {}{more}",
        named.join(", ")
    )))
}

/// Collects the entries of `directory` that are no volume and hold none.
fn look(
    root: &Volume,
    directory: &Path,
    volumes: &[PathBuf],
    found: &mut Vec<PathBuf>,
) -> Result<(), VolumeError> {
    let is_volume = |path: &Path| volumes.iter().any(|volume| volume == path);
    if is_volume(directory) {
        return Ok(());
    }
    for entry in root.read_dir(directory)? {
        let path = directory.join(&entry.name);
        let above = volumes.iter().any(|volume| volume.starts_with(&path));
        if above && !is_volume(&path) && entry.kind == Kind::Dir {
            look(root, &path, volumes, found)?;
        } else if !above {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_lies_beside_the_volumes_is_told_and_what_is_in_them_is_not() {
        let root = tempfile::tempdir().unwrap();
        for directory in ["data/base", "srv/uploads/a", "srv/old", "backup"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        fs::write(root.path().join("dump.sql"), "").unwrap();
        std::os::unix::fs::symlink("/etc", root.path().join("link")).unwrap();
        let volumes = [PathBuf::from("data"), PathBuf::from("srv/uploads")];
        let told = unclaimed(root.path(), &volumes).unwrap().unwrap();
        assert!(told.ends_with(": backup, dump.sql, link, srv/old"), "{told}");
        let all = [PathBuf::from("")];
        assert_eq!(unclaimed(root.path(), &all).unwrap(), None);
    }

    #[test]
    fn of_many_only_some_are_named() {
        let root = tempfile::tempdir().unwrap();
        for number in 0..7 {
            fs::write(root.path().join(number.to_string()), "").unwrap();
        }
        let told = unclaimed(root.path(), &[PathBuf::from("data")]).unwrap().unwrap();
        assert!(told.ends_with(": 0, 1, 2, 3, 4 and 2 more"), "{told}");
    }
}
