//! Descriptors that are handed to children: pipes, and files in memory; and how one is handed to a process that runs.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

/// A pipe that no child inherits by accident.
pub(super) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from)
}

/// A file that exists in memory only, at its beginning.
pub(super) fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("envclone", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// A pipe that shows when it is read: it holds one write, and a second one waits until the first is taken.
pub(super) fn gate() -> io::Result<(OwnedFd, OwnedFd)> {
    // As packets, so that two small writes do not share the one page that there is.
    let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::DIRECT)?;
    fcntl_setpipe_size(&write, 1)?;
    Ok((read, write))
}

/// Hands a descriptor to the process at the other end.
pub(super) fn hand_over(talk: &UnixStream, descriptor: &OwnedFd) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor.as_fd()];
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for a descriptor"));
    }
    sendmsg(talk, &[IoSlice::new(b"d")], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Takes what [`hand_over`] sent; `None` when the other end has gone.
pub(super) fn take_over(talk: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let flags = RecvFlags::CMSG_CLOEXEC;
    rustix::io::retry_on_intr(|| recvmsg(talk, &mut [IoSliceMut::new(&mut byte)], &mut control, flags))?;
    let mut descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    Ok(descriptors.next())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn the_second_write_into_a_gate_waits_for_a_reader() {
        let (read, write) = gate().unwrap();
        let (mut read, mut write) = (File::from(read), File::from(write));
        let reading = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                write.write_all(b"one").unwrap();
                write.write_all(b"two").unwrap();
                assert!(reading.load(Ordering::SeqCst));
                drop(write);
            });
            // Long enough for a second write that does not wait.
            let full = super::super::process::wait_readable(&read, std::time::Duration::from_secs(10));
            assert!(full.unwrap());
            let (_never, nothing) = pipe().unwrap();
            super::super::process::wait_readable(&nothing, std::time::Duration::from_millis(50)).unwrap();
            reading.store(true, Ordering::SeqCst);
            let mut both = String::new();
            read.read_to_string(&mut both).unwrap();
            assert_eq!(both, "onetwo");
        });
    }
}
