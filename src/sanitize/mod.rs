//! Rules, ledger, plan, transforms, purge, proof, receipt.

pub mod file_rules;
mod nearest;
pub mod rules;
pub mod schema;
pub mod copy_text;
pub mod key;
pub mod transform;
