//! Reads a log file to its end, and on as it grows. Events of the kernel say when; nothing is polled.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

/// A log that is read. It need not exist yet, and another file may take its place.
pub(super) struct Follow {
    path: PathBuf,
    name: OsString,
    file: Option<File>,
    position: u64,
    buffer: Vec<u8>,
    events: OwnedFd,
}

impl Follow {
    /// Watches the directory of `path` before the file is read, so that nothing is missed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let events = inotify::init(CreateFlags::CLOEXEC)?;
        let directory = path.parent().unwrap_or(Path::new("/"));
        let changes = WatchFlags::MODIFY
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM;
        inotify::add_watch(&events, directory, changes)?;
        let mut log = Self {
            path: path.to_owned(),
            name: path.file_name().unwrap_or_default().to_owned(),
            file: None,
            position: 0,
            buffer: vec![0; 64 << 10],
            events,
        };
        log.reopen()?;
        Ok(log)
    }

    /// The next part; `None` at the end.
    pub(super) fn read(&mut self) -> io::Result<Option<&[u8]>> {
        let Some(file) = &mut self.file else {
            return Ok(None);
        };
        // Emptied to begin anew.
        if file.metadata()?.len() < self.position {
            file.rewind()?;
            self.position = 0;
        }
        let read = file.read(&mut self.buffer)?;
        self.position += read as u64;
        Ok((read > 0).then(|| &self.buffer[..read]))
    }

    /// Waits until there may be more; whether there can be.
    pub(super) fn wait(&mut self) -> io::Result<bool> {
        loop {
            let seen = self.next_events()?;
            if seen.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
                self.reopen()?;
                return Ok(true);
            }
            if seen.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
                return Ok(false);
            }
            if seen.contains(ReadFlags::MODIFY) {
                return Ok(true);
            }
        }
    }

    /// What happened to our file in the next batch of events; it blocks until there is one.
    fn next_events(&self) -> io::Result<ReadFlags> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.events, &mut buffer);
        let mut seen = ReadFlags::empty();
        loop {
            let event = reader.next()?;
            let ours = event
                .file_name()
                .is_some_and(|name| name.to_bytes() == self.name.as_bytes());
            if ours {
                seen |= event.events();
            }
            if reader.is_buffer_empty() {
                return Ok(seen);
            }
        }
    }

    /// Opens the file that has the name now, unless it is open already.
    fn reopen(&mut self) -> io::Result<()> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        let inode = |file: &File| file.metadata().map(|metadata| (metadata.dev(), metadata.ino()));
        if let Some(open) = &self.file
            && inode(open)? == inode(&file)?
        {
            return Ok(());
        }
        self.file = Some(file);
        self.position = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn rest(log: &mut Follow) -> String {
        let mut text = String::new();
        while let Some(part) = log.read().unwrap() {
            text.push_str(std::str::from_utf8(part).unwrap());
        }
        text
    }

    #[test]
    fn a_log_is_read_as_it_comes_grows_begins_anew_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db.log");
        let mut log = Follow::open(&path).unwrap();
        assert_eq!(rest(&mut log), "");
        std::fs::write(dir.path().join("other.log"), "not ours").unwrap();
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\n").unwrap();
        assert!(log.wait().unwrap());
        assert_eq!(rest(&mut log), "one\n");
        file.write_all(b"two\n").unwrap();
        assert!(log.wait().unwrap());
        assert_eq!(rest(&mut log), "two\n");
        file.set_len(0).unwrap();
        file.rewind().unwrap();
        file.write_all(b"3\n").unwrap();
        assert!(log.wait().unwrap());
        assert_eq!(rest(&mut log), "3\n");
        let fresh = dir.path().join("fresh");
        std::fs::write(&fresh, "four\n").unwrap();
        std::fs::rename(&fresh, &path).unwrap();
        assert!(log.wait().unwrap());
        assert_eq!(rest(&mut log), "four\n");
        std::fs::remove_file(&path).unwrap();
        while log.wait().unwrap() {
            assert_eq!(rest(&mut log), "");
        }
    }
}
