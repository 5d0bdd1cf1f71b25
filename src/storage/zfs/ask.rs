//! Running `zfs`, and asking it.

use std::io;
use std::path::Path;

use super::super::StorageError;
use super::super::working::{WITHIN, Working};
use super::parse::{self, Facts, Table};
use super::plan::is_within;
use super::{Zfs, ZfsError};
use crate::exec::{Captured, Invocation};

/// A failure with less than this free is taken for a full pool.
const FULL_BELOW: u64 = 16 << 20;

impl Zfs {
    /// Runs `zfs`. A failure on a full pool is [`StorageError::NoSpace`].
    pub(super) fn zfs(
        &self,
        action: &'static str,
        path: &Path,
        words: &[String],
    ) -> Result<Captured, StorageError> {
        self.run_zfs(Invocation::new(&self.datasets_tool), action, path, words)
    }

    /// The same, holding the lock on what is worked at; see [`Working`].
    pub(super) fn zfs_at(
        &self,
        work: &Working,
        action: &'static str,
        path: &Path,
        words: &[String],
    ) -> Result<Captured, StorageError> {
        let invocation = work.held_by(Invocation::new(&self.datasets_tool));
        self.run_zfs(invocation, action, path, words)
    }

    fn run_zfs(
        &self,
        invocation: Invocation,
        action: &'static str,
        path: &Path,
        words: &[String],
    ) -> Result<Captured, StorageError> {
        invocation.args(words).timeout(WITHIN).run().map_err(|source| {
            if self.free().is_ok_and(|free| free < FULL_BELOW) {
                let pool = self.pool.clone();
                return StorageError::NoSpace { pool };
            }
            let path = path.to_owned();
            StorageError::Tool { action, path, source }
        })
    }

    /// What is free, as the kernel says it without a program.
    pub(super) fn free(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(self.home.volume().as_fd())?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// `zfs get` of exact names, all of which must be there.
    pub(super) fn get(&self, names: &[&str], properties: &[&str]) -> Result<Table, StorageError> {
        self.get_with(&[], names, properties, |name| names.contains(&name))
    }

    /// `zfs get` of a dataset and everything of `types` that lies below it.
    pub(super) fn get_below(
        &self,
        name: &str,
        types: &str,
        properties: &[&str],
    ) -> Result<Table, StorageError> {
        self.get_with(&["-r", "-t", types], &[name], properties, |found| {
            is_within(found, name)
        })
    }

    pub(super) fn get_with(
        &self,
        options: &[&str],
        names: &[&str],
        properties: &[&str],
        asked: impl Fn(&str) -> bool,
    ) -> Result<Table, StorageError> {
        let mut words = vec!["get", "-Hp"];
        words.extend(options);
        let list = properties.join(",");
        words.extend(["-o", "name,property,value,source", &list]);
        words.extend(names);
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let path = Path::new(names.first().copied().unwrap_or_default());
        let text = self.zfs("looking at", path, &words)?.text();
        Ok(parse::table(&text, properties, asked).map_err(ZfsError::from)?)
    }

    /// The properties of one dataset or snapshot; `None` where there is none of that name. That it is not there, and not that
    /// ZFS failed, is known from its parent, which can be read.
    pub(super) fn facts(&self, name: &str, properties: &[&str]) -> Result<Option<Facts>, StorageError> {
        match self.get(&[name], properties) {
            Ok(mut table) => Ok(table.remove(name)),
            Err(failed) => {
                let above = name.rsplit_once(['@', '/']).map(|(above, _)| above);
                match above {
                    Some(above) if self.facts(above, &["guid"]).is_ok() => Ok(None),
                    _ => Err(failed),
                }
            }
        }
    }
}
