//! Tables rewritten, two at a time, and what follows from it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::engine::ServiceSetup;
use crate::engine::postgres::Session;
use crate::model::ReplacedColumn;
use crate::sanitize::ledger::{Fate, Ledger};
use crate::sanitize::needle::{NeedleSet, Source};
use crate::sanitize::schema::{TableKind, TableName};
use crate::sanitize::service::{ServiceError, Site, Tally};
use crate::sanitize::transform::Transform;

use super::collation::{self, SortsByBytes};
use super::pace::Pace;
use super::rewrite::{self, ColumnCount};
use super::rights::{Door, Loader};
use super::seen::{Originals, Seen};
use super::service::PostgresService;
use super::spool::Place;
use super::work::{TableWork, table_work, transform_names};
use super::{finish, read_through};

/// Rows from which on indexes take long enough to ask how they are sorted.
const MANY_ROWS: u64 = 50_000;

/// What one worker talks to the server through; others only once a table is large.
struct Sessions {
    main: Session,
    others: Option<Vec<Session>>,
}

/// The most readers of one table: its rows are loaded by one session, which more could not keep up with.
const READERS: usize = 4;

/// What a table needs, and who has to load it where that is known.
type Task<'w> = (&'w TableWork, Option<Loader>);
/// What became of it.
type Outcome<'w> = (&'w TableWork, Option<rewrite::Rewritten>);

impl PostgresService {
    /// Runs what the tables need, and what follows from it.
    pub(super) fn rewrite_tables(
        &mut self,
        site: &Site<'_>,
        needles: &NeedleSet,
    ) -> Result<Seen, ServiceError> {
        let hidden = std::mem::take(&mut self.hidden);
        let Some(ledger) = &self.ledger else {
            return Ok(Seen::default());
        };
        let work = table_work(&self.schema, ledger, &self.rules.key)
            .map_err(|error| self.unfit(&error.to_string()))?;
        let database = self.credentials_of()?.database.clone();
        let limit = Pace::new(self.rules.max_write_rate);
        let of_replaced: Vec<bool> = (0..needles.len())
            .map(|needle| needles.sources(needle).any(|source| is_replaced(ledger, source)))
            .collect();
        let network = site.runtime.network(&site.branch)?;
        let open = |role: &str| self.session_as(network.as_ref(), role, &database);
        let door = Door::new(&open);
        let place = Place {
            directory: &site.spool,
            door: &door,
            pace: &limit,
            originals: Originals {
                needles,
                of_replaced: &of_replaced,
            },
        };
        let sorts_by_bytes = self.sort_by_bytes(site, &database, &work)?;
        let (mut seen, mut outcomes, late) =
            self.do_tables(site, place, work.iter().map(|work| (work, None)).collect())?;
        // Nothing that is not theirs is raw any more where code of the data runs.
        let (later, others, _) = self.do_tables(site, place, late)?;
        seen.merge(later);
        outcomes.extend(others);
        let changed: Vec<TableName> = work.iter().map(|work| work.table().clone()).collect();
        // The server itself rebuilds tables: their rows have passed nobody yet.
        let passed = work.iter().filter(|work| !matches!(work, TableWork::Rebuild(_)));
        let passed: Vec<TableName> = passed.map(|work| work.table().clone()).collect();
        let mut tally = self.tally.clone();
        for (work, outcome) in outcomes {
            self.refuse_repeated(work, outcome.as_ref())?;
            count(&self.setup, ledger, work, outcome, &mut tally);
        }
        if let Some(sorts_by_bytes) = sorts_by_bytes {
            sorts_by_bytes.give_back(&mut self.session(site, &database)?)?;
        }
        let mut session = self.session(site, &database)?;
        read_through::note_untouched(&mut session, &self.schema, ledger, &passed, needles, &mut seen)?;
        self.refuse_left(&seen, needles)?;
        hidden.give_back(&mut session)?;
        let emptied = self.finish(site, session, ledger, &changed)?;
        tally.kept.extend(emptied.iter().map(|view| {
            let service = &self.setup.name;
            format!("{service}: {view} was left empty: what it reads is on another server")
        }));
        self.tally = tally;
        Ok(seen)
    }

    /// Does what tables need, two at a time. Those that another role has to load are put off.
    fn do_tables<'w>(
        &self,
        site: &Site<'_>,
        place: Place<'_>,
        queue: Vec<Task<'w>>,
    ) -> Result<(Seen, Vec<Outcome<'w>>, Vec<Task<'w>>), ServiceError> {
        if queue.is_empty() {
            return Ok((Seen::default(), Vec::new(), Vec::new()));
        }
        let database = &self.credentials_of()?.database;
        let queue = Mutex::new(queue.into_iter());
        let (outcomes, late) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        let worker = || -> Result<Seen, ServiceError> {
            let mut sessions = Sessions {
                main: self.session(site, database)?,
                others: None,
            };
            let mut seen = Seen::default();
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((work, loader)) = next else {
                    return Ok(seen);
                };
                let loader = match (loader, work) {
                    (Some(loader), _) => loader,
                    (None, TableWork::Rewrite(name, _)) => {
                        let loader = Loader::of(&mut sessions.main, name)?;
                        if !loader.is_same_session() {
                            let mut late = late.lock().unwrap_or_else(PoisonError::into_inner);
                            late.push((work, Some(loader)));
                            continue;
                        }
                        loader
                    }
                    (None, _) => Loader::Same,
                };
                (site.detail)(&format!("{}: {}", self.setup.name, work.table()));
                let outcome = self.do_table(site, &mut sessions, work, place, &loader, &mut seen)?;
                outcomes
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((work, outcome));
            }
        };
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(worker);
            (worker(), other.join())
        });
        let other = other.map_err(|_| self.unfit("a worker of the rewrite panicked"))?;
        let (mut seen, other) = (one?, other?);
        seen.merge(other);
        let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
        let late = late.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((seen, outcomes, late))
    }

    /// Where enough is sorted to be worth the question.
    fn sort_by_bytes(
        &self,
        site: &Site<'_>,
        database: &str,
        work: &[TableWork],
    ) -> Result<Option<SortsByBytes>, ServiceError> {
        let rows = |work: &TableWork| self.schema.table(work.table()).map_or(0, |table| table.rows);
        if work.iter().map(rows).sum::<u64>() < MANY_ROWS {
            return Ok(None);
        }
        Ok(collation::sort_by_bytes(&mut self.session(site, database)?)?)
    }

    /// Refuses a column in which values came out as they were, although its transforms never do that.
    fn refuse_repeated(
        &self,
        work: &TableWork,
        outcome: Option<&rewrite::Rewritten>,
    ) -> Result<(), ServiceError> {
        let (TableWork::Rewrite(table, columns), Some(outcome)) = (work, outcome) else {
            return Ok(());
        };
        let Some((column, count)) = outcome.repeated(columns) else {
            return Ok(());
        };
        Err(ServiceError::Unproved {
            service: self.setup.name.clone(),
            what: format!(
                "{} of {} values of {table}.{} came out as they were",
                count.unchanged, count.values, column.name
            ),
        })
    }

    /// Refuses where a replaced column still holds an original. The proof would find it too, but not say in which column.
    fn refuse_left(&self, seen: &Seen, needles: &NeedleSet) -> Result<(), ServiceError> {
        const NAMED: usize = 5;
        let (count, places) = seen.left(needles);
        if count == 0 {
            return Ok(());
        }
        let places: Vec<String> = places.into_iter().take(NAMED).collect();
        Err(ServiceError::Unproved {
            service: self.setup.name.clone(),
            what: format!(
                "{count} originals are left in columns that were replaced, for example {}; give what holds them there a rule \
                 of its own, or keep it with a reason",
                places.join(", ")
            ),
        })
    }

    fn do_table(
        &self,
        site: &Site<'_>,
        sessions: &mut Sessions,
        work: &TableWork,
        place: Place<'_>,
        loader: &Loader,
        seen: &mut Seen,
    ) -> Result<Option<rewrite::Rewritten>, ServiceError> {
        let session = &mut sessions.main;
        match work {
            TableWork::Empty(name) if name.schema == "pg_catalog" => finish::remove_large_objects(session)?,
            TableWork::Empty(name) => rewrite::empty(session, name)?,
            TableWork::Rebuild(name) => finish::rebuild(session, name)?,
            TableWork::Rewrite(name, columns) => {
                let Some(table) = self.schema.table(name) else {
                    return Ok(None);
                };
                let others = if rewrite::is_large(session, name)? {
                    sessions.others.get_or_insert_with(|| self.other_readers(site))
                } else {
                    &mut Vec::new()
                };
                let (done, noted) = rewrite::rewrite(session, others, table, columns, place, loader)?;
                seen.merge(noted);
                return Ok(Some(done));
            }
        }
        Ok(None)
    }

    /// Sessions for reading a large table, one for each further core. A server that allows fewer connections is read by
    /// fewer.
    fn other_readers(&self, site: &Site<'_>) -> Vec<Session> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let session = || self.session(site, &self.credentials_of().ok()?.database).ok();
        std::iter::from_fn(session).take(cores.min(READERS) - 1).collect()
    }

    /// Derived data, the owner's SQL, statistics. Returns the materialized views that were left empty.
    pub(super) fn finish(
        &self,
        site: &Site<'_>,
        mut session: Session,
        ledger: &Ledger,
        changed: &[TableName],
    ) -> Result<Vec<TableName>, ServiceError> {
        let views = finish::refresh_order(&self.schema);
        let emptied = finish::refresh(&mut session, &self.schema, &views)?;
        // Triggers of the data may fire for it, as the superuser: to them, too, the planner remembers nothing of originals.
        if !self.rules.after.is_empty() {
            finish::forget_statistics(&mut session, changed)?;
        }
        for (path, sql) in &self.rules.after {
            (site.detail)(&format!("{}: {}", self.setup.name, path.display()));
            finish::run_owner_sql(&mut session, path, sql)?;
        }
        let tables = ledger
            .tables
            .iter()
            .filter(|table| table.kind == TableKind::Ordinary);
        // The owner's SQL may have changed any table.
        let mut renew: Vec<TableName> = if self.rules.after.is_empty() {
            changed.to_vec()
        } else {
            tables.map(|table| table.name.clone()).collect()
        };
        renew.extend(views);
        renew.retain(|table| table.schema != "pg_catalog");
        let tables = finish::forget_statistics(&mut session, &renew)?;
        let mut sessions = vec![session];
        if tables.len() > 1 {
            sessions.extend(self.other_readers(site).into_iter().take(1));
        }
        finish::analyze(&mut sessions, tables)?;
        let rewrite = finish::rewrite_statistics;
        sessions.first_mut().map_or(Ok(()), rewrite)?;
        Ok(emptied)
    }

    /// The files of all relations of all databases, for telling which are left over.
    pub(super) fn files_in_use(&self, site: &Site<'_>) -> Result<BTreeSet<String>, ServiceError> {
        let mut files = BTreeSet::new();
        for database in &self.databases {
            let mut session = self.session(site, database)?;
            files.extend(finish::files_in_use(&mut session)?);
        }
        Ok(files)
    }
}

/// Whether originals come from a column that is replaced, or from the catalogs.
fn is_replaced(ledger: &Ledger, source: &Source) -> bool {
    let table = ledger
        .tables
        .iter()
        .find(|table| table.name.to_string() == source.table);
    let column = table.and_then(|table| table.columns.iter().find(|column| column.name == source.column));
    column.is_none_or(|column| matches!(column.fate, Fate::Mask(_)))
}

/// Adds what became of one table.
fn count(
    setup: &ServiceSetup,
    ledger: &Ledger,
    work: &TableWork,
    outcome: Option<rewrite::Rewritten>,
    tally: &mut Tally,
) {
    tally.tables += 1;
    let (TableWork::Rewrite(name, columns), Some(outcome)) = (work, outcome) else {
        return;
    };
    tally.rows += outcome.rows;
    let entry = ledger.tables.iter().find(|entry| entry.name == *name);
    for (column, ColumnCount { values, unchanged }) in columns.iter().zip(outcome.columns) {
        let known = entry.and_then(|entry| entry.columns.iter().find(|known| known.name == column.name));
        let transforms = column.rules.iter().filter_map(|rule| rule.transform.as_deref());
        let unmet = transforms.flat_map(Transform::unmet);
        tally.not_covered.extend(
            unmet
                .filter(|_| values > 0)
                .map(|path| format!("{}.{name}.{}: no value is at {path}", setup.name, column.name)),
        );
        tally.replaced.push(ReplacedColumn {
            column: format!("{}.{name}.{}", setup.name, column.name),
            transform: known.map(transform_names).unwrap_or_default(),
            values,
            unchanged,
        });
    }
}
