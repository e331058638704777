//! Death at every single instruction of a send.
//!
//! The victim is led through the operation instruction by instruction, and killed after so many of
//! them, then another one after some more, until one has come to the end. What the models do for the
//! steps of the protocol this does for the program as it was compiled. With `TEST_EFFORT=6` it is every
//! instruction; otherwise every sixth, each time others.

use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use actor_core::ExitReason;
use actor_core::process::{JoinError, Process};
use actor_core::queue::{Close, Options, Queue};
use actor_tests::board::Board;
use actor_tests::chance::{Chance, effort};
use actor_tests::message::Message;
use actor_tests::steps::Stepped;
use actor_tests::watch::{bound, until};
use rustix::process::{Signal, pidfd_send_signal};
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};

use crate::harness::{isolated, skip};

/// Of the board: the victim that stands before its send, the one that may begin, the one that is done.
const READY: usize = 0;
const GO: usize = 1;
const SENT: usize = 2;

fn send_when_told((queue, board, me, length): (Queue<Message>, Board, u32, usize)) {
    // Once before, so that what is done for the first time is not what is tested.
    queue.send(Message::new(me, 0, length)).unwrap();
    queue.recv().unwrap();
    let message = Message::new(me, 1, length);
    board[READY].store(me.into(), Release);
    while board[GO].load(Acquire) != u64::from(me) {
        std::thread::yield_now();
    }
    queue.send(message).unwrap();
    board[SENT].store(me.into(), Release);
    loop {
        std::thread::park();
    }
}

/// A queue on which one after the other dies.
struct Field {
    queue: Queue<Message>,
    board: Board,
    victims: u32,
    received: u32,
}

impl Field {
    /// Kills one who sends after so many instructions, and tells whether it had sent before.
    fn kill_after(&mut self, steps: usize, length: usize) -> std::io::Result<bool> {
        self.victims += 1;
        let (me, board) = (self.victims, &self.board);
        let is_at = |place: usize| board[place].load(Acquire) == u64::from(me);
        let victim = Process::spawn(send_when_told, (self.queue.clone(), board.clone(), me, length)).unwrap();
        until("the victim is ready", || is_at(READY));
        let stepped = Stepped::stop(victim.pid());
        board[GO].store(me.into(), Release);
        let led =
            stepped.and_then(|stepped| (0..steps).try_for_each(|_| if is_at(SENT) { Ok(()) } else { stepped.step() }));
        let has_sent = is_at(SENT);
        pidfd_send_signal(victim.sentinel().unwrap(), Signal::KILL)?;
        let Err(JoinError::Died(report)) = victim.join_timeout(bound(Duration::from_secs(5))) else {
            panic!("it was killed")
        };
        assert!(matches!(report.reason, ExitReason::Signaled { signal: 9, .. }), "{report}");
        led?;
        self.look(has_sent);
        Ok(has_sent)
    }

    /// The message is there or not, whole; and whoever comes next finds the queue as if it had been he.
    fn look(&mut self, has_sent: bool) {
        let (me, there) = (self.victims, self.queue.len());
        assert!(there == 1 || there == 0 && !has_sent, "{there} messages");
        if there == 1 {
            let message = self.queue.try_recv().unwrap();
            assert!(message.is_whole() && message.from() == me, "{message:?}");
            self.received += 1;
        }
        assert!(self.queue.join_timeout(Duration::ZERO), "all is done");
        let room = (0..).take_while(|n| self.queue.try_send(Message::new(0, *n, 10)).is_ok()).count();
        assert_eq!(room, CAPACITY, "there is room for as many as ever");
        (0..room).for_each(|_| drop(self.queue.try_recv().unwrap()));
    }
}

const CAPACITY: usize = 3;
/// From one victim to the next. A send has about a thousand instructions, and one led step takes as long
/// as they do.
const STRIDE: usize = 6;
/// Fewer instructions than any send has.
const STEPS_MIN: usize = 200;

/// A step is a change from leader to led and back; that is fastest without waking another processor.
fn stay_on_one_processor() {
    let mut one = CpuSet::new();
    one.set(sched_getcpu());
    sched_setaffinity(None, &one).unwrap();
}

#[test]
fn t_01_a_sender_may_die_at_every_instruction() {
    isolated(|| {
        stay_on_one_processor();
        let queue = Options { message_max: 100_000, bytes: 1 << 20, ..Options::new(CAPACITY) }.create().unwrap();
        let mut field = Field { queue, board: Board::new(3), victims: 0, received: 0 };
        let (stride, mut chance) = (STRIDE.div_ceil(effort() as usize), Chance::announced());
        for length in [40, 1_500] {
            let mut steps = chance.below(stride as u64) as usize;
            loop {
                match field.kill_after(steps, length) {
                    Ok(false) => steps += stride,
                    Ok(true) => break,
                    Err(error) if field.victims == 1 => return skip(&format!("nobody can be led here: {error}")),
                    Err(error) => panic!("{error}"),
                }
            }
            assert!(STEPS_MIN < steps, "{steps} steps are not those of a send");
        }
        assert!(0 < field.received && field.received < field.victims);
        field.queue.close(Close::Now);
    });
}
