//! Brings up the loopback device of a new network namespace, by the message that `ip link set lo up` would send.

use std::io;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

/// `RTM_NEWLINK` (rtnetlink(7)).
const NEW_LINK: u16 = 16;
/// `NLM_F_REQUEST | NLM_F_ACK` (netlink(7)).
const REQUEST_AND_ACKNOWLEDGE: u16 = 1 | 4;
/// `NLMSG_ERROR`, which with error 0 is the acknowledgement.
const ERROR: u16 = 2;
/// Length of the header of every message.
const HEADER: usize = 16;
/// The loopback device is the first of every network namespace (`LOOPBACK_IFINDEX`).
const LOOPBACK: i32 = 1;
/// `IFF_UP`.
const UP: u32 = 1;

/// Brings up loopback in the network namespace of the calling thread.
pub(super) fn bring_up() -> io::Result<()> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // Protocol 0 is `NETLINK_ROUTE`.
        None,
    )?;
    send(&socket, &request(), SendFlags::empty())?;
    let mut reply = [0; 256];
    let (_, length) = recv(&socket, &mut reply[..], RecvFlags::empty())?;
    acknowledged(&reply[..length.min(reply.len())])
}

/// `struct nlmsghdr` and `struct ifinfomsg`.
fn request() -> Vec<u8> {
    let body: Vec<u8> = [
        [0; 4],
        LOOPBACK.to_ne_bytes(),
        UP.to_ne_bytes(),
        // The mask of what changes.
        UP.to_ne_bytes(),
    ]
    .concat();
    let length = u32::try_from(HEADER + body.len()).unwrap_or_default();
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(NEW_LINK.to_ne_bytes());
    message.extend(REQUEST_AND_ACKNOWLEDGE.to_ne_bytes());
    // Sequence number and port, of which there is no need.
    message.extend([0; 8]);
    message.extend(body);
    message
}

/// The kernel's answer: a header, and the negated error number.
fn acknowledged(reply: &[u8]) -> io::Result<()> {
    let kind = reply
        .get(4..6)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u16::from_ne_bytes);
    let error = reply
        .get(HEADER..HEADER + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map(i32::from_ne_bytes);
    match (kind, error) {
        (Some(ERROR), Some(0)) => Ok(()),
        (Some(ERROR), Some(error)) => Err(io::Error::from_raw_os_error(error.saturating_neg())),
        _ => Err(io::Error::other("the kernel gave no answer that is understood")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_as_long_as_it_says() {
        let request = request();
        assert_eq!(request.len(), 32);
        assert_eq!(request[..4], 32u32.to_ne_bytes());
    }

    #[test]
    fn a_refusal_and_an_answer_that_is_none_are_errors() {
        let mut reply = [0; 36];
        reply[4..6].copy_from_slice(&ERROR.to_ne_bytes());
        assert!(acknowledged(&reply).is_ok());
        reply[16..20].copy_from_slice(&(-1i32).to_ne_bytes());
        let refused = acknowledged(&reply).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        assert!(acknowledged(&reply[..10]).is_err());
        assert!(acknowledged(&[0; 36]).is_err());
    }
}
