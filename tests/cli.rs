//! The command line as it is typed: exit code, stdout and stderr of the real binary. One module per command.
#![cfg(test)]
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, not marked as tests themselves"
)]

#[path = "cli/config.rs"]
mod config;
#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/generated.rs"]
mod generated;
#[path = "cli/host.rs"]
mod host;
#[path = "cli/init.rs"]
mod init;
#[path = "cli/list.rs"]
mod list;
#[path = "cli/names.rs"]
mod names;
#[path = "live/pool.rs"]
mod pool;
#[path = "cli/pool_command.rs"]
mod pool_command;
#[allow(dead_code, reason = "of the live tests, which need all of it")]
#[path = "live/production.rs"]
mod production;
#[path = "cli/sanitize.rs"]
mod sanitize;
#[allow(dead_code, reason = "of the live tests, which need all of it")]
#[path = "live/world.rs"]
mod world;
