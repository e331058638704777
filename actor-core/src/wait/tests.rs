//! Waits within one process; what needs others is in the integration tests.

use std::future::Future;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures::executor::block_on;
use futures::future::{Either, join_all, select};

use super::*;
use crate::queue::{Close, Queue};

const SOON: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(20);

fn small() -> Queue<u32> {
    Queue::bounded(4).unwrap()
}

fn pipe_with(bytes: &[u8]) -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(bytes).unwrap();
    (reader, writer)
}

#[test]
fn smoke() {
    let (one, other) = (small(), small());
    assert_eq!(try_wait(&[&one, &other]).unwrap(), [0; 0]);
    other.send(7).unwrap();
    assert_eq!(wait(&[&one, &other]).unwrap(), [1]);
    one.send(8).unwrap();
    assert_eq!(wait_timeout(&[&one, &other], SOON).unwrap(), [0, 1], "and nothing was taken");
    assert_eq!((one.recv(), other.recv()), (Ok(8), Ok(7)));
    assert_eq!(try_wait(&[&one, &other]).unwrap(), [0; 0]);
}

#[test]
fn with_nothing_to_wait_for_it_returns() {
    assert_eq!(wait(&[]).unwrap(), [0; 0]);
    assert_eq!(try_wait(&[]).unwrap(), [0; 0]);
    assert_eq!(wait_timeout(&[], SHORT).unwrap(), [0; 0]);
}

#[test]
fn a_closed_queue_is_ready_once_it_is_drained_and_while_it_is_not() {
    let queue = small();
    queue.send(1).unwrap();
    queue.close(Close::Drain);
    assert_eq!(try_wait(&[&queue]).unwrap(), [0]);
    assert_eq!(queue.recv(), Ok(1));
    assert_eq!(try_wait(&[&queue]).unwrap(), [0]);
    let now = small();
    now.send(1).unwrap();
    now.close(Close::Now);
    assert_eq!(try_wait(&[&now]).unwrap(), [0]);
}

#[test]
fn a_task_that_is_given_back_makes_ready() {
    let queue = small();
    queue.send(1).unwrap();
    let task = queue.recv_task().unwrap();
    assert_eq!(try_wait(&[&queue]).unwrap(), [0; 0]);
    drop(task);
    assert_eq!(try_wait(&[&queue]).unwrap(), [0]);
    queue.recv_task().unwrap().done();
    assert_eq!(try_wait(&[&queue]).unwrap(), [0; 0]);
}

#[test]
fn no_wait_ends_before_its_time() {
    let (queue, (reader, _writer)) = (small(), pipe_with(b""));
    let reader = Descriptor::new(&reader, Interest::Readable);
    let far = Instant::now() + Duration::from_secs(3600);
    let cases: [&[&dyn Waitable]; 5] = [&[&queue], &[&reader], &[&far], &[&queue, &reader], &[&queue, &reader, &far]];
    for (number, on) in cases.into_iter().enumerate() {
        let begin = Instant::now();
        assert_eq!(wait_timeout(on, SHORT).unwrap(), [0; 0], "case {number}");
        assert_eq!(wait_deadline(on, begin + 2 * SHORT).unwrap(), [0; 0], "case {number}");
        assert!(2 * SHORT <= begin.elapsed(), "case {number}: {:?}", begin.elapsed());
        assert_eq!(wait_timeout(on, Duration::ZERO).unwrap(), [0; 0], "case {number}");
    }
}

#[test]
fn a_point_in_time_is_ready_from_then_on() {
    let (queue, at) = (small(), Instant::now() + SHORT);
    assert_eq!(wait(&[&queue, &at]).unwrap(), [1]);
    assert!(at <= Instant::now());
    assert_eq!(wait(&[&at]).unwrap(), [0]);
}

#[test]
fn a_descriptor_is_ready_at_its_end_too() {
    let (reader, writer) = pipe_with(b"");
    let reads = Descriptor::new(&reader, Interest::Readable);
    assert_eq!(try_wait(&[&reads, &Descriptor::new(&writer, Interest::Writable)]).unwrap(), [1]);
    drop(writer);
    assert_eq!(try_wait(&[&reads, &reader.as_fd()]).unwrap(), [0, 1]);
    let (reader, writer) = pipe_with(b"");
    drop(reader);
    assert_eq!(try_wait(&[&Descriptor::new(&writer, Interest::Both)]).unwrap(), [0], "nobody reads any more");
}

/// Both while the waiter sleeps and before it does, whatever it waits for besides.
#[test]
fn each_of_many_wakes() {
    let (there, back) = (small(), small());
    let (reader, mut writer) = pipe().unwrap();
    let waiter = {
        let there = there.clone();
        let back = back.clone();
        std::thread::spawn(move || {
            for round in 0..3000 {
                let reader_fd = Descriptor::new(&reader, Interest::Readable);
                let far = Instant::now() + SOON;
                let ready = if round % 3 == 0 { wait(&[&there]) } else { wait(&[&there, &reader_fd, &far]) };
                match ready.unwrap()[..] {
                    [0] => assert_eq!(there.recv(), Ok(round)),
                    [1] => {
                        let mut byte = [0];
                        (&reader).read_exact(&mut byte).unwrap();
                    }
                    ref other => panic!("round {round}: {other:?}"),
                }
                back.send(round).unwrap();
            }
        })
    };
    for round in 0..3000 {
        match round % 3 {
            0 | 1 => there.send(round).unwrap(),
            _ => writer.write_all(b"x").unwrap(),
        }
        assert_eq!(back.recv_timeout(SOON), Ok(round));
    }
    waiter.join().unwrap();
}

#[test]
fn several_threads_wait_at_once_and_each_gets_its_own() {
    let queue = Queue::<u32>::bounded(64).unwrap();
    let (reader, _writer) = pipe_with(b"");
    let got = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..16 {
            let (queue, reader, got) = (&queue, &reader, &got);
            scope.spawn(move || {
                let also = Descriptor::new(reader, Interest::Readable);
                loop {
                    // Half of them by the doorbell, half of them by a descriptor.
                    let ready = if number % 2 == 0 { wait(&[queue]) } else { wait(&[&also, queue]) };
                    assert_eq!(ready.unwrap().len(), 1);
                    if queue.try_recv().is_ok() {
                        got.fetch_add(1, SeqCst);
                        return;
                    }
                }
            });
        }
        (0..16).for_each(|number| queue.send(number).unwrap());
    });
    assert_eq!(got.load(SeqCst), 16);
}

struct Counted(AtomicUsize);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn counted() -> (Arc<Counted>, Waker) {
    let counted = Arc::new(Counted(AtomicUsize::new(0)));
    (counted.clone(), Waker::from(counted))
}

fn poll_once(future: &mut (impl Future + Unpin), waker: &Waker) -> bool {
    Pin::new(future).poll(&mut Context::from_waker(waker)).is_ready()
}

#[test]
fn a_future_that_is_dropped_is_forgotten() {
    let (queue, (reader, mut writer)) = (small(), pipe_with(b""));
    let (counted, waker) = counted();
    for _ in 0..100 {
        let (mut of_pipe, mut of_queue) = (readable(&reader), ready(&queue));
        let (mut sleep, mut recv) = (sleep(SOON), queue.recv_async());
        assert!(!poll_once(&mut of_pipe, &waker) && !poll_once(&mut of_queue, &waker));
        assert!(!poll_once(&mut sleep, &waker) && !poll_once(&mut recv, &waker));
        assert_eq!(Arc::strong_count(&counted), 6);
    }
    assert_eq!(Arc::strong_count(&counted), 2, "the test and its waker");
    queue.send(1).unwrap();
    writer.write_all(b"x").unwrap();
    assert_eq!(counted.0.load(SeqCst), 0, "nobody is there any more");
    block_on(readable(&reader)).unwrap();
    block_on(ready(&queue)).unwrap();
}

#[test]
fn two_futures_of_one_descriptor_are_both_woken() {
    let (reader, mut writer) = pipe_with(b"");
    let writing = std::thread::spawn(move || {
        // After the futures have begun to wait, or before: it is the same to them.
        writer.write_all(b"x").unwrap();
        writer
    });
    let both = block_on(join_all([readable(&reader), readable(&reader), readable(&reader)]));
    assert!(both.into_iter().all(|it| it.is_ok()));
    drop(writing.join().unwrap());
}

#[test]
fn readable_and_writable_of_one_socket_do_not_get_in_each_others_way() {
    let (mut one, mut other) = std::os::unix::net::UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    while one.write(&[0; 4096]).is_ok() {}
    let mut reading = readable(&one);
    let (counted, waker) = counted();
    assert!(!poll_once(&mut reading, &waker));
    let emptying = std::thread::spawn(move || {
        let mut buffer = [0; 1 << 20];
        while other.read(&mut buffer).unwrap() == buffer.len() {}
        other
    });
    block_on(writable(&one)).unwrap();
    let mut other = emptying.join().unwrap();
    assert!(!poll_once(&mut reading, &waker));
    other.write_all(b"x").unwrap();
    block_on(reading).unwrap();
    drop(counted);
}

#[test]
fn a_plain_file_is_always_ready() {
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    block_on(readable(&file)).unwrap();
    assert_eq!(wait(&[&file.as_fd()]).unwrap(), [0]);
}

#[test]
fn no_sleep_ends_before_its_time() {
    let begin = Instant::now();
    let sleeper = |number: u32| async move {
        let until = begin + Duration::from_millis(u64::from(number) * 10);
        sleep_until(until).await;
        assert!(until <= Instant::now());
    };
    block_on(join_all([5, 1, 4, 2, 3].map(sleeper)));
}

#[test]
fn a_sleep_for_ever_is_left_by_another() {
    let first = block_on(select(sleep(Duration::MAX), sleep(SHORT)));
    assert!(matches!(first, Either::Right(_)));
    let mut past = pin!(sleep_until(Instant::now()));
    assert_eq!(past.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()));
}

#[test]
fn an_error_of_the_system_is_told_once_and_again_as_such() {
    struct Broken;
    impl Source for Broken {
        fn opened(&self) -> std::io::Result<Opened<'_>> {
            Err(std::io::ErrorKind::OutOfMemory.into())
        }
    }
    let mut broken = ready(&Broken);
    assert_eq!(block_on(&mut broken).unwrap_err().kind(), std::io::ErrorKind::OutOfMemory);
    assert_eq!(block_on(&mut broken).unwrap_err().kind(), std::io::ErrorKind::Other);
    assert_eq!(try_wait(&[&Broken]).unwrap_err().kind(), std::io::ErrorKind::OutOfMemory);
}
