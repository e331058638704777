//! Handles that name what is not there: numbers that somebody has made up, in the place of queues and actors.

use std::time::Duration;

use actor_core::prelude::*;
use actor_core::queue::{Close, PriorityQueue, Queue, RecvError, SendError};
use actor_core::shared::SharedArray;
use actor_core::sync::{
    Barrier, BrokenBarrier, Condition, ConditionError, Event, LockError, Mutex, RLock, RwLock, Semaphore, WaitError,
};
use actor_core::testing::raw::{decode, encode};
use actor_tests::chance::{Chance, effort};
use serde::de::DeserializeOwned;

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

/// What a handle says whose numbers name none of those that are known: nothing, or something of another kind.
fn assert_all_gone<T: DeserializeOwned>(known: &[Vec<u8>], chance: &mut Chance, is_gone: impl Fn(&T) -> bool) {
    let mut gone = 0;
    let lies = known.iter().flat_map(|own| lies(own, chance)).collect::<Vec<_>>();
    for lie in lies.into_iter().filter(|lie| !known.contains(lie)) {
        let Ok(handle) = decode::<T>(&lie) else { continue };
        assert!(is_gone(&handle), "{}: {lie:x?}", std::any::type_name::<T>());
        gone += 1;
    }
    assert!(0 < gone);
}

#[test]
fn h_24_whoever_synchronises_by_a_handle_that_names_nothing_is_told() {
    isolated(|| {
        let (mut chance, soon) = (Chance::announced(), Duration::from_millis(1));
        let chance = &mut chance;
        let mutex = Mutex::new(1_u32).unwrap();
        let rwlock = RwLock::new(1_u32).unwrap();
        let semaphore = Semaphore::new(1).unwrap();
        let barrier = Barrier::new(1).unwrap();
        let event = Event::new().unwrap();
        let condition = Condition::new().unwrap();
        let array = SharedArray::<u32>::zeroed(3).unwrap();
        let ordered = PriorityQueue::<u32>::bounded(2).unwrap();
        let known = [
            encode(&mutex).unwrap(),
            encode(&rwlock).unwrap(),
            encode(&semaphore).unwrap(),
            encode(&barrier).unwrap(),
            encode(&event).unwrap(),
            encode(&condition).unwrap(),
            encode(&array).unwrap(),
            encode(&ordered).unwrap(),
        ];
        assert_all_gone::<Mutex<u32>>(&known, chance, |it| matches!(it.lock(), Err(LockError::Gone)));
        assert_all_gone::<RLock>(&known, chance, |it| {
            matches!(it.lock(), Err(LockError::Gone)) && it.release().is_err()
        });
        let is_gone = |it: &RwLock<u32>| {
            matches!(it.read(), Err(LockError::Gone)) && matches!(it.write_timeout(soon), Err(LockError::Gone))
        };
        assert_all_gone(&known, chance, is_gone);
        let is_gone = |it: &Semaphore| it.acquire().is_err() && it.release().is_err() && it.available() == 0;
        assert_all_gone(&known, chance, is_gone);
        assert_all_gone::<Barrier>(&known, chance, |it| it.wait() == Err(BrokenBarrier::Gone) && it.is_broken());
        assert_all_gone::<Event>(&known, chance, |it| it.wait() == Err(WaitError::Gone) && !it.is_set());
        let is_gone = |it: &Condition| {
            it.notify_all() == 0 && matches!(it.wait(mutex.lock().unwrap()), Err(ConditionError::Gone(_)))
        };
        assert_all_gone(&known, chance, is_gone);
        assert_all_gone::<SharedArray<u32>>(&known, chance, |it| it.lock().is_err() && it.is_empty());
        let is_gone = |it: &PriorityQueue<u32>| it.is_closed() && it.send(1).is_err() && it.recv().is_err();
        assert_all_gone(&known, chance, is_gone);
        // Those that are named by what they are do as before.
        *mutex.lock().unwrap() += 1;
        assert_eq!((*rwlock.read().unwrap(), semaphore.available(), array.len()), (1, 1, 3));
        assert!(
            barrier.wait().is_ok() && event.wait_timeout(soon) == Err(WaitError::Timeout) && ordered.send(1).is_ok()
        );
        mutex.close();
        rwlock.close();
        semaphore.close();
        barrier.close();
        event.close();
        condition.close();
        array.close();
        ordered.close(Close::Now);
    });
}
