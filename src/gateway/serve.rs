//! From an order to open listeners without privileges.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

use nix::sched::{CloneFlags, setns};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

use super::relay::{self, Door};
use crate::runtime::protocol::{Failure, GatewayOrder, GatewayReply, SECOND_FD, receive, send};
use crate::runtime::{Exposure, RuntimeError, process, seccomp};

/// `nobody` and `nogroup`: owner of no file.
const NOBODY: u32 = 65534;
/// Two descriptors for a connection, and some.
const DESCRIPTORS: u64 = 8192;

/// Runs the gateway of a branch until the supervisor closes its standard input, which also brings the order.
///
/// # Errors
/// When it could not be set up; the supervisor has been told, too.
pub fn serve() -> Result<(), RuntimeError> {
    let action = |action| move |source| RuntimeError::Io { action, source };
    let supervisor = io::stdin().as_fd().try_clone_to_owned();
    let supervisor = UnixStream::from(supervisor.map_err(action("taking the connection"))?);
    match open(&supervisor) {
        Ok(doors) => {
            send(&supervisor, &GatewayReply::Open).map_err(action("answering"))?;
            relay::run(doors, supervisor).map_err(action("passing on connections"))
        }
        Err(failure) => {
            // Without a reader there is nobody to tell.
            let _ = send(&supervisor, &GatewayReply::Failed(failure));
            Err(action("opening the gateway")(io::Error::other(
                "see the supervisor's reply",
            )))
        }
    }
}

/// Single-threaded throughout: namespaces and identities belong to threads.
fn open(supervisor: &UnixStream) -> Result<Vec<Door>, Failure> {
    use std::os::fd::AsRawFd;
    let order = receive::<GatewayOrder>(supervisor).map_err(Failure::io("reading the order"))?;
    let order = order.ok_or_else(|| Failure::other("no order"))?;
    let host = File::open(format!("/proc/self/fd/{SECOND_FD}"))
        .map_err(Failure::io("opening the host's network"))?;
    process::close_inherited(&[supervisor.as_raw_fd(), host.as_raw_fd()])
        .map_err(Failure::io("closing inherited descriptors"))?;
    process::end_with_parent(order.supervisor).map_err(Failure::io("binding to the supervisor"))?;
    let branch = File::open("/proc/self/ns/net").map_err(Failure::io("opening the branch's network"))?;
    enter(&host).map_err(Failure::io("entering the host's network"))?;
    let doors: Result<Vec<Door>, Failure> = order.exposures.iter().map(bind).collect();
    let doors = doors?;
    // Listeners stay in the network that they were made in; what this process connects to from now on is the branch.
    enter(&branch).map_err(Failure::io("entering the branch's network"))?;
    drop((host, branch));
    become_nobody(order.supervisor).map_err(Failure::io("giving up privileges"))?;
    Ok(doors)
}

fn enter(network: &File) -> io::Result<()> {
    setns(network, CloneFlags::CLONE_NEWNET).map_err(io::Error::from)
}

fn bind(exposure: &Exposure) -> Result<Door, Failure> {
    let tcp = TcpListener::bind(exposure.listen).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Failure::AddressTaken {
            address: exposure.listen,
        },
        _ => Failure::io("listening")(error),
    })?;
    let unix = UnixListener::bind(&exposure.socket).map_err(Failure::io("listening on the socket"))?;
    // The service's password protects it; the directory is root's.
    fs::set_permissions(&exposure.socket, fs::Permissions::from_mode(0o666))
        .map_err(Failure::io("opening the socket to users"))?;
    Ok(Door {
        tcp,
        unix,
        inner: SocketAddr::from(([127, 0, 0, 1], exposure.inner_port)),
    })
}

fn become_nobody(supervisor: u32) -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let limit = hard.min(DESCRIPTORS);
    setrlimit(Resource::RLIMIT_NOFILE, limit, limit)?;
    process::no_core_dumps()?;
    setgroups(&[])?;
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    // The change of identity took the first one away.
    process::end_with_parent(supervisor)?;
    // Sets no_new_privs as well.
    seccompiler::apply_filter(&seccomp::program()?).map_err(io::Error::other)?;
    // Seen in `ps`; what it was started as is "exe".
    rustix::thread::set_name(c"envclone-gate").map_err(io::Error::from)
}
