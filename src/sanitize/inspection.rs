//! What a service was found to hold when it was only looked at; no value of a row is in it.

use serde::Serialize;

use super::detect::PersonalKind;
use super::ledger::Survey;
use super::schema::{TableKind, TableName};
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
    /// What is there without any rule; of a database that was scanned.
    pub survey: Option<Survey>,
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
