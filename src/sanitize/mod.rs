//! Rules, ledger, plan, transforms, purge, proof, receipt.

pub mod copy_text;
pub mod detect;
pub mod engines;
pub mod file_rules;
pub mod files;
pub mod first_rules;
pub mod inspection;
pub mod key;
pub mod ledger;
pub mod mariadb;
mod nearest;
pub mod needle;
pub mod plan;
pub mod postgres;
pub mod proof;
pub mod receipt;
mod recent;
pub mod rules;
pub mod schema;
mod server;
pub mod service;
pub mod stored;
pub mod transform;
