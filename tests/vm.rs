//! Tests that need the guest: ZFS, systemd, PostgreSQL 17. `make test-vm` runs them there, from a saved machine; `cargo test`
//! leaves them out. Those that reboot are in `vm_reboot.rs`.
#![cfg(test)]
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, not marked as tests themselves"
)]

#[path = "vm/kill.rs"]
mod kill;
#[path = "vm/main_job.rs"]
mod main_job;
#[path = "vm/mixed.rs"]
mod mixed;
#[path = "live/pool.rs"]
mod pool;
#[path = "live/production.rs"]
#[allow(
    dead_code,
    reason = "helpers of the live tests, not all of which are needed here"
)]
mod production;
#[path = "vm/smoke.rs"]
mod smoke;
#[path = "vm/tank.rs"]
mod tank;
#[path = "vm/under_load.rs"]
mod under_load;
#[path = "vm/unit.rs"]
mod unit;
#[path = "live/world.rs"]
mod world;
#[path = "vm/zfs_bad_input.rs"]
mod zfs_bad_input;
#[path = "vm/zfs_conformance.rs"]
mod zfs_conformance;
#[path = "vm/zfs_encrypted.rs"]
mod zfs_encrypted;
#[path = "vm/zfs_only.rs"]
mod zfs_only;
#[path = "vm/zfs_ownership.rs"]
mod zfs_ownership;
#[path = "vm/zfs_pool.rs"]
mod zfs_pool;
