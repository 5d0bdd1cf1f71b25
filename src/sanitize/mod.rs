//! Rules, ledger, plan, transforms, purge, proof, receipt.

pub mod copy_text;
pub mod detect;
pub mod file_rules;
pub mod key;
pub mod ledger;
mod nearest;
pub mod needle;
pub mod plan;
pub mod rules;
pub mod schema;
pub mod transform;
