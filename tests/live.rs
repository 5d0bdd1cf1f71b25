//! Tests on the real thing: root, Btrfs on loop files, real servers. One module per room.
#![cfg(test)]
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, not marked as tests themselves"
)]

#[path = "live/pool.rs"]
mod pool;
#[path = "live/pools.rs"]
mod pools;
#[path = "live/runtime.rs"]
mod runtime;
#[path = "live/storage.rs"]
mod storage;
