//! Streams of actors whose life runs on a thread of the test. What needs a death stands in the integration
//! tests.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::*;
use crate::actor::run;
use crate::exit::ExitReason;
use crate::id::{Incarnation, ProcessId};
use crate::mailbox::{Mailbox, MailboxSize};
use crate::node::Life;
use crate::prelude::*;
use crate::shm::segment::segment;

/// How long something may take that takes no time.
const SOON: Duration = Duration::from_secs(20);

/// How many items were made by the stream with this number, and how many streams of it were dropped.
static MADE: [AtomicUsize; 16] = [const { AtomicUsize::new(0) }; 16];
static DROPPED: [AtomicUsize; 16] = [const { AtomicUsize::new(0) }; 16];

#[derive(Actor, Serialize, Deserialize)]
#[actor(timeout = "20s", call_policy = "redeliver(3)")]
struct Source {
    given: Vec<u64>,
}

/// Counts what is asked of it.
struct Counted {
    number: usize,
    next: u64,
    end: u64,
}

impl Iterator for Counted {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let item = (self.next < self.end).then_some(self.next)?;
        self.next += 1;
        MADE[self.number].fetch_add(1, SeqCst);
        Some(item)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        DROPPED[self.number].fetch_add(1, SeqCst);
    }
}

/// Serializes to what [`u64`] does not read, or not at all.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Crooked(u64);

impl Serialize for Crooked {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            0 => Err(serde::ser::Error::custom("crooked")),
            1 => serializer.serialize_str("no number"),
            n => serializer.serialize_u64(n),
        }
    }
}

#[handlers]
impl Source {
    #[call]
    fn count(&self, number: usize, end: u64) -> impl Iterator<Item = u64> + use<> {
        Counted { number, next: 0, end }
    }

    /// Borrows the actor and its context.
    #[call]
    fn doubled(&mut self, end: u64, context: &mut Context<Self>) -> impl Iterator<Item = u64> {
        let first = u64::from(context.deliveries()) - 1;
        (first..end).map(move |n| {
            self.given.push(n);
            n * 2
        })
    }

    #[call]
    fn given(&self) -> Vec<u64> {
        self.given.clone()
    }

    #[call]
    fn halves(&self, n: u64) -> Result<impl Iterator<Item = Result<u64, String>> + use<>, String> {
        if n == 0 {
            return Err("of nothing".into());
        }
        Ok((0..n).map(|n| if n.is_multiple_of(2) { Ok(n / 2) } else { Err(format!("{n} is odd")) }))
    }

    #[call]
    fn boxed(&self, texts: Vec<String>) -> Box<dyn Iterator<Item = String>> {
        Box::new(texts.into_iter())
    }

    #[call]
    fn large(&self, sizes: Vec<usize>) -> impl Iterator<Item = String> + use<> {
        sizes.into_iter().map(|size| "x".repeat(size))
    }

    #[call]
    async fn streamed(&self, end: u64) -> impl futures::Stream<Item = u64> + use<> {
        futures::StreamExt::then(futures::stream::iter(0..end), |n| async move {
            let mut polled = false;
            std::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            n
        })
    }

    #[call]
    fn perhaps(&self, there: bool) -> Result<futures::stream::BoxStream<'static, u64>, u8> {
        if there { Ok(Box::pin(futures::stream::iter([1, 2]))) } else { Err(9) }
    }

    #[call]
    fn crooked(&self, numbers: Vec<u64>) -> impl Iterator<Item = Crooked> + use<> {
        numbers.into_iter().map(Crooked)
    }
}

struct Lived {
    actor: ActorRef<Source>,
    mailbox: Mailbox,
    life: JoinHandle<ExitReason>,
}

fn source() -> Lived {
    let segment = segment().unwrap();
    let size = MailboxSize { capacity: 16, message_max: 1 << 20, bytes: 4 << 20 };
    let mailbox = Mailbox::make(segment, size).unwrap();
    mailbox.begin_life(1);
    mailbox.set_living(segment.me());
    let mut encoded = Vec::new();
    (Source::ARGS.encode)(&mut encoded, &Source { given: Vec::new() }).unwrap();
    let life = Life {
        segment,
        process: ProcessId { participant: segment.me(), generation: 0 },
        incarnation: Some(Incarnation { actor: mailbox.id(), life: 1 }),
        args: encoded,
    };
    let life = thread::spawn(move || run::live::<Source>(&life).reason().clone());
    Lived { actor: ActorRef::new(mailbox.id()), mailbox, life }
}

impl Lived {
    fn stop(self) {
        self.mailbox.stop(true);
        assert_eq!(self.life.join().unwrap(), ExitReason::Shutdown(None));
    }
}

#[track_caller]
fn until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < SOON, "it takes too long");
        thread::yield_now();
    }
}

#[test]
fn smoke() {
    let lived = source();
    let mut items = lived.actor.count(0, 1000).wait().unwrap();
    for expected in 0..1000 {
        assert_eq!(items.next().unwrap().unwrap(), expected);
    }
    assert!(items.next().is_none() && items.next().is_none());
    assert_eq!(lived.actor.count(0, 0).wait().unwrap().count(), 0, "none is a stream, too");
    lived.stop();
}

#[test]
fn an_iterator_may_borrow_the_actor_and_its_context() {
    let lived = source();
    let items: Result<Vec<u64>, _> = lived.actor.doubled(300).wait().unwrap().collect();
    assert_eq!(items.unwrap(), (0..300).map(|n| 2 * n).collect::<Vec<_>>());
    assert_eq!(lived.actor.given().wait().unwrap(), (0..300).collect::<Vec<_>>());
    lived.stop();
}

#[test]
fn errors_of_the_handler_come_before_and_those_of_items_within() {
    let lived = source();
    assert!(matches!(lived.actor.halves(0).wait(), Err(CallError::Handler(text)) if text == "of nothing"));
    let items: Vec<_> = lived.actor.halves(3).wait().unwrap().map(Result::unwrap).collect();
    assert_eq!(items, [Ok(0), Err("1 is odd".to_owned()), Ok(1)]);
    assert_eq!(lived.actor.perhaps(true).wait().unwrap().map(Result::unwrap).collect::<Vec<_>>(), [1, 2]);
    assert!(matches!(lived.actor.perhaps(false).wait(), Err(CallError::Handler(9))));
    lived.stop();
}

#[test]
fn the_actor_is_never_ahead_by_more_than_the_look_ahead() {
    let lived = source();
    for look_ahead in [1, 2, 7] {
        MADE[1].store(0, SeqCst);
        let mut items = lived.actor.count(1, 50).look_ahead(look_ahead).wait().unwrap();
        for read in 0..50 {
            // It comes as far as it may, and no further.
            until(|| MADE[1].load(SeqCst) == (read + look_ahead).min(50));
            assert_eq!(items.next().unwrap().unwrap(), read as u64);
            assert!(MADE[1].load(SeqCst) <= read + 1 + look_ahead);
        }
        assert!(items.next().is_none());
    }
    lived.stop();
}

#[test]
fn a_stream_that_is_dropped_ends_the_production() {
    let lived = source();
    for round in 0..300 {
        let mut items = lived.actor.count(2, u64::MAX).look_ahead(1 + round % 5).wait().unwrap();
        for expected in 0..(round % 7) as u64 {
            assert_eq!(items.next().unwrap().unwrap(), expected);
        }
        drop(items);
        until(|| DROPPED[2].load(SeqCst) == round + 1);
    }
    assert_eq!(lived.actor.given().wait().unwrap(), []);
    lived.stop();
}

#[test]
fn a_stream_that_is_given_up_before_its_turn_is_not_begun() {
    let lived = source();
    let busy = lived.actor.count(3, u64::MAX).wait().unwrap();
    let late = lived.actor.count(4, 1).timeout(Duration::from_millis(20)).wait();
    assert!(matches!(late, Err(CallError::Timeout(_))));
    drop(busy);
    assert_eq!(lived.actor.given().wait().unwrap(), [], "it has come past the other");
    assert_eq!((MADE[4].load(SeqCst), DROPPED[4].load(SeqCst)), (0, 0));
    lived.stop();
}

#[test]
fn large_items_wait_for_the_place_of_those_before() {
    let lived = source();
    let sizes = vec![1 << 20, 100, 8 << 20, 0, 5 << 20, 113, 8 << 20, 3000];
    let read: Vec<usize> = lived.actor.large(sizes.clone()).wait().unwrap().map(|item| item.unwrap().len()).collect();
    assert_eq!(read, sizes);
    let mut too_large = lived.actor.large(vec![5, 65 << 20, 6]).wait().unwrap();
    assert_eq!(too_large.next().unwrap().unwrap().len(), 5);
    let error = too_large.next().unwrap().unwrap_err();
    assert!(matches!(&error, StreamError::Failed { text, .. } if text.contains("at most 67108864")), "{error}");
    assert!(too_large.next().is_none());
    let given: Vec<String> =
        lived.actor.boxed(vec!["a".into(), "b".into()]).wait().unwrap().map(Result::unwrap).collect();
    assert_eq!(given, ["a", "b"]);
    lived.stop();
}

#[test]
fn what_cannot_be_sent_or_read_ends_the_stream() {
    let lived = source();
    let mut items = lived.actor.crooked(vec![5, 0, 6]).wait().unwrap();
    assert_eq!(items.next().unwrap().unwrap().0, 5);
    assert!(matches!(items.next(), Some(Err(StreamError::Failed { text, .. })) if text.ends_with("crooked")));
    assert!(items.next().is_none());
    let mut items = lived.actor.crooked(vec![5, 1, 6]).wait().unwrap();
    assert_eq!(items.next().unwrap().unwrap().0, 5);
    assert!(matches!(items.next(), Some(Err(StreamError::Decode { .. }))));
    assert!(items.next().is_none());
    assert_eq!(lived.actor.given().wait().unwrap(), [], "it goes on");
    lived.stop();
}

#[test]
fn an_actor_does_not_wait_for_ever_for_who_does_not_read() {
    let lived = source();
    let mut items = lived.actor.count(5, 10).look_ahead(3).timeout(Duration::from_millis(30)).wait().unwrap();
    until(|| DROPPED[5].load(SeqCst) == 1);
    for expected in 0..3 {
        assert_eq!(items.next().unwrap().unwrap(), expected, "what was sent stays");
    }
    assert!(matches!(items.next(), Some(Err(StreamError::Stalled(_)))));
    assert!(items.next().is_none());
    lived.stop();
}

#[test]
fn a_stop_ends_a_stream_between_two_items() {
    let lived = source();
    let mut items = lived.actor.count(6, u64::MAX).look_ahead(4).wait().unwrap();
    assert_eq!(items.next().unwrap().unwrap(), 0);
    lived.mailbox.stop(true);
    let read = items.by_ref().take_while(Result::is_ok).count();
    assert!(read < 10, "{read}");
    assert!(items.next().is_none());
    assert_eq!(DROPPED[6].load(SeqCst), 1);
    assert_eq!(lived.life.join().unwrap(), ExitReason::Shutdown(None));
}

/// It waits for room, and it is the stop that wakes it.
#[test]
fn a_stop_reaches_an_actor_that_waits_for_its_reader() {
    for round in 0..50 {
        let lived = source();
        let mut items = lived.actor.count(10, u64::MAX).look_ahead(4).wait().unwrap();
        until(|| MADE[10].load(SeqCst) == 4 * (round + 1));
        lived.mailbox.stop(true);
        assert_eq!(lived.life.join().unwrap(), ExitReason::Shutdown(None));
        assert!(items.by_ref().take(4).all(|item| item.is_ok()), "what was sent is there");
        assert!(matches!(items.next(), Some(Err(StreamError::Closed(_)))));
    }
}

#[test]
fn async_streams_on_both_sides() {
    use futures::StreamExt;
    let lived = source();
    let actor = lived.actor;
    futures::executor::block_on(async {
        let items: Vec<u64> = actor.streamed(200).look_ahead(3).await.unwrap().map(Result::unwrap).collect().await;
        assert_eq!(items, (0..200).collect::<Vec<_>>());
        let mut items = actor.count(7, 100).look_ahead(2).await.unwrap();
        let mut read = Vec::new();
        while let Some(item) = items.next().await {
            read.push(item.unwrap());
        }
        assert_eq!(read, (0..100).collect::<Vec<_>>());
        assert!(matches!(actor.halves(0).await, Err(CallError::Handler(_))));
    });
    let read: Vec<u64> = Iterator::map(actor.streamed(50).wait().unwrap(), Result::unwrap).collect();
    assert_eq!(read, (0..50).collect::<Vec<_>>());
    lived.stop();
}

#[test]
fn a_future_of_an_item_that_is_dropped_has_taken_none() {
    let lived = source();
    use futures::StreamExt;
    let mut items = ItemStream::from(lived.actor.count(8, 2000).look_ahead(1).wait().unwrap());
    let mut read = Vec::new();
    futures::executor::block_on(async {
        while read.len() < 2000 {
            let never = async {
                for _ in 0..3 {
                    let mut polled = false;
                    std::future::poll_fn(|context| {
                        context.waker().wake_by_ref();
                        if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await;
                }
            };
            if let futures::future::Either::Left((Some(item), _)) =
                futures::future::select(items.next(), Box::pin(never)).await
            {
                read.push(item.unwrap());
            }
        }
    });
    assert_eq!(read, (0..2000).collect::<Vec<_>>());
    lived.stop();
}

#[test]
fn a_stream_may_be_read_by_another_thread() {
    let lived = source();
    let items = lived.actor.count(9, 500).look_ahead(2).wait().unwrap();
    let reader = thread::spawn(|| items.map(Result::unwrap).sum::<u64>());
    assert_eq!(reader.join().unwrap(), 499 * 500 / 2);
    lived.stop();
}
