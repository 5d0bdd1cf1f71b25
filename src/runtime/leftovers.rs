//! Processes that outlived their supervisor.
//!
//! The kernel kills them with it, but for moments while they are being started: a bwrap that has not yet asked for
//! that, or the init process of one that was killed before it let it go on. So every bwrap and gateway carries its
//! branch in its environment, and whoever holds the branch's lock can find what is left. The first process of a user's
//! command does so as well: it is no child of the supervisor's, ends when it sees that the instance has, and what it
//! began with it.

use std::fs;
use std::io;
use std::time::Duration;

use super::process::{Held, Place, place};
use crate::model::BranchId;

/// The environment variable that names the branch. Services see it, too; it is no secret.
pub(super) const MARK: &str = "ENVCLONE_BRANCH";

/// How long a killed process may take to go.
const DEATH: Duration = Duration::from_secs(30);

/// Kills what is left of a branch and waits until it is gone. Only for who holds the branch's lock.
pub(super) fn end_leftovers(branch: &BranchId) -> io::Result<()> {
    loop {
        let found = find(branch)?;
        if found.is_empty() {
            return Ok(());
        }
        for process in &found {
            process.kill()?;
        }
        for process in &found {
            if !process.wait(DEATH)? {
                let message = format!("process {} does not end", process.pid());
                return Err(io::Error::other(message));
            }
            process.reap();
        }
    }
}

fn find(branch: &BranchId) -> io::Result<Vec<Held>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // Looked at while it is held: the number cannot go to another process in between without this being noticed.
        if let Ok(process) = Held::open(pid)
            && is_of(pid, branch)
            && !process.has_ended()?
        {
            found.push(process);
        }
    }
    Ok(found)
}

fn is_of(pid: u32, branch: &BranchId) -> bool {
    let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let mark = format!("{MARK}={branch}");
    let marked = read("environ")
        .split(|byte| *byte == 0)
        .any(|one| one == mark.as_bytes());
    marked && is_ours(&read("cmdline")) && place(pid).is_ok_and(|place| is_no_service(&place))
}

fn is_ours(command_line: &[u8]) -> bool {
    let mut words = command_line.split(|byte| *byte == 0);
    let program = words.next().unwrap_or_default();
    program.ends_with(b"/bwrap") || matches!(words.next(), Some(b"__gateway" | b"__enter"))
}

/// Outside of any sandbox, or the init process of one. A service can give itself any name and environment, but is
/// neither.
fn is_no_service(place: &Place) -> bool {
    matches!(place.numbers[..], [_] | [_, 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::{Invocation, Streams, spawn};

    fn branch() -> BranchId {
        BranchId::random().unwrap()
    }

    #[test]
    fn only_bwrap_the_gateway_and_the_first_process_of_a_command_are_ours() {
        assert!(is_ours(b"/usr/bin/bwrap\0--args\x00100\0"));
        assert!(is_ours(b"/proc/self/exe\0__gateway\0"));
        assert!(is_ours(b"/usr/bin/envclone\0__enter\0"));
        assert!(!is_ours(b"/usr/bin/postgres\0-D\0/srv\0"));
        assert!(!is_ours(b""));
    }

    #[test]
    fn a_service_that_pretends_is_left_alone() {
        let numbers = |numbers: &[u32]| Place {
            parent: 1,
            numbers: numbers.to_vec(),
        };
        assert!(is_no_service(&numbers(&[500])));
        assert!(is_no_service(&numbers(&[500, 1])));
        assert!(!is_no_service(&numbers(&[500, 2])));
        assert!(!is_no_service(&numbers(&[500, 7, 1])));
    }

    #[test]
    fn a_marked_process_is_ended_and_one_of_another_branch_is_not() {
        let sandbox = |branch: &BranchId| {
            let bwrap = Invocation::of("bwrap").unwrap().env(MARK, branch.as_str());
            let bwrap = bwrap.args(["--unshare-pid", "--dev-bind", "/", "/", "tail", "-f", "/dev/null"]);
            spawn(&bwrap, Streams::default()).unwrap()
        };
        let (mine, other) = (branch(), branch());
        let (mut of_mine, mut of_other) = (sandbox(&mine), sandbox(&other));
        let until_found = |branch: &BranchId| while find(branch).unwrap().len() < 2 {};
        until_found(&mine);
        until_found(&other);
        end_leftovers(&mine).unwrap();
        assert!(find(&mine).unwrap().is_empty());
        assert_eq!(find(&other).unwrap().len(), 2);
        end_leftovers(&other).unwrap();
        let _ = (of_mine.wait(), of_other.wait());
    }
}
