//! Pure data and its invariants: names, identifiers, environments, secrets.
//!
//! Every other room uses these types. This one does no input or output (but for asking the kernel for
//! random numbers) and imports nothing of ours.

mod engine_kind;
mod environment;
mod ids;
mod name;
mod percent;
mod report;
mod secret;

pub use engine_kind::EngineKind;
pub use environment::{EnvState, EnvType, EnvTypeError, Environment};
pub use ids::{BranchId, IdError, RunId};
pub use name::{EnvName, NameError, ProjectName, ServiceName};
pub use percent::percent_encoded;
pub use report::{
    BranchReport, Check, DeletedRows, ReceiptRecord, ReplacedColumn, SanitizationReport, ServiceReport,
    SnapshotReport, Timings,
};
pub use secret::Secret;

/// The directory below a pool that is envclone's own part of it.
pub const OWN_PART: &str = ".envclone";

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 0x0f)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}
