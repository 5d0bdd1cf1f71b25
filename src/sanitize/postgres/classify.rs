//! What the database really holds, held against the rules.

use std::collections::BTreeMap;

use crate::model::DeletedRows;
use crate::sanitize::key::MaskingKey;
use crate::sanitize::ledger::{ColumnEntry, Evidence, Fate, Ledger, Masking};
use crate::sanitize::rules::Action;
use crate::sanitize::schema::{TableKind, TableName};
use crate::sanitize::service::{ServiceError, Site};
use crate::sanitize::transform::Transform;

use super::introspect::{count, introspect};
use super::planner::Hidden;
use super::service::PostgresService;
use super::work::column_work;
use super::{conditions, defaults, delete_rows, shown};

impl PostgresService {
    /// Reads the schema, and holds the rules against it.
    pub(super) fn classify(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        (site.detail)(&format!("{}: schema", self.setup.name));
        let database = self.credentials_of()?.database.clone();
        let mut session = self.session(site, &database)?;
        let (refused, schema) = std::thread::scope(|scope| {
            let others = scope.spawn(|| self.refuse_other_databases(site));
            let schema = introspect(&mut session);
            let others = others.join();
            (
                others.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                schema,
            )
        });
        refused?;
        self.schema = schema?;
        if self.rules.raw {
            self.keep_session(&database, session);
            return Ok(());
        }
        self.hidden = Hidden::hide(&mut session)?;
        (site.detail)(&format!("{}: rules", self.setup.name));
        defaults::fill(&mut session, &mut self.schema, &self.rules.database)?;
        let (ledger, mut session) = shown::with_samples(session, &self.schema, |samples| {
            Ledger::build(&Evidence {
                service: &self.setup.name,
                schema: &self.schema,
                rules: &self.rules.database,
                key: &self.rules.key,
                samples,
            })
        })?;
        let ledger = ledger?;
        self.calling = conditions::calling(&mut session, &ledger)?;
        delete_rows::refuse_referred(&mut session, &self.schema, &ledger)?;
        self.ledger = Some(ledger);
        self.keep_session(&database, session);
        Ok(())
    }

    /// Rules name tables of the URL's database only, so tables of another one are decided by nothing.
    pub(super) fn refuse_other_databases(&self, site: &Site<'_>) -> Result<(), ServiceError> {
        if self.rules.raw {
            return Ok(());
        }
        let ours = &self.credentials_of()?.database;
        for database in self.databases.iter().filter(|database| *database != ours) {
            let mut session = self.session(site, database)?;
            let tables = count(&mut session)?;
            self.keep_session(database, session);
            if tables > 0 {
                return Err(ServiceError::Undecided {
                    service: self.setup.name.clone(),
                    what: format!(
                        "the server holds the database {database:?} too, with {tables} tables that no rule can name; \
                         give it a server of its own"
                    ),
                });
            }
        }
        Ok(())
    }

    /// Notes which tables lose rows: those that lose all of them, and those that lost as many as `deleted` says.
    pub(super) fn tally_deleted(&mut self, ledger: &Ledger, deleted: &BTreeMap<TableName, u64>) {
        for entry in ledger
            .tables
            .iter()
            .filter(|entry| entry.kind == TableKind::Ordinary)
        {
            let rows = deleted.get(&entry.name).copied();
            if entry.emptied || rows.is_some() {
                self.tally.rows += rows.unwrap_or_default();
                self.tally.deleted.push(DeletedRows {
                    table: format!("{}.{}", self.setup.name, entry.name),
                    condition: entry.deletes.clone(),
                    rows,
                });
            }
        }
    }

    pub(super) fn tally_ledger(&mut self) {
        let unlogged = self.schema.tables.iter().filter(|table| table.unlogged);
        self.tally.kept.extend(unlogged.map(|table| {
            let service = &self.setup.name;
            format!(
                "{service}: {} is unlogged, and empty where the source was running",
                table.name
            )
        }));
        let Some(ledger) = &self.ledger else { return };
        for table in &ledger.tables {
            for column in &table.columns {
                let name = format!("{}.{}.{}", self.setup.name, table.name, column.name);
                match &column.fate {
                    Fate::Keep { reason } => self.tally.kept.push(format!("{name}: {reason}")),
                    Fate::Exempt(why) => self.tally.exempt.push(format!("{name}: {why}")),
                    Fate::Mask(masking) => {
                        let inside = kept_inside(masking, column, &self.rules.key);
                        let inside = inside.into_iter().map(|(at, why)| format!("{name} {at}: {why}"));
                        self.tally.kept.extend(inside);
                    }
                    Fate::Deleted => {}
                }
            }
        }
    }
}

/// What stays of a column that is replaced: rows by their condition, and places inside the values. Each with the reason.
fn kept_inside(masking: &Masking, column: &ColumnEntry, key: &MaskingKey) -> Vec<(String, String)> {
    let rows = masking.rules.iter().filter_map(|rule| match &rule.action {
        Action::Keep { reason } => Some((
            match &rule.condition {
                Some(condition) => format!("where {condition}"),
                None => "in all other rows".to_owned(),
            },
            reason.clone(),
        )),
        Action::Mask(_) => None,
    });
    let work = column_work(column, key).ok().flatten();
    let rules = work.iter().flat_map(|work| &work.rules);
    let places = rules
        .filter_map(|rule| rule.transform.as_deref())
        .flat_map(Transform::keeps);
    rows.chain(places).collect()
}
