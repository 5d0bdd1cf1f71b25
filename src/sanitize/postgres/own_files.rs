//! The files that sanitizing wrote from nothing: those of the tables that were written again, with their indexes and TOAST, and
//! the WAL. None of their extents may be another object's, since what is shared was written by production.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::engine::postgres::Session;
use crate::engine::{EngineError, ServiceSetup};
use crate::sanitize::plan::SanitizePlan;
use crate::sanitize::schema::TableName;
use crate::sanitize::service::{ServiceError, Site};
use crate::storage::{Kind, Volume, VolumeError};

use super::service::PostgresService;

/// Each relation of a table or materialized view, with the one it belongs to and its file below the data directory.
const RELATIONS: &str = "SELECT n.nspname, t.relname, pg_relation_filepath(c.oid) \
    FROM pg_class c \
    LEFT JOIN pg_index i ON i.indexrelid = c.oid \
    LEFT JOIN pg_class o ON o.reltoastrelid = COALESCE(i.indrelid, c.oid) AND o.reltoastrelid <> 0 \
    JOIN pg_class t ON t.oid = COALESCE(o.oid, i.indrelid, c.oid) \
    JOIN pg_namespace n ON n.oid = t.relnamespace \
    WHERE t.relkind IN ('r', 'm') AND pg_relation_filepath(c.oid) IS NOT NULL";

impl PostgresService {
    /// The files of the tables that were written again, as the server names them: first segments, below the data directory.
    pub(super) fn relations_written(
        &self,
        site: &Site<'_>,
        database: &str,
    ) -> Result<Vec<String>, ServiceError> {
        let Some(ledger) = &self.ledger else {
            return Ok(Vec::new());
        };
        let plan = SanitizePlan::new(ledger, &self.schema);
        let tables = plan.changed().chain(&self.rebuilt).collect();
        let files = relations_of(&mut self.session(site, database)?, &tables)?;
        Ok(files.into_iter().map(|(_, file)| file).collect())
    }
}

/// The files of these tables, each with its table.
pub(super) fn relations_of(
    session: &mut Session,
    tables: &BTreeSet<&TableName>,
) -> Result<Vec<(TableName, String)>, EngineError> {
    let names: BTreeSet<(&str, &str)> = tables
        .iter()
        .map(|table| (table.schema.as_str(), table.name.as_str()))
        .collect();
    let rows = session.rows("listing the files of tables", RELATIONS)?;
    let files = rows
        .into_iter()
        .filter_map(|row| match <[Option<String>; 3]>::try_from(row) {
            Ok([Some(schema), Some(table), Some(file)])
                if names.contains(&(schema.as_str(), table.as_str())) =>
            {
                Some((TableName::new(schema, table), file))
            }
            _ => None,
        });
    Ok(files.collect())
}

/// All files of `relations` on the stopped server's volume, and of its WAL, which lies at `wal`, relative to the environment's root.
///
/// # Errors
/// When a directory cannot be read.
pub(super) fn all_of(
    volume: &Volume,
    setup: &ServiceSetup,
    relations: &[String],
    wal: &Path,
) -> Result<Vec<PathBuf>, VolumeError> {
    let mut numbers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (directory, number) in relations.iter().filter_map(|file| file.rsplit_once('/')) {
        if in_tablespace(directory) {
            continue;
        }
        numbers.entry(directory).or_default().insert(number);
    }
    let mut files = Vec::new();
    for (directory, numbers) in numbers {
        files_in(volume, &setup.data.join(directory), &mut files, |name| {
            numbers.contains(relation_of(name))
        })?;
    }
    files_in(volume, wal, &mut files, |_| true)?;
    Ok(files.into_iter().map(|file| setup.volume.join(file)).collect())
}

/// Whether the way to a file leads through a link, which is not followed here.
pub(super) fn in_tablespace(file: &str) -> bool {
    file.starts_with("pg_tblspc/")
}

/// The number of the relation that a file belongs to, whichever fork (`_fsm`, `_vm`, `_init`) or segment (`.1`) of it; nothing
/// where its name is none of a relation's.
pub(super) fn relation_of(name: &str) -> &str {
    let number = name.find(|c: char| !c.is_ascii_digit());
    let (number, rest) = name.split_at(number.unwrap_or(name.len()));
    if rest.is_empty() || rest.starts_with(['.', '_']) {
        number
    } else {
        ""
    }
}

fn files_in(
    volume: &Volume,
    directory: &Path,
    files: &mut Vec<PathBuf>,
    wanted: impl Fn(&str) -> bool,
) -> Result<(), VolumeError> {
    for entry in volume.read_dir(directory)? {
        let named = entry.name.to_str().is_some_and(&wanted);
        if entry.kind == Kind::File && named {
            files.push(directory.join(&entry.name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_and_segments_belong_to_their_relation() {
        for name in ["16384", "16384.1", "16384_fsm", "16384_vm.2"] {
            assert_eq!(relation_of(name), "16384");
        }
        assert_eq!(relation_of("PG_VERSION"), "");
        assert_eq!(relation_of("16384x"), "");
    }
}
