//! Looking at a database that is sealed: what its rules decide, or what it holds whatever they say.

use crate::sanitize::inspection::{Inspection, PlannedWork};
use crate::sanitize::ledger::{Evidence, Fate, Ledger, Survey};
use crate::sanitize::plan::SanitizePlan;
use crate::sanitize::rules::DatabaseRules;
use crate::sanitize::service::{Service, ServiceError, Site};

use super::introspect::introspect;
use super::planner::Hidden;
use super::service::PostgresService;
use super::shown;

impl PostgresService {
    /// One that is only looked at: its rules need not decide about everything, and it cannot be sanitized.
    #[must_use]
    pub fn for_scan(mut self) -> Self {
        self.for_scan = true;
        self
    }

    /// What was found; after [`Service::seal`].
    pub(super) fn look(&self, site: &Site<'_>) -> Result<Inspection, ServiceError> {
        let tally = self.tally();
        let columns = self.ledger.iter().flat_map(Ledger::columns);
        let ruled = columns.filter(|(_, column)| matches!(column.fate, Fate::Mask(_) | Fate::Deleted));
        Ok(Inspection {
            service: self.setup.name.clone(),
            engine: self.setup.engine,
            ruled: ruled.count() as u64,
            kept: tally.kept,
            exempt: tally.exempt,
            plan: self.ledger.as_ref().map(|ledger| PlannedWork {
                plan: SanitizePlan::new(ledger, &self.schema),
                max_write_rate: self.rules.max_write_rate,
            }),
            survey: self.for_scan.then(|| self.survey(site)).transpose()?,
            unseen: false,
        })
    }

    /// Every column as it is without any rule.
    fn survey(&self, site: &Site<'_>) -> Result<Survey, ServiceError> {
        let database = self.credentials_of()?.database.clone();
        let mut session = self.session(site, &database)?;
        let schema = introspect(&mut session)?;
        // All of it goes when this was looked at.
        Hidden::hide(&mut session)?;
        let (survey, _) = shown::with_samples(session, &schema, |samples| {
            Survey::take(&Evidence {
                service: &self.setup.name,
                schema: &schema,
                rules: &DatabaseRules::new(),
                key: &self.rules.key,
                samples,
            })
        })?;
        Ok(survey?)
    }
}
