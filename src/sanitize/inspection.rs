//! What a service was found to hold when it was only looked at; no value of a row is in it.

use serde::Serialize;

use super::detect::PersonalKind;
use super::ledger::Survey;
use super::plan::{BESIDE, SanitizePlan};
use super::schema::{TableKind, TableName};
use crate::engine::ServiceSetup;
use crate::model::{EngineKind, ServiceName};

/// One service that was looked at.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The service.
    pub service: ServiceName,
    /// What it is.
    pub engine: EngineKind,
    /// Columns, or files, that rules replace or delete.
    pub ruled: u64,
    /// What is kept, with the owner's reasons.
    pub kept: Vec<String>,
    /// What needs no rule, and why.
    pub exempt: Vec<String>,
    /// What would be done to its tables; of a database whose rules decide about everything.
    pub plan: Option<PlannedWork>,
    /// What is there without any rule; of a database that was scanned.
    pub survey: Option<Survey>,
    /// Whether nothing of it was looked at, since envclone cannot survey its engine.
    pub unseen: bool,
}

/// What would be done to the tables of a database, and what it would cost.
#[derive(Debug, Clone)]
pub struct PlannedWork {
    /// What would be done.
    pub plan: SanitizePlan,
    /// The most bytes a second that may be written.
    pub max_write_rate: Option<u64>,
}

/// A table of a plan, as `sanitize plan` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedTable {
    /// Its service.
    pub service: ServiceName,
    /// The table.
    pub table: TableName,
    /// `skip`, `truncate`, `stream` or `in-engine`.
    pub strategy: &'static str,
    /// About how many rows it has.
    pub rows: u64,
    /// How many of its columns are replaced.
    pub columns: usize,
    /// The condition under which rows go.
    #[serde(rename = "delete_where")]
    pub deletes: Option<String>,
    /// About how many bytes the branch will no longer share with its snapshot.
    pub bytes: u64,
    /// About how long it takes.
    pub seconds: f64,
}

impl PlannedWork {
    /// The tables, those with work first.
    pub fn tables(&self) -> impl Iterator<Item = PlannedTable> {
        self.plan.tables.iter().map(|table| PlannedTable {
            service: self.plan.service.clone(),
            table: table.table.clone(),
            strategy: table.strategy.name(),
            rows: table.rows,
            columns: table.strategy.columns(),
            deletes: table.deletes.clone(),
            bytes: table.bytes_unshared(),
            seconds: (table.seconds(self.max_write_rate) * 1000.0).round() / 1000.0,
        })
    }

    /// About how long all of it takes.
    pub fn seconds(&self) -> f64 {
        if !self.plan.needs_rewrite() {
            return 0.0;
        }
        let tables = self.plan.tables.iter();
        BESIDE
            + tables
                .map(|table| table.seconds(self.max_write_rate))
                .sum::<f64>()
    }
}

/// A column that looks personal, as `sanitize scan` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PersonalColumn {
    /// Its service.
    pub service: ServiceName,
    /// Its table.
    pub table: TableName,
    /// Its name.
    pub column: String,
    /// For a value inside JSON, its path.
    pub path: Option<String>,
    /// What it looks like.
    pub kind: PersonalKind,
    /// From 0 to 1.
    pub confidence: f64,
    /// Which of `name`, `type` and `validator` spoke for it.
    pub evidence: Vec<&'static str>,
}

impl Inspection {
    /// A service that was not looked at.
    pub fn unseen(setup: &ServiceSetup) -> Self {
        Self {
            service: setup.name.clone(),
            engine: setup.engine,
            ruled: 0,
            kept: Vec::new(),
            exempt: Vec::new(),
            plan: None,
            survey: None,
            unseen: true,
        }
    }

    /// The columns that look personal, in the order of the schema. A partition is named by its parent only.
    pub fn personal(&self) -> Vec<PersonalColumn> {
        let tables = self.survey.iter().flat_map(|survey| &survey.tables);
        let holding = tables.filter(|table| {
            !table.follows_parent && matches!(table.kind, TableKind::Ordinary | TableKind::Partitioned)
        });
        let mut personal = Vec::new();
        for table in holding {
            for (column, _, fate) in &table.columns {
                let Err(open) = fate else { continue };
                let Some(found) = &open.suggestion.found else {
                    continue;
                };
                personal.push(PersonalColumn {
                    service: self.service.clone(),
                    table: table.name.clone(),
                    column: column.clone(),
                    path: None,
                    kind: found.kind,
                    confidence: found.confidence,
                    evidence: found.evidence.clone(),
                });
            }
        }
        personal
    }
}
