//! A network of production that is not there: something listens for each trap, and counts who comes.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::production::set_mode;

/// Who came, by the names of the traps.
#[derive(Default)]
struct Visitors {
    names: Mutex<Vec<&'static str>>,
    another: Condvar,
}

/// Listeners on the host, one for each trap. Closed when dropped.
pub struct Network {
    address: Ipv4Addr,
    sockets: PathBuf,
    visitors: Arc<Visitors>,
    over: Arc<AtomicBool>,
    doors: Vec<(Door, JoinHandle<()>)>,
}

enum Door {
    Tcp(u16),
    Unix(PathBuf),
}

impl Network {
    /// On `address`, and on Unix sockets below `base`.
    pub fn new(address: Ipv4Addr, base: &Path) -> Self {
        let sockets = base.join("network");
        fs::create_dir(&sockets).unwrap();
        set_mode(&sockets, 0o755);
        Self {
            address,
            sockets,
            visitors: Arc::default(),
            over: Arc::default(),
            doors: Vec::new(),
        }
    }

    /// The port that a trap of this name connects to.
    pub fn port(&mut self, name: &'static str) -> u16 {
        let listener = TcpListener::bind((self.address, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        self.watch(name, Door::Tcp(port), move || listener.accept().map(drop));
        port
    }

    /// The directory in which a trap of this name finds a server's socket, of port 5432.
    pub fn socket_dir(&mut self, name: &'static str) -> PathBuf {
        let dir = self.sockets.join(name);
        fs::create_dir(&dir).unwrap();
        let path = dir.join(".s.PGSQL.5432");
        let listener = UnixListener::bind(&path).unwrap();
        for place in [&dir, &path] {
            set_mode(place, 0o777);
        }
        self.watch(name, Door::Unix(path), move || listener.accept().map(drop));
        dir
    }

    /// A shell's command that connects to the trap of this name, and then succeeds.
    pub fn command(&mut self, name: &'static str) -> String {
        let port = self.port(name);
        format!(
            "bash -c \"exec 3<>/dev/tcp/{}/{port}\" 2>/dev/null || true",
            self.address
        )
    }

    fn watch(
        &mut self,
        name: &'static str,
        door: Door,
        accept: impl Fn() -> io::Result<()> + Send + 'static,
    ) {
        let (visitors, over) = (Arc::clone(&self.visitors), Arc::clone(&self.over));
        let thread = std::thread::spawn(move || {
            while accept().is_ok() && !over.load(Ordering::SeqCst) {
                visitors.names.lock().unwrap().push(name);
                visitors.another.notify_all();
            }
        });
        self.doors.push((door, thread));
    }

    /// The traps from which somebody came, each once.
    pub fn visitors(&self) -> Vec<&'static str> {
        let mut names = self.visitors.names.lock().unwrap().clone();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Forgets who came.
    pub fn forget(&self) {
        self.visitors.names.lock().unwrap().clear();
    }

    /// Waits until somebody came from each of these.
    #[track_caller]
    pub fn all_come(&self, awaited: &[&'static str], within: Duration) {
        let until = Instant::now() + within;
        let mut names = self.visitors.names.lock().unwrap();
        loop {
            let missing: Vec<_> = awaited.iter().filter(|name| !names.contains(name)).collect();
            if missing.is_empty() {
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nobody came from {missing:?}");
            (names, _) = self.visitors.another.wait_timeout(names, left).unwrap();
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        for (door, thread) in self.doors.drain(..) {
            let woken = match door {
                Door::Tcp(port) => TcpStream::connect((self.address, port)).map(drop),
                Door::Unix(path) => UnixStream::connect(path).map(drop),
            };
            if woken.is_ok() {
                thread.join().unwrap();
            }
        }
    }
}
