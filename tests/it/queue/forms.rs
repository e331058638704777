//! Every form that sends or receives until some time: what it does when the time has come.

use std::time::{Duration, Instant};

use actor_core::queue::{Close, Queue, RecvError, SendError, Task};
use actor_tests::watch::bound;

use super::{AT_ONCE, isolated, small, timed};

/// The same time, said in both ways.
#[derive(Clone, Copy)]
struct Time {
    timeout: Duration,
    deadline: Instant,
}

impl Time {
    fn after(timeout: Duration) -> Time {
        Time { timeout, deadline: Instant::now() + timeout }
    }

    fn past() -> Time {
        let deadline = Instant::now().checked_sub(Duration::from_secs(1)).expect("the machine runs for longer");
        Time { timeout: Duration::ZERO, deadline }
    }
}

/// Whether it is sent, else whether it was for lack of room.
type Send = fn(&Queue<u32>, Time) -> Result<(), bool>;
type Receive = fn(&Queue<u32>, Time) -> Result<(), RecvError>;

fn is_full<T>(sent: Result<(), SendError<T>>) -> Result<(), bool> {
    sent.map_err(|error| error.is_full())
}

/// Those that wait, by name.
const SENDS: [(&str, Send); 8] = [
    ("send_timeout", |queue, time| is_full(queue.send_timeout(1, time.timeout))),
    ("send_deadline", |queue, time| is_full(queue.send_deadline(1, time.deadline))),
    ("send_batch_timeout", |queue, time| is_full(queue.send_batch_timeout(vec![1], time.timeout))),
    ("send_batch_deadline", |queue, time| is_full(queue.send_batch_deadline(vec![1], time.deadline))),
    ("send_bytes_timeout", |queue, time| is_full(queue.send_bytes_timeout(&[1], time.timeout))),
    ("send_bytes_deadline", |queue, time| is_full(queue.send_bytes_deadline(&[1], time.deadline))),
    ("send_bytes_batch_timeout", |queue, time| is_full(queue.send_bytes_batch_timeout(&[[1]], time.timeout))),
    ("send_bytes_batch_deadline", |queue, time| is_full(queue.send_bytes_batch_deadline(&[[1]], time.deadline))),
];

const TRY_SENDS: [(&str, Send); 4] = [
    ("try_send", |queue, _| is_full(queue.try_send(1))),
    ("try_send_batch", |queue, _| is_full(queue.try_send_batch(vec![1]))),
    ("try_send_bytes", |queue, _| is_full(queue.try_send_bytes(&[1]))),
    ("try_send_bytes_batch", |queue, _| is_full(queue.try_send_bytes_batch(&[[1]]))),
];

const RECEIVES: [(&str, Receive); 12] = [
    ("recv_timeout", |queue, time| queue.recv_timeout(time.timeout).map(drop)),
    ("recv_deadline", |queue, time| queue.recv_deadline(time.deadline).map(drop)),
    ("recv_task_timeout", |queue, time| queue.recv_task_timeout(time.timeout).map(Task::done).map(|_| ())),
    ("recv_task_deadline", |queue, time| queue.recv_task_deadline(time.deadline).map(Task::done).map(|_| ())),
    ("recv_batch_timeout", |queue, time| queue.recv_batch_timeout(9, time.timeout).map(drop)),
    ("recv_batch_deadline", |queue, time| queue.recv_batch_deadline(9, time.deadline).map(drop)),
    ("recv_into_timeout", |queue, time| queue.recv_into_timeout(&mut [0; 9], time.timeout).map(drop)),
    ("recv_into_deadline", |queue, time| queue.recv_into_deadline(&mut [0; 9], time.deadline).map(drop)),
    ("recv_reader_timeout", |queue, time| queue.recv_reader_timeout(time.timeout).map(drop)),
    ("recv_reader_deadline", |queue, time| queue.recv_reader_deadline(time.deadline).map(drop)),
    ("recv_bytes_batch_timeout", |queue, time| queue.recv_bytes_batch_timeout(9, time.timeout, |_| ()).map(drop)),
    ("recv_bytes_batch_deadline", |queue, time| queue.recv_bytes_batch_deadline(9, time.deadline, |_| ()).map(drop)),
];

const TRY_RECEIVES: [(&str, Receive); 6] = [
    ("try_recv", |queue, _| queue.try_recv().map(drop)),
    ("try_recv_task", |queue, _| queue.try_recv_task().map(Task::done).map(|_| ())),
    ("try_recv_batch", |queue, _| queue.try_recv_batch(9).map(drop)),
    ("try_recv_into", |queue, _| queue.try_recv_into(&mut [0; 9]).map(drop)),
    ("try_recv_reader", |queue, _| queue.try_recv_reader().map(drop)),
    ("try_recv_bytes_batch", |queue, _| queue.try_recv_bytes_batch(9, |_| ()).map(drop)),
];

const WHILE: Duration = Duration::from_millis(50);

/// What has to be given up is given up at once, or after the time and not before.
fn check_times<E: PartialEq + std::fmt::Debug>(
    name: &str,
    waits: bool,
    operation: impl Fn(Time) -> Result<(), E>,
    refused: E,
) {
    let (result, took) = timed(|| operation(Time::past()));
    assert_eq!(result.as_ref(), Err(&refused), "{name}");
    assert!(took < bound(AT_ONCE), "{name} took {took:?}");
    if waits {
        let (result, took) = timed(|| operation(Time::after(WHILE)));
        assert_eq!(result, Err(refused), "{name}");
        assert!(WHILE <= took && took < WHILE + bound(AT_ONCE), "{name} took {took:?}");
    }
}

#[test]
fn who_sends_until_some_time() {
    isolated(|| {
        let waiting = SENDS.map(|form| (form, true)).into_iter();
        for ((name, send), waits) in waiting.chain(TRY_SENDS.map(|form| (form, false))) {
            let queue = small(1);
            queue.send(0).unwrap();
            check_times(name, waits, |time| send(&queue, time), true);
            assert_eq!((queue.len(), queue.recv()), (1, Ok(0)), "{name}: what was refused never comes");
            send(&queue, Time::past()).unwrap_or_else(|_| panic!("{name}: there is room, whatever the time"));
            if waits {
                std::thread::scope(|scope| {
                    scope.spawn(|| queue.recv().unwrap());
                    assert_eq!(send(&queue, Time::after(Duration::from_secs(10))), Ok(()), "{name}");
                });
            }
            queue.close(Close::Drain);
            assert_eq!(send(&queue, Time::after(WHILE)), Err(false), "{name}: it is closed, not full");
        }
    });
}

#[test]
fn who_receives_until_some_time() {
    isolated(|| {
        let waiting = RECEIVES.map(|form| (form, true)).into_iter();
        for ((name, receive), waits) in waiting.chain(TRY_RECEIVES.map(|form| (form, false))) {
            let queue = small(1);
            check_times(name, waits, |time| receive(&queue, time), RecvError::Empty);
            queue.send(0).unwrap();
            assert_eq!(receive(&queue, Time::past()), Ok(()), "{name}: something is there, whatever the time");
            if waits {
                std::thread::scope(|scope| {
                    scope.spawn(|| queue.send(0).unwrap());
                    assert_eq!(receive(&queue, Time::after(Duration::from_secs(10))), Ok(()), "{name}");
                });
            }
            assert!(queue.join_timeout(Duration::ZERO), "{name}: all is done");
            assert!(queue.join_deadline(Time::past().deadline), "{name}: all is done");
            queue.close(Close::Drain);
            assert_eq!(receive(&queue, Time::after(WHILE)), Err(RecvError::Closed), "{name}");
        }
    });
}
