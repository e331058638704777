//! Pipes between processes: what comes through, who has the ends, and what one end hears of the other.
//!
//! What one process shows is tested beside the code.

mod deaths;
mod forms;
mod travels;

use std::time::Duration;

use actor_core::pipe::{self, PipeEnd, Receiver, RecvError, SendError, Sender};
use actor_core::process::Process;
use actor_tests::foreign;
use actor_tests::watch::bound;

use crate::harness::{isolated, isolated_for_both};

/// How long something may take on a machine that does other things besides.
const SOON: Duration = Duration::from_secs(20);
/// How long to wait for what must not come. Each of these tests knows by other means that it could have.
const NOT_YET: Duration = Duration::from_millis(50);

fn end<R: serde::Serialize + serde::de::DeserializeOwned>(process: Process<R>) -> R {
    process.join_timeout(bound(SOON)).expect("it ends of itself")
}

/// The process at the other end has died, and this is how.
fn died<T: std::fmt::Debug>(received: Result<T, RecvError>) -> actor_core::ExitReason {
    let Err(RecvError::Disconnected(cause)) = received else { panic!("{received:?}") };
    assert!(cause.process().is_some(), "{cause}");
    cause.report().expect("the node knows it").reason
}

fn sleep_with<T>(_kept: T) {
    foreign::sleep_in_c(1000);
}

fn doubling(end: PipeEnd<u32, u32>) -> u32 {
    for count in 0.. {
        match end.recv() {
            Ok(number) => end.send(2 * number).expect("the other end waits for it"),
            Err(RecvError::Eof) => return count,
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("there are not that many")
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let (here, there) = pipe::pipe::<u32, u32>().unwrap();
        let process = Process::spawn(doubling, there).unwrap();
        for number in 0..100 {
            here.send(number).unwrap();
            assert_eq!(here.recv_timeout(SOON), Ok(2 * number));
        }
        drop(here);
        assert_eq!(end(process), 100);
    });
}
