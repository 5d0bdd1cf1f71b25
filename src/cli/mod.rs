//! Commands: arguments in, printing out.

pub mod internal;
