//! Rules, ledger, plan, transforms, purge, proof, receipt.

pub mod copy_text;
pub mod file_rules;
pub mod key;
mod nearest;
pub mod rules;
pub mod schema;
pub mod transform;
