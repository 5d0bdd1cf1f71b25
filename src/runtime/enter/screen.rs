//! The caller's terminal, while a command has another one: in raw mode, so that every key goes in as it is.

use std::io;
use std::os::fd::OwnedFd;

use rustix::stdio::{stdin, stdout};
use rustix::termios::{
    OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr, tcsetwinsize,
};

/// The terminal that the caller sits at. It gets its modes back when this is dropped.
pub(super) struct Screen {
    before: Termios,
    /// The command's.
    inner: Option<OwnedFd>,
}

impl Screen {
    /// The one that both is typed at and shows; `None` where it is another program's turn, or where one of the two is no
    /// terminal.
    pub(super) fn of_caller() -> io::Result<Option<Self>> {
        let ours = || tcgetpgrp(stdin()).is_ok_and(|group| group == rustix::process::getpgrp());
        if !isatty(stdin()) || !isatty(stdout()) || !ours() {
            return Ok(None);
        }
        Ok(Some(Self {
            before: tcgetattr(stdin())?,
            inner: None,
        }))
    }

    /// Gives `inner` the modes and the size of this one, and sends what is typed from now on as it is.
    pub(super) fn begin(&mut self, inner: OwnedFd) -> io::Result<()> {
        tcsetattr(&inner, OptionalActions::Now, &self.before)?;
        self.inner = Some(inner);
        self.follow(true)
    }

    /// Hands on the size; after a stop, during which the shell set its own modes, ours once more.
    pub(super) fn follow(&self, modes: bool) -> io::Result<()> {
        let Some(inner) = &self.inner else {
            return Ok(());
        };
        if modes {
            let mut raw = self.before.clone();
            raw.make_raw();
            tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        }
        Ok(tcsetwinsize(inner, tcgetwinsize(stdin())?)?)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.inner.is_some() {
            // A terminal that is gone has no modes.
            let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
        }
    }
}
