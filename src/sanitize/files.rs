//! Sanitizing a directory of files: what the rules delete goes, what they keep stays, what they do not name blocks.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::engine::ServiceSetup;
use crate::model::{Check, EngineKind, Secret, ServiceName, ServiceReport};
use crate::runtime::Exposure;
use crate::state::ServiceRecord;
use crate::storage::{Descend, Kind, Volume, VolumeError};

use super::engines::{Engine, Policy, WayIn, Whereabouts};
use super::file_rules::{Decision, FileRule, FileRules};
use super::nearest::nearest;
use super::needle::NeedleSet;
use super::rules::ServiceRules;
use super::service::{Service, ServiceError, Site, Tally};

/// How many files without a rule are named.
const NAMED: usize = 5;

/// A `files` service of a branch.
pub struct FilesService {
    setup: ServiceSetup,
    rules: FileRules,
    raw: bool,
    doomed: Vec<PathBuf>,
    /// Directories that hold nothing, and that a rule deletes.
    hollow: Vec<PathBuf>,
    tally: Tally,
}

/// What the rules say about what a directory holds.
struct Census {
    kept: Vec<u64>,
    deleted: Vec<u64>,
    special: u64,
    unruled: u64,
    /// Some of the unruled, by path.
    named: Vec<String>,
}

impl Census {
    fn new(rules: &FileRules) -> Self {
        Self {
            kept: vec![0; rules.keep().len()],
            deleted: vec![0; rules.delete().len()],
            special: 0,
            unruled: 0,
            named: Vec::new(),
        }
    }

    fn unruled(&mut self, path: String) {
        self.unruled += 1;
        if self.named.len() < NAMED {
            self.named.push(path);
        }
    }
}

fn count(of: &mut [u64], rule: usize) {
    if let Some(count) = of.get_mut(rule) {
        *count += 1;
    }
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
            hollow: Vec::new(),
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

    /// Decides about everything that the volume holds.
    fn hold_against_rules(&mut self, volume: &Volume, site: &Site<'_>) -> Result<Census, ServiceError> {
        let mut census = Census::new(&self.rules);
        // A directory that was shown, and of which nothing was shown yet.
        let mut entered: Option<PathBuf> = None;
        volume.walk("", |path, found| {
            site.go_on()?;
            let hollow = entered.take().filter(|above| path.parent() != Some(above));
            if let Some(hollow) = hollow {
                self.decide_hollow(hollow, &mut census);
            }
            if found.entry.kind == Kind::Dir {
                entered = Some(path.to_owned());
                return Ok::<_, ServiceError>(Descend::Into);
            }
            match self.rules.decide(path.as_os_str().as_bytes()) {
                // A FIFO, socket or device is no file, and nobody's upload.
                _ if found.entry.kind == Kind::Other => {
                    self.doomed.push(path.to_owned());
                    census.special += 1;
                }
                Decision::Delete(rule) => {
                    self.doomed.push(path.to_owned());
                    count(&mut census.deleted, rule);
                }
                Decision::Keep(rule) => count(&mut census.kept, rule),
                Decision::Unruled => census.unruled(path.display().to_string()),
            }
            Ok(Descend::Into)
        })?;
        if let Some(hollow) = entered {
            self.decide_hollow(hollow, &mut census);
        }
        Ok(census)
    }

    /// Decides about a directory that holds nothing: its name may say as much as a file's. One that a rule spells out stays.
    fn decide_hollow(&mut self, path: PathBuf, census: &mut Census) {
        if self.rules.spell_out(&path) {
            return;
        }
        match self.rules.decide(path.as_os_str().as_bytes()) {
            Decision::Delete(_) => self.hollow.push(path),
            Decision::Keep(_) => {}
            Decision::Unruled => census.unruled(format!("{}/", path.display())),
        }
    }

    fn tally_rules(&mut self, found: &Census) {
        let service = &self.setup.name;
        for (rule, count) in self.rules.keep().iter().zip(&found.kept) {
            let (glob, reason) = (rule.glob.as_str(), rule.reason.as_deref().unwrap_or_default());
            let line = format!("{service}: {count} files of {glob}: {reason}");
            self.tally.kept.push(line);
        }
        for (rule, count) in self.rules.delete().iter().zip(&found.deleted) {
            let line = format!("{service}: {count} files of {}", rule.glob.as_str());
            self.tally.removed.push(line);
        }
        if found.special > 0 {
            let line = format!("{service}: {} FIFOs, sockets and devices", found.special);
            self.tally.removed.push(line);
        }
    }

    /// Removes these directories, and those above them, as far as they hold nothing. One that a rule spells out stays.
    fn remove_hollow(&self, volume: &Volume, mut hollow: BTreeSet<PathBuf>) -> Result<(), VolumeError> {
        // The last has none of the others in it; each is looked at once.
        while let Some(path) = hollow.pop_last() {
            if path.as_os_str().is_empty() || self.rules.spell_out(&path) {
                continue;
            }
            if volume.exists(&path)? {
                if !volume.read_dir(&path)?.is_empty() {
                    continue;
                }
                volume.remove_dir(&path)?;
            }
            hollow.extend(path.parent().map(Path::to_owned));
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

    fn quiesce(
        &mut self,
        _root: &Path,
        _limit: Duration,
        _interrupted: &AtomicBool,
    ) -> Result<String, ServiceError> {
        Ok("nothing to do".to_owned())
    }

    fn seal(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        if self.raw {
            return Ok(());
        }
        let volume = Volume::open(&self.directory(site))?;
        let found = self.hold_against_rules(&volume, site)?;
        let unused = self.rules.delete().iter().zip(&found.deleted);
        let unused = unused.filter_map(|(rule, deleted)| (*deleted == 0).then_some(rule));
        for rule in unused {
            self.refuse_mistaken(&volume, rule)?;
            // Said, not refused: a folder is empty on some days, and rules are for all of them.
            let glob = rule.glob.as_str();
            let line = format!("{}: `delete` of {glob} met no file this time", self.setup.name);
            self.tally.not_covered.push(line);
        }
        if found.unruled > 0 {
            return Err(ServiceError::Undecided {
                service: self.setup.name.clone(),
                what: format!(
                    "{} files or empty directories that no rule names, for example {}; add `delete` or `keep` for them to [{}]",
                    found.unruled,
                    found.named.join(", "),
                    self.setup.name
                ),
            });
        }
        self.tally_rules(&found);
        Ok(())
    }

    fn nothing_to_rewrite(&self) -> Option<String> {
        if self.raw {
            return Some("environments of this type stay raw by the owner's configuration".to_owned());
        }
        (self.doomed.is_empty() && self.hollow.is_empty()).then(|| "no file is to be deleted".to_owned())
    }

    fn sanitize(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        let volume = Volume::open(&self.directory(site))?;
        for path in &self.doomed {
            site.go_on()?;
            volume.remove_file(path)?;
        }
        let emptied = self
            .doomed
            .iter()
            .filter_map(|path| path.parent().map(Path::to_owned));
        let hollow: BTreeSet<PathBuf> = emptied.chain(std::mem::take(&mut self.hollow)).collect();
        self.remove_hollow(&volume, hollow)?;
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
        ServiceReport {
            engine: EngineKind::Files,
            version: None,
            url: Some(url(&self.directory(site))),
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

    fn lets_in(&self, _site: &Site<'_>) -> Result<Option<String>, ServiceError> {
        Ok(None)
    }
}

/// Directories of files.
pub struct FilesEngine;

impl Engine for FilesEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Files
    }

    fn title(&self) -> &'static str {
        "a directory of files"
    }

    fn has_server(&self) -> bool {
        false
    }

    fn service(
        &self,
        setup: &ServiceSetup,
        policy: Policy,
        _port: Option<u16>,
        _password: Option<Secret>,
    ) -> Box<dyn Service> {
        let rules = match policy.rules {
            ServiceRules::Files(rules) => rules,
            ServiceRules::Database(_) => FileRules::new(Vec::new(), Vec::new()),
        };
        Box::new(FilesService::new(setup.clone(), rules, policy.raw))
    }

    fn known_service(
        &self,
        setup: &ServiceSetup,
        _known: &ServiceRecord,
    ) -> Result<Box<dyn Service>, ServiceError> {
        let rules = FileRules::new(Vec::new(), Vec::new());
        Ok(Box::new(FilesService::new(setup.clone(), rules, false)))
    }

    fn url(&self, _known: &ServiceRecord, whereabouts: &Whereabouts<'_>) -> Option<Secret> {
        Some(url(whereabouts.volume?))
    }

    fn way_in(&self, _service: &ServiceName, _known: &ServiceRecord) -> Result<Option<WayIn>, ServiceError> {
        Ok(None)
    }

    fn example_rules(&self, service: &str) -> Vec<String> {
        vec![
            format!("[{service}]"),
            "delete = [\"private/**\"]".to_owned(),
            "keep = { \"**\" = \"why they may stay\" }".to_owned(),
        ]
    }
}

fn url(directory: &Path) -> Secret {
    Secret::new(format!("file://{}", directory.display()))
}
