//! A limit to how long, and with how much memory, envclone waits for a branch's server.
//!
//! The server may be one that its users have replaced by something that accepts and never answers, or never stops
//! answering. A rewrite may take hours, so its time alone says nothing: while a statement runs, the server is asked
//! every few seconds on a connection of its own whether it is there. Where it is not, where its answer fills the
//! memory, or where the limit is reached, the connection is cut, and the statement ends with an error.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{Shutdown, SocketAddrAny, getpeername, shutdown};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

use crate::engine::Fault;

/// How long connecting and logging in may take.
pub(in crate::engine) const LOGIN: Duration = Duration::from_secs(15);
/// How long any statement may take.
pub(in crate::engine) const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often a server that works on a statement is asked whether it is there.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// How long it may take to say so; it needs a new process for that.
const ANSWER: Duration = Duration::from_secs(20);
/// How often the memory is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How much an answer may add to the memory of this process, in bytes.
const MEMORY: u64 = 512 << 20;
/// Connections are told apart by being made one after the other.
static CONNECTING: Mutex<()> = Mutex::new(());

/// A connection that can be cut from outside, and the thread that does.
pub(in crate::engine) struct Watch {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// When the statement that runs must have ended.
    until: Option<Instant>,
    /// Counts statements, so that one is not cut for another.
    statement: u64,
    /// Why the connection was cut.
    cut: Option<String>,
    over: bool,
}

impl Watch {
    /// Makes a connection to `port` of the loopback of this thread's network by `connect`, within [`LOGIN`]. `hello` is what
    /// a server answers that is there, before it asks who the client is; nothing, where it speaks first.
    ///
    /// # Errors
    /// That of `connect`, or in words why the connection cannot be watched.
    pub(in crate::engine) fn connect<T, E>(
        port: u16,
        hello: &'static [u8],
        connect: impl FnOnce() -> Result<T, E>,
        words: impl Fn(&E) -> Fault,
    ) -> Result<(T, Self), Fault> {
        let _turn = CONNECTING.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |error: io::Error| Fault::from(format!("the connection cannot be watched: {error}"));
        let before = connections_to(port).map_err(failed)?;
        let fresh = move || -> io::Result<Vec<OwnedFd>> {
            let mut now = connections_to(port)?;
            now.retain(|inode, _| !before.contains_key(inode));
            Ok(now.into_values().collect())
        };
        let fresh = Arc::new(fresh);
        let mut login = {
            let fresh = Arc::clone(&fresh);
            Self::begin(port, hello, move || {
                for connection in fresh().unwrap_or_default() {
                    // It may be closed already.
                    let _ = shutdown(&connection, Shutdown::Both);
                }
            })
            .map_err(failed)?
        };
        login.arm(LOGIN);
        let connected = connect();
        let cut = login.disarm();
        drop(login);
        let connected = connected.map_err(|error| cut.map_or_else(|| words(&error), Fault::from))?;
        let mut sockets = fresh().map_err(failed)?;
        let (Some(socket), true) = (sockets.pop(), sockets.is_empty()) else {
            return Err("the connection cannot be watched: it was not found".into());
        };
        let watch = Self::begin(port, hello, move || {
            let _ = shutdown(&socket, Shutdown::Both);
        });
        Ok((connected, watch.map_err(failed)?))
    }

    fn begin(port: u16, hello: &'static [u8], cut: impl Fn() + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let watched = Arc::clone(&shared);
        // Born in the branch's network, as its parent is.
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || watched.watch(port, hello, &cut))?;
        Ok(Self { shared })
    }

    /// From now until [`Watch::disarm`] the server owes an answer.
    pub(in crate::engine) fn arm(&mut self, within: Duration) {
        let mut state = self.shared.locked();
        state.until = Some(Instant::now() + within);
        state.statement += 1;
        self.shared.changed.notify_all();
    }

    /// The server owes nothing any more; why it was cut off, if it was.
    pub(in crate::engine) fn disarm(&mut self) -> Option<String> {
        let mut state = self.shared.locked();
        state.until = None;
        state.cut.clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Not waited for: the thread may be asking the server whether it is there.
        self.shared.locked().over = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `limit` or a change, whichever comes first; without a limit for a change.
    fn pause<'a>(&self, state: MutexGuard<'a, State>, limit: Option<Duration>) -> MutexGuard<'a, State> {
        match limit {
            None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                let waited = self.changed.wait_timeout(state, limit);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    fn watch(&self, port: u16, hello: &[u8], cut: &dyn Fn()) {
        let (mut statement, mut asked, mut memory) = (0, Instant::now(), 0);
        let mut state = self.locked();
        while !state.over {
            let Some(until) = state.until else {
                state = self.pause(state, None);
                continue;
            };
            if state.statement != statement {
                (statement, asked, memory) = (state.statement, Instant::now(), resident());
            }
            let why = if Instant::now() >= until {
                Some("the server did not answer in time".to_owned())
            } else if resident().saturating_sub(memory) > MEMORY {
                Some("the server's answer is too large".to_owned())
            } else if asked.elapsed() >= ASK_EVERY {
                drop(state);
                let there = is_there(port, hello);
                asked = Instant::now();
                state = self.locked();
                there
                    .err()
                    .map(|_| "the server does not answer any more".to_owned())
            } else {
                None
            };
            // It may have answered while it was asked.
            if why.is_some() && state.until.is_some() && state.statement == statement && !state.over {
                state.cut.get_or_insert(why.unwrap_or_default());
                state.until = None;
                cut();
                continue;
            }
            let left = until.saturating_duration_since(Instant::now());
            state = self.pause(state, Some(TICK.min(left)));
        }
    }
}

/// Whether a server answers `hello` on `port` of this network's loopback, by any byte.
fn is_there(port: u16, hello: &[u8]) -> io::Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut connection = TcpStream::connect_timeout(&address, ANSWER)?;
    connection.set_read_timeout(Some(ANSWER))?;
    connection.set_write_timeout(Some(ANSWER))?;
    connection.write_all(hello)?;
    connection.read_exact(&mut [0])
}

/// The memory that this process holds, in bytes; 0 where that cannot be told.
fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    pages.unwrap_or(0u64).saturating_mul(page)
}

/// Connections that this process has to `port` of a loopback, by the number of their socket.
fn connections_to(port: u16) -> io::Result<BTreeMap<String, OwnedFd>> {
    let this = pidfd_open(getpid(), PidfdFlags::empty())?;
    let peer = SocketAddrAny::from(SocketAddrV4::new([127, 0, 0, 1].into(), port));
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let Ok(target) = fs::read_link(entry.path()) else {
            continue;
        };
        let inode = target.to_str().and_then(|target| target.strip_prefix("socket:"));
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let (Some(inode), Some(number)) = (inode, number) else {
            continue;
        };
        // Another thread may have closed it; one that has no peer is none.
        if let Ok(socket) = pidfd_getfd(&this, number, PidfdGetfdFlags::empty())
            && getpeername(&socket).is_ok_and(|other| other.as_ref() == Some(&peer))
        {
            found.insert(inode.to_owned(), socket);
        }
    }
    Ok(found)
}
