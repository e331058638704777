//! Streams in async code, of any runtime, on either side; and many at once.

use actor_core::ItemStream;
use futures::StreamExt;
use futures::future::{Either, select};
use futures::stream::select_all;
use tokio::runtime::Builder;

use super::*;

/// Waits for each of its items.
#[derive(Actor, Serialize, Deserialize)]
#[actor(runtime = "tokio", timeout = "30s")]
struct Slow;

#[handlers]
impl Slow {
    #[call]
    async fn ticks(&self, count: u64) -> impl futures::Stream<Item = u64> + use<> {
        futures::stream::unfold(0, move |n| async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            (n < count).then_some((n, n + 1))
        })
    }
}

async fn all_of(source: ActorRef<Source>) {
    let mut items = source.count(5_000).look_ahead(16).await.unwrap();
    let mut expected = 0;
    while let Some(item) = items.next().await {
        assert_eq!(item.unwrap(), expected);
        expected += 1;
    }
    assert_eq!(expected, 5_000);
    assert!(matches!(source.halves(vec![]).await, Err(CallError::Handler(_))));
    let mut dying = source.dies_at(3, End::Panic).await.unwrap();
    for expected in 0..3 {
        assert_eq!(dying.next().await.unwrap().unwrap(), expected);
    }
    assert!(matches!(dying.next().await, Some(Err(StreamError::Died(_)))));
    assert!(dying.next().await.is_none());
}

#[test]
fn smoke() {
    isolated(|| {
        futures::executor::block_on(all_of(Source.spawn().unwrap()));
        Builder::new_current_thread().enable_all().build().unwrap().block_on(all_of(Source.spawn().unwrap()));
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let source = Source.spawn().unwrap();
        runtime.block_on(runtime.spawn(all_of(source))).unwrap();
    });
}

#[test]
fn an_actor_may_await_its_items() {
    isolated(|| {
        let slow = Slow.spawn().unwrap();
        let read: Result<Vec<u64>, _> = slow.ticks(20).wait().unwrap().collect();
        assert_eq!(read.unwrap(), (0..20).collect::<Vec<_>>());
        futures::executor::block_on(async {
            let read: Vec<_> = slow.ticks(20).await.unwrap().map(Result::unwrap).collect().await;
            assert_eq!(read, (0..20).collect::<Vec<_>>());
        });
        slow.stop().unwrap();
    });
}

#[test]
fn many_streams_are_read_by_one_task() {
    isolated(|| {
        let sources: Vec<_> = (0..20).map(|_| Source.spawn().unwrap()).collect();
        futures::executor::block_on(async {
            let mut streams = Vec::new();
            for source in &sources {
                streams.push(source.count(500).look_ahead(4).await.unwrap());
            }
            let read = select_all(streams).map(Result::unwrap).fold(0, async |sum, number| sum + number).await;
            assert_eq!(read, 20 * (499 * 500 / 2));
        });
        sources.iter().for_each(|source| drop(source.stop().unwrap()));
    });
}

/// Futures of items are given up again and again.
#[test]
fn nothing_is_lost_in_a_select() {
    isolated(|| {
        let source = Source.spawn().unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut items = ItemStream::from(source.count(10_000).look_ahead(3).wait().unwrap());
            let mut expected = 0;
            while expected < 10_000 {
                let other = std::pin::pin!(tokio::task::yield_now());
                if let Either::Left((item, _)) = select(items.next(), other).await {
                    assert_eq!(item.unwrap().unwrap(), expected);
                    expected += 1;
                }
            }
            assert!(items.next().await.is_none());
        });
        source.stop().unwrap();
    });
}
