//! The `envclone` program.
fn main() {}
