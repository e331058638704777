//! What `ipc-channel` does when somebody stops, dies or lies: each thing that the start-up channel has to
//! live with, as it is, and why the start-up channel does.
//!
//! It has two users, the node and its zygote, which are one program; nobody else ever has its sockets
//! (`descriptors.rs`). A message is far smaller than a packet, no more than 64 are ever unanswered, no set
//! and no router is used, and a descriptor travels once, in the first message. A test that fails here after
//! an update says that a claim does not hold any more, and perhaps that a precaution can go.

use std::fs;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use actor_core::process::Process;
use actor_tests::hostile::socket::framed;
use actor_tests::watch::until;
use ipc_channel::IpcError;
use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcReceiverSet, IpcSelectionResult, IpcSender};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    SocketAddrUnix, SocketFlags, SocketType, accept, bind, connect, listen, recvmsg, sendmsg, socket_with, socketpair,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::harness::isolated;

/// As many orders as a node leaves unanswered at most.
const UNANSWERED_MAX: u64 = 64;

fn socket() -> OwnedFd {
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("there is a socket")
}

fn pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("there are sockets")
}

/// Sends a packet with at most one descriptor.
fn send(socket: &OwnedFd, bytes: &[u8], with: Option<BorrowedFd<'_>>) -> rustix::io::Result<usize> {
    let descriptors: Vec<_> = with.into_iter().collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(descriptors.is_empty() || ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)
}

/// A receiver, and the socket at the other end, with which one can say anything.
fn raw_channel<T: for<'a> Deserialize<'a> + Serialize>(first: &[u8]) -> (IpcReceiver<T>, OwnedFd) {
    let (server, name) = IpcOneShotServer::<T>::new().unwrap();
    let raw = socket();
    connect(&raw, &SocketAddrUnix::new(name).unwrap()).unwrap();
    send(&raw, &framed(first), None).unwrap();
    (server.accept().unwrap().0, raw)
}

/// The first part of a message whose rest comes, or does not, by another socket.
fn first_part() -> Vec<u8> {
    let mut packet = framed(&[99, 7, 7, 7, 7, 7, 7, 7]);
    // A list of 99 bytes, whose length is the first of them.
    packet[8..16].copy_from_slice(&100_u64.to_le_bytes());
    packet
}

/// Whether a thread of this name sleeps.
fn is_asleep(name: &str) -> bool {
    let threads = fs::read_dir("/proc/self/task").unwrap().flatten();
    let stats = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    let ours = stats.filter(|stat| stat.contains(&format!("({name})")));
    ours.filter_map(|stat| stat.rsplit_once(')')?.1.trim_start().chars().next()).any(|state| state == 'S')
}

/// I1 holds: `send` waits for whoever does not receive.
#[test]
fn a_sender_waits_for_one_who_does_not_receive_but_not_for_64_messages() {
    isolated(|| {
        let (sender, receiver) = ipc::channel::<u64>().unwrap();
        let sent = AtomicU64::new(0);
        thread::scope(|scope| {
            let endless = || while sender.send(1).is_ok() && sent.fetch_add(1, Ordering::SeqCst) < 1 << 20 {};
            thread::Builder::new().name("sends".into()).spawn_scoped(scope, endless).unwrap();
            let mut before = u64::MAX;
            until("it sleeps over a message", || {
                let now = sent.load(Ordering::SeqCst);
                let is_still = now == before && 0 < now && is_asleep("sends");
                before = now;
                is_still
            });
            let room = sent.load(Ordering::SeqCst);
            println!("{room} messages have room");
            assert!(UNANSWERED_MAX < room && room < 1 << 20, "{room}");
            drop(receiver);
        });
    });
}

/// I2 holds: `try_recv` waits for the rest of a message.
#[test]
fn a_receiver_waits_for_the_rest_of_a_message_however_it_asks() {
    isolated(|| {
        let (receiver, raw) = raw_channel::<Vec<u8>>(&[0]);
        let (rest, theirs) = pair();
        send(&raw, &first_part(), Some(theirs.as_fd())).unwrap();
        drop(theirs);
        thread::scope(|scope| {
            let receive = move || receiver.try_recv();
            let receiving = thread::Builder::new().name("receives".into()).spawn_scoped(scope, receive).unwrap();
            until("it sleeps over a message", || is_asleep("receives"));
            assert!(!receiving.is_finished());
            send(&rest, &[7; 92], None).unwrap();
            assert_eq!(receiving.join().unwrap().unwrap(), vec![7; 99]);
        });
    });
}

/// I3 holds: a sender that dies in the middle of a message ends the channel for all.
#[test]
fn a_sender_that_dies_within_a_message_ends_the_channel_of_others() {
    isolated(|| {
        let (receiver, raw) = raw_channel::<Vec<u8>>(&[0]);
        let other = raw.try_clone().unwrap();
        let mut set = IpcReceiverSet::new().unwrap();
        let id = set.add(receiver).unwrap();
        let (rest, theirs) = pair();
        send(&raw, &first_part(), Some(theirs.as_fd())).unwrap();
        drop((theirs, rest));
        let selected = set.select().unwrap();
        assert!(matches!(selected[..], [IpcSelectionResult::ChannelClosed(closed)] if closed == id));
        assert_eq!(send(&other, &framed(&[0]), None), Err(rustix::io::Errno::PIPE));
    });
}

/// I4 holds: what is wrong with one channel loses what has come by another.
#[test]
fn an_error_of_one_channel_loses_the_messages_of_another() {
    isolated(|| {
        let (honest, honest_raw) = raw_channel::<Vec<u8>>(&[0]);
        let (broken, broken_raw) = raw_channel::<Vec<u8>>(&[0]);
        let mut set = IpcReceiverSet::new().unwrap();
        let id = set.add(honest).unwrap();
        set.add(broken).unwrap();
        send(&honest_raw, &framed(&[1, 42]), None).unwrap();
        // The rest is to come from a socket that is connected to nobody.
        send(&broken_raw, &first_part(), Some(socket().as_fd())).unwrap();
        assert!(set.select().is_err());
        send(&honest_raw, &framed(&[1, 43]), None).unwrap();
        let later = set.select().unwrap();
        let messages: Vec<Vec<u8>> =
            later.into_iter().map(|it| it.unwrap()).filter(|it| it.0 == id).map(|it| it.1.to().unwrap()).collect();
        assert_eq!(messages, [[43]], "42 is gone");
    });
}

/// Receives a channel when there is no descriptor for it. False: it was an orderly error.
fn receive_without_room(_: ()) -> bool {
    let (carrier, receiver) = ipc::channel::<IpcSender<u8>>().unwrap();
    let (passenger, _passenger_receiver) = ipc::channel::<u8>().unwrap();
    carrier.send(passenger).unwrap();
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..before }).unwrap();
    let received = catch_unwind(AssertUnwindSafe(|| receiver.recv()));
    setrlimit(Resource::Nofile, before).unwrap();
    received.is_err()
}

/// I7 holds: that descriptors were lost on the way is not noticed, and their numbers are used. The
/// start-up channel catches the panic: who has no descriptors makes no processes either.
#[test]
fn a_channel_that_was_lost_on_the_way_is_a_panic() {
    isolated(|| {
        let was_panic = Process::spawn(receive_without_room, ()).unwrap().join();
        assert_eq!(was_panic, Ok(true));
    });
}

/// Receives eight bytes that say of themselves that they are eight. False: it was an orderly error.
fn receive_eight_bytes(with_socket: bool) -> bool {
    let (server, name) = IpcOneShotServer::<u32>::new().unwrap();
    let raw = socket();
    connect(&raw, &SocketAddrUnix::new(name).unwrap()).unwrap();
    let (mine, _theirs) = pair();
    send(&raw, &8_u64.to_le_bytes(), with_socket.then_some(mine.as_fd())).unwrap();
    !matches!(catch_unwind(AssertUnwindSafe(|| server.accept().map(|accepted| accepted.1))), Ok(Err(_)))
}

/// I8 holds: a length is computed from a packet that is shorter than its header. With checks for overflow
/// that is a panic, without them a vector of nearly 2^64 bytes. What comes of it is seen in a process of
/// its own. Nobody but the node and its zygote can send such a packet to either.
#[test]
fn a_packet_shorter_than_its_header_is_no_orderly_error() {
    isolated(|| {
        for with_socket in [false, true] {
            let outcome = Process::spawn(receive_eight_bytes, with_socket).unwrap().join();
            println!("eight bytes, with a socket: {with_socket}: {outcome:?}");
            assert!(!matches!(outcome, Ok(false)), "{outcome:?}");
        }
        // Who dies over it does not remove the folder of its server. This test has all of them to itself.
        for folder in fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
            fs::remove_dir_all(folder.path()).unwrap();
        }
    });
}

/// Cannot be sent, but what stands before it in a message has been by then.
#[derive(Deserialize)]
struct Unsendable;

impl Serialize for Unsendable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

/// A sender whose messages come to a socket of ours, and that socket.
fn to_raw<T: Serialize>(folder: &std::path::Path, name: &str) -> (IpcSender<T>, OwnedFd) {
    let (path, listener) = (folder.join(name), socket());
    bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    listen(&listener, 1).unwrap();
    let sender = IpcSender::connect(path.to_str().unwrap().to_owned()).unwrap();
    (sender, accept(&listener).unwrap())
}

fn descriptors_in_next(socket: &OwnedFd) -> usize {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let (mut ancillary, mut bytes) = (RecvAncillaryBuffer::new(&mut space), [0; 64]);
    let mut slices = [std::io::IoSliceMut::new(&mut bytes)];
    recvmsg(socket, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC).unwrap();
    ancillary
        .drain()
        .map(|message| match message {
            rustix::net::RecvAncillaryMessage::ScmRights(descriptors) => descriptors.count(),
            _ => 0,
        })
        .sum()
}

/// I12 holds: a channel whose message could not be encoded goes out with the next one, to somebody else.
/// The start-up channel has one message with a channel in it, of numbers and bytes otherwise, and to
/// encode those cannot fail.
#[test]
fn a_channel_of_a_message_that_failed_goes_with_the_next() {
    isolated(|| {
        let folder = tempfile::tempdir().unwrap();
        let (failing, failing_raw) = to_raw::<(IpcSender<u8>, Unsendable)>(folder.path(), "a");
        let (other, other_raw) = to_raw::<u32>(folder.path(), "b");
        let (passenger, _receiver) = ipc::channel::<u8>().unwrap();
        assert!(matches!(failing.send((passenger, Unsendable)), Err(IpcError::SerializationError(_))));
        other.send(1).unwrap();
        assert_eq!(descriptors_in_next(&other_raw), 1, "meant for somebody else");
        other.send(2).unwrap();
        assert_eq!(descriptors_in_next(&other_raw), 0);
        drop((failing_raw, failing));
    });
}
