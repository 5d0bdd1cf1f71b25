//! Which programs of this host serve a data directory: those of the distribution, or those that the configuration names.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::ServiceSetup;
use crate::engine::account::as_account;
use crate::runtime::Account;

/// Where Debian and its derivatives keep a version's programs.
pub(super) const DEBIAN_PROGRAMS: &str = "/usr/lib/postgresql";
/// What a branch cannot be made without: the server, and what throws its WAL away.
const NEEDED: [&str; 2] = ["postgres", "pg_resetwal"];
/// How long a server's program may take to say its version.
pub(super) const SAYS_VERSION_WITHIN: Duration = Duration::from_secs(10);

/// Where the programs for data of `major` are, without links on the way; or what is wrong with those that were named.
pub(super) fn programs(setup: &ServiceSetup, major: u32, account: &Account) -> Result<PathBuf, String> {
    let Some(named) = &setup.programs else {
        let directory = Path::new(DEBIAN_PROGRAMS).join(major.to_string()).join("bin");
        let installed = directory.join("postgres").is_file();
        return installed.then_some(directory).ok_or_else(|| {
            format!(
                "the programs of PostgreSQL {major} are not installed; install postgresql-{major}, or name them by `programs` or a root file system that holds them by `rootfs`"
            )
        });
    };
    let wrong = |what: String| format!("{what}; correct `programs`, which is {}", named.display());
    let directory = named
        .canonicalize()
        .map_err(|error| wrong(format!("there are no programs of a server: {error}")))?;
    if let Some(missing) = NEEDED.iter().find(|name| !directory.join(name).is_file()) {
        return Err(wrong(format!("there is no `{missing}` of PostgreSQL {major}")));
    }
    match says_version(&directory.join("postgres"), account) {
        Ok(version) if version == major => Ok(directory),
        Ok(version) => Err(wrong(format!(
            "the data is of PostgreSQL {major}, the programs are of {version}"
        ))),
        Err(fault) => Err(wrong(fault)),
    }
}

/// Asks a server's program for its major version, with the rights of the service's account.
fn says_version(postgres: &Path, account: &Account) -> Result<u32, String> {
    let run = as_account(account).map_err(|missing| missing.to_string())?;
    let said = run
        .arg(postgres)
        .arg("--version")
        .timeout(SAYS_VERSION_WITHIN)
        .run();
    let said = said.map_err(|error| error.to_string())?.text();
    parse_version(&said).ok_or_else(|| format!("{} says no version", postgres.display()))
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, `postgres (PostgreSQL) 19beta1`
pub(super) fn parse_version(text: &str) -> Option<u32> {
    let version = text.strip_prefix("postgres (PostgreSQL) ")?;
    let end = version
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(version.len());
    version[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_its_major_version() {
        assert_eq!(parse_version("postgres (PostgreSQL) 14.23\n"), Some(14));
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(parse_version(debian), Some(15));
        assert_eq!(parse_version("postgres (PostgreSQL) 19beta1\n"), Some(19));
        for text in ["", "psql (PostgreSQL) 15.18\n", "postgres (PostgreSQL) devel\n"] {
            assert_eq!(parse_version(text), None, "{text:?}");
        }
    }
}
