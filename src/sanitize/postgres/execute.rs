//! Tables rewritten, two at a time, those with code of the data after them, and what follows from it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::engine::ServiceSetup;
use crate::engine::postgres::{Mode, Session};
use crate::model::ReplacedColumn;
use crate::sanitize::ledger::{Fate, Ledger};
use crate::sanitize::needle::{NeedleSet, Source};
use crate::sanitize::plan::SanitizePlan;
use crate::sanitize::schema::TableName;
use crate::sanitize::service::{ServiceError, Site, Tally};
use crate::sanitize::transform::Transform;

use super::collation::{self, SortsByBytes};
use super::pace::Pace;
use super::planned::{self, Tables};
use super::planner::Hidden;
use super::rewrite::{self, ColumnCount};
use super::rights::{self, Door, Turn};
use super::seen::{Originals, Seen};
use super::service::PostgresService;
use super::shuffled::order;
use super::spool::Place;
use super::work::{TableWork, table_work, transform_names};
use super::{finish, purge, read_through};

/// Rows from which on indexes take long enough to ask how they are sorted.
const MANY_ROWS: u64 = 50_000;

/// What one worker talks to the server through; others only once a table is large.
struct Sessions {
    main: Session,
    others: Option<Vec<Session>>,
}

/// The most readers of one table: its rows are loaded by one session, which more could not keep up with.
const READERS: usize = 4;

/// What a table needs, and its number.
type Task<'w> = (&'w TableWork, u32);
/// What became of it.
type Outcome<'w> = (&'w TableWork, Option<rewrite::Rewritten>);

impl PostgresService {
    /// Runs what the tables need, and what follows from it. Of the tables in `calling` the conditions call code of the data.
    pub(super) fn rewrite_tables(
        &mut self,
        site: &Site<'_>,
        needles: &NeedleSet,
        calling: &BTreeSet<TableName>,
    ) -> Result<Seen, ServiceError> {
        let mut hidden = std::mem::take(&mut self.hidden);
        let Some(ledger) = &self.ledger else {
            return Ok(Seen::default());
        };
        let plan = SanitizePlan::new(ledger, &self.schema);
        let work = table_work(&plan, &self.rules.key).map_err(|error| self.unfit(&error.to_string()))?;
        let database = self.credentials_of()?.database.clone();
        let limit = Pace::new(self.rules.max_write_rate, site.interrupted);
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
        let views = plan.views();
        let numbers = self.numbers_in(&database);
        let filled = finish::empty_views(&mut self.session(site, &database)?, &views, &numbers)?;
        let (first, late) = self.by_turn(site, &work, calling)?;
        let (mut seen, mut outcomes) = self.do_first(site, place, first)?;
        // Before code of the data runs: what that copies to where it would be kept must not count as kept.
        // What the server itself rebuilds has passed nobody yet.
        let passed = work.iter().filter(|work| !matches!(work, TableWork::Rebuild(_)));
        let passed: Vec<TableName> = passed.map(|work| work.table().clone()).collect();
        let mut session = self.session(site, &database)?;
        read_through::note_untouched(&mut session, &self.schema, ledger, &passed, needles, &mut seen)?;
        let changed: Vec<TableName> = work.iter().map(|work| work.table().clone()).collect();
        if !late.is_empty() {
            // They hold originals of tables that were replaced, and a table's owner may read them.
            finish::forget_statistics(&mut session, &of_data(&changed))?;
        }
        self.keep_session(&database, session);
        let (later, others) = self.do_late(site, place, late, calling, &mut hidden)?;
        seen.merge(later);
        outcomes.extend(others);
        let mut tally = self.tally.clone();
        for (work, outcome) in outcomes {
            self.refuse_repeated(work, outcome.as_ref())?;
            count(&self.setup, ledger, work, outcome, &mut tally);
        }
        if let Some(sorts_by_bytes) = sorts_by_bytes {
            sorts_by_bytes.give_back(&mut self.session(site, &database)?)?;
        }
        let mut session = self.session(site, &database)?;
        self.refuse_left(&seen, needles)?;
        hidden.give_back(&mut session)?;
        let addresses = read_through::addresses_in_schema(&mut session)?;
        tally.not_covered.extend(addresses.iter().map(|text| {
            let service = &self.setup.name;
            format!("{service}: {text} holds an e-mail address; what the schema says is not replaced")
        }));
        self.tally = tally;
        self.finish(site, session, &plan, &changed, &filled)?;
        Ok(seen)
    }

    /// What the tables need, apart by when it is their turn.
    #[allow(clippy::type_complexity, reason = "two lists of one kind")]
    fn by_turn<'w>(
        &self,
        site: &Site<'_>,
        work: &'w [TableWork],
        calling: &BTreeSet<TableName>,
    ) -> Result<(Vec<Task<'w>>, Vec<Task<'w>>), ServiceError> {
        let database = &self.credentials_of()?.database;
        let numbers = self.numbers_in(database);
        let mut tasks = Vec::with_capacity(work.len());
        for work in work {
            let number = match numbers.get(work.table()) {
                Some(number) => *number,
                None if work.is_of_large_objects() => 0,
                None => return Err(self.unfit(&format!("{} vanished", work.table()))),
            };
            tasks.push((work, number));
        }
        if tasks.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let all: Vec<u32> = tasks.iter().map(|(_, number)| *number).collect();
        let with_code = rights::with_code(&mut self.session(site, database)?, &all)?;
        Ok(tasks
            .into_iter()
            .partition(|(work, number)| !with_code.contains(number) && !calling.contains(work.table())))
    }

    /// Does what tables need that have no code of the data, two at a time.
    fn do_first<'w>(
        &self,
        site: &Site<'_>,
        place: Place<'_>,
        queue: Vec<Task<'w>>,
    ) -> Result<(Seen, Vec<Outcome<'w>>), ServiceError> {
        if queue.is_empty() {
            return Ok((Seen::default(), Vec::new()));
        }
        let (alone, queue): (Vec<_>, Vec<_>) = queue
            .into_iter()
            .partition(|(work, _)| work.is_of_large_objects());
        let queue = Mutex::new(queue.into_iter());
        let outcomes = Mutex::new(Vec::new());
        let worker = || -> Result<Seen, ServiceError> {
            let mut sessions = self.sessions(site)?;
            let mut seen = Seen::default();
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(task) = next else {
                    return Ok(seen);
                };
                let outcome = self.do_table(site, &mut sessions, task, place, Turn::First, &mut seen)?;
                outcomes
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((task.0, outcome));
            }
        };
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(worker);
            (worker(), other.join())
        });
        let other = other.map_err(|_| self.unfit("a worker of the rewrite panicked"))?;
        let (mut seen, other) = (one?, other?);
        seen.merge(other);
        let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
        // What a session beside it could still see would be copied as well.
        for task in alone {
            let outcome = self.do_table(
                site,
                &mut self.sessions(site)?,
                task,
                place,
                Turn::First,
                &mut seen,
            )?;
            outcomes.push((task.0, outcome));
        }
        Ok((seen, outcomes))
    }

    /// Does what tables need that have code of the data, one at a time: while it runs, nothing else does. What it makes that the
    /// planner would call is hidden each time, and what it made of the schema is refused before anything is read again. Each is
    /// whole again before the next is emptied: checks, generated columns and conditions look rows up in others.
    fn do_late<'w>(
        &self,
        site: &Site<'_>,
        place: Place<'_>,
        mut late: Vec<Task<'w>>,
        calling: &BTreeSet<TableName>,
        hidden: &mut Hidden,
    ) -> Result<(Seen, Vec<Outcome<'w>>), ServiceError> {
        let (mut seen, mut outcomes) = (Seen::default(), Vec::new());
        if late.is_empty() {
            return Ok((seen, outcomes));
        }
        let mut sessions = self.sessions(site)?;
        // Conditions that are code of the data are evaluated once all other tables were replaced.
        late.sort_by_key(|(work, _)| calling.contains(work.table()));
        for task in late {
            hidden.hide_more(&mut sessions.main)?;
            let conditions = calling.contains(task.0.table());
            let turn = Turn::Late { conditions };
            let outcome = self.do_table(site, &mut sessions, task, place, turn, &mut seen)?;
            outcomes.push((task.0, outcome));
        }
        hidden.hide_more(&mut sessions.main)?;
        self.refuse_changes(&mut sessions.main, &self.credentials_of()?.database)?;
        Ok((seen, outcomes))
    }

    fn sessions(&self, site: &Site<'_>) -> Result<Sessions, ServiceError> {
        Ok(Sessions {
            main: self.session(site, &self.credentials_of()?.database)?,
            others: None,
        })
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
                "{} of {} values of {table}.{} came out as they were; choose another transform, or keep the column with a reason",
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
        (work, number): Task<'_>,
        place: Place<'_>,
        turn: Turn,
        seen: &mut Seen,
    ) -> Result<Option<rewrite::Rewritten>, ServiceError> {
        site.go_on()?;
        (site.detail)(&format!("{}: {}", self.setup.name, work.table()));
        let session = &mut sessions.main;
        match work {
            TableWork::Empty(_) if work.is_of_large_objects() => finish::remove_large_objects(session)?,
            TableWork::Empty(name) => rewrite::empty(session, name, number, turn)?,
            TableWork::Rebuild(name) => {
                if turn != Turn::First {
                    rewrite::refuse_another(session, name, number)?;
                }
                finish::rebuild(session, name)?;
            }
            TableWork::Rewrite(name, columns) => {
                let Some(table) = self.schema.table(name) else {
                    return Ok(None);
                };
                let others = if rewrite::is_large(session, name)? {
                    sessions.others.get_or_insert_with(|| self.other_readers(site))
                } else {
                    &mut Vec::new()
                };
                let table = (table, number);
                let (done, noted) = rewrite::rewrite(session, others, table, columns, place, turn)?;
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

    /// Derived data, the owner's SQL, statistics.
    fn finish(
        &mut self,
        site: &Site<'_>,
        mut session: Session,
        plan: &SanitizePlan,
        changed: &[TableName],
        filled: &[TableName],
    ) -> Result<(), ServiceError> {
        let views = plan.views();
        let database = self.credentials_of()?.database.clone();
        let numbers = self.numbers_in(&database);
        let emptied = finish::refresh(&mut session, &self.schema, filled, &numbers)?;
        // What goes by names from here on means what was decided about.
        if !views.is_empty() {
            self.refuse_changes(&mut session, &database)?;
        }
        self.tally.kept.extend(emptied.iter().map(|view| {
            let service = &self.setup.name;
            format!("{service}: {view} was left empty: what it reads is on another server")
        }));
        self.refuse_changed_roles(&mut session)?;
        std::mem::take(&mut self.stilled).give_back(&mut session)?;
        let mut renew = [of_data(changed), views.clone()].concat();
        if !self.rules.after.is_empty() {
            finish::forget_statistics(&mut session, &renew)?;
            finish::rewrite_catalogs(&mut session)?;
            session = self.run_owner_sql(site, session)?;
            // It may have changed any table.
            renew.extend(plan.tables.iter().map(|table| table.table.clone()));
            let there = self.numbers_in(&database);
            renew.retain(|table| table.schema != "pg_catalog" && there.contains_key(table));
        }
        let tables = finish::forget_statistics(&mut session, &renew)?;
        let mut sessions = vec![session];
        if tables.len() > 1 {
            sessions.extend(self.other_readers(site).into_iter().take(1));
        }
        finish::analyze(&mut sessions, tables)?;
        let Some(session) = sessions.first_mut() else {
            return Ok(());
        };
        self.refuse_changed_roles(session)?;
        Ok(finish::rewrite_catalogs(session)?)
    }

    /// Runs the owner's SQL on a server that is as it will be published, so that triggers of the data, which it may fire as the
    /// superuser, find no original: not in the WAL, in no file that was left over, in no dead row.
    fn run_owner_sql(&mut self, site: &Site<'_>, session: Session) -> Result<Session, ServiceError> {
        drop(session);
        self.stop_and_purge(site)?;
        self.start_sealed(site, Mode::Sanitize)?;
        let database = self.credentials_of()?.database.clone();
        let mut session = self.session(site, &database)?;
        for (path, sql) in &self.rules.after {
            (site.detail)(&format!("{}: {}", self.setup.name, path.display()));
            finish::run_owner_sql(&mut session, path, sql)?;
        }
        self.roles = planned::roles(&mut session)?;
        let now = Tables::read(&mut session)?;
        let planned = self.planned.entry(database).or_default();
        let changes = planned.changes(&now);
        *planned = now;
        self.tally.not_covered.extend(changes.into_iter().map(|change| {
            let service = &self.setup.name;
            format!("{service}: {change} by the owner's SQL, and was decided about by no rule")
        }));
        Ok(session)
    }

    /// Stops the server, and purges its files, once no database holds a table that was not there when it was decided about.
    pub(super) fn stop_and_purge(&mut self, site: &Site<'_>) -> Result<(), ServiceError> {
        let mut in_use = BTreeSet::new();
        for database in &self.databases {
            let mut session = self.session(site, database)?;
            self.refuse_changes(&mut session, database)?;
            self.refuse_other_names(&mut session)?;
            in_use.extend(finish::files_in_use(&mut session)?);
        }
        self.stop(site)?;
        purge::purge(site, &self.setup, self.identity()?, &in_use, &self.wal)
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

/// Those that are not catalogs.
fn of_data(tables: &[TableName]) -> Vec<TableName> {
    let of_data = tables.iter().filter(|table| table.schema != "pg_catalog");
    of_data.cloned().collect()
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
        // Its values are real: what it keeps is told with what is kept.
        if order(column).is_some() {
            continue;
        }
        tally.replaced.push(ReplacedColumn {
            column: format!("{}.{name}.{}", setup.name, column.name),
            transform: known.map(transform_names).unwrap_or_default(),
            values,
            unchanged,
        });
    }
}
