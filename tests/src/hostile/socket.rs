//! The socket through which a node orders processes from its zygote.
//!
//! Nobody has it but these two, so what comes there is what the product has sent. All the same: whatever
//! comes, the node serves everybody else meanwhile, and a moment later it starts processes as before, with
//! another zygote if need be.

use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use actor_core::process::{Options, Process};
use actor_core::testing::raw;
use rustix::fs::OFlags;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketType, sendmsg, sockopt};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::Target;
use super::control::channel_samples;
use crate::watch;

/// See the module.
pub const TARGET: Target = Target {
    name: "socket",
    about: "what comes to the zygote by its socket",
    body,
    samples,
    length_max: 300,
    runs: 25,
};

/// How long a process may take to start that the zygote does not answer for.
const START_TIMEOUT: Duration = Duration::from_millis(500);

/// The last byte says how many descriptors go with the rest.
///
/// # Panics
/// The node does not go on.
pub fn body(data: &[u8]) {
    let Some((count, bytes)) = data.split_last() else { return };
    spawn_again();
    send_to_zygote(bytes, usize::from(count % 8) * 36);
    assert!(raw::node_answers(), "the node serves others");
    spawn_again();
}

/// The first one or two may fail: they were ordered from one who is out of his mind.
fn spawn_again() {
    let options = Options { start_timeout: START_TIMEOUT, ..Options::default() };
    let spawned = watch::wait_for(Duration::from_secs(10), || options.spawn(|n: u32| n + 1, 1).ok());
    let process: Process<u32> = spawned.expect("the node starts processes");
    assert_eq!(process.join(), Ok(2));
}

/// Sends one packet with descriptors to the zygote of this process, as if the node had.
///
/// # Panics
/// There is no zygote.
pub fn send_to_zygote(bytes: &[u8], descriptors: usize) {
    let Some(socket) = socket_of_zygote() else { panic!("the zygote has a socket") };
    let file = fs::File::open("/dev/null").expect("it is always there");
    let files = vec![file.as_fd(); descriptors.min(253)];
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(files.is_empty() || ancillary.push(SendAncillaryMessage::ScmRights(&files)));
    // It fails when the zygote has just died: then there is another.
    let _ =
        sendmsg(&socket, &[std::io::IoSlice::new(bytes)], &mut ancillary, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
}

/// The node's end of it, which is known by who listens at the other.
fn socket_of_zygote() -> Option<OwnedFd> {
    let own = Pid::from_raw(i32::try_from(std::process::id()).ok()?)?;
    let own_pidfd = pidfd_open(own, PidfdFlags::empty()).ok()?;
    watch::wait_for(Duration::from_secs(10), || {
        let zygote = Pid::from_raw(i32::try_from(watch::zygote_of(own.as_raw_nonzero().get() as u32)?.pid).ok()?)?;
        let entries = fs::read_dir("/proc/self/fd").ok()?.flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let numbers: Vec<i32> = numbers.collect();
        let copy = |number| pidfd_getfd(&own_pidfd, number, PidfdGetfdFlags::empty()).ok();
        numbers.into_iter().filter_map(copy).find(|socket| is_connected_to(socket, zygote))
    })
}

fn is_connected_to(socket: &OwnedFd, peer: Pid) -> bool {
    // Not every descriptor can be asked.
    rustix::fs::fcntl_getfl(socket).is_ok_and(|flags| !flags.contains(OFlags::PATH))
        && sockopt::socket_type(socket) == Ok(SocketType::SEQPACKET)
        && sockopt::socket_peercred(socket).is_ok_and(|credentials| credentials.pid == peer)
}

/// What the channel puts before a message: the length of all, and that of the message.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let lengths = [message.len() + 16, message.len()];
    [lengths[0].to_le_bytes(), lengths[1].to_le_bytes()].concat().into_iter().chain(message.iter().copied()).collect()
}

fn samples() -> Vec<Vec<u8>> {
    let with = |bytes: Vec<u8>, count: u8| [bytes, vec![count]].concat();
    let mut samples: Vec<Vec<u8>> = channel_samples().iter().map(|message| with(framed(message), 0)).collect();
    // An order of somebody who is not there, a greeting without its channel, and with other descriptors.
    samples.push(with(framed(&[1, 9, 0xff, 0x7f]), 1));
    let greeting = [&[0, 20][..], &[0xb1; 20], &[1, 0xac, 0x02, 0]].concat();
    samples.push(with(framed(&greeting), 0));
    samples.push(with(framed(&greeting), 7));
    samples.push(vec![1, 0]);
    samples
}
