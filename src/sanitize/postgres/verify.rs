//! What is checked on the server that is about to be published: originals by query, where no byte search reaches
//! (compressed values), and the secrets of production where nothing was rewritten.

use crate::sanitize::ledger::{ColumnEntry, Fate, TableEntry};
use crate::sanitize::needle::NeedleSet;
use crate::sanitize::proof::search_tree;
use crate::sanitize::schema::{Column, TableKind};
use crate::sanitize::service::{ServiceError, Site};
use crate::storage::Volume;

use super::finish::is_populated;
use super::old_wal::{drop_old_wal, is_left};
use super::planner::Hidden;
use super::read_through::{read_table, statistics};
use super::sample;
use super::seen::Seen;
use super::service::PostgresService;

impl PostgresService {
    /// Reads every replaced column, and every materialized view, through the server, and searches for originals in it.
    pub(super) fn verify_by_query(&self, site: &Site<'_>, needles: &NeedleSet) -> Result<(), ServiceError> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        if needles.is_empty() {
            return Ok(());
        }
        let mut session = self.session(site, &self.credentials_of()?.database)?;
        let hidden = Hidden::hide(&mut session)?;
        for entry in &ledger.tables {
            let columns = self.columns_to_read(entry);
            if columns.is_empty() || !is_populated(&mut session, &entry.name)? {
                continue;
            }
            let mut seen = Seen::default();
            read_table(&mut session, &entry.name, &columns, needles, &mut seen)?;
            if seen.count() > 0 {
                return Err(ServiceError::Unproved {
                    service: self.setup.name.clone(),
                    what: format!(
                        "{} originals are still in {}; give it a rule, or keep it with a reason",
                        seen.count(),
                        entry.name
                    ),
                });
            }
        }
        if let Some((catalog, count)) = statistics(&mut session, needles)? {
            return Err(ServiceError::Unproved {
                service: self.setup.name.clone(),
                what: format!("{count} originals are still in {catalog}"),
            });
        }
        Ok(hidden.give_back(&mut session)?)
    }

    /// Where nothing is rewritten the server is not stopped: what it keeps of production's secrets is purged while it
    /// runs, and searched for where it could be, the shared catalogs and the WAL. The rest of its files is not read, so that
    /// this costs the same at any size.
    pub(super) fn purge_secrets_running(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        let mut session = self.session(site, "template1")?;
        let needles = sample::only_secrets(&self.setup.name, &self.secrets, &self.rules.key);
        let volume = Volume::open(&self.volume_dir(site))?;
        let wal = self.wal.as_path();
        drop_old_wal(&mut session, &volume, wal)?;
        // A segment that was still needed at the first time goes the second time.
        if is_left(&mut session, &volume, wal)? || self.search_for_secrets(site, &needles).is_err() {
            drop_old_wal(&mut session, &volume, wal)?;
            self.search_for_secrets(site, &needles)?;
        }
        self.keep_session("template1", session);
        let covered = format!(
            "{}: production's password verifiers were searched for in global and pg_wal only",
            self.setup.name
        );
        self.tally.not_covered.push(covered);
        Ok(())
    }

    /// In the shared catalogs and the WAL.
    fn search_for_secrets(&self, site: &Site<'_>, needles: &NeedleSet) -> Result<(), ServiceError> {
        for part in [&self.setup.data.join("global"), &self.wal] {
            search_tree(
                &site.root,
                &self.setup.volume.join(part),
                &[needles],
                &[],
                site.interrupted,
            )
            .map_err(|error| ServiceError::Unproved {
                service: self.setup.name.clone(),
                what: error.to_string(),
            })?;
        }
        Ok(())
    }

    /// The columns whose originals must be gone.
    fn columns_to_read(&self, entry: &TableEntry) -> Vec<&Column> {
        let masked = |column: &&ColumnEntry| match entry.kind {
            TableKind::Ordinary => entry.deletes.is_some() || matches!(column.fate, Fate::Mask(_)),
            TableKind::MaterializedView => true,
            TableKind::Partitioned | TableKind::View | TableKind::Foreign => false,
        };
        let Some(table) = self.schema.table(&entry.name) else {
            return Vec::new();
        };
        let columns = entry.columns.iter().filter(masked);
        columns.filter_map(|column| table.column(&column.name)).collect()
    }
}
