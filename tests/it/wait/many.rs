//! Threads that wait for queues, processes, pipes and time together.

use std::io::{Read, Write, pipe};
use std::time::{Duration, Instant};

use actor_core::process::Process;
use actor_core::queue::{Close, Queue, RecvError};
use actor_core::wait::{Descriptor, Interest, Waitable, try_wait, wait, wait_deadline, wait_timeout};
use actor_tests::foreign;
use actor_tests::watch::{self, Seen, bound};
use rustix::process::{Pid, Signal, kill_process};

use super::{NOT_YET, SOON, queue};
use crate::harness::{isolated, isolated_and_long, isolated_for_both, isolated_for_both_and_long};

fn sleep_for_good((): ()) {
    foreign::sleep_in_c(1000);
}

fn signal<R>(process: &Process<R>, signal: Signal) {
    let number = Pid::from_raw(process.pid() as i32).expect("a process has a number");
    kill_process(number, signal).expect("it lives");
}

fn send_and_end((queue, number): (Queue<u32>, u32)) -> u32 {
    queue.send(number).expect("nobody closes this queue before the end");
    number
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let queue = queue(4);
        let sender = Process::spawn(send_and_end, (queue.clone(), 7)).unwrap();
        assert_eq!(wait_timeout(&[&queue], SOON).unwrap(), [0]);
        assert_eq!(wait_timeout(&[&sender], SOON).unwrap(), [0]);
        assert_eq!((queue.try_recv(), sender.try_join()), (Ok(7), Ok(7)));
        queue.close(Close::Drain);
    });
}

/// Whatever comes is taken, until everything is over.
#[test]
fn i_10_wait_returns_the_ready_set() {
    isolated_for_both(|| {
        let queues: Vec<Queue<u32>> = (0..4).map(|_| queue(4)).collect();
        let processes: Vec<Process<u32>> = (0..4)
            .map(|number| Process::spawn(send_and_end, (queues[number].clone(), number as u32)).unwrap())
            .collect();
        let pipes: Vec<_> = (0..4).map(|_| pipe().unwrap()).collect();
        let (readers, writers): (Vec<_>, Vec<_>) = pipes.into_iter().unzip();
        let writing = std::thread::spawn(move || {
            writers.into_iter().for_each(|mut writer| writer.write_all(b"x").unwrap());
        });
        let descriptors: Vec<_> = readers.iter().map(|it| Descriptor::new(it, Interest::Readable)).collect();
        let mut open: Vec<(usize, &dyn Waitable)> = Vec::new();
        open.extend(queues.iter().map(|it| (0, it as &dyn Waitable)));
        open.extend(processes.iter().map(|it| (1, it as &dyn Waitable)));
        open.extend(descriptors.iter().map(|it| (2, it as &dyn Waitable)));
        let mut left: Vec<(usize, usize, &dyn Waitable)> =
            open.into_iter().enumerate().map(|(at, (kind, it))| (kind, at % 4, it)).collect();
        let mut got = [0; 3];
        while !left.is_empty() {
            let all: Vec<&dyn Waitable> = left.iter().map(|(_, _, it)| *it).collect();
            let ready = wait_timeout(&all, SOON).unwrap();
            assert!(!ready.is_empty() && ready.is_sorted(), "{ready:?} of {}", left.len());
            for at in ready.into_iter().rev() {
                let (kind, number, _) = left.remove(at);
                match kind {
                    0 => assert_eq!(queues[number].try_recv(), Ok(number as u32)),
                    1 => assert_eq!(processes[number].join(), Ok(number as u32)),
                    _ => assert_eq!((&readers[number]).read(&mut [0; 4]).unwrap(), 1),
                }
                got[kind] += 1;
            }
        }
        assert_eq!(got, [4, 4, 4]);
        writing.join().unwrap();
        queues.iter().for_each(|it| it.close(Close::Drain));
    });
}

#[test]
fn i_10_a_wait_ends_at_its_time_and_not_before() {
    isolated(|| {
        let (queue, (reader, _writer)) = (queue(4), pipe().unwrap());
        let sleeper = Process::spawn(sleep_for_good, ()).unwrap();
        let (reader, timeout) = (Descriptor::new(&reader, Interest::Readable), Duration::from_millis(100));
        let cases: [&[&dyn Waitable]; 4] = [&[&queue], &[&sleeper], &[&queue, &sleeper, &reader], &[&reader]];
        for on in cases {
            let begin = Instant::now();
            assert_eq!(wait_timeout(on, timeout).unwrap(), [0; 0]);
            assert_eq!(wait_deadline(on, begin + 2 * timeout).unwrap(), [0; 0]);
            assert!(2 * timeout <= begin.elapsed() && begin.elapsed() < bound(SOON), "{:?}", begin.elapsed());
            assert_eq!(wait_timeout(on, Duration::ZERO).unwrap(), [0; 0]);
            assert_eq!(wait_deadline(on, begin).unwrap(), [0; 0]);
        }
        sleeper.kill().unwrap();
        queue.close(Close::Drain);
    });
}

#[test]
fn p_06_a_process_is_ready_exactly_when_it_is_dead() {
    isolated_for_both(|| {
        let (queue, sleeper) = (queue(1), Process::spawn(sleep_for_good, ()).unwrap());
        let id = sleeper.id();
        for stop in [Signal::STOP, Signal::CONT] {
            assert_eq!(try_wait(&[&sleeper, &id]).unwrap(), [0; 0]);
            signal(&sleeper, stop);
            assert_eq!(wait_timeout(&[&sleeper, &id, &queue], NOT_YET).unwrap(), [0; 0]);
        }
        let pid = sleeper.pid();
        signal(&sleeper, Signal::KILL);
        let ready = wait_timeout(&[&queue, &sleeper], SOON).unwrap();
        let seen = Seen::of(pid);
        assert!(seen.as_ref().is_none_or(Seen::is_zombie), "it is ready, so it is dead: {seen:?}");
        assert_eq!(ready, [1]);
        sleeper.join().unwrap_err();
        assert_eq!(wait(&[&queue, &sleeper, &id]).unwrap(), [1, 2], "and stays so");
        queue.close(Close::Drain);
    });
}

fn send_for_ever(queue: Queue<u32>) {
    for number in 0.. {
        queue.send(number).expect("nobody closes this queue before the end");
    }
}

#[test]
fn a_sender_that_is_killed_leaves_no_wait_without_an_end() {
    isolated_for_both_and_long(|| {
        let queue = queue(2);
        for _ in 0..20 {
            let sender = Process::spawn(send_for_ever, queue.clone()).unwrap();
            let mut expected = 0;
            // Taken until it is dead, and everything that it has sent is received.
            loop {
                match wait_timeout(&[&queue, &sender], SOON).unwrap()[..] {
                    [0] | [0, 1] => {
                        assert_eq!(queue.try_recv(), Ok(expected));
                        expected += 1;
                    }
                    [1] => break,
                    ref other => panic!("{other:?}"),
                }
                if expected == 100 {
                    signal(&sender, Signal::KILL);
                }
            }
            assert!(100 <= expected);
            assert_eq!(queue.try_recv(), Err(RecvError::Empty));
            sender.join().unwrap_err();
        }
        queue.close(Close::Drain);
    });
}

#[test]
fn a_sender_that_is_stopped_makes_nothing_ready() {
    isolated(|| {
        let queue = queue(2);
        let sender = Process::spawn(send_for_ever, queue.clone()).unwrap();
        assert_eq!(wait_timeout(&[&queue], SOON).unwrap(), [0]);
        signal(&sender, Signal::STOP);
        watch::until("it is stopped", || Seen::of(sender.pid()).is_some_and(|seen| seen.state == 'T'));
        while queue.try_recv().is_ok() {}
        assert_eq!(wait_timeout(&[&queue, &sender], NOT_YET).unwrap(), [0; 0]);
        signal(&sender, Signal::CONT);
        assert_eq!(wait_timeout(&[&queue, &sender], SOON).unwrap(), [0]);
        sender.kill().unwrap();
        sender.join().unwrap_err();
        queue.close(Close::Now);
    });
}

/// Waits like all the others, and takes one.
fn take_one((queue, number): (Queue<u32>, u32)) -> u32 {
    let (reader, _writer) = pipe().expect("there are descriptors left");
    let reader = Descriptor::new(&reader, Interest::Readable);
    loop {
        let on: &[&dyn Waitable] = if number.is_multiple_of(2) { &[&queue] } else { &[&reader, &queue] };
        assert!(!wait_timeout(on, SOON).expect("there are descriptors left").is_empty(), "{number} slept on");
        if let Ok(item) = queue.try_recv() {
            return item;
        }
    }
}

#[test]
fn of_64_processes_that_wait_each_gets_one() {
    isolated_and_long(|| {
        let queue = queue(64);
        let waiters: Vec<_> =
            (0..64).map(|number| Process::spawn(take_one, (queue.clone(), number)).unwrap()).collect();
        (0..64).for_each(|item| queue.send(item).unwrap());
        let mut got: Vec<u32> = waiters.iter().map(|it| it.join().unwrap()).collect();
        got.sort_unstable();
        assert_eq!(got, (0..64).collect::<Vec<_>>());
        queue.close(Close::Drain);
    });
}

#[test]
fn a_hundred_thousand_waits_leave_no_descriptor() {
    isolated_and_long(|| {
        let count = || std::fs::read_dir("/proc/self/fd").expect("/proc is there").count();
        let (queue, (reader, _writer)) = (queue(4), pipe().unwrap());
        let reader = Descriptor::new(&reader, Interest::Readable);
        let sleeper = Process::spawn(sleep_for_good, ()).unwrap();
        sleeper.sentinel().unwrap();
        let id = sleeper.id();
        let before = count();
        let tick = Duration::from_micros(1);
        for round in 0..100_000_u32 {
            let ready = match round % 3 {
                0 => wait_timeout(&[&queue], tick),
                1 => wait_timeout(&[&queue, &reader, &id], tick),
                _ => wait_timeout(&[&sleeper, &id], tick),
            };
            assert_eq!(ready.unwrap(), [0; 0]);
        }
        assert_eq!(count(), before);
        sleeper.kill().unwrap();
        queue.close(Close::Drain);
    });
}

/// A signal comes into the waits of this thread every few milliseconds.
fn wait_among_signals(queue: Queue<u32>) {
    let sleeper = Process::spawn(sleep_for_good, ()).expect("there is room for another");
    foreign::alarm_every(Duration::from_millis(5));
    let (begin, timeout) = (Instant::now(), Duration::from_millis(100));
    assert_eq!(wait_timeout(&[&queue], timeout).expect("it can wait"), [0; 0]);
    assert_eq!(wait_timeout(&[&queue, &sleeper], timeout).expect("it can wait"), [0; 0]);
    assert!(sleeper.join_timeout(timeout).is_err());
    assert!(3 * timeout <= begin.elapsed());
    sleeper.kill().expect("it lives");
}

#[test]
fn no_signal_makes_a_wait_longer_or_shorter() {
    isolated(|| {
        let queue = queue(1);
        let waiter = Process::spawn(wait_among_signals, queue.clone()).unwrap();
        assert_eq!(waiter.join_timeout(SOON), Ok(()));
        queue.close(Close::Drain);
    });
}
