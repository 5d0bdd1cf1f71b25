//! How a sealed server knows envclone, and nobody else.
//!
//! While a branch is sealed its server takes only `ident` connections: before it lets a client in, it asks
//! port 113 of the client's address, inside the branch's own network namespace, whose connection that is (RFC 1413).
//! [`Ident`] answers there, and vouches only for sockets that this very process holds: not for another process
//! that entered the namespace, whatever its user, and not for the service itself, which cannot bind a port below
//! 1024. No password exists that could leak, and nothing has to be written into the catalogs to get in.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

/// How long a question may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// The roles that connections to a server of this port are being made for.
type Roles = Mutex<BTreeMap<u16, String>>;

/// The `ident` services of this process, by the network namespace that they are in: the services of a branch share one, as
/// they share its port 113.
static OPEN: Mutex<BTreeMap<u64, Weak<Listening>>> = Mutex::new(BTreeMap::new());

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An `ident` service on 127.0.0.1:113 of a branch's network namespace, for as long as anybody has it.
pub struct Ident {
    listening: Option<Arc<Listening>>,
    /// Held while somebody connects: one connection is made at a time, so that each is that of its role.
    connecting: Mutex<()>,
}

impl Ident {
    /// Opens it in the network namespace of the calling thread, unless another service of the same branch has.
    ///
    /// # Errors
    /// When the port cannot be bound: the service's own processes cannot have it, so something is wrong.
    pub fn open() -> io::Result<Self> {
        let namespace = fs::metadata("/proc/thread-self/ns/net")?.ino();
        let mut open = locked(&OPEN);
        let another = open.get(&namespace).and_then(Weak::upgrade);
        let listening = match another {
            Some(listening) => listening,
            None => Arc::new(Listening::begin()?),
        };
        open.retain(|_, listening| listening.strong_count() > 0);
        open.insert(namespace, Arc::downgrade(&listening));
        Ok(Self {
            listening: Some(listening),
            connecting: Mutex::default(),
        })
    }

    /// Connects to the server on `port`: for as long as that takes, answers for sockets of this process to it name this role.
    pub fn vouching<T>(&self, role: &str, port: u16, connect: impl FnOnce() -> T) -> T {
        let _alone = locked(&self.connecting);
        let roles = self.listening.as_ref().map(|listening| &listening.roles);
        if let Some(roles) = roles {
            locked(roles).insert(port, role.to_owned());
        }
        let connected = connect();
        if let Some(roles) = roles {
            locked(roles).remove(&port);
        }
        connected
    }
}

impl Drop for Ident {
    fn drop(&mut self) {
        // Whoever opens another one meanwhile finds this, or a port that is free again.
        let _open = locked(&OPEN);
        drop(self.listening.take());
    }
}

/// The thread that answers.
struct Listening {
    roles: Arc<Roles>,
    stop: Option<io::PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    fn begin() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:113")?;
        let (stopped, stop) = io::pipe()?;
        let roles = Arc::new(Roles::default());
        let vouched = Arc::clone(&roles);
        let thread = std::thread::Builder::new()
            .name("ident".to_owned())
            .spawn(move || answer_all(&listener, &stopped, &vouched))?;
        Ok(Self {
            roles,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has nothing more to say than that nobody is vouched for any longer.
            let _ = thread.join();
        }
    }
}

fn answer_all(listener: &TcpListener, stopped: &io::PipeReader, roles: &Roles) {
    loop {
        let mut ready = [
            PollFd::new(listener, PollFlags::IN),
            PollFd::new(stopped, PollFlags::IN),
        ];
        match poll(&mut ready, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
            Ok(_) if !ready[1].revents().is_empty() => return,
            Ok(_) => {}
        }
        if let Ok((stream, _)) = listener.accept() {
            // A question that cannot be answered leaves its client outside, which is the safe answer.
            let _ = answer(stream, roles);
        }
    }
}

/// Reads `client port, server port` and says who holds the client's end.
fn answer(stream: TcpStream, roles: &Roles) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut question = String::new();
    let mut reader = BufReader::new(io::Read::take(stream.try_clone()?, 64));
    reader.read_line(&mut question)?;
    let mut stream = stream;
    let reply = match parse_question(&question) {
        Some((client, server)) => {
            let role = locked(roles).get(&server).cloned();
            match role {
                Some(role) if is_ours(client, server)? => {
                    format!("{client},{server}:USERID:UNIX:{role}\r\n")
                }
                _ => format!("{client},{server}:ERROR:NO-USER\r\n"),
            }
        }
        None => "0,0:ERROR:INVALID-PORT\r\n".to_owned(),
    };
    stream.write_all(reply.as_bytes())
}

fn parse_question(line: &str) -> Option<(u16, u16)> {
    let (client, server) = line.trim().split_once(',')?;
    Some((client.trim().parse().ok()?, server.trim().parse().ok()?))
}

/// Whether the connection from `client` to `server` on loopback is a socket that this process holds.
fn is_ours(client: u16, server: u16) -> io::Result<bool> {
    // `thread-self`: the table of this thread's network namespace, which is the branch's.
    let table = fs::read_to_string("/proc/thread-self/net/tcp")?;
    let Some(inode) = inode_of(&table, client, server) else {
        return Ok(false);
    };
    let wanted = format!("socket:[{inode}]");
    for entry in fs::read_dir("/proc/self/fd")? {
        let Ok(target) = fs::read_link(entry?.path()) else {
            continue;
        };
        if target.as_os_str() == wanted.as_str() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Finds the socket of 127.0.0.1:`local` connected to 127.0.0.1:`remote` in the text of `/proc/net/tcp`.
fn inode_of(table: &str, local: u16, remote: u16) -> Option<u64> {
    let here = format!("0100007F:{local:04X}");
    let there = format!("0100007F:{remote:04X}");
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let matches = *fields.get(1)? == here && *fields.get(2)? == there;
        if matches {
            fields.get(9)?.parse().ok().filter(|inode| *inode != 0)
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 4242 1 0000000000000000 100 0 0 10 0\n\
   1: 0100007F:D431 0100007F:1538 01 00000000:00000000 00:00000000 00000000     0        0 5151 1 0000000000000000 20 4 0 10 -1\n";

    #[test]
    fn a_connection_is_found_by_both_of_its_ports() {
        assert_eq!(inode_of(TABLE, 0xD431, 0x1538), Some(5151));
        assert_eq!(inode_of(TABLE, 0xD431, 1), None);
        assert_eq!(inode_of(TABLE, 0x1538, 0), None);
    }

    #[test]
    fn questions_that_are_none_are_refused() {
        assert_eq!(parse_question("54321 , 5432\r\n"), Some((54321, 5432)));
        for line in ["", "1", "1,2,3", "a,b", "70000,1", "-1,5"] {
            assert_eq!(parse_question(line), None, "{line:?}");
        }
    }

    #[test]
    fn only_sockets_of_this_process_are_vouched_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap().port();
        let held = TcpStream::connect(("127.0.0.1", server)).unwrap();
        let client = held.local_addr().unwrap().port();
        assert!(is_ours(client, server).unwrap());
        assert!(!is_ours(server, client.wrapping_add(1)).unwrap());
    }
}
