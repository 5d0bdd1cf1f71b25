//! envclone's own part of a pool, `<pool>/.envclone`: root's, 0700. Places, marks, and what makes an object ours.
//!
//! Shared by the drivers, so that ownership is decided by the same lines whatever the storage is.

use std::io;
use std::path::{Path, PathBuf};

use super::{Kind, Mark, ObjectId, Place, Role, StorageError, Volume, VolumeError};
use crate::model::{OWN_PART, RunId};

/// The version of [`Mark`].
const SCHEMA: u32 = 1;
/// A mark is much smaller.
const MARK_LIMIT: u64 = 64 * 1024;

impl Role {
    /// The last component of the path of an object in this role.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Clone => "clone",
            Self::Checkpoint => "checkpoint",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Snapshot, Self::Clone, Self::Checkpoint]
            .into_iter()
            .find(|role| role.as_str() == text)
    }
}

impl Place {
    /// The path below `<pool>/.envclone`. Its components are checked names only.
    pub fn relative(&self) -> PathBuf {
        match self {
            Self::Incoming { run, role } => ["incoming", run.as_str(), role.as_str()].iter().collect(),
            Self::Environment { project, name, role } => {
                ["env", project.as_str(), name.as_str(), role.as_str()]
                    .iter()
                    .collect()
            }
        }
    }

    /// The place that a path below `<pool>/.envclone` names.
    pub fn from_relative(path: &Path) -> Option<Self> {
        let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
        let place = match parts?.as_slice() {
            ["incoming", run, role] => Self::Incoming {
                run: run.parse().ok()?,
                role: Role::parse(role)?,
            },
            ["env", project, name, role] => Self::Environment {
                project: project.parse().ok()?,
                name: name.parse().ok()?,
                role: Role::parse(role)?,
            },
            _ => return None,
        };
        Some(place)
    }
}

impl Mark {
    /// Where the object that it marks belongs.
    pub fn place(&self) -> Place {
        Place::Environment {
            project: self.project.clone(),
            name: self.environment.clone(),
            role: self.role,
        }
    }
}

/// An error of a volume as one of the storage; `path` is the absolute path.
pub(super) fn from_volume(action: &'static str, path: &Path, error: VolumeError) -> StorageError {
    let path = path.to_owned();
    match error {
        VolumeError::NotFound { .. } => StorageError::NotFound { path },
        VolumeError::Exists { .. } => StorageError::Exists { path },
        VolumeError::Io { source, .. } => StorageError::Io { action, path, source },
        other => StorageError::Io {
            action,
            path,
            source: io::Error::other(other),
        },
    }
}

fn not_ours(path: &Path, reason: impl Into<String>) -> StorageError {
    StorageError::NotOurs {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

/// envclone's own part of a pool, open.
#[derive(Debug)]
pub(super) struct Home {
    volume: Volume,
    path: PathBuf,
}

impl Home {
    /// Opens `<pool>/.envclone`; makes it, root's and 0700, where it is not there.
    pub(super) fn open(pool: &Path) -> Result<Self, StorageError> {
        let path = pool.join(OWN_PART);
        let fail = |error| from_volume("opening", &path, error);
        let above = Volume::open_alone(pool).map_err(|error| from_volume("opening", pool, error))?;
        // Who may write there could put another `.envclone` in the place of ours.
        check_owner(pool, &above, "", 0o022)?;
        if !above.exists(OWN_PART).map_err(fail)? {
            match above.make_dir(OWN_PART, own_uid(), own_gid(), 0o700) {
                Ok(()) | Err(VolumeError::Exists { .. }) => {}
                Err(error) => return Err(fail(error)),
            }
        }
        check_owner(&path, &above, OWN_PART, 0o077)?;
        let home = Self {
            volume: above.subvolume(OWN_PART).map_err(fail)?,
            path,
        };
        for dir in ["incoming", "env", "marks"] {
            home.ensure_dir(Path::new(dir))?;
        }
        Ok(home)
    }

    /// The directory itself.
    pub(super) fn volume(&self) -> &Volume {
        &self.volume
    }

    /// The absolute path of a place.
    pub(super) fn path_of(&self, place: &Place) -> PathBuf {
        self.path.join(place.relative())
    }

    /// The place that an absolute path names.
    pub(super) fn place_of(&self, path: &Path) -> Result<Place, StorageError> {
        path.strip_prefix(&self.path)
            .ok()
            .and_then(Place::from_relative)
            .ok_or_else(|| not_ours(path, "it is at no place of envclone's"))
    }

    /// Makes the directories above a place and checks that the place is empty; its absolute path.
    pub(super) fn prepare(&self, place: &Place) -> Result<PathBuf, StorageError> {
        let relative = place.relative();
        let mut above: Vec<&Path> = relative.ancestors().skip(1).collect();
        above.reverse();
        for dir in above {
            if !dir.as_os_str().is_empty() {
                self.ensure_dir(dir)?;
            }
        }
        let path = self.path_of(place);
        if self
            .volume
            .exists(&relative)
            .map_err(|error| from_volume("looking at", &path, error))?
        {
            return Err(StorageError::Exists { path });
        }
        Ok(path)
    }

    fn ensure_dir(&self, dir: &Path) -> Result<(), StorageError> {
        let path = self.path.join(dir);
        match self.volume.make_dir(dir, own_uid(), own_gid(), 0o700) {
            Ok(()) => Ok(()),
            Err(VolumeError::Exists { .. }) => check_owner(&path, &self.volume, dir, 0o077),
            Err(error) => Err(from_volume("making", &path, error)),
        }
    }

    /// Removes the directories above a place that are empty now, but never `incoming`, `env` or a project's.
    pub(super) fn tidy(&self, place: &Place) -> Result<(), StorageError> {
        let relative = place.relative();
        let Some(dir) = relative.parent() else {
            return Ok(());
        };
        match self.volume.read_dir(dir) {
            Ok(entries) if entries.is_empty() => {}
            Ok(_) | Err(VolumeError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(from_volume("reading", &self.path.join(dir), error)),
        }
        match self.volume.remove_dir(dir) {
            Ok(()) | Err(VolumeError::NotFound { .. }) => Ok(()),
            Err(error) => Err(from_volume("removing", &self.path.join(dir), error)),
        }
    }

    /// The places at which there is something. Names that are none of ours are left out.
    pub(super) fn places(&self) -> Result<Vec<Place>, StorageError> {
        let mut paths = self.below(Path::new("incoming"), 2)?;
        paths.extend(self.below(Path::new("env"), 3)?);
        Ok(paths
            .iter()
            .filter_map(|path| Place::from_relative(path))
            .collect())
    }

    /// The paths `depth` levels below `dir`.
    fn below(&self, dir: &Path, depth: usize) -> Result<Vec<PathBuf>, StorageError> {
        let mut paths = vec![dir.to_owned()];
        for _ in 0..depth {
            let mut next = Vec::new();
            for path in paths {
                match self.volume.read_dir(&path) {
                    Ok(entries) => next.extend(entries.into_iter().map(|entry| path.join(entry.name))),
                    // Another run removed it.
                    Err(VolumeError::NotFound { .. } | VolumeError::NotADirectory { .. }) => {}
                    Err(error) => return Err(from_volume("reading", &self.path.join(&path), error)),
                }
            }
            paths = next;
        }
        Ok(paths)
    }

    /// The names in the `incoming/` directory of a run; `None` where there is no such directory.
    pub(super) fn incoming(&self, run: &RunId) -> Result<Option<Vec<PathBuf>>, StorageError> {
        let dir = Path::new("incoming").join(run.as_str());
        match self.volume.read_dir(&dir) {
            Ok(entries) => Ok(Some(
                entries.into_iter().map(|entry| dir.join(entry.name)).collect(),
            )),
            Err(VolumeError::NotFound { .. }) => Ok(None),
            Err(error) => Err(from_volume("reading", &self.path.join(&dir), error)),
        }
    }

    /// Removes the `incoming/` directory of a run, which is empty of objects by now.
    pub(super) fn remove_incoming(&self, run: &RunId) -> Result<(), StorageError> {
        let dir = Path::new("incoming").join(run.as_str());
        match self.volume.remove_tree(&dir) {
            Ok(()) | Err(VolumeError::NotFound { .. }) => Ok(()),
            Err(error) => Err(from_volume("removing", &self.path.join(&dir), error)),
        }
    }

    fn mark_name(&self, id: &ObjectId) -> Result<PathBuf, StorageError> {
        let plain = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        if id.0.is_empty() || id.0.len() > 64 || !id.0.bytes().all(plain) {
            return Err(not_ours(
                &self.path.join("marks"),
                format!("{:?} is no identity", id.0),
            ));
        }
        Ok(Path::new("marks").join(format!("{}.json", id.0)))
    }

    /// The mark of an object.
    pub(super) fn mark(&self, id: &ObjectId) -> Result<Option<Mark>, StorageError> {
        let name = self.mark_name(id)?;
        let path = self.path.join(&name);
        let bytes = match self.volume.read(&name, MARK_LIMIT) {
            Ok(bytes) => bytes,
            Err(VolumeError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(from_volume("reading", &path, error)),
        };
        let mark: Mark = serde_json::from_slice(&bytes).map_err(|error| StorageError::Io {
            action: "reading",
            path: path.clone(),
            source: error.into(),
        })?;
        if mark.schema != SCHEMA || mark.id != *id {
            return Err(not_ours(&path, "the mark is of another version or object"));
        }
        Ok(Some(mark))
    }

    /// Writes a mark; it is on the disk when this returns.
    pub(super) fn write_mark(&self, mark: &Mark) -> Result<(), StorageError> {
        let name = self.mark_name(&mark.id)?;
        let path = self.path.join(&name);
        let bytes = serde_json::to_vec(mark).map_err(|error| StorageError::Io {
            action: "writing",
            path: path.clone(),
            source: error.into(),
        })?;
        self.volume
            .replace_durably(&name, &bytes)
            .map_err(|error| from_volume("writing", &path, error))
    }

    /// Removes a mark; none is fine.
    pub(super) fn remove_mark(&self, id: &ObjectId) -> Result<(), StorageError> {
        let name = self.mark_name(id)?;
        match self.volume.remove_file(&name) {
            Ok(()) | Err(VolumeError::NotFound { .. }) => Ok(()),
            Err(error) => Err(from_volume("removing", &self.path.join(&name), error)),
        }
    }

    /// Checks that the object `id`, found at `place`, is ours: in an `incoming/` directory, or marked for there.
    pub(super) fn claim(&self, place: &Place, id: &ObjectId) -> Result<(), StorageError> {
        if matches!(place, Place::Incoming { .. }) {
            return Ok(());
        }
        match self.mark(id)? {
            Some(mark) if mark.place() == *place => Ok(()),
            Some(_) => Err(not_ours(&self.path_of(place), "its mark names another place")),
            None => Err(not_ours(&self.path_of(place), "it bears no mark")),
        }
    }

    /// Checks what `settle` was given against each other.
    pub(super) fn check_settle(&self, id: &ObjectId, place: &Place, mark: &Mark) -> Result<(), StorageError> {
        let reason = if mark.schema != SCHEMA {
            "the mark is of another version"
        } else if mark.id != *id {
            "the mark is of another object"
        } else if mark.place() != *place {
            "the mark names another place"
        } else {
            return Ok(());
        };
        Err(not_ours(&self.path_of(place), reason))
    }

    /// Whether there is anything at a place; a directory, or an error.
    pub(super) fn is_taken(&self, place: &Place) -> Result<bool, StorageError> {
        let path = self.path_of(place);
        match self.volume.metadata(place.relative()) {
            Ok(metadata) if metadata.kind == Kind::Dir => Ok(true),
            Ok(_) => Err(not_ours(&path, "it is no directory")),
            Err(VolumeError::NotFound { .. }) => Ok(false),
            Err(error) => Err(from_volume("looking at", &path, error)),
        }
    }

    /// Moves what is at one place to another, where nothing may be.
    pub(super) fn rename(&self, from: &Place, to: &Place) -> Result<(), StorageError> {
        self.volume
            .rename_new(from.relative(), to.relative())
            .map_err(|error| match error {
                VolumeError::Exists { .. } => StorageError::Exists {
                    path: self.path_of(to),
                },
                other => from_volume("moving", &self.path_of(from), other),
            })
    }
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn own_gid() -> u32 {
    rustix::process::getegid().as_raw()
}

/// Checks that a directory is root's (the caller's), with none of the permissions in `forbidden`.
fn check_owner(
    path: &Path,
    volume: &Volume,
    rel: impl AsRef<Path>,
    forbidden: u32,
) -> Result<(), StorageError> {
    let metadata = volume
        .metadata(rel)
        .map_err(|error| from_volume("looking at", path, error))?;
    if metadata.kind != Kind::Dir {
        return Err(not_ours(path, "it is no directory"));
    }
    if metadata.uid != own_uid() {
        return Err(not_ours(
            path,
            format!("it belongs to uid {}, not to uid {}", metadata.uid, own_uid()),
        ));
    }
    if metadata.mode & forbidden != 0 {
        let allowed = 0o777 & !forbidden;
        return Err(not_ours(
            path,
            format!("its mode is {:04o}; at most {allowed:04o} is safe", metadata.mode),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mark(id: &str) -> Mark {
        Mark {
            schema: 1,
            id: ObjectId(id.to_owned()),
            project: "shop".parse().unwrap(),
            environment: "fix-42".parse().unwrap(),
            parent: "prod".parse().unwrap(),
            role: Role::Clone,
            run: "0011223344556677".parse().unwrap(),
        }
    }

    #[test]
    fn places_and_paths_name_each_other_and_nothing_else_is_a_place() {
        for text in ["incoming/0011223344556677/snapshot", "env/shop/fix-42/clone"] {
            assert_eq!(
                Place::from_relative(Path::new(text)).unwrap().relative(),
                Path::new(text)
            );
        }
        for text in [
            "",
            "env/shop/fix-42",
            "env/shop/fix-42/clone/inner",
            "env/shop/../clone",
            "env/shop/Fix/clone",
            "incoming/x/clone",
            "incoming/0011223344556677/other",
            "marks/a.json",
        ] {
            assert_eq!(Place::from_relative(Path::new(text)), None, "{text}");
        }
    }

    #[test]
    fn a_home_is_made_private_and_one_that_others_may_enter_is_refused() {
        let pool = tempfile::tempdir().unwrap();
        Home::open(pool.path()).unwrap();
        let home = pool.path().join(OWN_PART);
        assert_eq!(
            std::fs::metadata(&home).unwrap().permissions().mode() & 0o777,
            0o700
        );
        set_mode(&home, 0o755);
        let error = Home::open(pool.path()).unwrap_err().to_string();
        assert!(
            error.contains("its mode is 0755; at most 0700 is safe"),
            "{error}"
        );
        set_mode(&home, 0o700);
        set_mode(pool.path(), 0o777);
        assert!(matches!(
            Home::open(pool.path()),
            Err(StorageError::NotOurs { .. })
        ));
    }

    #[test]
    fn a_home_that_is_a_link_or_a_file_is_refused() {
        let pool = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(other.path(), pool.path().join(OWN_PART)).unwrap();
        assert!(Home::open(pool.path()).is_err());
        assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 0);
        std::fs::remove_file(pool.path().join(OWN_PART)).unwrap();
        std::fs::write(pool.path().join(OWN_PART), "").unwrap();
        assert!(Home::open(pool.path()).is_err());
    }

    #[test]
    fn a_mark_is_read_back_and_an_altered_one_is_refused() {
        let pool = tempfile::tempdir().unwrap();
        let home = Home::open(pool.path()).unwrap();
        let mark = mark("0a-1b");
        assert_eq!(home.mark(&mark.id).unwrap(), None);
        home.write_mark(&mark).unwrap();
        assert_eq!(home.mark(&mark.id).unwrap(), Some(mark.clone()));
        home.claim(&mark.place(), &mark.id).unwrap();
        let elsewhere = Mark {
            role: Role::Checkpoint,
            ..mark.clone()
        }
        .place();
        assert!(home.claim(&elsewhere, &mark.id).is_err());
        assert!(home.claim(&mark.place(), &ObjectId("ff".to_owned())).is_err());
        let file = pool.path().join(".envclone/marks/0a-1b.json");
        std::fs::copy(&file, pool.path().join(".envclone/marks/ff.json")).unwrap();
        assert!(
            home.claim(&mark.place(), &ObjectId("ff".to_owned())).is_err(),
            "a mark names its object"
        );
        std::fs::write(&file, "{}").unwrap();
        assert!(home.mark(&mark.id).is_err());
        home.remove_mark(&mark.id).unwrap();
        home.remove_mark(&mark.id).unwrap();
    }

    #[test]
    fn an_identity_that_is_a_path_names_no_mark() {
        let pool = tempfile::tempdir().unwrap();
        let home = Home::open(pool.path()).unwrap();
        for id in ["", "../../etc/passwd", "a/b", "x", &"a".repeat(65)] {
            assert!(home.mark(&ObjectId(id.to_owned())).is_err(), "{id}");
            assert!(home.remove_mark(&ObjectId(id.to_owned())).is_err(), "{id}");
        }
    }
}
