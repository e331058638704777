//! Handles that name what is not there: numbers that somebody has made up, in the place of queues and actors.

use std::time::Duration;

use actor_core::prelude::*;
use actor_core::queue::{Close, Queue, RecvError, SendError};
use actor_core::testing::raw::{decode, encode};
use actor_tests::chance::{Chance, effort};

use super::adder::Adder;
use crate::harness::isolated;

/// Each of the numbers in an encoded handle, with each of these in its place.
fn lies(handle: &[u8], chance: &mut Chance) -> Vec<Vec<u8>> {
    let mut lies = Vec::new();
    for index in [0_u16, 1, 2, 24_576, 47_104, u16::MAX] {
        for generation in [0_u32, 1, 2, u32::MAX, chance.any() as u32] {
            lies.push(encode(&(index, generation)).unwrap());
        }
    }
    for _ in 0..200 * effort() {
        let mut lie = handle.to_vec();
        let at = chance.below(lie.len() as u64) as usize;
        lie[at] = chance.any() as u8;
        lies.push(lie);
    }
    lies
}

#[test]
fn h_24_a_handle_with_numbers_that_name_nothing_is_closed_or_refused() {
    isolated(|| {
        let (actor, queue) = (Adder.spawn().unwrap(), Queue::<u32>::bounded(2).unwrap());
        let (own, mut chance) = (encode(&queue).unwrap(), Chance::announced());
        let (mut refused, mut closed) = (0, 0);
        for lie in lies(&own, &mut chance).into_iter().filter(|lie| *lie != own) {
            let Ok(handle) = decode::<Queue<u32>>(&lie) else {
                refused += 1;
                continue;
            };
            assert!(matches!(handle.try_send(1), Err(SendError::Closed(1))), "{lie:x?}");
            assert!(matches!(handle.try_recv(), Err(RecvError::Closed)), "{lie:x?}");
            assert!(handle.is_closed() && handle.join_timeout(Duration::ZERO));
            // A second one of the same number, and both are dropped.
            drop(handle.clone());
            closed += 1;
        }
        assert!(0 < refused && 0 < closed, "{refused} refused, {closed} closed");
        let own = encode(&actor).unwrap();
        for lie in lies(&own, &mut chance).into_iter().filter(|lie| *lie != own) {
            let Ok(handle) = decode::<ActorRef<Adder>>(&lie) else { continue };
            // The node has a mailbox as well, where nobody answers calls.
            assert!(handle.add(1, 2).timeout(Duration::from_millis(10)).wait().is_err(), "{lie:x?}");
            assert!(!handle.is_alive());
        }
        queue.send(5).unwrap();
        assert_eq!((queue.recv().unwrap(), actor.add(1, 2).wait().unwrap()), (5, 3));
        actor.stop().unwrap();
        // A handle that was encoded may be on its way somewhere, so the queue stays until it is closed.
        queue.close(Close::Now);
    });
}
