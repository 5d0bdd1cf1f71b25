//! The output of an instance: into its log, searched for the line that says it is ready, and for why it failed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::event::{PollFd, PollFlags, poll};

use super::super::Severities;
use super::locked;

/// A log larger than this becomes `<log>.1`, in place of the one before.
const ROTATE_AT: u64 = 10 << 20;
/// Output of a sealed instance beyond this is dropped: it lies in memory.
const SEALED_AT_MOST: u64 = 4 << 20;
/// A longer line is cut: it is written whole, but searched only up to here.
const LINE_SEARCHED: usize = 8 << 10;
const FATAL_LINES: usize = 5;
const FATAL_LENGTH: usize = 300;

/// Where output goes.
pub(super) struct Log {
    path: PathBuf,
    file: File,
    written: u64,
    /// Instead of rotating.
    at_most: Option<u64>,
    /// Where the output comes from.
    source: Option<File>,
}

impl Log {
    /// The log of a service, appended to.
    pub(super) fn rotated(path: PathBuf) -> io::Result<Self> {
        Self::open(path, None)
    }

    /// The log of a sealed instance.
    pub(super) fn sealed(path: PathBuf) -> io::Result<Self> {
        Self::open(path, Some(SEALED_AT_MOST))
    }

    /// Whether it is the log of a sealed instance.
    pub(super) fn is_sealed(&self) -> bool {
        self.at_most.is_some()
    }

    fn open(path: PathBuf, at_most: Option<u64>) -> io::Result<Self> {
        let file = open_log(&path)?;
        let written = file.metadata()?.len();
        Ok(Self {
            path,
            file,
            written,
            at_most,
            source: None,
        })
    }

    /// Takes what was said until now and not read yet; what is said meanwhile is not waited for.
    pub(super) fn catch_up(&mut self) -> io::Result<()> {
        let Some(mut source) = self.source.take() else {
            return Ok(());
        };
        let waiting = usize::try_from(rustix::io::ioctl_fionread(&source)?).unwrap_or(0);
        let mut said = vec![0; waiting];
        source.read_exact(&mut said)?;
        self.write(&said);
        self.source = Some(source);
        Ok(())
    }

    /// Adds a line that does not come from the instance.
    pub(super) fn say(&mut self, line: &str) {
        self.write(format!("{line}\n").as_bytes());
    }

    /// Writes what has room. A full disk must not stop the server: its output is read on, and lost.
    fn write(&mut self, bytes: &[u8]) {
        let bytes = match self.at_most {
            Some(limit) => {
                let room = usize::try_from(limit.saturating_sub(self.written)).unwrap_or(0);
                &bytes[..bytes.len().min(room)]
            }
            None => bytes,
        };
        if self.at_most.is_none() && self.written > ROTATE_AT {
            self.rotate();
        }
        if self.file.write_all(bytes).is_ok() {
            self.written = self
                .written
                .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        }
    }

    fn rotate(&mut self) {
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        if std::fs::rename(&self.path, old).is_ok()
            && let Ok(file) = open_log(&self.path)
        {
            self.file = file;
            self.written = 0;
        }
    }
}

fn open_log(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_CLOEXEC)
        .open(path)
}

/// By what a server's lines are understood.
pub(super) struct Signs {
    pub(super) ready_line: String,
    pub(super) severities: Severities,
}

/// What is learned from the lines.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Ready,
    Fatal(String),
}

/// Reads to the end, logs everything, and tells what it sees.
pub(super) fn follow(mut from: File, log: &Mutex<Log>, signs: &Signs, mut tell: impl FnMut(Seen)) {
    let mut lines = Lines::default();
    let mut chunk = vec![0u8; 16 << 10];
    locked(log).source = from.try_clone().ok();
    loop {
        let mut ready = [PollFd::new(&from, PollFlags::IN)];
        match poll(&mut ready, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => break,
            Ok(_) => {}
        }
        let ended = !ready[0].revents().contains(PollFlags::IN);
        // Read and written under one lock, so that nothing is under way when the log becomes another one; and only what
        // is there, since a change of the log takes what waits.
        let mut log = locked(log);
        if !ended && rustix::io::ioctl_fionread(&from).is_ok_and(|waiting| waiting == 0) {
            continue;
        }
        match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => {
                log.write(&chunk[..length]);
                drop(log);
                lines.push(&chunk[..length], |line| watch(line, signs, &mut tell));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    lines.end(|line| watch(line, signs, &mut tell));
}

fn watch(line: &str, signs: &Signs, tell: &mut impl FnMut(Seen)) {
    if line.contains(&signs.ready_line) {
        tell(Seen::Ready);
    }
    if let Some(fatal) = fatal(line, &signs.severities) {
        tell(Seen::Fatal(fatal));
    }
}

/// Keeps the first few.
pub(super) fn keep_fatal(kept: &mut Vec<String>, line: String) {
    if kept.len() < FATAL_LINES {
        kept.push(line);
    }
}

/// The text of a line that may be shown: why a server ends, or why the sandbox could not be built. Every other line may
/// hold row values.
fn fatal(line: &str, severities: &Severities) -> Option<String> {
    let built = ["bwrap: ", "setpriv: "].iter().any(|tool| line.starts_with(tool));
    let first = |marks: &[String]| marks.iter().filter_map(|mark| line.find(mark.as_str())).min();
    let (shown, hidden) = (first(&severities.shown), first(&severities.hidden));
    let text = match shown {
        _ if built => line,
        Some(at) if hidden.is_none_or(|other| at < other) => &line[at..],
        _ => return None,
    };
    Some(
        text.chars()
            .filter(|c| !c.is_control())
            .take(FATAL_LENGTH)
            .collect(),
    )
}

/// Cuts a stream into lines, holding no more than [`LINE_SEARCHED`] bytes of one.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    fn push(&mut self, bytes: &[u8], mut with: impl FnMut(&str)) {
        let mut pieces = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let room = LINE_SEARCHED.saturating_sub(self.begun.len());
            self.begun.extend_from_slice(&piece[..piece.len().min(room)]);
            if pieces.peek().is_some() {
                self.end(&mut with);
            }
        }
    }

    fn end(&mut self, mut with: impl FnMut(&str)) {
        with(&String::from_utf8_lossy(&self.begun));
        self.begun.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fatal(line: &str) -> Option<String> {
        let marks = |tags: &[&str]| tags.iter().map(|tag| format!("{tag}:  ")).collect();
        let severities = Severities {
            shown: marks(&["FATAL", "PANIC"]),
            hidden: marks(&["DETAIL", "ERROR", "STATEMENT"]),
        };
        super::fatal(line, &severities)
    }

    #[test]
    fn only_fatal_lines_are_shown_and_never_their_details() {
        let line = "2026-11-22 18:00:00.000 UTC [2] FATAL:  data directory \"/x\" has wrong ownership";
        assert_eq!(
            fatal(line).unwrap(),
            "FATAL:  data directory \"/x\" has wrong ownership"
        );
        for hidden in [
            "2026 [2] DETAIL:  Key (email)=(a@b.example) FATAL:  exists",
            "2026 [2] STATEMENT:  select 'FATAL:  a@b.example'",
            "2026 [2] ERROR:  invalid input \"PANIC:  x\"",
            "\ta@b.example",
            "",
        ] {
            assert_eq!(fatal(hidden), None, "{hidden}");
        }
        assert_eq!(fatal(&format!("FATAL:  {}", "x".repeat(999))).unwrap().len(), 300);
        assert_eq!(fatal("FATAL:  a\u{1b}[2Jb").unwrap(), "FATAL:  a[2Jb");
        assert!(fatal("bwrap: Can't find source path").is_some());
    }

    #[test]
    fn lines_are_found_across_pieces_and_long_ones_are_cut() {
        let mut seen = Vec::new();
        let mut lines = Lines::default();
        for piece in ["a", "b\nc", "\n\n", &"x".repeat(LINE_SEARCHED + 9), "\nend"] {
            lines.push(piece.as_bytes(), |line| seen.push(line.to_owned()));
        }
        lines.end(|line| seen.push(line.to_owned()));
        let lengths: Vec<usize> = seen.iter().map(String::len).collect();
        assert_eq!(seen[..2], ["ab", "c"]);
        assert_eq!(lengths[2..], [0, LINE_SEARCHED, 3]);
    }

    #[test]
    fn a_log_rotates_once_and_a_sealed_one_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db.log");
        let mut log = Log::rotated(path.clone()).unwrap();
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..12 {
            log.write(&chunk);
        }
        assert_eq!(path.metadata().unwrap().len(), 1 << 20);
        assert_eq!(dir.path().join("db.log.1").metadata().unwrap().len(), 11 << 20);
        let path = dir.path().join("sealed.log");
        let mut log = Log::sealed(path.clone()).unwrap();
        for _ in 0..6 {
            log.write(&chunk);
        }
        assert_eq!(path.metadata().unwrap().len(), SEALED_AT_MOST);
    }

    #[test]
    fn a_log_that_was_replaced_by_a_link_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db.log");
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(Log::rotated(path).is_err());
    }
}
