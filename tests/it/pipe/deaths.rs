//! Ends whose process is killed or stopped.

use actor_core::ExitReason;
use actor_tests::chance::{Chance, effort};
use actor_tests::message::Message;
use rustix::process::{Signal, pidfd_send_signal};

use super::*;

/// SIGKILL out of the blue, past the node.
fn kill<R>(victim: &Process<R>) {
    let _ = pidfd_send_signal(victim.sentinel().unwrap(), Signal::KILL);
}

fn is_kill(reason: &ExitReason) -> bool {
    matches!(reason, ExitReason::Signaled { signal: 9, .. })
}

#[test]
fn i_04_the_death_of_one_end_is_an_error_value_at_the_other() {
    isolated_for_both(|| {
        let (here, there) = pipe::pipe::<u32, u32>().unwrap();
        let process = Process::spawn(sleep_with::<PipeEnd<u32, u32>>, there).unwrap();
        let asking = std::thread::spawn({
            let (id, pid) = (process.id(), process.pid());
            move || {
                let received = here.recv_timeout(SOON);
                let Err(RecvError::Disconnected(cause)) = &received else { panic!("{received:?}") };
                assert_eq!(cause.process(), Some(id));
                assert_eq!(cause.report().map(|report| report.pid), Some(pid));
                assert!(is_kill(&died(received)));
                match here.send(7) {
                    Err(SendError::Disconnected { item: 7, cause }) => assert_eq!(cause.process(), Some(id)),
                    sent => panic!("{sent:?}"),
                }
            }
        });
        kill(&process);
        asking.join().unwrap();
        process.join_timeout(bound(SOON)).unwrap_err();
    });
}

/// At any instruction. What has come is whole, in order, and all that the victim was done with.
#[test]
fn i_04_a_writer_that_is_killed_leaves_whole_messages_and_then_the_news() {
    isolated(|| {
        let (rounds, mut chance) = (60 * effort(), Chance::announced());
        let size = pipe::Options { capacity: 16, message_max: 100_000, bytes: 1 << 20 };
        for _ in 0..rounds {
            let (receiver, sender) = size.simplex::<Message>().unwrap();
            let (told, telling) = pipe::simplex::<u32>().unwrap();
            let writing = |(sender, telling): (Sender<Message>, Sender<u32>)| {
                for number in 0.. {
                    sender.send(Message::new(0, number, [80, 4_000, 65_000][number as usize % 3])).unwrap();
                    let _ = telling.try_send(number);
                }
            };
            let victim = Process::spawn(writing, (sender, telling)).unwrap();
            let few = chance.below(20) as u32;
            for number in 0..few {
                let message = receiver.recv_timeout(SOON).unwrap();
                assert!(message.is_whole() && message.number() == number);
            }
            chance.pause(Duration::from_micros(300));
            kill(&victim);
            let mut next = few;
            let end = loop {
                match receiver.recv_timeout(SOON) {
                    Ok(message) => assert!(message.is_whole() && message.number() == next, "{message:?}"),
                    end => break end,
                }
                next += 1;
            };
            assert!(is_kill(&died(end)));
            while let Ok(number) = told.recv_timeout(SOON) {
                assert!(number < next, "{number} was sent");
            }
            victim.join_timeout(bound(SOON)).unwrap_err();
        }
    });
}

#[test]
fn who_waits_for_room_hears_of_the_death_of_the_receiver() {
    isolated(|| {
        let (receiver, sender) = pipe::Options { capacity: 1, ..pipe::Options::default() }.simplex::<u32>().unwrap();
        let process = Process::spawn(sleep_with::<Receiver<u32>>, receiver).unwrap();
        sender.send(1).unwrap();
        let waiting = std::thread::spawn(move || sender.send_timeout(2, SOON));
        kill(&process);
        assert!(matches!(waiting.join().unwrap(), Err(SendError::Disconnected { item: 2, .. })));
        process.join_timeout(bound(SOON)).unwrap_err();
    });
}

/// Who is stopped is not dead.
#[test]
fn a_stopped_process_keeps_its_end() {
    isolated(|| {
        let (here, there) = pipe::pipe::<u32, u32>().unwrap();
        let process = Process::spawn(doubling, there).unwrap();
        here.send(1).unwrap();
        assert_eq!(here.recv_timeout(SOON), Ok(2));
        let sentinel = process.sentinel().unwrap();
        pidfd_send_signal(sentinel, Signal::STOP).unwrap();
        here.send(2).unwrap();
        assert_eq!(here.recv_timeout(NOT_YET), Err(RecvError::Empty));
        pidfd_send_signal(sentinel, Signal::CONT).unwrap();
        assert_eq!(here.recv_timeout(SOON), Ok(4));
        drop(here);
        assert_eq!(end(process), 2);
    });
}

/// The process ends in good order, and nobody has dropped its end.
#[test]
fn an_end_that_was_never_closed_is_lost_with_its_process() {
    isolated(|| {
        let (receiver, sender) = pipe::simplex::<u32>().unwrap();
        let process = Process::spawn(
            |sender: Sender<u32>| {
                sender.send(1).unwrap();
                std::mem::forget(sender);
            },
            sender,
        )
        .unwrap();
        assert_eq!(receiver.recv_timeout(SOON), Ok(1));
        assert_eq!(died(receiver.recv_timeout(SOON)), ExitReason::Normal);
        end(process);
    });
}

/// At any instruction of taking it: the end is the message's, or the victim's, and never nobody's.
#[test]
fn c_09_an_end_is_somebodys_whenever_its_taker_is_killed() {
    isolated(|| {
        let (rounds, mut chance) = (60 * effort(), Chance::announced());
        for _ in 0..rounds {
            let (ends, there) = pipe::simplex::<Sender<u32>>().unwrap();
            let (numbers, sender) = pipe::simplex::<u32>().unwrap();
            let taking = |ends: Receiver<Sender<u32>>| {
                let sender = ends.recv().unwrap();
                while sender.send(7).is_ok() {}
            };
            let victim = Process::spawn(taking, ends).unwrap();
            there.send(sender).unwrap();
            chance.pause(Duration::from_micros(200));
            kill(&victim);
            let end = loop {
                match numbers.recv_timeout(SOON) {
                    Ok(_) => {}
                    Err(end) => break end,
                }
            };
            assert!(matches!(end, RecvError::Disconnected(_)), "{end:?}");
            victim.join_timeout(bound(SOON)).unwrap_err();
        }
    });
}
