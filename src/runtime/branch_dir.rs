//! What a branch has below `/run/envclone/<branch>`, by exact name, and the lock that says that it lives.
//!
//! ```text
//! .lock               held by the supervisor for life: the only sign of liveness
//! .ctl/control        the supervisor's socket, in a directory of root's
//! .sealed/<service>.log
//! <service>/<socket>  the gateway's sockets
//! ```
//! A service cannot have a name with a dot, so none of ours can collide with one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::cgroup::Cgroup;
use super::leftovers::end_leftovers;
use crate::model::{BranchId, ServiceName};

const LOCK: &str = ".lock";
const CONTROL_DIR: &str = ".ctl";
const SEALED: &str = ".sealed";

/// The place of one branch.
#[derive(Debug, Clone)]
pub(super) struct BranchDir {
    branch: BranchId,
    root: PathBuf,
}

/// A claimed place: nobody else's while this exists.
#[derive(Debug)]
pub(super) struct Claim {
    /// Holds the lock until the process ends.
    _lock: File,
}

impl BranchDir {
    pub(super) fn new(run_dir: &Path, branch: &BranchId) -> Self {
        Self {
            branch: branch.clone(),
            root: run_dir.join(branch.as_str()),
        }
    }

    /// Where all branches have theirs.
    pub(super) fn run_dir(&self) -> PathBuf {
        self.root.parent().map(Path::to_owned).unwrap_or_default()
    }

    pub(super) fn control(&self) -> PathBuf {
        self.root.join(CONTROL_DIR).join("control")
    }

    pub(super) fn sealed_log(&self, service: &ServiceName) -> PathBuf {
        self.root.join(SEALED).join(format!("{service}.log"))
    }

    /// Where the sockets of a service are; every user of the host may reach them.
    pub(super) fn sockets(&self, service: &ServiceName) -> PathBuf {
        self.root.join(service.as_str())
    }

    pub(super) fn exists(&self) -> bool {
        self.root.symlink_metadata().is_ok()
    }

    /// Makes the place, takes its lock, and removes what a dead supervisor left in it. `None`: it is held.
    pub(super) fn claim(&self) -> io::Result<Option<Claim>> {
        if let Some(run_dir) = self.root.parent() {
            make_dir(run_dir, 0o755)?;
        }
        make_dir(&self.root, 0o755)?;
        let Some(lock) = self.lock()? else {
            return Ok(None);
        };
        end_leftovers(&self.branch)?;
        self.remove_content()?;
        for name in [CONTROL_DIR, SEALED] {
            make_dir(&self.root.join(name), 0o700)?;
        }
        Ok(Some(Claim { _lock: lock }))
    }

    /// The lock, or `None` where somebody has it, or just removed the place.
    fn lock(&self) -> io::Result<Option<File>> {
        let path = self.root.join(LOCK);
        let file = match try_lock(&path) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            // The supervisor that was ending has just removed the place.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // Its holder may have removed it between our open and our lock: then this lock is of no file.
        let here = file.metadata()?;
        match path.symlink_metadata() {
            Ok(there) if (there.dev(), there.ino()) == (here.dev(), here.ino()) => Ok(Some(file)),
            _ => Ok(None),
        }
    }

    /// Removes the place after its supervisor died; `false` where one still holds it.
    pub(super) fn remove_dead(&self) -> io::Result<bool> {
        if !self.exists() {
            return Ok(true);
        }
        let Some(_lock) = self.lock()? else {
            return Ok(!self.exists());
        };
        end_leftovers(&self.branch)?;
        // Nothing depends on it, and it may hold what an administrator put there.
        let _ = Cgroup::of(&self.branch).map(|cgroup| cgroup.end());
        self.remove()?;
        Ok(true)
    }

    /// Removes everything; only for who holds the lock.
    pub(super) fn remove(&self) -> io::Result<()> {
        self.remove_content()?;
        absent_is_fine(fs::remove_file(self.root.join(LOCK)))?;
        absent_is_fine(fs::remove_dir(&self.root))
    }

    fn remove_content(&self) -> io::Result<()> {
        absent_is_fine(fs::remove_file(self.control()))?;
        absent_is_fine(fs::remove_dir(self.root.join(CONTROL_DIR)))?;
        self.remove_each(SEALED, std::fs::FileType::is_file)?;
        let Some(entries) = absent_is_none(fs::read_dir(&self.root))? else {
            return Ok(());
        };
        for entry in entries {
            let name = entry?.file_name();
            let service = name.to_str().and_then(|name| name.parse::<ServiceName>().ok());
            if let Some(service) = service {
                self.remove_each(service.as_str(), rustix::fs::FileTypeExt::is_socket)?;
            }
        }
        Ok(())
    }

    /// Removes a directory of ours and the entries in it that are of the kind that belongs there.
    fn remove_each(&self, name: &str, belongs: impl Fn(&fs::FileType) -> bool) -> io::Result<()> {
        let directory = self.root.join(name);
        let Some(entries) = absent_is_none(fs::read_dir(&directory))? else {
            return Ok(());
        };
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if !belongs(&kind) {
                continue;
            }
            absent_is_fine(fs::remove_file(entry.path()))?;
        }
        absent_is_fine(fs::remove_dir(directory))
    }

    /// Removes the logs of sealed instances after the supervisor died.
    pub(super) fn forget_sealed_of_dead(&self) -> io::Result<()> {
        self.remove_each(SEALED, std::fs::FileType::is_file)
    }

    /// Removes the logs of sealed instances.
    pub(super) fn forget_sealed(&self) -> io::Result<()> {
        self.remove_each(SEALED, std::fs::FileType::is_file)?;
        make_dir(&self.root.join(SEALED), 0o700)
    }
}

/// The file at `path`, made where there is none, and locked; `None` while somebody else has it.
pub(super) fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    let file = options.custom_flags(nix::libc::O_NOFOLLOW).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        other => other.map(|()| Some(file)).map_err(io::Error::from),
    }
}

/// Makes a directory of root's, whatever the umask is; one that is there already is fine.
pub(super) fn make_dir(path: &Path, mode: u32) -> io::Result<()> {
    match fs::DirBuilder::new().mode(mode).create(path) {
        Ok(()) => fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if path.symlink_metadata()?.is_dir() {
                Ok(())
            } else {
                Err(error)
            }
        }
        Err(error) => Err(error),
    }
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    absent_is_none(result).map(|_| ())
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch_dir() -> (tempfile::TempDir, BranchDir) {
        let temporary = tempfile::tempdir().unwrap();
        let branch: BranchId = "1f3a9c20".parse().unwrap();
        let dir = BranchDir::new(&temporary.path().join("run"), &branch);
        (temporary, dir)
    }

    #[test]
    fn a_place_is_held_by_one_and_free_when_that_one_goes() {
        let (_temporary, dir) = branch_dir();
        let claim = dir.claim().unwrap().unwrap();
        assert!(dir.claim().unwrap().is_none());
        assert!(!dir.remove_dead().unwrap());
        drop(claim);
        assert!(dir.remove_dead().unwrap());
        assert!(!dir.exists());
        assert!(dir.remove_dead().unwrap());
    }

    #[test]
    fn what_is_not_ours_is_never_removed() {
        let (_temporary, dir) = branch_dir();
        drop(dir.claim().unwrap().unwrap());
        fs::write(dir.sealed_log(&"db".parse().unwrap()), "x").unwrap();
        fs::create_dir(dir.sockets(&"db".parse().unwrap())).unwrap();
        let foreign = dir.sockets(&"db".parse().unwrap()).join("file");
        fs::write(&foreign, "x").unwrap();
        assert!(dir.remove_dead().is_err());
        assert!(foreign.exists());
        fs::remove_file(foreign).unwrap();
        assert!(dir.remove_dead().unwrap());
        assert!(!dir.exists());
    }
}
