//! Hands on what goes between the caller and a command, both ways, until the command has ended.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::termios::{LocalModes, isatty, tcgetattr, tcgetpgrp};
use signal_hook::consts::SIGHUP;

use super::signals::Signals;
use crate::runtime::process::Held;

/// What a pipe that has room takes without a wait (`PIPE_BUF`): the caller's own streams are written to as they are, for
/// others write to them, too.
const PIECE: usize = 4096;
/// What can be left in a pipe or a terminal of a command that has ended: a pipe is no larger than this. Who got hold of
/// an end of it and goes on writing is not waited for.
const LEFT: usize = 1 << 20;
/// How often is looked whether the keyboard is somebody else's still.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// One end of a way.
enum Side {
    /// Of a pipe or terminal that nobody else has open.
    Own(OwnedFd),
    /// A standard stream of the caller's.
    Callers(BorrowedFd<'static>),
}

impl AsFd for Side {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Own(own) => own.as_fd(),
            Self::Callers(callers) => *callers,
        }
    }
}

/// Why nothing is handed on any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The command has ended.
    Itself,
    /// The instance beside it has. So the command does, but where it is held still at this moment.
    WithInstance,
    /// We were told to end by this signal.
    BySignal(i32),
}

/// The ways between a caller and a command.
#[derive(Default)]
pub(super) struct Relay {
    inwards: Vec<Way>,
    outwards: Vec<Way>,
}

/// From one descriptor to another.
struct Way {
    from: Option<Side>,
    to: Option<Side>,
    held: Vec<u8>,
    sent: usize,
    /// The caller's terminal, which other programs may read as well.
    shared_keyboard: bool,
    /// From the caller's terminal to that of the command.
    keys: bool,
    failed: Option<Errno>,
}

impl Relay {
    /// What can be read from `from` goes to the command; its end, too.
    pub(super) fn inwards(&mut self, from: BorrowedFd<'static>, to: OwnedFd) -> io::Result<()> {
        never_wait(&to)?;
        // The terminal of a command that has one itself is the caller's alone.
        let shared = isatty(from) && !isatty(&to);
        let reopened = shared.then(|| reopen(from)).transpose()?;
        let from = reopened.map_or(Side::Callers(from), Side::Own);
        let mut way = Way::new(from, Side::Own(to));
        way.shared_keyboard = shared;
        way.keys = way.to.as_ref().is_some_and(isatty);
        self.inwards.push(way);
        Ok(())
    }

    /// What the command writes goes to `to`.
    pub(super) fn outwards(&mut self, from: OwnedFd, to: BorrowedFd<'static>) -> io::Result<()> {
        never_wait(&from)?;
        self.outwards.push(Way::new(Side::Own(from), Side::Callers(to)));
        Ok(())
    }

    /// Hands on until `command` has ended, and then what it wrote before. `told` is called with each signal. Where the
    /// caller's terminal goes away under a command that has one, that is a hang-up.
    ///
    /// # Errors
    /// The kernel's; where what the command wrote could not be handed on, for another reason than that nobody reads it.
    pub(super) fn run(
        mut self,
        command: &Held,
        instance: &Held,
        signals: &Signals,
        mut told: impl FnMut(i32) -> io::Result<Option<Ended>>,
    ) -> io::Result<Ended> {
        let mut left = None;
        loop {
            if left.is_some() && self.outwards.iter().all(Way::is_done) {
                break;
            }
            let round = self.wait([command, instance], signals, left.is_some())?;
            if round.told {
                for signal in signals.take() {
                    if let Some(ended) = told(signal)? {
                        return Ok(ended);
                    }
                }
            }
            for (way, ready) in self.ways().zip(round.ready) {
                if ready {
                    way.step();
                }
            }
            if round.instance_ended && !round.ended {
                return Ok(Ended::WithInstance);
            }
            if !round.ended && self.inwards.iter().any(Way::has_hung_up) {
                return Ok(Ended::BySignal(SIGHUP));
            }
            if round.ended {
                left = Some(LEFT);
                self.inwards.clear();
            }
            if let Some(left) = &mut left {
                for way in &mut self.outwards {
                    way.take_what_is_left(left);
                }
            }
        }
        match self.outwards.iter().find_map(|way| way.failed) {
            Some(error) if error != Errno::PIPE => Err(error.into()),
            _ => Ok(Ended::Itself),
        }
    }

    fn ways(&mut self) -> impl Iterator<Item = &mut Way> {
        self.inwards.iter_mut().chain(&mut self.outwards)
    }

    /// Waits until there is something to do.
    fn wait(&self, [command, instance]: [&Held; 2], signals: &Signals, has_ended: bool) -> io::Result<Round> {
        let ways = || self.inwards.iter().chain(&self.outwards);
        let mut fds = vec![PollFd::new(signals, PollFlags::IN)];
        if !has_ended {
            fds.push(PollFd::new(command.pidfd(), PollFlags::IN));
            fds.push(PollFd::new(instance.pidfd(), PollFlags::IN));
        }
        let first_way = fds.len();
        let (mut polled, mut look_again) = (Vec::new(), false);
        for way in ways() {
            if way.keeps_off() {
                look_again = true;
                polled.push(false);
                continue;
            }
            let wanted = way.wanted();
            polled.push(wanted.is_some());
            fds.extend(wanted);
        }
        let limit = Timespec::try_from(LOOK_EVERY).map_err(io::Error::other)?;
        match poll(&mut fds, look_again.then_some(&limit)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        let mut of_ways = fds[first_way..].iter();
        let ready = polled
            .into_iter()
            .map(|polled| polled && of_ways.next().is_some_and(is_ready));
        Ok(Round {
            ready: ready.collect(),
            told: is_ready(&fds[0]),
            ended: !has_ended && is_ready(&fds[1]),
            instance_ended: !has_ended && is_ready(&fds[2]),
        })
    }
}

struct Round {
    ready: Vec<bool>,
    told: bool,
    ended: bool,
    instance_ended: bool,
}

impl Way {
    fn new(from: Side, to: Side) -> Self {
        Self {
            from: Some(from),
            to: Some(to),
            held: Vec::new(),
            sent: 0,
            shared_keyboard: false,
            keys: false,
            failed: None,
        }
    }

    fn is_done(&self) -> bool {
        self.to.is_none()
    }

    fn has_hung_up(&self) -> bool {
        self.keys && self.from.is_none()
    }

    fn is_empty(&self) -> bool {
        self.sent == self.held.len()
    }

    /// Whether the keyboard is another program's at the moment: of the foreground, or one of the same pipeline that takes
    /// single keys, as a pager does. A line that was typed for us is one in the ordinary mode.
    fn keeps_off(&self) -> bool {
        let Some(from) = self
            .from
            .as_ref()
            .filter(|_| self.shared_keyboard && self.is_empty())
        else {
            return false;
        };
        let behind = tcgetpgrp(from).is_ok_and(|group| group != rustix::process::getpgrp());
        let by_key = tcgetattr(from).is_ok_and(|modes| !modes.local_modes.contains(LocalModes::ICANON));
        behind || by_key
    }

    /// What to wait for next.
    fn wanted(&self) -> Option<PollFd<'_>> {
        let (from, to) = (self.from.as_ref(), self.to.as_ref()?);
        if self.is_empty() {
            from.map(|from| PollFd::new(from, PollFlags::IN))
        } else {
            Some(PollFd::new(to, PollFlags::OUT))
        }
    }

    fn step(&mut self) {
        // Looked at again: another program may have taken the keyboard while this one waited.
        if self.keeps_off() {
            return;
        }
        if self.is_empty() {
            self.read(self.held.capacity().max(16 * PIECE));
        } else {
            self.write();
        }
        self.close_behind();
    }

    fn read(&mut self, at_most: usize) {
        let Some(from) = &self.from else { return };
        self.held.resize(at_most, 0);
        self.sent = 0;
        let read = rustix::io::read(from, &mut self.held);
        self.held.truncate(read.unwrap_or(0));
        if !matches!(read, Ok(1..) | Err(Errno::AGAIN | Errno::INTR)) {
            // Its end; a terminal that everybody closed says so by EIO.
            self.from = None;
        }
    }

    fn write(&mut self) {
        let Some(to) = &self.to else { return };
        let end = self.held.len().min(self.sent + PIECE);
        match rustix::io::write(to, &self.held[self.sent..end]) {
            Ok(written) => self.sent += written,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => {
                self.failed = Some(error);
                (self.from, self.to, self.sent) = (None, None, self.held.len());
            }
        }
    }

    fn close_behind(&mut self) {
        if self.from.is_none() && self.is_empty() {
            self.to = None;
        }
    }

    /// What a command that has ended wrote before, and no more.
    fn take_what_is_left(&mut self, left: &mut usize) {
        if self.from.is_some() && self.is_empty() {
            self.read((16 * PIECE).min(*left));
            *left -= self.held.len();
            if self.held.is_empty() {
                self.from = None;
            }
        }
        self.close_behind();
    }
}

fn never_wait(own: &OwnedFd) -> io::Result<()> {
    let flags = fcntl_getfl(own)?;
    Ok(fcntl_setfl(own, flags | OFlags::NONBLOCK)?)
}

/// A terminal once more, for reading without ever waiting: who reads it as well may be faster. Flags of the caller's own
/// descriptor are shared with whoever else has it.
fn reopen(terminal: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", terminal.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};

    use super::*;
    use crate::exec::{Invocation, Streams, spawn};
    use crate::runtime::descriptors::pipe;

    /// A descriptor that lives as long as the tests do.
    fn for_ever(descriptor: OwnedFd) -> BorrowedFd<'static> {
        let kept: &'static OwnedFd = Box::leak(Box::new(descriptor));
        kept.as_fd()
    }

    fn ended_command() -> Held {
        let mut child = spawn(&Invocation::of("true").unwrap(), Streams::default()).unwrap();
        let held = Held::open(child.id()).unwrap();
        child.wait().unwrap();
        held
    }

    fn run(relay: Relay, command: &Held) -> io::Result<Ended> {
        let itself = Held::open(std::process::id()).unwrap();
        relay.run(command, &itself, &Signals::begin(&[]).unwrap(), |_| Ok(None))
    }

    #[test]
    fn what_was_written_before_the_end_arrives_whoever_still_holds_the_other_end() {
        let (from_command, kept) = pipe().unwrap();
        let (read, write) = pipe().unwrap();
        (&File::from(kept.try_clone().unwrap()))
            .write_all(&vec![7; 60_000])
            .unwrap();
        let mut relay = Relay::default();
        relay.outwards(from_command, for_ever(write)).unwrap();
        assert_eq!(run(relay, &ended_command()).unwrap(), Ended::Itself);
        let mut arrived = vec![0; 60_000];
        File::from(read).read_exact(&mut arrived).unwrap();
        assert!(arrived.iter().all(|byte| *byte == 7));
        drop(kept);
    }

    #[test]
    fn who_goes_on_writing_is_not_waited_for() {
        let (from_command, kept) = pipe().unwrap();
        let (read, write) = pipe().unwrap();
        let floods = std::thread::spawn(move || {
            let mut kept = File::from(kept);
            // Until nobody reads.
            while kept.write_all(&[7; 4096]).is_ok() {}
        });
        let reads =
            std::thread::spawn(move || io::copy(&mut File::from(read).take(LEFT as u64), &mut io::sink()));
        let mut relay = Relay::default();
        relay.outwards(from_command, for_ever(write)).unwrap();
        assert_eq!(run(relay, &ended_command()).unwrap(), Ended::Itself);
        floods.join().unwrap();
        drop(reads);
    }

    #[test]
    fn the_end_of_the_input_goes_in_and_a_reader_that_has_enough_is_no_failure() {
        let (input, typed) = pipe().unwrap();
        let (of_command, to_command) = pipe().unwrap();
        (&File::from(typed)).write_all(b"typed").unwrap();
        let mut relay = Relay::default();
        relay.inwards(for_ever(input), to_command).unwrap();
        let (nobody_reads, write) = pipe().unwrap();
        drop(nobody_reads);
        let (from_command, says) = pipe().unwrap();
        relay.outwards(from_command, for_ever(write)).unwrap();
        let cat = Streams {
            descriptors: vec![(of_command, 0), (says, 1)],
            ..Streams::default()
        };
        let mut cat = spawn(&Invocation::of("cat").unwrap(), cat).unwrap();
        let held = Held::open(cat.id()).unwrap();
        assert_eq!(run(relay, &held).unwrap(), Ended::Itself);
        cat.wait().unwrap();
    }

    #[test]
    fn output_that_cannot_be_written_is_an_error() {
        let (from_command, says) = pipe().unwrap();
        (&File::from(says)).write_all(b"said").unwrap();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut relay = Relay::default();
        relay.outwards(from_command, for_ever(full.into())).unwrap();
        let error = run(relay, &ended_command()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
