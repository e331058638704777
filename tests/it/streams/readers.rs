//! Readers that die, stop, or read in processes of their own. The actor goes on.

use actor_core::process::Process;
use actor_core::queue::{Close, Queue};
use actor_tests::chance::{Chance, effort};
use rustix::process::pidfd_send_signal;

use super::*;

type Reading = (ActorRef<Source>, Board, Queue<u64>, usize);

/// Reads so many numbers, says so, and then no more.
fn read_some((source, board, ready, count): Reading) {
    let mut items = source.noted(board).timeout(EVER).look_ahead(8).wait().unwrap();
    for expected in 0..count as u64 {
        assert_eq!(items.next().unwrap().unwrap(), expected);
    }
    ready.send(count as u64).unwrap();
    foreign::sleep_in_c(1000);
}

fn read_on((source, board, ready, _): Reading) {
    let items = source.noted(board).timeout(EVER).look_ahead(8).wait().unwrap();
    ready.send(0).unwrap();
    items.for_each(|item| assert!(item.is_ok()));
}

fn kill(victim: &Process<()>) {
    pidfd_send_signal(victim.sentinel().unwrap(), Signal::KILL).unwrap();
    victim.join().unwrap_err();
}

/// The actor waits for room, and it is the death that tells it that there will be none.
#[test]
fn smoke() {
    isolated_for_both(|| {
        let (source, board, ready) = (Source.spawn().unwrap(), Board::new(2), Queue::bounded(4).unwrap());
        for (round, count) in [0, 1, 20].into_iter().enumerate() {
            let reader = Process::spawn(read_some, (source, board.clone(), ready.clone(), count)).unwrap();
            assert_eq!(ready.recv(), Ok(count as u64));
            until("the actor waits for room", || board[MADE].load(SeqCst) == count as u64 + 8);
            kill(&reader);
            until_ended(&board, round as u64 + 1);
            assert!(source.is_there().wait().unwrap());
        }
        source.stop().unwrap();
        ready.close(Close::Now);
    });
}

#[test]
fn a_reader_killed_at_any_moment_ends_the_stream() {
    isolated(|| {
        let mut chance = Chance::announced();
        let (source, board, ready) = (Source.spawn().unwrap(), Board::new(2), Queue::bounded(4).unwrap());
        for round in 0..u64::from(60 * effort()) {
            let reader = Process::spawn(read_on, (source, board.clone(), ready.clone(), 0)).unwrap();
            ready.recv().unwrap();
            chance.pause(Duration::from_millis(2));
            kill(&reader);
            until_ended(&board, round + 1);
        }
        assert!(source.is_there().wait().unwrap());
        source.stop().unwrap();
        ready.close(Close::Now);
    });
}

/// It reads on as if nothing had been, and then learns that the actor could not wait.
fn read_after_a_stop((source, board, back, _): Reading) {
    let mut items = source.noted(board).timeout(Duration::from_millis(300)).look_ahead(8).wait().unwrap();
    assert_eq!(items.next().unwrap().unwrap(), 0);
    back.send(0).unwrap();
    kill_process(getpid(), Signal::STOP).unwrap();
    let (mut read, mut last) = (1, None);
    for item in items {
        match item {
            Ok(number) => assert_eq!(number, read),
            Err(error) => last = Some(error),
        }
        read += u64::from(last.is_none());
    }
    assert!(matches!(last, Some(StreamError::Stalled(_))), "{last:?}");
    back.send(read).unwrap();
}

#[test]
fn a_reader_that_is_stopped_does_not_hold_the_actor() {
    isolated(|| {
        let (source, board, back) = (Source.spawn().unwrap(), Board::new(2), Queue::bounded(4).unwrap());
        let reader = Process::spawn(read_after_a_stop, (source, board.clone(), back.clone(), 0)).unwrap();
        back.recv().unwrap();
        until_ended(&board, 1);
        assert!(source.is_there().wait().unwrap());
        pidfd_send_signal(reader.sentinel().unwrap(), Signal::CONT).unwrap();
        assert_eq!(back.recv().unwrap(), board[MADE].load(SeqCst), "what was sent is read");
        reader.join().unwrap();
        source.stop().unwrap();
        back.close(Close::Now);
    });
}

/// The actor waits for room, and nobody reads.
#[test]
fn a_stop_does_not_wait_for_a_reader() {
    isolated(|| {
        for _ in 0..20 {
            let (source, board) = (Source.spawn().unwrap(), Board::new(2));
            let items = source.noted(board.clone()).timeout(EVER).look_ahead(8).wait().unwrap();
            until("the actor waits for room", || board[MADE].load(SeqCst) == 8);
            assert_eq!(source.stop_timeout(EVER).unwrap().reason, ExitReason::Shutdown(None));
            let (read, error) = numbers(items);
            assert!(read == 8 && matches!(error, Some(StreamError::Closed(_))), "{read} {error:?}");
            assert_eq!(board[ENDED].load(SeqCst), 1);
        }
    });
}

/// Passes on what another gives, twice as much.
#[derive(Actor, Serialize, Deserialize)]
#[actor(timeout = "30s")]
struct Relay {
    source: ActorRef<Source>,
}

#[handlers]
impl Relay {
    #[call]
    fn doubled(&self, end: u64) -> Result<impl Iterator<Item = Result<u64, String>> + use<>, String> {
        let items = self.source.count(end).wait().map_err(|error| error.to_string())?;
        Ok(items.map(|item| item.map(|number| 2 * number).map_err(|error| error.to_string())))
    }

    #[call]
    fn doubled_until(&self, at: u64, end: End) -> Result<impl Iterator<Item = Result<u64, String>> + use<>, String> {
        let items = self.source.dies_at(at, end).wait().map_err(|error| error.to_string())?;
        Ok(items.map(|item| item.map_err(|error| error.to_string())))
    }
}

#[test]
fn an_actor_may_read_what_it_sends() {
    isolated(|| {
        let source = Source.spawn().unwrap();
        let relay = Relay { source }.spawn().unwrap();
        let items: Result<Vec<u64>, _> = relay.doubled(1000).wait().unwrap().map(Result::unwrap).collect();
        assert_eq!(items.unwrap(), (0..1000).map(|n| 2 * n).collect::<Vec<_>>());
        let items: Vec<_> = relay.doubled_until(7, End::Segfault).wait().unwrap().map(Result::unwrap).collect();
        assert_eq!(items[..7], (0..7).map(Ok).collect::<Vec<_>>());
        assert!(items[7].as_ref().unwrap_err().contains("died of signal 11"), "{items:?}");
        assert_eq!(items.len(), 8);
        relay.stop().unwrap();
    });
}
