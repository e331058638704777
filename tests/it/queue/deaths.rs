//! Deaths at random moments, of those who send and of those who receive. The others go on.
//!
//! The books are kept on a board, beside the queue: what a process has written there just before
//! it was killed is still there. `TEST_EFFORT` makes more rounds, `TEST_SEED` the same ones again.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use actor_core::process::Process;
use actor_core::queue::{Close, Options, Queue};
use actor_tests::board::Board;
use actor_tests::chance::{Chance, effort};
use actor_tests::message::Message;
use actor_tests::watch::{self, bound};
use rustix::process::{Signal, pidfd_send_signal};

use super::isolated;

const ROUNDS: u32 = 300;
/// How long a victim lives at most.
const LIFE: Duration = Duration::from_millis(4);

/// SIGKILL out of the blue, past the node. One who has ended is beyond that.
fn kill<R>(victim: &Process<R>) {
    let _ = pidfd_send_signal(victim.sentinel().unwrap(), Signal::KILL);
}

/// Room for some large messages, so that senders wait for extents as well as for slots.
fn queue() -> Queue<Message> {
    Options { message_max: 100_000, bytes: 1 << 20, ..Options::new(64) }.create().unwrap()
}

/// Beside the slot, in small extents, in large ones.
fn length(chance: &mut Chance) -> usize {
    let max = *chance.one_of(&[80, 80, 4_000, 65_000]);
    chance.below(max + 1) as usize
}

/// Of the board: how many messages each sender has sent, then how many of each were received.
const STOP: usize = 0;
const SENT: usize = 1;

fn send((queue, board, me): (Queue<Message>, Board, u32)) {
    let mut chance = Chance::new(u64::from(me));
    for number in 0.. {
        if board[STOP].load(Relaxed) != 0 {
            return;
        }
        queue.send(Message::new(me, number, length(&mut chance))).unwrap();
        board[SENT + me as usize].store(u64::from(number) + 1, Release);
    }
}

/// Receives until the end. No message of a sender is missing before one that has come.
fn receive((queue, board, received): (Queue<Message>, Board, usize)) {
    for message in &queue {
        assert!(message.is_whole(), "{message:?}");
        let before = board[received + message.from() as usize].fetch_add(1, Release);
        assert_eq!(u64::from(message.number()), before, "{message:?}");
    }
}

#[test]
fn t_01_a_killed_sender_loses_at_most_what_it_was_sending() {
    isolated(|| {
        let (rounds, mut chance) = (ROUNDS * effort(), Chance::announced());
        let received = SENT + 1 + rounds as usize;
        let (queue, board) = (queue(), Board::new(2 * received));
        let receiver = Process::spawn(receive, (queue.clone(), board.clone(), received)).unwrap();
        // Sender 0 lives on, the others die.
        let steady = Process::spawn(send, (queue.clone(), board.clone(), 0)).unwrap();
        for victim in 1..=rounds {
            let victim = Process::spawn(send, (queue.clone(), board.clone(), victim)).unwrap();
            chance.pause(LIFE);
            kill(&victim);
            victim.join_timeout(bound(Duration::from_secs(5))).unwrap_err();
        }
        let steady_sent = board[SENT].load(Acquire);
        watch::until("the steady sender goes on", || steady_sent + 100 < board[SENT].load(Acquire));
        board[STOP].store(1, Release);
        assert_eq!(steady.join_timeout(bound(Duration::from_secs(5))), Ok(()));
        queue.close(Close::Drain);
        assert_eq!(receiver.join_timeout(bound(Duration::from_secs(5))), Ok(()));
        let count = |first: usize, sender: u32| board[first + sender as usize].load(Acquire);
        assert_eq!(count(received, 0), count(SENT, 0));
        for victim in 1..=rounds {
            let (sent, received) = (count(SENT, victim), count(received, victim));
            assert!(received == sent || received == sent + 1, "sent {sent}, received {received} of {victim}");
        }
    });
}

const ITEMS: u32 = 40_000;

/// Of the board: how often each item was received, then how often it was acknowledged.
const ACKNOWLEDGED: usize = ITEMS as usize;

/// Takes each item as a task, and writes down what happens to it before and after.
fn work((queue, board): (Queue<Message>, Board)) {
    while let Ok(task) = queue.recv_task() {
        assert!(task.is_whole(), "{task:?}");
        let number = task.number() as usize;
        let before = board[number].fetch_add(1, Release);
        assert_eq!(board[ACKNOWLEDGED + number].load(Acquire), 0, "{task:?} is done");
        assert!(before < u64::from(task.delivery_count()), "{task:?} was received {before} times");
        task.done();
        board[ACKNOWLEDGED + number].store(1, Release);
    }
}

/// Each item is acknowledged before this process knows of it.
fn take((queue, board): (Queue<Message>, Board)) {
    for message in &queue {
        assert!(message.is_whole(), "{message:?}");
        let before = board[message.number() as usize].fetch_add(1, Release);
        assert_eq!(before, 0, "{message:?}");
    }
}

/// Lets receivers begin and die while items are sent, and tells how often each item was received
/// and how many of them have died.
fn receive_and_die(receive: fn((Queue<Message>, Board))) -> (Vec<u64>, u64) {
    let (queue, board, mut chance) = (queue(), Board::new(2 * ITEMS as usize), Chance::announced());
    let send = |queue: Queue<Message>| {
        let mut chance = Chance::new(7);
        (0..ITEMS).for_each(|number| queue.send(Message::new(0, number, length(&mut chance) / 4)).unwrap());
        queue.close(Close::Drain);
    };
    let sender = Process::spawn(send, queue.clone()).unwrap();
    // One that lives on: what the other leaves is received by both.
    let steady = Process::spawn(receive, (queue.clone(), board.clone())).unwrap();
    let mut deaths = 0;
    while sender.is_alive() {
        let victim = Process::spawn(receive, (queue.clone(), board.clone())).unwrap();
        chance.pause(LIFE);
        kill(&victim);
        deaths += u64::from(victim.join_timeout(bound(Duration::from_secs(5))).is_err());
    }
    assert_eq!(sender.join(), Ok(()));
    assert_eq!(steady.join_timeout(bound(Duration::from_secs(5))), Ok(()));
    // What the last victim has left when everybody else had gone.
    receive((queue.clone(), board.clone()));
    assert!(queue.join_timeout(Duration::ZERO), "all is done");
    (board[..ITEMS as usize].iter().map(|word| word.load(Acquire)).collect(), deaths)
}

#[test]
fn t_02_a_task_of_a_killed_receiver_is_handed_out_again() {
    isolated(|| {
        let (received, deaths) = receive_and_die(work);
        assert!(received.iter().all(|times| 1 <= *times), "none is lost");
        let again: u64 = received.iter().map(|times| times - 1).sum();
        assert!(again <= deaths, "{again} again after {deaths} deaths");
    });
}

#[test]
fn t_02_an_item_of_a_killed_receiver_is_not_doubled() {
    isolated(|| {
        let (received, deaths) = receive_and_die(take);
        let unknown = received.iter().filter(|times| **times == 0).count() as u64;
        assert!(unknown <= deaths, "{unknown} died with one of {deaths}");
    });
}
