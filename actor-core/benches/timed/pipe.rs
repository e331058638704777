//! A pipe there and back beside a pair of Unix sockets that keep messages apart: awake, and out of sleep.

use std::os::fd::OwnedFd;
use std::thread;

use actor_core::pipe::{self, PipeEnd};
use actor_core::process::Process;
use divan::Bencher;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::PAUSE;
use crate::peers::connected;

/// Bytes of a message.
const BYTES: usize = 64;

#[divan::bench(sample_size = 1000, sample_count = 100)]
fn there_and_back_hot(bencher: Bencher<'_, '_>) {
    let echo = Echo::start();
    bencher.bench_local(|| echo.ask());
}

#[divan::bench(sample_size = 1, sample_count = 300)]
fn there_and_back_cold(bencher: Bencher<'_, '_>) {
    let echo = Echo::start();
    let asleep = || thread::park_timeout(PAUSE);
    bencher.with_inputs(asleep).bench_local_values(|()| echo.ask());
}

#[divan::bench(sample_size = 1000, sample_count = 100)]
fn seqpacket_there_and_back_hot(bencher: Bencher<'_, '_>) {
    let echo = Socket::start();
    bencher.bench_local(|| echo.ask());
}

#[divan::bench(sample_size = 1, sample_count = 300)]
fn seqpacket_there_and_back_cold(bencher: Bencher<'_, '_>) {
    let echo = Socket::start();
    let asleep = || thread::park_timeout(PAUSE);
    bencher.with_inputs(asleep).bench_local_values(|()| echo.ask());
}

/// A process that sends back what comes; it ends with the end that is here.
struct Echo {
    end: PipeEnd<(), ()>,
    _process: Process<()>,
}

impl Echo {
    fn start() -> Echo {
        let (end, there) = pipe::pipe().expect("a pipe");
        let send_back = |end: PipeEnd<(), ()>| {
            while let Ok(bytes) = end.recv_bytes(BYTES) {
                end.send_bytes(&bytes).expect("somebody waits for it");
            }
        };
        Echo { end, _process: Process::spawn(send_back, there).expect("a process") }
    }

    fn ask(&self) {
        self.end.send_bytes(&[7; BYTES]).expect("it reads");
        self.end.recv_bytes(BYTES).expect("it writes");
    }
}

/// The same with a socket.
struct Socket {
    socket: OwnedFd,
    _process: Process<()>,
}

impl Socket {
    fn start() -> Socket {
        let send_back = |name: Vec<u8>| {
            let socket = connected(&name);
            let mut bytes = [0; BYTES];
            while recv(&socket, &mut bytes[..], RecvFlags::empty()).is_ok_and(|(size, _)| size != 0) {
                send(&socket, &bytes, SendFlags::empty()).expect("somebody receives");
            }
        };
        let name = format!("actor-core benches pipe {}", std::process::id()).into_bytes();
        let (socket, process) = crate::peers::accepted(&name, || Process::spawn(send_back, name.clone()));
        Socket { socket, _process: process.expect("a process") }
    }

    fn ask(&self) {
        let mut bytes = [7; BYTES];
        send(&self.socket, &bytes, SendFlags::empty()).expect("it reads");
        recv(&self.socket, &mut bytes[..], RecvFlags::empty()).expect("it writes");
    }
}
