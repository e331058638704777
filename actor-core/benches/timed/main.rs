//! How long things take, between processes on this machine.
//!
//! `cargo bench -p actor-core --bench timed -- [FILTER] [--sample-count N]`. Run it on a quiet
//! machine: a case that needs two CPUs and gets one and a half says nothing. Each sample of a case
//! that moves messages is a round with processes of its own, which are ready before time is taken.
//! What is about the spread of single events, memory or processor time is in `figures`.

use std::time::Duration;

mod actor;
mod link;
mod lock;
mod peers;
mod pipe;
mod pool;
mod process;
mod queue;
mod senders;
mod stream;

#[path = "../subjects/book.rs"]
mod book;
#[path = "../subjects/echo.rs"]
mod echo;
#[path = "../subjects/idle.rs"]
mod idle;

/// Bytes of a message.
const SIZES: [usize; 4] = [64, 1 << 10, 64 << 10, 1 << 20];

/// Long enough for both sides to fall asleep.
const PAUSE: Duration = Duration::from_millis(1);

/// How many messages of a size are moved in one round: some tens of milliseconds.
fn messages(size: usize) -> usize {
    match size {
        64 => 512_000,
        1024 => 192_000,
        _ => (512 << 20) / size,
    }
}

fn main() {
    divan::main();
}
