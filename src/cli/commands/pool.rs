//! `envclone pool`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use crate::cli::{CommandError, Global, context, output};
use crate::ops;

/// Make or remove a Btrfs pool in a file, for hosts that have no Btrfs
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a pool: the file PATH.img, all of it reserved, mounted at PATH, now and at every boot
    Create {
        /// Where the pool is mounted; an absolute path
        path: PathBuf,
        /// Size of the pool, for example 500M or 8G
        #[arg(long, value_parser = size)]
        size: u64,
    },
    /// Unmount a pool and remove its file; refused while branches are in it
    Remove {
        /// Where the pool is mounted
        path: PathBuf,
        /// Remove also what else lies in the pool, production included
        #[arg(long)]
        delete_data: bool,
    },
}

pub(in crate::cli) fn run(global: &Global, args: &Args) -> Result<ExitCode, CommandError> {
    context::need_root()?;
    let state = context::state_dir(global)?;
    match &args.action {
        Action::Create { path, size } => create(global, &state, path, *size),
        Action::Remove { path, delete_data } => {
            ops::remove_pool(&state, path, *delete_data)?;
            output::note(global, &format!("The pool {} is gone.", path.display()));
            if global.json {
                output::json(&json!({ "schema": 1, "pool": { "path": path } }))?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn create(global: &Global, state: &Path, path: &Path, size: u64) -> Result<ExitCode, CommandError> {
    let pool = ops::create_pool(state, path, size)?;
    if global.json {
        let pool = json!({ "path": pool.path, "image": pool.image, "size": pool.size });
        output::json(&json!({ "schema": 1, "pool": pool }))?;
    } else {
        output::note(
            global,
            &format!(
                "The pool {} lies in {}.",
                pool.path.display(),
                pool.image.display()
            ),
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// `500M`, `8G`, `8GiB`, `1T`: a whole number and a binary unit, nothing else.
fn size(text: &str) -> Result<u64, String> {
    let expected = || "write a whole number and M, G or T, for example 8G".to_owned();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match &text[digits.len()..] {
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        "T" | "TiB" => 40,
        _ => return Err(expected()),
    };
    if digits.is_empty() || digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(expected());
    }
    let number: u64 = digits.parse().map_err(|_| "this is too large".to_owned())?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| "this is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_numbers_with_a_unit() {
        assert_eq!(size("8G"), Ok(8 << 30));
        assert_eq!(size("500MiB"), Ok(500 << 20));
        assert_eq!(size("1T"), Ok(1 << 40));
        for wrong in [
            "",
            "8",
            "G",
            "8g",
            "08G",
            "-8G",
            "+8G",
            "8.5G",
            "8 G",
            "8GB",
            "8Gx",
            "0G",
            "é8G",
            "99999999T",
        ] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
