//! What tables that stay as they are hold of production's past: rows that were deleted there, and room that is free again, may hold
//! originals of other tables. Such a table is written anew by the server, so that only what its rows hold stays.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::engine::postgres::{Mode, Session};
use crate::engine::{EngineError, ServiceSetup};
use crate::sanitize::plan::{SanitizePlan, Strategy};
use crate::sanitize::schema::TableName;
use crate::sanitize::service::{ServiceError, Site};

use super::finish;
use super::own_files::{relation_of, relations_of};
use super::planner::Hidden;
use super::rewrite::refuse_another;
use super::service::PostgresService;

/// The tables that stay as they are, by the files of theirs, as the server names them.
pub(super) type Staying = BTreeMap<String, TableName>;

impl PostgresService {
    /// The files of tables to which nothing is done; while it runs.
    pub(super) fn staying(&self, site: &Site<'_>, database: &str) -> Result<Staying, ServiceError> {
        let Some(ledger) = &self.ledger else {
            return Ok(Staying::new());
        };
        let plan = SanitizePlan::new(ledger, &self.schema);
        let staying = plan.tables.iter();
        let staying = staying.filter(|table| table.strategy == Strategy::Untouched);
        let staying: BTreeSet<&TableName> = staying.map(|table| &table.table).collect();
        let files = relations_of(&mut self.session(site, database)?, &staying)?;
        Ok(files.into_iter().map(|(table, file)| (file, table)).collect())
    }

    /// Has the server write those tables anew that stay as they are and hold an original in one of these `files`, one after the
    /// other; whether there were any. What stands in their rows is not searched for, so it lay beside them. It is stopped before
    /// and after.
    pub(super) fn rebuild_staying(
        &mut self,
        site: &Site<'_>,
        files: &[PathBuf],
    ) -> Result<bool, ServiceError> {
        let staying = std::mem::take(&mut self.staying);
        let of = |file: &PathBuf| table_of(&self.setup, &staying, file).cloned();
        let tables: BTreeSet<TableName> = files.iter().filter_map(of).collect();
        if tables.is_empty() {
            return Ok(false);
        }
        let database = self.credentials_of()?.database.clone();
        self.start_sealed(site, Mode::Sanitize)?;
        let numbers = self.numbers_in(&database);
        let mut session = self.session(site, &database)?;
        // Their indexes may call code of the data, which the server runs with the rights of their owner.
        let hidden = Hidden::hide(&mut session)?;
        for table in &tables {
            (site.detail)(&format!("{}: {table}", self.setup.name));
            rebuild(&mut session, table, numbers.get(table).copied())?;
        }
        hidden.give_back(&mut session)?;
        self.keep_session(&database, session);
        let service = &self.setup.name;
        let told = tables.iter().map(|table| {
            format!("{service}: originals of other tables beside the rows of {table}, which was written anew")
        });
        self.tally.removed.extend(told);
        self.rebuilt.extend(tables);
        self.stop_clean(site)?;
        Ok(true)
    }
}

fn rebuild(session: &mut Session, table: &TableName, number: Option<u32>) -> Result<(), EngineError> {
    // Catalogs have no number here: nobody but the server makes one.
    if let Some(number) = number {
        refuse_another(session, table, number)?;
    }
    finish::rebuild(session, table)
}

/// The table whose file this is, whichever fork or segment of it.
fn table_of<'s>(setup: &ServiceSetup, staying: &'s Staying, path: &Path) -> Option<&'s TableName> {
    let inside = path.strip_prefix(&setup.volume).ok()?;
    let inside = inside.strip_prefix(&setup.data).ok()?.to_str()?;
    let (directory, name) = inside.rsplit_once('/')?;
    staying.get(&format!("{directory}/{}", relation_of(name)))
}
