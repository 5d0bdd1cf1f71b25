//! Speed of the search for originals: the chapter that `make bench` writes to `docs/benchmarks.md`, by itself. Needs no root.
//!
//! `cargo bench --bench needle`
#![allow(
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench starts what a person would type, and prints its result"
)]

#[allow(dead_code, reason = "what other chapters need")]
#[path = "branch/figures.rs"]
mod figures;
#[path = "branch/search.rs"]
mod search;

fn main() -> anyhow::Result<()> {
    println!("{}", search::chapter()?.text);
    Ok(())
}
