//! What the database really holds, held against the rules.

use crate::sanitize::ledger::{Evidence, Fate, Ledger};
use crate::sanitize::service::{ServiceError, Site};

use super::introspect::{count, introspect};
use super::sample;
use super::service::PostgresService;

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
        (site.detail)(&format!("{}: rules", self.setup.name));
        let (ledger, session) = sample::with_samples(session, &self.schema, |samples| {
            Ledger::build(&Evidence {
                service: &self.setup.name,
                schema: &self.schema,
                rules: &self.rules.database,
                key: &self.rules.key,
                samples,
            })
        })?;
        self.ledger = Some(ledger?);
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
                    Fate::Mask(_) | Fate::Deleted => {}
                }
            }
        }
    }
}
