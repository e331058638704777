//! Actors that die in the middle of a stream.

use std::time::Duration;

use actor_tests::chance::{Chance, effort};

use super::*;

/// All that was sent before is read, then the report, once.
#[test]
fn smoke() {
    isolated_for_both(|| {
        for end in ENDS {
            for at in [0, 1, 50, 1000] {
                let source = Source.spawn().unwrap();
                let (read, error) = numbers(source.dies_at(at, end).wait().unwrap());
                let Some(StreamError::Died(report)) = error else { panic!("{end:?} {error:?}") };
                assert_eq!(read, at, "{end:?}");
                assert!(end.is(&report.reason), "{end:?} {report}");
                assert_eq!(report.in_hand.as_ref().map(|it| &*it.handler), Some("dies_at"));
            }
        }
    });
}

#[test]
fn an_actor_killed_at_any_moment_leaves_a_beginning_and_its_report() {
    isolated(|| {
        let mut chance = Chance::announced();
        for round in 0..60 * effort() {
            let source = Source.spawn().unwrap();
            let sizes = vec![20, 4_000, 100, 70_000];
            let (counted, texts) = match round % 2 {
                0 => (Some(source.count(u64::MAX).timeout(EVER).wait().unwrap()), None),
                _ => (None, Some(source.texts(sizes.clone()).timeout(EVER).wait().unwrap())),
            };
            let killer = std::thread::spawn({
                let pause = Duration::from_micros(chance.below(3_000));
                move || {
                    std::thread::park_timeout(pause);
                    source.kill().unwrap()
                }
            });
            if let Some(items) = counted {
                let (_, error) = numbers(items);
                assert!(matches!(error, Some(StreamError::Died(_))), "{error:?}");
            }
            if let Some(mut items) = texts {
                for size in sizes.iter().cycle() {
                    match items.next().expect("it ends with an error") {
                        Ok(text) => assert_eq!(text.len(), *size),
                        Err(StreamError::Died(_)) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
                assert!(items.next().is_none());
            }
            assert!(!killer.join().unwrap().reason.is_normal());
        }
    });
}

/// The reader sleeps, and it is the report that wakes it.
#[test]
fn who_waits_for_an_item_is_told_of_the_death() {
    isolated(|| {
        let source = Source.spawn().unwrap();
        let mut items = source.never().timeout(EVER).wait().unwrap();
        let reader = std::thread::spawn(move || items.next());
        source.kill().unwrap();
        assert!(matches!(reader.join().unwrap(), Some(Err(StreamError::Died(_)))));
    });
}

/// What waits behind a stream waits for the next life; the stream itself is not begun again.
#[test]
fn a_stream_is_not_handed_out_again_and_one_that_waits_is() {
    isolated(|| {
        #[derive(Actor, Serialize, Deserialize)]
        #[actor(call_policy = "redeliver(5)", timeout = "30s")]
        struct Stubborn {
            board: Board,
        }

        #[handlers]
        impl Stubborn {
            #[call]
            fn once(&self) -> impl Iterator<Item = u64> + use<> {
                let board = self.board.clone();
                board[MADE].fetch_add(1, SeqCst);
                (0..).inspect(move |number| {
                    if *number == 5 {
                        until("another call waits", || board[ENDED].load(SeqCst) == 1);
                        End::Segfault.now();
                    }
                })
            }

            #[call]
            fn count(&self, end: u64) -> impl Iterator<Item = u64> + use<> {
                0..end
            }
        }

        let board = Board::new(2);
        let mut app = Supervisor::builder();
        let stubborn = app.child(ChildSpec::new(Stubborn { board: board.clone() })).unwrap();
        let app = app.start().unwrap();
        let first = stubborn.once().wait().unwrap();
        let second = std::thread::spawn(move || numbers(stubborn.count(100).wait().unwrap()));
        until("the second call is queued", || stubborn.status().unwrap().queued == 1);
        board[ENDED].store(1, SeqCst);
        let (read, error) = numbers(first);
        assert!(read == 5 && matches!(error, Some(StreamError::Died(_))), "{read} {error:?}");
        let (read, error) = second.join().unwrap();
        assert!(read == 100 && error.is_none(), "{read} {error:?}");
        assert_eq!(board[MADE].load(SeqCst), 1);
        app.stop().unwrap();
    });
}
