//! Commands: arguments in, printing out.
