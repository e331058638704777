//! A node that sends and sends, in a control group with little memory, and takes nothing out.
//!
//! What it does not get must be an error, and must be nobody's end.

use std::error::Error;

use actor_core::process::Process;
use actor_core::queue::{Close, CreateError, Options, Queue, SendError};

const MIB: usize = 1 << 20;
/// More than the test lets it have, and little enough for a machine that does not stop it.
const MESSAGES: usize = 512;

fn main() -> Result<(), Box<dyn Error>> {
    let gate = Queue::<u32>::bounded(1)?;
    let bystander = Process::spawn(|gate: Queue<u32>| gate.recv().unwrap_or_default(), gate.clone())?;
    let hoarder = Process::spawn(hoard, ())?;
    println!("hoarder: {:?}", hoarder.join());
    println!("queues: {}", make_queues());
    println!("bystander: {}", bystander.is_alive());
    gate.send(7)?;
    println!("later: {}", bystander.join()?);
    gate.close(Close::Now);
    Ok(())
}

fn options() -> Options {
    Options { message_max: 2 * MIB, bytes: 2 * MESSAGES * MIB, ..Options::new(MESSAGES) }
}

/// Sends large messages until there is no memory; then takes them out again.
fn hoard((): ()) -> String {
    let queue: Queue<Vec<u8>> = options().create().expect("there is room for an empty queue");
    let message = vec![1; MIB - 100];
    let refused = (0..MESSAGES).find_map(|_| queue.try_send(message.clone()).err());
    let said = match refused {
        Some(SendError::NoMemory(back)) if back == message => "no memory",
        Some(other) => return other.to_string(),
        None => return "all was taken".into(),
    };
    let count = queue.len();
    assert!((0..count).all(|_| queue.try_recv().is_ok_and(|received| received == message)));
    queue.close(Close::Now);
    format!("{said} after {} or more", count / 16 * 16)
}

/// Makes queues that need their memory at once until there is none, and tells what was said then.
fn make_queues() -> String {
    let mut queues: Vec<Queue<u8>> = Vec::new();
    loop {
        match Queue::bounded(1 << 16) {
            Ok(queue) if queues.len() < 10_000 => queues.push(queue),
            Ok(_) => return "there was always memory".into(),
            Err(CreateError::Memory(_)) => return "no memory".into(),
            Err(other) => return other.to_string(),
        }
    }
}
