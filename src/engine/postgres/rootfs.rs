//! A server that runs from an unpacked root file system: whether that one holds what a branch needs.

use std::io;
use std::path::{Path, PathBuf};

use super::programs::{DEBIAN_PROGRAMS, SAYS_VERSION_WITHIN, parse_version};
use crate::runtime::{Account, Rootfs, Sees};

/// What runs in every sandbox beside the server.
const TOOLS: [&str; 3] = ["setpriv", "setsid", "ionice"];
/// What a branch cannot be made or used without: the server, what throws its WAL away, and the client.
const NEEDED: [&str; 3] = ["postgres", "pg_resetwal", "psql"];
/// The bytes of an ELF file up to its machine (elf.h): `e_ident`, `e_type`, `e_machine`.
const ELF_HEADER: u64 = 20;

/// The root file system at `named`, and where in it the programs for data of `major` are; or what is wrong with it.
pub(super) fn rootfs(
    named: &Path,
    programs: Option<&Path>,
    major: u32,
    account: &Account,
) -> Result<(PathBuf, PathBuf), String> {
    let wrong = |what: String| format!("{what}; correct `rootfs`, which is {}", named.display());
    let rootfs = Rootfs::open(named).map_err(|error| wrong(no_rootfs(&error)))?;
    let missing = |tool: &&&str| !rootfs.has_program(&Path::new("/usr/bin").join(tool));
    if let Some(tool) = TOOLS.iter().find(missing) {
        return Err(wrong(format!(
            "there is no /usr/bin/{tool} in the root file system: install util-linux in it"
        )));
    }
    let usual = Path::new(DEBIAN_PROGRAMS).join(major.to_string()).join("bin");
    let directory = programs.map_or_else(|| usual.clone(), Path::to_owned);
    if let Some(name) = NEEDED
        .iter()
        .find(|name| !rootfs.has_program(&directory.join(name)))
    {
        return Err(wrong(lacks(&rootfs, &directory, name, major)));
    }
    let server = directory.join("postgres");
    let of_server = rootfs.beginning(&server, ELF_HEADER).unwrap_or_default();
    let own =
        own_header().map_err(|error| wrong(format!("this host's own machine cannot be told: {error}")))?;
    if machine(&of_server).is_none_or(|found| machine(&own) != Some(found)) {
        return Err(wrong(format!(
            "its {} is no program for this machine ({}): unpack one of this architecture",
            server.display(),
            std::env::consts::ARCH
        )));
    }
    match says_version(&rootfs, &server, account) {
        Ok(version) if version == major => Ok((rootfs.path().to_owned(), directory)),
        Ok(version) => Err(wrong(format!(
            "the data is of PostgreSQL {major}, the server in {} is of {version}",
            directory.display()
        ))),
        Err(fault) => Err(wrong(fault)),
    }
}

fn no_rootfs(error: &io::Error) -> String {
    match error.kind() {
        // The kernel's own has a number; that of `usr` and `etc` says which.
        io::ErrorKind::NotFound if error.raw_os_error().is_some() => {
            "there is no root file system".to_owned()
        }
        io::ErrorKind::NotADirectory if error.raw_os_error().is_some() => {
            "it is no directory: unpack a root file system, an image alone is not enough".to_owned()
        }
        _ => format!("it is no root file system: {error}"),
    }
}

/// What is missing, and which versions are there instead.
fn lacks(rootfs: &Rootfs, directory: &Path, name: &str, major: u32) -> String {
    let others: Vec<String> = (1..100)
        .filter(|other| *other != major)
        .filter(|other| {
            let server = Path::new(DEBIAN_PROGRAMS)
                .join(other.to_string())
                .join("bin/postgres");
            rootfs.has_program(&server)
        })
        .map(|other| other.to_string())
        .collect();
    let shown = directory.join(name);
    let shown = shown.display();
    if name == "postgres" && !others.is_empty() {
        return format!(
            "the data is of PostgreSQL {major}, the root file system holds {}: there is no {shown} in it",
            others.join(" and ")
        );
    }
    format!(
        "there is no {shown} in the root file system: install postgresql-{major} in it, or name its directory by `programs`"
    )
}

/// That of this very program.
fn own_header() -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut header = Vec::new();
    std::fs::File::open("/proc/self/exe")?
        .take(ELF_HEADER)
        .read_to_end(&mut header)?;
    Ok(header)
}

/// Word size, byte order and machine of an ELF file.
fn machine(header: &[u8]) -> Option<[u8; 4]> {
    let ident = header.strip_prefix(b"\x7fELF")?;
    Some([
        *ident.first()?,
        *ident.get(1)?,
        *header.get(18)?,
        *header.get(19)?,
    ])
}

/// Asks the server's program for its major version, with the rights of the account, in there.
fn says_version(rootfs: &Rootfs, postgres: &Path, account: &Account) -> Result<u32, String> {
    let run = rootfs.run(account, postgres, &Sees::default());
    let run = run.map_err(|error| error.to_string())?;
    let said = run.arg("--version").timeout(SAYS_VERSION_WITHIN).run();
    let said = said.map_err(|error| error.to_string())?.text();
    parse_version(&said).ok_or_else(|| format!("its {} says no version", postgres.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_another_machine_is_told_from_one_of_this() {
        let own = machine(&own_header().unwrap());
        assert!(own.is_some());
        let mut other = own_header().unwrap();
        other[18] ^= 1;
        assert!(machine(&other).is_some_and(|found| Some(found) != own));
        for text in [&b"#!/bin/sh\necho postgres"[..], b"\x7fELF", b""] {
            assert_eq!(machine(text), None);
        }
    }
}
