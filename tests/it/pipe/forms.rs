//! Pipes whose ends both live.

use actor_core::queue::{Close, Queue};
use actor_core::wait::{try_wait, wait_timeout};
use actor_tests::watch;

use super::*;

#[test]
fn i_01_i_02_a_simplex_pipe_goes_one_way_and_ends() {
    isolated(|| {
        let (receiver, sender) = pipe::simplex::<String>().unwrap();
        let process = Process::spawn(
            |sender: Sender<String>| {
                ["a", "b", "c"].into_iter().for_each(|text| sender.send(text.to_owned()).unwrap());
            },
            sender,
        )
        .unwrap();
        end(process);
        assert_eq!([(); 3].map(|()| receiver.recv().unwrap()), ["a", "b", "c"]);
        assert_eq!(receiver.recv_timeout(SOON), Err(RecvError::Eof));
    });
}

/// Whoever has started a process with an end has it no more, and need not think of closing it.
#[test]
fn the_end_given_to_a_process_is_not_here_any_more() {
    isolated_for_both(|| {
        let (here, there) = pipe::pipe::<u32, u32>().unwrap();
        let process = Process::spawn(|end: PipeEnd<u32, u32>| end.recv().map_err(|error| error.to_string()), there);
        let process = process.unwrap();
        here.send(7).unwrap();
        assert_eq!(end(process), Ok(7));
        assert_eq!(here.recv_timeout(SOON), Err(RecvError::Eof));
        assert!(matches!(here.send(8), Err(SendError::Closed(8))));
    });
}

#[test]
fn i_03_a_poll_hears_of_a_message_in_another_process() {
    isolated(|| {
        let (here, there) = pipe::pipe::<u32, u32>().unwrap();
        assert!(!here.poll(NOT_YET));
        let process = Process::spawn(
            |end: PipeEnd<u32, u32>| {
                end.recv().unwrap();
                end.send(1).unwrap();
            },
            there,
        )
        .unwrap();
        here.send(0).unwrap();
        assert!(here.poll(SOON) && here.poll(Duration::ZERO), "nothing was taken");
        assert_eq!(here.try_recv(), Ok(1));
        assert!(here.poll(SOON), "the end is there to be received");
        assert_eq!(here.try_recv(), Err(RecvError::Eof));
        end(process);
    });
}

/// A handler interrupts the wait: nothing comes of it, and nothing is lost.
#[test]
fn signals_do_not_disturb_a_receiver() {
    isolated(|| {
        let (here, there) = pipe::pipe::<u32, u32>().unwrap();
        let process = Process::spawn(
            |end: PipeEnd<u32, u32>| {
                foreign::alarm_every(Duration::from_millis(1));
                end.send(0).unwrap();
                (end.poll(SOON), end.recv().ok(), end.recv().ok())
            },
            there,
        )
        .unwrap();
        assert_eq!(here.recv_timeout(SOON), Ok(0));
        for number in [1, 2] {
            assert!(!here.poll(NOT_YET), "it has nothing to say");
            here.send(number).unwrap();
        }
        assert_eq!(end(process), (true, Some(1), Some(2)));
    });
}

#[test]
fn i_10_pipes_queues_and_ends_of_processes_are_waited_for_together() {
    isolated(|| {
        let queue = Queue::<u32>::bounded(1).unwrap();
        let (first, first_there) = pipe::pipe::<u32, u32>().unwrap();
        let (second, second_sender) = pipe::simplex::<u32>().unwrap();
        let process = Process::spawn(doubling, first_there).unwrap();
        let peer = actor_core::Peer::from(process.id());
        let all: [&dyn actor_core::wait::Waitable; 4] = [&first, &second, &queue, &peer];
        assert_eq!(try_wait(&all).unwrap(), [0; 0]);
        assert_eq!(wait_timeout(&all, NOT_YET).unwrap(), [0; 0]);
        first.send(1).unwrap();
        assert_eq!(wait_timeout(&all, SOON).unwrap(), [0]);
        second_sender.send(2).unwrap();
        assert_eq!(wait_timeout(&all, SOON).unwrap(), [0, 1]);
        assert_eq!((first.try_recv(), second.try_recv()), (Ok(2), Ok(2)));
        queue.send(3).unwrap();
        assert_eq!(wait_timeout(&all, SOON).unwrap(), [2]);
        assert_eq!(queue.try_recv(), Ok(3));
        drop(second_sender);
        assert_eq!(wait_timeout(&all, SOON).unwrap(), [1], "an end is something to be received");
        process.kill().unwrap();
        watch::until("the end of the process is there", || try_wait(&all).unwrap() == [0, 1, 3]);
        queue.close(Close::Now);
    });
}

#[test]
fn i_12_a_large_message_arrives_or_is_too_large() {
    isolated(|| {
        const LARGE: usize = 64 << 20;
        let (_receiver, sender) = pipe::simplex::<Vec<u8>>().unwrap();
        let refused = sender.send_bytes(&vec![7; LARGE]);
        assert!(matches!(refused, Err(SendError::TooLarge { size: LARGE, .. })), "{refused:?}");
        let size = pipe::Options { message_max: LARGE, ..pipe::Options::default() };
        let (receiver, sender) = size.simplex::<()>().unwrap();
        let process = Process::spawn(
            |sender: Sender<()>| {
                sender.send_bytes(&vec![7; LARGE]).unwrap();
            },
            sender,
        )
        .unwrap();
        let bytes = receiver.recv_bytes_timeout(LARGE, SOON).unwrap();
        assert!(bytes.len() == LARGE && bytes.iter().all(|byte| *byte == 7));
        end(process);
    });
}
