//! [`Sleeper`]: a live one who waits for something on the queue while somebody dies beside him.
//!
//! He sleeps before the operation begins, so it is the victim's wake that he needs, or that of the
//! repair after the victim's death.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use actor_core::queue::{RecvError, SendError};

use super::channel::Channel;
use super::scene::Item;
use super::table::Sleep;
use crate::crash::{Fault, Kind};
use crate::watch::{bound, has_state};

/// A thread that waits for something.
pub(super) struct Sleeper {
    pub(super) sleep: Sleep,
    thread: JoinHandle<Woken>,
}

/// What a sleeper was told when he woke.
#[derive(Debug)]
pub(super) enum Woken {
    /// He has received a message.
    Received(Item),
    /// His message was sent.
    Sent,
    /// All work is done.
    Joined,
    Closed,
}

/// How long whoever lives may take to go on after a death.
const GO_ON: Duration = Duration::from_secs(1);
const AT_LAST: Duration = Duration::from_secs(30);

impl Sleeper {
    /// Returns when he sleeps.
    pub(super) fn begin(sleep: Sleep, queue: &Channel, item: Item) -> Result<Sleeper, Fault> {
        let number = Arc::new(AtomicU32::new(0));
        let (queue, told) = (queue.clone(), number.clone());
        let thread = thread::spawn(move || {
            told.store(rustix::thread::gettid().as_raw_nonzero().get() as u32, Release);
            match sleep {
                Sleep::Recv => match queue.recv() {
                    Ok(item) => Woken::Received(item),
                    Err(RecvError::Closed) => Woken::Closed,
                    Err(error) => panic!("{}", Kind::Torn.fault(error)),
                },
                Sleep::Send => match queue.send(item) {
                    Ok(()) => Woken::Sent,
                    Err(SendError::Closed(_)) => Woken::Closed,
                    Err(error) => panic!("{}", Kind::Wedged.fault(format!("a sender who waits was told {error:?}"))),
                },
                Sleep::Join => {
                    queue.join();
                    Woken::Joined
                }
            }
        });
        let sleeper = Sleeper { sleep, thread };
        let asleep = || number.load(Acquire) != 0 && has_state(std::process::id(), number.load(Acquire), 'S');
        match soon(|| asleep() || sleeper.is_awake()) && !sleeper.is_awake() {
            true => Ok(sleeper),
            false => Err(Kind::Wedged.fault(format!("he who was to sleep does not: {sleep:?}"))),
        }
    }

    pub(super) fn is_awake(&self) -> bool {
        self.thread.is_finished()
    }

    /// What he was told, once he is awake.
    pub(super) fn end(self) -> Result<Woken, Fault> {
        let sleep = self.sleep;
        self.thread.join().map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            Fault::in_text(&text).unwrap_or_else(|| Kind::Wedged.fault(format!("{sleep:?} has panicked: {text}")))
        })
    }
}

/// Waits until it is so, for as long as anybody may take. False: it is not.
pub(super) fn soon(is_so: impl FnMut() -> bool) -> bool {
    within(GO_ON, is_so)
}

/// Waits until something is so that is a condition and not a finding, however busy the machine is. False:
/// it will never be so.
pub(super) fn at_last(is_so: impl FnMut() -> bool) -> bool {
    within(AT_LAST, is_so)
}

fn within(time: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    /// Most things are so after the others have had the processor once.
    const YIELDS: u32 = 200;
    let deadline = Instant::now() + bound(time);
    for round in 0_u32.. {
        if is_so() {
            return true;
        }
        match round {
            0..YIELDS => thread::yield_now(),
            _ if deadline <= Instant::now() => return false,
            _ => thread::park_timeout(Duration::from_millis(1)),
        }
    }
    false
}
