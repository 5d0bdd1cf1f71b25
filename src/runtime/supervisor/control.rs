//! Requests of later commands: a socket that only root reaches, one request for a connection, each on a thread of
//! its own, so that one that waits (a start, a stop) keeps none from asking how things are.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::socket_peercred;

use super::super::branch_dir::BranchDir;
use super::super::protocol::{Failure, Reply, Request, receive, send};
use super::super::{BranchStatus, netstat};
use super::{Supervisor, named};

/// A client that says nothing for this long is given up.
const SILENCE: Duration = Duration::from_secs(30);

pub(super) fn listen(dir: &BranchDir) -> io::Result<UnixListener> {
    let path = dir.control();
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves until the process ends.
pub(super) fn serve(supervisor: &Arc<Supervisor>, listener: &UnixListener) {
    for connection in listener.incoming() {
        let Ok(connection) = connection else {
            continue;
        };
        if !socket_peercred(&connection).is_ok_and(|peer| peer.uid.is_root()) {
            continue;
        }
        let supervisor = Arc::clone(supervisor);
        // Without a thread the connection closes, and the client says so.
        let _ = named("request", move || answer(&supervisor, &connection));
    }
}

fn answer(supervisor: &Arc<Supervisor>, connection: &UnixStream) {
    let asked = connection
        .set_read_timeout(Some(SILENCE))
        .and_then(|()| receive::<Request>(connection));
    let Ok(Some(request)) = asked else {
        return;
    };
    if matches!(request, Request::Freeze) {
        supervisor.hold_frozen(connection);
        return;
    }
    if matches!(request, Request::AwaitVerdict) {
        supervisor.hear_verdict(connection);
        return;
    }
    let closing = matches!(request, Request::Close);
    let reply = supervisor.handle(request).unwrap_or_else(Reply::Failed);
    // A client that went away meanwhile does not want to know.
    let _ = send(connection, &reply);
    if closing {
        supervisor.spawner.release_main_thread();
    }
}

impl Supervisor {
    fn handle(self: &Arc<Self>, request: Request) -> Result<Reply, Failure> {
        match request {
            Request::Start(spec) => self.start(&spec).map(|()| Reply::Done),
            Request::Stop { service, within } => self.stop(&service, within).map(|()| Reply::Done),
            Request::Job(spec) => self.job(&spec).map(Reply::Job),
            Request::Expose(exposures) => self.expose(&exposures).map(|()| Reply::Done),
            Request::Status => self.status().map(Reply::Status),
            Request::Sandbox(service) => self.init_of(&service).map(|init| Reply::Sandbox { init }),
            Request::ForgetSealedLogs => self.forget_sealed_logs().map(|()| Reply::Done),
            // Answered on its connection, which it keeps.
            Request::Freeze | Request::AwaitVerdict => {
                Err(Failure::other("a request without its connection"))
            }
            Request::Watch(watch) => self.watch(&watch).map(|()| Reply::Done),
            Request::Load => Ok(Reply::Load(self.load())),
            Request::Close => {
                self.end_but_for_main();
                Ok(Reply::Done)
            }
        }
    }

    fn status(&self) -> Result<BranchStatus, Failure> {
        let read = |path: &str| fs::read_to_string(path).map_err(Failure::io("reading /proc/self/net"));
        let missing = |error: netstat::CounterMissing| Failure::other(error.to_string());
        let v4 = netstat::out_no_routes_v4(&read("/proc/self/net/snmp")?).map_err(missing)?;
        // A host without IPv6 has no such file, and no such packets.
        let v6 = match read("/proc/self/net/snmp6") {
            Ok(snmp6) => netstat::out_no_routes_v6(&snmp6).map_err(missing)?,
            Err(_) => 0,
        };
        Ok(BranchStatus {
            supervisor: std::process::id(),
            running: self.running(),
            published: self.published(),
            out_no_routes: v4.saturating_add(v6),
        })
    }
}
