//! Sanitizing a directory of files: what the rules delete goes, what they keep stays, what they do not name blocks.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::ServiceSetup;
use crate::model::{Check, EngineKind, Secret, ServiceReport};
use crate::runtime::Exposure;
use crate::storage::{Descend, Kind, Volume, VolumeError};

use super::file_rules::{Decision, FileRule, FileRules};
use super::nearest::nearest;
use super::needle::NeedleSet;
use super::service::{Service, ServiceError, Site, Tally};

/// How many files without a rule are named.
const NAMED: usize = 5;

/// A `files` service of a branch.
pub struct FilesService {
    setup: ServiceSetup,
    rules: FileRules,
    raw: bool,
    doomed: Vec<PathBuf>,
    tally: Tally,
}

impl FilesService {
    /// A service that is to be branched; `raw` where the owner lets this type of environment stay raw.
    pub fn new(setup: ServiceSetup, rules: FileRules, raw: bool) -> Self {
        let tally = Tally {
            raw,
            ..Tally::default()
        };
        Self {
            setup,
            rules,
            raw,
            doomed: Vec::new(),
            tally,
        }
    }

    /// Refuses a glob that meets no file where its directory is not there, and one of a similar name is: a `keep` would let
    /// pass what it was to delete.
    fn refuse_mistaken(&self, volume: &Volume, rule: &FileRule) -> Result<(), ServiceError> {
        let mut above = PathBuf::new();
        for name in rule.glob.directories() {
            if volume.exists(above.join(&name))? {
                above.push(name);
                continue;
            }
            let entries = volume.read_dir(&above)?;
            let beside: Vec<&str> = entries.iter().filter_map(|entry| entry.name.to_str()).collect();
            let Some(near) = nearest(&name, beside) else {
                return Ok(());
            };
            return Err(ServiceError::Mistaken {
                service: self.setup.name.clone(),
                what: format!(
                    "{}: `delete` of {} meets no file: there is no {}; did you mean {}? If not, make that directory, or remove the rule",
                    rule.at,
                    rule.glob,
                    above.join(&name).display(),
                    above.join(near).display()
                ),
            });
        }
        Ok(())
    }

    fn directory(&self, site: &Site<'_>) -> PathBuf {
        site.root.join(&self.setup.volume)
    }
}

impl Service for FilesService {
    fn setup(&self) -> &ServiceSetup {
        &self.setup
    }

    fn quiesce(&mut self, _root: &Path, _limit: Duration) -> Result<String, ServiceError> {
        Ok("nothing to do".to_owned())
    }

    fn seal(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        if self.raw {
            return Ok(());
        }
        let volume = Volume::open(&self.directory(site))?;
        let (mut unruled, mut count) = (Vec::new(), 0_u64);
        let mut kept = vec![0_u64; self.rules.keep().len()];
        let mut deleted = vec![0_u64; self.rules.delete().len()];
        volume.walk("", |path, found| {
            if found.entry.kind == Kind::Dir {
                return Ok::<_, VolumeError>(Descend::Into);
            }
            match self.rules.decide(path.as_os_str().as_bytes()) {
                // A FIFO, socket or device is no file, and nobody's upload.
                _ if found.entry.kind == Kind::Other => self.doomed.push(path.to_owned()),
                Decision::Delete(rule) => {
                    self.doomed.push(path.to_owned());
                    if let Some(deleted) = deleted.get_mut(rule) {
                        *deleted += 1;
                    }
                }
                Decision::Keep(rule) => {
                    if let Some(kept) = kept.get_mut(rule) {
                        *kept += 1;
                    }
                }
                Decision::Unruled => {
                    count += 1;
                    if unruled.len() < NAMED {
                        unruled.push(path.display().to_string());
                    }
                }
            }
            Ok(Descend::Into)
        })?;
        let unused = self.rules.delete().iter().zip(deleted);
        let unused = unused.filter_map(|(rule, deleted)| (deleted == 0).then_some(rule));
        for rule in unused {
            self.refuse_mistaken(&volume, rule)?;
            // Said, not refused: a folder is empty on some days, and rules are for all of them.
            let glob = rule.glob.as_str();
            let line = format!("{}: `delete` of {glob} met no file this time", self.setup.name);
            self.tally.not_covered.push(line);
        }
        if count > 0 {
            return Err(ServiceError::Undecided {
                service: self.setup.name.clone(),
                what: format!(
                    "{count} files that no rule names, for example {}; add `delete` or `keep` for them to [{}]",
                    unruled.join(", "),
                    self.setup.name
                ),
            });
        }
        for (rule, count) in self.rules.keep().iter().zip(kept) {
            let reason = rule.reason.as_deref().unwrap_or_default();
            self.tally.kept.push(format!(
                "{}: {count} files of {}: {reason}",
                self.setup.name,
                rule.glob.as_str()
            ));
        }
        Ok(())
    }

    fn nothing_to_rewrite(&self) -> Option<String> {
        if self.raw {
            return Some("environments of this type stay raw by the owner's configuration".to_owned());
        }
        self.doomed
            .is_empty()
            .then(|| "no file is to be deleted".to_owned())
    }

    fn sanitize(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        let volume = Volume::open(&self.directory(site))?;
        self.doomed.iter().try_for_each(|path| volume.remove_file(path))?;
        self.tally.tables += u64::from(!self.doomed.is_empty());
        self.tally.rows += self.doomed.len() as u64;
        self.doomed.clear();
        Ok(())
    }

    fn needles(&self) -> Option<&NeedleSet> {
        None
    }

    fn tally(&self) -> Tally {
        self.tally.clone()
    }

    fn start(&mut self, _site: &Site<'_>) -> Result<Vec<Check>, ServiceError> {
        Ok(Vec::new())
    }

    fn publish(&mut self, _site: &Site<'_>) -> Result<Vec<Check>, ServiceError> {
        Ok(Vec::new())
    }

    fn exposure(&self, _site: &Site<'_>) -> Option<Exposure> {
        None
    }

    fn report(&self, site: &Site<'_>) -> ServiceReport {
        let url = format!("file://{}", self.directory(site).display());
        ServiceReport {
            engine: EngineKind::Files,
            version: None,
            url: Some(Secret::new(url)),
            socket: None,
            port: None,
        }
    }

    fn credentials(&self) -> Option<(String, String, Secret)> {
        None
    }

    fn resume(&mut self, _site: &Site<'_>) -> Result<Option<String>, ServiceError> {
        Ok(None)
    }
}
