//! The gateway's process, as its parent sees it. What it does is in the room `gateway`, above this one.

use std::fs;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use super::super::Exposure;
use super::super::branch_dir::make_dir;
use super::super::leftovers::MARK;
use super::super::process::Held;
use super::super::protocol::{Failure, GatewayOrder, GatewayReply, SECOND_FD, receive, send};
use super::{Supervisor, locked, named};
use crate::exec::{Invocation, Streams, Tool};

/// How long the gateway may take to open.
const OPENING: Duration = Duration::from_secs(20);

/// A gateway that runs. It ends when its connection closes.
pub(super) struct Doorway {
    held: Arc<Held>,
    connection: UnixStream,
}

impl Doorway {
    fn is_open(&self) -> bool {
        self.held.has_ended().is_ok_and(|ended| !ended)
    }
}

impl Supervisor {
    /// Opens the gateway, in place of one that is open.
    pub(super) fn expose(self: &Arc<Self>, exposures: &[Exposure]) -> Result<(), Failure> {
        let mut doorway = locked(&self.doorway);
        if let Some(open) = doorway.take() {
            let _ = open.held.kill();
            let _ = open.held.wait(OPENING);
        }
        for exposure in exposures {
            self.prepare_socket(exposure)?;
        }
        *doorway = Some(self.open_gateway(exposures)?);
        Ok(())
    }

    /// Whether the gateway is open.
    pub(super) fn published(&self) -> bool {
        locked(&self.doorway).as_ref().is_some_and(Doorway::is_open)
    }

    /// Sockets are made in the service's directory below the branch's, and nowhere else.
    fn prepare_socket(&self, exposure: &Exposure) -> Result<(), Failure> {
        let directory = self.dir.sockets(&exposure.service);
        if exposure.socket.parent() != Some(directory.as_path()) {
            let message = format!("{} is not in {}", exposure.socket.display(), directory.display());
            return Err(Failure::other(message));
        }
        make_dir(&directory, 0o755).map_err(Failure::io("making the socket's directory"))?;
        match fs::remove_file(&exposure.socket) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::io("removing an old socket")(error))
            }
            _ => Ok(()),
        }
    }

    fn open_gateway(self: &Arc<Self>, exposures: &[Exposure]) -> Result<Doorway, Failure> {
        let (ours, theirs) = UnixStream::pair().map_err(Failure::io("making a socket pair"))?;
        let host = self
            .host_network
            .try_clone()
            .map_err(Failure::io("copying a descriptor"))?;
        let streams = Streams {
            descriptors: vec![(theirs.into(), 0), (host.into(), SECOND_FD)],
            ..Streams::default()
        };
        // This very program, even where the file was replaced by an upgrade meanwhile.
        let program = Tool::at(std::path::Path::new("/proc/self/exe"))?;
        let invocation = Invocation::new(&program)
            .arg("__gateway")
            .env(MARK, self.branch.as_str());
        let started = self.spawner.start(invocation, streams)?;
        let (mut child, held) = (started.child, started.held);
        let supervisor = Arc::clone(self);
        let waiter = named("wait", move || {
            let _ = child.wait();
            supervisor.spawner.has_gone(child.id());
        });
        let doorway = Doorway {
            held,
            connection: ours,
        };
        let opened = waiter
            .map_err(Failure::io("starting a thread"))
            .and_then(|()| doorway.open(exposures));
        // On failure the connection closes here, and the gateway ends for that reason alone.
        opened.map(|()| doorway)
    }
}

impl Doorway {
    fn open(&self, exposures: &[Exposure]) -> Result<(), Failure> {
        let connection = &self.connection;
        let order = GatewayOrder {
            supervisor: std::process::id(),
            exposures: exposures.to_vec(),
        };
        let asked = connection
            .set_read_timeout(Some(OPENING))
            .and_then(|()| send(connection, &order))
            .and_then(|()| receive(connection));
        match asked.map_err(Failure::io("asking the gateway"))? {
            Some(GatewayReply::Open) => Ok(()),
            Some(GatewayReply::Failed(failure)) => Err(failure),
            None => Err(Failure::other("the gateway ended")),
        }
    }
}
