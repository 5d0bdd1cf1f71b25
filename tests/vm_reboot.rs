//! Tests in the guest that boot it: each has a machine of its own, and is started again after each boot; see `vm/stages.rs`.
//! `make test-vm` runs them there; `cargo test` leaves them out.
#![cfg(test)]
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, not marked as tests themselves"
)]

#[path = "vm/boot.rs"]
mod boot;
#[path = "vm/installed.rs"]
mod installed;
#[path = "live/pool.rs"]
mod pool;
#[path = "live/production.rs"]
#[allow(
    dead_code,
    reason = "the production of the live tests does not outlive a boot"
)]
mod production;
#[path = "vm/stages.rs"]
mod stages;
#[path = "live/world.rs"]
#[allow(dead_code, reason = "what the production of the live tests needs")]
mod world;
