//! What the kernel offers between two processes, measured in the same run as ours: a pipe, and a
//! pair of Unix sockets that keep messages apart.

use std::fs::OpenOptions;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::thread;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

use crate::echo::Echo;
use crate::senders::{Briefed, Senders};
use crate::{PAUSE, messages};

const PEER_SIZES: [usize; 2] = [64, 1 << 20];
/// As much as an unprivileged process may have.
const PIPE_BYTES: usize = 1 << 20;
/// What fits into a socket's buffer for sure; a larger message goes in several.
const PACKET_BYTES: usize = 64 << 10;

#[divan::bench(args = PEER_SIZES, sample_size = 1, sample_count = 10)]
fn pipe_1_to_1(bencher: Bencher<'_, '_>, size: usize) {
    let count = messages(size);
    counted(bencher, size).with_inputs(|| Piped::prepare(size, count)).bench_local_values(|mut piped| {
        let mut buffer = vec![0; size];
        piped.senders.go();
        (0..count).for_each(|_| piped.reader.read_exact(&mut buffer).expect("a message"));
        piped
    });
}

#[divan::bench(args = PEER_SIZES, sample_size = 1, sample_count = 10)]
fn seqpacket_1_to_1(bencher: Bencher<'_, '_>, size: usize) {
    let packets = messages(size) * packets_of(size);
    counted(bencher, size).with_inputs(|| Connected::prepare(size)).bench_local_values(|connected| {
        let mut buffer = vec![0; size.min(PACKET_BYTES)];
        connected.senders.go();
        for _ in 0..packets {
            net::recv(&connected.socket, &mut buffer[..], RecvFlags::empty()).expect("a packet");
        }
        connected
    });
}

#[divan::bench(sample_size = 1000, sample_count = 100)]
fn pipe_there_and_back_hot(bencher: Bencher<'_, '_>) {
    let mut echo = Echo::start();
    bencher.bench_local(|| echo.ask());
}

#[divan::bench(sample_size = 1, sample_count = 300)]
fn pipe_there_and_back_cold(bencher: Bencher<'_, '_>) {
    let mut echo = Echo::start();
    let asleep = || thread::park_timeout(PAUSE);
    bencher.with_inputs(asleep).bench_local_values(|()| echo.ask());
}

fn counted<'a, 'b>(bencher: Bencher<'a, 'b>, size: usize) -> Bencher<'a, 'b> {
    let count = messages(size);
    bencher.counter(ItemsCount::new(count)).counter(BytesCount::new(count * size))
}

fn packets_of(size: usize) -> usize {
    size.div_ceil(PACKET_BYTES)
}

struct Piped {
    senders: Senders,
    reader: PipeReader,
    /// Open until the sender has it as well.
    _writer: PipeWriter,
}

impl Piped {
    fn prepare(size: usize, count: usize) -> Piped {
        let (reader, writer) = pipe().expect("a pipe");
        // Refused where pipes take too much already: then it has what it has.
        let _ = rustix::pipe::fcntl_setpipe_size(&writer, PIPE_BYTES);
        let senders = Senders::start(write, [(std::process::id(), writer.as_raw_fd(), size, count)]);
        Piped { senders, reader, _writer: writer }
    }
}

fn write((word, (pid, number, size, count)): Briefed<(u32, RawFd, usize, usize)>) {
    let bytes = vec![7; size];
    let mut pipe = OpenOptions::new().write(true).open(format!("/proc/{pid}/fd/{number}")).expect("the pipe is there");
    word.recv().expect("the word");
    (0..count).for_each(|_| pipe.write_all(&bytes).expect("somebody reads"));
}

struct Connected {
    senders: Senders,
    socket: OwnedFd,
}

impl Connected {
    fn prepare(size: usize) -> Connected {
        let name = format!("actor-core benches {}", std::process::id()).into_bytes();
        let (socket, senders) = accepted(&name, || Senders::start(send, [(name.clone(), size)]));
        Connected { senders, socket }
    }
}

fn send((word, (name, size)): Briefed<(Vec<u8>, usize)>) {
    let bytes = vec![7; size.min(PACKET_BYTES)];
    let socket = connected(&name);
    word.recv().expect("the word");
    for _ in 0..messages(size) * packets_of(size) {
        net::send(&socket, &bytes, SendFlags::empty()).expect("somebody receives");
    }
}

/// A socket, and whoever is at its other end: he connects to this name.
pub(crate) fn accepted<T>(name: &[u8], start: impl FnOnce() -> T) -> (OwnedFd, T) {
    let listener = socket();
    net::bind(&listener, &address(name)).expect("the name is ours");
    net::listen(&listener, 1).expect("it is bound");
    let other = start();
    (net::accept(&listener).expect("the other connects"), other)
}

/// The other end.
pub(crate) fn connected(name: &[u8]) -> OwnedFd {
    let socket = socket();
    net::connect(&socket, &address(name)).expect("somebody listens");
    socket
}

fn socket() -> OwnedFd {
    net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("a socket")
}

fn address(name: &[u8]) -> SocketAddrUnix {
    SocketAddrUnix::new_abstract_name(name).expect("a short name")
}
