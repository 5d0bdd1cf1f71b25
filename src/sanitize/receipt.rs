//! The receipt: proof and neutrality, without which nothing is published. Only [`Receipt::new`] makes one, and only from
//! a [`Proof`] that found nothing or from a reason why nothing had to be rewritten.

use crate::model::{Check, ReceiptRecord, SanitizationReport};
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
    /// Nothing was read back.
    #[error("no seal was read back from service instances")]
    NothingChecked,
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
    /// [`ReceiptError`] where the basis is another's.
    pub fn new(
        basis: Basis,
        object: ObjectId,
        policy: String,
        checks: Vec<Check>,
        tallies: Vec<Tally>,
    ) -> Result<Self, ReceiptError> {
        let mut report = sum(&tallies);
        report.policy.clone_from(&policy);
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
