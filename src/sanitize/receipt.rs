//! The receipt: proof and neutrality, without which nothing is published. Only [`Receipt::new`] makes one, and only from
//! a [`Proof`] that found nothing or from a reason why nothing had to be rewritten.

use crate::model::{Check, ReceiptRecord, SanitizationReport, ServiceName};
use crate::storage::ObjectId;

use super::proof::Proof;
use super::service::Tally;

/// What a receipt rests on.
pub enum Basis {
    /// Originals were replaced and searched for.
    Proved(Proof),
    /// Nothing had to be rewritten, for this reason.
    Skipped(String),
}

/// Why there is no receipt.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The proof is of another tree.
    #[error("the proof is of object {proved}, not of {branch}")]
    OtherObject {
        /// What was proved.
        proved: String,
        /// What is to be published.
        branch: String,
    },
    /// The proof was made for other rules.
    #[error("the proof was made for another policy")]
    OtherPolicy,
    /// Nothing was read back from a server.
    #[error("no seal of service {0} was read back from its server")]
    NothingChecked(ServiceName),
}

/// What was found of a branch that is to be published.
pub struct Findings {
    /// The services that have a server.
    pub servers: Vec<ServiceName>,
    /// What was read back from them.
    pub checks: Vec<Check>,
    /// What sanitizing each service came to.
    pub tallies: Vec<Tally>,
    /// What the branch holds besides its services, which nothing covers.
    pub beside: Vec<String>,
}

/// The right to publish one branch once.
pub struct Receipt {
    record: ReceiptRecord,
    sanitization: SanitizationReport,
    raw: bool,
}

impl Receipt {
    /// Makes a receipt for `object` under `policy`.
    ///
    /// # Errors
    /// [`ReceiptError`] where the basis is another's, or nothing was read back from a server.
    pub fn new(
        basis: Basis,
        object: ObjectId,
        policy: String,
        findings: Findings,
    ) -> Result<Self, ReceiptError> {
        let Findings {
            servers,
            checks,
            tallies,
            beside,
        } = findings;
        let unchecked = |server: &ServiceName| checks.iter().all(|check| check.service != *server);
        if let Some(server) = servers.iter().find(|server| unchecked(server)) {
            return Err(ReceiptError::NothingChecked(server.clone()));
        }
        let mut report = sum(&tallies);
        report.policy.clone_from(&policy);
        report.not_covered.extend(beside);
        match basis {
            Basis::Proved(proof) => {
                if *proof.object() != object {
                    return Err(ReceiptError::OtherObject {
                        proved: proof.object().0.clone(),
                        branch: object.0,
                    });
                }
                if proof.policy() != policy {
                    return Err(ReceiptError::OtherPolicy);
                }
                report.needles = proof.needles();
                report.bytes_scanned = proof.bytes_scanned();
                report.written_anew = proof.written_anew();
                report.not_covered.extend(proof.not_covered().iter().cloned());
            }
            Basis::Skipped(reason) => report.skipped = Some(reason),
        }
        let raw = tallies.iter().any(|tally| tally.raw);
        let record = ReceiptRecord {
            made_at: jiff::Timestamp::now(),
            object: object.0,
            policy,
            neutrality: checks,
            exempt: tallies.iter().flat_map(|tally| tally.exempt.clone()).collect(),
            kept: tallies.iter().flat_map(|tally| tally.kept.clone()).collect(),
            deleted: tallies.iter().flat_map(|tally| tally.deleted.clone()).collect(),
            removed: tallies.iter().flat_map(|tally| tally.removed.clone()).collect(),
            replaced: tallies.into_iter().flat_map(|tally| tally.replaced).collect(),
        };
        Ok(Self {
            record,
            sanitization: report,
            raw,
        })
    }

    /// What is told about sanitizing.
    pub fn sanitization(&self) -> &SanitizationReport {
        &self.sanitization
    }

    /// Whether personal data was replaced or there is none; `false` for a type that the owner lets stay raw.
    pub fn sanitized(&self) -> bool {
        !self.raw
    }

    /// The receipt as it is remembered; with it the right to publish is used up.
    pub fn into_record(self) -> ReceiptRecord {
        self.record
    }
}

fn sum(tallies: &[Tally]) -> SanitizationReport {
    SanitizationReport {
        tables: tallies.iter().map(|tally| tally.tables).sum(),
        columns: tallies.iter().map(|tally| tally.replaced.len() as u64).sum(),
        rows: tallies.iter().map(|tally| tally.rows).sum(),
        not_covered: tallies
            .iter()
            .flat_map(|tally| tally.not_covered.clone())
            .collect(),
        ..SanitizationReport::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_which_nothing_was_read_back_gets_no_receipt() {
        let server: ServiceName = "db".parse().unwrap();
        let check = Check {
            service: server.clone(),
            what: "setting archive_mode".to_owned(),
            found: "off".to_owned(),
        };
        let receipt = |checks: Vec<Check>| {
            let basis = Basis::Skipped("nothing to rewrite".to_owned());
            let findings = Findings {
                servers: vec![server.clone()],
                checks,
                tallies: Vec::new(),
                beside: vec!["dump.sql".to_owned()],
            };
            Receipt::new(basis, ObjectId("one".to_owned()), "policy".to_owned(), findings)
        };
        assert!(matches!(
            receipt(Vec::new()),
            Err(ReceiptError::NothingChecked(_))
        ));
        let receipt = receipt(vec![check]).unwrap();
        assert_eq!(receipt.sanitization().not_covered, ["dump.sql"]);
    }
}
