//! A node with a process that takes more memory than there is, and one that does not.

use std::error::Error;

use actor_core::process::{JoinError, Process};
use actor_core::queue::{Close, Queue};

/// More than the test lets it have, and little enough for a machine that does not stop it.
const BYTES: usize = 512 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let queue = Queue::<u32>::bounded(1)?;
    let modest = Process::spawn(|queue: Queue<u32>| queue.recv().unwrap_or_default(), queue.clone())?;
    let greedy = Process::spawn(|bytes: usize| vec![1_u8; bytes].iter().map(|byte| usize::from(*byte)).sum(), BYTES)?;
    let ended: Result<usize, JoinError> = greedy.join();
    println!("greedy: {ended:?}");
    // And a kill by somebody else is not one for memory.
    let pid = rustix::process::Pid::from_raw(modest.pid().try_into()?).ok_or("a process has a number")?;
    rustix::process::kill_process(pid, rustix::process::Signal::KILL)?;
    println!("modest: {:?}", modest.join());
    queue.close(Close::Now);
    Ok(())
}
