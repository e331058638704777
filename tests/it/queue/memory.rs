//! What queues cost while they are idle, and after a burst.
//!
//! Blocks of the shared memory are counted, and what processes keep for themselves.

use std::time::Duration;

use actor_core::process::Process;
use actor_core::queue::{Close, Options, Queue};
use actor_tests::memory;
use actor_tests::watch;

use super::isolated;

const QUEUE_MAX: u64 = 256 << 10;

#[test]
fn a_queue_of_1024_small_messages_costs_less_than_256_kib() {
    isolated(|| {
        // The first queue of its size begins a page in each of the node's tables of queues.
        const TABLES: u64 = 4 << 12;
        let empty = memory::shared();
        drop(Queue::<[u64; 8]>::bounded(1024).unwrap());
        watch::until("the first queue is gone", || memory::shared() <= empty + TABLES);
        let before = memory::shared();
        let queue = Queue::<[u64; 8]>::bounded(1024).unwrap();
        for lap in 0..3 {
            (0..1024).for_each(|item| queue.try_send([item + lap; 8]).unwrap());
            let cost = memory::shared() - before;
            assert!(0 < cost && cost < QUEUE_MAX, "{cost} bytes");
            let receive = |queue: Queue<[u64; 8]>| (0..1024).map(|_| queue.recv().unwrap()[7]).sum::<u64>();
            let receiver = Process::spawn(receive, queue.clone()).unwrap();
            assert_eq!(receiver.join(), Ok((0..1024).map(|item| item + lap).sum()));
        }
        queue.close(Close::Drain);
        drop(queue);
        let left = || memory::shared().saturating_sub(before);
        let is_back = watch::wait_for(Duration::from_secs(1), || (left() == 0).then_some(()));
        assert!(is_back.is_some(), "{} bytes are left", left());
    });
}

/// 64 messages of half a megabyte, all of them there at once.
#[test]
fn a_burst_gives_its_memory_back_within_a_second() {
    isolated(|| {
        const BURST: usize = 64;
        let before = memory::shared();
        let queue: Queue<()> = Options { bytes: 64 << 20, ..Options::new(1024) }.create().unwrap();
        let receive = |queue: Queue<()>| {
            let mut buffer = vec![0; 1 << 20];
            let mut received = 0;
            while queue.recv_into(&mut buffer).is_ok() {
                received += 1;
            }
            received
        };
        let idle = memory::shared() - before;
        for _ in 0..3 {
            (0..BURST).for_each(|item| queue.try_send_bytes(&vec![item as u8; 500_000]).unwrap());
            let burst = memory::shared() - before;
            assert!((BURST * 500_000) as u64 <= burst, "{burst} bytes are not the whole burst");
            let mut buffer = vec![0; 1 << 20];
            (0..BURST).for_each(|_| assert_eq!(queue.recv_into(&mut buffer), Ok(500_000)));
            let is_idle = || (memory::shared() - before < 2 * idle).then_some(());
            let back = watch::wait_for(Duration::from_secs(1), is_idle);
            assert!(back.is_some(), "{} bytes a second later, {idle} before", memory::shared() - before);
        }
        // The same when the receiver is another process, which is gone when the last is acknowledged.
        let receiver = Process::spawn(receive, queue.clone()).unwrap();
        (0..BURST).for_each(|item| queue.send_bytes(&vec![item as u8; 500_000]).unwrap());
        queue.close(Close::Drain);
        assert_eq!(receiver.join(), Ok(BURST));
        let is_idle = || (memory::shared() - before < 2 * idle).then_some(());
        assert!(watch::wait_for(Duration::from_secs(1), is_idle).is_some(), "{}", memory::shared() - before);
    });
}
