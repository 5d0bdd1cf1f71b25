//! Tests on the real thing: root, Btrfs on loop files, real servers. One module per room.
#![cfg(test)]
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, not marked as tests themselves"
)]

#[path = "live/bad_input.rs"]
mod bad_input;
#[path = "live/booby_traps.rs"]
mod booby_traps;
#[path = "live/branch.rs"]
mod branch;
#[path = "live/bytes.rs"]
mod bytes;
#[path = "live/columns.rs"]
mod columns;
#[path = "live/configured.rs"]
mod configured;
#[path = "live/enter.rs"]
mod enter;
#[path = "live/files.rs"]
mod files;
#[path = "live/first_rules.rs"]
mod first_rules;
#[path = "live/hostile.rs"]
mod hostile;
#[path = "live/kill.rs"]
mod kill;
#[path = "live/large_table.rs"]
mod large_table;
#[path = "live/load.rs"]
mod load;
#[path = "live/maria.rs"]
mod maria;
#[path = "live/mariadb.rs"]
mod mariadb;
#[path = "live/network.rs"]
mod network;
#[path = "live/next_command.rs"]
mod next_command;
#[path = "live/old_wal.rs"]
mod old_wal;
#[path = "live/planted.rs"]
mod planted;
#[path = "live/pool.rs"]
mod pool;
#[path = "live/pools.rs"]
mod pools;
#[path = "live/production.rs"]
mod production;
#[path = "live/reboot.rs"]
mod reboot;
#[path = "live/remedies.rs"]
mod remedies;
#[path = "live/reserve.rs"]
mod reserve;
#[path = "live/residue.rs"]
mod residue;
#[path = "live/rights.rs"]
mod rights;
#[path = "live/rootfs.rs"]
mod rootfs;
#[path = "live/rows.rs"]
mod rows;
#[path = "live/running_parent.rs"]
mod running_parent;
#[path = "live/runtime.rs"]
mod runtime;
#[path = "live/shapes.rs"]
mod shapes;
#[path = "live/shuffle.rs"]
mod shuffle;
#[path = "live/standby.rs"]
mod standby;
#[path = "live/storage.rs"]
mod storage;
#[path = "live/terminal.rs"]
mod terminal;
#[path = "live/versions.rs"]
mod versions;
#[path = "live/wal_elsewhere.rs"]
mod wal_elsewhere;
#[path = "live/walls.rs"]
mod walls;
#[path = "live/world.rs"]
mod world;
#[path = "live/zoo.rs"]
mod zoo;
