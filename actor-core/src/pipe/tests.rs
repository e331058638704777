//! Pipes within one process; what needs several is among the integration tests.

use std::time::{Duration, Instant};

use futures::SinkExt;
use futures::executor::block_on;
use futures::task::noop_waker;

use super::*;
use crate::queue::{self, Close, Queue};

const SOON: Duration = Duration::from_secs(20);

fn lost<T: std::fmt::Debug>(received: Result<T, RecvError>) -> bool {
    matches!(&received, Err(RecvError::Disconnected(cause)) if cause.process().is_none() && cause.report().is_none())
}

#[test]
fn smoke() {
    let (one, other) = pipe::<u32, String>().unwrap();
    one.send(1).unwrap();
    other.send("a".into()).unwrap();
    assert_eq!((other.recv(), one.recv()), (Ok(1), Ok("a".to_owned())));
    one.close();
    assert_eq!(other.recv(), Err(RecvError::Eof));
    assert!(matches!(other.send("b".into()), Err(SendError::Closed(back)) if back == "b"));
}

#[test]
fn i_02_what_was_sent_comes_before_the_end() {
    let (receiver, sender) = simplex::<u32>().unwrap();
    (1..=3).for_each(|number| sender.send(number).unwrap());
    drop(sender);
    assert!(receiver.poll(Duration::ZERO));
    assert_eq!([(); 5].map(|()| receiver.recv().ok()), [Some(1), Some(2), Some(3), None, None]);
    assert!(receiver.poll(Duration::ZERO), "the end is something to be received");
}

#[test]
fn i_03_messages_are_neither_merged_nor_torn() {
    let (receiver, sender) = simplex::<()>().unwrap();
    assert!(!receiver.poll(Duration::ZERO));
    let begin = Instant::now();
    assert!(!receiver.poll(Duration::from_millis(20)) && Duration::from_millis(20) <= begin.elapsed());
    for text in ["", "hello", "", "world", &"x".repeat(5000)] {
        sender.send_bytes(text.as_bytes()).unwrap();
    }
    assert_eq!(receiver.recv_bytes(0), Ok(Vec::new()));
    assert_eq!(receiver.recv_bytes(4), Err(RecvError::TooLarge { size: 5, max: 4 }));
    assert!(receiver.poll(Duration::ZERO));
    assert_eq!(receiver.recv_bytes(5), Ok(b"hello".to_vec()), "it has stayed whole, and first");
    assert_eq!(receiver.recv_bytes(100), Ok(Vec::new()));
    assert_eq!(receiver.try_recv_bytes(100), Ok(b"world".to_vec()));
    assert_eq!(receiver.recv_bytes_timeout(5000, SOON).map(|bytes| bytes.len()), Ok(5000));
    assert_eq!(receiver.try_recv_bytes(1), Err(RecvError::Empty));
    sender.send_bytes(&[0xc1]).unwrap();
    assert!(matches!(receiver.recv(), Err(RecvError::Decode(_))));
}

#[test]
fn a_full_pipe_waits_for_the_receiver_or_says_so() {
    let (receiver, sender) = Options { capacity: 1, ..Options::default() }.simplex::<u32>().unwrap();
    sender.send(1).unwrap();
    assert!(matches!(sender.try_send(2), Err(SendError::Full(2))));
    assert!(matches!(sender.send_timeout(2, Duration::from_millis(1)), Err(SendError::Full(2))));
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| sender.send(2));
        assert_eq!(receiver.recv(), Ok(1));
        assert_eq!(receiver.recv(), Ok(2));
        sending.join().unwrap().unwrap();
    });
    assert!(matches!(
        Options { capacity: 0, ..Options::default() }.simplex::<u32>(),
        Err(queue::CreateError::OutOfBounds { .. })
    ));
}

#[test]
fn an_end_moves_with_its_message() {
    let ends = Queue::<Sender<u32>>::bounded(1).unwrap();
    let (receiver, sender) = simplex::<u32>().unwrap();
    let (_other_receiver, other) = simplex::<u32>().unwrap();
    ends.send(other).unwrap();
    let sender = match ends.try_send(sender) {
        Err(queue::SendError::Full(sender)) => sender,
        refused => panic!("{refused:?}"),
    };
    sender.send(1).unwrap();
    drop(ends.recv().unwrap());
    ends.send(sender).unwrap();
    let sender = ends.recv().unwrap();
    sender.send(2).unwrap();
    assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
    drop(sender);
    assert_eq!(receiver.recv(), Err(RecvError::Eof));
}

/// A reference can be sent, too: what it refers to is void after that.
#[test]
fn who_has_sent_an_end_has_it_no_more() {
    let by_reference = Queue::<&Sender<u32>>::bounded(4).unwrap();
    let (receiver, sender) = simplex::<u32>().unwrap();
    by_reference.send(&sender).unwrap();
    assert!(sender.is_moved());
    assert!(matches!(sender.send(1), Err(SendError::Moved(1))));
    assert!(matches!(by_reference.send(&sender), Err(queue::SendError::Encode { .. })));
    assert_eq!(receiver.try_recv(), Err(RecvError::Empty), "the message has it");
    by_reference.close(Close::Now);
    assert!(lost(receiver.recv()));
    let by_reference = Queue::<&Receiver<u32>>::bounded(4).unwrap();
    let (receiver, _sender) = simplex::<u32>().unwrap();
    by_reference.send(&receiver).unwrap();
    assert_eq!((receiver.recv(), receiver.poll(SOON)), (Err(RecvError::Moved), true));
}

#[test]
fn an_end_that_nobody_can_get_any_more_is_lost() {
    let (receiver, sender) = simplex::<u32>().unwrap();
    let ends = Queue::bounded(2).unwrap();
    ends.send((1_u32, sender)).unwrap();
    drop(ends);
    assert!(lost(receiver.recv_timeout(SOON)), "it went with the queue");
    let (receiver, sender) = simplex::<u32>().unwrap();
    let (texts, numbers) = pipe::<Sender<u32>, u32>().unwrap();
    texts.send(sender).unwrap();
    drop(numbers);
    assert!(lost(receiver.recv_timeout(SOON)), "it went with the pipe");
    let (receiver, sender) = simplex::<u32>().unwrap();
    let one = Queue::<(u32, Sender<u32>)>::bounded(1).unwrap();
    one.send((7, sender)).unwrap();
    let mut bytes = [0; 64];
    let size = one.recv_into(&mut bytes).unwrap();
    let other = Queue::<(String, Sender<u32>)>::bounded(1).unwrap();
    other.send_bytes(&bytes[..size]).unwrap();
    assert!(matches!(other.recv(), Err(queue::RecvError::Decode(_))));
    assert!(lost(receiver.recv_timeout(SOON)), "nobody can read what it is in");
}

/// Each is in a message in the next: none may use up the stack.
#[test]
fn a_long_chain_of_lost_ends_comes_to_an_end() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Link(Receiver<Link>);
    let small = Options { capacity: 1, message_max: 64, bytes: 0 };
    let (first, sender) = small.simplex::<Link>().unwrap();
    let (mut inner, mut senders) = (first, vec![sender]);
    for _ in 0..3_000 {
        let (outer, sender) = small.simplex::<Link>().unwrap();
        sender.send(Link(inner)).unwrap();
        senders.push(sender);
        inner = outer;
    }
    drop(inner);
    let first = senders.swap_remove(0);
    let (other, _sender) = small.simplex().unwrap();
    assert!(matches!(first.send(Link(other)), Err(SendError::Disconnected { .. })));
}

#[test]
fn async_forms_and_batches_carry_ends() {
    let ends = Queue::<Sender<u32>>::bounded(1).unwrap();
    let (receiver, sender) = simplex::<u32>().unwrap();
    block_on(async {
        ends.send_async(sender).await.unwrap();
        let sender = ends.recv_async().await.unwrap();
        sender.send_async(1).await.unwrap();
        ends.sink().send(sender).await.unwrap();
        assert_eq!(receiver.recv_async().await, Ok(1));
    });
    ends.send_batch(ends.recv_batch(1).unwrap()).unwrap();
    let task = ends.recv_task().unwrap();
    task.send(2).unwrap();
    drop(task);
    assert!(ends.recv().unwrap().is_moved(), "it was the task's");
    assert_eq!((receiver.recv(), receiver.recv()), (Ok(2), Err(RecvError::Eof)));
}

#[test]
fn a_future_that_is_dropped_has_sent_and_received_nothing() {
    use std::future::Future;
    use std::pin::pin;
    use std::task::Context;
    let (receiver, sender) = Options { capacity: 1, ..Options::default() }.simplex::<u32>().unwrap();
    assert!(pin!(receiver.recv_async()).poll(&mut Context::from_waker(&noop_waker())).is_pending());
    sender.send(1).unwrap();
    assert!(pin!(sender.send_async(2)).poll(&mut Context::from_waker(&noop_waker())).is_pending());
    assert_eq!((receiver.recv(), receiver.try_recv()), (Ok(1), Err(RecvError::Empty)));
}

#[test]
fn halves_of_an_end_go_each_their_way() {
    let (one, other) = pipe::<u32, u32>().unwrap();
    let (sender, receiver) = one.split();
    sender.close();
    assert_eq!(other.recv(), Err(RecvError::Eof));
    other.send(5).unwrap();
    assert_eq!(receiver.recv(), Ok(5));
}
