//! envclone branches a whole production environment by copy-on-write, and keeps it sealed until its personal
//! data is replaced and proved gone.
//!
//! The rooms, from the top; each may use those below it, never one above (`tests/architecture.rs` checks it):
//!
//! | room | holds |
//! |---|---|
//! | [`cli`] | one file per command: arguments in, printing out |
//! | [`ops`] | one use case per file |
//! | [`sanitize`] | rules, ledger, plan, transforms, purge, proof, receipt |
//! | [`gateway`] | endpoints and what lets a client in |
//! | [`engine`] | what makes each service different |
//! | [`runtime`] | where instances run |
//! | [`storage`] | snapshots and clones |
//! | [`saga`] | steps with undo, and their journal |
//! | [`state`] | what envclone remembers |
//! | [`config`] | `envclone.toml` and the trust in it |
//! | [`exec`] | the only door to other programs |
//! | [`model`] | pure data and its invariants |

pub mod cli;
pub mod config;
pub mod engine;
pub mod exec;
pub mod gateway;
pub mod model;
pub mod ops;
pub mod runtime;
pub mod saga;
pub mod sanitize;
pub mod state;
pub mod storage;
