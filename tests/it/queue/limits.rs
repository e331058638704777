//! At the limits of the machine, or with a peer that does not move: an error value, and no harm.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::{Duration, Instant};

use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::queue::{Close, Queue, SendError};
use actor_tests::board::Board;
use actor_tests::message::Message;
use actor_tests::{memory, watch};
use rustix::process::{Signal, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use super::isolated;
use crate::harness::{isolated_through, skip};

const STOPPED_FOR: Duration = Duration::from_secs(10);
const CAPACITY: usize = 128;
const LENGTH: usize = 4000;
const SENDERS: usize = 2;

/// Of the board: stop, then for each sender how many messages were sent and how many refused, then
/// what was received.
const SENT: usize = 1;
const REFUSED: usize = SENT + SENDERS;
const RECEIVED: usize = REFUSED + SENDERS;

fn send_on((queue, board, me): (Queue<Message>, Board, usize)) {
    let mut number = 0;
    while board[0].load(Relaxed) == 0 {
        match queue.send_timeout(Message::new(me as u32, number, LENGTH), Duration::from_millis(20)) {
            Ok(()) => {
                number += 1;
                board[SENT + me].fetch_add(1, Relaxed);
            }
            Err(SendError::Full(message)) => {
                assert!(message.is_whole(), "it comes back");
                board[REFUSED + me].fetch_add(1, Relaxed);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn receive_on((queue, board): (Queue<Message>, Board)) {
    for message in &queue {
        assert!(message.is_whole(), "{message:?}");
        let before = board[RECEIVED + message.from() as usize].fetch_add(1, Relaxed);
        assert_eq!(before, u64::from(message.number()));
    }
}

#[test]
fn x_05_a_stopped_receiver_costs_no_memory() {
    isolated(|| {
        let (queue, board) = (Queue::<Message>::bounded(CAPACITY).unwrap(), Board::new(RECEIVED + SENDERS));
        let receiver = Process::spawn(receive_on, (queue.clone(), board.clone())).unwrap();
        let senders: Vec<_> =
            (0..SENDERS).map(|me| Process::spawn(send_on, (queue.clone(), board.clone(), me)).unwrap()).collect();
        let sum = |first: usize| board[first..first + SENDERS].iter().map(|word| word.load(Acquire)).sum::<u64>();
        watch::until("messages flow", || 1000 < sum(RECEIVED));
        let signal = |signal| pidfd_send_signal(receiver.sentinel().unwrap(), signal).unwrap();
        signal(Signal::STOP);
        let refused = sum(REFUSED);
        watch::until("the queue is full", || refused + 2 < sum(REFUSED));
        let all_memory = || memory::shared() + senders.iter().map(|sender| memory::private(sender.pid())).sum::<u64>();
        let (end, full, sent) = (Instant::now() + STOPPED_FOR, all_memory(), sum(SENT));
        let is_over = watch::wait_for(2 * STOPPED_FOR, || {
            let now = all_memory();
            assert!(now <= full + (64 << 10), "{full} bytes have become {now}");
            assert_eq!(watch::Seen::of(receiver.pid()).map(|seen| seen.state), Some('T'));
            (end <= Instant::now()).then_some(())
        });
        assert!(is_over.is_some());
        assert_eq!(sum(SENT), sent, "there is no room for any");
        // Each is refused every 20 ms, however slow the machine is.
        assert!(refused + 10 < sum(REFUSED), "Full is reported again and again");
        signal(Signal::CONT);
        let received = sum(RECEIVED);
        watch::until("messages flow again", || received + 1000 < sum(RECEIVED));
        board[0].store(1, Relaxed);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        queue.close(Close::Drain);
        assert_eq!(receiver.join(), Ok(()));
        assert_eq!(sum(RECEIVED), sum(SENT), "what was refused was not sent, what was sent has come");
    });
}

/// Takes more than there is in the tiny one.
#[derive(Actor, Serialize, Deserialize)]
struct Scale;

#[handlers]
impl Scale {
    #[call]
    fn length(&self, bytes: Vec<u8>) -> usize {
        bytes.len()
    }
}

/// A namespace in which `/dev/shm` has 64 KiB; the arguments are a program that runs there.
const TINY: [&str; 6] =
    ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /dev/shm && exec \"$@\"", "tiny"];

#[test]
fn x_06_shared_memory_of_the_system_is_not_needed() {
    let mut probe = Command::new(TINY[0]);
    probe.args(&TINY[1..]).arg("true").stdout(Stdio::null()).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        return skip("x_06: no mount namespace can be made here");
    }
    isolated_through(&TINY, || {
        let mut file = fs::File::create("/dev/shm/full").unwrap();
        let is_full = |file: &mut fs::File| file.write_all(&[1; 4096]).is_err();
        assert!((0..17).any(|_| is_full(&mut file)), "this is not the tiny one");
        let queue: Queue<Message> = Queue::bounded(2 * CAPACITY).unwrap();
        let receive = |queue: Queue<Message>| queue.iter().filter(Message::is_whole).count();
        let receiver = Process::spawn(receive, queue.clone()).unwrap();
        for number in 0..CAPACITY {
            queue.send(Message::new(0, number as u32, 2000 * number)).unwrap();
        }
        queue.close(Close::Drain);
        assert_eq!(receiver.join(), Ok(CAPACITY));
        let mut app = Supervisor::builder();
        let scale = app.child(Scale).unwrap();
        let app = app.start().unwrap();
        assert_eq!(scale.length(vec![1; 500_000]).wait().unwrap(), 500_000);
        app.stop().unwrap();
    });
}
