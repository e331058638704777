//! Ends that go from one process to the next.

use actor_core::prelude::*;
use actor_core::queue::{Close, Queue};
use rustix::process::{Signal, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use super::*;

/// Keeps an end for others.
#[derive(Actor, Serialize, Deserialize)]
struct Keeper {
    kept: Option<Sender<u32>>,
}

#[handlers]
impl Keeper {
    #[cast]
    fn keep(&mut self, sender: Sender<u32>) {
        self.kept = Some(sender);
    }

    #[call]
    fn say(&self, number: u32) -> bool {
        self.kept.as_ref().is_some_and(|sender| sender.send(number).is_ok())
    }

    #[call]
    fn hand_out(&mut self) -> Option<Sender<u32>> {
        self.kept.take()
    }

    #[call]
    fn panic_with(&mut self, sender: Sender<u32>) {
        let _kept = sender;
        panic!("as told");
    }
}

#[test]
fn i_06_an_end_goes_through_a_pipe_to_a_third_process() {
    isolated_for_both(|| {
        let (ends, ends_there) = pipe::simplex::<Sender<u32>>().unwrap();
        let (numbers, sender) = pipe::simplex::<u32>().unwrap();
        let passing = |(sender, ends): (Sender<u32>, Sender<Sender<u32>>)| {
            sender.send(1).unwrap();
            ends.send(sender).unwrap();
        };
        let using = |ends: Receiver<Sender<u32>>| ends.recv().unwrap().send(2).unwrap();
        let first = Process::spawn(passing, (sender, ends_there)).unwrap();
        end(first);
        // Who had it before is dead, which is nobody's business any more.
        assert_eq!((numbers.recv_timeout(SOON), numbers.try_recv()), (Ok(1), Err(RecvError::Empty)));
        let second = Process::spawn(using, ends).unwrap();
        end(second);
        assert_eq!(numbers.recv_timeout(SOON), Ok(2));
        assert_eq!(numbers.recv_timeout(SOON), Err(RecvError::Eof));
    });
}

/// What was sent is there for a receiver who comes when nobody else has anything to do with the pipe.
#[test]
fn a_receiver_finds_what_was_sent_before_all_others_have_left() {
    isolated(|| {
        let queue = Queue::<Receiver<u32>>::bounded(1).unwrap();
        let filling = |queue: Queue<Receiver<u32>>| {
            let (receiver, sender) = pipe::simplex().unwrap();
            queue.send(receiver).unwrap();
            (1..=3).for_each(|number| sender.send(number).unwrap());
        };
        end(Process::spawn(filling, queue.clone()).unwrap());
        let receiver = queue.recv().unwrap();
        let received = [(); 4].map(|()| receiver.recv_timeout(SOON));
        assert_eq!(received, [Ok(1), Ok(2), Ok(3), Err(RecvError::Eof)]);
        queue.close(Close::Now);
    });
}

#[test]
fn i_06_an_end_goes_to_an_actor_and_comes_back() {
    isolated_for_both(|| {
        let (numbers, sender) = pipe::simplex::<u32>().unwrap();
        let keeper = Keeper { kept: Some(sender) }.spawn().unwrap();
        assert!(keeper.say(1).wait().unwrap());
        let sender = keeper.hand_out().wait().unwrap().expect("it had one");
        assert!(!keeper.say(0).wait().unwrap());
        sender.send(2).unwrap();
        keeper.keep(sender).send().unwrap();
        assert!(keeper.say(3).wait().unwrap());
        assert_eq!([(); 3].map(|()| numbers.recv_timeout(SOON).ok()), [Some(1), Some(2), Some(3)]);
        keeper.stop().unwrap();
        assert!(numbers.recv_timeout(SOON).is_err());
    });
}

#[test]
fn an_end_in_a_message_that_nobody_gets_is_told_of() {
    isolated(|| {
        let keeper = Keeper { kept: None }.spawn().unwrap();
        let (numbers, sender) = pipe::simplex::<u32>().unwrap();
        keeper.panic_with(sender).wait().unwrap_err();
        assert!(matches!(numbers.recv_timeout(SOON), Err(RecvError::Disconnected(_) | RecvError::Eof)));
        // Its caller hears of it before everything is done that follows, and who monitors it then is told at once:
        // until the node has come to the end of it, the mailbox is there for another life.
        assert!(actor_core::testing::raw::node_answers());
        let (numbers, sender) = pipe::simplex::<u32>().unwrap();
        let refused = keeper.keep(sender).send();
        assert!(refused.is_err(), "the actor has ended");
        drop(refused);
        assert_eq!(numbers.recv_timeout(SOON), Err(RecvError::Eof), "it was never sent");
        let (numbers, sender) = pipe::simplex::<u32>().unwrap();
        let keeper = Keeper { kept: Some(sender) }.spawn().unwrap();
        // Given up before it is answered, or while it is, or a moment later.
        drop(keeper.hand_out().timeout(Duration::ZERO).wait());
        assert!(numbers.recv_timeout(SOON).is_err(), "an answer that nobody waits for is none");
        keeper.stop().unwrap();
    });
}

/// The sender dies when its message was accepted, and before anybody has received it.
#[test]
fn an_end_in_a_message_outlives_its_sender() {
    isolated(|| {
        let queue = Queue::<Sender<u32>>::bounded(1).unwrap();
        let (numbers, sender) = pipe::simplex::<u32>().unwrap();
        let sending = |(queue, sender): (Queue<Sender<u32>>, Sender<u32>)| {
            queue.send(sender).unwrap();
            foreign::sleep_in_c(1000);
        };
        let process = Process::spawn(sending, (queue.clone(), sender)).unwrap();
        actor_tests::watch::until("it is sent", || queue.len() == 1);
        // It was accepted; the call returns within the next instructions, before the sleep.
        actor_tests::watch::until("it sleeps", || actor_tests::watch::has_state(process.pid(), process.pid(), 'S'));
        pidfd_send_signal(process.sentinel().unwrap(), Signal::KILL).unwrap();
        process.join_timeout(bound(SOON)).unwrap_err();
        assert_eq!(numbers.try_recv(), Err(RecvError::Empty));
        queue.recv().unwrap().send(9).unwrap();
        assert_eq!((numbers.recv(), numbers.recv()), (Ok(9), Err(RecvError::Eof)));
        queue.close(Close::Now);
    });
}

/// Ends are numbers, not descriptors: there is no limit but that of the message.
#[test]
fn i_09_hundreds_of_ends_travel_in_one_message() {
    isolated(|| {
        let (ends, there) = pipe::simplex::<Vec<Sender<u32>>>().unwrap();
        let process = Process::spawn(
            |ends: Receiver<Vec<Sender<u32>>>| {
                let senders = ends.recv().unwrap();
                (0..).zip(&senders).for_each(|(number, sender)| sender.send(number).unwrap());
            },
            ends,
        )
        .unwrap();
        let small = pipe::Options { capacity: 1, message_max: 64, bytes: 0 };
        let (receivers, senders): (Vec<_>, Vec<_>) = (0..254).map(|_| small.simplex::<u32>().unwrap()).unzip();
        there.send(senders).unwrap();
        for (number, receiver) in (0..).zip(receivers) {
            assert_eq!(receiver.recv_timeout(SOON), Ok(number));
            assert_eq!(receiver.recv_timeout(SOON), Err(RecvError::Eof));
        }
        end(process);
    });
}
