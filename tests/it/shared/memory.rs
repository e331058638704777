//! Bytes, by handle and by name.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use actor_core::process::Process;
use actor_core::shared::{NameError, OpenError, SharedMemory};
use actor_tests::board::Board;
use actor_tests::watch;
use rustix::process::{Signal, pidfd_send_signal};

use crate::harness::{isolated, isolated_for_both};

#[test]
fn smoke() {
    isolated_for_both(|| {
        let memory = SharedMemory::create(10_000).unwrap();
        let fill = |memory: SharedMemory| {
            memory.write(3, &[7; 5000]).unwrap();
            memory.atomic_u64(8000).unwrap().fetch_add(5, Relaxed);
            memory.view::<u32>(9000, 250).unwrap().set(249, 9);
            memory.len()
        };
        assert_eq!(Process::spawn(fill, memory.clone()).unwrap().join(), Ok(10_000));
        let mut bytes = [1; 5006];
        memory.read(0, &mut bytes).unwrap();
        assert!(bytes[..3] == [0; 3] && bytes[3..5003] == [7; 5000] && bytes[5003..] == [0; 3]);
        assert_eq!(memory.view::<u64>(8000, 1).unwrap().read(0..1), [5]);
        assert_eq!(memory.atomic_u32(9996).unwrap().load(Relaxed), 9);
        memory.close();
    });
}

#[test]
fn a_name_lasts_as_long_as_somebody_has_the_memory() {
    isolated_for_both(|| {
        assert!(matches!(SharedMemory::open("it"), Err(OpenError::NotFound(_))));
        for _ in 0..3 {
            let memory = SharedMemory::create_named("it", 100).unwrap();
            assert!(matches!(SharedMemory::create_named("it", 1), Err(NameError::Taken(_))));
            let same = SharedMemory::open("it").unwrap();
            assert_eq!((&same, same.len()), (&memory, 100));
            drop(memory);
            let other = Process::spawn(|()| SharedMemory::open("it").unwrap().write(99, b"x").is_ok(), ()).unwrap();
            assert_eq!(other.join(), Ok(true));
            let mut byte = [0];
            same.read(99, &mut byte).unwrap();
            assert_eq!(byte, *b"x");
            drop(same);
            assert!(matches!(SharedMemory::open("it"), Err(OpenError::NotFound(_))), "at once");
        }
        for name in ["", &"n".repeat(256)] {
            assert!(matches!(SharedMemory::create_named(name, 1), Err(NameError::BadName(_))));
        }
    });
}

#[test]
fn memory_of_a_killed_process_is_freed_and_its_name_with_it() {
    isolated(|| {
        let board = Board::new(1);
        let make = |board: Board| {
            let _memory = SharedMemory::create_named("mine", 1 << 20).unwrap();
            board[0].store(1, Release);
            loop {
                std::thread::park();
            }
        };
        let victim: Process<()> = Process::spawn(make, board.clone()).unwrap();
        watch::until("it has made it", || board[0].load(Acquire) != 0);
        let same = SharedMemory::open("mine").unwrap();
        pidfd_send_signal(victim.sentinel().unwrap(), Signal::KILL).unwrap();
        victim.join_timeout(Duration::from_secs(20)).unwrap_err();
        same.write(0, b"still there").unwrap();
        drop(same);
        assert!(matches!(SharedMemory::open("mine"), Err(OpenError::NotFound(_))));
    });
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    isolated(|| {
        assert!(SharedMemory::create(usize::MAX).is_err() && SharedMemory::create(1 << 40).is_err());
        let none = SharedMemory::create(0).unwrap();
        assert!(none.is_empty() && none.read(0, &mut []).is_ok());
    });
}
