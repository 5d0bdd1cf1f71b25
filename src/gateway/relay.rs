//! Copies bytes between a client and the branch, both ways, until both have ended.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections at one time over all doors; further ones wait in the listener's queue.
const CONNECTIONS: usize = 2000;
/// How long the branch may take to answer a connect on its loopback.
const CONNECT: Duration = Duration::from_secs(10);
/// After a failed accept (no descriptors left), before the next.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Bound listeners of the host, and where they lead.
pub(super) struct Door {
    pub(super) tcp: TcpListener,
    pub(super) unix: UnixListener,
    pub(super) inner: SocketAddr,
}

/// Serves until `supervisor` closes.
pub(super) fn run(doors: Vec<Door>, supervisor: UnixStream) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        let mut tasks = JoinSet::new();
        for door in doors {
            door.tcp.set_nonblocking(true)?;
            door.unix.set_nonblocking(true)?;
            let tcp = tokio::net::TcpListener::from_std(door.tcp)?;
            let unix = tokio::net::UnixListener::from_std(door.unix)?;
            tasks.spawn(serve_tcp(tcp, door.inner, Arc::clone(&permits)));
            tasks.spawn(serve_unix(unix, door.inner, Arc::clone(&permits)));
        }
        supervisor.set_nonblocking(true)?;
        let mut supervisor = tokio::net::UnixStream::from_std(supervisor)?;
        // Nothing is ever said on it any more: this returns at its end.
        let _ = supervisor.read(&mut [0u8; 1]).await;
        Ok(())
    })
}

async fn serve_tcp(listener: tokio::net::TcpListener, inner: SocketAddr, permits: Arc<Semaphore>) {
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        match listener.accept().await {
            Ok((client, _)) => {
                let _ = client.set_nodelay(true);
                tokio::spawn(pass(client, inner, permit));
            }
            Err(_) => sleep(BACK_OFF).await,
        }
    }
}

async fn serve_unix(listener: tokio::net::UnixListener, inner: SocketAddr, permits: Arc<Semaphore>) {
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        match listener.accept().await {
            Ok((client, _)) => {
                tokio::spawn(pass(client, inner, permit));
            }
            Err(_) => sleep(BACK_OFF).await,
        }
    }
}

/// A client that cannot be led in is disconnected, as from a service that is down.
async fn pass(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    inner: SocketAddr,
    permit: OwnedSemaphorePermit,
) {
    if let Ok(Ok(mut service)) = timeout(CONNECT, TcpStream::connect(inner)).await {
        let _ = service.set_nodelay(true);
        // One direction's end is passed on while the other goes on; buffers are fixed.
        let _ = copy_bidirectional(&mut client, &mut service).await;
    }
    drop(permit);
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::thread;

    use super::*;

    /// A service that answers only when its client has said everything, and a door that leads to it.
    fn door_to_an_echo() -> (SocketAddr, std::path::PathBuf, UnixStream, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let service = TcpListener::bind("127.0.0.1:0").unwrap();
        let inner = service.local_addr().unwrap();
        thread::spawn(move || {
            for connection in service.incoming() {
                let mut connection = connection.unwrap();
                thread::spawn(move || {
                    let mut said = Vec::new();
                    connection.read_to_end(&mut said).unwrap();
                    connection.write_all(&said).unwrap();
                });
            }
        });
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let path = dir.path().join("socket");
        let unix = UnixListener::bind(&path).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        thread::spawn(move || run(vec![Door { tcp, unix, inner }], theirs).unwrap());
        (address, path, ours, dir)
    }

    #[test]
    fn half_closed_connections_are_answered_whole() {
        let (address, path, _supervisor, _dir) = door_to_an_echo();
        let said = vec![7u8; 3 << 20];
        let mut heard = Vec::new();
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.write_all(&said).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        client.read_to_end(&mut heard).unwrap();
        assert!(heard == said);
        let mut client = UnixStream::connect(path).unwrap();
        client.write_all(b"hello").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut heard = String::new();
        client.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "hello");
    }
}
