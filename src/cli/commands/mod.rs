//! One file per command.

pub(super) mod branch;
pub(super) mod completions;
pub(super) mod config;
pub(super) mod connect;
pub(super) mod destroy;
pub(super) mod doctor;
pub(super) mod exec;
pub(super) mod generate;
pub(super) mod init;
pub(super) mod list;
pub(super) mod logs;
pub(super) mod man;
pub(super) mod pool;
pub(super) mod sanitize;
pub(super) mod show;
pub(super) mod start;
pub(super) mod stop;
pub(super) mod url;
