//! A pair of Unix sockets that keep messages apart.

use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair, sockopt};

use crate::Result;
use crate::case::Case;
use crate::contestant::{Contestant, Effort, Outcome, Place};
use crate::transport::{self, Link, Transport};
use crate::worker::Part;

pub(crate) struct Seqpacket;

impl Contestant for Seqpacket {
    fn who(&self) -> &'static str {
        "Unix SEQPACKET"
    }

    fn place(&self) -> Place {
        Place::Across
    }

    fn takes(&self, case: Case) -> bool {
        case.flow().is_some() || case.is_call()
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        transport::measure::<Socket>(self, case, effort)
    }

    fn work(&self, part: Part) -> Result<()> {
        transport::work::<Socket>(part)
    }
}

/// What fits into a socket's buffer for sure; a larger message goes in several.
const PACKET_BYTES: usize = 64 << 10;
/// The kernel gives as much of it as an unprivileged process may have.
const BUFFER_BYTES: usize = 1 << 20;

/// One end; several producers share the other, which is their standard input.
struct Socket {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

impl Transport for Socket {
    type Listener = (Socket, OwnedFd);

    fn pace(size: usize) -> f64 {
        if size > 4096 { 8e9 / size as f64 } else { 1e6 }
    }

    fn listen(link: Link) -> Result<((Socket, OwnedFd), String)> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        for end in [&ours, &theirs] {
            sockopt::set_socket_send_buffer_size(end, BUFFER_BYTES)?;
        }
        Ok(((Socket { socket: ours, buffer: vec![0; link.size] }, theirs), "-".to_owned()))
    }

    fn stdin((_, theirs): &(Socket, OwnedFd)) -> Result<Stdio> {
        Ok(Stdio::from(theirs.try_clone()?))
    }

    fn accept((socket, _): (Socket, OwnedFd)) -> Result<Socket> {
        Ok(socket)
    }

    fn connect(_address: &str, link: Link) -> Result<Socket> {
        let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
        Ok(Socket { socket, buffer: vec![0; link.size] })
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        for packet in bytes.chunks(PACKET_BYTES) {
            send(&self.socket, packet, SendFlags::empty())?;
        }
        Ok(())
    }

    fn receive(&mut self, look: impl FnOnce(&[u8]) -> u64) -> Result<u64> {
        for packet in self.buffer.chunks_mut(PACKET_BYTES) {
            let (_, length) = recv(&self.socket, &mut *packet, RecvFlags::empty())?;
            if length != packet.len() {
                return Err("the other end is gone".into());
            }
        }
        Ok(look(&self.buffer))
    }
}
