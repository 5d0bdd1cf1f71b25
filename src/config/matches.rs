//! Files that a pattern of the configuration means.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::error::ConfigError;
use super::trust::Trust;

/// The paths that `pattern` matches below `base`, sorted. `*` and `?` stand for characters of one name, and not
/// for a leading dot. A name without them must exist.
///
/// A directory is read only after it was found to be trusted.
pub(super) fn matches(base: &Path, pattern: &str, trust: &Trust) -> Result<Vec<PathBuf>, ConfigError> {
    let mut found = vec![base.to_owned()];
    for part in Path::new(pattern).components() {
        let mut next = Vec::new();
        for path in found {
            match part {
                Component::Normal(name) if is_pattern(name) => next.extend(names(&path, name, trust)?),
                _ => next.push(path.join(part)),
            }
        }
        found = next;
    }
    found.retain(|path| path.symlink_metadata().is_ok());
    Ok(found)
}

fn names(dir: &Path, pattern: &OsStr, trust: &Trust) -> Result<Vec<PathBuf>, ConfigError> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let dir = trust.directory(dir)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).map_err(ConfigError::io(&dir))? {
        let name = entry.map_err(ConfigError::io(&dir))?.file_name();
        let hidden = name.as_bytes().starts_with(b".") && !pattern.as_bytes().starts_with(b".");
        if !hidden && fits(pattern.as_bytes(), name.as_bytes()) {
            names.push(dir.join(name));
        }
    }
    names.sort();
    Ok(names)
}

fn is_pattern(name: &OsStr) -> bool {
    name.as_bytes().iter().any(|byte| matches!(byte, b'*' | b'?'))
}

/// Whether a name fits a pattern of `*` and `?`.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=name.len()).any(|skip| fits(rest, &name[skip..])),
        ([b'?', pattern @ ..], [_, name @ ..]) => fits(pattern, name),
        ([wanted, pattern @ ..], [byte, name @ ..]) => wanted == byte && fits(pattern, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names_of_one_directory() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        fs::create_dir_all(base.join("a/deep")).unwrap();
        for name in ["b.toml", "a.toml", ".hidden.toml", "a.sql", "a/deep/c.toml"] {
            fs::write(base.join(name), "").unwrap();
        }
        let trust = Trust::below(&base).unwrap();
        let list = |pattern: &str| {
            let paths = matches(&base, pattern, &trust).unwrap();
            let names = paths
                .iter()
                .map(|path| path.strip_prefix(&base).unwrap().to_str().unwrap().to_owned());
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(list("*.toml"), "a.toml b.toml");
        assert_eq!(list("?.toml"), "a.toml b.toml");
        assert_eq!(list("*/*/*.toml"), "a/deep/c.toml");
        assert_eq!(list("a.sql"), "a.sql");
        assert_eq!(list("missing.sql"), "");
        assert_eq!(list("missing/*.sql"), "");
    }
}
