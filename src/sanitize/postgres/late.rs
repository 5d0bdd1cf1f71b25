//! Tables with code of the data: their turn is after all others, and one of them at a time.

use std::collections::BTreeSet;

use crate::runtime::allow_open_files;
use crate::sanitize::schema::TableName;
use crate::sanitize::service::{ServiceError, Site};

use super::execute::{Outcome, READERS, Task, do_whole};
use super::planner::Hidden;
use super::rights::Turn;
use super::seen::Seen;
use super::service::PostgresService;
use super::spool::Place;
use super::work::TableWork;

/// Files that are open at the same time for other things than rows.
const FILES: u64 = 512;

impl PostgresService {
    /// Does what tables need that have code of the data, one at a time: while it runs, nothing else does. Before any of it loads
    /// a row, all of them are empty. What it makes that the planner would call is hidden each time, and what it made of the schema
    /// is refused before anything is read again.
    pub(super) fn do_late<'w>(
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
        let turn = |work: &TableWork| Turn::Late {
            conditions: calling.contains(work.table()),
        };
        // Those that hold the rows of all, beside what is open anyway.
        allow_open_files((late.len() * READERS) as u64 + FILES);
        // Conditions that are code of the data run while rows are read: when as few as can be are still there.
        late.sort_by_key(|(work, _)| calling.contains(work.table()));
        let mut taken = Vec::with_capacity(late.len());
        for task in late {
            hidden.hide_more(&mut sessions.main)?;
            let out = self.take_out(site, &mut sessions, task, place, turn(task.0))?;
            if let TableWork::Empty(_) = task.0 {
                do_whole(&mut sessions, task, turn(task.0))?;
            }
            taken.push((task, out));
        }
        for (task, out) in taken {
            hidden.hide_more(&mut sessions.main)?;
            if let TableWork::Rebuild(_) = task.0 {
                do_whole(&mut sessions, task, turn(task.0))?;
            }
            let turn = turn(task.0);
            let put_in = |out| self.put_in(site, &mut sessions, task, place, (out, turn), &mut seen);
            outcomes.push((task.0, out.map(put_in).transpose()?));
        }
        hidden.hide_more(&mut sessions.main)?;
        self.refuse_changes(&mut sessions.main, &self.credentials_of()?.database)?;
        Ok((seen, outcomes))
    }
}
