//! Reading the configuration and everything that it names, once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::check::{self, Places};
use super::error::ConfigError;
use super::lists::{self, List};
use super::matches::matches;
use super::parts::{
    EnvironmentConfig, GatewayConfig, Parts, SanitizeConfig, ServiceConfig, StorageConfig, StorageDriver,
};
use super::place::Problem;
use super::policy;
use super::programs::{in_the_way, judged, judged_rootfs, misplaced};
use super::setting::{Setting, settings};
use super::trust::{Trust, TrustError};
use crate::model::{EngineKind, EnvName, ProjectName, ServiceName};

/// Where rule packs are looked for, after `sanitize-rules` beside the configuration.
const PACKS: [&str; 2] = [
    "/usr/local/share/envclone/sanitize-rules",
    "/usr/share/envclone/sanitize-rules",
];

/// A configuration that was checked and is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    path: PathBuf,
    text: String,
    parts: Parts,
    places: Places,
    rules: Vec<(PathBuf, String)>,
    lists: Vec<List>,
    after: Vec<(PathBuf, String)>,
}

impl Config {
    /// Where the configuration is unless it is named.
    pub const DEFAULT_PATH: &str = "/etc/envclone/envclone.toml";
    /// Where envclone remembers unless the configuration says otherwise.
    pub const DEFAULT_STATE: &str = check::STATE;
    /// Where sockets and locks are unless the configuration says otherwise.
    pub const DEFAULT_RUN: &str = check::RUN;

    /// Reads the configuration, its packs, rules and SQL.
    ///
    /// # Errors
    /// [`ConfigError::Unsafe`] where any of them, a server's programs or root file system, or a directory above, is not root's or can be
    /// written by others; [`ConfigError::Invalid`] with the place of each problem.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_trusting(path, &Trust::root())
    }

    /// For tests only: [`Config::load`] under another rule of trust.
    #[doc(hidden)]
    pub fn load_trusting(path: &Path, trust: &Trust) -> Result<Self, ConfigError> {
        let (file, path) = trust.open(path)?;
        let text = read(file, &path)?;
        let mut config = Self::check(&path, &text)?;
        config.load_texts(trust)?;
        config.judge_programs(trust)?;
        Ok(config)
    }

    /// Checks the text of a configuration alone: what it names is not looked for, and there are no rules.
    pub fn check(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let (parts, places) = check::parts(path, text)?;
        Ok(Self {
            path: path.to_owned(),
            text: text.to_owned(),
            parts,
            places,
            rules: Vec::new(),
            lists: Vec::new(),
            after: Vec::new(),
        })
    }

    /// Where it really lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The project's name.
    pub fn project(&self) -> &ProjectName {
        &self.parts.project.name
    }

    /// `[storage]`
    pub fn storage(&self) -> &StorageConfig {
        &self.parts.storage
    }

    /// `[gateway]`
    pub fn gateway(&self) -> &GatewayConfig {
        &self.parts.gateway
    }

    /// The originals.
    pub fn environments(&self) -> &BTreeMap<EnvName, EnvironmentConfig> {
        &self.parts.environments
    }

    /// The services of every environment.
    pub fn services(&self) -> &BTreeMap<ServiceName, ServiceConfig> {
        &self.parts.services
    }

    /// What each service is, as the rules need to know it.
    pub fn engines(&self) -> BTreeMap<ServiceName, EngineKind> {
        let services = self.parts.services.iter();
        services
            .map(|(name, service)| (name.clone(), service.engine))
            .collect()
    }

    /// `[sanitize]`
    pub fn sanitize(&self) -> &SanitizeConfig {
        &self.parts.sanitize
    }

    /// The packs, then the rule files, each with its path.
    pub fn rule_texts(&self) -> &[(PathBuf, String)] {
        &self.rules
    }

    /// The files of values that rules name.
    pub fn lists(&self) -> &[List] {
        &self.lists
    }

    /// The owner's SQL files, each with its path.
    pub fn after_texts(&self) -> &[(PathBuf, String)] {
        &self.after
    }

    /// `sha256:…` of everything that decides what a branch may show.
    pub fn policy_hash(&self) -> String {
        let rules = self.rules.iter().map(|(_, text)| ("rules", text.as_str()));
        let after = self.after.iter().map(|(_, text)| ("after", text.as_str()));
        // Their names stand in the rules.
        let lists = self.lists.iter().map(|list| ("list", list.text.as_str()));
        policy::hash(&self.parts, rules.chain(lists).chain(after))
    }

    /// With `locate` asked for the path of each dataset that the driver `zfs` is given by name. A pool or root for which it
    /// knows none stays a name, which is no absolute path.
    #[must_use]
    pub fn with_datasets(mut self, locate: impl Fn(&str) -> Option<PathBuf>) -> Self {
        if self.parts.storage.driver == StorageDriver::Zfs {
            let roots = self.parts.environments.values_mut().map(|one| &mut one.root);
            for path in roots.chain([&mut self.parts.storage.pool]) {
                let name = path.to_str().filter(|_| path.is_relative());
                if let Some(found) = name.and_then(&locate) {
                    *path = found;
                }
            }
        }
        self
    }

    /// Every value, and where it comes from.
    pub fn origins(&self) -> Vec<Setting> {
        settings(&self.parts, &self.text)
    }

    fn load_texts(&mut self, trust: &Trust) -> Result<(), ConfigError> {
        let base = self.path.parent().unwrap_or(Path::new("/")).to_owned();
        let sanitize = self.parts.sanitize.clone();
        for name in &sanitize.packs {
            let pack = self.pack(&base, name, trust)?;
            take_once(&mut self.rules, pack);
        }
        for pattern in &sanitize.rules {
            for file in self.matching(&base, pattern, trust)? {
                take_once(&mut self.rules, file);
            }
        }
        for (path, text) in &self.rules {
            self.lists.extend(lists::of(path, text, trust)?);
        }
        for pattern in &sanitize.after {
            for file in self.matching(&base, pattern, trust)? {
                take_once(&mut self.after, file);
            }
        }
        Ok(())
    }

    /// Programs of a server are run by root's word. Those that are not there are missed by the commands that need them.
    fn judge_programs(&self, trust: &Trust) -> Result<(), ConfigError> {
        for service in self.parts.services.values() {
            let (named, misplaced) = match (&service.rootfs, &service.programs) {
                (Some(rootfs), programs) => {
                    let real = judged_rootfs(rootfs, programs.as_deref(), trust)?;
                    (rootfs, real.and_then(|real| in_the_way(&self.parts, &real)))
                }
                (None, Some(programs)) => {
                    let real = judged(programs, trust)?;
                    (programs, real.and_then(|real| misplaced(&self.parts, &real)))
                }
                (None, None) => continue,
            };
            if let Some(message) = misplaced {
                return Err(self.problem(&named.to_string_lossy(), message));
            }
        }
        Ok(())
    }

    fn pack(&self, base: &Path, name: &str, trust: &Trust) -> Result<(PathBuf, String), ConfigError> {
        let beside = base.join("sanitize-rules");
        let dirs = [beside.as_path()].into_iter().chain(PACKS.iter().map(Path::new));
        for dir in dirs.clone() {
            match trust.open(&dir.join(format!("{name}.toml"))) {
                Ok((file, path)) => return Ok((path.clone(), read(file, &path)?)),
                Err(TrustError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        let dirs: Vec<String> = dirs.map(|dir| dir.display().to_string()).collect();
        Err(self.problem(
            name,
            format!("there is no pack of this name in {}", dirs.join(", ")),
        ))
    }

    fn matching(
        &self,
        base: &Path,
        pattern: &str,
        trust: &Trust,
    ) -> Result<Vec<(PathBuf, String)>, ConfigError> {
        let paths = matches(base, pattern, trust)?;
        if paths.is_empty() {
            return Err(self.problem(pattern, format!("no file matches below {}", base.display())));
        }
        let mut texts = Vec::with_capacity(paths.len());
        for path in paths {
            let (file, path) = trust.open(&path)?;
            texts.push((path.clone(), read(file, &path)?));
        }
        Ok(texts)
    }

    /// A problem with a text that names files.
    fn problem(&self, text: &str, message: String) -> ConfigError {
        let problems = self.places.get(text).cloned();
        ConfigError::Invalid {
            problems: problems.map(|at| Problem { message, at }).into_iter().collect(),
        }
    }
}

/// Two patterns may match the same file; its rules hold once.
fn take_once(texts: &mut Vec<(PathBuf, String)>, file: (PathBuf, String)) {
    if !texts.iter().any(|(path, _)| *path == file.0) {
        texts.push(file);
    }
}

fn read(mut file: File, path: &Path) -> Result<String, ConfigError> {
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(ConfigError::io(path))?;
    Ok(text)
}
